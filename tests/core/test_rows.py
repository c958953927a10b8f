"""The tables in which functions find entries by raw arguments, where several share one entry."""

from __future__ import annotations

from gc import collect
from typing import Any
from weakref import ref

import pytest

from freshly import Cache
from freshly.core.counts import NOBODYS, Counts
from freshly.core.entry import Entry
from freshly.core.rows import MOST_SHARED, Rows
from freshly.testing import ManualClock


@pytest.fixture
def cache() -> Cache:
    return Cache(clock=ManualClock())


@pytest.fixture
def looks(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys that were looked for in the store: a hit that takes the shortest path is not there."""
    store: Any = cache._home.parts.store
    look, asked = store.look, list[str]()

    async def counted(key: str, *rest: Any) -> Any:
        asked.append(key)
        return await look(key, *rest)

    monkeypatch.setattr(store, "look", counted)
    return asked


async def test_functions_that_share_a_key_do_not_take_each_other_s_hits(
    cache: Cache, looks: list[str]
) -> None:
    @cache("1h", key="user:{user_id}", tags=["users"])
    async def get_user(user_id: int) -> list[str]:
        return ["Ada"]

    @cache("1h", key="user:{number}", tags=["users"])
    def find_user(number: int) -> list[str]:
        return ["Ada"]

    found = await get_user(7)
    assert find_user(7) is found
    looks.clear()

    for _ in range(5):
        assert await get_user(7) is found
        assert find_user(7) is found

    assert looks == []
    await cache.delete_tags("users")
    assert find_user(7) is not found
    assert await get_user(7) is find_user(7)


async def test_what_is_gone_is_gone_for_each_of_them(cache: Cache) -> None:
    versions = iter("abc")

    def load(name: str) -> str:
        return next(versions)

    one, other = cache("1h", key="{name}")(load), cache.soft("1h", soft_ttl="1m", key="{name}")(load)
    assert [one("k"), other("k"), one("k")] == ["a", "a", "a"]

    await cache.delete("k")
    assert [other("k"), one("k"), other("k")] == ["b", "b", "b"]
    await cache.clear()
    assert [one("k"), other("k")] == ["c", "c"]


OURS, OTHERS = Counts("get"), Counts("find")


def test_what_was_cleared_is_kept_alive_by_no_table(cache: Cache) -> None:
    class Value: ...

    @cache("1h")
    def get() -> Value:
        return Value()

    value = ref(get())
    assert value() is get()

    cache.blocking.clear()
    collect()

    assert value() is None


def entry(counts: Counts = OURS) -> Entry[int]:
    life = (0.0, 10.0, 10.0, 10.0, 10.0)
    return Entry("k", 1, instants=life, tags=(), stamp=1, counts=counts)


def rows_of(counts: Counts = OURS) -> Rows:
    return Rows(None, counts)


def test_an_entry_leaves_every_table_at_once() -> None:
    one, tables = entry(), [rows_of() for _ in range(3)]
    for row, rows in enumerate(tables):
        rows.bind(row, one)
    assert [rows.entries for rows in tables] == [{0: one}, {1: one}, {2: one}]

    one.retire()

    assert [rows.entries for rows in tables] == [{}, {}, {}]
    assert one.rows is OURS.no_rows
    one.retire()


def test_in_one_table_it_has_the_row_that_asked_last() -> None:
    one, mine, other = entry(), rows_of(), rows_of()

    mine.bind(1, one)
    mine.bind(2, one)
    assert mine.entries == {2: one}

    other.bind(None, one)
    mine.bind(3, one)
    mine.bind(4, one)
    assert (mine.entries, other.entries) == ({4: one}, {None: one})


def test_the_row_of_another_entry_is_left_alone() -> None:
    former, later, mine, other = entry(), entry(), rows_of(), rows_of()
    mine.bind(1, former)
    other.bind(1, former)
    mine.bind(1, later)

    former.retire()

    assert (mine.entries, other.entries) == ({1: later}, {})


def test_no_more_tables_than_a_few_are_kept_alive_by_an_entry() -> None:
    one, tables = entry(), [rows_of() for _ in range(MOST_SHARED + 2)]

    for rows in tables:
        rows.bind(1, one)

    assert [len(rows.entries) for rows in tables] == [0, 0, *[1] * MOST_SHARED]


@pytest.mark.parametrize("tables", [(OURS,), (OTHERS,), (OURS, OTHERS), (OTHERS, OURS)])
def test_whoever_finds_an_entry_it_stays_with_those_who_made_it(tables: tuple[Counts, ...]) -> None:
    one, found_by = entry(OURS), [rows_of(counts) for counts in tables]

    for place, rows in enumerate(found_by):
        rows.bind(place, one)
        rows.bind(place + 10, one)
        assert one.counts is OURS
    assert [rows.entries for rows in found_by] == [{10 + place: one} for place in range(len(tables))]

    one.retire()

    assert one.counts is OURS
    assert [rows.entries for rows in found_by] == [{} for _ in tables]


def test_what_is_nobody_s_becomes_that_of_the_first_who_finds_it() -> None:
    """Its readers have counted its hits until then: those that stand in it are not theirs."""
    one, first, second = entry(NOBODYS), rows_of(OURS), rows_of(OTHERS)
    one.uses = 3

    first.bind(1, one)
    assert (one.counts, one.uses) == (OURS, 0)

    one.uses = 2
    second.bind(1, one)
    assert (one.counts, one.uses) == (OURS, 2)
    one.retire()
    assert one.counts is OURS


def test_an_entry_set_by_hand_is_the_commands_when_a_function_finds_it(cache: Cache) -> None:
    @cache("1h", key="user:{user_id}")
    def get_user(user_id: int) -> str:
        return "Ada"

    cache.blocking.set("user:7", "Grace", ttl="1h")
    assert [get_user(7) for _ in range(3)] == ["Grace"] * 3
    assert cache.stats().by_function["by hand"].hits == 3

    cache.blocking.delete("user:7")
    assert get_user(7) == "Ada"
    assert cache.stats().by_function["by hand"].hits == 3
