"""What a decorator makes: the wrapper, and the handle with its other verbs."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable, Hashable, Mapping
from functools import partial
from inspect import Signature, signature
from types import FunctionType
from typing import TYPE_CHECKING, Any

from .bound import VERBS
from .core.entry import Entry
from .core.flat import Flat, flat_parameters
from .core.identity import IDENTITIES
from .core.key import KeyMaker
from .core.load import note_hit
from .core.recipe import Call, Recipe
from .core.rows import Rows
from .core.tags import Tags
from .errors import FreshlyWarning
from .handle import Handle
from .runtime.threads import finish
from .wrapper import BUILTINS, EXACT, NO_ROW, OURS, PROMISES, Plan, write

if TYPE_CHECKING:
    from .parts import Parts

# So many objects in a row whose cached methods never hit are no accident: each is made, asked
# once and dropped, as a service is that a web framework makes for each request.
STRANGERS = 8


class Cached(Handle):
    """The handle of one decorated function: it makes calls of arguments, and asks the engine."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        recipe: Recipe,
        keys: KeyMaker,
        tags: Tags,
        receiver: str | None,
        is_bypassed: Callable[[], bool],
    ) -> None:
        super().__init__(function, recipe=recipe, keys=keys, tags=tags, is_bypassed=is_bypassed)
        self._signature: Signature = signature(function)
        self._instances: dict[int, Rows] = {}
        self._tables: dict[int, dict[Hashable, Entry[Any]]] = {}
        self._strangers = 0
        self._met_again = False
        self._rows: Rows
        self._plan = Plan(
            is_async=self.is_async,
            row=_row(keys, tags, receiver),
            receiver=receiver,
            copies=recipe.copy is not None,
            annotations=getattr(function, "__annotations__", {}),
            flat=_flat(function, keys, tags),
            slides=recipe.slides,
        )
        self._receiver = self._plan.receiver
        self._row_of = self._plan.row_reader(keys.names)
        # What means something in this process only is not asked of others.
        self._may_recall = not (
            self._plan.row is None or self._receiver or self._plan.flat or keys.is_numbered
        )
        ours = {"exact": EXACT, "copy": recipe.copy, **BUILTINS, **PROMISES}
        ours |= {f"class_{name}": flat.cls for name, flat in self._plan.flat.items()}
        self._wiring: dict[str, Any] = {OURS + name: thing for name, thing in ours.items()}
        self.wrapper, self._uncached = write(function, self._plan, self._wiring)
        verbs: Verbs = AsyncVerbs(self) if self.is_async else BlockingVerbs(self)
        verbs.stand_on(self.wrapper)

    def wire(self, parts: Parts) -> None:
        super().wire(parts)
        self._rows, self._instances, self._tables = Rows(parts.store, self.recipe.counts), {}, {}
        self._strangers, self._met_again = 0, False
        slow: Callable[..., Any] = self._read if self.is_async else self._read_blocking
        if self.is_async and parts.store.recall is not None and self._may_recall:
            slow = self._read_again
        ours = {
            "rows": self._rows.entries,
            "instances": self._tables,
            "now": parts.clock.now,
            "clock": parts.store.gate,
            "holds": parts.store.gate.holds,
            "flights": parts.flights,
            "note": note_hit,
            "owner": parts.flights,
            "slow": slow,
        }
        self._wiring.update({OURS + name: thing for name, thing in ours.items()})

    # -- the slow way of a read --------------------------------------------------------------

    def _read(self, values: tuple[Any, ...]) -> Any:
        # No coroutine of its own: it is awaited at once, and what it returns is one.
        if self._is_bypassed():
            return self._uncached(values)
        return self._parts.awaited.engine.read(self.call(values))

    def _read_again(self, values: tuple[Any, ...]) -> Awaitable[Any]:
        """Do ``_read`` where a store may know what it has served to these arguments before."""
        if self._is_bypassed():
            uncached: Awaitable[Any] = self._uncached(values)
            return uncached
        engine = self._parts.awaited.engine
        row = self._row_of(values)
        known = None if row is NO_ROW else engine.known(self._rows, row)
        if known is None:
            return engine.read(self.call(values))
        return engine.read_again(known, self.recipe, self.call, values)

    def _read_blocking(self, values: tuple[Any, ...]) -> Any:
        if self._is_bypassed():
            return self._uncached(values)
        return finish(self._parts.stepped.engine.read(self.call(values)))

    # -- calls -------------------------------------------------------------------------------

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the values of all parameters, defaults included."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return tuple([bound.arguments[name] for name in self._signature.parameters])

    def call(self, values: tuple[Any, ...]) -> Call:
        arguments = dict(zip(self._keys.names, values, strict=True))
        text, is_local = self._keys.text_of(arguments)
        row = self._plan.row_of(arguments)
        loader = partial(self._uncached, values) if self.is_async else self._loader(values)
        return Call(
            text,
            self._tags.of_arguments(arguments),
            self.recipe,
            self._parts.instrumented(self, loader) if self._parts.instruments else loader,
            arguments,
            None
            if row is NO_ROW
            else self._rows
            if self._receiver is None
            else self._rows_of(arguments),
            row,
            is_local,
        )

    def key(self, values: tuple[Any, ...]) -> str:
        return self._keys.make(dict(zip(self._keys.names, values, strict=True))).text

    def tags(self, values: tuple[Any, ...]) -> tuple[str, ...]:
        return self._tags.of_arguments(dict(zip(self._keys.names, values, strict=True)))

    def load_uncached(self, values: tuple[Any, ...]) -> Any:
        return self._uncached(values)

    def _loader(self, values: tuple[Any, ...]) -> Callable[[], Any]:
        async def load() -> Any:
            return self._uncached(values)

        return load

    # -- rows of methods ---------------------------------------------------------------------

    def _rows_of(self, arguments: Mapping[str, Any]) -> Rows | None:
        if self._receiver is None:
            return self._rows
        receiver = arguments[self._receiver]
        if not isinstance(receiver, type) and not self._keys.receiver_is_token(receiver):
            return None
        rows = self._instances.get(id(receiver))
        return self._meet(receiver) if rows is None else rows

    def _meet(self, receiver: object) -> Rows:
        """Make the rows of an object that was not seen before. They die with it."""
        number = id(receiver)
        rows = self._instances[number] = Rows(self._parts.store, self.recipe.counts)
        self._tables[number] = rows.entries
        IDENTITIES.on_death(receiver, partial(self._part, number))
        self._strangers += 1
        if self._parts.store.is_shared:
            if self._strangers == 1:
                self._warn_of_sharing(receiver)
        elif self._strangers == STRANGERS and not self._was_hit():
            self._warn(receiver)
        return rows

    def _was_hit(self) -> bool:
        self._met_again = self._met_again or any(map(_is_used, list(self._instances.values())))
        return self._met_again

    def _part(self, number: int) -> None:
        """Forget the rows of an object that is gone."""
        rows = self._instances.pop(number, None)
        self._tables.pop(number, None)
        if rows is not None:
            self._met_again = self._met_again or _is_used(rows)

    def _warn(self, receiver: object) -> None:
        name, kind = self.recipe.counts.name, type(receiver).__qualname__
        warnings.warn(
            f"{name} was called on {STRANGERS} objects of {kind}, and no call found a cached value: "
            f"a plain object has entries of its own, which nobody finds once it is gone. "
            f"{self._ways_out(kind)}",
            FreshlyWarning,
            stacklevel=2,
        )

    def _warn_of_sharing(self, receiver: object) -> None:
        name, kind = self.recipe.counts.name, type(receiver).__qualname__
        warnings.warn(
            f"{name} was called on an object of {kind}: a plain object means nothing to other "
            f"processes, so its entries stay in this one and are not shared. {self._ways_out(kind)}",
            FreshlyWarning,
            stacklevel=2,
        )

    def _ways_out(self, kind: str) -> str:
        return (
            f"If equal objects may share, give {kind} a __cache_key__, or the decorator "
            f"exclude=({self._receiver!r},), or a key= template without {{{self._receiver}}}"
        )


def _is_used(rows: Rows) -> bool:
    return any(entry.uses for entry in list(rows.entries.values()))


def _row(keys: KeyMaker, tags: Tags, receiver: str | None) -> tuple[str, ...] | None:
    """Return the parameters that decide key and tags, if their raw values can stand for both."""
    if keys.varies or (receiver in tags.names) or (receiver in keys.template_names):
        return None
    if keys.has_variadic:
        return None
    wanted = {*keys.keyed, *tags.names}
    return tuple(name for name in keys.names if name in wanted)


def _flat(function: Callable[..., Any], keys: KeyMaker, tags: Tags) -> dict[str, Flat]:
    """Return the parameters whose fields may stand for them.

    What a template reads of an object may be a property, and is worked out each time.
    """
    found = flat_parameters(function)
    return {
        name: flat
        for name, flat in found.items()
        if name in keys.keyed and name not in keys.template_names and name not in tags.names
    }


class Verbs:
    """The other verbs of a decorated function; the children have those that differ by colour."""

    def __init__(self, cached: Cached) -> None:
        self._cached = cached
        self.uncached = cached.function

    def stand_on(self, wrapper: FunctionType) -> None:
        for verb in VERBS:
            setattr(wrapper, verb, getattr(self, verb))
        # Keeps the handle alive as long as the function, and no longer.
        vars(wrapper)["__freshly__"] = self._cached

    def key(self, /, *args: Any, **kwargs: Any) -> str:
        return self._cached.key(self._cached.bind(args, kwargs))

    def tags(self, /, *args: Any, **kwargs: Any) -> tuple[str, ...]:
        return self._cached.tags(self._cached.bind(args, kwargs))


class AsyncVerbs(Verbs):
    async def peek(self, /, *args: Any, **kwargs: Any) -> Entry[Any] | None:
        call = self._cached.call(self._cached.bind(args, kwargs))
        if self._cached.is_bypassed:
            return None
        return await self._cached.parts.awaited.engine.peek(call.key, call.tags, call.shape)

    async def refresh(self, /, *args: Any, **kwargs: Any) -> Any:
        values = self._cached.bind(args, kwargs)
        if self._cached.is_bypassed:
            return await self._cached.load_uncached(values)
        return await self._cached.parts.awaited.engine.refresh(self._cached.call(values))

    async def delete(self, /, *args: Any, **kwargs: Any) -> bool:
        return await self._cached.parts.awaited.delete((self.key(*args, **kwargs),)) > 0


class BlockingVerbs(Verbs):
    def peek(self, /, *args: Any, **kwargs: Any) -> Entry[Any] | None:
        call = self._cached.call(self._cached.bind(args, kwargs))
        if self._cached.is_bypassed:
            return None
        return finish(self._cached.parts.stepped.engine.peek(call.key, call.tags, call.shape))

    def refresh(self, /, *args: Any, **kwargs: Any) -> Any:
        values = self._cached.bind(args, kwargs)
        if self._cached.is_bypassed:
            return self._cached.load_uncached(values)
        return finish(self._cached.parts.stepped.engine.refresh(self._cached.call(values)))

    def delete(self, /, *args: Any, **kwargs: Any) -> bool:
        return finish(self._cached.parts.stepped.delete((self.key(*args, **kwargs),))) > 0


__all__ = ["Cached"]
