"""The caches that the demo compares. The service uses the one that the setting ``CACHE`` names.

- ``none``: freshly under its kill switch ``FRESHLY_DISABLED=1``, so that each read loads.
- ``naive``: the dict of ``naive.py``.
- ``freshly``: the cache of this library.
"""

from __future__ import annotations

from typing import cast

import freshly

from . import settings
from .naive import NaiveCache

__all__ = ["cache"]


def chosen(name: str) -> freshly.Cache:
    if name == "naive":
        return cast("freshly.Cache", NaiveCache())
    freshly.cache.setup(settings.URL)
    return freshly.cache


cache = chosen(settings.CACHE)
