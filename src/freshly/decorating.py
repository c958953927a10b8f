"""A cache as a decorator: ``cache(...)`` and its kin, for functions that read and that write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, ParamSpec, TypeVar, Unpack, cast

from .bulkcommands import BulkCommands
from .core.duration import Duration, seconds
from .core.holds import Hold
from .core.until import Until
from .decorators import decorate, decorate_writer
from .errors import ConfigurationError
from .functions import can_be_decorated
from .handles import Decorator
from .iterator import decorate_iterator
from .iteratorhandles import IteratorDecorator
from .lifetimes import TTL
from .many import decorate_many
from .manyhandles import ManyDecorator
from .options import (
    CacheOptions,
    EarlyOptions,
    IteratorOptions,
    ManyOptions,
    SoftOptions,
    Wait,
    check_names,
    given_hold,
    given_wait,
)
from .runtime.clock import wall_of
from .runtime.threads import finish
from .side import Side

P = ParamSpec("P")
R = TypeVar("R")


class Decorating(BulkCommands):
    """The commands of a cache, and what of it is put on functions."""

    def __call__(self, ttl: TTL, **options: Unpack[CacheOptions]) -> Decorator:
        """Cache what the decorated function returns.

        Durations are seconds, a ``timedelta``, or a text such as ``"500ms"``, ``"5m"`` or
        ``"1h45m"``. ``ttl``, ``soft_ttl`` and ``early_ttl`` may be ``until("06:00", tz=...)``, a
        time of day, or functions: they get the arguments they declare by name, and ``result``, and
        return one of these. A ttl function that returns 0 or less says that the value is not kept.

        How long a value lives:

        - ``ttl``: the end of normal service; ``None`` is the store's ``max_ttl``. It counts from
          the start of the load, since the value may be as old as that.
        - ``soft_ttl``: after it the value is stale: served at once, and refreshed behind.
        - ``early_ttl``: after it one caller's read starts a refresh though the value is fresh;
          sooner for loads so slow that they would not end in time.
        - ``grace``: how long after ``ttl`` the value may stand in for a loader that raises.
        - ``sliding``: ``True`` counts ``ttl`` from the last read: what nobody asks for goes soon, what
          is asked for stays, ``max_age`` from its birth at the longest. ``soft_ttl`` and ``early_ttl``
          count from the birth, as always. On a server a read is written down to a tenth of ``ttl``.
        - ``jitter``: from 0 to 1, the greatest part of the life that chance takes off.

        How it is loaded, and what is kept:

        - ``soft_timeout``: how long a read waits for a load while an expired value could stand in;
          then it gets that one, and the load goes on behind. Needs ``grace``.
        - ``hard_timeout``: how long a read waits at all; then it gets an expired value if one can
          stand in, and ``LoadTimeout`` if not. The load goes on behind, others wait on. A plain
          function with a timeout is run in another thread, in a copy of its caller's context.
        - ``retry_after``: the pause after a failed load while an older value can be served (1 s).
        - ``condition``: a function of ``result`` and arguments by name; what it refuses is
          returned and not stored.
        - ``cache_exceptions``: exceptions of the loader that are answers, such as ``NotFound``: kept
          for ``ttl``, or for a ttl of their own (``{NotFound: "1m"}``), and raised anew to each reader.
        - ``copy``: give each caller a deep copy. Without it a hit returns the stored object.
        - ``codec``: how values become bytes, for a store outside of the process: ``"typed"``, by the
          return annotation; ``"pickle"``, which needs ``signing_keys`` or ``encryption_keys`` of
          ``setup``; or a ``Codec`` of yours. Without it, what ``setup`` says. In memory nothing becomes
          bytes, and it is not used.

        What it is found by:

        - ``key``: a template that is the whole key, ``"user:{user_id}"``. Without it the key
          names the function and each argument.
        - ``tags``: templates over arguments and ``{result...}``, or a function.
        - ``exclude``: parameters that do not decide the value.
        - ``vary``: context variables that do.

        Raises ``ConfigurationError`` for an option that does not exist, and at decoration for
        options that do not fit.
        """
        check_names(options, CacheOptions, "cache")
        self._check_ends(ttl, options)
        return cast("Decorator", self._decorator(decorate, ttl, options))

    def _check_ends(self, ttl: TTL, options: Mapping[str, object]) -> None:
        if any(isinstance(end, Until) for end in (ttl, *options.values())):
            wall_of(self._home.clock)
        if iscoroutinefunction(ttl):
            raise _without_ttl(ttl)

    def _decorator(self, decorate: Any, ttl: TTL, options: Mapping[str, Any]) -> Any:
        def decorator(*args: Any, **kwargs: Any) -> Any:
            is_function = len(args) == 1 and not kwargs and can_be_decorated(args[0])
            if not is_function and callable(ttl):
                raise _without_ttl(ttl)
            if kwargs or len(args) != 1:
                raise _not_one_function(args, kwargs)
            return decorate(
                args[0],
                register=self._home.register,
                number_of=self._home.definitions.number_of,
                is_bypassed=self._home.is_disabled,
                ttl=ttl,
                options=options,
            )

        return decorator

    def soft(self, ttl: TTL, *, soft_ttl: TTL, **options: Unpack[SoftOptions]) -> Decorator:
        """``cache`` with a ``soft_ttl``: past it the stale value is served while one refresh runs."""
        _require(soft_ttl, "soft", "soft_ttl")
        return self(ttl, soft_ttl=soft_ttl, **options)

    def early(self, ttl: TTL, *, early_ttl: TTL, **options: Unpack[EarlyOptions]) -> Decorator:
        """``cache`` with an ``early_ttl``: past it one read refreshes a value that is still fresh."""
        _require(early_ttl, "early", "early_ttl")
        return self(ttl, early_ttl=early_ttl, **options)

    def many(self, ttl: TTL, **options: Unpack[ManyOptions]) -> ManyDecorator:
        """Cache the values of a function of many ids, each in an entry of its own.

        The function takes a list (or another collection) of ids, and returns a dict from id to value
        or a list of values in their order; so does a call. The function is called with those ids
        that are missing, once. Two calls that overlap share what both want: each loads what the
        other does not. Templates and functions of options name one id in the singular: ``user_id``
        for a parameter ``user_ids``. The options of ``cache`` hold for each entry by itself, and:

        - ``of``: the parameter that takes the ids; without it the first one for a collection.
        - ``each``: what one id is called, if that is not the parameter without its ``s``.
        - ``missing``: what stands for an id that the function leaves out of its dict. It is stored
          and returned as any value, for ``missing_ttl`` if that is given. Without it such an id is
          in nothing that is returned, and asked for again the next time.
        - ``on_error``: an exception in place of a value is the error of that id. ``"raise"`` raises
          those of a call as one ``ExceptionGroup``; ``"return"`` returns each in its place. What
          the function raises is raised as it is, and is of all ids that it was called with.
        - ``max_batch``: how many ids it is called with at once; more calls follow one another.

        The promise is each entry's own: an invalidation of one of them during the load keeps that one
        from being stored, and no other. ``key``, ``tags``, ``peek`` and ``delete`` of the decorated
        function take one id, ``refresh`` takes many.
        """
        check_names(options, ManyOptions, "cache.many")
        self._check_ends(ttl, options)
        return cast("ManyDecorator", self._decorator(decorate_many, ttl, options))

    def iterator(self, ttl: TTL, **options: Unpack[IteratorOptions]) -> IteratorDecorator:
        """Cache what a generator yields, plain or async, as one sequence.

        It stays a generator. On a hit the elements come from the cache. Else they come as the
        generator yields them, which goes on only when its consumer asks for more, and are stored
        when it has come to its end; what is left before (by ``break``, an error, cancelling,
        ``aclose``) stores nothing. On an event loop another caller of the same sequence waits for
        the whole of it; then the generator runs on by itself, also without its first consumer. On
        threads each caller runs a generator of its own.

        The options are those of ``cache`` but for the timeouts, and ``max_length`` (1000): a longer
        sequence passes through and is not stored; observers hear of it. ``{result[].id}`` in tags
        stands for each element. ``peek`` and ``refresh`` of the decorated function give a tuple.
        """
        check_names(options, IteratorOptions, "cache.iterator")
        self._check_ends(ttl, options)
        return cast("IteratorDecorator", self._decorator(decorate_iterator, ttl, options))

    def invalidates(
        self,
        *tags: str,
        keys: Iterable[str] = (),
        hold: Duration | None = None,
        wait: Wait | None = None,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Invalidate ``tags`` and ``keys`` when the decorated writer has returned.

        They are templates over its arguments and ``{result...}``. A writer that raises
        invalidates nothing. When the call returns the promise of ``delete_tags`` holds. ``hold`` and
        ``wait`` are those of ``delete_tags``: with ``wait="all"`` the writer is not run inside of a
        transaction, but the call raises ``ConfigurationError``.
        """
        is_waiting = given_wait(wait)
        if hold is not None:
            seconds(hold, "hold")
        for tag in tags:
            if callable(tag):
                raise ConfigurationError(
                    f"@cache.invalidates was put on {tag!r} without tags: write "
                    f"@cache.invalidates('user:{{user_id}}') above it"
                )

        def decorator(function: Callable[P, R]) -> Callable[P, R]:
            written: Callable[P, R] = decorate_writer(
                function,
                tags=tags,
                keys=keys,
                begin=self._refuse_to_wait if is_waiting else None,
                done=partial(self._invalidate, hold, is_waiting),
                done_blocking=partial(self._invalidate_blocking, hold, is_waiting),
            )
            return written

        return decorator

    def _refuse_to_wait(self) -> None:
        self._home.parts.awaited.refuse_to_wait()

    async def _invalidate(
        self, hold: Duration | None, is_waiting: bool, tags: tuple[str, ...], keys: tuple[str, ...]
    ) -> None:
        await _invalidate_on(self._home.parts.awaited, tags, keys, hold, is_waiting=is_waiting)

    def _invalidate_blocking(
        self, hold: Duration | None, is_waiting: bool, tags: tuple[str, ...], keys: tuple[str, ...]
    ) -> None:
        finish(_invalidate_on(self._home.parts.stepped, tags, keys, hold, is_waiting=is_waiting))


async def _invalidate_on(
    side: Side,
    tags: tuple[str, ...],
    keys: tuple[str, ...],
    hold: Duration | None,
    *,
    is_waiting: bool,
) -> None:
    # What is written is written: a hold that is too long for this store does not keep it from being
    # invalidated, and is told after that.
    refusal: ConfigurationError | None = None
    given: Hold | None = None
    try:
        given = given_hold(hold, side.store.max_hold)
    except ConfigurationError as error:
        refusal = error
    if tags:
        # One wait is enough, after the last of the two.
        await side.invalidate(tags, given, is_waiting=is_waiting and not keys)
    if keys:
        await side.delete(keys, given, is_waiting=is_waiting)
    if refusal is not None:
        raise refusal


def _without_ttl(function: object) -> ConfigurationError:
    name = getattr(function, "__qualname__", repr(function))
    return ConfigurationError(
        f"ttl={function!r}: @cache was put on {name} without a ttl: write @cache(ttl='5m') above it "
        f"(a ttl= that is computed has to be a plain function)"
    )


def _not_one_function(args: tuple[Any, ...], kwargs: dict[str, Any]) -> ConfigurationError:
    return ConfigurationError(
        f"cache(...) gives a decorator, which takes one function; it got {(*args, *kwargs.items())!r}"
    )


def _require(value: object, decorator: str, option: str) -> None:
    if value is None:
        raise ConfigurationError(
            f"{option}=None: cache.{decorator} is cache with a {option}; give one, or use cache(...)"
        )
