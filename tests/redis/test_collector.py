"""Reads past a server that does not answer leave nothing to the garbage collector.

Its pauses are the readers' own: they made one read of a hundred a millisecond late.
"""

from __future__ import annotations

import asyncio
import gc

import pytest

from freshly import Cache
from freshly.testing import ManualClock
from tests.servers.proxy import Proxy

pytestmark = pytest.mark.real_time


async def test_a_read_while_the_store_is_down_leaves_nothing(proxy: Proxy) -> None:
    cache = Cache(proxy.url, timeout=0.2, clock=ManualClock())

    @cache("1h")
    async def get(number: int) -> int:
        await asyncio.sleep(0)
        return number

    await get(-1)
    proxy.mode = "freeze"
    # The first waits for a time-out. By the clock of this cache it is never time for another try.
    await get(0)
    gc.collect()
    gc.disable()
    try:
        for number in range(1, 21):
            assert await get(number) == number
        left = gc.collect()
    finally:
        gc.enable()
        await cache.close()

    assert left < 20
