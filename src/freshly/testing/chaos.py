"""Stores and loaders that fail, stand and lose answers by a script."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Any

from .. import cache as default_cache
from ..caches import Cache
from ..errors import StoreUnreachableError
from ..handle import ByHand
from ..parts import Instrument
from .around import OPERATIONS, Args, Named, Operation, StoreAround
from .faults import AnyStepper, Chance, Fail, Fault, Hang, Lose, Pause, Script
from .stepper import Stepper
from .subject import handle_of

#: The one operation of a loader.
LOAD = "load"


class ChaosError(Exception):
    """What a loader raises that was told to fail, unless the fault brings an error of its own."""


class _Chaos:
    """Runs operations, struck by a script."""

    def __init__(
        self, script: Script, step: AnyStepper | None, error: Callable[[str], Exception]
    ) -> None:
        self.script = script
        self._step = step
        self._error = error
        self.is_down = False

    async def run(self, operation: str, call: Callable[[], Awaitable[Any]]) -> Any:
        if self.is_down:
            raise self._error(f"{operation} failed: it was told to be down")
        faults = self.script.next(operation)
        for fault in faults:
            await self._before(fault)
        answer = await call()
        for fault in faults:
            await self._after(fault)
        return answer

    async def _before(self, fault: Fault) -> None:
        match fault:
            case Fail(error=error):
                raise self._raised(error, f"{fault.operation} failed, as it was told to")
            case Hang(error=error):
                await self._stand(fault.stands_at)
                raise self._raised(error, f"{fault.operation} did not answer, as it was told to")
            case Pause(after=False):
                await self._stand(fault.stands_at)
            case _:
                pass

    async def _after(self, fault: Fault) -> None:
        match fault:
            case Lose(error=error):
                raise self._raised(error, f"the answer to {fault.operation} was lost, as told")
            case Pause(after=True):
                await self._stand(fault.stands_at)
            case _:
                pass

    def _raised(self, error: Exception | None, message: str) -> Exception:
        # One error object may be raised again and again, and should not pile up frames.
        return self._error(message) if error is None else error.with_traceback(None)

    async def _stand(self, point: str) -> None:
        if isinstance(self._step, Stepper):
            await self._step.stop(point)
        elif self._step is not None:
            self._step.stop(point)


class ChaosStore(StoreAround):
    """A store of any kind with a script of faults before it.

        with ChaosStore.behind(cache, Fail("look", 2), Lose("land")) as store:
            ...
        store.struck  # what has struck: paste it to have the same again

    The operations are the coroutines of the port (``freshly.core.ports.Store``): ``look``, ``land``,
    ``put``, ``invalidate`` and so on. Behind it every read asks the store, since the hit path of
    decorated functions is not used. ``is_down = True`` makes each operation fail until it is False.

    ``step`` is who stands at a ``Pause`` or a ``Hang``: a ``Stepper`` for awaited callers, a
    ``ThreadStepper`` for blocking ones.
    """

    def __init__(self, store: Any, *faults: Fault | Chance, step: AnyStepper | None = None) -> None:
        super().__init__(store)
        self._chaos = _Chaos(Script(faults, OPERATIONS, step), step, StoreUnreachableError)

    def around(self, store: Any) -> ChaosStore:
        twin = ChaosStore(store)
        twin._chaos = self._chaos
        return twin

    async def do(self, operation: str, call: Operation, args: Args, kwargs: Named) -> Any:
        return await self._chaos.run(operation, lambda: call(*args, **kwargs))

    @classmethod
    @contextmanager
    def behind(
        cls, cache: Cache = default_cache, *faults: Fault | Chance, step: AnyStepper | None = None
    ) -> Iterator[ChaosStore]:
        """Put faults before the store of ``cache`` while the ``with`` block lasts."""
        with cache._home.surrounded(lambda store: cls(store, *faults, step=step)) as store:
            yield store

    @property
    def struck(self) -> list[Fault]:
        """The faults that have struck so far, with what chance has chosen."""
        return list(self._chaos.script.struck)

    def count(self, operation: str) -> int:
        """Return how often the store was asked for ``operation``."""
        return self._chaos.script.count(operation)

    @property
    def is_down(self) -> bool:
        return self._chaos.is_down

    @is_down.setter
    def is_down(self, is_down: bool) -> None:
        self._chaos.is_down = is_down

    def __repr__(self) -> str:
        return f"<ChaosStore of {self._store!r}: {self._chaos.script!r}>"


class ChaosLoader:
    """The loader of a decorated function with a script of faults, while the ``with`` block lasts.

        with ChaosLoader(get_user, Pause("load", after=True), step=step):
            reader = step.start(get_user(7))
            await step.reached("after load")  # it has read the old row
            await rename_user(7, "Grace")
            step.go("after load")

    The operation is ``"load"``. The function stays as it is for everybody who holds it; only runs
    of its loader are struck, by reads and refreshes alike.

    In place of a function a text names the loaders that ``get_or_set`` and ``get_or_set_many`` of
    ``cache`` are given for such keys: ``ChaosLoader("user:*", Fail("load"))``, a key or a pattern as
    ``delete_match`` takes it.
    """

    def __init__(
        self,
        function: Callable[..., Any] | str,
        *faults: Fault | Chance,
        step: AnyStepper | None = None,
        cache: Cache = default_cache,
    ) -> None:
        self._handle = None if isinstance(function, str) else handle_of(function)
        self._keys = function if isinstance(function, str) else ""
        self._cache = cache
        self._instruments: list[Instrument] = []
        self._chaos = _Chaos(Script(faults, (LOAD,), step), step, ChaosError)

    @property
    def struck(self) -> list[Fault]:
        """The faults that have struck so far, with what chance has chosen."""
        return list(self._chaos.script.struck)

    @property
    def loads(self) -> int:
        """How often the loader was run."""
        return self._chaos.script.count(LOAD)

    def __enter__(self) -> ChaosLoader:
        parts = self._cache._home.parts if self._handle is None else self._handle.parts
        self._instruments = parts.instruments
        self._instruments.append(self._instrument)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._instruments.remove(self._instrument)

    def _instrument(self, handle: object, loader: Callable[[], Any]) -> Callable[[], Any]:
        if not self._is_meant(handle):
            return loader
        return lambda: self._chaos.run(LOAD, loader)

    def _is_meant(self, handle: object) -> bool:
        if isinstance(handle, ByHand):
            return self._handle is None and any(fnmatchcase(key, self._keys) for key in handle.keys)
        return handle is self._handle

    def __repr__(self) -> str:
        name = repr(self._keys) if self._handle is None else self._handle.recipe.counts.name
        return f"<ChaosLoader of {name}: {self._chaos.script!r}>"
