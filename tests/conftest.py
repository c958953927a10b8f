"""What holds for every test: nobody sleeps, and hypothesis does the same thing on every run.

A test that sleeps is slow on a good day and wrong on a bad one. Here time is moved and callers are
stepped, so ``time.sleep`` and ``asyncio.sleep`` with more than zero seconds are errors, except in a
test marked ``real_time``.

Only a call that test code or freshly itself makes is refused. asyncio, uvicorn, httpx and
hypothesis sleep for reasons of their own (a server polls until it has started), and a test that
uses them is not a test that sleeps. The guard tells them apart by the module of the direct caller.
It is in place before any test module is imported, so that a name bound by ``from time import
sleep`` is guarded too.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Coroutine, Iterator
from typing import Any, SupportsIndex

import pytest
from hypothesis import HealthCheck, settings

# How the names of our modules begin: "test_" is a module imported by its file name, "docs." the
# code of a page (tests/public/test_docs.py).
OURS = ("freshly", "tests", "examples", "proofs", "conftest", "test_", "__main__", "docs.")

real_sleep = time.sleep
real_asyncio_sleep = asyncio.sleep
may_sleep = False


def _refuse(what: str, seconds: float, caller: str) -> None:
    if seconds > 0 and not may_sleep and caller.startswith(OURS):
        # Not an Exception: code that handles every failure of a loader would hide it.
        pytest.fail(
            f"{caller} called {what}({seconds!r}): move the clock instead, "
            f"or mark the test with @pytest.mark.real_time and say why it needs the real one"
        )


def guarded_sleep(seconds: float | SupportsIndex, /) -> None:
    _refuse("time.sleep", float(seconds), sys._getframe(1).f_globals.get("__name__", ""))
    real_sleep(seconds)


def guarded_asyncio_sleep(delay: float, result: Any = None) -> Coroutine[Any, Any, Any]:
    # A plain function: a coroutine's frame is below the one that awaits it, or the loop's.
    _refuse("asyncio.sleep", delay, sys._getframe(1).f_globals.get("__name__", ""))
    return real_asyncio_sleep(delay, result)


time.sleep = guarded_sleep
asyncio.sleep = guarded_asyncio_sleep


@pytest.fixture(autouse=True)
def _no_sleep(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the tests marked ``real_time`` sleep, and only them."""
    global may_sleep
    may_sleep = request.node.get_closest_marker("real_time") is not None
    yield
    may_sleep = False


# The machine decides how long an example takes, so there is no deadline. In CI the examples are the
# same on each run: a failure there is about the change. At home they differ, and what they find
# becomes a test.
settings.register_profile("home", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("home"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "home")
