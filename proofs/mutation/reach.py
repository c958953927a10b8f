"""Which tests run which lines of the core, and how long each takes.

Noted once and kept in a file, for a core and tests that are as they were: what somebody has changed
since is noted anew.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha1
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from .sites import Site

#: Tests of one change at most: some lines are run by all.
MOST_TESTS = 200
#: The lines of each file.
Lines = dict[str, list[int]]


@dataclass
class Reach:
    """``tests`` has of each test that passes its seconds and its lines, under its name and its text."""

    core: str = ""
    tests: dict[str, tuple[float, Lines]] = field(default_factory=dict)

    def callers(
        self, site: Site, items: Sequence[pytest.Item], most: int = MOST_TESTS
    ) -> list[tuple[pytest.Item, float]]:
        """Return the tests that run what ``site`` changes, the cheapest of each file first.

        Of files that are about the core, more than of others; of the module's own one, all.
        """
        file = site.path.name
        found: dict[Path, list[tuple[float, pytest.Item]]] = {}
        for item in items:
            told = self.tests.get(key_of(item))
            if told is not None and any(line in site.lines for line in told[1].get(file, ())):
                found.setdefault(item.path, []).append((told[0], item))
        ranked = [
            (place * _weight(path, site), seconds, item)
            for path, some in found.items()
            for place, (seconds, item) in enumerate(sorted(some, key=lambda one: one[0]))
        ]
        ranked.sort(key=lambda one: one[:2])
        return [(item, seconds) for _, seconds, item in ranked[:most]]

    def unknown(self, items: Sequence[pytest.Item]) -> list[pytest.Item]:
        return [item for item in items if key_of(item) not in self.tests]


def _weight(test: Path, site: Site) -> float:
    if test.name == f"test_{site.path.stem}.py":
        return 0.0
    return 0.1 if test.parent.name == site.path.parent.name else 1.0


def load(path: Path, core: Path) -> Reach:
    """Return what was kept in ``path``, if the core is still the one that it is about."""
    text = "".join(sha1(one.read_bytes()).hexdigest() for one in sorted(core.glob("*.py")))
    print_of_core = sha1(text.encode()).hexdigest()
    if path.exists():
        kept = json.loads(path.read_text())
        if kept["core"] == print_of_core:
            return Reach(print_of_core, {key: tuple(told) for key, told in kept["tests"].items()})
    return Reach(print_of_core)


def keep(reach: Reach, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"core": reach.core, "tests": reach.tests}))


def key_of(item: pytest.Item) -> str:
    """Return the test's name, and what its file says today."""
    return f"{item.nodeid} {_print_of(item.path)}"


@cache
def _print_of(path: Path) -> str:
    return sha1(path.read_bytes()).hexdigest()[:12]


class Watch:
    """A plugin that hears whether the test that runs has failed."""

    def __init__(self) -> None:
        self.has_failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.has_failed = self.has_failed or report.failed

    def told(self, items: Sequence[pytest.Item], core: Path) -> Iterator[tuple[str, float, Lines]]:
        """Run the tests; yield what each that passes has run, one after another."""
        for item, following in in_turn(items):
            self.has_failed = False
            began = time.monotonic()
            with _noted(str(core)) as lines:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if not self.has_failed:
                told = {Path(name).name: sorted(some) for name, some in lines.items()}
                yield key_of(item), time.monotonic() - began, told


def in_turn(items: Sequence[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    return zip(items, [*items[1:], None], strict=True)


@contextmanager
def _noted(core: str) -> Iterator[dict[str, set[int]]]:
    """Note which lines of ``core`` are run, on whatever thread."""
    lines: dict[str, set[int]] = {}

    def note(frame: FrameType, event: str, argument: Any) -> Any:
        name = frame.f_code.co_filename
        if not name.startswith(core):
            return None
        mine = lines.setdefault(name, set())
        mine.add(frame.f_lineno)

        def step(frame: FrameType, event: str, argument: Any) -> Any:
            mine.add(frame.f_lineno)
            return step

        return step

    threading.settrace(note)
    sys.settrace(note)
    try:
        yield lines
    finally:
        sys.settrace(None)
        threading.settrace(None)
