"""The marks of the logical clock at their edges; against a plain model they are in ``test_stamp``."""

from __future__ import annotations

from typing import Any

import pytest

from freshly.core.counts import Counts
from freshly.core.entry import Entry
from freshly.core.stamp import LogicalClock


@pytest.fixture
def clock() -> LogicalClock:
    return LogicalClock()


def entry(clock: LogicalClock, *, key: str = "k", tags: tuple[str, ...] = ("t", "u")) -> Entry[Any]:
    """Return an entry whose load begins now: it is fresh from 0 until 100."""
    instants = (0.0, 100.0, 100.0, 100.0, 100.0)
    return Entry(key, 1, instants=instants, tags=tags, stamp=clock.reading, counts=Counts("f"))


class TestReadings:
    def test_each_invalidation_has_the_next_one(self, clock: LogicalClock) -> None:
        before = clock.reading

        assert [clock.advance(tags=["t"]) for _ in range(2)] == [before + 1, before + 2]
        assert (clock.reading, clock.gate) == (before + 2, before + 2)

    def test_a_closed_gate_stays_closed(self, clock: LogicalClock) -> None:
        clock.close_gate()
        clock.advance(tags=["t"])
        assert clock.gate is None

        clock.open_gate()
        assert clock.gate == clock.reading


class TestOvertaken:
    @pytest.mark.parametrize(
        "what", [{"tags": ["t"]}, {"keys": ["k"]}, {"pattern": "k*"}, {"everything": True}]
    )
    def test_by_what_came_after_the_stamp_and_by_nothing_before(
        self, clock: LogicalClock, what: dict[str, Any]
    ) -> None:
        stamp = clock.reading

        after = clock.advance(**what)

        assert clock.overtaken(stamp, ("t",), "k")
        assert not clock.overtaken(after, ("t",), "k")

    def test_not_by_another_name(self, clock: LogicalClock) -> None:
        stamp = clock.reading
        clock.advance(tags=["t"], keys=["k"], pattern="k*")

        assert not clock.overtaken(stamp, ("u",), "l")

    def test_of_a_key_that_nobody_names_tags_alone_count(self, clock: LogicalClock) -> None:
        stamp = clock.reading
        clock.advance(keys=["k"], pattern="k*")

        assert not clock.overtaken(stamp, ("t",))

    def test_soft_marks_overtake_nothing(self, clock: LogicalClock) -> None:
        stamp = clock.reading
        clock.advance(stale=["t"])

        assert not clock.overtaken(stamp, ("t",), "k")


class TestSettle:
    def test_what_was_invalidated_after_its_load_is_invalid(self, clock: LogicalClock) -> None:
        one = entry(clock)
        clock.advance(tags=["u"])

        assert clock.settle(one) is False
        assert clock.holds(one, 1.0) is False

    def test_what_was_loaded_after_it_is_valid_and_remembers_how_far(self, clock: LogicalClock) -> None:
        clock.advance(tags=["t"])
        one = entry(clock)
        last = clock.advance(tags=["other"])

        assert clock.settle(one)
        assert one.seen == last

    def test_what_has_seen_all_is_not_asked_again(self, clock: LogicalClock) -> None:
        one = entry(clock)
        # Nobody leaves a mark at a reading that was read.
        clock.floor = clock.reading + 1

        assert clock.settle(one)

    def test_a_load_before_the_floor_is_invalid(self, clock: LogicalClock) -> None:
        one = entry(clock)
        clock.prune(clock.advance(tags=["other"]))

        assert clock.settle(one) is False

    def test_a_soft_mark_makes_what_is_older_stale(self, clock: LogicalClock) -> None:
        one = entry(clock)
        clock.advance(stale=["u"])

        assert clock.settle(one)
        assert one.stale_at == 0.0

    def test_and_leaves_what_is_newer_as_it_is(self, clock: LogicalClock) -> None:
        clock.advance(stale=["u"])
        one = entry(clock)
        clock.advance(tags=["other"])

        assert clock.settle(one)
        assert one.stale_at == 100.0


class TestHolds:
    def test_a_hit_whose_tags_carry_no_mark_holds(self, clock: LogicalClock) -> None:
        one = entry(clock)
        last = clock.advance(tags=["other"])

        assert clock.holds(one, 1.0)
        assert one.seen == last

    def test_none_holds_while_the_gate_is_closed(self, clock: LogicalClock) -> None:
        one = entry(clock)
        clock.close_gate()

        assert clock.holds(one, 1.0) is False

    def test_at_the_floor_it_holds_and_below_it_does_not(self, clock: LogicalClock) -> None:
        below = entry(clock)
        clock.advance(tags=["other"])
        at = entry(clock)
        clock.prune(clock.reading)

        assert clock.holds(at, 1.0)
        assert not clock.holds(below, 1.0)

    def test_a_marked_tag_is_compared(self, clock: LogicalClock) -> None:
        clock.advance(tags=["t"])
        newer = entry(clock)
        clock.advance(tags=["other"])

        assert clock.holds(newer, 1.0)
        clock.advance(tags=["t"])
        assert not clock.holds(newer, 1.0)

    def test_what_is_stale_now_takes_the_long_way(self, clock: LogicalClock) -> None:
        one = entry(clock)
        clock.advance(stale=["t"])

        assert clock.holds(one, 1.0) is False

    def test_with_a_mark_the_end_is_looked_at_again(self, clock: LogicalClock) -> None:
        clock.advance(tags=["t"])
        one = entry(clock)
        clock.advance(tags=["other"])

        assert not clock.holds(one, 100.0)


class TestDetours:
    @pytest.mark.parametrize(
        ("tags", "keys", "everything"), [(["t"], [], False), ([], ["k"], False), ([], [], True)]
    )
    def test_what_is_named_takes_the_long_way_until_the_end(
        self, clock: LogicalClock, tags: list[str], keys: list[str], *, everything: bool
    ) -> None:
        one = entry(clock)

        end = clock.detour(tags, keys, everything=everything)

        assert not clock.holds(one, 1.0)
        end()
        later = entry(clock)
        clock.advance(tags=["other"])
        assert clock.holds(later, 1.0)

    def test_what_is_not_named_holds(self, clock: LogicalClock) -> None:
        one = entry(clock)
        clock.detour(["v"], ["l"], everything=False)

        assert clock.holds(one, 1.0)

    def test_the_end_of_one_is_not_the_end_of_another(self, clock: LogicalClock) -> None:
        first = clock.detour(["t"], [], everything=False)
        clock.detour(["t"], [], everything=False)
        one = entry(clock)
        first()
        clock.advance(tags=["other"])

        assert not clock.holds(one, 1.0)


class TestPrune:
    def test_marks_up_to_it_are_forgotten_and_later_ones_kept(self, clock: LogicalClock) -> None:
        until = clock.advance(tags=["t"], stale=["s"], keys=["k"], pattern="p*")
        assert clock.marks == 4
        clock.advance(tags=["t2"], stale=["s2"], keys=["k2"], pattern="q*")
        assert clock.marks == 8

        clock.prune(until)

        assert clock.marks == 4
        assert clock.floor == until
        assert clock.overtaken(until, ("t2",))
        assert clock.overtaken(until, (), "q1")

    def test_the_floor_never_sinks(self, clock: LogicalClock) -> None:
        until = clock.advance()
        clock.prune(until)
        clock.prune(until - 1)

        assert clock.floor == until

    def test_without_soft_marks_a_hit_needs_one_look_again(self, clock: LogicalClock) -> None:
        clock.advance(stale=["s"])
        clock.prune(clock.reading)
        one = entry(clock)
        one.next_at = 0.5
        clock.advance(tags=["other"])

        # One look does not ask for the end: the hit path has.
        assert clock.holds(one, 1.0)
