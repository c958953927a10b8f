"""What the cache has counted, per function, as plain numbers for JSON."""

from __future__ import annotations

from typing import Any

import freshly

__all__ = ["COUNTED", "numbers"]

COUNTED = ("hits", "stale_hits", "misses", "loads", "overtaken")


def numbers(cache: Any) -> dict[str, dict[str, int]]:
    """Return the counters of each cached function by its short name; none for the dict."""
    if not isinstance(cache, freshly.Cache):
        return {}
    return {
        name.rpartition(".")[2]: {counter: getattr(stats, counter) for counter in COUNTED}
        for name, stats in sorted(cache.stats().by_function.items())
        if "." in name  # not those of get and set by hand
    }
