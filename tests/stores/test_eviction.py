"""Which entry leaves: the stories of S3-FIFO, told through a cache, and the order in detail.

Hit ratios on traces are measured by ``make bench``; here stands what a user may rely on.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshly import Cache
from freshly.core.counts import Counts
from freshly.core.entry import Entry
from freshly.stores.eviction import CHANCES_A_WRITE, SPARE_PLACES, SWEPT_A_STEP, Eviction, Ghosts
from freshly.stores.places import Places


def cache_of(size: int) -> Cache:
    return Cache("mem://", max_entries=size)


class Queue:
    """An eviction with the dict it works on, as a store has it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.entries: dict[str, Entry[int]] = {}
        self.eviction = Eviction(self.entries.get, size)

    def read(self, key: str) -> bool:
        """Ask for ``key`` as a cached function would; return whether it was a hit."""
        entry = self.entries.get(key)
        if entry is not None:
            entry.uses += 1
            return True
        if len(self.entries) >= self.size:
            victim = self.eviction.victim()
            assert victim is not None
            self.remove(victim.key)
        self.write(key)
        return False

    def write(self, key: str) -> None:
        entry: Entry[int] = Entry(
            key, 1, instants=(0.0, 1.0, 1.0, 1.0, 1.0), tags=(), stamp=1, counts=Counts("q")
        )
        former = self.entries.get(key)
        self.entries[key] = entry
        if former is None:
            self.eviction.add(entry)
        else:
            self.eviction.replace(former, entry)

    def remove(self, key: str) -> None:
        self.eviction.remove(self.entries.pop(key))

    @property
    def places(self) -> int:
        return len(self.eviction._probation) + len(self.eviction._main)


class TestFlood:
    def test_a_flood_of_one_time_keys_does_not_push_out_what_is_in_use(self) -> None:
        cache = cache_of(1000)
        loads: list[int] = []

        @cache("1h")
        def get(number: int) -> int:
            loads.append(number)
            return number

        for number in [*range(500)] * 2:
            get(number)
        for number in range(10_000, 60_000):
            get(number)
        loads.clear()

        for number in range(500):
            get(number)
        assert loads == []

    def test_nor_does_it_keep_hot_keys_from_coming_in(self) -> None:
        """Every other read is for a key that comes once. Of a hundred hot keys each comes again
        when more keys have passed by than there is room for; the least recently used is then
        always the next one that is needed, and nothing is ever found."""
        cache = cache_of(190)
        loads = dict.fromkeys(range(100), 0)

        @cache("1h")
        def get(number: int) -> int:
            if number in loads:
                loads[number] += 1
            return number

        cold = iter(range(1000, 10**9))
        for _ in range(20):
            for hot in loads:
                get(hot)
                get(next(cold))

        assert sum(loads.values()) <= 4 * len(loads)

    def test_what_is_no_longer_used_makes_room_for_what_is(self) -> None:
        cache = cache_of(100)

        @cache("1h")
        def get(number: int) -> int:
            return number

        for number in [*range(100)] * 3:
            get(number)
        for number in [*range(1000, 1080)] * 5:
            get(number)

        keys = [get.key(number) for number in range(1000, 1080)]
        assert sum(cache.blocking.exists(key) for key in keys) == 80


class TestOrder:
    def test_keys_that_come_again_soon_after_they_left_go_to_the_main_queue(self) -> None:
        """Nearly all: two fingerprints may want one place, and which do is up to chance."""
        queue = Queue(1000)
        for number in range(1200):
            queue.read(f"{number}")
        left = [f"{number}" for number in range(1200) if f"{number}" not in queue.entries]

        for key in left:
            queue.read(key)

        assert len(left) == 200
        assert sum(queue.entries[key].noted is not None for key in left) > 150

    def test_a_key_used_on_probation_moves_on_when_room_is_needed(self) -> None:
        queue = Queue(10)
        queue.read("used")
        queue.read("used")
        for number in range(40):
            queue.read(f"{number}")

        assert "used" in queue.entries
        assert queue.entries["used"].noted is not None

    def test_an_entry_that_was_used_before_it_was_refreshed_keeps_its_rank(self) -> None:
        queue = Queue(10)
        queue.read("refreshed")
        queue.read("refreshed")
        queue.write("refreshed")
        for number in range(40):
            queue.read(f"{number}")

        assert "refreshed" in queue.entries

    def test_a_refresh_is_no_use(self) -> None:
        """Else each entry that is refreshed behind the callers' backs would seem to be in demand."""
        queue = Queue(10)
        for number in range(10):
            queue.read(f"{number}")
        for _ in range(3):
            queue.write("0")

        for number in range(10, 20):
            queue.read(f"{number}")

        assert "0" not in queue.entries

    def test_if_all_are_in_use_one_leaves_after_so_many_chances(self) -> None:
        size = 4 * CHANCES_A_WRITE
        queue = Queue(size)
        for number in [*range(size)] * 2:
            queue.read(f"{number}")
        looks: list[str] = []
        find = queue.entries.get
        queue.eviction._find = lambda key: looks.append(key) or find(key)  # type: ignore[func-returns-value]

        victim = queue.eviction.victim()

        assert victim is not None
        assert len(looks) == CHANCES_A_WRITE + 1

    def test_an_empty_queue_has_no_victim(self) -> None:
        assert Queue(3).eviction.victim() is None


class TestPlaces:
    @given(
        st.lists(st.sampled_from(["come", "leave", "sweep", "sweep", "next"]), max_size=60),
        st.randoms(use_true_random=False),
    )
    def test_a_sweep_in_steps_changes_neither_the_order_nor_who_is_there(
        self, acts: list[str], chance: Random
    ) -> None:
        """Beside it stands a list, which is gone through as a whole each time."""
        places, known, here, numbers = Places(), list[str](), set[str](), count()
        for act in ["come"] * 5 + acts:
            if act == "come":
                # Who left does not come again: an old place would count as its own.
                key = chance.choice([f"k{next(numbers)}", *sorted(here)[:1]])
                places.append(key)
                known.append(key)
                here.add(key)
            elif act == "leave" and here:
                here.discard(chance.choice(sorted(here)))
            elif act == "sweep":
                places.sweep(chance.randrange(1, 4), here.__contains__)
            elif act == "next" and here:
                gone = next(iter(_pops(places, here)))
                assert gone == next(key for key in known if key in here)
                here.discard(gone)

        # Two whole sweeps: one may be under way.
        for _ in range(3 * len(known) + 3):
            places.sweep(3, here.__contains__)
        left = [key for key in dict.fromkeys(known) if key in here]

        assert len(places) == len(left)
        assert list(_pops(places, here)) == left

    def test_keys_that_leave_and_come_again_leave_no_places_behind(self) -> None:
        queue = Queue(100)

        for _ in range(20_000):
            queue.write("k")
            queue.remove("k")

        assert queue.places < 2000

    def test_when_all_leave_no_step_goes_by_more_than_a_few_places(
        self,
    ) -> None:
        """A million entries that expire together would else stop everyone for seconds."""
        queue = Queue(10_000)
        for number in range(10_000):
            queue.read(f"{number}")
        looks: list[str] = []
        find = queue.entries.get
        queue.eviction._find = lambda key: looks.append(key) or find(key)  # type: ignore[func-returns-value]

        most = 0
        for key in list(queue.entries):
            looks.clear()
            queue.remove(key)
            most = max(most, len(looks))

        assert 0 < most <= 2 * SWEPT_A_STEP
        assert queue.places <= 2 * SPARE_PLACES

    @pytest.mark.parametrize("seed", range(5))
    def test_whatever_happens_there_is_a_victim_as_long_as_there_is_an_entry(
        self, monkeypatch: pytest.MonkeyPatch, seed: int
    ) -> None:
        """Many random steps. Each living key has a place, or it could never leave."""
        monkeypatch.setattr("freshly.stores.eviction.SPARE_PLACES", 3)
        monkeypatch.setattr("freshly.stores.eviction.SWEPT_A_STEP", 2)
        chance = random.Random(seed)
        queue = Queue(50)
        steps: list[Callable[[str], Any]] = [queue.read, queue.read, queue.write, self._removal(queue)]
        for _ in range(20_000):
            chance.choice(steps)(f"{chance.randrange(300)}")
            while len(queue.entries) > queue.size:
                queue.remove(self._victim(queue))

        while queue.entries:
            queue.remove(self._victim(queue))

        assert queue.eviction._young == 0
        assert queue.eviction._size == 0

    def _victim(self, queue: Queue) -> str:
        victim = queue.eviction.victim()
        assert victim is not None
        return victim.key

    def _removal(self, queue: Queue) -> Callable[[str], None]:
        return lambda key: queue.remove(key) if key in queue.entries else None


class TestGhosts:
    def test_it_recalls_a_key_once(self) -> None:
        ghosts = Ghosts(10)
        ghosts.remember("a")

        assert ghosts.recall("a")
        assert not ghosts.recall("a")

    def test_it_forgets_keys_that_left_long_ago(self) -> None:
        ghosts = Ghosts(100)
        ghosts.remember("old")
        for number in range(100):
            ghosts.remember(f"{number}")

        assert not ghosts.recall("old")

    def test_it_recalls_most_of_those_that_left_lately(self) -> None:
        """A table of fixed size loses some. How many is up to chance; these bounds are wide."""
        ghosts = Ghosts(1000)
        for number in range(1000):
            ghosts.remember(f"{number}")

        assert sum(ghosts.recall(f"{number}") for number in range(500, 1000)) > 400
        assert sum(ghosts.recall(f"never:{number}") for number in range(10_000)) < 10


def _pops(places: Places, here: set[str]) -> Iterator[str]:
    """Yield what leaves in turn, but for the places of keys that are gone."""
    while len(places):
        key = places.popleft()
        if key in here:
            yield key
