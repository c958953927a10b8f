"""A read: a batch of GET and HMGETs, then a hit, a joined load, or a load of its own.

Two moves keep the number of states down without losing a violation, since no step looks at a
version: a load reads its rows in the very step that gave it its stamps (later could only be newer),
and a read starts in the step of its first command (earlier could only ask for less). ``split_load``
undoes the first.
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs.model import flight, layout, merged, near
from proofs.model.connection import drop, trusted
from proofs.model.frames import GET, PROVE, Step, ask_more, buckets_of, function_of, top, with_top
from proofs.model.properties import required
from proofs.model.scenario import Model
from proofs.model.server import DEAD, look, open_bucket
from proofs.model.verdict import ASK, VALID, foreign, judge, own_tags, unknown
from proofs.model.world import NEWEST, Entry, Frame, Reader, View, World, put


def frame_for(m: Model, w: World, process: int, index: int, mode: str, token: int) -> Frame:
    """Return a read that has not begun."""
    function = m.sc.functions[index]
    promise = w.tokens[token] if mode == "token" else None
    return Frame(
        index, mode, "begin", required(w, process, mode, token), promise[0] if promise else (), (),
        own_tags(m, function), None, False, (None,) * m.sc.buckets, (), (), (), None, True, 0,
    )  # fmt: skip


def steps(m: Model, w: World, i: int) -> Iterator[Step]:
    """Yield what the reader may do next."""
    task, reader = m.sc.tasks[i], w.actors[i]
    assert isinstance(reader, Reader)
    if not reader.frames:
        if reader.turn == len(task.reads):
            return
        read = task.reads[reader.turn]
        if read.mode == "token" and w.tokens[read.token] is None:
            return
        process = w.processes[task.process]
        if process.pending and m.g.replay_before_reads:
            return
        if m.sc.layouts and not process.opened and m.g.layout_is_read_in_bucket_0:
            yield layout.open_first(m, w, i, task.process, task.name)
            return
        frame = frame_for(m, w, task.process, read.function, read.mode, read.token)
        w = w._replace(actors=put(w.actors, i, reader._replace(frames=(frame,))))
    yield from STAGES[top(w, i).pc](m, w, i, top(w, i), task.process, task.name)


def begin(m: Model, w: World, i: int, frame: Frame, p: int, who: str) -> Iterator[Step]:
    """Serve from the near tier, join the batch of this tick, or send a batch."""
    name = function_of(m, frame).name
    if m.sc.fine and near.holds(m, w, p, frame):
        yield from near.begin_fine(m, w, i, frame, p, who)
        return
    hit = near.serve(m, w, p, frame)
    if hit is not None:
        w, value, header = hit
        w, text, event = flight.deliver(m, w, i, frame, value, header, "near hit", "near hit")
        yield who, f"starts to read {name}; {text}", w, event
        return
    if m.sc.merge:
        yield from merged.begin(m, w, i, frame, p, who)
        if not merged.closed(w, p):
            return
    yield from send(m, w, i, frame, p, who)


def send(m: Model, w: World, i: int, frame: Frame, p: int, who: str) -> Iterator[Step]:
    """Send a batch: GET and HMGETs, or HMGETs alone to revalidate a near entry."""
    function, process = function_of(m, frame), w.processes[p]
    todo = buckets_of(m, p, function)
    held = process.near.entries[function.key] if process.near else None
    if needs_proof(m, w, p, frame):
        todo = (*todo, PROVE) if m.g.proof_comes_last else (PROVE, *todo)
    else:
        frame = frame._replace(proven=True)
    if held is not None:
        frame = frame._replace(entry=Entry(held.value, held.valid, 0, 0), todo=todo, pc="batch")
    else:
        frame = frame._replace(todo=(GET, *todo), pc="batch")
    prefix = f"starts to read {function.name}: "
    yield from batch(m, with_top(w, i, frame), i, frame, p, who, prefix)


def needs_proof(m: Model, w: World, p: int, frame: Frame) -> bool:
    """Return whether the batch must end with INFO: always; no lease stands in for it."""
    if m.sc.nodes == 1:
        return False
    if frame.mode == "strict" or m.g.bounded_reads_prove_too:
        return m.g.batch_proves_primary
    held = w.processes[p].near
    return held is None or w.now - held.lag >= held.proven


def batch(
    m: Model, w: World, i: int, frame: Frame, p: int, who: str, prefix: str = ""
) -> Iterator[Step]:
    """Let the server run one more command of the batch."""
    first = frame.todo if m.sc.free_order else frame.todo[:1]
    for command in first:
        if command == PROVE and len(frame.todo) > 1 and m.g.proof_comes_last:
            continue
        after, text = run(m, w, frame, p, command)
        after = after._replace(todo=tuple(c for c in frame.todo if c != command))
        nxt = with_top(w, i, after)
        event = ""
        if not after.todo:
            if m.sc.slow_replies:
                nxt = with_top(w, i, after._replace(pc="reply"))
            else:
                nxt, more, event = settle(m, nxt, i, after, p)
                text += more
        yield who, prefix + text, nxt, event


def run(m: Model, w: World, frame: Frame, p: int, command: int) -> tuple[Frame, str]:
    """Run one command of a batch on the server that the process is connected to."""
    process, function = w.processes[p], function_of(m, frame)
    if command == GET:
        entry = w.entries[function.key]
        if entry is not None and entry.dies and w.now >= entry.dies:
            entry = None
        return frame._replace(entry=entry), f"GET {function.name} -> {said(entry)}"
    if command == PROVE:
        proven = trusted(m, w, process)
        return frame._replace(
            proven=proven
        ), f"INFO -> {'as believed' if proven else 'another primary'}"
    view = look(m, w, process.node, command, frame.asked, bool(function.result_tags))
    told = "absent" if view is None else f"nonce {view.nonce} # {view.seq}"
    if view is not None:
        told += "".join(
            f" {m.sc.tags[k].name}:{s}" for k, s in enumerate(view.stamps)
            if s is not None and m.bucket_of(k, p) == command
        )  # fmt: skip
        told += f" held until {view.held_until}" if view.held_until else ""
    return frame._replace(views=put(frame.views, command, view)), f"HMGET bucket {command} -> {told}"


def said(entry: Entry | None) -> str:
    """Return an entry in a few letters."""
    if entry is None:
        return "nothing"
    return "v" + ",".join("-" if v == NEWEST else str(v) for v in entry.value)


def reply(m: Model, w: World, i: int, frame: Frame, p: int, who: str) -> Iterator[Step]:
    """Handle the replies of the batch, all in one synchronous block."""
    w, text, event = settle(m, w, i, frame._replace(pc="batch"), p)
    yield who, "handles the replies" + text, w, event


def member(m: Model, w: World, i: int, frame: Frame, p: int, who: str) -> Iterator[Step]:
    """Take what the batch brought."""
    batch = w.processes[p].batch
    if batch is not None and batch.done:
        frame = frame._replace(pc="batch", entry=batch.entry, views=batch.views)
        w, text, event = settle(m, with_top(w, i, frame), i, frame, p)
        yield who, "takes its reply from the batch" + text, w, event


def settle(m: Model, w: World, i: int, frame: Frame, p: int) -> tuple[World, str, str]:
    """Judge what the batch brought: a hit, more to ask, buckets to open, or a load."""
    process, function = w.processes[p], function_of(m, frame)
    if m.sc.nodes > 1 and not frame.proven:
        w = drop(m, w, p)
        frame = frame._replace(
            entry=None,
            views=(None,) * m.sc.buckets,
            todo=buckets_of(m, p, function),
            pc="open",
            result=None,
        )
        return with_top(w, i, frame), "; drops the connection, all is a miss", "batch refused"
    layout = m.sc.clients[p].layout
    if m.g.layout and any(v is not None and v.layout != layout for v in frame.views):
        return flight.give_up(w, i), "; refuses: LAYOUT", "layout refused"
    asked = buckets_of(m, p, function)
    if frame.result is not None:
        return flight.judge_joined(m, w, i, frame, p)
    absent = tuple(b for b in asked if foreign(m, frame.views[b], process.belief))
    if absent and m.g.open_before_load:
        frame = frame._replace(entry=None, todo=absent, pc="open")
        return with_top(w, i, frame), "; bucket not usable: a miss", ""
    if absent:
        views = tuple(placeholder(m, v, b in absent) for b, v in enumerate(frame.views))
        frame = frame._replace(views=views)
    entry = frame.entry
    if entry is None or (m.g.age_from_born and function.ttl and w.now - entry.born >= function.ttl):
        return flight.take_off(m, w, i, frame, p, "; a miss")
    answer = judge(m, p, function, entry.header, frame.views)
    if answer == ASK:
        return ask_more(m, w, i, frame, p, unknown(m, p, entry.header, frame.views))
    if answer != VALID:
        return flight.take_off(m, w, i, frame, p, "; not valid, a miss")
    header = tuple(
        (k, v.nonce, v.seq) for k, _n, _s in entry.header if (v := frame.views[m.bucket_of(k, p)])
    )
    w, text, event = flight.deliver(
        m, w, i, frame, entry.value, header, "far hit", "far hit", born=entry.born
    )
    return w, f"; {text}", event


def placeholder(m: Model, view: View | None, absent: bool) -> View | None:
    """Return the view that a client without open.lua would make up for an absent bucket."""
    if view is not None or not absent:
        return view
    return View(DEAD, (0, 0), 0, 0, (0,) * len(m.sc.tags), 0, 0, 0)


def opening(m: Model, w: World, i: int, frame: Frame, p: int, who: str) -> Iterator[Step]:
    """Run open.lua on each bucket that was not usable; stamps come from its reply only."""
    b, function, process = frame.todo[0], function_of(m, frame), w.processes[p]
    if process.pending and m.g.replay_before_reads:
        return
    if not w.nodes[process.node].master:
        w = drop(m, w, p)
        frame = frame._replace(views=(None,) * m.sc.buckets, todo=buckets_of(m, p, function))
        yield who, f"open.lua on bucket {b}: READONLY; reconnects", with_top(w, i, frame), ""
        return
    w, view = open_bucket(
        m, w, process.node, b, 500 + i, process.belief, frame.asked, bool(function.result_tags),
        m.sc.clients[p].layout,
    )  # fmt: skip
    if m.g.fence_by_server:
        w = w._replace(processes=put(w.processes, p, process._replace(belief=view.fence)))
    text = f"open.lua on bucket {b} -> nonce {view.nonce} # {view.seq}"
    frame = frame._replace(views=put(frame.views, b, view), todo=frame.todo[1:])
    w = with_top(w, i, frame)
    if m.g.layout and view.layout != m.sc.clients[p].layout:
        yield who, text + "; refuses: LAYOUT", flight.give_up(w, i), "layout refused"
        return
    event = "opened"
    if not frame.todo:
        w, more, event = flight.take_off(m, w, i, frame, p, "")
        text += more
    yield who, text, w, event or "opened"


STAGES = {
    "begin": begin,
    "batch": batch,
    "reply": reply,
    "member": member,
    "open": opening,
    "load": flight.loading,
    "loading": flight.loading,
    "wait": flight.waiting,
    "store": flight.store,
    "look": near.look_fine,
    "remember": near.remember_fine,
}
