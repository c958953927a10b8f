"""A load begins inside of its caller's step, and is a task like any other from its first wait on."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from contextvars import ContextVar, copy_context
from typing import Any

import pytest

from freshly import Cache
from freshly.runtime import headstart
from freshly.testing import Stepper


@pytest.fixture
def step() -> Stepper:
    return Stepper()


@pytest.fixture
async def cache() -> AsyncIterator[Cache]:
    cache = Cache()
    yield cache
    await cache.close()


def begin(coro: Any) -> asyncio.Task[None]:
    return headstart.begin(asyncio.get_running_loop(), coro, "a load", copy_context())


class TestATaskWithAHeadStart:
    async def test_has_run_up_to_its_first_wait(self) -> None:
        said: list[str] = []
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def work() -> None:
            said.append("begun")
            await gate
            said.append("ended")

        task = begin(work())

        assert said == ["begun"]
        assert not task.done()
        gate.set_result(None)
        await task
        assert said == ["begun", "ended"]

    async def test_that_never_waits_is_over_at_once(self) -> None:
        async def work() -> None:
            return None

        task = begin(work())

        assert task.done()
        assert task.exception() is None

    async def test_is_one_task_before_its_first_wait_and_after_it(self) -> None:
        seen: list[asyncio.Task[Any] | None] = []

        async def work() -> None:
            seen.append(asyncio.current_task())
            await asyncio.sleep(0)
            seen.append(asyncio.current_task())

        me = asyncio.current_task()
        task = begin(work())

        assert asyncio.current_task() is me
        await task
        assert seen == [task, task]
        assert task.get_name() == "a load"

    async def test_may_open_a_timeout_before_its_first_wait(self) -> None:
        """``asyncio.timeout`` cancels the task that it was opened in."""

        async def work() -> None:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await asyncio.Event().wait()

        await begin(work())

    async def test_leaves_the_context_of_its_caller_alone(self) -> None:
        word: ContextVar[str] = ContextVar("word", default="mine")

        async def work() -> None:
            word.set("its own")
            await asyncio.sleep(0)
            assert word.get() == "its own"

        await begin(work())

        assert word.get() == "mine"

    async def test_can_be_cancelled_while_it_waits(self) -> None:
        task = begin(asyncio.Event().wait())

        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_that_leaves_through_the_loop_leaves_through_its_caller(self) -> None:
        async def work() -> None:
            raise SystemExit(3)

        me = asyncio.current_task()
        with pytest.raises(SystemExit):
            begin(work())

        assert asyncio.current_task() is me

    async def test_leaves_the_loop_as_it_was(self) -> None:
        loop = asyncio.get_running_loop()
        before = dict(vars(loop))

        await begin(asyncio.sleep(0))

        assert {name for name in vars(loop) if name not in before} == set()

    @pytest.mark.skipif(sys.version_info >= (3, 12), reason="from 3.12 on Python does it itself")
    async def test_takes_no_other_callback_for_its_first_step(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The collector may run a ``__del__`` that calls something soon while the task is made."""
        called: list[str] = []
        make = asyncio.Task

        def and_collect(*args: Any, loop: asyncio.AbstractEventLoop, **options: Any) -> Any:
            loop.call_soon(called.append, "before")
            task = make(*args, loop=loop, **options)
            loop.call_soon(called.append, "after")
            return task

        async def work() -> None:
            called.append("work")

        with monkeypatch.context() as patch:
            patch.setattr(asyncio, "Task", and_collect)
            begin(work())
        assert called == ["work"]
        await asyncio.sleep(0)

        assert called == ["work", "before", "after"]


class TestALoad:
    async def test_that_never_waits_takes_no_turn_of_the_loop(self, cache: Cache) -> None:
        turns: list[str] = []

        @cache("1h")
        async def get(number: int) -> int:
            return number

        asyncio.get_running_loop().call_soon(turns.append, "a turn")

        assert await get(1) == 1
        assert turns == []
        assert await get.peek(1) is not None

    async def test_that_never_waits_leaves_nothing_that_runs(self, cache: Cache) -> None:
        @cache("1h")
        async def get(number: int) -> int:
            return number

        before = asyncio.all_tasks()
        await get(1)
        gc.collect()

        assert asyncio.all_tasks() == before

    async def test_that_fails_at_once_raises_what_it_raised(self, cache: Cache) -> None:
        @cache("1h")
        async def get(number: int) -> int:
            raise KeyError(number)

        with pytest.raises(KeyError):
            await get(1)
        assert await get.peek(1) is None

    async def test_that_cancels_itself_at_once_cancels_its_reader(self, cache: Cache) -> None:
        @cache("1h")
        async def get(number: int) -> int:
            raise asyncio.CancelledError

        reader = asyncio.ensure_future(get(1))

        with pytest.raises(asyncio.CancelledError):
            await reader

    async def test_goes_on_without_the_reader_in_whose_step_it_began(
        self, cache: Cache, step: Stepper
    ) -> None:
        @cache("1h")
        async def get(number: int) -> int:
            async with asyncio.timeout(60):
                await step.stop("loading")
            return number

        reader = step.start(get(1))
        await step.reached("loading")
        other = step.start(get(1))
        await step.settle()
        reader.cancel()
        await step.settle()
        step.go("loading")

        assert await step.ended(other) == 1
        assert step.visits("loading") == 1

    async def test_inside_of_loads_has_a_stack_of_its_own(self, cache: Cache) -> None:
        """A function that calls itself a thousand times deep is loaded, as it was before."""

        @cache("1h")
        async def total(number: int) -> int:
            return number + (await total(number - 1) if number else 0)

        assert await total(1_000) == 500_500

    async def test_is_left_to_who_makes_tasks_in_their_own_way(self, cache: Cache) -> None:
        made: list[asyncio.Task[Any]] = []

        def factory(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> Any:
            task = asyncio.Task(coro, loop=loop, **options)
            made.append(task)
            return task

        @cache("1h", key="seven")
        async def get() -> int:
            return 7

        loop = asyncio.get_running_loop()
        loop.set_task_factory(factory)
        try:
            assert await get() == 7
        finally:
            loop.set_task_factory(None)

        assert [task.get_name() for task in made] == ["freshly loads seven"]

    async def test_leaves_what_watches_the_loop_in_its_place(self, cache: Cache) -> None:
        loop: Any = asyncio.get_running_loop()
        original = loop.call_soon

        def watch(callback: Any, *args: Any, context: Any = None) -> Any:
            return original(callback, *args, context=context)

        @cache("1h")
        async def get(number: int) -> int:
            return number

        loop.call_soon = watch
        try:
            assert await get(7) == 7
            assert loop.call_soon is watch
        finally:
            del loop.call_soon

    async def test_that_asks_to_begin_later_shares_with_those_of_its_turn(self, cache: Cache) -> None:
        loads = 0

        @cache("1h")
        async def get(number: int) -> int:
            nonlocal loads
            loads += 1
            return loads

        assert await asyncio.gather(get.refresh(1), get.refresh(1)) == [1, 1]


class Closed(asyncio.SelectorEventLoop):
    """A loop whose methods nobody can replace, as of one that is written in C."""

    def __setattr__(self, name: str, value: object) -> None:
        if name == "call_soon":
            raise AttributeError(name)
        super().__setattr__(name, value)


def test_on_a_loop_that_lets_nothing_be_changed_a_load_waits_for_its_turn() -> None:
    cache = Cache()

    @cache("1h")
    async def get(number: int) -> int:
        await asyncio.sleep(0)
        return number

    async def read() -> int:
        found = await get(7)
        await cache.close()
        return found

    with asyncio.Runner(loop_factory=Closed) as runner:
        assert runner.run(read()) == 7
