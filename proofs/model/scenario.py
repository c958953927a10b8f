"""What a scenario is made of: functions, processes, readers, writers and faults, all bounded."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from proofs.model.guards import Guards
from proofs.model.world import Faults


@dataclass(frozen=True)
class Tag:
    """A tag, or a key in its role as an implicit tag."""

    name: str
    bucket: int


@dataclass(frozen=True)
class Function:
    """A cached function with one key."""

    name: str
    tag: int  # the key, as a tag
    key: int  # where its entry lies; two versions of a function share it
    tags: tuple[int, ...] = ()
    result_tags: tuple[int, ...] = ()  # known only when the load has ended
    rows: tuple[int, ...] = ()
    inner: int | None = None  # the function that its loader calls
    inner_mode: str = "strict"
    ttl: int = 0
    reads_all: bool = True  # with result tags: its batch asks every bucket at the start


@dataclass(frozen=True)
class Read:
    """One read: ``mode`` is strict, bounded, or token (of the invalidation of actor ``token``)."""

    function: int = 0
    mode: str = "strict"
    token: int = 0


@dataclass(frozen=True)
class Do:
    """One thing that a writer does.

    ``verb``: invalidate, delete, set, clear, prepare, commit, finalize or rollback. ``row`` is
    changed first (for a transaction: by ``commit``); ``tags`` are invalidated.
    """

    verb: str
    tags: tuple[int, ...] = ()
    row: int | None = None
    wait_all: bool = False
    function: int = 0


@dataclass(frozen=True)
class Client:
    """One process; ``layout`` is the number of buckets that it was deployed with."""

    near: bool = False
    layout: int = 0


@dataclass(frozen=True)
class Task:
    """A reader (it has ``reads``) or a writer (it has ``does``) in a process."""

    name: str
    process: int = 0
    reads: tuple[Read, ...] = ()
    does: tuple[Do, ...] = ()


@dataclass(frozen=True)
class Scenario:
    """One bounded configuration of the whole protocol."""

    name: str
    text: str
    tasks: tuple[Task, ...]
    tags: tuple[Tag, ...] = (Tag("t", 0), Tag("u", 1), Tag("k", 1))
    functions: tuple[Function, ...] = (Function("f", 2, 0, (0, 1), (), (0, 1)),)
    clients: tuple[Client, ...] = (Client(),)
    faults: Faults = field(default_factory=Faults)
    steady: bool = False  # count how often buckets are made anew
    rows: int = 2
    lease: int = 2
    ticks: int = 0
    max_hold: int = 0
    hold: int = 0
    nodes: int = 1
    split: bool = False  # the superseded primary goes on serving process 0
    tag_rows: tuple[tuple[int, int], ...] = ()  # a tag guards a row only where a header has it
    created: bool = True  # the buckets exist at the start
    stored: bool = False  # every function has a valid entry at the start
    free_order: bool = False
    slow_replies: bool = False
    merge: bool = False
    apart: bool = False  # each bucket has a primary, and a heartbeat, of its own
    fine: bool = False
    split_commit: bool = False
    split_load: bool = False
    twins: tuple[tuple[int, ...], ...] = ()  # groups of tasks that may trade places
    good: tuple[str, ...] = ("far hit",)  # what must be reachable
    smoke: bool = False  # small enough for every run of the tests

    @cached_property
    def buckets(self) -> int:
        """Return the number of buckets."""
        return 1 + max(tag.bucket for tag in self.tags)

    def bounds(self) -> str:
        """Return the numbers of actors, operations, faults and ticks in words."""
        loads = sum(len(task.reads) for task in self.tasks)
        writes = sum(len(task.does) for task in self.tasks)
        words = [
            f"{loads} reads",
            f"{writes} writes",
            f"{len(self.clients)} processes",
            f"{self.buckets} buckets",
        ]
        words += [f"{name} {times}" for name, times in self.faults._asdict().items() if times]
        words += [f"{self.ticks} ticks, L = {self.lease}"] if self.ticks else []
        return ", ".join(words)

    @cached_property
    def drifts(self) -> bool:
        """Return whether a clock may run slow."""
        return bool(self.faults.drift)

    @cached_property
    def layouts(self) -> bool:
        """Return whether clients were deployed with different numbers of buckets."""
        return any(client.layout for client in self.clients)

    @cached_property
    def keys(self) -> int:
        """Return the number of keys."""
        return 1 + max(function.key for function in self.functions)


@dataclass(frozen=True)
class Model:
    """A scenario under a set of guards: what every step function is told."""

    sc: Scenario
    g: Guards

    def bucket_of(self, tag: int, process: int) -> int:
        """Return where a client looks for a tag; clients of another layout look elsewhere."""
        layout = self.sc.clients[process].layout
        return self.sc.tags[tag].bucket % layout if layout else self.sc.tags[tag].bucket

    def tags_text(self, tags: tuple[int, ...]) -> str:
        """Return the names of some tags."""
        return ", ".join(self.sc.tags[tag].name for tag in tags)
