"""Holds: what is loaded for a held tag is returned, and kept for nobody else.

``world.row`` is what loaders see. A writer changes it when its transaction commits, after it has
invalidated: the order that goes wrong without a hold.

At the end the same stories run over mutants, caches with one guard taken out, and have to fail there.
The names of the guards are those of docs/concepts/protocol.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest

from freshly import Cache, ConfigurationError
from freshly.core.flight import Flight
from freshly.core.holds import FREE, Hold, Holds
from freshly.core.load import Load
from freshly.core.pilot import Pilot
from freshly.core.ports import Look
from freshly.stores.memory import MemoryStore
from freshly.testing import ManualClock, Stepper, ThreadStepper


class World:
    """A row, its readers, and a cache between them."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.cache = Cache(clock=self.clock, dice=lambda: 0.0)
        self.step = Stepper()
        self.row = "old"
        self.loads = 0

    def load(self) -> str:
        self.loads += 1
        return self.row

    def slow_reader(self, tags: Iterable[str]) -> Callable[[], Awaitable[str]]:
        """Return a cached function that reads the row and then takes its time: let it ``go``."""

        @self.cache("1h", key="slow", tags=list(tags))
        async def read() -> str:
            seen = self.load()
            await self.step.stop("loading")
            return seen

        return read


@pytest.fixture
def world() -> World:
    return World()


# -- what is not stored ----------------------------------------------------------------------------


async def test_a_load_that_starts_under_a_hold_is_returned_and_not_stored(world: World) -> None:
    """Without a hold: 1. invalidate, 2. a reader stores the old row, 3. commit."""

    @world.cache("1h", tags=["t"])
    async def read() -> str:
        return world.load()

    await world.cache.delete_tags("t", hold="2s")
    assert await read() == "old"

    world.row = "new"
    assert await read() == "new"


def test_the_same_for_plain_functions(world: World) -> None:
    @world.cache("1h", tags=["t"])
    def read() -> str:
        return world.load()

    world.cache.blocking.delete_tags("t", hold="2s")
    assert read() == "old"

    world.row = "new"
    assert read() == "new"


async def test_get_or_set_obeys_too(world: World) -> None:
    await world.cache.delete_tags("t", hold="2s")

    assert await world.cache.get_or_set("k", world.load, tags=["t"]) == "old"

    assert not await world.cache.exists("k")


async def test_a_refresh_by_command_obeys_too(world: World) -> None:
    @world.cache("1h", key="k", tags=["t"])
    async def read() -> str:
        return world.load()

    await world.cache.delete_tags("t", hold="2s")

    assert await read.refresh() == "old"
    assert not await world.cache.exists("k")


async def test_what_is_not_held_is_stored_as_ever(world: World) -> None:
    @world.cache("1h", tags=["other"])
    async def read() -> str:
        return world.load()

    await world.cache.delete_tags("t", hold="2s")
    await read()
    await read()

    assert world.loads == 1


async def test_a_load_that_was_running_is_overtaken_and_not_only_held(world: World) -> None:
    read = world.slow_reader(["t"])
    reader = world.step.start(read())
    await world.step.reached("loading")

    await world.cache.delete_tags("t", hold="1s")
    world.clock.advance("1s")
    world.step.go("loading")

    assert await reader == "old"
    assert not await world.cache.exists("slow")


async def test_a_load_that_outlasts_the_hold_is_not_stored_either(world: World) -> None:
    """It read the row while the hold was on, whenever it ends."""
    read = world.slow_reader(["t"])
    await world.cache.delete_tags("t", hold="1s")
    reader = world.step.start(read())
    await world.step.reached("loading")

    world.row = "new"
    world.clock.advance("1s")
    world.step.go("loading")

    assert await reader == "old"
    assert not await world.cache.exists("slow")


async def test_tags_that_only_the_result_tells_are_covered(world: World) -> None:
    @world.cache("1h", key="k", tags=["user:{result[id]}"])
    async def read() -> dict[str, Any]:
        return {"id": 7, "row": world.load()}

    await world.cache.delete_tags("user:7", hold="2s")
    assert (await read())["row"] == "old"

    assert not await world.cache.exists("k")


async def test_tags_of_the_result_are_covered_when_the_hold_is_over_by_then(world: World) -> None:
    read = world.slow_reader(["row:{result}"])
    await world.cache.delete_tags("row:old", hold="1s")
    reader = world.step.start(read())
    await world.step.reached("loading")

    world.row = "new"
    world.clock.advance("1s")
    world.step.go("loading")
    await reader

    assert not await world.cache.exists("slow")


async def test_tags_that_a_loader_adds_are_covered(world: World) -> None:
    @world.cache("1h", key="k")
    async def read() -> str:
        world.cache.tag("t")
        return world.load()

    await world.cache.delete_tags("t", hold="2s")
    await read()

    assert not await world.cache.exists("k")


async def test_a_refresh_behind_leaves_the_older_value_when_its_new_tag_is_held(world: World) -> None:
    @world.cache.soft("1h", soft_ttl="1m", key="k", tags=["row:{result}"])
    async def read() -> str:
        return world.load()

    await read()
    world.clock.advance("1m")
    world.row = "new"
    await world.cache.delete_tags("row:new", hold="2s")

    assert await read() == "old"
    await world.step.settle()
    assert await world.cache.get("k") == "old"

    world.clock.advance("2s")
    assert await read() == "old"
    await world.step.settle()
    assert await world.cache.get("k") == "new"


async def test_a_key_can_be_held_too(world: World) -> None:
    @world.cache("1h", key="k:{number}")
    async def read(number: int) -> str:
        return world.load()

    await read(1)
    assert await world.cache.delete("k:1", hold="2s") == 1
    await read(1)
    await read(2)
    assert not await world.cache.exists("k:1")
    assert await world.cache.exists("k:2")

    world.clock.advance("2s")
    await read(1)
    assert await world.cache.exists("k:1")


@pytest.mark.parametrize("colour", ["async", "plain"])
async def test_a_writer_holds_too(world: World, colour: str) -> None:
    decorator = world.cache.invalidates("t:{number}", keys=["k:{number}"], hold="2s")

    async def write(number: int) -> None: ...

    def write_blocking(number: int) -> None: ...

    if colour == "async":
        await decorator(write)(1)
    else:
        decorator(write_blocking)(1)

    assert not await world.cache.set("a", 1, tags=["t:1"])
    assert not await world.cache.set("k:1", 1)
    world.clock.advance("2s")
    assert await world.cache.set("a", 1, tags=["t:1"])
    assert await world.cache.set("k:1", 1)


async def test_a_writer_s_hold_that_is_too_long_for_the_store_is_told_after_it_has_invalidated(
    world: World,
) -> None:
    """The store came after the decoration, and what is written is written."""

    @world.cache.invalidates("t", hold="1m")
    async def write() -> None: ...

    world.cache.setup(max_hold="10s")
    await world.cache.set("k", 1, tags=["t"])
    with pytest.raises(ConfigurationError, match="hold='1m' is longer than max_hold='10s'"):
        await write()
    assert not await world.cache.exists("k")

    with pytest.raises(ConfigurationError, match="hold='soon'"):
        world.cache.invalidates("t", hold="soon")


# -- how long --------------------------------------------------------------------------------------


async def test_at_its_end_a_hold_is_over(world: World) -> None:
    @world.cache("1h", key="k", tags=["t"])
    async def read() -> str:
        return world.load()

    await world.cache.delete_tags("t", hold="2s")
    world.clock.advance("1999ms")
    await read()
    assert not await world.cache.exists("k")

    world.clock.advance("1ms")
    await read()
    assert await world.cache.exists("k")


async def test_holds_end_by_the_clock_of_the_store(world: World) -> None:
    """A process whose own clock runs ahead does not end the holds of others."""
    the_store_s = ManualClock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("freshly.home.open_store", lambda *_: MemoryStore(the_store_s))
        world.cache.setup()

    @world.cache("1h", key="k", tags=["t"])
    async def read() -> str:
        return world.load()

    await world.cache.delete_tags("t", hold="2s")
    world.clock.advance("1h")
    await read()
    assert not await world.cache.exists("k")

    the_store_s.advance("2s")
    await read()
    assert await world.cache.exists("k")


@pytest.mark.parametrize("holds", [("3s", "1s"), ("1s", "3s")])
async def test_each_holder_has_a_hold_of_its_own(world: World, holds: tuple[str, str]) -> None:
    @world.cache("1h", key="k", tags=["t"])
    async def read() -> str:
        return world.load()

    for hold in holds:
        await world.cache.delete_tags("t", hold=hold)
    world.clock.advance("1s")
    await read()
    assert not await world.cache.exists("k")

    world.clock.advance("2s")
    await read()
    assert await world.cache.exists("k")


async def test_the_end_of_one_hold_is_not_the_end_of_another(world: World) -> None:
    """What a transaction does when it is rolled back."""
    store = world.cache._home.parts.store
    await store.invalidate(["t"], Hold("one", 10))
    await store.invalidate(["t"], Hold("other", 10))

    await store.release("one", ["t"], [])

    await world.cache.get_or_set("k", world.load, tags=["t"])
    assert not await world.cache.exists("k")
    await store.release("other", ["t"], [])
    await world.cache.get_or_set("k", world.load, tags=["t"])
    assert await world.cache.exists("k")


async def test_clear_keeps_holds(world: World) -> None:
    await world.cache.delete_tags("t", hold="2s")
    await world.cache.clear()

    await world.cache.get_or_set("k", world.load, tags=["t"])

    assert not await world.cache.exists("k")


async def test_close_keeps_holds(world: World) -> None:
    """The cache opens again by itself, and the writer is still at work."""
    await world.cache.delete_tags("t", hold="2s")
    await world.cache.close()

    await world.cache.get_or_set("k", world.load, tags=["t"])

    assert not await world.cache.exists("k")


# -- who gets the value ----------------------------------------------------------------------------


async def test_who_begins_to_read_under_the_hold_may_share_its_load(world: World) -> None:
    read = world.slow_reader(["t"])
    await world.cache.delete_tags("t", hold="2s")
    readers = [world.step.start(read())]
    await world.step.reached("loading")
    world.clock.advance("1s")
    readers += [world.step.start(read()) for _ in range(3)]
    await world.step.settle()

    world.step.go("loading")

    assert [await reader for reader in readers] == ["old"] * 4
    assert world.loads == 1


async def test_who_begins_to_read_after_the_hold_loads_anew(world: World) -> None:
    """
    1. the writer holds
    2. a load reads the old row
    3. the writer commits, and dies: nobody invalidates again
    4. the hold runs out
    5. a reader begins; the load of 2 has not ended
    """
    read = world.slow_reader(["t"])
    await world.cache.delete_tags("t", hold="1s")
    first = world.step.start(read())
    await world.step.reached("loading")
    world.row = "new"
    world.clock.advance("1s")

    second = world.step.start(read())
    await world.step.settle()
    world.step.go("loading")
    await world.step.settle()
    world.step.go("loading")

    assert (await first, await second) == ("old", "new")


async def test_who_begins_to_read_after_the_hold_of_a_tag_of_the_result_loads_anew(
    world: World,
) -> None:
    """The join is judged at its end, when the tag is known."""
    read = world.slow_reader(["row:{result}"])
    await world.cache.delete_tags("row:old", hold="1s")
    first = world.step.start(read())
    await world.step.reached("loading")
    world.row = "new"
    world.clock.advance("1s")

    second = world.step.start(read())
    await world.step.settle()
    world.step.go("loading")
    await world.step.reached("loading")
    world.step.go("loading")

    assert (await first, await second) == ("old", "new")
    assert await world.cache.get("slow") == "new"


async def test_on_threads_who_begins_to_read_after_the_hold_loads_anew(world: World) -> None:
    with ThreadStepper() as threads:

        @world.cache("1h", key="k", tags=["t"])
        def read() -> str:
            seen = world.load()
            if seen == "old":
                threads.stop("loading")
            return seen

        world.cache.blocking.delete_tags("t", hold="1s")
        first = threads.start(read)
        threads.reached("loading")
        world.row = "new"
        world.clock.advance("1s")

        assert read() == "new"
        threads.go("loading")
        assert first.result(20) == "old"
        assert world.cache.blocking.get("k") == "new"


# -- what is made of it ----------------------------------------------------------------------------


async def test_what_is_made_of_a_held_value_is_not_stored_either(world: World) -> None:
    """The outer entry has none of the held names, so nothing else would keep it out."""

    @world.cache("1h", key="inner")
    async def inner() -> str:
        return world.load()

    @world.cache("1h", key="middle")
    async def middle() -> str:
        return await inner()

    @world.cache("1h", key="outer")
    async def outer() -> str:
        return await middle()

    await world.cache.delete("inner", hold="2s")
    assert await outer() == "old"

    for key in ("inner", "middle", "outer"):
        assert not await world.cache.exists(key)


async def test_what_is_made_of_a_held_value_is_not_shared_after_the_hold(world: World) -> None:
    @world.cache("1h", key="inner")
    async def inner() -> str:
        return world.load()

    @world.cache("1h", key="outer")
    async def outer() -> str:
        seen = await inner()
        await world.step.stop("outer")
        return seen

    await world.cache.delete("inner", hold="1s")
    first = world.step.start(outer())
    await world.step.reached("outer")
    world.row = "new"
    world.clock.advance("1s")
    second = world.step.start(outer())
    await world.step.settle()
    world.step.go("outer")
    await world.step.reached("outer")
    world.step.go("outer")

    assert (await first, await second) == ("old", "new")


async def test_who_waits_for_a_held_load_inside_of_one_is_not_stored_either(world: World) -> None:
    @world.cache("1h", key="inner")
    async def inner() -> str:
        seen = world.load()
        await world.step.stop("inner")
        return seen

    @world.cache("1h", key="{name}")
    async def outer(name: str) -> str:
        return await inner()

    await world.cache.delete("inner", hold="1m")
    readers = [world.step.start(outer(name)) for name in ("one", "other")]
    await world.step.reached("inner")
    await world.step.settle()
    world.step.go("inner")
    assert [await reader for reader in readers] == ["old", "old"]

    assert world.loads == 1
    assert not await world.cache.exists("one")
    assert not await world.cache.exists("other")


# -- by hand ---------------------------------------------------------------------------------------


async def test_what_is_set_under_a_hold_is_not_stored_and_what_was_there_goes(world: World) -> None:
    await world.cache.set("k", "older")
    await world.cache.delete_tags("t", hold="2s")

    assert await world.cache.set("k", "old", tags=["t"]) is False
    assert await world.cache.get("k") is None

    world.clock.advance("2s")
    assert await world.cache.set("k", "new", tags=["t"]) is True


async def test_with_a_stamp_the_moment_of_the_stamp_counts(world: World) -> None:
    """The row was read under the hold, and the hold is over when it is set."""
    await world.cache.set("k", "older")
    await world.cache.delete_tags("t", hold="1s")
    stamp = await world.cache.stamp()
    seen = world.row
    world.row = "new"
    world.clock.advance("1s")

    assert await world.cache.set("k", seen, tags=["t"], stamp=stamp) is False
    assert await world.cache.get("k") is None

    stamp = await world.cache.stamp()
    assert await world.cache.set("k", world.row, tags=["t"], stamp=stamp) is True


async def test_with_a_stamp_a_held_key_counts(world: World) -> None:
    await world.cache.delete("k", hold="1s")
    stamp = await world.cache.stamp()
    world.clock.advance("1s")

    assert await world.cache.set("k", "old", stamp=stamp) is False


async def test_with_a_stamp_from_before_the_hold_it_is_overtaken(world: World) -> None:
    stamp = await world.cache.stamp()
    await world.cache.delete_tags("t", hold="1s")
    world.clock.advance("1s")

    assert await world.cache.set("k", "old", tags=["t"], stamp=stamp) is False


# -- what may be asked -----------------------------------------------------------------------------


@pytest.mark.parametrize("hold", [2, 2.0, "2s", timedelta(seconds=2)])
async def test_a_hold_is_a_duration_like_any_other(world: World, hold: Any) -> None:
    await world.cache.delete_tags("t", hold=hold)
    world.clock.advance("1999ms")
    assert await world.cache.set("k", 1, tags=["t"]) is False
    world.clock.advance("1ms")
    assert await world.cache.set("k", 1, tags=["t"]) is True


@pytest.mark.parametrize("verb", ["delete_tags", "delete"])
async def test_a_hold_is_no_longer_than_the_store_allows(world: World, verb: str) -> None:
    await world.cache.set("t", 1, tags=["t"])

    with pytest.raises(ConfigurationError) as caught:
        await getattr(world.cache, verb)("t", hold="61s")

    for words in ("hold='61s'", "max_hold='1m'", "setup(..., max_hold='61s')"):
        assert words in str(caught.value)
    assert await world.cache.exists("t")
    await getattr(world.cache, verb)("t", hold="1m")


@pytest.mark.parametrize("url", ["mem://?max_hold=10m", "mem://"])
async def test_how_long_a_hold_may_be_is_an_option_of_the_store(world: World, url: str) -> None:
    world.cache.setup(url, **({} if "?" in url else {"max_hold": "10m"}))

    await world.cache.delete_tags("t", hold="10m")
    with pytest.raises(ConfigurationError, match="max_hold='10m'"):
        await world.cache.delete_tags("t", hold="601s")


@pytest.mark.parametrize("hold", ["2", 0, -1, True, "soon", ""])
async def test_what_is_no_duration_is_refused_and_nothing_is_invalidated(
    world: World, hold: Any
) -> None:
    await world.cache.set("t", 1, tags=["t"])

    for verb in (world.cache.delete_tags, world.cache.delete):
        with pytest.raises(ConfigurationError, match="hold="):
            await verb("t", hold=hold)

    assert await world.cache.exists("t")


# -- what is remembered ----------------------------------------------------------------------------


def test_holds_that_are_over_are_forgotten_in_passes() -> None:
    holds = Holds()

    for number in range(10_000):
        holds.add(Hold(str(number), 1.0), number, [f"t:{number}"], [])

    assert len(holds) < 200


def test_what_a_load_saw_held_stays_so_for_it_when_holds_end() -> None:
    holds = Holds()
    holds.add(Hold("a", 1.0), 0.0, ["t"], ["k"])
    seen = holds.at(0.5)
    assert seen.until(["t"]) == seen.until([], "k") == 1.0

    holds.release("a")
    assert seen.until(["t"]) == seen.until([], "k") == 1.0
    assert holds.at(0.5).until(["t"]) is None

    holds.add(Hold("a", 1.0), 0.0, ["t"], [])
    seen = holds.at(0.5)
    for number in range(1000):
        holds.add(Hold(str(number), 1.0), 10.0 + number, [f"t:{number}"], [])
    assert seen.until(["t"]) == 1.0


def test_a_key_and_a_tag_of_one_name_are_two_things() -> None:
    holds = Holds()
    holds.add(Hold("a", 1.0), 0.0, ["n"], [])

    assert holds.at(0.0).until([], "n") is None
    assert holds.at(0.0).until(["n"]) == 1.0


def test_of_several_holds_the_first_to_end_counts_and_one_s_own_do_not() -> None:
    holds = Holds()
    holds.add(Hold("a", 3.0), 0.0, ["t"], [])
    holds.add(Hold("b", 1.0), 0.0, ["u"], [])

    assert holds.at(0.0).until(["t", "u"]) == 1.0
    assert holds.at(1.0).until(["t", "u"]) == 3.0
    assert holds.at(0.0, besides=["b"]).until(["t", "u"]) == 3.0
    assert holds.at(0.0, besides=["a", "b"]).until(["t", "u"]) is None


# -- mutants ---------------------------------------------------------------------------------------


def without_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Holds, "at", lambda self, now, besides=(): FREE)


def without_hold_map(monkeypatch: pytest.MonkeyPatch) -> None:
    """One hold a name: the last one wins, and whoever ends one ends all."""
    add = Holds.add

    def one_for_all(self: Holds, hold: Hold, *rest: Any) -> None:
        add(self, Hold("any", hold.seconds), *rest)

    monkeypatch.setattr(Holds, "add", one_for_all)
    monkeypatch.setattr(Holds, "release", lambda self, token: self._keep(lambda *_: False))


def without_hold_by_server_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process judges holds by its own clock."""
    look = Pilot.fly

    async def fly(self: Pilot, flight: Flight, call: Any, seen: Look) -> None:
        end = seen.held.until(call.tags, call.key)
        is_over = end is not None and self._runtime.now() >= end
        await look(self, flight, call, seen._replace(held=FREE) if is_over else seen)

    monkeypatch.setattr(Pilot, "fly", fly)


class OnlyKnown:
    def __init__(self, end: float | None) -> None:
        self._end = end

    def until(self, tags: Iterable[str], key: str | None = None) -> float | None:
        return self._end


def without_hold_covers_result_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    fly = Pilot.fly

    async def knows_only(self: Pilot, flight: Flight, call: Any, look: Look) -> None:
        known = OnlyKnown(look.held.until(call.tags, call.key))
        await fly(self, flight, call, look._replace(held=known))

    monkeypatch.setattr(Pilot, "fly", knows_only)


def judged_when_it_lands(monkeypatch: pytest.MonkeyPatch) -> None:
    """A load asks for holds when it ends, and not when it starts."""
    fly = Pilot.fly

    async def asks_late(self: Pilot, flight: Flight, call: Any, look: Look) -> None:
        store: Any = self._store

        class Late:
            def until(self, tags: Iterable[str], key: str | None = None) -> float | None:
                found: float | None = store._holds.at(store.clock.now()).until(tags, key)
                return found

        await fly(self, flight, call, look._replace(held=Late()))

    monkeypatch.setattr(Pilot, "fly", asks_late)


def without_clear_keeps_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    clear = MemoryStore.clear

    async def forgets(self: MemoryStore) -> int:
        self._holds = Holds()
        return await clear(self)

    monkeypatch.setattr(MemoryStore, "clear", forgets)


def without_join_respects_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flight, "answers_at", lambda self, now: True)


def without_unstorable_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    collect = Load.collect

    def forgets(self: Load, *args: Any, held_until: float | None = None, **rest: Any) -> None:
        collect(self, *args, **rest)

    monkeypatch.setattr(Load, "collect", forgets)


def stamps_know_no_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(self: MemoryStore, besides: Iterable[str] = ()) -> Any:
        return FREE

    monkeypatch.setattr(MemoryStore, "held", nothing)


Story = Callable[..., Awaitable[None]]

MUTANTS: list[tuple[Callable[[pytest.MonkeyPatch], None], Story]] = [
    (without_hold, test_a_load_that_starts_under_a_hold_is_returned_and_not_stored),
    (without_hold, test_a_key_can_be_held_too),
    (without_hold_map, test_the_end_of_one_hold_is_not_the_end_of_another),
    (without_hold_by_server_clock, test_holds_end_by_the_clock_of_the_store),
    (without_hold_covers_result_tags, test_tags_that_only_the_result_tells_are_covered),
    (without_hold_covers_result_tags, test_tags_that_a_loader_adds_are_covered),
    (judged_when_it_lands, test_a_load_that_outlasts_the_hold_is_not_stored_either),
    (judged_when_it_lands, test_tags_of_the_result_are_covered_when_the_hold_is_over_by_then),
    (without_clear_keeps_holds, test_clear_keeps_holds),
    (without_join_respects_hold, test_who_begins_to_read_after_the_hold_loads_anew),
    (
        without_join_respects_hold,
        test_who_begins_to_read_after_the_hold_of_a_tag_of_the_result_loads_anew,
    ),
    (without_unstorable_is_inherited, test_what_is_made_of_a_held_value_is_not_stored_either),
    (without_unstorable_is_inherited, test_what_is_made_of_a_held_value_is_not_shared_after_the_hold),
    (
        without_unstorable_is_inherited,
        test_who_waits_for_a_held_load_inside_of_one_is_not_stored_either,
    ),
    (stamps_know_no_holds, test_with_a_stamp_the_moment_of_the_stamp_counts),
    (stamps_know_no_holds, test_with_a_stamp_a_held_key_counts),
    (without_hold, test_what_is_set_under_a_hold_is_not_stored_and_what_was_there_goes),
]


@pytest.mark.parametrize(("mutant", "story"), MUTANTS)
async def test_with_a_guard_taken_out_the_story_ends_badly(
    monkeypatch: pytest.MonkeyPatch,
    mutant: Callable[[pytest.MonkeyPatch], None],
    story: Story,
    world: World,
) -> None:
    mutant(monkeypatch)

    with pytest.raises(AssertionError):
        await story(world)
