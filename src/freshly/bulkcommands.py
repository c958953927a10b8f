"""The commands for many keys at once, written once for both colours as ``Commands`` is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar, Unpack, overload

from .commands import Commands, awaited, is_instance
from .core.batch import Batch, Brought
from .core.duration import Duration
from .core.recipe import Call
from .core.tags import Tags, TagsOption, check_key
from .core.token import Stamp
from .errors import ConfigurationError
from .handle import ByHand
from .lifetimes import TTL
from .options import LoadManyOptions, Wait, check_names, recipe, shape_by_hand
from .returned import ABSENT, Form, filled, give, read_returned
from .together import Together, with_missing
from .wire.port import CodecOption

T = TypeVar("T")
D = TypeVar("D")

#: What templates and functions of these commands may name.
NAMES = ("key",)


class BulkCommands(Commands):
    """Each asks the store once for all keys. Each key is a case of its own all the same: what is
    promised of one key, here and in ``Commands``, is promised of each of many, and nothing of the
    moments between two of them."""

    @overload
    async def get_many(self, keys: Iterable[str], *, codec: CodecOption = None) -> dict[str, Any]: ...
    @overload
    async def get_many(
        self, keys: Iterable[str], *, type: type[T], codec: CodecOption = None
    ) -> dict[str, T]: ...
    @overload
    async def get_many(
        self, keys: Iterable[str], *, default: D, type: type[T], codec: CodecOption = None
    ) -> dict[str, T | D]: ...
    @overload
    async def get_many(
        self, keys: Iterable[str], *, default: Any, codec: CodecOption = None
    ) -> dict[str, Any]: ...
    async def get_many(
        self,
        keys: Iterable[str],
        *,
        default: Any = ABSENT,
        type: Any = None,
        codec: CodecOption = None,
    ) -> dict[str, Any]:
        """Return the values under ``keys``, in their order, without those that are not there.

        With a ``default`` every key is in what is returned. ``type`` is the type you expect; a value
        that is no instance of it counts as absent. ``codec`` is that of ``get``.
        """
        wanted, shape = check_keys(keys, "get_many"), shape_by_hand(codec, type)
        await self._settle_in()
        self._check_codec(codec, shape)
        found: dict[str, Any] = {}
        if wanted and not self._home.is_disabled():
            entries = await self._side.engine.get_many(wanted, self._home.by_hand, shape)
            found = {k: e.value for k, e in entries.items() if is_instance(e.value, type)}
        if default is ABSENT:
            return found
        return {key: found.get(key, default) for key in wanted}

    async def set_many(
        self,
        values: Mapping[str, object],
        ttl: TTL = None,
        *,
        tags: TagsOption = (),
        soft_ttl: TTL = None,
        stamp: Stamp | None = None,
        codec: CodecOption = None,
    ) -> int:
        """Store each value under its key, as ``set`` does; return how many were stored.

        ``ttl`` and ``soft_ttl`` may be functions of ``key`` and ``result``, the value; ``tags``
        templates over them, ``["user:{result.id}"]``, or a function of them.

        With a ``stamp`` those are left out whose key or one of whose tags was invalidated since it
        was taken.
        """
        if not isinstance(values, Mapping):
            raise ConfigurationError(
                f"set_many({values!r}) needs a mapping from key to value: {{'user:1': ada}}"
            )
        keys = check_keys(values, "set_many")
        named = Tags(tags, NAMES)
        asked = recipe(
            self._home.by_hand.counts.name,
            NAMES,
            ttl,
            {"soft_ttl": soft_ttl},
            tags=Tags((), ()),
            counts=self._home.by_hand.counts,
            shape=shape_by_hand(codec),
        )
        await self._settle_in()
        self._check_codec(codec, asked.shape)
        if not keys or self._home.is_disabled() or not self._is_of_this_store(stamp):
            return 0
        calls = [
            replace(call, tags=(*call.tags, *named.of_result(call.arguments, values[call.key])))
            for call in (_call(key, named, asked) for key in keys)
        ]
        return await self._side.engine.put_many(calls, [values[key] for key in keys], stamp)

    async def delete_many(
        self, keys: Iterable[str], *, hold: Duration | None = None, wait: Wait | None = None
    ) -> int:
        """Delete the entries under ``keys``, as ``delete`` does; return how many could be served."""
        return await self.delete(*check_keys(keys, "delete_many"), hold=hold, wait=wait)

    @overload
    async def get_or_set_many(
        self,
        keys: Iterable[str],
        loader: Callable[[list[str]], Awaitable[Mapping[str, T]]],
        ttl: TTL = None,
        **options: Unpack[LoadManyOptions],
    ) -> dict[str, T]: ...
    @overload
    async def get_or_set_many(
        self,
        keys: Iterable[str],
        loader: Callable[[list[str]], Mapping[str, T]],
        ttl: TTL = None,
        **options: Unpack[LoadManyOptions],
    ) -> dict[str, T]: ...
    @overload
    async def get_or_set_many(
        self,
        keys: Iterable[str],
        loader: Callable[[list[str]], Awaitable[Sequence[T]]],
        ttl: TTL = None,
        **options: Unpack[LoadManyOptions],
    ) -> dict[str, T]: ...
    @overload
    async def get_or_set_many(
        self,
        keys: Iterable[str],
        loader: Callable[[list[str]], Sequence[T]],
        ttl: TTL = None,
        **options: Unpack[LoadManyOptions],
    ) -> dict[str, T]: ...
    async def get_or_set_many(
        self,
        keys: Iterable[str],
        loader: Callable[[list[str]], Any],
        ttl: TTL = None,
        **options: Unpack[LoadManyOptions],
    ) -> dict[str, Any]:
        """Return the values under ``keys``; have ``loader`` load those that are missing, at once.

        The loader gets the list of the missing keys, and returns a mapping from key to value or the
        values in order. A key that it leaves out of the mapping has no value: it is in nothing that
        is returned, and asked for again the next time; ``missing=`` is a value to store for it
        instead. An exception in place of a value is the error of that key, see ``on_error``.

        Each key has its own entry, promise and load: who asks for one of them meanwhile, here or by
        ``get_or_set``, waits for this load. Options are those of ``cache.many``; templates of tags
        and functions may name ``key`` and ``result``.
        """
        wanted = check_keys(keys, "get_or_set_many")
        check_names(options, LoadManyOptions, "get_or_set_many")
        if not callable(loader):
            raise ConfigurationError(
                f"get_or_set_many(loader={loader!r}) cannot be called: give a function of a list of "
                f"keys"
            )
        together, named = Together.checked(options), Tags(options.get("tags", ()), NAMES)
        counts = self._home.by_hand.counts
        shape = shape_by_hand(options.get("codec"))
        plain = recipe(counts.name, NAMES, ttl, options, tags=named, counts=counts, shape=shape)
        asked = with_missing(plain, together.missing, options.get("missing_ttl"))
        await self._settle_in()
        self._check_codec(options.get("codec"), shape)
        calls = [_call(key, named, asked) for key in wanted]
        batch = Batch(partial(self._bring, loader, together.missing), together.max_batch)
        if self._home.is_disabled():
            gathered = await batch.load_beside(calls)
        else:
            gathered = await self._side.engine.read_many(calls, batch)
        found: dict[str, Any] = give(
            gathered,
            wanted,
            wanted,
            name="get_or_set_many",
            form=Form.MAPPING,
            returns_errors=together.returns_errors,
        )
        return found

    async def _bring(
        self, loader: Callable[[list[str]], Any], missing: Any, calls: Sequence[Call]
    ) -> Brought:
        keys = [call.key for call in calls]
        handle = ByHand(calls[0].recipe, tuple(keys))
        load = self._home.parts.instrumented(handle, awaited(partial(loader, list(keys))))
        returned = await load()
        brought = read_returned(returned, keys, keys, name="the loader of get_or_set_many", form=None)
        return filled(brought, keys, missing)


def _call(key: str, tags: Tags, asked: Any) -> Call:
    arguments = {"key": key}
    return Call(key, tags.of_arguments(arguments), asked, _no_loader, arguments)


async def _no_loader() -> Any:
    raise NotImplementedError("a call of many is loaded by its batch")


def check_keys(keys: Iterable[str], command: str) -> list[str]:
    """Return each of ``keys`` once, in their order, or say what is wrong with them."""
    given: object = keys
    if isinstance(given, str):
        raise ConfigurationError(
            f"{command}({given!r}) got one key, and takes many: write {command}([{given!r}])"
        )
    if not isinstance(given, Iterable):
        raise ConfigurationError(
            f"{command}({given!r}) needs keys: a list such as ['user:1', 'user:2']"
        )
    found = list(dict.fromkeys(keys))
    for key in found:
        check_key(key, command)
    return found
