"""What a transaction collects, without a cache: its steps, what a read inside sees, and its end."""

from __future__ import annotations

from typing import Any

import pytest

from freshly.core.counts import Counts
from freshly.core.entry import Entry
from freshly.core.holds import FREE, Hold
from freshly.core.shape import ANY
from freshly.core.transaction import (
    TOUCHED,
    Clear,
    Closed,
    DeleteMatch,
    Invalidate,
    MarkStale,
    Put,
    Step,
    Transaction,
    current_transaction,
    running_transaction,
)

OWNER = object()


def invalidate(*tags: str, keys: tuple[str, ...] = (), hold: Hold | None = None) -> Invalidate:
    return Invalidate(dict.fromkeys(tags), dict.fromkeys(keys), hold)


def mark(*tags: str) -> MarkStale:
    return MarkStale(dict.fromkeys(tags))


def put(key: str, *tags: str) -> Put:
    instants = (0.0, 9.0, 9.0, 9.0, 9.0)
    entry: Entry[Any] = Entry(key, 1, instants=instants, tags=tags, stamp=1, counts=Counts("f"))
    return Put(entry, FREE, ANY)


def opened(*, inside: Transaction | None = None, hold: float | None = None) -> Transaction:
    made = Transaction(OWNER, f"token {id(inside)}", hold)
    token = current_transaction.set(inside)
    made.enter()
    current_transaction.reset(token)
    return made


def add(transaction: Transaction, *steps: Step) -> list[str]:
    """Add ``steps``, and return what the transaction says of all of its own."""
    for step in steps:
        assert transaction.add(step, lambda: None)
    return [str(step) for step in transaction._steps]


class TestSteps:
    def test_invalidations_that_follow_each_other_are_one(self) -> None:
        steps = add(opened(), invalidate("a"), invalidate("b", keys=("k",)), invalidate("a"))

        assert steps == ["delete_tags('a', 'b')delete('k')"]

    def test_so_are_marks_and_clears(self) -> None:
        steps = add(opened(), mark("a"), mark("b"), Clear(), Clear())

        assert steps == ["mark_stale('a', 'b')", "clear()"]

    def test_what_is_something_else_stands_by_itself(self) -> None:
        each: list[Step] = [invalidate("a"), mark("a"), DeleteMatch("a*"), DeleteMatch("b*"), Clear()]

        assert add(opened(), *each, put("k"), put("k")) == [
            "delete_tags('a')",
            "mark_stale('a')",
            "delete_match('a*')",
            "delete_match('b*')",
            "clear()",
            "set('k')",
            "set('k')",
        ]

    def test_invalidations_with_another_hold_are_not_merged(self) -> None:
        hold = Hold("token", 1.0)

        steps = add(opened(), invalidate("a"), invalidate("b", hold=hold), invalidate("c", hold=hold))

        assert len(steps) == 2

    def test_what_is_dropped_is_not_done(self) -> None:
        transaction = opened()
        add(transaction, invalidate("a"))

        transaction.drop()

        assert transaction.close().steps == []

    def test_after_its_end_has_begun_nothing_is_collected(self) -> None:
        transaction = opened()
        transaction.close()

        assert transaction.add(invalidate("a"), lambda: None) is False
        assert transaction.take_over(Closed([], {}, None, [])) is False


class TestWhatItTouches:
    @pytest.mark.parametrize(
        ("step", "key", "tags", "touches"),
        [
            (invalidate("t", keys=("k",)), "k", (), True),
            (invalidate("t", keys=("k",)), "l", ("t",), True),
            (invalidate("t", keys=("k",)), "l", ("u",), False),
            (mark("t"), "k", ("t",), False),
            (DeleteMatch("k*"), "k1", (), True),
            (DeleteMatch("k*"), "l1", (), False),
            (Clear(), "k", (), True),
            (put("k"), "k", (), True),
            (put("k"), "l", (), False),
        ],
    )
    def test_a_step_touches_what_it_names(
        self, step: Step, key: str, tags: tuple[str, ...], *, touches: bool
    ) -> None:
        assert step.touches(key, tags) is touches

    def test_a_value_that_was_set_is_seen_until_it_is_touched(self) -> None:
        transaction, value = opened(), put("k", "t")
        add(transaction, invalidate("t"), value)
        assert transaction.view("k", ()) is value.entry

        # By the tags that it was set with, whatever is asked for.
        add(transaction, invalidate("t"))
        assert transaction.view("k", ("u",)) is TOUCHED

    def test_what_is_untouched_is_nothing_to_see(self) -> None:
        transaction = opened()
        add(transaction, invalidate("t"))

        assert transaction.view("k", ("u",)) is None
        assert transaction.view("k", ("t",)) is TOUCHED

    def test_the_outer_ones_steps_are_seen_before_the_inner_ones(self) -> None:
        outer, value = opened(), put("k")
        add(outer, value)
        inner = opened(inside=outer)
        assert inner.view("k", ()) is value.entry

        add(inner, invalidate(keys=("k",)))
        assert inner.view("k", ()) is TOUCHED
        assert outer.view("k", ()) is value.entry


class TestOneInsideOfAnother:
    def test_it_hands_over_what_it_has(self) -> None:
        outer, ended = opened(), []
        add(outer, invalidate("a"))
        inner = opened(inside=outer)
        inner.add(invalidate("b"), lambda: ended.append("inner"))
        inner.note_hold(Hold("inner", 5.0), 10.0, ["b"], ["k"])

        assert outer.take_over(inner.close())

        left = outer.close()
        assert [str(step) for step in left.steps] == ["delete_tags('a', 'b')"]
        assert left.holding == {"inner": invalidate("b", keys=("k",))}
        assert left.held_until == 15.0
        left.end_detours()
        assert ended == ["inner"]

    def test_the_first_hold_that_ends_is_remembered(self) -> None:
        transaction = opened()
        for seconds in (5.0, 3.0, 4.0):
            transaction.note_hold(Hold("token", seconds), 10.0, [f"{seconds}"], [])

        left = transaction.close()
        assert left.held_until == 13.0
        assert list(left.holding["token"].tags) == ["5.0", "3.0", "4.0"]

    def test_only_open_ones_of_the_same_cache_are_around_it(self) -> None:
        outer = opened()
        foreign = Transaction(object(), "token", None)
        foreign.enter()
        foreign._parent = outer
        inner = opened(inside=foreign)

        assert inner.outer() is outer
        outer.close()
        assert inner.outer() is None

    def test_its_hold_is_its_own_or_that_of_the_outer_one(self) -> None:
        assert opened().hold is None
        outer = opened(hold=5.0)
        assert outer.hold == Hold(outer._token, 5.0)
        assert opened(inside=outer).seconds == 5.0
        assert opened(inside=outer, hold=2.0).seconds == 2.0
        assert opened(inside=opened(), hold=2.0).seconds == 2.0

    def test_the_tokens_of_all_around_are_its_own(self) -> None:
        outer = opened()
        inner = opened(inside=outer)
        outer.note_hold(Hold("outer", 1.0), 0.0, [], [])
        inner.note_hold(Hold("inner", 1.0), 0.0, [], [])

        assert outer.tokens == {"outer"}
        assert inner.tokens == {"outer", "inner"}

    def test_the_one_that_runs_is_the_innermost_that_is_open(self) -> None:
        outer = opened()
        inner = opened(inside=outer)
        token = current_transaction.set(inner)
        try:
            assert running_transaction(OWNER) is inner
            assert running_transaction(object()) is None
            inner.close()
            assert running_transaction(OWNER) is outer
        finally:
            current_transaction.reset(token)
        assert running_transaction(OWNER) is None


class TestHoldsThatRanOut:
    def test_before_its_end_none_has(self) -> None:
        left = Closed([], {}, 10.0, [])

        assert left.seconds_over(9.0) is None
        assert left.seconds_over(10.0) == 0.0
        assert left.seconds_over(12.0) == 2.0

    def test_without_one_none_has(self) -> None:
        assert Closed([], {}, None, []).seconds_over(9.0) is None
