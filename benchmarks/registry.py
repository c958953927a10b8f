"""The adapters in ``peers/``. One that cannot be imported is named, not hidden."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from pathlib import Path

from .adapter import Adapter

PEERS = Path(__file__).parent / "peers"


def load(only: Collection[str]) -> tuple[list[type[Adapter]], dict[str, str]]:
    """Return the adapters whose name contains one of ``only``, and why others are missing."""
    found: list[type[Adapter]] = []
    missing: dict[str, str] = {}
    for path in sorted(PEERS.glob("*.py")):
        if path.stem == "__init__":
            continue
        try:
            module = import_module(f"benchmarks.peers.{path.stem}")
        except ImportError as error:
            missing[path.stem] = str(error)
        else:
            found += module.ADAPTERS
    wanted = [each for each in found if not only or any(part in each.name for part in only)]
    return sorted(wanted, key=lambda each: not each.name.startswith("freshly")), missing
