"""Processes that fork, as gunicorn does, and loops that follow one another, as in tests and scripts.

The stories run in a process of their own: a fork copies what the tests have running, too.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from freshly import Cache
from tests.servers.proxy import Proxy
from tests.servers.server import Server

pytestmark = pytest.mark.real_time

ROOT = Path(__file__).parents[2]

BEGIN = """
import asyncio, os, sys, time
from freshly import Cache, StoreError

cache = Cache(sys.argv[1])
version = [1]
loads = []

@cache(ttl="1h", key="row", tags=["row"])
def get():
    loads.append(os.getpid())
    return version[0]

@cache(ttl="1h", key="arow", tags=["row"])
async def aget():
    loads.append(os.getpid())
    return version[0]

def wait_for(child):
    _, status = os.waitpid(child, 0)
    assert status == 0, status

def in_child(story):
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        story()
        status = 0
    finally:
        os._exit(status)
"""


def story(url: str, text: str) -> None:
    """Run ``text`` behind ``BEGIN`` in a Python of its own; it has to end well."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning", "-c", BEGIN + text, url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr


def test_a_child_reads_what_its_parent_stored_and_invalidates_for_it(server: Server) -> None:
    story(
        server.url,
        """
assert get() == 1

def child():
    assert get() == 1 and loads == [os.getppid()], "stored by the parent"
    cache.blocking.delete_tags("row")

wait_for(in_child(child))
version[0] = 2
assert get() == 2
cache.blocking.close()
""",
    )


def test_parent_and_children_use_connections_of_their_own_at_the_same_time(server: Server) -> None:
    """On a shared one they would read each other's answers."""
    story(
        server.url,
        """
cache.blocking.set("who", "parent")
assert cache.blocking.get("who") == "parent"

def child():
    for number in range(200):
        key = f"k:{os.getpid()}"
        cache.blocking.set(key, number)
        assert cache.blocking.get(key) == number

children = [in_child(child) for _ in range(4)]
for number in range(200):
    cache.blocking.set("who", number)
    assert cache.blocking.get("who") == number
for one in children:
    wait_for(one)
cache.blocking.close()
""",
    )


def test_a_child_awaits_on_a_loop_of_its_own(server: Server) -> None:
    story(
        server.url,
        """
asyncio.run(aget())

def child():
    async def use():
        assert await aget() == 1 and len(loads) == 1
        await cache.delete_tags("row")
        await cache.close()
    asyncio.run(use())

wait_for(in_child(child))
version[0] = 2
assert asyncio.run(aget()) == 2
cache.blocking.close()
""",
    )


def test_what_the_parent_could_not_deliver_is_not_the_childs_to_deliver(
    proxy: Proxy, server: Server
) -> None:
    """And the child may be served what the parent may not: nobody promised it anything."""
    proxy.mode = "refuse"
    story(
        proxy.url,
        """
try:
    cache.blocking.delete_tags("row")
except StoreError:
    pass
else:
    raise AssertionError("there is no server")

import threading

def child():
    names = [thread.name for thread in threading.enumerate()]
    assert not any("delivers" in name for name in names), names

wait_for(in_child(child))
cache.blocking.close()
""",
    )


def test_a_fork_during_a_load_lets_the_child_load_for_itself(server: Server) -> None:
    """The parent's flight does not fly in the child: who joined it would wait for ever."""
    story(
        server.url,
        """
import threading
began, may_end = threading.Event(), threading.Event()
# With leases the child would wait for its parent, as for any other process.
cache.setup(sys.argv[1], lease=False)

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

one = in_child(child)
wait_for(one)
may_end.set()
thread.join()
cache.blocking.close()
""",
    )


def test_one_loop_after_another(server: Server) -> None:
    cache = Cache(server.url)
    loads: list[int] = []

    @cache(ttl="1h", tags=["row"])
    async def get() -> int:
        loads.append(1)
        return len(loads)

    async def read_often() -> set[int]:
        return set(await asyncio.gather(*(get() for _ in range(20))))

    assert asyncio.run(get()) == 1
    assert [asyncio.run(read_often()) for _ in range(5)] == [{1}] * 5

    asyncio.run(cache.delete_tags("row"))
    assert asyncio.run(get()) == 2
    assert asyncio.run(read_often()) == {2}
    asyncio.run(cache.close())


def test_several_loops_at_a_time(server: Server) -> None:
    cache = Cache(server.url)
    seen: list[int] = []

    @cache(ttl="1h", key="n:{number}")
    async def get(number: int) -> int:
        await asyncio.sleep(0.01)
        return number

    async def read_often() -> None:
        seen.extend(await asyncio.gather(*map(get, range(50))))
        await cache.close()

    threads = [threading.Thread(target=lambda: asyncio.run(read_often())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(seen) == sorted(list(range(50)) * 4)


def test_a_child_waits_for_the_lock_that_its_parent_holds_and_for_nobody_of_its_queue(
    server: Server,
) -> None:
    story(
        server.url,
        """
import threading
from freshly import LockTimeout

held, may_end = threading.Event(), threading.Event()

def hold():
    with cache.blocking.lock("row"):
        held.set()
        may_end.wait(20)

def queue():
    with cache.blocking.lock("row"):
        pass

threads = [threading.Thread(target=hold)]
threads[0].start()
assert held.wait(20)
threads += [threading.Thread(target=queue) for _ in range(2)]
for waiter in threads[1:]:
    waiter.start()

def child():
    try:
        with cache.blocking.lock("row", timeout="100ms"):
            raise AssertionError("its parent holds it")
    except LockTimeout:
        pass
    os.write(told[1], b"!")
    with cache.blocking.lock("row", timeout="10s"):
        pass
    cache.blocking.close()

told = os.pipe()
one = in_child(child)
os.close(told[1])
assert os.read(told[0], 1) == b"!"
may_end.set()
for thread in threads:
    thread.join()
wait_for(one)
cache.blocking.close()
""",
    )
