"""A hit right after something was invalidated: the lines of the written function that look once more.

Most of them are sure by themselves: nothing that has one of the tags was invalidated. They leave the
rest to ``LogicalClock.holds``, which ``asked`` counts here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from freshly import Cache
from freshly.core.entry import Entry
from freshly.core.stamp import LogicalClock
from freshly.testing import ManualClock


class World:
    """A function with one tag and with one entry, which the hit path finds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = self.loads = 0
        holds = LogicalClock.holds

        def counted(clock: LogicalClock, entry: Entry[Any], now: float) -> bool:
            self.asked += 1
            return holds(clock, entry, now)

        monkeypatch.setattr(LogicalClock, "holds", counted)
        self.clock = ManualClock()
        self.cache = Cache(clock=self.clock)
        store: Any = self.cache._home.parts.store
        self.logical: LogicalClock = store.logical
        self.commands = self.cache.blocking

        @self.cache("1h", key="user:{user_id}", tags=["user:{user_id}"])
        def get(user_id: int) -> int:
            self.loads += 1
            return self.loads

        self.get = get
        get(7)
        self.entry: Entry[Any] = store.living()[0]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_what_concerns_no_tag_of_it_costs_a_hit_no_call(world: World) -> None:
    world.commands.delete_tags("user:8", "all")

    assert [world.get(7) for _ in range(3)] == [1, 1, 1]
    assert world.asked == 0
    assert world.entry.seen == world.logical.reading
    assert world.cache.stats().hits == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.commands.delete_tags("user:7"),
        lambda world: world.commands.delete("user:7"),
        lambda world: world.commands.clear(),
        # As a near tier does that may have missed a message: the entry stays, and is not believed.
        lambda world: world.logical.advance(everything=True),
    ],
)
def test_what_concerns_it_is_loaded_anew(world: World, change: Callable[[World], object]) -> None:
    change(world)

    assert [world.get(7) for _ in range(3)] == [2, 2, 2]


def test_what_is_newer_than_the_mark_of_its_tag_is_compared_by_a_call(world: World) -> None:
    world.commands.delete_tags("user:7")
    assert world.get(7) == 2
    world.asked = 0
    world.commands.delete_tags("user:8")

    assert [world.get(7) for _ in range(3)] == [2, 2, 2]
    assert world.asked == 1


def test_while_anything_is_marked_stale_a_call_says_what_that_means(world: World) -> None:
    world.commands.mark_stale("user:8")

    assert [world.get(7) for _ in range(3)] == [1, 1, 1]
    assert world.asked == 1


def test_a_closed_gate_lets_no_hit_pass_and_leaves_no_trace_in_the_entry(world: World) -> None:
    world.logical.close_gate()
    world.commands.delete_tags("user:8")

    assert [world.get(7) for _ in range(3)] == [1, 1, 1]
    assert world.asked == 3
    assert world.entry.seen == world.logical.reading

    world.logical.open_gate()
    assert world.get(7) == 1
    assert world.asked == 3


def test_the_marks_are_asked_before_the_floor(world: World) -> None:
    """A thread forgets marks between the two questions of a hit on another one:

    1. the entry is invalidated, and nobody has looked at it since;
    2. a hit asks for the marks: there is that one, or it comes after they were forgotten;
    3. the floor was raised before: the entry, which has seen less, is below it.
    """
    clock, entry = world.logical, world.entry
    at = clock.advance(tags=["user:7"])

    class Forgetful:
        """The logical clock of a hit that is stopped before each of its questions."""

        gate = clock.gate
        reading = clock.reading
        asked: ClassVar[list[str]] = []

        @property
        def are_unmarked(self) -> Any:
            self.asked.append("marks")
            clock.prune(at)
            return clock.are_unmarked

        @property
        def floor(self) -> int:
            self.asked.append("floor")
            return clock.floor

    written: Any = world.get
    written.__globals__["_freshly_clock"] = Forgetful()

    assert world.get(7) == 2
    assert Forgetful.asked[:2] == ["marks", "floor"]
    assert entry.seen < at
