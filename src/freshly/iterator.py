"""``cache.iterator``: a generator, plain or async, whose whole sequence is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable, Mapping
from contextlib import aclosing, closing
from contextvars import copy_context
from dataclasses import replace
from functools import partial, update_wrapper
from inspect import BoundArguments, Signature, signature
from types import FunctionType, GenericAlias
from typing import Any, get_args

from .core.engine import ALONE, COLD
from .core.events import SequenceTooLong
from .core.key import KeyMaker
from .core.load import current_load, running_load
from .core.recipe import Call, Recipe
from .core.shape import Shape
from .core.solo import Solo
from .core.tags import Tags
from .errors import ConfigurationError
from .functions import as_it_was, plain_function, receiver_of
from .lifetimes import TTL
from .options import IteratorOptions
from .options import recipe as recipe_of
from .production import TOO_LONG, Production
from .runtime.threads import finish
from .verbs import InSteps, stand_on
from .wire.port import given_codec

# Longer sequences are streams: who reads them wants the next element and not the whole, and a
# thousand rows are what a page or a report has.
DEFAULT_MAX_LENGTH = 1000


class CachedIterator(InSteps):
    """The handle of one generator function."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        recipe: Recipe,
        keys: KeyMaker,
        tags: Tags,
        max_length: int,
        is_bypassed: Callable[[], bool],
    ) -> None:
        super().__init__(function, recipe=recipe, keys=keys, tags=tags, is_bypassed=is_bypassed)
        self._most = max_length
        self._signature: Signature = signature(function)
        self.wrapper = self._written()
        stand_on(self.wrapper, self)

    def _written(self) -> FunctionType:
        if self.is_async:

            async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
                async with aclosing(self._given(self.bound(args, kwargs))) as elements:
                    async for element in elements:
                        yield element

            written: Any = wrapper
        else:

            def blocking_wrapper(*args: Any, **kwargs: Any) -> Generator[Any, None, None]:
                yield from self._given_blocking(self.bound(args, kwargs))

            written = blocking_wrapper
        update_wrapper(written, self.function)
        wrapped: FunctionType = written
        return wrapped

    # -- calls -------------------------------------------------------------------------------

    def bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> BoundArguments:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound

    def one(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
        return self._call(self.bound(args, kwargs))

    def _call(self, bound: BoundArguments) -> Call:
        """Return the call whose loader runs the generator to its end."""
        key, tags = self._keys.make(bound.arguments), self._tags.of_arguments(bound.arguments)
        load = self._instrumented(partial(self._gather, bound, key.text))
        return Call(key.text, tags, self.recipe, load, dict(bound.arguments), is_local=key.is_local)

    def _run(self, bound: BoundArguments) -> Any:
        return self.function(*bound.args, **bound.kwargs)

    async def _gather(self, bound: BoundArguments, key: str) -> Any:
        """Return all elements, or ``TOO_LONG``."""
        elements: list[Any] = []
        if self.is_async:
            async with aclosing(self._run(bound)) as source:
                async for element in source:
                    elements.append(element)
                    if len(elements) > self._most:
                        return self._too_long(key)
            return tuple(elements)
        with closing(self._run(bound)) as source:
            for element in source:
                elements.append(element)
                if len(elements) > self._most:
                    return self._too_long(key)
        return tuple(elements)

    async def said_by_source(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Run the generator beside the cache; return all elements, or ``TOO_LONG``."""
        return await self._gather(self.bound(args, kwargs), "")

    def _too_long(self, key: str) -> Any:
        self.side.emit(SequenceTooLong, key, self.recipe.counts.name, self._most)
        return TOO_LONG

    async def refresh(self, bound: BoundArguments) -> Any:
        call = self._call(bound)
        if self.is_bypassed:
            found = await self._gather(bound, call.key)
        else:
            found = await self.side.engine.refresh(call)
        if found is TOO_LONG:
            raise ConfigurationError(
                f"{self.function.__qualname__} gave more than max_length={self._most} elements, and "
                f"refresh() returns them all: raise max_length, or iterate over it"
            )
        return found

    # -- on an event loop --------------------------------------------------------------------

    async def _given(self, bound: BoundArguments) -> AsyncGenerator[Any, None]:
        """Yield the elements of one call."""
        if self.is_bypassed:
            async with aclosing(self._run(bound)) as source:
                async for element in source:
                    yield element
            return
        call = self._call(bound)
        found = await self.side.engine.read(call, leave_cold=True)
        if found is COLD:
            elements = self._produced(call, bound)
        elif found is TOO_LONG or found is ALONE:
            elements = self._passed(call, bound)
        else:
            elements = _each(found)
        async with aclosing(elements):
            async for element in elements:
                yield element

    async def _produced(self, call: Call, bound: BoundArguments) -> AsyncGenerator[Any, None]:
        """Yield what the generator gives as it gives it, or what another call's has given."""
        production = Production(partial(self._run, bound), self._most)
        read = replace(call, loader=self._instrumented(partial(self._produce, production, call)))
        ride = asyncio.get_running_loop().create_task(
            self.side.engine.read(read), name=f"freshly reads {call.key}"
        )
        is_over = False
        try:
            async with aclosing(production.follow(ride)) as elements:
                async for element in elements:
                    yield self._own(element)
            is_over = True
        finally:
            if not is_over:
                await production.leave(ride)
            if not is_over or production.rest is not None:
                self._hand_on_what_was_seen(call, production)
        found = ride.result()
        if not production.has_begun:
            rest = self._passed(call, bound) if found is TOO_LONG else _each(found)
        elif production.error is not None:
            # An older value must not follow what a run has given that then failed.
            raise production.error
        else:
            rest = self._handing_on(call, production.rest)
        async with aclosing(rest):
            async for element in rest:
                yield element

    async def _produce(self, production: Production, call: Call) -> Any:
        load = current_load.get()
        if load is not None and load.flight.is_background:
            # A value was stored since the consumer looked, and is served to it: this refreshes it.
            return await call.loader()
        found = await production.run()
        return self._too_long(call.key) if found is TOO_LONG else found

    def _own(self, element: Any) -> Any:
        """Return what the consumer of a run gets of an element that is to be kept."""
        return element if self.recipe.copy is None else self.recipe.copy(element)

    def _hand_on_what_was_seen(self, call: Call, production: Production) -> None:
        """A value may be made of the beginning of a sequence: hand its tags to the load around."""
        outer, load = running_load(self._parts.flights), production.load
        if outer is None or load is None:
            return
        for tags, at in load.handed_on:
            outer.collect(tags, at, is_stale=load.made_from_stale, held_until=load.held_until)
        outer.add(load.tags)
        self._hand_on(call, production.elements[: production.given], load.flight.stamp)

    def _hand_on(self, call: Call, elements: Iterable[Any], at: Any) -> None:
        outer = running_load(self._parts.flights)
        if outer is not None:
            found = self.recipe.result_tags(call.arguments, tuple(elements))
            outer.collect((*call.tags, *found), at)

    async def _passed(self, call: Call, bound: BoundArguments) -> AsyncGenerator[Any, None]:
        """Yield from a run of its own, of which nothing is kept."""
        async with aclosing(self._handing_on(call, self._run(bound))) as source:
            async for element in source:
                yield element

    async def _handing_on(
        self, call: Call, source: AsyncGenerator[Any, None] | None
    ) -> AsyncGenerator[Any, None]:
        if source is None:
            return
        async with aclosing(source):
            async for element in source:
                self._hand_on(call, (element,), None)
                yield element

    # -- on a thread -------------------------------------------------------------------------

    def _given_blocking(self, bound: BoundArguments) -> Generator[Any, None, None]:
        if self.is_bypassed:
            yield from self._run(bound)
            return
        call = self._call(bound)
        found = finish(self.side.engine.read(call, leave_cold=True))
        if found is COLD:
            yield from self._produced_blocking(call, bound)
        elif found is TOO_LONG or found is ALONE:
            yield from self._handing_on_blocking(call, self._run(bound))
        else:
            yield from found

    def _produced_blocking(self, call: Call, bound: BoundArguments) -> Generator[Any, None, None]:
        """Yield what the generator gives as it gives it. Its consumer alone runs it."""
        solo = finish(self.side.engine.begin_alone(call))
        source, elements = self._source(bound), list[Any]()
        try:
            for element in _stepped(solo, source):
                elements.append(element)
                if len(elements) > self._most:
                    break
                yield self._own(element)
            else:
                finish(solo.land(tuple(elements)))
                return
        except BaseException:
            solo.step(source.close)
            raise
        finally:
            solo.leave(lambda: self.recipe.result_tags(call.arguments, tuple(elements)))
        self._too_long(call.key)
        yield elements.pop()
        yield from self._handing_on_blocking(call, source)

    def _source(self, bound: BoundArguments) -> Generator[Any, None, None]:
        source: Generator[Any, None, None] = self._run(bound)
        if not self._parts.instruments:
            return source
        return _through(self._instrumented(partial(_handing_out, source)))

    def _handing_on_blocking(
        self, call: Call, source: Generator[Any, None, None]
    ) -> Generator[Any, None, None]:
        with closing(source):
            for element in source:
                self._hand_on(call, (element,), None)
                yield element


async def _each(elements: Iterable[Any]) -> AsyncGenerator[Any, None]:
    for element in elements:
        yield element


class _HandedOut:
    """What a coroutine awaits to give its driver an element."""

    def __init__(self, element: Any) -> None:
        self._element = element

    def __await__(self) -> Generator[Any, None, None]:
        yield self._element


async def _handing_out(source: Generator[Any, None, None]) -> None:
    with closing(source):
        for element in source:
            await _HandedOut(element)


def _through(load: Callable[[], Coroutine[Any, Any, None]]) -> Generator[Any, None, None]:
    """Yield what ``load`` hands out on its way. It keeps a context of its own, as a task does:
    what an instrument sets there is not seen by the consumer between two elements."""
    context = copy_context()
    coroutine = load()
    try:
        while True:
            try:
                element = context.run(coroutine.send, None)
            except StopIteration:
                return
            yield element
    finally:
        context.run(coroutine.close)


def _stepped(solo: Solo, source: Generator[Any, None, None]) -> Generator[Any, None, None]:
    """Run ``source`` as the loader of ``solo``, which learns if it fails."""
    while True:
        try:
            element = solo.step(partial(next, source))
        except StopIteration:
            return
        except Exception as error:
            solo.fail(error)
            raise
        yield element


def decorate_iterator(
    function: Any,
    *,
    register: Callable[[CachedIterator], None],
    number_of: Callable[[str, Callable[..., Any]], int],
    is_bypassed: Callable[[], bool],
    ttl: TTL,
    options: IteratorOptions,
) -> Any:
    """Return what stands in for ``function``: a generator function, or what gives one in its class."""
    plain = plain_function(function, generates=True)
    receiver = None if isinstance(function, staticmethod) else receiver_of(plain)
    name, names = f"{plain.__module__}.{plain.__qualname__}", tuple(signature(plain).parameters)
    tags = Tags(options.get("tags", ()), names)
    codec = given_codec(options.get("codec"))
    shape = Shape(name, function=plain, part=_kept_type, codec=codec)
    cached = CachedIterator(
        plain,
        recipe=_without_long(recipe_of(name, names, ttl, options, tags=tags, shape=shape)),
        keys=KeyMaker(
            plain,
            template=options.get("key"),
            exclude=options.get("exclude", ()),
            vary=options.get("vary", ()),
            receiver=receiver,
            number=number_of(name, plain),
        ),
        tags=tags,
        max_length=_length(options.get("max_length", DEFAULT_MAX_LENGTH)),
        is_bypassed=is_bypassed,
    )
    register(cached)
    return as_it_was(function, cached.wrapper, receiver)


def _length(given: object) -> int:
    if type(given) is not int or given < 1:
        raise ConfigurationError(
            f"max_length={given!r} is no number of elements: give how many are kept at most, such "
            f"as {DEFAULT_MAX_LENGTH}; a longer sequence passes through and is not stored"
        )
    return given


def _without_long(recipe: Recipe) -> Recipe:
    """Return ``recipe``, which keeps no sequence that is too long and asks nobody about it."""
    is_kept = recipe.is_kept
    return replace(
        recipe,
        is_kept=lambda arguments, result: (
            result is not TOO_LONG and (is_kept is None or is_kept(arguments, result))
        ),
        result_tags=lambda arguments, result: (
            () if result is TOO_LONG else recipe.result_tags(arguments, result)
        ),
    )


def _kept_type(annotation: Any) -> Any:
    """Return the type of what is kept of a generator that is annotated so."""
    said = get_args(annotation)
    return GenericAlias(tuple, (said[0], ...)) if said else Any
