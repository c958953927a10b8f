"""The read under way at the top of a reader's stack."""

from __future__ import annotations

from proofs.model.scenario import Function, Model
from proofs.model.verdict import own_tags
from proofs.model.world import Frame, Reader, Token, World, put

GET, PROVE = 10, 11  # commands of a batch; smaller numbers are HMGETs of that bucket
Step = tuple[str, str, World, str]


def top(w: World, i: int) -> Frame:
    """Return the read that the task is busy with."""
    reader = w.actors[i]
    assert isinstance(reader, Reader)
    return reader.frames[-1]


def with_top(w: World, i: int, frame: Frame) -> World:
    """Return the world with that read replaced."""
    reader = w.actors[i]
    assert isinstance(reader, Reader)
    return w._replace(actors=put(w.actors, i, reader._replace(frames=(*reader.frames[:-1], frame))))


def pushed(w: World, i: int, frame: Frame) -> World:
    """Return the world with one more read on top."""
    reader = w.actors[i]
    assert isinstance(reader, Reader)
    return w._replace(actors=put(w.actors, i, reader._replace(frames=(*reader.frames, frame))))


def function_of(m: Model, frame: Frame) -> Function:
    """Return the function that a frame reads."""
    return m.sc.functions[frame.function]


def buckets_of(m: Model, process: int, function: Function) -> tuple[int, ...]:
    """Return the buckets that a batch asks: of the known tags, or all if the result adds tags."""
    if function.result_tags and function.reads_all:
        return tuple(range(m.sc.buckets))
    return tuple(sorted({m.bucket_of(tag, process) for tag in own_tags(m, function)}))


def tokens_of(frame: Frame) -> tuple[Token, ...]:
    """Return the start of a load as tokens: what an inner call must not be older than."""
    return tuple((b, v.nonce, v.seq) for b, v in enumerate(frame.start) if v is not None)


def ask_more(
    m: Model, w: World, i: int, frame: Frame, p: int, tags: tuple[int, ...]
) -> tuple[World, str, str]:
    """Send one more HMGET, for tags that only the header knew."""
    buckets = tuple(sorted({m.bucket_of(tag, p) for tag in tags}))
    prove = (PROVE,) if m.sc.nodes > 1 else ()
    asked = tuple(sorted({*frame.asked, *tags}))
    frame = frame._replace(todo=(*buckets, *prove), asked=asked, pc="batch")
    return with_top(w, i, frame), "; has tags not asked for yet", "asked again"
