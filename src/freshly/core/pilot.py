"""The pilot of a flight: it runs the loader, makes an entry of the value, and lands it.

Nothing here asks whether a value may be served; that is the engine's. What a pilot sees to is that
the flight ends whatever happens, and that its outcome says which: a value, the loader's error, or
an interruption, which says nothing about the value.
"""

from __future__ import annotations

from typing import Any

from ..errors import ConfigurationError, DeadlockError, NotModified, StoreError
from .claim import Claims
from .entry import Entry
from .events import Emit, Loaded, LoadFailed, StoreFailed
from .flight import Flight, Flights
from .holds import FREE, earliest
from .lifetime import Lifetime
from .load import Load, current_load, leave_load
from .pauses import Pauses
from .ports import Look, Reading, Runtime, Store
from .raised import Raised
from .recipe import Call, Recipe
from .special import SpecialEntry
from .wishes import Wishes


class Pilot:
    def __init__(
        self,
        store: Store,
        runtime: Runtime,
        flights: Flights,
        pauses: Pauses,
        emit: Emit,
    ) -> None:
        self._store = store
        self._runtime = runtime
        self._flights = flights
        self._pauses = pauses
        self._emit = emit
        self.claims = Claims(store, runtime, flights, emit)

    async def fly(self, flight: Flight, call: Call, look: Look) -> None:
        """Run the loader and store its value. Ends the flight, whatever happens."""
        parent = None if flight.is_background else current_load.get()
        load = Load(self._flights, flight, parent)
        token = current_load.set(load)
        claims = None if self._store.leases is None else self.claims
        counts, began = call.recipe.counts, self._runtime.now()
        stored, is_ours, seconds = False, True, 0.0
        # By the tags known so far, for who would join now; again by all of them when it lands.
        held = look.held
        flight.held_until = None if held is FREE else held.until(call.tags, call.key)
        try:
            if claims is not None:
                look, is_ours = await claims.turn(flight, call, look)
                flight.held_until = look.held.until(call.tags, call.key)
                began = self._runtime.now()
            if is_ours:
                counts.loads += 1
                load.look = look
                flight.value = await self._run_loader(flight, call, load)
                seconds = self._runtime.now() - began
                entry = self._made(flight, call, look, load, seconds)
                stored = entry is not None and await self._store_landed(flight, call, entry)
                self._pauses.end(call.key)
            else:
                take_over(flight, look)
            if claims is not None:
                await claims.end(call)
        except Exception as error:
            flight.fail(error)
            self._tag(flight, call, look, load)
            counts.load_errors += 1
            seconds = self._runtime.now() - began
            self._pause(call, look, seconds)
            await self.claims.end(call)
        except BaseException as error:
            self.claims.drop(call)
            flight.interruption = error
            flight.is_abandoned = True
            raise
        finally:
            load.is_over = True
            self._flights.end(flight)
            leave_load(token)
        # After the end, which nobody boards any more.
        if flight.bid is not None:
            await self.claims.give_back((call, flight.bid))
        # And who hears of it finds the flight over.
        if is_ours:
            self._tell(flight, call, seconds, stored=stored)

    async def _run_loader(self, flight: Flight, call: Call, load: Load) -> Any:
        flight.ticket = self._flights.ticket()
        try:
            value = await call.loader()
        except NotModified:
            value = NotModified
        except DeadlockError:
            # A mistake in the code, which an older value must not hide.
            raise
        except Exception as error:
            if self._is_answer(flight, call, error):
                return None
            flight.loader_failed = True
            raise
        if value is NotModified or isinstance(value, NotModified):
            return _confirmed(call, load)
        return value

    def _is_answer(self, flight: Flight, call: Call, error: Exception) -> bool:
        """Fail ``flight`` with ``error`` if that is what the source has to say of the value."""
        answers = call.recipe.answers
        if answers is None or answers.lifetime(type(error)) is None:
            return False
        flight.raised = Raised.of(error)
        if flight.raised is not None:
            flight.fail(error)
        return flight.raised is not None

    def _made(
        self, flight: Flight, call: Call, look: Look, load: Load, seconds: float
    ) -> Entry[Any] | None:
        """Give ``flight`` its tags; return the entry of its value, or ``None`` if none is kept."""
        recipe, value = call.recipe, flight.value
        is_value = flight.raised is None
        self._tag(
            flight, call, look, load, recipe.result_tags(call.arguments, value) if is_value else ()
        )
        if flight.stamp is None or flight.held_until is not None:
            return None
        lifetime, wishes = _lifetime(flight, call), load.wishes
        if lifetime is not None and wishes is not None:
            lifetime = wishes.lifetime(lifetime)
        if lifetime is None:
            return None
        kept = recipe.copy(value) if is_value and recipe.copy is not None else value
        entry = self.entry(
            call.key,
            kept,
            recipe,
            lifetime,
            flight.tags,
            flight.stamp,
            look.now,
            seconds,
            flight.raised,
            None if wishes is None else wishes.etag,
        )
        if flight.made_from_stale:
            entry.mark_stale()
        return entry

    def _tag(
        self, flight: Flight, call: Call, look: Look, load: Load, found: tuple[str, ...] = ()
    ) -> None:
        """Note in ``flight`` what its outcome is made from; ``found`` is what only a result tells."""
        tags = call.tags
        if found or load.has_parts:
            tags = (*tags, *found, *load.tags)
        flight.tags = tags if len(tags) < 2 else tuple(dict.fromkeys(tags))
        flight.made_from_stale = load.made_from_stale
        held_until = None if look.held is FREE else look.held.until(flight.tags, call.key)
        if load.held_until is not None:
            held_until = earliest(held_until, load.held_until)
        flight.held_until = held_until
        if flight.stamp is not None and load.has_parts:
            flight.stamp = self._store.inherit(flight.stamp, load.handed_on)

    async def _store_landed(self, flight: Flight, call: Call, entry: Entry[Any]) -> bool:
        try:
            stored = await self._store.land(entry, lambda: flight.is_superseded, call.shape)
        except StoreError as error:
            self._emit(StoreFailed, "land", call.key, error)
            return False
        self._landed(call, entry, stored=stored)
        return stored

    def _landed(self, call: Call, entry: Entry[Any], *, stored: bool) -> None:
        if not stored:
            call.recipe.counts.overtaken += 1
        elif entry.raised is None:
            bind(self._store, call, entry)

    def entry(
        self,
        key: str,
        value: Any,
        recipe: Recipe,
        lifetime: Lifetime,
        tags: tuple[str, ...],
        stamp: Reading,
        born: float,
        load_seconds: float,
        raised: Raised | None = None,
        etag: str | None = None,
    ) -> Entry[Any]:
        """Return a new entry: the lifetime becomes instants, chance included."""
        dice = self._runtime.dice()
        instants = lifetime.instants(
            born,
            load_seconds=load_seconds,
            dice=dice,
            longest=self._store.max_ttl,
            wall=lambda: self._runtime.wall() - load_seconds,
        )
        counts = recipe.counts
        if raised is None and etag is None and lifetime.idle is None:
            return Entry(key, value, instants, tags, stamp, counts, load_seconds)
        idle = lifetime.idle_seconds(dice)
        return SpecialEntry(
            key,
            value,
            instants=instants,
            tags=tags,
            stamp=stamp,
            counts=counts,
            load_seconds=load_seconds,
            raised=raised,
            idle=idle,
            etag=etag,
        )

    def _pause(self, call: Call, look: Look, seconds: float) -> None:
        """Spare the loader that has failed, if there is an older value."""
        if look.entry is not None:
            until = look.now + seconds + call.recipe.retry_after
            self._pauses.begin(call.key, look.now, until)

    def _tell(self, flight: Flight, call: Call, seconds: float, *, stored: bool) -> None:
        name, behind = call.recipe.counts.name, flight.is_background
        if flight.error is None or flight.raised is not None:
            self._emit(Loaded, call.key, name, seconds, stored, behind)
        else:
            self._emit(LoadFailed, call.key, name, seconds, flight.error, behind)


def bind(store: Store, call: Call, entry: Entry[Any]) -> None:
    """Let the hit path of the function find ``entry``, if it does there what the entry needs."""
    if call.rows is not None and entry.slides == call.recipe.slides:
        store.bind(entry, call.rows, call.row)


def _confirmed(call: Call, load: Load) -> Any:
    """Return the older value, of which the source said in this load that it has not changed.

    It is made of what it was made of: its entry takes the tags and the etag of the older one.
    """
    older = load.confirmable
    if older is None:
        raise ConfigurationError(
            f"the loader of {call.key!r} said NotModified, and there is no older value: make the "
            f"request a conditional one only if cache.current.etag is not None"
        )
    load.add(older.tags)
    wishes = load.wishes = load.wishes or Wishes()
    wishes.etag = wishes.etag or older.etag
    return older.value


def _lifetime(flight: Flight, call: Call) -> Lifetime | None:
    """Return how long the outcome of ``flight`` is kept, or ``None`` if it is not."""
    recipe = call.recipe
    if flight.raised is not None:
        return None if recipe.answers is None else recipe.answers.lifetime(flight.raised.kind)
    if recipe.is_kept is not None and not recipe.is_kept(call.arguments, flight.value):
        return None
    return recipe.lifetime(call.arguments, flight.value)


def take_over(flight: Flight, look: Look) -> None:
    """Give ``flight`` what another process has loaded, or end it for one that is loading now."""
    if look.entry is None:
        flight.is_abandoned = True
        return
    flight.value = look.entry.value
    flight.raised = look.entry.raised
    if flight.raised is not None:
        flight.fail(flight.raised.anew())
    flight.tags = look.entry.tags
    flight.made_from_stale = look.now >= look.entry.stale_at
    # It was stored, and so was not held when it was loaded.
    flight.held_until = None
