"""What waits for a store that does not take it, and what must not be served meanwhile."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from freshly.core.undelivered import PARCEL, Parcel, Undelivered


@pytest.fixture
def undelivered() -> Undelivered:
    return Undelivered()


def covers(undelivered: Undelivered, key: str, *tags: str) -> bool:
    """Ask as a read does that begins now and is answered at once."""
    return undelivered.covers(key, tags, undelivered.deliveries)


def deliver(undelivered: Undelivered) -> Parcel:
    parcel = undelivered.parcel()
    assert parcel is not None
    undelivered.delivered(parcel)
    return parcel


def test_where_nothing_waits_everything_may_be_served(undelivered: Undelivered) -> None:
    assert len(undelivered) == 0
    assert undelivered.parcel() is None
    assert not covers(undelivered, "user:1", "users")


def test_an_entry_with_a_tag_that_waits_is_not_served_until_it_arrived(
    undelivered: Undelivered,
) -> None:
    undelivered.add(tags=["users", "posts"])

    assert covers(undelivered, "user:1", "users")
    assert not covers(undelivered, "user:1", "images")

    deliver(undelivered)

    assert not covers(undelivered, "user:1", "users")


def test_the_same_holds_for_keys_and_patterns_and_clear(undelivered: Undelivered) -> None:
    undelivered.add(keys=["user:1"])
    undelivered.add(pattern="post:*")

    assert covers(undelivered, "user:1")
    assert covers(undelivered, "post:7")
    assert not covers(undelivered, "user:2")

    undelivered.add(everything=True)
    assert covers(undelivered, "user:2")

    deliver(undelivered)
    assert not covers(undelivered, "user:1")
    assert not covers(undelivered, "post:7")


def test_what_was_worked_out_for_a_pattern_goes_with_it(undelivered: Undelivered) -> None:
    undelivered.add(tags=["users"], pattern="post:*")
    assert list(undelivered._compiled) == ["post:*"]

    deliver(undelivered)

    assert not undelivered._compiled
    assert not covers(undelivered, "post:7", "users")


def test_it_is_empty_while_nothing_waits_and_nothing_has_arrived_since(
    undelivered: Undelivered,
) -> None:
    assert undelivered.is_empty(undelivered.deliveries)

    for waits in ({"tags": ["t"]}, {"keys": ["k"]}, {"pattern": "k*"}, {"everything": True}):
        since = undelivered.deliveries
        undelivered.add(**waits)
        assert not undelivered.is_empty(since)
        deliver(undelivered)
        assert not undelivered.is_empty(since)
        assert undelivered.is_empty(undelivered.deliveries)


def test_a_tag_and_a_key_of_one_name_are_two_things(undelivered: Undelivered) -> None:
    undelivered.add(tags=["user:1"])

    assert not covers(undelivered, "user:1")


def test_a_stale_mark_that_waits_makes_stale_and_not_invalid(undelivered: Undelivered) -> None:
    undelivered.add(stale=["users"])

    assert undelivered.makes_stale(["users"])
    assert not undelivered.makes_stale(["posts"])
    assert not covers(undelivered, "user:1", "users")


def test_a_parcel_carries_what_has_waited_longest(undelivered: Undelivered) -> None:
    undelivered.add(tags=["first"])
    undelivered.add(tags=[f"tag {number}" for number in range(PARCEL)])
    undelivered.add(tags=["first"])

    parcel = deliver(undelivered)

    assert len(parcel.tags) == PARCEL
    assert parcel.tags[:2] == ("first", "tag 0")
    assert deliver(undelivered).tags == (f"tag {PARCEL - 1}",)


def test_a_name_that_is_given_often_waits_once(undelivered: Undelivered) -> None:
    for _ in range(50):
        undelivered.add(tags=["users"], keys=["user:1"])

    assert len(undelivered) == 2


def test_what_comes_while_a_parcel_travels_is_delivered_after_it(undelivered: Undelivered) -> None:
    """The parcel may have arrived before the write that the second one is about."""
    undelivered.add(tags=["users"])
    parcel = undelivered.parcel()
    assert parcel is not None
    undelivered.add(tags=["users"])

    undelivered.delivered(parcel)

    assert covers(undelivered, "user:1", "users")
    assert deliver(undelivered).tags == ("users",)
    assert len(undelivered) == 0


def test_the_same_for_clear(undelivered: Undelivered) -> None:
    undelivered.add(everything=True)
    parcel = undelivered.parcel()
    assert parcel is not None
    undelivered.add(tags=["users"])

    undelivered.delivered(parcel)

    assert covers(undelivered, "anything")
    assert deliver(undelivered).everything
    assert not covers(undelivered, "anything")


def test_clear_swallows_what_waits(undelivered: Undelivered) -> None:
    undelivered.add(tags=["users"], keys=["user:1"])

    undelivered.add(everything=True)

    assert len(undelivered) == 1
    assert undelivered.parcel() == Parcel(2, everything=True)


def test_too_many_names_become_one_clear() -> None:
    undelivered = Undelivered(limit=3)
    undelivered.add(tags=["a", "b", "c"])
    assert not covers(undelivered, "other", "other")

    undelivered.add(tags=["d"])

    assert len(undelivered) == 1
    assert covers(undelivered, "other", "other")
    assert deliver(undelivered).everything
    assert not covers(undelivered, "other", "other")


def test_a_read_under_way_during_a_delivery_is_not_served(undelivered: Undelivered) -> None:
    """The store answered it before the invalidation arrived; it looks here after that."""
    undelivered.add(tags=["users"])

    since = undelivered.deliveries
    # The store answers with the old entry, and then:
    deliver(undelivered)

    assert undelivered.covers("user:1", ["users"], since)
    assert not undelivered.covers("user:1", ["users"], undelivered.deliveries)


NAMES = st.sampled_from(["a", "b", "c"])
SOME = st.lists(NAMES, max_size=3)
SOME_AT_LEAST_ONE = st.lists(NAMES, min_size=1, max_size=3)


class AgainstAList(RuleBasedStateMachine):
    """The plainest model: the list of all that was added and has not arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.undelivered = Undelivered(limit=6)
        self.waiting: list[tuple[str, str]] = []
        self.travelling: tuple[Parcel, list[tuple[str, str]]] | None = None

    @rule(tags=SOME_AT_LEAST_ONE, keys=SOME)
    def add(self, tags: list[str], keys: list[str]) -> None:
        self.undelivered.add(tags=tags, keys=keys)
        self.waiting += [("tag", tag) for tag in tags] + [("key", key) for key in keys]

    @rule()
    def clear(self) -> None:
        self.undelivered.add(everything=True)
        self.waiting.append(("all", ""))

    @rule()
    def send(self) -> None:
        parcel = self.undelivered.parcel()
        if parcel is not None:
            self.travelling = parcel, list(self.waiting)

    @rule()
    def lose(self) -> None:
        self.travelling = None

    @rule()
    def arrive(self) -> None:
        if self.travelling is None:
            return
        parcel, then = self.travelling
        self.travelling = None
        self.undelivered.delivered(parcel)
        # What was added after the parcel was made still waits.
        self.waiting = self.waiting[len(then) :]

    @invariant()
    def what_waits_is_covered_and_arrives(self) -> None:
        for kind, name in self.waiting:
            covered = {"tag": ("key", [name]), "key": (name, []), "all": ("any", [])}[kind]
            assert covers(self.undelivered, covered[0], *covered[1])
        assert bool(self.waiting) <= bool(len(self.undelivered))

    @invariant()
    def nothing_else_waits(self) -> None:
        if not self.waiting:
            assert not covers(self.undelivered, "a", "a", "b", "c")


AgainstAList.TestCase.settings = settings(max_examples=200, stateful_step_count=20)
TestAgainstAList = AgainstAList.TestCase
