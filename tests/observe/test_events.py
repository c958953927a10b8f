"""Events reach those who listen, and cost nothing where nobody does.

"Nobody listens" is not what a new cache is: its log listens for trouble. So these tests count the
objects that are made, by putting something that counts in the place of each event's class.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from freshly import Cache, ConfigurationError
from freshly.core import engine, events, pilot
from freshly.observe import (
    Event,
    Invalidated,
    Loaded,
    LoadFailed,
    MarkedStale,
    ServedExpired,
    StoreFailed,
)
from freshly.testing import ManualClock, Stepper


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cache(clock: ManualClock) -> Cache:
    return Cache(clock=clock)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many events of each class were made since the test began."""
    counts: Counter[str] = Counter()

    def counting(kind: type[Any]) -> None:
        create = kind.__init__

        def init(self: Any, *args: Any, **kwargs: Any) -> None:
            counts[kind.__name__] += 1
            create(self, *args, **kwargs)

        monkeypatch.setattr(kind, "__init__", init)

    for kind in (Invalidated, Loaded, LoadFailed, MarkedStale, ServedExpired, StoreFailed):
        counting(kind)
    return counts


async def everything(cache: Cache, clock: ManualClock) -> None:
    """Let happen whatever makes an event, but a failure of the store."""
    outcomes: list[Any] = [1, 2, OSError("down"), OSError("down")]
    step = Stepper()

    @cache.soft("1m", soft_ttl="30s", grace="1h", tags=["t"])
    async def get() -> int:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return int(outcome)

    await get()
    clock.advance("30s")
    await get()
    await step.settle()
    clock.advance("30s")
    await get()
    await step.settle()
    clock.advance("1m")
    await get()
    await cache.mark_stale("t")
    await cache.delete_tags("t")
    await cache.delete("k")
    await cache.delete_match("*")
    await cache.clear()


async def test_the_count_can_count(cache: Cache, clock: ManualClock, made: Counter[str]) -> None:
    cache.observe(lambda event: None)

    await everything(cache, clock)

    assert made == {
        "Loaded": 2,
        "LoadFailed": 2,
        "ServedExpired": 1,
        "Invalidated": 4,
        "MarkedStale": 1,
    }


async def test_a_new_cache_makes_only_the_events_that_its_log_writes(
    cache: Cache, clock: ManualClock, made: Counter[str]
) -> None:
    await everything(cache, clock)

    assert made == {"LoadFailed": 2, "ServedExpired": 1}


async def test_of_the_kinds_that_were_asked_for_all_are_made_and_of_others_none(
    cache: Cache, clock: ManualClock, made: Counter[str]
) -> None:
    seen: list[object] = []
    cache.observe(seen.append, MarkedStale, Loaded)

    await everything(cache, clock)

    assert made == {"Loaded": 2, "MarkedStale": 1, "LoadFailed": 2, "ServedExpired": 1}
    assert [type(event) for event in seen] == [Loaded, Loaded, MarkedStale]


async def test_when_the_last_one_stops_listening_nothing_is_made_any_more(
    cache: Cache, made: Counter[str]
) -> None:
    stops = [cache.observe(lambda event: None) for _ in range(2)]
    await cache.delete_tags("a")
    stops[0]()
    await cache.delete_tags("b")
    stops[1]()
    await cache.delete_tags("c")

    assert made == {"Invalidated": 2}


async def test_a_hit_tells_nobody_also_if_somebody_listens(cache: Cache, made: Counter[str]) -> None:
    @cache("1h", tags=["t"])
    async def get(number: int) -> int:
        return number

    @cache("1h", tags=["t"])
    def blocking(number: int) -> int:
        return number

    await get(1)
    blocking(1)
    seen: list[object] = []
    cache.observe(seen.append)
    made.clear()

    for _ in range(100):
        await get(1)
        blocking(1)

    assert made == {}
    assert seen == []


async def test_a_hit_does_not_even_ask_who_listens(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    @cache("1h", tags=["t"])
    async def get(number: int) -> int:
        return number

    await get(1)
    asked: list[object] = []
    monkeypatch.setattr(cache._home, "emit", asked.append)
    monkeypatch.setattr(cache._home, "_observers", asked)

    for _ in range(100):
        await get(1)

    assert asked == []


@pytest.mark.parametrize("kind", ["Loaded", object, ValueError])
def test_what_is_no_kind_of_event_is_refused(cache: Cache, kind: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"no kind of event.*LoadFailed, LoadTimedOut, Loaded"):
        cache.observe(lambda event: None, kind)


def test_the_public_events_are_those_that_are_made() -> None:
    assert set(events.Event.__args__) == set(Event.__args__)
    assert engine.StoreFailed is StoreFailed
    assert pilot.Loaded is Loaded
