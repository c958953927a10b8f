"""A load: its stamps, its inner calls, those who join it, and what is stored at its end."""

from __future__ import annotations

from collections.abc import Iterator

from proofs.model import near
from proofs.model.frames import ask_more, function_of, pushed, tokens_of, with_top
from proofs.model.properties import broken_by
from proofs.model.scenario import Model
from proofs.model.verdict import ASK, VALID, earliest, judge, own_tags, unknown
from proofs.model.world import (
    NEWEST,
    Command,
    Entry,
    Flight,
    Frame,
    Header,
    Reader,
    Result,
    Token,
    Value,
    View,
    World,
    put,
)  # fmt: skip

Step = tuple[str, str, World, str]


def told(value: Value) -> str:
    """Return a value in a few letters."""
    return "v" + ",".join("-" if v == NEWEST else str(v) for v in value)


def take_off(m: Model, w: World, i: int, frame: Frame, p: int, why: str) -> tuple[World, str, str]:
    """Join the load of this key in this process, or start one."""
    process, function = w.processes[p], function_of(m, frame)
    going = process.flights[function.key]
    if going is not None:
        if not m.g.join_is_provisional:
            answer = judge(m, p, function, going.stamps, frame.views)
            if answer != VALID:
                return start(m, w, i, frame, p, False, why)
        return (
            with_top(w, i, frame._replace(pc="wait", entry=None, asked=frame.asked)),
            why + "; joins the load",
            "joined",
        )
    return start(m, w, i, frame, p, True, why)


def start(
    m: Model, w: World, i: int, frame: Frame, p: int, pilot: bool, why: str
) -> tuple[World, str, str]:
    """Start a load with the stamps that the batch or open.lua brought."""
    function = function_of(m, frame)
    trimmed = tuple(v and v._replace(stamps=(), floor=0, layout=0, fence=(0, 0)) for v in frame.views)
    frame = frame._replace(start=trimmed, views=(None,) * m.sc.buckets, entry=None, result=None)
    w = with_top(w, i, frame._replace(pc="load"))
    if pilot:
        stamps = tuple(
            (k, v.nonce, v.seq) for k in own_tags(m, function) if (v := trimmed[m.bucket_of(k, p)])
        )
        process = w.processes[p]
        flights = put(process.flights, function.key, Flight(i, stamps))
        w = w._replace(processes=put(w.processes, p, process._replace(flights=flights)))
    if m.sc.split_load:
        return w, why + "; starts a load", ""
    w, text = load(m, w, i)
    return w, why + "; starts a load, " + text, ""


def load(m: Model, w: World, i: int) -> tuple[World, str]:
    """Read the rows; then call the inner function, if there is one."""
    reader = w.actors[i]
    assert isinstance(reader, Reader)
    frame = reader.frames[-1]
    function = function_of(m, frame)
    value = tuple(v if row in function.rows else NEWEST for row, v in enumerate(w.rows))
    w = with_top(w, i, frame._replace(pc="loading", value=value))
    text = f"reads {told(value)}"
    if function.inner is None:
        return w, text
    inner = m.sc.functions[function.inner]
    mode = function.inner_mode
    at_least: tuple[Token, ...] = ()
    if frame.mode == "strict" and m.g.strictness_inherited:
        mode = "at_least"
        at_least = tokens_of(frame)
        if m.g.inner_bucket_unread_is_strict:
            known = {b for b, _n, _s in at_least}
            if not {m.bucket_of(k, m.sc.tasks[i].process) for k in own_tags(m, inner)} <= known:
                mode = "strict"
    need = frame.need if frame.mode == "strict" else (0,) * m.sc.rows
    child = Frame(
        function.inner, mode, "begin", need, at_least, (), own_tags(m, inner), None, False,
        (None,) * m.sc.buckets, (), (), (), None, True, 0,
    )  # fmt: skip
    return pushed(w, i, child), text + f" and calls {inner.name}"


def loading(m: Model, w: World, i: int, frame: Frame, p: int, who: str) -> Iterator[Step]:
    """End the load: settle its stamps, tell those who joined, go on to store."""
    function = function_of(m, frame)
    if frame.pc == "load":
        w, text = load(m, w, i)
        yield who, f"the load {text}", w, ""
        return
    result = result_of(m, w, frame, p)
    w = resolve(m, w, i, p, function.key, result)
    note = "" if result.storable else "; not to be stored"
    if result.storable:
        w = with_top(w, i, frame._replace(pc="store", result=result, start=(), value=(), inherited=()))
        yield who, f"the load of {function.name} ends", w, ""
        return
    w, text, _event = deliver(
        m,
        w,
        i,
        frame,
        result.value,
        result.header,
        "its own load",
        "",
        born=result.born,
        storable=False,
        held_until=result.held_until,
    )
    yield who, f"the load of {function.name} ends{note}: {text}", w, "held back"


def result_of(m: Model, w: World, frame: Frame, p: int) -> Result:
    """Return what the load may leave behind."""
    function = function_of(m, frame)
    stamps: dict[int, tuple[int, int]] = {}
    storable, held = frame.storable, frame.held_until
    learnt = {m.bucket_of(k, p): (n, s) for k, n, s in frame.inherited}
    for tag in (*own_tags(m, function), *function.result_tags):
        b = m.bucket_of(tag, p)
        view = frame.start[b] if m.g.stamped_before_load else late_stamp(w, p, b)
        if view is None and not m.g.inherited_never_serves_own and b in learnt:
            stamps[tag] = learnt[b]
        elif view is None and m.g.own_tag_needs_its_bucket:
            storable = False
        else:
            view = view or late_stamp(w, p, b)
            storable = storable and view is not None
            stamps[tag] = (view.nonce, view.seq) if view else (0, 0)
    held = earliest((held, *(v.held_until for v in frame.start if v is not None)))
    for tag, nonce, seq in frame.inherited:
        if not m.g.inherits_tags:
            continue
        b = m.bucket_of(tag, p)
        at = frame.start[b]
        if not m.g.inherits_oldest_stamp:
            view = at or late_stamp(w, p, b)
            nonce, seq = (view.nonce, view.seq) if view else (nonce, seq)
        mine = stamps.get(tag, (nonce, seq))
        stamps[tag] = min(mine, (nonce, seq)) if mine[0] == nonce else mine
        if at is not None and at.nonce != nonce:
            if m.g.two_nonces_not_stored:
                storable = False
            else:  # a header with one nonce for each bucket: the later one is written
                for other, (n, s) in list(stamps.items()):
                    if m.bucket_of(other, p) == b and n != nonce:
                        stamps[other] = (nonce, min(s, seq))
                stamps[tag] = (nonce, seq)
    if held:
        storable = False
    header = tuple((k, n, s) for k, (n, s) in sorted(stamps.items()))
    born = min((v.time for v in frame.start if v is not None), default=w.now)
    return Result(frame.value, header, held, storable, born)


def late_stamp(w: World, p: int, b: int) -> View | None:
    """Return a bucket as it is now: what a careless load would take its stamp from."""
    bucket = w.nodes[w.processes[p].node].buckets[b]
    if bucket is None:
        return None
    return View(bucket.nonce, bucket.fence, bucket.seq, 0, (), 0, 0, w.now)


def resolve(m: Model, w: World, i: int, p: int, key: int, result: Result) -> World:
    """Hand the result to everybody who waits for this load, and take the flight away."""
    process = w.processes[p]
    going = process.flights[key]
    if going is None or going.pilot != i:
        return w
    process = process._replace(flights=put(process.flights, key, None))
    w = w._replace(processes=put(w.processes, p, process))
    for j, actor in enumerate(w.actors):
        if j == i or m.sc.tasks[j].process != p or not isinstance(actor, Reader) or not actor.frames:
            continue
        frame = actor.frames[-1]
        if frame.pc == "wait" and frame.result is None and function_of(m, frame).key == key:
            w = with_top(w, j, frame._replace(result=result))
    return w


def waiting(m: Model, w: World, i: int, frame: Frame, p: int, who: str) -> Iterator[Step]:
    """Take the result of the load that was joined, or load after all."""
    if frame.result is None:
        return
    w, text, event = judge_joined(m, w, i, frame, p)
    yield who, "the joined load has ended" + text, w, event


def judge_joined(m: Model, w: World, i: int, frame: Frame, p: int) -> tuple[World, str, str]:
    """Judge a joined load like an entry, with stamps that were read after the joiner started."""
    result, function = frame.result, function_of(m, frame)
    assert result is not None
    good = True
    if m.g.join_is_judged and m.g.join_is_provisional:
        answer = judge(m, p, function, result.header, frame.views, use_floor=m.g.join_sees_floor)
        if answer == ASK:
            missing = unknown(m, p, result.header, frame.views)
            return ask_more(m, w, i, frame, p, missing)
        good = answer == VALID
    time = min((v.time for v in frame.views if v is not None), default=0)
    if result.held_until and m.g.join_respects_hold:
        good = good and time < result.held_until
    elif not result.storable and not result.held_until:
        good = False
    if not good:
        w, text, event = start(m, w, i, frame, p, False, "; its stamps are too old for this read")
        return w, text, event or "join refused"
    w, text, event = deliver(
        m,
        w,
        i,
        frame,
        result.value,
        result.header,
        "the joined load",
        "join served",
        born=result.born,
        storable=result.storable,
        held_until=result.held_until,
    )
    return w, "; " + text, event


def store(m: Model, w: World, i: int, frame: Frame, p: int, who: str) -> Iterator[Step]:
    """SET the entry; a client that gives up waiting cannot know whether and when the SET lands."""
    result, function = frame.result, function_of(m, frame)
    assert result is not None
    dies = w.now + function.ttl if function.ttl else 0
    entry = Entry(result.value, result.header, result.born, dies)
    stored = w._replace(entries=put(w.entries, function.key, entry))
    outcomes = [("SET", stored)]
    if w.faults.late:
        late = Command("SET", function.key, entry, 0, (), 0, (0, 0))
        less = w.faults._replace(late=w.faults.late - 1)
        outcomes.append(("SET times out", w._replace(late=(*w.late, late), faults=less)))
        outcomes.append(
            ("SET, and a copy is on its way", stored._replace(late=(*w.late, late), faults=less))
        )
    for text, after in outcomes:
        after, more, event = deliver(
            m,
            after,
            i,
            frame,
            result.value,
            result.header,
            "its own load",
            "stored",
            born=result.born,
        )
        yield (
            who,
            f"{text} {function.name}={told(result.value)} stamps {shown(m, result.header)}; {more}",
            after,
            event,
        )


def shown(m: Model, header: Header) -> str:
    """Return a header in a few letters."""
    return " ".join(f"{m.sc.tags[k].name}=({n},{s})" for k, n, s in header)


def give_up(w: World, i: int) -> World:
    """End the read with a load past the cache: nothing is served from it or stored."""
    reader = w.actors[i]
    assert isinstance(reader, Reader)
    return w._replace(actors=put(w.actors, i, Reader(reader.turn + 1, ())))


def deliver(
    m: Model,
    w: World,
    i: int,
    frame: Frame,
    value: Value,
    header: Header,
    source: str,
    event: str,
    born: int = 0,
    storable: bool = True,
    held_until: int = 0,
) -> tuple[World, str, str]:
    """Return a value to the caller: the user, or the load of an outer function."""
    reader = w.actors[i]
    assert isinstance(reader, Reader)
    p, function = m.sc.tasks[i].process, function_of(m, frame)
    if storable and event != "near hit":
        w = near.keep(m, w, p, function.key, value, header)
    text = f"{source} gives {told(value)}"
    if len(reader.frames) > 1:
        outer = reader.frames[-2]
        keep = storable or not m.g.unstorable_is_inherited
        outer = outer._replace(
            value=tuple(map(min, outer.value, value)),
            inherited=tuple(sorted({*outer.inherited, *header})),
            storable=outer.storable and keep,
            held_until=earliest((outer.held_until, held_until))
            if m.g.unstorable_is_inherited
            else outer.held_until,
        )
        w = w._replace(actors=put(w.actors, i, reader._replace(frames=(*reader.frames[:-2], outer))))
        return w, text, event
    mode = "bounded" if frame.mode == "at_least" else frame.mode
    known = {*own_tags(m, function), *(k for k, _n, _s in header)}
    spared = {row for tag, row in m.sc.tag_rows if tag not in known}
    need = tuple(0 if row in spared else v for row, v in enumerate(frame.need))
    wrong = broken_by(m, w, p, mode, value, need)
    if function.ttl and frame.pc == "batch" and w.now - born >= function.ttl:
        wrong = wrong or "AGE"
    w = w._replace(actors=put(w.actors, i, Reader(reader.turn + 1, ())), wrong=wrong)
    return w, f"RETURNS: {text}", event
