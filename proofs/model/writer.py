"""A task that changes rows: invalidate, delete, set by hand, clear.

A row is changed in the step of the first command that follows it: no step looks at a version, so an
earlier change could only make what others load newer. ``split_commit`` undoes that.
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs.model import layout as layouts
from proofs.model import near, transaction
from proofs.model.connection import drop, primary
from proofs.model.flight import shown, told
from proofs.model.frames import Step
from proofs.model.properties import promised
from proofs.model.scenario import Do, Model, Task
from proofs.model.server import clear, invalidate, look, own_bucket
from proofs.model.verdict import own_tags
from proofs.model.world import NEWEST, Command, Entry, Header, Process, Token, World, Writer, put

SCRIPTED = ("invalidate", "delete", "set", "clear", "prepare", "finalize", "rollback")


def mine(w: World, i: int) -> Writer:
    """Return the writer's own state."""
    writer = w.actors[i]
    assert isinstance(writer, Writer)
    return writer


def with_mine(w: World, i: int, writer: Writer) -> World:
    """Return the world with the writer's state replaced."""
    return w._replace(actors=put(w.actors, i, writer))


def steps(m: Model, w: World, i: int) -> Iterator[Step]:
    """Yield what the writer may do next."""
    task, writer = m.sc.tasks[i], mine(w, i)
    if writer.turn == len(task.does):
        return
    do = task.does[writer.turn]
    if do.verb == "commit":
        yield from transaction.commit(m, w, i, do, task)
    elif not writer.stage:
        yield from begin(m, w, i, do, task)
    elif writer.stage == "script":
        for b in writer.todo:
            yield from script(m, w, i, do, task, b)
    elif writer.stage == "del":
        w = w._replace(entries=put(w.entries, m.sc.functions[do.function].key, None))
        yield task.name, "DEL the value", with_mine(w, i, writer._replace(stage="return")), ""
    elif writer.stage == "put":
        yield put_by_hand(m, w, i, do, task)
    else:
        yield from finish(m, w, i, do, task)


def begin(m: Model, w: World, i: int, do: Do, task: Task) -> Iterator[Step]:
    """Change the row and send the scripts."""
    text = do.verb
    process = w.processes[task.process]
    if m.sc.layouts and not process.opened and m.g.layout_is_read_in_bucket_0:
        yield layouts.open_first(m, w, i, task.process, task.name)
        return
    if do.row is not None and do.verb != "prepare":
        version = w.rows[do.row] + 1
        w = w._replace(rows=put(w.rows, do.row, version))
        text = f"changes row {do.row} to v{version}, {do.verb}"
    buckets = tuple(sorted({m.bucket_of(k, task.process) for k in do.tags}))
    if do.verb == "clear":
        buckets = tuple(range(m.sc.buckets))
    stamping = {"delete": m.g.delete_stamps_key, "set": m.g.set_stamps_key}
    if not stamping.get(do.verb, True):
        buckets = ()
    writer = mine(w, i)._replace(stage="script", todo=buckets, replies=(), since=w.now)
    if do.verb == "set":
        w, writer, more = stamp_by_hand(m, w, i, do, task, writer)
        yield task.name, f"{text}: {more}", with_mine(w, i, after_scripts(do, writer)), ""
        return
    writer = after_scripts(do, writer)
    w = with_mine(w, i, writer)
    if m.sc.split_commit or writer.stage != "script":
        yield task.name, text, w, ""
        return
    for b in buckets:
        yield from script(m, w, i, do, task, b, text + ": ")


def after_scripts(do: Do, writer: Writer) -> Writer:
    """Return the writer at its next stage if no script is under way."""
    if writer.todo:
        return writer
    stage = {"delete": "del", "set": "put"}.get(do.verb, "return")
    return writer._replace(stage=stage)


def command_for(do: Do, i: int, turn: int, b: int, tags: tuple[int, ...], process: Process) -> Command:
    """Return the script call for one bucket."""
    name = {"finalize": "invalidate", "delete": "invalidate", "set": "invalidate"}.get(do.verb, do.verb)
    return Command(name, 0, None, b, tags, i * 10 + turn, process.belief)


def script(m: Model, w: World, i: int, do: Do, task: Task, b: int, prefix: str = "") -> Iterator[Step]:
    """Run the script of one bucket; or wait in vain for its answer, and send it again."""
    process, writer, layout = (
        w.processes[task.process],
        mine(w, i),
        m.sc.clients[task.process].layout,
    )
    here = tuple(k for k in do.tags if m.bucket_of(k, task.process) == b)
    command = command_for(do, i, writer.turn, b, here, process)
    what = f"{prefix}{do.verb}.lua ({m.tags_text(here)}) on bucket {b}"
    if not w.nodes[process.node].master:
        yield task.name, f"{what}: READONLY; reconnects", drop(m, w, task.process), ""
        return
    if process.pending and m.g.replay_before_writes:
        return
    held = w.nodes[process.node].buckets[b]
    if m.g.layout and held is not None and held.layout != layout:
        yield task.name, f"{what}: raises LAYOUT", layouts.stopped(m, w, i), "layout refused"
        return
    if w.faults.late and do.verb in ("invalidate", "delete", "clear"):
        faults = w.faults._replace(late=w.faults.late - 1)
        after = w._replace(late=(*w.late, command), faults=faults)
        if not m.g.timeout_is_no_success:
            after = with_mine(
                after, i, after_scripts(do, writer._replace(todo=without(writer.todo, b)))
            )
        yield task.name, f"{what}: no answer in time", after, ""
    for lost in (False, True)[: 1 + bool(w.faults.lose)]:
        quiet = silenced(w) if lost else w
        if m.sc.split and m.g.replay_noted_before_sending:
            quiet = note(quiet, task.process, b, here)
        after, token, deadline = run(m, quiet, i, do, command, process, layout)
        if lost:
            after = restored(after, w)._replace(faults=w.faults._replace(lose=w.faults.lose - 1))
        replies = (*writer.replies, token) if token else writer.replies
        nxt = mine(after, i)._replace(
            superseded=writer.superseded or process.node != primary(w),
            todo=without(writer.todo, b), replies=replies, deadline=max(writer.deadline, deadline),
            since=w.now if m.g.wait_from_reply else writer.since,
        )  # fmt: skip
        if not m.g.returns_after_all_buckets:
            nxt = nxt._replace(todo=())
        text = f"{what} -> {token[1:] if token else 'done'}" + ("; PUBLISH fails" if lost else "")
        yield (
            task.name,
            text,
            with_mine(after, i, after_scripts(do, nxt)),
            "message lost" if lost else "",
        )


def note(w: World, p: int, b: int, tags: tuple[int, ...]) -> World:
    """Add an invalidation to those that the process would issue again."""
    process = w.processes[p]
    process = process._replace(replay=(*process.replay, (b, tags)))
    return w._replace(processes=put(w.processes, p, process))


def without(todo: tuple[int, ...], b: int) -> tuple[int, ...]:
    """Return ``todo`` without one bucket."""
    return tuple(x for x in todo if x != b)


def silenced(w: World) -> World:
    """Return the world with nobody subscribed."""
    return w._replace(processes=tuple(
        p._replace(near=p.near._replace(subscribed=False)) if p.near else p for p in w.processes
    ))  # fmt: skip


def restored(w: World, before: World) -> World:
    """Return the world with the subscriptions as before."""
    return w._replace(processes=tuple(
        p._replace(near=p.near._replace(subscribed=q.near.subscribed)) if p.near and q.near else p
        for p, q in zip(w.processes, before.processes, strict=True)
    ))  # fmt: skip


def run(
    m: Model, w: World, i: int, do: Do, command: Command, process: Process, layout: int
) -> tuple[World, Token | None, int]:
    """Run the script on the server."""
    node = process.node
    if do.verb == "prepare":
        deadline = w.now + m.sc.hold
        return (*transaction.hold(m, w, node, command, i, deadline), deadline)
    if do.verb == "rollback":
        return transaction.release(m, w, node, command, i), None, 0
    if do.verb == "clear":
        return (*clear(m, w, node, command, layout), 0)
    token: Token | None = None
    if do.verb == "set":
        w, bucket = own_bucket(m, w, node, command.bucket, command.call, command.belief, layout)
        previous = max(bucket.floor, *(bucket.stamps[k] for k in command.tags))
        w = with_mine(w, i, mine(w, i)._replace(previous=previous))
    if do.verb != "finalize" or m.g.finalize_stamps:
        w, token = invalidate(m, w, node, command, layout)
    if do.verb == "finalize":
        w = transaction.release(m, w, node, command, i)
    return w, token, 0


def finish(m: Model, w: World, i: int, do: Do, task: Task) -> Iterator[Step]:
    """Apply the replies to the own mirror, wait if asked to, and return."""
    p, writer = task.process, mine(w, i)
    process, row = w.processes[p], do.row
    if process.pending and m.g.replay_before_writes:
        return
    if do.wait_all and m.g.wait_all_waits and w.now < writer.since + m.sc.lease:
        return
    if m.sc.fine and writer.stage == "return":
        if process.near is None or not process.near.writes:
            w = near.apply(m, w, p, writer.replies, do.tags)
            yield (
                task.name,
                "takes the mirror's lock to apply the reply",
                with_mine(w, i, writer._replace(stage="applied")),
                "",
            )
        return
    if m.sc.fine and process.near is not None and process.near.writes:
        return
    if not m.sc.fine:
        w = near.apply(m, w, p, writer.replies, do.tags)
    if m.sc.split and not m.g.replay_noted_before_sending:
        for b, _nonce, _seq in writer.replies:
            w = note(w, p, b, tuple(k for k in do.tags if m.bucket_of(k, p) == b))
    if do.verb not in ("prepare", "rollback"):
        w = (
            transaction.ended(m, w, i, row)
            if do.verb == "finalize"
            else promised(m, w, p, row, do.wait_all, writer.superseded)
        )
        if row is not None:
            w = w._replace(tokens=put(w.tokens, i, (tuple(sorted(writer.replies)), row, w.rows[row])))
    after = writer._replace(
        turn=writer.turn + 1, stage="", todo=(), replies=(), start=(), value=(),
        superseded=False, deadline=writer.deadline if do.verb == "prepare" else 0,
        since=writer.since if do.verb == "prepare" else 0,
    )  # fmt: skip
    yield task.name, f"{do.verb} RETURNS", with_mine(w, i, after), f"{do.verb} returned"


def stamp_by_hand(
    m: Model, w: World, i: int, do: Do, task: Task, writer: Writer
) -> tuple[World, Writer, str]:
    """Take ``stamp = cache.stamp()``, then make a value from the rows."""
    process, function = w.processes[task.process], m.sc.functions[do.function]
    views = []
    for b in range(m.sc.buckets):
        w, _bucket = own_bucket(
            m, w, process.node, b, 800 + i, process.belief, m.sc.clients[task.process].layout
        )
        views.append(look(m, w, process.node, b, own_tags(m, function), False))
    value = tuple(v if row in function.rows else NEWEST for row, v in enumerate(w.rows))
    return (
        w,
        writer._replace(start=tuple(views), value=value),
        f"takes a stamp, makes {told(value)}",
    )


def put_by_hand(m: Model, w: World, i: int, do: Do, task: Task) -> Step:
    """SET the value with the stamp taken before it was made, unless its key was deleted since."""
    writer, function = mine(w, i), m.sc.functions[do.function]
    stamps = []
    for tag in own_tags(m, function):
        view = writer.start[m.bucket_of(tag, task.process)]
        assert view is not None
        stamps.append((tag, view.nonce, view.seq))
        for b, nonce, seq in writer.replies:
            if tag == function.tag and b == m.bucket_of(tag, task.process):
                late = nonce != view.nonce or writer.previous > view.seq
                if late and m.g.set_yields_to_delete:
                    text = "key was deleted after the stamp was taken: stores nothing"
                    return (
                        task.name,
                        text,
                        with_mine(w, i, writer._replace(stage="return", previous=0)),
                        "set yields",
                    )
                stamps[-1] = (tag, nonce, seq)
    header: Header = tuple(sorted(stamps))
    entry = Entry(writer.value, header, w.now, 0)
    w = w._replace(entries=put(w.entries, function.key, entry))
    text = f"SET {function.name}={told(entry.value)} stamps {shown(m, header)}"
    return (
        task.name,
        text,
        with_mine(w, i, writer._replace(stage="return", previous=0)),
        "set by hand",
    )
