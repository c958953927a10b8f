"""The decorators: options checked, templates compiled, a wrapper written, once a function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import update_wrapper
from inspect import iscoroutinefunction, signature
from typing import Any

from .cached import Cached
from .core.key import KeyMaker
from .core.shape import Shape
from .core.tags import Tags, check_named
from .core.template import Template
from .errors import ConfigurationError
from .functions import as_it_was, plain_function, receiver_of
from .lifetimes import TTL
from .options import CacheOptions
from .options import recipe as recipe_of
from .wire.port import given_codec

Recipient = Callable[[Cached], None]


def decorate(
    function: Any,
    *,
    register: Recipient,
    number_of: Callable[[str, Callable[..., Any]], int],
    is_bypassed: Callable[[], bool],
    ttl: TTL,
    options: CacheOptions,
) -> Any:
    """Return what stands in for ``function``: a function, or what gives one in its class."""
    plain = plain_function(function)
    receiver = None if isinstance(function, staticmethod) else receiver_of(plain)
    names = tuple(signature(plain).parameters)
    name = f"{plain.__module__}.{plain.__qualname__}"
    tags = Tags(options.get("tags", ()), names)
    shape = Shape(name, function=plain, codec=given_codec(options.get("codec")))
    recipe = recipe_of(name, names, ttl, options, tags=tags, shape=shape)
    cached = Cached(
        plain,
        recipe=recipe,
        keys=KeyMaker(
            plain,
            template=options.get("key"),
            exclude=options.get("exclude", ()),
            vary=options.get("vary", ()),
            receiver=receiver,
            number=number_of(name, plain),
        ),
        tags=tags,
        receiver=receiver,
        is_bypassed=is_bypassed,
    )
    register(cached)
    return as_it_was(function, cached.wrapper, receiver)


def decorate_writer(
    function: Any,
    *,
    tags: tuple[object, ...],
    keys: Iterable[str],
    begin: Callable[[], None] | None,
    done: Callable[[tuple[str, ...], tuple[str, ...]], Any],
    done_blocking: Callable[[tuple[str, ...], tuple[str, ...]], None],
) -> Any:
    """Return ``function`` that invalidates when it has returned, and not if it raised.

    ``begin`` is called before it, and raises if it is not to be run.
    """
    plain = plain_function(function)
    marks = Marks(plain, tags, keys)
    if iscoroutinefunction(plain):

        async def writer(*args: Any, **kwargs: Any) -> Any:
            if begin is not None:
                begin()
            result = await plain(*args, **kwargs)
            await done(*marks.of(args, kwargs, result))
            return result

        written: Any = writer
    else:

        def blocking_writer(*args: Any, **kwargs: Any) -> Any:
            if begin is not None:
                begin()
            result = plain(*args, **kwargs)
            done_blocking(*marks.of(args, kwargs, result))
            return result

        written = blocking_writer
    update_wrapper(written, plain)
    return type(function)(written) if isinstance(function, staticmethod | classmethod) else written


class Marks:
    """The tags and keys that a writer invalidates, as templates over its call."""

    def __init__(
        self, function: Callable[..., Any], tags: tuple[object, ...], keys: Iterable[str]
    ) -> None:
        self._signature = signature(function)
        names = tuple(self._signature.parameters)
        if isinstance(keys, str):
            raise ConfigurationError(f"keys={keys!r} is one text: write keys=[{keys!r}]")
        if not tags and not (keys := list(keys)):
            raise ConfigurationError(
                "invalidates() names nothing: give it tags, such as 'user:{user_id}', or keys="
            )
        for tag in tags:
            if not isinstance(tag, str):
                check_named((tag,), "invalidates")
        self._tags = Tags([str(tag) for tag in tags], names, name="invalidates")
        self._keys = [Template(key, option="keys", names=names, result=True) for key in keys]

    def of(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        arguments = bound.arguments
        tags = self._tags.of_arguments(arguments) + self._tags.of_result(arguments, result)
        keys = (key for one in self._keys for key in one.render_all(arguments, result))
        return tags, tuple(keys)
