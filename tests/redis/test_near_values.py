"""Values that are near: by codecs of one's own, and of functions of other types with the same key."""

from __future__ import annotations

from typing import Any

from freshly import Cache
from tests.redis.fixtures import Open
from tests.redis.streams import Stream


class Shouting:
    """A codec that counts what it is asked for."""

    name = "shouting"

    def __init__(self) -> None:
        self.encoded: list[Any] = []
        self.decoded: list[bytes] = []

    def encode(self, value: Any) -> bytes:
        self.encoded.append(value)
        return str(value).upper().encode()

    def decode(self, data: bytes) -> Any:
        self.decoded.append(data)
        return data.decode().lower()


def near_cache(open_cache: Open) -> tuple[Cache, Stream]:
    cache = open_cache(near=True)
    return cache, Stream(cache).begin()


async def test_a_codec_of_ones_own_is_asked_once_for_what_is_near(open_cache: Open) -> None:
    codec, loads = Shouting(), []
    (one, first), (other, second) = near_cache(open_cache), near_cache(open_cache)

    def on(cache: Cache) -> Any:
        @cache(ttl="1h", key="word", tags=["word"], codec=codec)
        async def get() -> str:
            loads.append(1)
            return "ada"

        return get

    loader, reader = on(one), on(other)

    assert [await loader() for _ in range(3)] == ["ada"] * 3
    assert [await reader() for _ in range(3)] == ["ada"] * 3

    assert loads == [1]
    assert codec.encoded == ["ada"]
    assert codec.decoded == [b"ADA"], "near hits decode nothing"

    await one.delete_tags("word")
    second.hear()
    assert await reader() == "ada"
    assert len(loads) == 2
    first.close()
    second.close()


async def test_functions_of_other_types_that_share_a_key_do_not_get_each_others_near_values(
    open_cache: Open,
) -> None:
    """Of one key there is one value, on the server and near: they load in turns."""
    cache, stream = near_cache(open_cache)

    @cache(ttl="1h", key="row", tags=["row"])
    async def number() -> int:
        return 7

    @cache(ttl="1h", key="row", tags=["row"])
    async def text() -> str:
        return "seven"

    for _ in range(3):
        assert [await number(), await text(), await text(), await number()] == [7, "seven", "seven", 7]
    assert cache.stats().near is not None
    assert len(cache._home.parts.store.living()) == 1
    stream.close()


async def test_functions_of_one_type_that_share_a_key_share_its_value(
    open_cache: Open, round_trips: list[list[str]]
) -> None:
    """Where they make the same of the same bytes. What they do not share is in test_near_sharing.py."""
    cache, stream = near_cache(open_cache)
    loads: list[str] = []

    def on(name: str) -> Any:
        @cache(ttl="1h", key="row", tags=["row"])
        async def get() -> int:
            loads.append(name)
            return 7

        return get

    one, other = on("one"), on("other")
    assert await one() == 7
    round_trips.clear()

    assert [await get() for get in (one, one, one, other, other, other, one)] == [7] * 7

    assert loads == ["one"]
    assert round_trips == []
    stream.close()
