"""Find loaders that read a context variable which their key does not hold.

A tenant, a locale, a user: if the loader reads it and ``vary=`` does not name it, two callers with
different values share one entry. Python has no hook for the reading of a context variable. But
``variable.get()`` is a call of a C function, and those the interpreter shows to a profiler, with the
variable that the function is bound to. So a profile function is in place while loaders run, and a
context variable of our own tells it which of them the code belongs to, tasks that it starts included.

What the profiler cannot see: reads by C code (``decimal``), by ``context[variable]``, and in other
threads that a loader hands its work to.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any

from .. import cache as default_cache
from ..caches import Cache
from ..errors import ConfigurationError
from ..handle import ByHand, Handle
from .subject import INDENT, listed

#: Packages that read context variables for their own business: which loop runs, which span a trace
#: is in, what goes on a log line. None of it is in a value.
MACHINERY = frozenset(
    {
        "_pydecimal",
        "anyio",
        "asgiref",
        "asyncio",
        "contextvars",
        "ddtrace",
        "decimal",
        "elasticapm",
        "freshly",
        "greenlet",
        "hypothesis",
        "logging",
        "opentelemetry",
        "pytest_asyncio",
        "sentry_sdk",
        "sniffio",
        "sqlalchemy",
        "structlog",
        "trio",
        "uvloop",
    }
)

# The one reading of ours that counts: an inner cached function makes its key of the variables that
# it varies on, so the value of the outer one depends on them too.
KEY_MAKER = "freshly.core.key"


class _Watch:
    """One run of a loader: what it has set itself is no secret to it."""

    def __init__(self, handle: Handle | ByHand) -> None:
        self.handle = handle
        self.known = set(handle.vary)

    def knows(self, variable: ContextVar[Any]) -> bool:
        if variable in self.known or not isinstance(self.handle, ByHand):
            return variable in self.known
        # It is no secret either if its value stands in the keys.
        try:
            text = str(variable.get())
        except LookupError:
            return False
        return bool(text) and all(text in key for key in self.handle.keys)


_watched: ContextVar[_Watch | None] = ContextVar("freshly_watched", default=None)


@contextmanager
def assert_no_hidden_context(
    *caches: Cache, ignore: Iterable[ContextVar[Any] | str] = ()
) -> Iterator[None]:
    """Assert that loaders read no context variable but those in their ``vary``.

    At the end of the ``with`` block the error names each function, the variable, where it was read,
    and the ``vary=`` that is missing. ``caches`` are those to watch, by default ``freshly.cache``.
    Variables that the loader has set itself do not count, nor does what packages read for their own
    business (event loops, tracing, logging). ``ignore`` takes more: variables, and names of packages.
    A loader that ``get_or_set`` or ``get_or_set_many`` was given may read what stands in its keys.

    Loaders run slower inside, as under any profiler; another one has to be off.
    """
    readings = _Readings(*_ignored(ignore))
    places = [cache._home.instruments for cache in caches or (default_cache,)]
    for instruments in places:
        instruments.append(readings.instrument)
    try:
        yield
    finally:
        for instruments in places:
            instruments.remove(readings.instrument)
    if lines := readings.lines():
        raise AssertionError(INDENT.join(["loaders read context that is not in their keys:", *lines]))


class _Readings:
    """What was read, by function and variable, and where first."""

    def __init__(self, variables: frozenset[ContextVar[Any]], packages: frozenset[str]) -> None:
        self._ignored = variables
        self._packages = MACHINERY | packages
        # By function; by place for loaders by hand, which may be many.
        self._found: dict[tuple[object, ContextVar[Any]], tuple[Handle | ByHand, str]] = {}
        self._profilers = _Profilers(self._note)

    def instrument(self, handle: Handle | ByHand, loader: Callable[[], Any]) -> Callable[[], Any]:
        async def watched() -> Any:
            # First, since it may refuse.
            self._profilers.begin()
            token = _watched.set(_Watch(handle))
            try:
                return await loader()
            finally:
                self._profilers.end()
                _watched.reset(token)

        return watched

    def _note(self, frame: FrameType, event: str, function: Any) -> None:
        if event != "c_call":
            return
        variable = getattr(function, "__self__", None)
        if type(variable) is not ContextVar or variable is _watched:
            return
        watch = _watched.get()
        if watch is None:
            return
        if function.__name__ == "set":
            watch.known.add(variable)
        elif function.__name__ == "get" and self._counts(watch, variable, frame):
            handle, place = watch.handle, _place(frame)
            by = place if isinstance(handle, ByHand) else handle
            self._found.setdefault((by, variable), (handle, place))

    def _counts(self, watch: _Watch, variable: ContextVar[Any], frame: FrameType) -> bool:
        module = frame.f_globals.get("__name__", "")
        is_machinery = module.partition(".")[0] in self._packages and module != KEY_MAKER
        return not is_machinery and not watch.knows(variable) and variable not in self._ignored

    def lines(self) -> list[str]:
        return [
            f"{_who(handle)} read {variable.name!r} at {place}, and callers with different values "
            f"share an entry: {_way_out(handle, variable)}"
            for (_, variable), (handle, place) in self._found.items()
        ]


class _Profilers:
    """The profile function of each thread in which a loader runs, for as long as one does."""

    def __init__(self, note: Callable[[FrameType, str, Any], None]) -> None:
        self._note = note
        self._here = threading.local()

    def begin(self) -> None:
        here = self._here
        here.loads = getattr(here, "loads", 0) + 1
        if here.loads > 1:
            return
        here.former = sys.getprofile()
        if here.former is not None and not callable(here.former):
            here.loads = 0
            raise ConfigurationError(
                "assert_no_hidden_context needs the place of the profiler, and there is one: "
                "run these tests without it"
            )
        sys.setprofile(self._profile_before(here.former))

    def _profile_before(self, former: Any) -> Callable[[FrameType, str, Any], None]:
        if former is None:
            return self._note

        def both(frame: FrameType, event: str, argument: Any) -> None:
            self._note(frame, event, argument)
            former(frame, event, argument)

        return both

    def end(self) -> None:
        self._here.loads -= 1
        if self._here.loads == 0:
            sys.setprofile(self._here.former)


def _ignored(
    ignore: Iterable[ContextVar[Any] | str],
) -> tuple[frozenset[ContextVar[Any]], frozenset[str]]:
    if isinstance(ignore, str | ContextVar):
        raise ConfigurationError(f"ignore={ignore!r} is one thing: write ignore=[...]")
    things = list(ignore)
    for thing in things:
        if not isinstance(thing, str | ContextVar):
            raise ConfigurationError(
                f"ignore has {thing!r} in it: it takes context variables, and names of packages"
            )
    variables = frozenset(thing for thing in things if isinstance(thing, ContextVar))
    return variables, frozenset(thing for thing in things if isinstance(thing, str))


def _place(frame: FrameType) -> str:
    if frame.f_globals.get("__name__") == KEY_MAKER:
        return "the key of a cached function inside it"
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _who(handle: Handle | ByHand) -> str:
    if isinstance(handle, ByHand):
        return f"the loader of {listed(map(repr, handle.keys), most=3)}"
    return handle.recipe.counts.name


def _way_out(handle: Handle | ByHand, variable: ContextVar[Any]) -> str:
    if isinstance(handle, ByHand):
        return "put its value into the key"
    return f"write vary=[{_shown(handle, variable)}] in its decorator"


def _shown(handle: Handle, variable: ContextVar[Any]) -> str:
    return ", ".join([*(known.name for known in handle.vary), variable.name])
