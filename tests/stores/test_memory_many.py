"""Many keys in one call of the memory store: each key is a case of its own."""

from __future__ import annotations

import pytest

from freshly.core.counts import Counts
from freshly.core.entry import Entry
from freshly.runtime.threads import finish
from freshly.stores.memory import MemoryStore
from freshly.testing import ManualClock


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(ManualClock())


def entry(store: MemoryStore, key: str, *tags: str) -> Entry[str]:
    ends = 10.0
    return Entry(
        key,
        f"value of {key}",
        instants=(0.0, ends, ends, ends, ends),
        tags=tags,
        stamp=store.logical.reading,
        counts=Counts("test"),
    )


def never() -> bool:
    return False


def test_looks_come_in_the_order_in_which_they_were_asked_for(store: MemoryStore) -> None:
    finish(store.land(entry(store, "b", "even"), never))
    finish(store.land(entry(store, "d", "even"), never))

    looks = finish(store.look_many([("d", ()), ("a", ()), ("b", ("even",)), ("d", ("odd",))]))

    found = [None if look.entry is None else look.entry.value for look in looks]
    assert found == ["value of d", None, "value of b", None]


def test_the_stamp_of_each_look_is_from_before_its_entry(store: MemoryStore) -> None:
    looks = finish(store.look_many([("a", ()), ("b", ())]))
    finish(store.invalidate(["t"]))

    assert [look.overtakes(look.stamp or 0, ["t"], None) for look in looks] == [True, True]


def test_of_many_that_land_those_are_left_out_that_were_overtaken(store: MemoryStore) -> None:
    entries = [entry(store, "a", "x"), entry(store, "b", "y"), entry(store, "c", "y")]
    finish(store.invalidate(["x"]))
    finish(store.delete(["c"]))

    landed = finish(store.land_many([(one, never) for one in entries]))

    assert landed == [False, True, False]
    looks = finish(store.look_many([("a", ()), ("b", ()), ("c", ())]))
    assert [look.entry for look in looks] == [None, entries[1], None]


def test_and_those_that_say_so_themselves(store: MemoryStore) -> None:
    one, other = entry(store, "a"), entry(store, "b")

    assert finish(store.land_many([(one, lambda: True), (other, never)])) == [False, True]


def test_many_that_are_put_with_their_stamps_are_judged_one_by_one(store: MemoryStore) -> None:
    entries = [entry(store, "a", "x"), entry(store, "b", "y")]
    finish(store.invalidate(["x"]))

    assert finish(store.put_many(entries, is_stamped=True)) == [False, True]


def test_many_that_are_put_without_stamps_are_made_now(store: MemoryStore) -> None:
    entries = [entry(store, "a", "x"), entry(store, "b", "y")]
    finish(store.invalidate(["x"]))

    assert finish(store.put_many(entries, is_stamped=False)) == [True, True]
    assert [look.entry for look in finish(store.look_many([("a", ()), ("b", ())]))] == entries
