"""freshly with a guard taken out, in the process that calls one of these. The judge has to notice."""

from __future__ import annotations

from collections.abc import Callable

MUTANTS: dict[str, Callable[[], None]] = {}
