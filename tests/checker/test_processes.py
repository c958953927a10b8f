"""The promise over real processes on one server, judged together from their journals.

A run takes some seconds of real time and cannot be replayed step by step: what the operating system
does is not seeded. So each is judged by what must never happen, and the judge by caches that break
the promise.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.checker.processes.plan import Plan
from tests.checker.processes.run import Outcome, run
from tests.checker.processes.source import Source
from tests.servers.server import Server

SECONDS = 2.0


def judged(server: Server, tmp_path: Path, **options: Any) -> Outcome:
    options = {"seconds": SECONDS, "processes": 3, **options}
    return run(Plan(url=server.url, folder=str(tmp_path), **options))


@pytest.mark.real_time
class TestTheJudge:
    """It can tell: a cache as most programs write it, several memories, and no cache at all."""

    def test_a_ttl_with_deletes_breaks_the_promise(self, server: Server, tmp_path: Path) -> None:
        outcome = judged(server, tmp_path, cache="naive")

        assert outcome.history.violations != []
        assert outcome.history.invalidations > 10
        assert outcome.facts["errors"] == 0

    def test_so_do_memories_that_do_not_know_each_other(self, tmp_path: Path) -> None:
        plan = Plan(url="mem://", folder=str(tmp_path), seconds=1.0, processes=2)

        assert run(plan).history.violations != []

    def test_one_memory_keeps_it(self, tmp_path: Path) -> None:
        plan = Plan(url="mem://", folder=str(tmp_path), seconds=1.0, processes=1)

        outcome = run(plan)

        assert outcome.history.violations == []
        assert outcome.history.reads > 100

    def test_loading_each_time_keeps_it_and_saves_nothing(self, server: Server, tmp_path: Path) -> None:
        outcome = judged(server, tmp_path, cache="uncached")

        assert outcome.history.violations == []
        assert outcome.facts["loads"] >= outcome.history.reads > 100

    def test_a_process_that_fails_fails_the_run(self, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError, match="before it began"):
            run(Plan(url="nothing://", folder=str(tmp_path), processes=1))


def test_no_two_processes_write_the_same_version(tmp_path: Path) -> None:
    with Source(tmp_path / "source", 3) as one, Source(tmp_path / "source", 3) as other:
        assert [one.write(2), other.write(2), one.write(2)] == [1, 2, 3]
        assert [other.read(number) for number in range(3)] == [0, 0, 3]
