"""The bytes of entries as they lie on a real server."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import pytest

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


OLD, NEW = "the old secret, of enough bytes", "the new secret, of enough bytes"
OPTIONS = ["signing_keys", "encryption_keys"]


@pytest.mark.parametrize("option", OPTIONS)
async def test_an_entry_that_was_moved_is_a_miss(open_cache: Open, server: Server, option: str) -> None:
    shop = open_cache(namespace="shop", **{option: OLD})
    other = open_cache(namespace="other", **{option: OLD})
    await shop.set("user:7", "Ada")
    await other.set("user:1", "Grace")

    server.admin.copy("fr:{shop:user:7}:v", "fr:{shop:user:8}:v")
    server.admin.copy("fr:{shop:user:7}:v", "fr:{other:user:7}:v")
    # The bucket of one namespace as that of the other: now the stamps fit, too.
    server.admin.copy("fr:{shop#0}:t", "fr:{other#0}:t", replace=True)

    assert await shop.get("user:7") == "Ada"
    assert await shop.get("user:8") is None
    assert await other.get("user:7") is None
    assert [shop.stats().refused, other.stats().refused] == [1, 1]


@pytest.mark.parametrize("option", OPTIONS)
async def test_an_entry_with_less_protection_is_a_miss(
    open_cache: Open, server: Server, option: str
) -> None:
    bare, keyed = open_cache(namespace="down"), open_cache(namespace="down", **{option: OLD})
    by_hmac = open_cache(namespace="down", signing_keys=OLD, signature="hmac-sha256")

    await bare.set("key", "forged")
    assert await keyed.get("key") is None
    await by_hmac.set("key", "downgraded")
    assert await keyed.get("key") is None
    await keyed.set("key", "ours")
    whole = server.admin.get("fr:{down:key}:v")
    server.admin.set("fr:{down:key}:v", bytes([whole[0], whole[1] & ~12]) + whole[2:])
    assert await keyed.get("key") is None
    server.admin.set("fr:{down:key}:v", whole)
    assert await keyed.get("key") == "ours"


@pytest.mark.parametrize("option", OPTIONS)
async def test_rotating_keys_loses_nothing_that_the_ring_covers(open_cache: Open, option: str) -> None:
    rings = [[OLD], [OLD, NEW], [NEW, OLD], [NEW]]
    caches = [open_cache(namespace="ring", **{option: ring}) for ring in rings]

    for step, cache in enumerate(caches):
        await cache.set(f"written at {step}", step)

    read = [[await cache.get(f"written at {step}") for step in range(4)] for cache in caches]
    assert read == [[0, 1, None, None], [0, 1, 2, 3], [0, 1, 2, 3], [None, None, 2, 3]]
