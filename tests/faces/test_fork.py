"""Processes that fork with a cache in memory: the child begins anew, and never waits for its parent.

The stories run in a process of their own: a fork copies what the tests have running, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system"),
]

ROOT = Path(__file__).parents[2]

BEGIN = """
import asyncio, os, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on: of a fork beside threads
from freshly import Cache

cache = Cache()

def in_child(story):
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert status == 0, status
        return
    status = 1
    try:
        story()
        status = 0
    finally:
        os._exit(status)
"""


def story(text: str) -> None:
    """Run ``text`` behind ``BEGIN`` in a Python of its own; it has to end well."""
    command = [sys.executable, "-c", BEGIN + text]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_child_does_not_wait_for_a_load_of_its_parent() -> None:
    """The flight that is in the air does not fly in the child: nobody would ever land it."""
    story(
        """
began, may_end = threading.Event(), threading.Event()

@cache(ttl="1h", key="slow")
def slow():
    began.set()
    may_end.wait(20)
    return os.getpid()

thread = threading.Thread(target=slow)
thread.start()
began.wait(20)

def child():
    may_end.set()
    assert slow() == os.getpid()

in_child(child)
may_end.set()
thread.join()
assert slow() == os.getpid()
"""
    )


def test_a_child_refreshes_with_threads_of_its_own() -> None:
    story(
        """
refreshed = threading.Event()
loads = []

@cache.soft(ttl="1h", soft_ttl="1h", tags=["row"])
def get():
    loads.append(os.getpid())
    if len(loads) > 1:
        refreshed.set()
    return len(loads)

def refresh_once():
    get()
    refreshed.clear()
    cache.blocking.mark_stale("row")
    get()
    assert refreshed.wait(20), "nobody refreshes"

refresh_once()
in_child(refresh_once)
"""
    )


def test_a_child_begins_with_an_empty_memory_and_the_same_settings() -> None:
    """The parent's is in the state in which some other thread left it."""
    story(
        """
cache.setup("mem://", max_entries=2)
blocking = cache.blocking
blocking.set("k", "parent")

def child():
    assert blocking.get("k") is None
    for number in range(5):
        blocking.set(f"k:{number}", number)
    assert cache.stats().entries == 2

in_child(child)
assert blocking.get("k") == "parent"
"""
    )


def test_a_fork_inside_a_load_leaves_two_processes_that_work() -> None:
    story(
        """
@cache(ttl="1h")
def get(number):
    if number == 1:
        in_child(lambda: other(2))
    return number

@cache(ttl="1h")
def other(number):
    return get(number)

assert get(1) == 1 and get(1) == 1 and other(3) == 3
"""
    )


def test_a_child_stands_behind_nobody_who_waits_for_a_lock_in_its_parent() -> None:
    """Who holds it there and who is next are threads that did not come along."""
    story(
        """
held, may_end = threading.Event(), threading.Event()

def hold():
    with cache.blocking.lock("row"):
        held.set()
        may_end.wait(20)

def queue():
    with cache.blocking.lock("row"):
        pass

holder = threading.Thread(target=hold)
holder.start()
held.wait(20)
waiters = [threading.Thread(target=queue) for _ in range(2)]
for waiter in waiters:
    waiter.start()

def child():
    may_end.set()
    for _ in range(2):
        with cache.blocking.lock("row", timeout="5s"):
            pass

in_child(child)
may_end.set()
for thread in (holder, *waiters):
    thread.join()
"""
    )
