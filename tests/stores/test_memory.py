"""What the memory store keeps in memory: entries, and all that stands beside them.

Most stories are told through a cache. Python counts the blocks of memory that are in use, and each
object takes one or a few; they are compared between two states that should be alike. The limits are
generous, since what they look for grows without end.
"""

from __future__ import annotations

import gc
import random
import sys
import weakref
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from freshly import Cache
from freshly.core.counts import Counts
from freshly.core.entry import Entry
from freshly.core.rows import Rows
from freshly.core.stamp import LogicalClock
from freshly.runtime.threads import finish
from freshly.stores import eviction, expiry, memory
from freshly.stores.expiry import SPARE_PLACES
from freshly.stores.memory import DEAD_A_WRITE, SPARE_MARKS, MemoryStore
from freshly.testing import ManualClock, Stepper


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cache(clock: ManualClock) -> Cache:
    return Cache(clock=clock, dice=lambda: 0.0)


@pytest.fixture
def step() -> Stepper:
    return Stepper()


def grown_blocks(act: Callable[[], object]) -> int:
    """Return how many more blocks of memory are in use when ``act`` has been done."""
    gc.collect()
    before = sys.getallocatedblocks()
    act()
    gc.collect()
    return sys.getallocatedblocks() - before


class TestExpiry:
    def test_writes_clear_dead_entries_away_in_slices(self, cache: Cache, clock: ManualClock) -> None:
        for number in range(1000):
            cache.blocking.set(f"short:{number}", 1, "1m")
        clock.advance("2m")
        assert cache.stats().entries == 1000

        sizes = [cache.stats().entries]
        while sizes[-1] > len(sizes) - 1:
            cache.blocking.set(f"long:{len(sizes)}", 1, "1h")
            sizes.append(cache.stats().entries)

        gone = [before + 1 - after for before, after in pairwise(sizes)]
        assert max(gone) == DEAD_A_WRITE
        assert len(gone) == 63  # 1000 / 16
        assert cache.stats().entries == len(gone)

    def test_nothing_that_lives_is_cleared_away(self, cache: Cache, clock: ManualClock) -> None:
        for number in range(100):
            cache.blocking.set(f"{number}", number, number + 10)

        clock.advance(60)
        for number in range(50):
            cache.blocking.set(f"new:{number}", 1, "1h")

        found = [number for number in range(100) if cache.blocking.exists(f"{number}")]
        assert found == list(range(51, 100))

    def test_what_is_kept_for_its_grace_is_not_cleared_away(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        outcomes: list[Any] = [1]

        @cache("1m", grace="1h")
        def get() -> int:
            return int(outcomes.pop())

        get()
        clock.advance("30m")
        for number in range(100):
            cache.blocking.set(f"{number}", number)

        assert get() == 1  # the loader has nothing left, and raises

    def test_a_steady_stream_of_short_lives_stays_short(self, clock: ManualClock) -> None:
        """The dead are cleared away faster than they come."""
        cache = Cache(clock=clock)
        sizes: list[int] = []

        for number in range(5000):
            cache.blocking.set(f"{number}", 1, "10s")
            clock.advance("100ms")
            if number % 100 == 0:
                sizes.append(cache.stats().entries)

        assert max(sizes) <= 120  # a hundred alive, and those of the running second

    def test_a_dead_entry_that_is_asked_for_leaves_at_once(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        cache.blocking.set("k", 1, "1m")
        clock.advance("1m")

        assert not cache.blocking.exists("k")
        assert cache.stats().entries == 0

    def test_a_replaced_entry_does_not_take_its_successor_with_it(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        cache.blocking.set("k", "old", "1m")
        cache.blocking.set("k", "new", "1h")
        clock.advance("2m")
        for number in range(10):
            cache.blocking.set(f"{number}", 1)

        assert cache.blocking.get("k") == "new"


class TestFlood:
    def test_entries_are_bounded_and_so_is_what_stands_beside_them(self, clock: ManualClock) -> None:
        cache = Cache("mem://?max_entries=1000", clock=clock)

        @cache("1h", tags=["n:{number}"])
        def get(number: int) -> int:
            return number

        def flood(first: int) -> None:
            for number in range(first, first + 5000):
                get(number)

        flood(0)
        grown = grown_blocks(lambda: flood(5000))

        assert cache.stats().entries == 1000
        assert grown < 2000

    def test_keys_that_are_set_by_hand_leave_nothing_behind(self, clock: ManualClock) -> None:
        """Each set marks its key, so that no running load is stored over it. Marks need an end,
        also where nobody invalidates anything."""
        cache = Cache("mem://?max_entries=100", clock=clock)

        def flood(first: int, count: int) -> None:
            for number in range(first, first + count):
                cache.blocking.set(f"a key of some length:{number}", 1, "1m")

        flood(0, 3 * SPARE_MARKS)
        grown = grown_blocks(lambda: flood(10**6, 3 * SPARE_MARKS))

        assert cache.stats().entries == 100
        assert grown < 2 * SPARE_MARKS

    def test_a_value_that_was_replaced_is_let_go(self, cache: Cache) -> None:
        """A thousand old pictures of one page would be a thousand times its size."""

        class Page: ...

        pages: list[weakref.ref[Page]] = []

        for _ in range(100):
            page = Page()
            pages.append(weakref.ref(page))
            cache.blocking.set("page", page, "1h")
        del page
        gc.collect()

        assert sum(page() is not None for page in pages) == 1

    @pytest.mark.parametrize("how", ["delete", "delete_match", "clear", "expiry", "eviction"])
    def test_a_value_that_left_is_let_go(self, clock: ManualClock, how: str) -> None:
        class Value: ...

        cache = Cache("mem://?max_entries=3", clock=clock)
        value = Value()
        gone = weakref.ref(value)
        cache.blocking.set("k", value, "1m")
        del value

        if how == "delete":
            cache.blocking.delete("k")
        elif how == "delete_match":
            cache.blocking.delete_match("*")
        elif how == "clear":
            cache.blocking.clear()
        elif how == "expiry":
            clock.advance("2m")
            cache.blocking.set("other", 1)
        else:
            for number in range(4):
                cache.blocking.set(f"{number}", 1)
        gc.collect()

        assert gone() is None

    def test_places_of_the_evicted_go_a_few_with_each_write(self, clock: ManualClock) -> None:
        """Their end is far off. Looking for them all at once would stop everyone."""
        cache = Cache("mem://?max_entries=500", clock=clock)
        expiry = cache._home.parts.store._expiry  # type: ignore[attr-defined]
        for number in range(20_000):
            cache.blocking.set(f"{number}", 1, 3600 + number % 100)
            clock.advance("100ms")

        assert cache.stats().entries == 500
        assert expiry.places <= 3 * 500 + SPARE_PLACES

    def test_a_key_that_is_set_and_deleted_again_and_again_leaves_nothing(self, cache: Cache) -> None:
        def churn() -> None:
            for _ in range(5000):
                cache.blocking.set("k", 1, "1h")
                cache.blocking.delete("k")

        churn()
        grown = grown_blocks(churn)

        assert cache.stats().entries == 0
        assert grown < 2000

    def test_a_function_that_is_refreshed_again_and_again_leaves_nothing(self, cache: Cache) -> None:
        @cache("1h", tags=["t"])
        def get(number: int) -> int:
            return number

        def churn() -> None:
            for _ in range(2000):
                get.refresh(1)
                cache.blocking.delete_tags("t")
                get(1)

        churn()
        grown = grown_blocks(churn)

        assert cache.stats().entries == 1
        assert grown < 2000


class TestMarks:
    def test_two_hundred_thousand_tags_that_were_invalidated_leave_nothing_behind(self) -> None:
        cache = Cache()
        cache.blocking.set("k", 1, tags=["mine"])

        def flood(first: int) -> None:
            for number in range(first, first + 100_000):
                cache.blocking.delete_tags(f"a tag of some length:{number}")

        flood(0)
        grown = grown_blocks(lambda: flood(100_000))

        assert grown < 2 * SPARE_MARKS
        assert cache.blocking.get("k") == 1
        cache.blocking.delete_tags("mine")
        assert not cache.blocking.exists("k")

    def test_the_clock_remembers_about_as_many_marks_as_there_are_entries(
        self, clock: ManualClock
    ) -> None:
        store = MemoryStore(clock)

        for number in range(5 * SPARE_MARKS):
            finish(store.invalidate([f"t{number}"]))
            finish(store.mark_stale([f"s{number}"]))
            finish(store.delete([f"k{number}"]))
            finish(store.tidy(lambda: None))
            assert store.logical.marks <= SPARE_MARKS + 3

    def test_no_invalidation_waits_for_a_pass_over_all_entries(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With a million entries that would be a third of a second, for every thread and task."""
        monkeypatch.setattr(memory, "SPARE_MARKS", 10)
        cache = Cache()
        for number in range(1000):
            cache.blocking.set(f"{number}", number, tags=[f"t{number % 10}"])
        settled: list[str] = []
        settle = LogicalClock.settle

        def counted(self: LogicalClock, entry: Entry[Any]) -> bool:
            settled.append(entry.key)
            return settle(self, entry)

        monkeypatch.setattr(LogicalClock, "settle", counted)
        most = 0
        for number in range(2000):
            settled.clear()
            cache.blocking.delete_tags(f"other:{number}")
            most = max(most, len(settled))

        assert 0 < most <= memory.SETTLED_A_CALL
        assert cache._home.parts.store.logical.marks < 500

    async def test_a_value_that_lands_while_a_pass_is_under_way_stays_valid(
        self, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
    ) -> None:
        """The pass does not come by it, and ends by refusing all stamps from before it began:

        1. a value is stamped by hand, and other invalidations start a pass;
        2. the value is stored under that stamp, since nothing overtook it;
        3. the pass ends, and the stamp is too old for anything that is stored now.
        """
        monkeypatch.setattr(memory, "SPARE_MARKS", 5)
        monkeypatch.setattr(memory, "SETTLED_A_CALL", 1)
        store = MemoryStore(clock)
        for key in "abc":
            await store.put(_entry(key, stamp=0), is_stamped=False)
        stamp = await store.stamp()

        for number in range(3):
            await store.invalidate([f"other:{number}"])
            await store.tidy(lambda: None)
        assert await store.put(_entry("k", stamp=stamp), is_stamped=True)
        for number in range(100):
            await store.invalidate([f"more:{number}"])
            await store.tidy(lambda: None)

        assert store.logical.floor > stamp
        assert (await store.look("k")).entry is not None

    def test_patterns_are_forgotten_too(
        self, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(memory, "SPARE_MARKS", 10)
        store = MemoryStore(clock)

        for number in range(100):
            finish(store.delete_match(f"{number}:*"))
            finish(store.tidy(lambda: None))

        assert store.logical.marks <= 11

    async def test_a_load_that_runs_keeps_the_marks_it_needs(
        self, cache: Cache, step: Stepper, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(memory, "SPARE_MARKS", 5)

        @cache("1h", tags=["n:{number}"])
        async def get(number: int) -> int:
            await step.stop(f"loading {number}")
            return number

        readers = {number: step.start(get(number)) for number in (1, 2)}
        for number in readers:
            await step.reached(f"loading {number}")
        await cache.delete_tags("n:1")
        for number in range(100):
            await cache.delete_tags(f"other:{number}")
        for number, reader in readers.items():
            step.go(f"loading {number}")
            await reader

        assert await get.peek(1) is None
        assert await get.peek(2) is not None

    async def test_a_load_that_never_ends_does_not_make_each_invalidation_go_through_all_entries(
        self, cache: Cache, step: Stepper, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its marks must stay. Looking for what may go, again each time, finds nothing."""
        monkeypatch.setattr(memory, "SPARE_MARKS", 100)
        passes: list[int] = []
        prune = LogicalClock.prune

        def counted(self: LogicalClock, until: int) -> None:
            passes.append(until)
            prune(self, until)

        monkeypatch.setattr(LogicalClock, "prune", counted)

        @cache("1h")
        async def get() -> int:
            await step.stop("loading")
            return 1

        reader = step.start(get())
        await step.reached("loading")
        for number in range(1000):
            await cache.delete_tags(f"t:{number}")
        step.go("loading")
        await reader

        assert len(passes) < 50

    async def test_a_stamp_by_hand_from_before_the_pruning_is_refused_and_never_wrong(
        self, cache: Cache, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody knows which stamps are out there."""
        monkeypatch.setattr(memory, "SPARE_MARKS", 5)
        stamp = await cache.stamp()
        await cache.delete_tags("t")
        for number in range(100):
            await cache.delete_tags(f"other:{number}")

        assert await cache.set("k", 1, tags=["t"], stamp=stamp) is False

    @pytest.mark.parametrize("seed", range(10))
    def test_no_invalidation_is_ever_lost_by_pruning(
        self, monkeypatch: pytest.MonkeyPatch, seed: int
    ) -> None:
        """Many random steps beside a model that forgets nothing: what the model says is gone, is
        gone; and what it says is there, is there."""
        monkeypatch.setattr(memory, "SPARE_MARKS", 3)
        # A pass takes several invalidations, with others in between.
        monkeypatch.setattr(memory, "SETTLED_A_CALL", 1)
        monkeypatch.setattr(eviction, "SPARE_PLACES", 3)
        monkeypatch.setattr(expiry, "SPARE_PLACES", 3)
        chance = random.Random(seed)
        clock = ManualClock()
        commands = Cache(clock=clock).blocking
        tags = [f"t{number}" for number in range(6)]
        keys = [f"k{number}" for number in range(12)]
        model: dict[str, tuple[int, set[str], float]] = {}

        for turn in range(1500):
            key, tag = chance.choice(keys), chance.choice(tags)
            match chance.randrange(8):
                case 0 | 1 | 2:
                    own = set(chance.sample(tags, chance.randrange(4)))
                    ttl = chance.choice([5, 50, 500])
                    commands.set(key, turn, ttl, tags=own)
                    model[key] = (turn, own, clock.now() + ttl)
                case 3:
                    commands.delete_tags(tag, f"nobody's:{turn}")
                    model = {name: it for name, it in model.items() if tag not in it[1]}
                case 4:
                    commands.mark_stale(tag, f"nobody's:{turn}")
                case 5:
                    commands.delete(key)
                    model.pop(key, None)
                case 6:
                    clock.advance(chance.choice([0.5, 3]))
                    model = {name: it for name, it in model.items() if it[2] > clock.now()}
                case _ if turn % 50 == 0:
                    pattern = f"{key}*"
                    commands.delete_match(pattern)
                    model = {name: it for name, it in model.items() if not name.startswith(key)}
                case _:
                    pass
            found = {name: commands.get(name) for name in keys if commands.exists(name)}
            assert found == {name: it[0] for name, it in model.items()}, f"after turn {turn}"

    @pytest.mark.parametrize("seed", range(10))
    def test_nor_for_loads_that_run_meanwhile(self, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
        """As above, with values that are made from stamps taken many steps before."""
        monkeypatch.setattr(memory, "SPARE_MARKS", 3)
        # A pass takes several invalidations, with others in between.
        monkeypatch.setattr(memory, "SETTLED_A_CALL", 1)
        chance = random.Random(seed)
        commands = Cache(clock=ManualClock()).blocking
        tags = [f"t{number}" for number in range(6)]
        running: list[tuple[int, Any]] = []
        invalidated = dict.fromkeys(tags, -1)
        stored = 0

        for turn in range(1500):
            match chance.randrange(4):
                case 0:
                    running.append((turn, commands.stamp()))
                case 1:
                    tag = chance.choice(tags)
                    commands.delete_tags(tag)
                    invalidated[tag] = turn
                case 2 if running:
                    began, stamp = running.pop(chance.randrange(len(running)))
                    own = chance.sample(tags, 2)
                    is_overtaken = any(invalidated[tag] > began for tag in own)
                    was_stored = commands.set("k", turn, tags=own, stamp=stamp)
                    stored += was_stored
                    assert not (was_stored and is_overtaken), f"after turn {turn}"
                case _:
                    commands.delete_tags(f"nobody's:{turn}")

        assert stored > 0


async def test_an_entry_never_gets_into_the_rows_of_another_store() -> None:
    """A call that began before ``setup`` may end with rows that belong to the store after it:

    1. a thread takes the engine of the former store;
    2. another calls ``setup``, and the function gets new rows;
    3. the first makes its call, with those, and the former store's entry would stand in them.
    """
    former, later = MemoryStore(ManualClock()), MemoryStore(ManualClock())
    entry = _entry("key", stamp=former.logical.reading)
    await former.land(entry, lambda: False)
    rows = Rows(later, Counts("get"))

    former.bind(entry, rows, 1)
    assert rows.entries == {}

    mine = Rows(former, entry.counts)
    former.bind(entry, mine, 1)
    assert mine.entries.get(1) is entry


def _entry(key: str, *, stamp: int) -> Entry[int]:
    instants = (0.0, 10.0, 10.0, 10.0, 10.0)
    return Entry(key, 1, instants=instants, tags=(), stamp=stamp, counts=Counts("get"))
