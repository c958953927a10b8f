"""The bytes of entries as they lie on a real server."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from tests.redis.fixtures import Open
from tests.servers.server import Server


@dataclass
class User:
    id: int
    name: str


async def test_a_frame_adds_at_most_64_bytes_to_a_value_with_three_tags(
    open_cache: Open, server: Server
) -> None:
    cache = open_cache(namespace="sizes")
    tags = ["users", "user:7", "posts"]

    @cache("1h", key="user:{user_id}", tags=tags)
    async def get_user(user_id: int) -> User:
        return User(user_id, "Ada")

    for _ in range(200):  # a clock that has run for a while
        await cache.delete_tags("another")
    user = await get_user(7)

    data: bytes = server.admin.get("fr:{sizes:user:7}:v")
    bare = msgspec.msgpack.encode(user) + "".join(tags).encode()
    assert bare[:10] in data
    assert len(data) - len(bare) <= 64


async def test_every_making_of_a_bucket_has_a_short_nonce_of_its_own(
    open_cache: Open, server: Server
) -> None:
    cache = open_cache(namespace="nonces")
    made: list[bytes] = []

    for round_ in range(200):
        await cache.clear() if round_ % 2 else server.admin.delete("fr:{nonces#0}:t")
        await cache.set("key", 1)
        made.append(server.admin.hget("fr:{nonces#0}:t", "!"))

    assert len(set(made)) == 200
    assert {len(nonce) for nonce in made} == {12}
