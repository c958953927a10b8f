"""The cache that most programs need: one for the process. ``freshly.cache`` is it."""

from __future__ import annotations

from .caches import Cache

cache = Cache()
