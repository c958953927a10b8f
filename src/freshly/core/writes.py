"""What changes a store by hand: at once, or at the end of the transaction that this code runs inside.

With a hold a transaction has two phases, as docs/concepts/protocol.md has them: each invalidation
stamps and holds at once (prepare); at the end, when the database has committed, each stamps again,
and the holds are ended (finalize). Rolled back, it ends its holds and does nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from ..errors import ConfigurationError, StoreError
from .events import Emit, HoldRanOut, Invalidated, MarkedStale, StoreFailed
from .flight import Flights
from .holds import Hold
from .pauses import Pauses
from .ports import Reading, Runtime, Store, Waker
from .token import Stamp, Token
from .transaction import (
    Clear,
    Closed,
    DeleteMatch,
    Invalidate,
    MarkStale,
    Put,
    Step,
    Transaction,
    running_transaction,
)

T = TypeVar("T")


class Writes:
    """The writing side of a store, for one colour of caller.

    ``origin`` is what stamps and tokens come from, ``owner`` whose transactions are obeyed.
    """

    def __init__(
        self,
        store: Store,
        runtime: Runtime,
        flights: Flights,
        pauses: Pauses,
        emit: Emit,
        origin: Store,
        owner: object,
    ) -> None:
        self.store = store
        self._runtime = runtime
        self._flights = flights
        self._pauses = pauses
        self._emit = emit
        self._origin = origin
        self._owner = owner

    # -- now, or later -----------------------------------------------------------------------

    async def invalidate(
        self, tags: Iterable[str], hold: Hold | None = None, *, is_waiting: bool = False
    ) -> Token:
        tags = dict.fromkeys(tags)
        if await self._waits(Invalidate(tags=tags, hold=hold), is_waiting=is_waiting):
            return self._pending()
        return await self._everywhere(self._invalidate(tags, hold), is_waiting=is_waiting)

    async def mark_stale(self, tags: Iterable[str], *, is_waiting: bool = False) -> Token:
        tags = dict.fromkeys(tags)
        if await self._waits(MarkStale(tags), is_waiting=is_waiting):
            return self._pending()
        return await self._everywhere(self._mark_stale(tags), is_waiting=is_waiting)

    async def delete(
        self, keys: Iterable[str], hold: Hold | None = None, *, is_waiting: bool = False
    ) -> int:
        keys = dict.fromkeys(keys)
        if await self._waits(Invalidate(keys=keys, hold=hold), is_waiting=is_waiting):
            return 0
        return await self._everywhere(self._delete(keys, hold), is_waiting=is_waiting)

    async def delete_match(self, pattern: str, *, is_waiting: bool = False) -> int:
        if await self._waits(DeleteMatch(pattern), is_waiting=is_waiting):
            return 0
        return await self._everywhere(self._delete_match(pattern), is_waiting=is_waiting)

    async def clear(self, *, is_waiting: bool = False) -> Token:
        if await self._waits(Clear(), is_waiting=is_waiting):
            return self._pending()
        return await self._everywhere(self._clear(), is_waiting=is_waiting)

    def refuse_to_wait(self) -> None:
        """Raise ``ConfigurationError`` inside of a transaction, for who waits for all processes."""
        if running_transaction(self._owner) is not None:
            raise ConfigurationError(
                "wait='all' inside of a transaction, where nothing is invalidated before its end: "
                "invalidate with wait='all' after it"
            )

    async def _everywhere(self, invalidation: Awaitable[T], *, is_waiting: bool) -> T:
        """Do ``invalidation``; with ``is_waiting`` return when no process can serve what was there."""
        done = await invalidation
        if is_waiting:
            # From the reply on: by then each lease that was given before the invalidation has run out.
            await self._runtime.wait(_never, self._runtime.now() + self.store.max_staleness)
        return done

    async def stamp(self) -> Stamp:
        transaction = running_transaction(self._owner)
        besides = () if transaction is None else transaction.tokens
        # The reading first: what comes between the two overtakes it.
        reading = await self.store.stamp()
        return Stamp(reading, self._origin, await self.store.held(besides))

    def _pending(self) -> Token:
        return Token(None, self._origin)

    async def _waits(self, step: Step, *, is_waiting: bool = False) -> bool:
        """Leave ``step`` to the transaction this code runs inside; return False if there is none."""
        if is_waiting:
            self.refuse_to_wait()
        transaction = running_transaction(self._owner)
        return transaction is not None and await self.collect(transaction, step)

    async def collect(self, transaction: Transaction, step: Step) -> bool:
        """Leave ``step`` to ``transaction``; return False if its end has begun."""
        await self.prepare(transaction, step)
        return self.add(transaction, step)

    def add(self, transaction: Transaction, step: Step) -> bool:
        """Do what ``collect`` does with a step that is prepared."""
        end_detour = self._begin_detour(step)
        if transaction.add(step, end_detour):
            return True
        end_detour()
        return False

    def _begin_detour(self, step: Step) -> Any:
        detour = self.store.gate.detour
        match step:
            case Invalidate():
                return detour(tuple(step.tags), tuple(step.keys))
            case Put():
                return detour((), (step.entry.key,))
            case MarkStale():
                return detour((), ())
            case _:
                return detour((), (), everything=True)

    # -- at once -----------------------------------------------------------------------------

    async def _invalidate(self, tags: Iterable[str], hold: Hold | None = None) -> Token:
        tags = tuple(tags)
        reading = await self.store.invalidate(tags, hold)
        await self._tidy()
        self._emit(Invalidated, reading, tags=tags)
        return Token(reading, self._origin)

    async def _mark_stale(self, tags: Iterable[str]) -> Token:
        tags = tuple(tags)
        reading = await self.store.mark_stale(tags)
        await self._tidy()
        self._emit(MarkedStale, reading, tags)
        return Token(reading, self._origin)

    async def _delete(self, keys: Iterable[str], hold: Hold | None = None) -> int:
        keys = tuple(keys)
        deleted = await self.store.delete(keys, hold)
        await self._tidy()
        self._emit(Invalidated, self.store.reading, keys=keys)
        return deleted

    async def _delete_match(self, pattern: str) -> int:
        deleted = await self.store.delete_match(pattern)
        await self._tidy()
        self._emit(Invalidated, self.store.reading, pattern=pattern)
        return deleted

    async def _clear(self) -> Token:
        reading = await self.store.clear()
        await self._tidy()
        self._emit(Invalidated, reading, everything=True)
        return Token(reading, self._origin)

    async def _tidy(self) -> None:
        await self.store.tidy(self._flights.oldest_stamp)

    # -- transactions ------------------------------------------------------------------------

    async def prepare(self, transaction: Transaction, step: Step) -> None:
        """Stamp and hold what ``step`` names, if the transaction asks for it."""
        hold = transaction.hold
        if hold is None:
            return
        tags, keys = _names(step)
        # Before the store is asked: the hold may be on though no answer comes.
        transaction.note_hold(hold, self._runtime.now(), tags, keys)
        if tags:
            await self._invalidate(tags, hold)
        if keys:
            await self._delete(keys, hold)

    async def commit(self, transaction: Transaction) -> None:
        """Do what was collected; inside of another transaction leave it to that one.

        Raises ``StoreError`` if something could not be done. All the rest is done then, and the
        holds stay, until they run out.
        """
        closed = transaction.close()
        outer = transaction.outer()
        if outer is not None and outer.take_over(closed):
            return
        try:
            await self._finalize(closed)
        finally:
            closed.end_detours()
        if closed.steps:
            transaction.token = Token(self.store.reading, self._origin)

    async def roll_back(self, transaction: Transaction) -> None:
        """Drop what was collected, and end the transaction's own holds."""
        closed = transaction.close()
        closed.end_detours()
        await self._release(closed)

    async def _finalize(self, closed: Closed) -> None:
        puts = await self._judge_puts(closed.steps)
        failed: list[tuple[Step, StoreError]] = []
        for step in closed.steps:
            try:
                await self._do(step, puts)
            except StoreError as error:
                failed.append((step, error))
        if failed:
            raise _in_part(closed.steps, failed) from failed[0][1]
        await self._release(closed)
        seconds = closed.seconds_over(self._runtime.now())
        if seconds is not None:
            self._emit(HoldRanOut, seconds)

    async def do_alone(self, step: Step) -> None:
        """Do one step now."""
        await self._do(step, _Puts(None, set()))

    async def _do(self, step: Step, puts: _Puts) -> None:
        match step:
            case Invalidate():
                if step.tags:
                    await self._invalidate(step.tags, step.hold)
                if step.keys:
                    await self._delete(step.keys, step.hold)
                puts.advances += bool(step.tags) + bool(step.keys)
                return
            case MarkStale():
                await self._mark_stale(step.tags)
            case DeleteMatch():
                await self._delete_match(step.pattern)
            case Clear():
                await self._clear()
            case Put():
                await self._put(step, puts)
        puts.advances += 1

    async def _release(self, closed: Closed) -> None:
        for token, names in closed.holding.items():
            try:
                await self.store.release(token, tuple(names.tags), tuple(names.keys))
            except StoreError as error:
                # Nobody waits for it: it runs out.
                self._emit(StoreFailed, "release", str(names), error)

    # -- values ------------------------------------------------------------------------------

    # A value is as of the moment it was set. Whatever others have invalidated since then keeps it
    # out, and what the transaction itself has invalidated before it set the value does not. But
    # when that is done the store no longer tells the two apart: a tag remembers its last
    # invalidation only. So a value that both could concern is judged before, and it is stored
    # after only if the clock shows that nobody else has moved it meanwhile.

    async def _judge_puts(self, steps: list[Step]) -> _Puts:
        contested = list(_contested(steps))
        if not contested:
            return _Puts(None, set())
        base = await self.store.stamp()
        good: set[int] = set()
        for put in contested:
            entry = put.entry
            look = await self.store.look(entry.key, entry.tags, put.shape)
            if not look.overtakes(entry.seen, entry.tags, entry.key):
                good.add(id(put))
        return _Puts(base, good, {id(put) for put in contested})

    async def _put(self, put: Put, puts: _Puts) -> None:
        entry = put.entry
        is_good = put.held.until(entry.tags, entry.key) is None
        if is_good and id(put) in puts.contested:
            reading = await self.store.stamp()
            is_good = id(put) in puts.good and self.store.follows(puts.base, reading, puts.advances)
            entry.seen = reading
        if is_good and await self.store.put(entry, is_stamped=True, shape=put.shape):
            self._pauses.end(entry.key)
        else:
            # It was to replace what is there, which is therefore wrong.
            await self._delete((entry.key,))


def _never(waker: Waker) -> Callable[[], None]:
    return _nothing


def _nothing() -> None: ...


class _Puts:
    """The values of one transaction: ``contested`` are those that an earlier step touches.

    ``good`` are those of them that nobody had overtaken at ``base``, and ``advances`` counts by how
    much the transaction itself has moved the clock since.
    """

    def __init__(self, base: Reading | None, good: set[int], contested: set[int] | None = None) -> None:
        self.base = base
        self.good = good
        self.contested = contested or set()
        self.advances = 0


def _contested(steps: list[Step]) -> Iterable[Put]:
    for place, step in enumerate(steps):
        if isinstance(step, Put) and any(
            earlier.touches(step.entry.key, step.entry.tags) for earlier in steps[:place]
        ):
            yield step


def _names(step: Step) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the tags and keys that a hold for ``step`` is on."""
    match step:
        case Invalidate():
            return tuple(step.tags), tuple(step.keys)
        case Put():
            return (), (step.entry.key,)
        case MarkStale():
            # It promises nothing about what is served until it is done.
            return (), ()
        case DeleteMatch() | Clear():
            raise ConfigurationError(
                f"{step} inside of a transaction with a hold: what it reaches has no names to hold; "
                f"invalidate tags or keys there, or call it outside of the transaction"
            )


def _in_part(steps: list[Step], failed: list[tuple[Step, StoreError]]) -> StoreError:
    missing = [step for step, _ in failed]
    done = ", ".join(str(step) for step in steps if step not in missing)
    return StoreError(
        f"the transaction was carried out in part. Done: {done or 'nothing'}. Failed: "
        f"{'; '.join(f'{step}: {error}' for step, error in failed)}. What the database has committed "
        f"stays committed: invalidate again"
    )
