"""The state of the model: plain tuples all the way down, so that a state can be hashed.

Numbers stand for names: a *tag* is a tag or a key (which is an implicit tag of its entry), a *row*
is what a loader reads, a *value* is the version of each row that it read. Versions only ever grow,
and no step of the protocol looks at one: only the properties do.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

T = TypeVar("T")

Value = tuple[int, ...]
Token = tuple[int, int, int]  # bucket, nonce, sequence: one invalidation in one bucket
Stamp = tuple[int, int, int]  # tag, nonce, sequence
Header = tuple[Stamp, ...]

NEWEST = 99  # the version of a row that a value does not depend on


class Bucket(NamedTuple):
    """The hash of one bucket in Redis."""

    nonce: int
    fence: tuple[int, int]
    seq: int
    floor: int
    stamps: tuple[int, ...]
    holds: tuple[tuple[int, int, int], ...]  # tag, transaction, deadline
    quarantine: int
    longest: int  # the latest deadline of any hold, kept when the hold is gone
    layout: int


class View(NamedTuple):
    """What one HMGET (or open.lua) told a client about one bucket."""

    nonce: int
    fence: tuple[int, int]
    seq: int
    floor: int
    stamps: tuple[int | None, ...]  # None: this tag was not asked for
    held_until: int  # the earliest live deadline among what was asked for; 0: nothing is held
    layout: int
    time: int


class Entry(NamedTuple):
    """What lies under a key."""

    value: Value
    header: Header
    born: int
    dies: int  # PX; 0: never


class Command(NamedTuple):
    """A command whose client gave up waiting: the server may run it, or a copy, at any time."""

    name: str
    key: int
    entry: Entry | None
    bucket: int
    tags: tuple[int, ...]
    call: int
    belief: tuple[int, int]


class Node(NamedTuple):
    """One Redis server."""

    master: bool
    run_id: int
    replid: int
    linked: bool  # it replicates from the primary
    buckets: tuple[Bucket | None, ...]


class Flight(NamedTuple):
    """A load in one process that others may join."""

    pilot: int
    stamps: Header  # of the tags known before the load


class Result(NamedTuple):
    """How a load ended: what an entry would hold, and why it may not be stored."""

    value: Value
    header: Header
    held_until: int
    storable: bool
    born: int


class Mirror(NamedTuple):
    """What a process knows of one bucket from the coherence connection."""

    nonce: int
    pos: int
    floor: int
    stamps: tuple[int, ...]
    lease: int  # near hits are served while the process's clock is below this
    deaf: bool = False  # the heartbeat under way was sent before the bucket was dropped


class NearEntry(NamedTuple):
    """An entry in the near tier."""

    value: Value
    valid: Header  # up to where each tag is known to be valid
    checked: int  # the mirror's count of changes when its tags were last looked at


class Near(NamedTuple):
    """The near tier of one process."""

    mirrors: tuple[Mirror, ...]
    entries: tuple[NearEntry | None, ...]
    changes: int
    inbox: tuple[tuple[object, ...], ...]
    subscribed: bool
    node: int
    lag: int  # ticks that its clock missed
    writes: tuple[tuple[str, int, int, int], ...]  # mirror writes under way, one memory write each
    proven: int  # far reads may trust the belief while the process's clock is below this


class Batch(NamedTuple):
    """Reads of one tick that travel together."""

    sent: bool
    done: bool
    entry: Entry | None
    views: tuple[View | None, ...]


class Process(NamedTuple):
    """One client process."""

    node: int
    belief: tuple[int, int]
    flights: tuple[Flight | None, ...]
    near: Near | None
    batch: Batch | None
    own: Value  # versions whose invalidation returned in this very process
    replay: tuple[tuple[int, tuple[int, ...]], ...]  # bucket, tags: its last invalidations
    pending: tuple[tuple[int, tuple[int, ...]], ...]  # those it must issue again first
    opened: bool  # it has looked at the layout in bucket 0


class Frame(NamedTuple):
    """One read of one key under way; a load of an outer function has its inner reads above it."""

    function: int
    mode: str
    pc: str
    need: Value
    at_least: tuple[Token, ...]
    todo: tuple[int, ...]  # commands of the batch that the server has not run; see reader.GET and PROVE
    asked: tuple[int, ...]
    entry: Entry | None
    proven: bool
    views: tuple[View | None, ...]
    start: tuple[View | None, ...]  # what the load's stamps come from
    value: Value
    inherited: Header
    result: Result | None
    storable: bool
    held_until: int


class Reader(NamedTuple):
    """A task that reads."""

    turn: int
    frames: tuple[Frame, ...]


class Writer(NamedTuple):
    """A task that changes rows and invalidates."""

    turn: int
    todo: tuple[int, ...]  # buckets whose script has not answered yet
    replies: tuple[Token, ...]
    stage: str
    since: int
    deadline: int
    previous: int  # the key's stamp before the set by hand
    superseded: bool  # a script was answered by a primary that had been superseded
    start: tuple[View | None, ...]
    value: Value


Actor = Reader | Writer


class Faults(NamedTuple):
    """What may still go wrong: how many times."""

    evict: int = 0
    prune: int = 0
    late: int = 0
    restart: int = 0
    failover: int = 0
    lose: int = 0
    cut: int = 0
    beats: int = 0
    drift: int = 0
    attach: int = 0


class World(NamedTuple):
    """Everything."""

    now: int
    rows: Value
    nodes: tuple[Node, ...]
    entries: tuple[Entry | None, ...]
    processes: tuple[Process, ...]
    actors: tuple[Actor, ...]
    late: tuple[Command, ...]
    pruner: tuple[int, int, int] | None  # bucket, nonce, floor that it chose
    faults: Faults
    nonces: int
    replids: int
    returned: Value
    bound: Value
    shared: Value
    due: tuple[tuple[int, int, int, bool], ...]  # at, row, version, also for strict reads
    tokens: tuple[tuple[tuple[Token, ...], int, int] | None, ...]  # tokens, row, version, by actor
    wrong: str


def put(row: tuple[T, ...], index: int, one: T) -> tuple[T, ...]:
    """Return ``row`` with one place replaced."""
    return (*row[:index], one, *row[index + 1 :])
