"""The commands of a cache, written once for both colours.

Every method here is ``async def``. ``Cache`` has them as they are; ``cache.blocking`` has each
under the same name and steps it to its end, over an engine whose awaits never wait.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from inspect import isawaitable
from typing import Any, TypeVar, Unpack, is_typeddict, overload

from .core.duration import Duration
from .core.recipe import Call
from .core.shape import Shape
from .core.tags import check_key, check_named, given_tags
from .core.token import Stamp, Token
from .errors import ConfigurationError
from .handle import ByHand
from .home import Home
from .lifetimes import TTL, TTLValue, fixed_lifetime
from .options import LoadOptions, Wait, given_hold, given_wait, load_recipe, shape_by_hand
from .parts import Parts
from .side import Side
from .wire.port import CodecOption

T = TypeVar("T")
D = TypeVar("D")


class Commands:
    """What one does with a cache besides decorating functions.

    All commands that invalidate keep one promise: when they have returned, no read that starts
    later gets a value whose load had started before. If that cannot be kept they raise.
    """

    def __init__(self, home: Home) -> None:
        self._home = home

    @property
    def _side(self) -> Side:
        return self._side_of(self._home.parts)

    def _side_of(self, parts: Parts) -> Side:
        return parts.awaited

    async def _settle_in(self) -> None:
        """Close what ``setup`` has replaced."""
        for parts in self._home.take_retired():
            parts.retire()
            await self._side_of(parts).store.close()

    # -- values by hand ----------------------------------------------------------------------

    @overload
    async def get(self, key: str, *, codec: CodecOption = None) -> Any: ...
    @overload
    async def get(self, key: str, *, type: type[T], codec: CodecOption = None) -> T | None: ...
    @overload
    async def get(self, key: str, default: D, *, type: type[T], codec: CodecOption = None) -> T | D: ...
    @overload
    async def get(self, key: str, default: Any, *, codec: CodecOption = None) -> Any: ...
    async def get(
        self, key: str, default: Any = None, *, type: Any = None, codec: CodecOption = None
    ) -> Any:
        """Return the value under ``key``, or ``default`` if a read would not be served one.

        ``None`` is a value like any other: give a ``default`` to tell it from nothing. ``type``
        is the type you expect; a value that is no instance of it counts as absent. A value that
        has expired and is kept for ``grace`` is not served here, since nothing failed. ``codec`` is the
        one that it was stored with, see ``set``.
        """
        check_key(key, "get")
        shape = shape_by_hand(codec, type)
        await self._settle_in()
        self._check_codec(codec, shape)
        if self._home.is_disabled():
            return default
        entry = await self._side.engine.get(key, self._home.by_hand, shape)
        return default if entry is None or not is_instance(entry.value, type) else entry.value

    async def set(
        self,
        key: str,
        value: object,
        ttl: TTLValue = None,
        *,
        tags: Iterable[str] = (),
        soft_ttl: TTLValue = None,
        stamp: Stamp | None = None,
        codec: CodecOption = None,
    ) -> bool:
        """Store ``value`` under ``key``; return whether it was stored.

        ``ttl`` is in seconds, a text such as ``"5m"``, or ``until(...)`` a time of day; ``None`` means
        as long as the store keeps anything (``max_ttl``). A load of ``key`` that runs meanwhile is not
        stored over it.

        If the value was computed from data that may change meanwhile, take a ``stamp`` before you
        read them, and give it here: the value is stored only if neither its key nor one of its
        tags was invalidated since. Without it the value counts as made now.

        Under a hold (``delete_tags(..., hold=)``) of its key or one of its tags it is not stored, since
        it may be what the holder is about to change, and what was there is deleted. With a ``stamp``
        it is the moment of the stamp that counts.

        ``codec`` is that of ``cache(...)``, for a store outside of the process: read it with the same.
        """
        check_key(key, "set")
        shape = shape_by_hand(codec)
        named = given_tags(tags, "set")
        lifetime = fixed_lifetime(ttl, soft_ttl)
        await self._settle_in()
        self._check_codec(codec, shape)
        if self._home.is_disabled() or not self._is_of_this_store(stamp):
            return False
        asked = replace(self._home.by_hand, shape=shape)
        return await self._side.engine.put(key, value, asked, lifetime, named, stamp)

    def _check_codec(self, codec: CodecOption, shape: Shape) -> None:
        """Raise at once what the store has against ``codec``: a read that misses would never say it."""
        if codec is not None:
            self._home.parts.store.refuses(shape)

    def _is_of_this_store(self, stamp: object) -> bool:
        if stamp is None:
            return True
        if not isinstance(stamp, Stamp):
            raise ConfigurationError(
                f"stamp={stamp!r} is no stamp: take one with cache.stamp() before you read the data"
            )
        return stamp.origin is self._home.parts.store

    @overload
    async def get_or_set(
        self,
        key: str,
        loader: Callable[[], Awaitable[T]],
        ttl: TTL = None,
        **options: Unpack[LoadOptions],
    ) -> T: ...
    @overload
    async def get_or_set(
        self, key: str, loader: Callable[[], T], ttl: TTL = None, **options: Unpack[LoadOptions]
    ) -> T: ...
    async def get_or_set(
        self, key: str, loader: Callable[[], Any], ttl: TTL = None, **options: Unpack[LoadOptions]
    ) -> Any:
        """Return the value under ``key``; if there is none, what ``loader()`` gives, and store it.

        Everything that a decorated function has is here too: one load at a time, the promise,
        refreshes behind the caller. The loader may be a plain or an async function.
        """
        check_key(key, "get_or_set")
        asked, named = load_recipe(ttl, options, self._home.by_hand.counts)
        if not callable(loader):
            raise ConfigurationError(
                f"get_or_set(loader={loader!r}) cannot be called: give a function without arguments"
            )
        await self._settle_in()
        self._check_codec(options.get("codec"), asked.shape)
        load = awaited(loader)
        if self._home.is_disabled():
            return await load()
        parts = self._home.parts
        if parts.instruments:
            load = parts.instrumented(ByHand(asked, (key,)), load)
        return await self._side.engine.read(Call(key, named, asked, load))

    async def exists(self, key: str) -> bool:
        """Return whether ``get(key)`` would be served a value now. Nothing is counted."""
        check_key(key, "exists")
        await self._settle_in()
        return not self._home.is_disabled() and await self._side.engine.find(key) is not None

    # -- invalidating ------------------------------------------------------------------------

    async def delete(self, *keys: str, hold: Duration | None = None, wait: Wait | None = None) -> int:
        """Delete the entries under ``keys``; return how many there were that could be served.

        ``hold`` and ``wait`` do for keys what they do for the tags of ``delete_tags``.
        """
        for key in keys:
            check_key(key, "delete")
        is_waiting = given_wait(wait)
        await self._settle_in()
        side = self._side
        held = given_hold(hold, side.store.max_hold)
        return await side.delete(keys, held, is_waiting=is_waiting)

    async def delete_match(self, pattern: str, *, wait: Wait | None = None) -> int:
        """Delete the entries whose key matches a glob; return how many could have been served.

        ``*`` is any text, ``?`` any letter, ``[ab]`` one of these and ``[!ab]`` none of them.
        The pattern has to match the whole key. Takes time in proportion to all entries; for what
        is deleted often, use a tag. ``wait`` is that of ``delete_tags``.
        """
        check_key(pattern, "delete_match")
        is_waiting = given_wait(wait)
        await self._settle_in()
        return await self._side.delete_match(pattern, is_waiting=is_waiting)

    async def delete_tags(
        self, *tags: str, hold: Duration | None = None, wait: Wait | None = None
    ) -> Token:
        """Invalidate every entry that has one of ``tags``, and every load of one that runs now.

        Takes the same time whatever the number of entries. Returns a token when the promise
        holds: no read that starts after it gets a value whose load had started before. An
        invalidated value is never served again, not as stale, not within ``grace``.

        ``hold`` is for a change that loaders may not see yet, because a transaction is not committed
        or a replica trails. Loads that start within so long from now run and answer their callers,
        and are not stored; who begins to read after the hold's end does not share them. It is
        judged by the clock of the store, and no longer than its ``max_hold`` (1 minute).

        Processes with a near tier (``setup(..., near=True)``) may trail by ``max_staleness``. With
        ``wait="all"`` the call returns that much later, and the promise holds for them too. The token
        does the same for those whom it is carried to: see ``at_least``.

        Raises ``ConfigurationError`` for a list in place of tags, for a text with braces in which
        nobody filled in a value (a forgotten ``f``), for a hold that is too long, and for a ``wait``
        inside of a transaction, where nothing is done before its end.
        """
        named = check_named(tags, "delete_tags")
        is_waiting = given_wait(wait)
        await self._settle_in()
        side = self._side
        return await side.invalidate(
            named, given_hold(hold, side.store.max_hold), is_waiting=is_waiting
        )

    async def mark_stale(self, *tags: str, wait: Wait | None = None) -> Token:
        """Make every entry that has one of ``tags`` stale: served once more, and refreshed behind.

        The soft verb. Loads that run now are stored, and are stale too. An entry that has expired
        stays expired. ``wait`` is that of ``delete_tags``: then no process serves one as fresh.
        """
        named = check_named(tags, "mark_stale")
        is_waiting = given_wait(wait)
        await self._settle_in()
        return await self._side.mark_stale(named, is_waiting=is_waiting)

    async def clear(self, *, wait: Wait | None = None) -> Token:
        """Delete all entries of this cache, and nothing that is not its own.

        ``wait`` is that of ``delete_tags``.
        """
        is_waiting = given_wait(wait)
        await self._settle_in()
        return await self._side.clear(is_waiting=is_waiting)

    async def stamp(self) -> Stamp:
        """Return the reading of the logical clock, for ``set(..., stamp=)``."""
        await self._settle_in()
        return await self._side.stamp()

    async def ping(self) -> bool:
        """Return ``True`` if the store answers; raise ``StoreError`` if it does not."""
        await self._settle_in()
        await self._side.store.ping()
        return True


def is_instance(value: object, expected: Any) -> bool:
    """Return whether ``value`` is of the expected type, as far as that can be asked."""
    if not isinstance(expected, type):
        return True
    if is_typeddict(expected):
        return isinstance(value, dict)
    try:
        return isinstance(value, expected)
    except TypeError:  # a protocol that is for type checkers only
        return True


def awaited(loader: Callable[[], Any]) -> Callable[[], Awaitable[Any]]:
    async def load() -> Any:
        value = loader()
        return await value if isawaitable(value) else value

    return load
