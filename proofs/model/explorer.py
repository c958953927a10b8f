"""Explore every state of a small machine, shortest paths first.

A machine says where it starts, which steps are possible in a state, and what is wrong with a state.
States are hashable values. Only the 64-bit hash of a visited state is kept, with the hash of the
state it was first reached from: a million states fit in 200 MB, and the chance that two of n states
share a hash is n*n / 2**65 (1e-6 for six million).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

State = TypeVar("State", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Line:
    """One step of a path: who does what."""

    who: str
    text: str


class Machine(Protocol[State]):
    """What the explorer needs to know."""

    def start(self) -> State:
        """Return the first state."""

    def steps(self, state: State) -> Iterable[tuple[str, str, State, str]]:
        """Yield (who, text, next state, event) for every step possible in ``state``."""

    def broken(self, state: State) -> str:
        """Return the property that ``state`` violates, or an empty string."""

    def canonical(self, state: State) -> Hashable:
        """Return what stands for ``state`` and all states symmetric to it."""


@dataclass(slots=True)
class Finding:
    """What an exploration found."""

    states: int = 0
    steps: int = 0
    depth: int = 0
    complete: bool = True
    broken: str = ""
    path: list[Line] = field(default_factory=list)
    events: set[str] = field(default_factory=set)


def explore(machine: Machine[State], limit: int = 0) -> Finding:
    """Visit all states breadth first; stop at the first violation: its path is a shortest one.

    ``limit`` ends the search after so many states (0: none); the finding is then not ``complete``.
    """
    found = Finding()
    start = machine.start()
    first = hash(machine.canonical(start))
    parent: dict[int, int] = {first: first}
    layer: list[tuple[int, State]] = [(first, start)]
    steps, broken, canonical = machine.steps, machine.broken, machine.canonical
    events = found.events
    while layer:
        following: list[tuple[int, State]] = []
        for at, state in layer:
            for _who, _text, after, event in steps(state):
                found.steps += 1
                if event:
                    events.add(event)
                name = hash(canonical(after))
                if name in parent:
                    continue
                parent[name] = at
                wrong = broken(after)
                if wrong:
                    found.broken, found.states = wrong, len(parent)
                    found.path = retrace(machine, parent, name)
                    found.depth = len(found.path)
                    return found
                following.append((name, after))
            if limit and len(parent) > limit:
                found.states, found.complete = len(parent), False
                return found
        found.depth += bool(following)
        layer = following
    found.states = len(parent)
    return found


def retrace(machine: Machine[State], parent: dict[int, int], last: int) -> list[Line]:
    """Return the lines that lead from the start to the state with the hash ``last``."""
    names = [last]
    while parent[names[-1]] != names[-1]:
        names.append(parent[names[-1]])
    state, path = machine.start(), []
    for name in reversed(names[:-1]):
        for who, text, after, _event in machine.steps(state):
            if hash(machine.canonical(after)) == name:
                path.append(Line(who, text))
                state = after
                break
    return path


def numbered(path: list[Line]) -> str:
    """Return a path as numbered lines."""
    return "\n".join(f"{number:3d}. {line.who}: {line.text}" for number, line in enumerate(path, 1))
