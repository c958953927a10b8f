"""What a load leaves to the garbage collector: nothing, since its pauses are the readers' own."""

from __future__ import annotations

import asyncio
import gc

from freshly import Cache


async def test_a_load_that_waits_leaves_nothing() -> None:
    cache = Cache()

    @cache("1h")
    async def get(number: int) -> int:
        await asyncio.sleep(0)
        return number

    await get(0)
    gc.collect()
    gc.disable()
    try:
        for number in range(1, 21):
            await get(number)
        left = gc.collect()
    finally:
        gc.enable()
        await cache.close()

    assert left < 20
