"""The guards of conftest.py, put to the test: a guard that cannot fail guards nothing."""

from __future__ import annotations

import asyncio
import time
from time import sleep as sleep_bound_at_import
from types import ModuleType

import pytest

# _pytest.outcomes.Failed is what pytest.fail raises.
Failed = pytest.fail.Exception

# Seconds, and few: the marked test does sleep.
MOMENT = 1e-6


def test_time_sleep_is_refused() -> None:
    with pytest.raises(Failed, match="move the clock instead"):
        time.sleep(MOMENT)


def test_a_sleep_bound_by_name_is_refused() -> None:
    with pytest.raises(Failed, match=r"time\.sleep\(1e-06\)"):
        sleep_bound_at_import(MOMENT)


async def test_asyncio_sleep_is_refused_awaited_or_as_a_task() -> None:
    with pytest.raises(Failed, match=r"asyncio\.sleep"):
        await asyncio.sleep(MOMENT)
    with pytest.raises(Failed, match=r"asyncio\.sleep"):
        asyncio.create_task(asyncio.sleep(MOMENT))  # noqa: RUF006


async def test_giving_others_a_turn_is_no_sleep() -> None:
    time.sleep(0)  # noqa: ASYNC251
    assert await asyncio.sleep(0, "result") == "result"


async def test_a_library_that_sleeps_is_left_alone() -> None:
    library = ModuleType("somebody.else")
    code = "import asyncio, time\nasync def wait(s): time.sleep(s); await asyncio.sleep(s)"
    exec(code, vars(library))

    await library.wait(MOMENT)


@pytest.mark.real_time
async def test_a_marked_test_may_sleep() -> None:
    time.sleep(MOMENT)  # noqa: ASYNC251
    await asyncio.sleep(MOMENT)
