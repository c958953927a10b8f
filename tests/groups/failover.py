"""What a failover by hand does to entries, wherever it happens."""

from __future__ import annotations

from collections.abc import Callable

from freshly import Cache


async def entries_are_misses_and_all_goes_on(
    writer: Cache, reader: Cache, fail_over: Callable[[], object]
) -> None:
    """Read and write user 7 before and after ``fail_over``, which replaces its primary."""
    versions = {7: 1}

    @reader(ttl="1h", tags=["user:{user_id}"])
    async def get_user(user_id: int) -> int:
        return versions[user_id]

    assert await get_user(7) == 1
    fail_over()
    versions[7] = 2
    await writer.delete_tags("user:7")

    assert await get_user(7) == 2
    versions[7] = 3
    assert await get_user(7) == 2, "a hit"
    await writer.delete_tags("user:7")
    assert await get_user(7) == 3
