"""Tests, collected once, and played to changed cores in forked processes.

The core is imported and the tests are collected by the parent. A child swaps the code of one function,
which everybody holds already, runs the tests that reach the changed line until one fails, and ends. So
a change costs what its tests cost, and nothing has to be imported or written again.
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
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from .reach import MOST_TESTS, Reach, Watch, in_turn, keep, load
from .sites import Site

#: Seconds for what a changed core does, at least, and how many times as long as the tests took before.
PATIENCE = 30.0
TIMES = 8.0
#: Tests whose lines are noted by one child.
PORTION = 200

#: A function: its file, its name and its first line.
Place = tuple[str, str, int]
Heard = Callable[[Site, str, float], None]


class Player(Watch):
    """A plugin of pytest that plays ``sites`` instead of running all tests once.

    So many ``jobs`` at a time, each to so many tests at ``most``.
    Which test runs what is kept in ``kept``.
    """

    def __init__(
        self,
        core: Path,
        sites: Sequence[Site],
        heard: Heard,
        *,
        kept: Path,
        jobs: int = 1,
        most: int = MOST_TESTS,
    ) -> None:
        super().__init__()
        self._core = core
        self._sites = sites
        self._heard = heard
        self._kept = kept
        self._jobs = jobs
        self._most = most
        self._functions: dict[Place, list[FunctionType]] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        # What the children print is not what this run has to say.
        plugins = session.config.pluginmanager
        plugins.unregister(plugins.getplugin("terminalreporter"))
        reach = self._reach(session.items)
        self._functions = functions()
        # What the children share with this process stays as it is.
        gc.collect()
        gc.freeze()
        running: list[tuple[Site, Child, int]] = []
        for site in self._sites:
            callers = reach.callers(site, session.items, self._most)
            if not callers:
                self._heard(site, "SURVIVES: reached by no test", 0.0)
                continue
            if len(running) == self._jobs:
                self._hear_one_of(running)
            limit = PATIENCE + TIMES * sum(seconds for _, seconds in callers)
            child = Child(lambda: self._fails(site, [item for item, _ in callers]), limit)  # noqa: B023
            running.append((site, child, len(callers)))
        while running:
            self._hear_one_of(running)
        return True

    def _hear_one_of(self, running: list[tuple[Site, Child, int]]) -> None:
        pause = threading.Event()
        while not (ended := [one for one in running if one[1].has_ended()]):
            pause.wait(0.01)
        for one in ended:
            running.remove(one)
            site, child, tests = one
            self._heard(site, _said(child.answer(), tests), child.seconds)

    def _reach(self, items: Sequence[pytest.Item]) -> Reach:
        reach = load(self._kept, self._core)
        unknown = reach.unknown(items)
        for start in range(0, len(unknown), PORTION):
            portion = unknown[start : start + PORTION]
            child = Child(lambda: list(self.told(portion, self._core)), 3600.0)  # noqa: B023
            child.wait()
            for key, seconds, lines in child.answer() or ():
                reach.tests[key] = seconds, lines
            print(f"\r{start + len(portion)} of {len(unknown)} tests noted", end="", file=sys.stderr)
            keep(reach, self._kept)
        return reach

    def _fails(self, site: Site, items: Sequence[pytest.Item]) -> str:
        try:
            changed = swap(site, self._functions)
        except StopIteration:
            changed = 0  # somebody has edited the file meanwhile
        if not changed:
            return "untried"
        for item, following in in_turn(items):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.has_failed:
                return item.nodeid
        return ""


class Swapped:
    """A plugin of pytest that makes one change, before the tests run as they always do."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def pytest_collection_finish(self) -> None:
        if not swap(self._site):
            raise pytest.UsageError(f"the code of {self._site} cannot be swapped")


def _said(answer: Any, tests: int) -> str:
    match answer:
        case None:
            return "noticed: it did not end well"
        case "untried":
            return "untried: its code cannot be swapped"
        case "":
            return f"SURVIVES {tests} tests"
        case _:
            return f"noticed by {answer}"


class Child:
    """A forked process that does ``work``, silently, for ``limit`` seconds at most."""

    def __init__(self, work: Callable[[], Any], limit: float) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name) / "answer"
        self._began = time.monotonic()
        self._limit = limit
        self.seconds = 0.0
        sys.stdout.flush()
        self._child = os.fork()
        if self._child == 0:
            _answer(work, self._path)

    def has_ended(self) -> bool:
        self.seconds = time.monotonic() - self._began
        if os.waitpid(self._child, os.WNOHANG)[0]:
            return True
        if self.seconds > self._limit:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            return True
        return False

    def wait(self) -> None:
        pause = threading.Event()
        while not self.has_ended():
            pause.wait(0.02)

    def answer(self) -> Any:
        """Return what ``work`` returned, ``None`` if it ended in another way. Once."""
        with self._folder:
            return json.loads(self._path.read_text()) if self._path.exists() else None


def _answer(work: Callable[[], Any], path: Path) -> None:
    silence = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(silence, number)
    try:
        answer = json.dumps(work())
        path.with_suffix(".new").write_text(answer)
        path.with_suffix(".new").rename(path)
    finally:
        os._exit(0)


def functions() -> dict[Place, list[FunctionType]]:
    """Return all functions that there are, by where they are written."""
    found: dict[Place, list[FunctionType]] = {}
    for one in gc.get_objects():
        if isinstance(one, FunctionType):
            code = one.__code__
            place = code.co_filename, code.co_name, code.co_firstlineno
            found.setdefault(place, []).append(one)
    return found


def swap(site: Site, among: dict[Place, list[FunctionType]] | None = None) -> int:
    """Give all functions that were made of the changed one's code the changed code; return how many."""
    code: CodeType = site.code()
    place = str(site.path), site.function, site.first
    found = (functions() if among is None else among).get(place, [])
    if any(one.__code__.co_freevars != code.co_freevars for one in found):
        return 0
    for one in found:
        one.__code__ = code
    return len(found)
