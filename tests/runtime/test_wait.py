"""Waiting with a deadline: until something has happened or the clock has come to an instant.

One rule, two colours. On a clock that rings no wait takes real time; the tests of a clock that does
not are marked, and their deadlines are some thousandths of a second away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Barrier, Thread, get_ident
from time import monotonic
from typing import Any

import pytest

from freshly.core.clocks import Clock
from freshly.core.flight import Flights
from freshly.core.ports import Waker
from freshly.runtime.aio import AsyncioRuntime
from freshly.runtime.threads import ThreadRuntime, finish
from freshly.testing import ManualClock, Stepper, ThreadStepper

LIMIT_SECONDS = 20.0


class Bell:
    """Something to wait for."""

    def __init__(self) -> None:
        self.has_rung = False
        self.wakers: list[Waker] = []

    def subscribe(self, wake: Waker) -> Callable[[], None] | None:
        if self.has_rung:
            return None
        self.wakers.append(wake)
        return lambda: self.wakers.remove(wake)

    def ring(self) -> None:
        for wake in self.wakers:
            wake()


class RealClock:
    """A user's clock: seconds, and nothing else."""

    def now(self) -> float:
        return monotonic()


def on_asyncio(clock: Clock) -> AsyncioRuntime:
    return AsyncioRuntime(clock, lambda: 0.0, Flights())


def on_threads(clock: Clock) -> ThreadRuntime:
    return ThreadRuntime(clock, lambda: 0.0, Flights())


@pytest.fixture
def step() -> Stepper:
    return Stepper()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def bell() -> Bell:
    return Bell()


class TestATask:
    @pytest.mark.parametrize("until", [None, 5.0])
    async def test_that_is_woken_before_the_instant_says_so_and_leaves_nothing_behind(
        self, clock: ManualClock, bell: Bell, until: float | None
    ) -> None:
        step = Stepper()
        waiter = step.start(on_asyncio(clock).wait(bell.subscribe, until))
        await step.settle()

        bell.ring()

        assert await waiter is True
        assert (bell.wakers, clock.alarms) == ([], 0)

    async def test_that_is_not_woken_goes_on_at_the_instant_and_leaves_nothing_behind(
        self, clock: ManualClock, bell: Bell
    ) -> None:
        step = Stepper()
        waiter = step.start(on_asyncio(clock).wait(bell.subscribe, 5.0))
        await step.settle()
        clock.advance(4.9)
        await step.settle()
        assert not waiter.done()

        clock.advance(0.1)

        assert await waiter is False
        assert (bell.wakers, clock.alarms) == ([], 0)

    async def test_does_not_wait_for_what_has_happened(self, clock: ManualClock, bell: Bell) -> None:
        bell.has_rung = True

        assert await on_asyncio(clock).wait(bell.subscribe, 5.0) is True
        assert clock.alarms == 0

    async def test_does_not_wait_for_an_instant_that_has_come(
        self, clock: ManualClock, bell: Bell
    ) -> None:
        clock.advance(5.0)

        assert await on_asyncio(clock).wait(bell.subscribe, 5.0) is False
        assert bell.wakers == []

    async def test_woken_and_rung_at_once_keeps_the_first_answer(
        self, clock: ManualClock, bell: Bell
    ) -> None:
        step = Stepper()
        waiter = step.start(on_asyncio(clock).wait(bell.subscribe, 5.0))
        await step.settle()

        bell.ring()
        clock.advance(5.0)

        assert await waiter is True

    async def test_that_is_cancelled_leaves_nothing_behind(
        self, clock: ManualClock, bell: Bell
    ) -> None:
        step = Stepper()
        waiter = step.start(on_asyncio(clock).wait(bell.subscribe, 5.0))
        await step.settle()

        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)

        assert (bell.wakers, clock.alarms) == ([], 0)

    @pytest.mark.parametrize("by", ["the bell", "the clock"])
    async def test_may_be_woken_from_another_thread(
        self, clock: ManualClock, bell: Bell, by: str
    ) -> None:
        step = Stepper()
        waiter = step.start(on_asyncio(clock).wait(bell.subscribe, 5.0))
        await step.settle()

        await asyncio.to_thread(bell.ring if by == "the bell" else lambda: clock.advance(5.0))

        assert await asyncio.wait_for(waiter, LIMIT_SECONDS) is (by == "the bell")

    @pytest.mark.real_time
    async def test_with_a_clock_that_does_not_ring_has_a_timer(self, bell: Bell) -> None:
        clock = RealClock()

        assert await on_asyncio(clock).wait(bell.subscribe, clock.now() + 0.005) is False
        assert await on_asyncio(clock).wait(bell.subscribe, clock.now() - 1.0) is False
        assert bell.wakers == []


class TestAThread:
    def wait(self, runtime: ThreadRuntime, bell: Bell, until: float | None) -> bool:
        return finish(runtime.wait(bell.subscribe, until))

    def begin(self, step: ThreadStepper, *args: Any) -> Any:
        """Begin to wait in a thread, and return when it does."""
        bell: Bell = args[1]
        subscribe = bell.subscribe

        def subscribed(wake: Waker) -> Callable[[], None] | None:
            forget = subscribe(wake)
            step.stop("subscribed")
            return forget

        bell.subscribe = subscribed  # type: ignore[method-assign]
        waiter = step.start(self.wait, *args)
        step.reached("subscribed")
        step.go("subscribed")
        return waiter

    @pytest.mark.parametrize("until", [None, 5.0])
    def test_that_is_woken_before_the_instant_says_so_and_leaves_nothing_behind(
        self, clock: ManualClock, bell: Bell, until: float | None
    ) -> None:
        with ThreadStepper() as step:
            waiter = self.begin(step, on_threads(clock), bell, until)

            bell.ring()

            assert waiter.result(LIMIT_SECONDS) is True
        assert (bell.wakers, clock.alarms) == ([], 0)

    def test_that_is_not_woken_goes_on_at_the_instant_and_leaves_nothing_behind(
        self, clock: ManualClock, bell: Bell
    ) -> None:
        with ThreadStepper() as step:
            waiter = self.begin(step, on_threads(clock), bell, 5.0)
            clock.advance(4.9)
            assert not waiter.done()

            clock.advance(0.1)

            assert waiter.result(LIMIT_SECONDS) is False
        assert (bell.wakers, clock.alarms) == ([], 0)

    def test_does_not_wait_for_what_has_happened(self, clock: ManualClock, bell: Bell) -> None:
        bell.has_rung = True

        assert self.wait(on_threads(clock), bell, 5.0) is True
        assert clock.alarms == 0

    def test_does_not_wait_for_an_instant_that_has_come(self, clock: ManualClock, bell: Bell) -> None:
        clock.advance(5.0)

        assert self.wait(on_threads(clock), bell, 5.0) is False
        assert bell.wakers == []

    @pytest.mark.real_time
    def test_with_a_clock_that_does_not_ring_has_a_timer(self, bell: Bell) -> None:
        clock = RealClock()

        assert self.wait(on_threads(clock), bell, clock.now() + 0.005) is False
        assert self.wait(on_threads(clock), bell, clock.now() - 1.0) is False
        assert bell.wakers == []


class TestThoseWhoWaitForOneLoad:
    """On one loop they share a waker. It is nobody's alone: one who goes leaves the others waiting."""

    async def test_are_told_together_when_it_ends(self, step: Stepper) -> None:
        flights = Flights()
        runtime = AsyncioRuntime(ManualClock(), lambda: 0.0, flights)
        flight, _ = flights.board("k", 1, lambda flight: True)
        waiters = [step.start(runtime.wait_for(flight)) for _ in range(3)]
        await step.settle()
        assert [waiter.done() for waiter in waiters] == [False] * 3

        flights.end(flight)

        assert [await step.ended(waiter) for waiter in waiters] == [True] * 3
        assert await runtime.wait_for(flight)

    async def test_go_on_waiting_when_one_is_cancelled_and_nothing_of_it_stays(
        self, step: Stepper
    ) -> None:
        flights = Flights()
        runtime = AsyncioRuntime(ManualClock(), lambda: 0.0, flights)
        flight, _ = flights.board("k", 1, lambda flight: True)
        gone, staying = [step.start(runtime.wait_for(flight)) for _ in range(2)]
        await step.settle()

        gone.cancel()
        await step.settle()

        assert gone.cancelled()
        assert not staying.done()
        assert flight.parties is not None
        assert [len(party) for party in flight.parties.values()] == [1]
        flights.end(flight)
        assert await step.ended(staying)

    def test_on_other_loops_are_told_on_their_own(self) -> None:
        """The load ends on this thread; each loop runs in one of its own."""
        flights = Flights()
        runtime = AsyncioRuntime(ManualClock(), lambda: 0.0, flights)
        flight, _ = flights.board("k", 1, lambda flight: True)
        are_waiting = Barrier(3)
        told: list[tuple[int, bool]] = []

        async def wait() -> None:
            waiter = asyncio.ensure_future(runtime.wait_for(flight))
            await asyncio.sleep(0)
            are_waiting.wait(LIMIT_SECONDS)
            told.append((get_ident(), await waiter))

        threads = [Thread(target=lambda: asyncio.run(wait())) for _ in range(2)]
        for thread in threads:
            thread.start()
        are_waiting.wait(LIMIT_SECONDS)
        flights.end(flight)
        for thread in threads:
            thread.join(LIMIT_SECONDS)

        assert len({ident for ident, _ in told}) == 2
        assert [was_told for _, was_told in told] == [True, True]
