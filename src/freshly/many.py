"""``cache.many``: a function of many ids, each of which has an entry of its own."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial, update_wrapper
from inspect import BoundArguments
from types import FunctionType
from typing import Any, NamedTuple

from .core.batch import Batch, Brought, Gathered
from .core.key import Key, KeyMaker
from .core.recipe import Call, Recipe
from .core.shape import Shape
from .core.tags import Tags
from .errors import ConfigurationError
from .functions import as_it_was, plain_function, receiver_of
from .lifetimes import TTL
from .options import ManyOptions
from .options import recipe as recipe_of
from .plural import Plural
from .returned import ABSENT, Form, filled, form_of, give, read_returned, value_type
from .runtime.threads import finish
from .together import Together, with_missing
from .verbs import InSteps, stand_on
from .wire.port import given_codec


class Asked(NamedTuple):
    """One call of a function of many: its ids as they were given, the key of each, the calls by key."""

    ids: list[Any]
    keys: list[str]
    calls: dict[str, Call]
    batch: Batch


class CachedMany(InSteps):
    """The handle of one function of many."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        recipe: Recipe,
        plural: Plural,
        keys: KeyMaker,
        tags: Tags,
        together: Together,
        form: Form,
        is_bypassed: Callable[[], bool],
    ) -> None:
        super().__init__(function, recipe=recipe, keys=keys, tags=tags, is_bypassed=is_bypassed)
        self._plural = plural
        self._together = together
        self._form = form
        self.wrapper = self._written()
        stand_on(self.wrapper, self)

    def _written(self) -> FunctionType:
        if self.is_async:

            async def wrapper(*args: Any, **kwargs: Any) -> Any:
                return await self.read(self.bound(args, kwargs))

            written: Any = wrapper
        else:

            def blocking_wrapper(*args: Any, **kwargs: Any) -> Any:
                return finish(self.read(self.bound(args, kwargs)))

            written = blocking_wrapper
        update_wrapper(written, self.function)
        wrapped: FunctionType = written
        return wrapped

    # -- reading -----------------------------------------------------------------------------

    async def read(self, bound: BoundArguments) -> Any:
        if self.is_bypassed:
            return await self._load_beside(bound)
        asked = self._asked(bound)
        return self._give(asked, await self.side.engine.read_many([*asked.calls.values()], asked.batch))

    async def refresh(self, bound: BoundArguments) -> Any:
        if self.is_bypassed:
            return await self._load_beside(bound)
        asked = self._asked(bound)
        calls = [*asked.calls.values()]
        return self._give(asked, await self.side.engine.refresh_many(calls, asked.batch))

    async def _load_beside(self, bound: BoundArguments) -> Any:
        """Do without the cache, and give callers what they get with it."""
        ids = self._plural.ids(bound.arguments[self._plural.many])
        keys = _places(ids)
        arguments = dict(zip(keys, ids, strict=True))
        calls = [
            Call(key, (), self.recipe, _no_loader, {self._plural.each: one})
            for key, one in arguments.items()
        ]
        batch = self._batch(bound)
        return self._give(Asked(ids, keys, {}, batch), await batch.load_beside(calls))

    def _give(self, asked: Asked, gathered: Gathered) -> Any:
        return give(
            gathered,
            asked.ids,
            asked.keys,
            name=self.function.__qualname__,
            form=self._form,
            returns_errors=self._together.returns_errors,
        )

    # -- calls -------------------------------------------------------------------------------

    def bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> BoundArguments:
        bound = self._plural.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound

    def _asked(self, bound: BoundArguments) -> Asked:
        others = {name: bound.arguments[name] for name in bound.arguments if name != self._plural.many}
        ids = self._plural.ids(bound.arguments[self._plural.many])
        keys: list[str] = []
        calls: dict[str, Call] = {}
        for one in ids:
            arguments = {**others, self._plural.each: one}
            key = self._keys.make(arguments)
            keys.append(key.text)
            if key.text not in calls:
                calls[key.text] = self._call(key, arguments)
        return Asked(ids, keys, calls, self._batch(bound))

    def _call(self, key: Key, arguments: Mapping[str, Any]) -> Call:
        tags = self._tags.of_arguments(arguments)
        return Call(key.text, tags, self.recipe, _no_loader, arguments, is_local=key.is_local)

    def _batch(self, bound: BoundArguments) -> Batch:
        return Batch(
            partial(self._bring, bound),
            self._together.max_batch,
            may_lack=self._form is Form.MAPPING,
        )

    async def _bring(self, bound: BoundArguments, calls: Sequence[Call]) -> Brought:
        """Have the function load what ``calls`` ask for, with the other arguments of ``bound``."""
        ids = [call.arguments[self._plural.each] for call in calls]
        arguments = {**bound.arguments, self._plural.many: self._plural.collect(ids)}
        whole = BoundArguments(self._plural.signature, arguments)
        returned = await self._instrumented(self._loader(whole))()
        keys = [call.key for call in calls]
        name = self.function.__qualname__
        brought = read_returned(returned, ids, keys, name=name, form=self._form)
        return filled(brought, keys, self._together.missing)

    def _loader(self, bound: BoundArguments) -> Callable[[], Awaitable[Any]]:
        function = partial(self.function, *bound.args, **bound.kwargs)
        if self.is_async:
            return function

        async def load() -> Any:
            return function()

        return load

    # -- one of them -------------------------------------------------------------------------

    def one(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
        """Return the call that a verb about one id is about."""
        bound = self._plural.one_signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return self._call(self._keys.make(bound.arguments), bound.arguments)

    async def read_one(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Return the value of one id, ``ABSENT`` if there is none."""
        bound = self._plural.one_signature.bind(*args, **kwargs)
        bound.apply_defaults()
        arguments = dict(bound.arguments)
        one = arguments.pop(self._plural.each)
        arguments[self._plural.many] = self._plural.collect([one])
        found = await self.read(BoundArguments(self._plural.signature, OrderedDict(arguments)))
        return found.get(one, ABSENT) if self._form is Form.MAPPING else found[0]


def _places(ids: Sequence[Any]) -> list[str]:
    """Return a name for each id, the same for those that are one: there may be no key for them."""
    try:
        first = {(type(one), one): place for place, one in reversed([*enumerate(ids)])}
        return [str(first[type(one), one]) for one in ids]
    except TypeError:  # they have no hash, so each stands for itself
        return [str(place) for place in range(len(ids))]


async def _no_loader() -> Any:
    raise NotImplementedError("a call of many is loaded by its batch")


def decorate_many(
    function: Any,
    *,
    register: Callable[[CachedMany], None],
    number_of: Callable[[str, Callable[..., Any]], int],
    is_bypassed: Callable[[], bool],
    ttl: TTL,
    options: ManyOptions,
) -> Any:
    """Return what stands in for ``function``: a function, or what gives one in its class."""
    plain = plain_function(function)
    receiver = None if isinstance(function, staticmethod) else receiver_of(plain)
    plural = Plural(plain, of=options.get("of"), each=options.get("each"), receiver=receiver)
    name = f"{plain.__module__}.{plain.__qualname__}"
    names = tuple(plural.one_signature.parameters)
    form, together = form_of(plain), Together.checked(options)
    _check_order(plain, plural, form, together)
    tags = Tags(options.get("tags", ()), names)
    codec = given_codec(options.get("codec"))
    shape = Shape(name, function=plain, part=value_type, codec=codec)
    recipe = recipe_of(name, names, ttl, options, tags=tags, shape=shape)
    keys = KeyMaker(
        plural.one,
        template=options.get("key"),
        exclude=options.get("exclude", ()),
        vary=options.get("vary", ()),
        receiver=receiver,
        number=number_of(name, plain),
    )
    if plural.each not in keys.keyed:
        raise ConfigurationError(
            f"{plain.__qualname__}: all its values would be under one key: name {plural.each!r} in "
            f"key=, as in 'user:{{{plural.each}}}', and not in exclude="
        )
    cached = CachedMany(
        plain,
        recipe=with_missing(recipe, together.missing, options.get("missing_ttl")),
        plural=plural,
        keys=keys,
        tags=tags,
        together=together,
        form=form,
        is_bypassed=is_bypassed,
    )
    register(cached)
    return as_it_was(function, cached.wrapper, receiver)


def _check_order(function: Callable[..., Any], plural: Plural, form: Form, together: Together) -> None:
    if form is Form.MAPPING:
        return
    if plural.collect in (set, frozenset):
        raise ConfigurationError(
            f"{function.__qualname__} takes a set and returns values in order, and a set has none: "
            f"take a list, or return a dict from id to value"
        )
    if together.missing is not ABSENT:
        raise ConfigurationError(
            f"missing={together.missing!r}: {function.__qualname__} returns a value for each id, and "
            f"leaves none out; return a dict from id to value, or leave missing= out"
        )
