"""The memory store keeps the contract that all stores keep, and a store with a fault does not.

A contract that cannot fail would be worth nothing. So each fault here is one that a store might
really have, in an otherwise right one, and names the story that has to find it.
"""

from __future__ import annotations

import inspect
import json
import unicodedata
import unittest
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatch
from threading import Event, Lock
from typing import Any

import pytest

from freshly.core.entry import Entry
from freshly.core.holds import FREE, Hold, Holds
from freshly.core.ports import Look, Store
from freshly.core.shape import ANY, Shape
from freshly.runtime.clock import SystemClock
from freshly.stores.memory import MemoryStore
from freshly.testing import ManualClock, SharedStoreContract, StoreContract


class TestMemory(StoreContract):
    async def open_store(self, namespace: str) -> Store:
        self.clock = ManualClock()
        return MemoryStore(self.clock)

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)


class TestMemoryStepped(TestMemory):
    colour = "blocking"


@pytest.mark.real_time
class TestMemoryInRealTime(StoreContract):
    """What an author gets who cannot move the clock: the stories wait."""

    moment = 0.02

    async def open_store(self, namespace: str) -> Store:
        return MemoryStore(SystemClock())


@pytest.mark.real_time
class TestMemoryInRealTimeStepped(TestMemoryInRealTime):
    colour = "blocking"


# -- stores with a fault ------------------------------------------------------------------------


class LandsWhatWasOvertaken(MemoryStore):
    async def land(self, entry: Entry[Any], unless: Callable[[], bool]) -> bool:
        entry.seen = await self.stamp()
        return await super().land(entry, unless)


class LandsWhatIsCalledOff(MemoryStore):
    async def land(self, entry: Entry[Any], unless: Callable[[], bool]) -> bool:
        return await super().land(entry, lambda: False)


class HearsOfNoReads(MemoryStore):
    async def renew(self, entries: Iterable[Entry[Any]], now: float) -> None:
        return


class RenewsWithoutEnd(MemoryStore):
    async def renew(self, entries: Iterable[Entry[Any]], now: float) -> None:
        for entry in entries:
            life = (entry.born, entry.early_at, entry.stale_at, now + 60, now + 60, entry.load_seconds)
            entry._life = life


class RenewsWhatIsGone(MemoryStore):
    async def renew(self, entries: Iterable[Entry[Any]], now: float) -> None:
        for entry in entries:
            entry.renew(now)
            self._add(entry)


class JudgesOnlyTheTagsThatWereAskedFor(MemoryStore):
    async def look(self, key: str, tags: Iterable[str] = ()) -> Look:
        self.asked = set(tags)
        return await super().look(key, tags)

    async def land(self, entry: Entry[Any], unless: Callable[[], bool]) -> bool:
        known = [tag for tag in entry.tags if tag in self.asked]
        if self.logical.overtaken(entry.seen, known, entry.key):
            return False
        entry.seen = await self.stamp()
        return await super().land(entry, unless)


class FindsEntriesThatLackATag(MemoryStore):
    async def look(self, key: str, tags: Iterable[str] = ()) -> Look:
        return await super().look(key)


class DeletesWithoutAMark(MemoryStore):
    async def delete(self, keys: Iterable[str]) -> int:
        return sum(self._drop(self._entries.get(key)) for key in keys)


class DeletesAGlobWithoutAMark(MemoryStore):
    async def delete_match(self, pattern: str) -> int:
        return await self.delete([key for key in self._entries if fnmatch(key, pattern)])


class MatchesTheBeginningOfAKey(MemoryStore):
    async def delete_match(self, pattern: str) -> int:
        return await super().delete_match(f"{pattern}*")


class CountsWhatNobodyWouldBeServed(MemoryStore):
    async def delete(self, keys: Iterable[str]) -> int:
        keys = list(keys)
        count = sum(key in self._entries for key in keys)
        await super().delete(keys)
        return count


class ClearsOnlyWhatIsThere(MemoryStore):
    async def clear(self) -> int:
        for key in list(self._entries):
            await self.delete([key])
        return await self.stamp()


class PutsWithoutAMark(MemoryStore):
    async def put(self, entry: Entry[Any], *, is_stamped: bool) -> bool:
        if is_stamped:
            return await super().put(entry, is_stamped=True)
        entry.seen = await self.stamp()
        return await self.land(entry, lambda: False)


class PutsWhatWasOvertaken(MemoryStore):
    async def put(self, entry: Entry[Any], *, is_stamped: bool) -> bool:
        return await super().put(entry, is_stamped=False)


class MarksOnlyWhatIsThere(MemoryStore):
    async def mark_stale(self, tags: Iterable[str]) -> int:
        for entry in self.living():
            if set(tags) & set(entry.tags):
                entry.mark_stale()
        return await self.stamp()


class RevivesWhatIsMarkedStale(MemoryStore):
    async def mark_stale(self, tags: Iterable[str]) -> int:
        for entry in self.living():
            entry.mark_stale()
            entry.expires_at += 10_000
        return await super().mark_stale(tags)


class RemembersValidityForEver(MemoryStore):
    async def look(self, key: str, tags: Iterable[str] = ()) -> Look:
        found = await super().look(key, tags)
        if found.entry is not None:
            found.entry.seen = 1 << 60
        return found


class KeepsTheDead(MemoryStore):
    async def land(self, entry: Entry[Any], unless: Callable[[], bool]) -> bool:
        entry.dead_at += 10_000
        return await super().land(entry, unless)


class DropsTheExpired(MemoryStore):
    async def land(self, entry: Entry[Any], unless: Callable[[], bool]) -> bool:
        entry.dead_at = entry.expires_at
        return await super().land(entry, unless)


class ForgetsMarksAndKeepsTheFloor(MemoryStore):
    async def tidy(self, oldest: Callable[[], int | None]) -> None:
        self.logical._hard.clear()


class ForgetsRunningLoads(MemoryStore):
    async def tidy(self, oldest: Callable[[], int | None]) -> None:
        await super().tidy(lambda: None)


class SaysThatNothingWasOvertaken(MemoryStore):
    async def overtaken(self, stamp: int, tags: Iterable[str]) -> bool:
        return False


class LetsEveryFlightBeJoined(MemoryStore):
    async def look(self, key: str, tags: Iterable[str] = ()) -> Look:
        return (await super().look(key, tags))._replace(overtakes=lambda *_: False)


class HoldsNothing(MemoryStore):
    async def look(self, key: str, tags: Iterable[str] = ()) -> Look:
        return (await super().look(key, tags))._replace(held=FREE)


class HoldsOnlyWhatIsAskedFor(MemoryStore):
    async def look(self, key: str, tags: Iterable[str] = ()) -> Look:
        found = await super().look(key, tags)
        end = found.held.until(tags, key)
        return found._replace(held=Fixed(end))


class Fixed:
    def __init__(self, end: float | None) -> None:
        self._end = end

    def until(self, tags: Iterable[str], key: str | None = None) -> float | None:
        return self._end


class HoldsForEver(MemoryStore):
    def _hold(self, hold: Hold | None, **names: Any) -> None:
        super()._hold(hold and Hold(hold.token, 10_000), **names)


class EndsEverybodysHolds(MemoryStore):
    async def release(self, token: str, tags: Iterable[str], keys: Iterable[str]) -> None:
        self._holds = Holds()


class ForgetsHoldsOnClear(MemoryStore):
    async def clear(self) -> int:
        self._holds = Holds()
        return await super().clear()


class ReleasesForAnybody(MemoryStore):
    async def release_lease(self, name: str, token: str) -> bool:
        return self._leases._leases.pop(name, None) is not None


class RenewsForAnybody(MemoryStore):
    async def renew_lease(self, name: str, token: str, seconds: float) -> bool:
        self._leases._leases[name] = token, self.clock.now() + seconds
        return True


class GivesLeasesForEver(MemoryStore):
    async def take_lease(self, name: str, token: str, seconds: float) -> float | None:
        return await super().take_lease(name, token, 10_000)


class DropsLeasesOnClear(MemoryStore):
    async def clear(self) -> int:
        self._leases._leases.clear()
        return await super().clear()


class BelievesThatNobodyElseMovedTheClock(MemoryStore):
    def follows(self, earlier: int, later: int, advances: int) -> bool:
        return True


class PutsUnderAHold(MemoryStore):
    def _is_held(self, entry: Entry[Any]) -> bool:
        return False


class Renaming(MemoryStore):
    """A store that takes some names for others."""

    def renamed(self, name: str) -> str:
        return name

    async def look(self, key: str, tags: Iterable[str] = ()) -> Look:
        return await super().look(self.renamed(key), [self.renamed(tag) for tag in tags])

    async def land(self, entry: Entry[Any], unless: Callable[[], bool]) -> bool:
        entry.key, entry.tags = self.renamed(entry.key), tuple(map(self.renamed, entry.tags))
        return await super().land(entry, unless)

    async def invalidate(self, tags: Iterable[str]) -> int:
        return await super().invalidate([self.renamed(tag) for tag in tags])

    async def delete(self, keys: Iterable[str]) -> int:
        return await super().delete([self.renamed(key) for key in keys])


class StripsNames(Renaming):
    def renamed(self, name: str) -> str:
        return name.strip()


class NormalisesNames(Renaming):
    def renamed(self, name: str) -> str:
        return unicodedata.normalize("NFC", name)


class CutsNames(Renaming):
    def renamed(self, name: str) -> str:
        return name[:255]


class EndsNamesAtNul(Renaming):
    def renamed(self, name: str) -> str:
        return name.partition("\0")[0]


class ReplacesSurrogates(Renaming):
    def renamed(self, name: str) -> str:
        return name.encode("utf-8", "replace").decode()


class RaisesWhatItsEncoderRaises(Renaming):
    def renamed(self, name: str) -> str:
        return name.encode().decode()


class MixesKeysAndTags(MemoryStore):
    async def delete(self, keys: Iterable[str]) -> int:
        keys = list(keys)
        await self.invalidate(keys)
        return await super().delete(keys)


class WritesJson(MemoryStore):
    async def land(self, entry: Entry[Any], unless: Callable[[], bool]) -> bool:
        entry.value = json.loads(json.dumps(entry.value, default=str))
        return await super().land(entry, unless)


class StaysClosed(MemoryStore):
    is_closed = False

    async def close(self) -> None:
        self.is_closed = True

    async def look(self, key: str, tags: Iterable[str] = ()) -> Look:
        assert not self.is_closed, "closed"
        return await super().look(key, tags)


class LooksInAnOrderOfItsOwn(MemoryStore):
    async def look_many(
        self, asked: Sequence[tuple[str, Iterable[str]]], shape: Shape = ANY
    ) -> list[Look]:
        return await super().look_many(sorted(asked, key=lambda one: one[0]), shape)


class LandsAllOrNothing(MemoryStore):
    async def land_many(
        self, landings: Sequence[tuple[Entry[Any], Callable[[], bool]]], shape: Shape = ANY
    ) -> list[bool]:
        landed = await super().land_many(landings, shape)
        return [all(landed)] * len(landed)


class PutsManyAsOfTheirStamps(MemoryStore):
    async def put_many(
        self, entries: Sequence[Entry[Any]], *, is_stamped: bool, shape: Shape = ANY
    ) -> list[bool]:
        return await super().put_many(entries, is_stamped=True, shape=shape)


class LosesWhatIsInherited(MemoryStore):
    def inherit(self, stamp: int, handed_on: object) -> int:
        return self.reading


class AsksAndStoresInTwoSteps(MemoryStore):
    """Between its question and its answer another thread may invalidate; here all of them do."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.asked, self.all_invalidated, self.lock = Event(), Event(), Lock()

    async def land(self, entry: Entry[Any], unless: Callable[[], bool]) -> bool:
        if self.logical.overtaken(entry.seen, entry.tags, entry.key):
            return False
        self.asked.set()
        assert self.all_invalidated.wait(20)
        entry.seen = await self.stamp()
        self._add(entry)
        return True

    async def invalidate(self, tags: Iterable[str]) -> int:
        assert self.asked.wait(20)
        with self.lock:
            reading = await super().invalidate(tags)
            if self.invalidations == 40:
                self.all_invalidated.set()
            return reading


FAULTS = [
    (LandsWhatWasOvertaken, "test_a_load_that_an_invalidation_overtook_does_not_land"),
    (LandsWhatIsCalledOff, "test_a_landing_that_is_called_off_stores_nothing"),
    (HearsOfNoReads, "test_reads_renew_what_slides_up_to_its_greatest_age"),
    (RenewsWithoutEnd, "test_reads_renew_what_slides_up_to_its_greatest_age"),
    (RenewsWhatIsGone, "test_what_is_gone_is_not_brought_back_and_what_is_newer_is_left"),
    (JudgesOnlyTheTagsThatWereAskedFor, "test_a_tag_that_only_the_result_tells_is_covered_"),
    (FindsEntriesThatLackATag, "test_an_entry_without_a_tag_that_is_asked_for_is_not_found"),
    (DeletesWithoutAMark, "test_a_load_of_a_key_that_was_deleted_does_not_land"),
    (DeletesAGlobWithoutAMark, "test_a_load_of_a_key_that_a_glob_matched_does_not_land"),
    (MatchesTheBeginningOfAKey, "test_delete_match_is_a_glob_over_the_whole_key"),
    (CountsWhatNobodyWouldBeServed, "test_delete_counts_what_could_have_been_served"),
    (ClearsOnlyWhatIsThere, "test_a_load_from_before_clear_does_not_land"),
    (PutsWithoutAMark, "test_a_put_beats_a_load_that_is_running"),
    (PutsWhatWasOvertaken, "test_a_stamped_put_is_overtaken_by_whatever_invalidates"),
    (MarksOnlyWhatIsThere, "test_a_load_that_mark_stale_overtook_lands_and_is_stale"),
    (RevivesWhatIsMarkedStale, "test_mark_stale_brings_nothing_back"),
    (RemembersValidityForEver, "test_it_reaches_entries_that_were_found_since_they_landed"),
    (KeepsTheDead, "test_an_entry_is_found_until_it_is_dead_and_not_after"),
    (DropsTheExpired, "test_a_stale_and_an_expired_entry_are_handed_out"),
    (ForgetsMarksAndKeepsTheFloor, "test_tidying_makes_nothing_valid_again"),
    (ForgetsRunningLoads, "test_tidying_lets_the_oldest_running_load_land"),
    (SaysThatNothingWasOvertaken, "test_overtaken_tells_what_was_invalidated_after_a_stamp"),
    (LetsEveryFlightBeJoined, "test_a_look_tells_whether_a_flight_may_be_joined"),
    (HoldsNothing, "test_a_look_tells_until_when_its_tags_are_held"),
    (HoldsOnlyWhatIsAskedFor, "test_tags_that_the_look_did_not_ask_for_are_covered"),
    (HoldsForEver, "test_it_ends_by_itself"),
    (EndsEverybodysHolds, "test_a_holder_ends_its_own_holds_and_no_other"),
    (ForgetsHoldsOnClear, "test_clear_keeps_holds"),
    (ReleasesForAnybody, "test_its_holder_gives_it_back_and_nobody_else_does"),
    (RenewsForAnybody, "test_its_holder_renews_it_and_nobody_else_does"),
    (GivesLeasesForEver, "test_a_lease_runs_out_by_itself"),
    (DropsLeasesOnClear, "test_names_of_leases_meet_no_keys"),
    (BelievesThatNobodyElseMovedTheClock, "test_a_store_that_can_tell_that_nobody_else_moved_"),
    (PutsUnderAHold, "test_what_is_put_by_hand_under_a_hold_is_not_stored"),
    (StripsNames, "test_odd_keys_are_kept_apart"),
    (NormalisesNames, "test_odd_tags_are_invalidated_alone"),
    (CutsNames, "test_long_names_are_told_apart_at_their_ends"),
    (EndsNamesAtNul, "test_odd_keys_are_kept_apart"),
    (ReplacesSurrogates, "test_a_lone_surrogate_is_refused_or_kept_like_any_letter"),
    (RaisesWhatItsEncoderRaises, "test_a_lone_surrogate_is_refused_or_kept_like_any_letter"),
    (MixesKeysAndTags, "test_a_key_and_a_tag_of_one_name_are_two_things"),
    (WritesJson, "test_values_come_back_equal_and_of_the_same_type"),
    (LooksInAnOrderOfItsOwn, "test_looks_come_in_the_order_of_the_keys"),
    (LandsAllOrNothing, "test_each_landing_is_judged_alone"),
    (PutsManyAsOfTheirStamps, "test_values_of_now_may_have_tags_that_were_invalidated_before"),
    (LosesWhatIsInherited, "test_a_value_made_of_another_that_was_overtaken_is_not_served"),
    (StaysClosed, "test_a_store_that_was_closed_opens_again_when_it_is_used"),
]


def broken_by(contract: StoreContract) -> dict[str, BaseException]:
    """Run every story as a bare loop would, and return those that failed."""
    broken: dict[str, BaseException] = {}
    for name in sorted(dir(contract)):
        if name.startswith("test_"):
            try:
                getattr(contract, name)()
            except Exception as error:
                broken[name] = error
    return broken


def contract_of(make: Callable[[ManualClock], Store], colour: Any) -> StoreContract:
    class Contract(TestMemory):
        async def open_store(self, namespace: str) -> Store:
            self.clock = ManualClock()
            return make(self.clock)

    contract = Contract()
    contract.colour = colour
    return contract


@pytest.mark.parametrize("colour", ["async", "blocking"])
@pytest.mark.parametrize(("store", "story"), FAULTS, ids=[store.__name__ for store, _ in FAULTS])
def test_a_store_with_a_fault_breaks_the_contract(
    store: type[MemoryStore], story: str, colour: str
) -> None:
    broken = broken_by(contract_of(store, colour))

    assert any(name.startswith(story) for name in broken), sorted(broken)


def test_a_fault_that_only_threads_meet_is_found_by_many_callers_at_once() -> None:
    contract = contract_of(AsksAndStoresInTwoSteps, "blocking")

    with pytest.raises(AssertionError, match="out of date, first Violation"):
        contract.test_many_callers_at_once_keep_the_promise()


def test_stores_of_different_namespaces_that_meet_break_the_contract() -> None:
    class OneForAll(TestMemory):
        shared = MemoryStore(ManualClock())

        async def open_store(self, namespace: str) -> Store:
            self.clock = self.shared.clock  # type: ignore[assignment]
            return self.shared

    assert "test_two_namespaces_share_nothing" in broken_by(OneForAll())


def test_stores_of_one_namespace_that_do_not_meet_break_the_contract_of_shared_ones() -> None:
    class Alone(SharedStoreContract):
        async def open_store(self, namespace: str) -> Store:
            self.clock = ManualClock()
            return MemoryStore(self.clock)

        async def pass_time(self, seconds: float) -> None:
            self.clock.advance(seconds)

    assert broken_by(Alone()).keys() == {
        "test_what_one_loads_the_other_finds",
        "test_what_one_invalidates_is_invalid_for_the_other",
        "test_what_one_marks_stale_is_stale_for_the_other",
        "test_when_one_closes_the_other_goes_on",
        "test_a_load_of_one_that_the_other_overtook_does_not_land",
    }


def test_stores_of_one_namespace_that_are_one_keep_the_contract_of_shared_ones() -> None:
    """Two handles of one memory store stand for two processes with one server."""

    class Handle:
        def __init__(self, store: MemoryStore) -> None:
            self._store = store

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        async def close(self) -> None: ...

    class Together(SharedStoreContract):
        def __init__(self) -> None:
            self.clock = ManualClock()
            self.stores: dict[str, MemoryStore] = {}

        async def open_store(self, namespace: str) -> Store:
            store = self.stores.setdefault(namespace, MemoryStore(self.clock))
            handle: Any = Handle(store)
            return handle  # type: ignore[no-any-return]

        async def pass_time(self, seconds: float) -> None:
            self.clock.advance(seconds)

    assert broken_by(Together()) == {}


def test_a_story_is_a_plain_method_without_arguments_for_any_runner() -> None:
    class Case(TestMemory, unittest.TestCase):
        pass

    assert not inspect.signature(TestMemory().test_none_is_a_value).parameters
    outcome = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(outcome)
    assert (outcome.errors, outcome.failures) == ([], [])
    assert outcome.testsRun > 70
