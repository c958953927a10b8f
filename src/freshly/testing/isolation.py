"""An empty cache for one test, behind the very objects that the program holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from .. import cache as default_cache
from ..caches import Cache
from ..errors import ConfigurationError
from .clock import ManualClock


@contextmanager
def isolated(*caches: Cache, clock: ManualClock | None = None) -> Iterator[ManualClock]:
    """Give ``caches``, by default ``freshly.cache``, an empty memory each, on a clock moved by hand.

    Functions that were decorated long before use it too, since the cache object stays and only what
    is behind it changes. When the ``with`` block ends, what it had begun is cancelled, and
    everything is as it was before: store, entries, counts, observers. ``setup`` inside the block does
    what it says, for the block.

    Yields the clock. Several caches share it.
    """
    clock = clock if clock is not None else ManualClock()
    with ExitStack() as stack:
        for cache in dict.fromkeys(caches or (default_cache,)):
            if not isinstance(cache, Cache):
                raise ConfigurationError(f"isolated({cache!r}) is no cache: give it Cache objects")
            stack.enter_context(cache._home.isolated(clock))
        yield clock
