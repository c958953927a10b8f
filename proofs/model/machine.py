"""The whole machine: its first state, its steps, its symmetry."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from proofs.model import coherence, connection, faults, merged, reader, writer
from proofs.model.guards import Guards
from proofs.model.scenario import Function, Model, Scenario
from proofs.model.server import fence_of
from proofs.model.verdict import own_tags
from proofs.model.world import (
    NEWEST,
    Actor,
    Bucket,
    Entry,
    Flight,
    Header,
    Mirror,
    Near,
    NearEntry,
    Node,
    Process,
    Reader,
    World,
    Writer,
    put,
)  # fmt: skip

FIRST_NONCE = 1


class Protocol:
    """A scenario under a set of guards, as the explorer wants it."""

    def __init__(self, scenario: Scenario, guards: Guards) -> None:
        self.model = Model(scenario, guards)
        self.scenario = scenario
        self.clients = range(len(scenario.clients))
        self.tasks = range(len(scenario.tasks))

    def steps(self, w: World) -> Iterator[tuple[str, str, World, str]]:
        """Yield every step possible in ``w``."""
        if w.wrong:
            return
        m = self.model
        for i in self.tasks:
            if isinstance(w.actors[i], Reader):
                yield from reader.steps(m, w, i)
            else:
                yield from writer.steps(m, w, i)
        for p in self.clients:
            process = w.processes[p]
            if process.near is not None:
                yield from coherence.steps(m, w, p)
            if process.batch is not None:
                yield from merged.steps(m, w, p)
            if process.pending:
                yield from connection.replay(m, w, p)
        yield from faults.steps(m, w)

    def broken(self, w: World) -> str:
        """Return the property that is broken in ``w``."""
        if not w.wrong and w.nonces - self.first_nonces > self.remakes(w):
            return "STEADY"
        return w.wrong

    def remakes(self, w: World) -> int:
        """Return how many buckets may have been made anew up to ``w``."""
        sc, spent = self.scenario, 0
        if not sc.steady:
            return 1 << 30
        spent += sc.faults.evict - w.faults.evict
        changes = sum(sc.faults[3:5]) - sum(w.faults[3:5]) + sc.faults.attach - w.faults.attach
        return spent + sc.buckets * (changes + (0 if sc.created else 1))

    @property
    def first_nonces(self) -> int:
        """Return the first nonce that is not in the first state."""
        return FIRST_NONCE + self.scenario.buckets

    def canonical(self, w: World) -> Hashable:
        """Return one of the states that differ only in which twin does what."""
        for group in self.scenario.twins:
            order = sorted(group, key=lambda i: hash(w.actors[i]))
            if order != list(group):
                w = traded(w, dict(zip(order, group, strict=True)))
        return w

    def start(self) -> World:
        """Return the first state."""
        sc, m = self.scenario, self.model
        nodes = tuple(Node(n == 0, n + 1, 0, n > 0, (None,) * sc.buckets) for n in range(sc.nodes))
        none, old = (None,) * len(sc.tasks), (0,) * sc.rows
        w = World(
            0, old, nodes, (None,) * sc.keys, (), (), (), None, sc.faults,
            self.first_nonces, 1, old, old, old, (), none, "",
        )  # fmt: skip
        fence = fence_of(m, w, 0)
        if sc.created:
            made = tuple(self.bucket(b, fence) for b in range(sc.buckets))
            w = w._replace(nodes=tuple(node._replace(buckets=made) for node in nodes))
        if sc.stored:
            w = w._replace(entries=tuple(map(self.entry, range(sc.keys))))
        processes = tuple(
            Process(
                0,
                fence,
                (None,) * sc.keys,
                self.near(p) if c.near else None,
                None,
                w.rows,
                (),
                (),
                False,
            )
            for p, c in enumerate(sc.clients)
        )
        actors: tuple[Actor, ...] = tuple(
            Reader(0, ()) if task.reads else Writer(0, (), (), "", 0, 0, 0, False, (), ())
            for task in sc.tasks
        )
        return w._replace(processes=processes, actors=actors)

    def bucket(self, b: int, fence: tuple[int, int]) -> Bucket:
        """Return a bucket as it was made before the story begins."""
        return Bucket(FIRST_NONCE + b, fence, 0, 0, (0,) * len(self.scenario.tags), (), 0, 0, 0)

    def header(self, function: Function) -> Header:
        """Return the header of an entry that was stored before the story begins."""
        tags = sorted({*own_tags(self.model, function), *function.result_tags})
        return tuple((k, FIRST_NONCE + self.scenario.tags[k].bucket, 0) for k in tags)

    def entry(self, key: int) -> Entry | None:
        """Return that entry; a function with an inner one has none yet."""
        function = next(f for f in self.scenario.functions if f.key == key)
        if function.inner is not None:
            return None
        value = tuple(0 if row in function.rows else NEWEST for row in range(self.scenario.rows))
        return Entry(value, self.header(function), 0, function.ttl)

    def near(self, p: int) -> Near:
        """Return a near tier that is in step with the buckets and, if told so, has every entry."""
        sc = self.scenario
        clean = (0,) * len(sc.tags)
        mirrors = tuple(
            Mirror(FIRST_NONCE + b if sc.created else 0, 0, 0, clean, sc.lease - sc.drifts)
            for b in range(sc.buckets)
        )
        held: tuple[NearEntry | None, ...] = (None,) * sc.keys
        if sc.stored:
            held = tuple(self.kept(self.entry(key)) for key in range(sc.keys))
        return Near(mirrors, held, 1, (), True, 0, 0, (), sc.lease - sc.drifts)

    def kept(self, entry: Entry | None) -> NearEntry | None:
        """Return an entry as the near tier has it."""
        return entry and NearEntry(entry.value, entry.header, 0)


def traded(w: World, place: dict[int, int]) -> World:
    """Return the world with some tasks in each other's places."""
    actors = w.actors
    for old, new in place.items():
        actors = put(actors, new, w.actors[old])
    processes = tuple(
        process._replace(
            flights=tuple(f and Flight(place.get(f.pilot, f.pilot), f.stamps) for f in process.flights)
        )
        if any(process.flights)
        else process
        for process in w.processes
    )
    return w._replace(actors=actors, processes=processes)
