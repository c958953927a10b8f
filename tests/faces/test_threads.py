"""Plain functions: threads share loads with each other and with tasks, and end when told."""

from __future__ import annotations

import asyncio

from freshly import Cache
from freshly.runtime.threads import REFRESH_THREADS
from freshly.testing import ManualClock, ThreadStepper


def test_closing_waits_for_refreshes_that_run_and_drops_those_in_the_queue() -> None:
    clock = ManualClock()
    cache = Cache(clock=clock)
    loads: list[int] = []
    with ThreadStepper() as step:

        @cache.soft(ttl="1h", soft_ttl="1m")
        def get(subject: int) -> int:
            loads.append(subject)
            if len(loads) > REFRESH_THREADS + 1:
                step.stop("refreshing")
            return subject

        for subject in range(REFRESH_THREADS + 1):
            get(subject)
        clock.advance("1m")
        for subject in range(REFRESH_THREADS + 1):
            get(subject)
        for _ in range(REFRESH_THREADS):
            step.reached("refreshing")

        closing = step.start(cache.blocking.close, drain=1_000)
        for _ in range(REFRESH_THREADS):
            step.go("refreshing")

        closing.result(timeout=20)
        assert len(loads) == 2 * REFRESH_THREADS + 1


def test_a_refresh_that_outlives_the_drain_is_stored_nowhere() -> None:
    clock = ManualClock()
    cache = Cache(clock=clock)
    loads: list[int] = []
    with ThreadStepper() as step:

        @cache.soft(ttl="1h", soft_ttl="1m")
        def get() -> int:
            loads.append(1)
            if len(loads) == 2:
                step.stop("refreshing")
            return len(loads)

        get()
        clock.advance("1m")
        get()
        step.reached("refreshing")

        cache.blocking.close(drain=0)

        assert get() == 3
        step.go("refreshing")
        assert get() == 3


def test_threads_and_tasks_that_ask_for_one_key_load_it_once() -> None:
    cache = Cache()
    loads: list[str] = []
    with ThreadStepper() as step:

        @cache(ttl="1h", key="shared")
        def blocking() -> str:
            loads.append("blocking")
            step.stop("loading")
            return "from the thread"

        @cache(ttl="1h", key="shared")
        async def asynchronous() -> str:
            loads.append("asynchronous")
            return "from the task"

        first = step.start(blocking)
        step.reached("loading")
        second = step.start(blocking)

        async def ask() -> list[str]:
            tasks = [asyncio.create_task(asynchronous()) for _ in range(5)]
            await asyncio.sleep(0)
            step.go("loading")
            return await asyncio.gather(*tasks)

        assert asyncio.run(ask()) == ["from the thread"] * 5
        assert [first.result(20), second.result(20)] == ["from the thread"] * 2
        assert loads == ["blocking"]
