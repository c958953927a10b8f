"""Blocks as decorators: each call of the function runs inside of a block of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import update_wrapper
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction, signature
from typing import Any

from .core.tags import check_key
from .core.template import Template
from .errors import ConfigurationError
from .functions import plain_function, receiver_of

#: Make the block of one call, given its key; a block without a key gets ``""``.
AsyncBlock = Callable[[str], AbstractAsyncContextManager[Any]]
BlockingBlock = Callable[[str], AbstractContextManager[Any]]


def in_blocks(
    function: Any,
    *,
    of: str,
    key: str | None = None,
    awaited: AsyncBlock | None,
    stepped: BlockingBlock,
    may_skip: bool = False,
) -> Any:
    """Return ``function`` whose calls run in a block each, in its own colour.

    ``of`` is what the block is called, ``key`` a template over the arguments. With ``may_skip`` a call
    whose block gives ``False`` returns ``None``, and the function is not called.
    """
    plain = _plain(function, of)
    key_of = _key_of(plain, key)
    if iscoroutinefunction(plain):
        if awaited is None:
            raise ConfigurationError(
                f"{_name(plain)} is an async def, and cache.blocking would stop its loop: write "
                f"@cache.{of}(...) above it"
            )

        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            async with awaited(key_of(args, kwargs)) as given:
                return None if may_skip and not given else await plain(*args, **kwargs)

        written: Any = wrapper
    else:

        def blocking_wrapper(*args: Any, **kwargs: Any) -> Any:
            with stepped(key_of(args, kwargs)) as given:
                return None if may_skip and not given else plain(*args, **kwargs)

        written = blocking_wrapper
    update_wrapper(written, plain)
    return type(function)(written) if isinstance(function, staticmethod | classmethod) else written


def _plain(function: Any, of: str) -> Callable[..., Any]:
    inside = getattr(function, "__func__", function)
    if hasattr(inside, "__freshly__"):
        raise ConfigurationError(
            f"{_name(function)} is cached already, and a hit needs no {of}: write @cache above "
            f"@cache.{of}"
        )
    if isasyncgenfunction(inside) or isgeneratorfunction(inside):
        raise ConfigurationError(
            f"{_name(function)} is a generator, and runs after it was called: write the block inside "
            f"of it, 'with cache.{of}(...)'"
        )
    return plain_function(function)


def _key_of(
    function: Callable[..., Any], key: str | None
) -> Callable[[tuple[Any, ...], dict[str, Any]], str]:
    if key is None:
        return lambda args, kwargs: ""
    declared = signature(function)
    template = Template(key, option="key", names=declared.parameters)
    receiver = receiver_of(function)
    if any(field.path == receiver for field in template.fields):
        raise ConfigurationError(
            f"key={key!r}: the text of {receiver!r} may hold an address; say what of it counts, as in "
            f"{{{receiver}.name}}"
        )

    def key_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        bound = declared.bind(*args, **kwargs)
        bound.apply_defaults()
        return template.render(bound.arguments)

    return key_of


def check_filled(key: str, command: str, *, is_rendered: bool) -> None:
    """Check the key of a block that is entered. One that a template gave may hold any text."""
    if not is_rendered:
        check_key(key, command)


def check_text(key: object, command: str) -> None:
    """Check a key that is a text or a template."""
    if not isinstance(key, str) or not key:
        check_key(key, command)


def _name(function: Any) -> str:
    return str(getattr(function, "__qualname__", function))
