"""The threads of the simulation: whose turn it is, and what becomes of them at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from proofs.simulation.actors import here, ident
from proofs.simulation.installed import installed
from proofs.simulation.network import Network
from proofs.simulation.process import Process
from proofs.simulation.stepping import StepRLock
from proofs.simulation.world import World


@pytest.fixture(params=[False, True], ids=["fibres", "threads"])
def process(request: pytest.FixtureRequest) -> Iterator[Process]:
    """A process whose threads run on each of what they can run on."""
    world = World(0)
    with installed(is_stepped=request.param):
        process = Process(world, Network(world, lambda host: None, 0.001, 0.0), "0", 0.0)
        yield process
        process.bury()


def test_threads_take_turns_where_they_wait(process: Process) -> None:
    told: list[str] = []

    def work(name: str, seconds: float) -> None:
        for _ in range(2):
            told.append(name)
            here().rest(seconds)

    process.thread(lambda: work("slow", 2.0), "slow")
    process.thread(lambda: work("quick", 1.5), "quick")

    process.world.run(until=10.0, most=100)

    assert told == ["slow", "quick", "quick", "slow"]


def test_a_thread_that_another_one_begins_runs_after_it_has_ended(process: Process) -> None:
    told: list[str] = []

    def child() -> None:
        here().rest(1.0)
        told.append("child")

    def parent() -> None:
        process.thread(child, "child")
        told.append("parent")

    process.thread(parent, "parent")

    process.world.run(until=10.0, most=100)

    assert told == ["parent", "child"]


def test_each_thread_is_somebody(process: Process) -> None:
    told: list[int] = []
    for name in ("one", "two"):
        process.thread(lambda: told.append(ident()), name)

    process.world.run(until=10.0, most=100)

    assert len({*told, ident()}) == 3
    assert ident() == threading.get_ident()


def test_a_lock_that_is_kept_while_its_thread_waits_keeps_others_out(process: Process) -> None:
    lock, told = StepRLock(), []

    def work(name: str) -> None:
        with lock:
            told.append(f"{name} has it")
            here().rest(1.0)
            told.append(f"{name} gives it back")

    for name in ("one", "two"):
        process.thread(lambda name=name: work(name), name)  # type: ignore[misc]

    process.world.run(until=10.0, most=100)

    assert told == ["one has it", "one gives it back", "two has it", "two gives it back"]


def test_an_error_that_ends_a_thread_is_a_trouble_of_its_process(process: Process) -> None:
    def fail() -> None:
        raise ValueError("nobody catches it")

    process.thread(fail, "failing")

    process.world.run(until=10.0, most=100)

    (trouble,) = process.loop.troubles
    assert isinstance(trouble["exception"], ValueError)


def test_threads_end_with_their_process_even_if_they_wait_while_ending(process: Process) -> None:
    told: list[str] = []

    def work() -> None:
        try:
            here().rest(100.0)
        finally:
            told.append("ending")
            try:
                here().rest(1.0)
            finally:
                told.append("ended")

    process.thread(work, "reluctant")
    process.world.run(until=10.0, most=100)

    process.bury()

    assert told == ["ending", "ended"]
    assert not process.actors


def test_only_what_is_traced_runs_on_threads_of_its_own() -> None:
    own, shared = _thread_of_a_thread(is_stepped=True), _thread_of_a_thread(is_stepped=False)

    assert own != shared == threading.get_ident()


def _thread_of_a_thread(*, is_stepped: bool) -> int:
    world = World(0)
    told: list[int] = []
    with installed(is_stepped=is_stepped):
        process = Process(world, Network(world, lambda host: None, 0.001, 0.0), "0", 0.0)
        process.thread(lambda: told.append(threading.get_ident()), "thread")
        world.run(until=1.0, most=10)
        process.bury()
    return told[0]
