"""The commands of a cache for code without an event loop: the same names, plain calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, TypeVar, Unpack, overload

from .bulkcommands import BulkCommands
from .core.duration import Duration
from .core.tags import TagsOption
from .core.token import Stamp, Token
from .errors import ConfigurationError
from .home import Home
from .lifetimes import TTL, TTLValue
from .locks import BlockingLock, BlockingOnce
from .options import LoadManyOptions, LoadOptions, Wait
from .parts import Parts
from .returned import ABSENT
from .runtime.threads import finish
from .side import Side
from .transactions import BlockingTransaction
from .wire.port import CodecOption

T = TypeVar("T")
D = TypeVar("D")


class _Stepped(BulkCommands):
    """The commands over the side whose awaits never wait."""

    def _side_of(self, parts: Parts) -> Side:
        return parts.stepped


class Blocking:
    """``cache.blocking``: see ``Commands`` for what each call does and promises.

    On the thread of an event loop these calls stop the loop while they wait; use the awaited
    ones there.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._commands = _Stepped(home)

    @overload
    def get(self, key: str, *, codec: CodecOption = None) -> Any: ...
    @overload
    def get(self, key: str, *, type: type[T], codec: CodecOption = None) -> T | None: ...
    @overload
    def get(self, key: str, default: D, *, type: type[T], codec: CodecOption = None) -> T | D: ...
    @overload
    def get(self, key: str, default: Any, *, codec: CodecOption = None) -> Any: ...
    def get(self, key: str, default: Any = None, *, type: Any = None, codec: CodecOption = None) -> Any:
        """Return the value under ``key``, or ``default`` if a read would not be served one."""
        return finish(self._commands.get(key, default, type=type, codec=codec))

    def set(
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
        """Store ``value`` under ``key``; return whether it was stored."""
        one = self._commands.set(
            key, value, ttl, tags=tags, soft_ttl=soft_ttl, stamp=stamp, codec=codec
        )
        return finish(one)

    def get_or_set(
        self, key: str, loader: Callable[[], T], ttl: TTL = None, **options: Unpack[LoadOptions]
    ) -> T:
        """Return the value under ``key``; if there is none, what ``loader()`` gives, and store it."""
        return finish(self._commands.get_or_set(key, loader, ttl, **options))

    @overload
    def get_many(self, keys: Iterable[str], *, codec: CodecOption = None) -> dict[str, Any]: ...
    @overload
    def get_many(
        self, keys: Iterable[str], *, type: type[T], codec: CodecOption = None
    ) -> dict[str, T]: ...
    @overload
    def get_many(
        self, keys: Iterable[str], *, default: D, type: type[T], codec: CodecOption = None
    ) -> dict[str, T | D]: ...
    @overload
    def get_many(
        self, keys: Iterable[str], *, default: Any, codec: CodecOption = None
    ) -> dict[str, Any]: ...
    def get_many(
        self,
        keys: Iterable[str],
        *,
        default: Any = ABSENT,
        type: Any = None,
        codec: CodecOption = None,
    ) -> dict[str, Any]:
        """Return the values under ``keys``, in their order, without those that are not there."""
        return finish(self._commands.get_many(keys, default=default, type=type, codec=codec))

    def set_many(
        self,
        values: Mapping[str, object],
        ttl: TTL = None,
        *,
        tags: TagsOption = (),
        soft_ttl: TTL = None,
        stamp: Stamp | None = None,
        codec: CodecOption = None,
    ) -> int:
        """Store each value under its key; return how many were stored."""
        many = self._commands.set_many(
            values, ttl, tags=tags, soft_ttl=soft_ttl, stamp=stamp, codec=codec
        )
        return finish(many)

    @overload
    def get_or_set_many(
        self,
        keys: Iterable[str],
        loader: Callable[[list[str]], Mapping[str, T]],
        ttl: TTL = None,
        **options: Unpack[LoadManyOptions],
    ) -> dict[str, T]: ...
    @overload
    def get_or_set_many(
        self,
        keys: Iterable[str],
        loader: Callable[[list[str]], Sequence[T]],
        ttl: TTL = None,
        **options: Unpack[LoadManyOptions],
    ) -> dict[str, T]: ...
    def get_or_set_many(
        self,
        keys: Iterable[str],
        loader: Callable[[list[str]], Any],
        ttl: TTL = None,
        **options: Unpack[LoadManyOptions],
    ) -> dict[str, Any]:
        """Return the values under ``keys``; have ``loader`` load those that are missing, at once."""
        return finish(self._commands.get_or_set_many(keys, loader, ttl, **options))

    def delete_many(
        self, keys: Iterable[str], *, hold: Duration | None = None, wait: Wait | None = None
    ) -> int:
        """Delete the entries under ``keys``; return how many there were that could be served."""
        return finish(self._commands.delete_many(keys, hold=hold, wait=wait))

    def exists(self, key: str) -> bool:
        """Return whether ``get(key)`` would be served a value now."""
        return finish(self._commands.exists(key))

    def delete(self, *keys: str, hold: Duration | None = None, wait: Wait | None = None) -> int:
        """Delete the entries under ``keys``; return how many there were that could be served."""
        return finish(self._commands.delete(*keys, hold=hold, wait=wait))

    def delete_match(self, pattern: str, *, wait: Wait | None = None) -> int:
        """Delete the entries whose key matches a glob; return how many could have been served."""
        return finish(self._commands.delete_match(pattern, wait=wait))

    def delete_tags(self, *tags: str, hold: Duration | None = None, wait: Wait | None = None) -> Token:
        """Invalidate every entry that has one of ``tags``, and every load of one that runs now."""
        return finish(self._commands.delete_tags(*tags, hold=hold, wait=wait))

    def mark_stale(self, *tags: str, wait: Wait | None = None) -> Token:
        """Make every entry that has one of ``tags`` stale: served once more, refreshed behind."""
        return finish(self._commands.mark_stale(*tags, wait=wait))

    def clear(self, *, wait: Wait | None = None) -> Token:
        """Delete all entries of this cache, and nothing that is not its own."""
        return finish(self._commands.clear(wait=wait))

    def stamp(self) -> Stamp:
        """Return the reading of the logical clock, for ``set(..., stamp=)``."""
        return finish(self._commands.stamp())

    def at_least(self, token: Token | str) -> AbstractContextManager[None]:
        """Have reads in the block be no older than the invalidation that returned ``token``."""
        return self._home.at_least(token)

    def transaction(self, *, hold: Duration | None = None) -> BlockingTransaction:
        """Collect what is invalidated and set in the block, and do it when the block has ended well.

        ``with cache.blocking.transaction(), session.begin():``; see ``Cache.transaction``. Threads
        that are started inside do not belong to it, unless they run in a copy of the context.
        """
        return BlockingTransaction(self._home, hold)

    def lock(
        self,
        key: str,
        *,
        ttl: Duration = "30s",
        timeout: Duration | None = None,
        renew: bool = False,
    ) -> BlockingLock:
        """Have one block at a time run under ``key``, among all who share the store."""
        return BlockingLock(self._home, key, ttl, timeout, renew=renew)

    def once(self, key: str, ttl: Duration) -> BlockingOnce:
        """Have one of many run its block within ``ttl``: it gets ``True``, the others ``False``."""
        return BlockingOnce(self._home, key, ttl)

    def ping(self) -> bool:
        """Return ``True`` if the store answers; raise ``StoreError`` if it does not."""
        return finish(self._commands.ping())

    def close(self, drain: float = 5.0) -> None:
        """End the refreshes on threads within ``drain`` seconds, and drop the entries.

        Tasks on event loops are cancelled and not waited for: ``await cache.close()`` does both.
        """
        if drain < 0:
            raise ConfigurationError(f"drain={drain!r} is below zero: give seconds, 0 for at once")
        for parts in self._home.take_retired():
            parts.retire()
        self._home.parts.close_blocking(drain)

    def __enter__(self) -> Blocking:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
