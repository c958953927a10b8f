"""Tests, collected once, and played to changed cores in forked processes.

The core is imported and the tests are collected by the parent. A child swaps the code of one function,
which everybody holds already, runs the tests that call it until one fails, and ends. So a change costs
what its tests cost, and nothing has to be imported or written again.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest

from .sites import Site

#: Seconds for what a changed core does, at least, and how many times as long as the tests took before.
PATIENCE = 20.0
TIMES = 8.0
#: Tests of one change at most: some functions are called by all.
MOST_TESTS = 400

#: A function: its file, its name and its first line.
Place = tuple[str, str, int]
Heard = Callable[[Site, str, float], None]


class Player:
    """A plugin of pytest that plays ``sites`` instead of running all tests once."""

    def __init__(self, core: Path, sites: Sequence[Site], heard: Heard) -> None:
        self._core = str(core)
        self._sites = sites
        self._heard = heard
        self._has_failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._has_failed = self._has_failed or report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = session.items
        told = self._in_a_child(lambda: self._who_calls_what(items), 3600.0)
        callers: dict[Place, list[tuple[int, float]]] = {}
        for number, seconds, places in told or []:
            for place in places:
                callers.setdefault((place[0], place[1], place[2]), []).append((number, seconds))
        for site in self._sites:
            began = time.monotonic()
            outcome = self._outcome(site, items, callers)
            self._heard(site, outcome, time.monotonic() - began)
        return True

    def _outcome(
        self,
        site: Site,
        items: Sequence[pytest.Item],
        callers: dict[Place, list[tuple[int, float]]],
    ) -> str:
        mine = callers.get((str(site.path), site.function, site.first), [])
        if not mine:
            return "called by no test"
        # Those that are quick first, since one that fails is enough; the file of the same name before.
        name = f"test_{site.path.stem}.py"
        mine = sorted(mine, key=lambda one: (items[one[0]].path.name != name, one[1]))[:MOST_TESTS]
        limit = PATIENCE + TIMES * sum(seconds for _, seconds in mine)
        chosen = [items[number] for number, _ in mine]
        has_failed = self._in_a_child(lambda: self._fails(site, chosen), limit)
        match has_failed:
            case None:
                return "noticed: it did not end well"
            case True:
                return "noticed"
            case "untried":
                return "untried: its code cannot be swapped"
            case _:
                return f"SURVIVES {len(chosen)} tests"

    # -- in a child ----------------------------------------------------------------------------

    def _in_a_child(self, work: Callable[[], Any], limit: float) -> Any:
        """Return what ``work`` returned, ``None`` if it ended in another way."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "answer"
            sys.stdout.flush()
            child = os.fork()
            if child == 0:
                self._answer(work, path)
            until, pause = time.monotonic() + limit, threading.Event()
            while os.waitpid(child, os.WNOHANG)[0] == 0:
                if time.monotonic() > until:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                    return None
                pause.wait(0.02)
            return json.loads(path.read_text()) if path.exists() else None

    def _answer(self, work: Callable[[], Any], path: Path) -> None:
        silence = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(silence, number)
        try:
            answer = json.dumps(work())
            path.with_suffix(".new").write_text(answer)
            path.with_suffix(".new").rename(path)
        finally:
            os._exit(0)

    def _fails(self, site: Site, items: Sequence[pytest.Item]) -> bool | str:
        if not swap(site):
            return "untried"
        for item, following in _in_turn(items):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self._has_failed:
                return True
        return False

    def _who_calls_what(self, items: Sequence[pytest.Item]) -> list[Any]:
        """Return of each test that passes its number, its seconds, and the functions that it calls."""
        told: list[Any] = []
        for number, (item, following) in enumerate(_in_turn(items)):
            self._has_failed = False
            began = time.monotonic()
            with _noted(self._core) as places:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if not self._has_failed:
                told.append((number, time.monotonic() - began, sorted(places)))
        return told


def _in_turn(items: Sequence[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    return zip(items, [*items[1:], None], strict=True)


@contextmanager
def _noted(core: str) -> Iterator[set[Place]]:
    """Note which functions of ``core`` are called, on whatever thread."""
    places: set[Place] = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(core):
            places.add((code.co_filename, code.co_name, code.co_firstlineno))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield places
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def swap(site: Site) -> int:
    """Give all functions that were made of the changed one's code the changed code; return how many."""
    code: CodeType = site.code()
    place = str(site.path), site.function, site.first
    found = [
        one
        for one in gc.get_objects()
        if isinstance(one, FunctionType)
        and (one.__code__.co_filename, one.__code__.co_name, one.__code__.co_firstlineno) == place
    ]
    if any(one.__code__.co_freevars != code.co_freevars for one in found):
        return 0
    for one in found:
        one.__code__ = code
    return len(found)
