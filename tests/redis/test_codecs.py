"""``codec=`` where values do become bytes: on a real server."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from freshly import Cache, EncodeError, FreshlyWarning
from tests.redis.fixtures import Open
from tests.servers.server import Server

SECRET = "a secret of more than sixteen bytes"


class Session:
    """A value that only pickle carries."""

    def __init__(self, user: str) -> None:
        self.user = user

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Session) and other.user == self.user

    __hash__ = None  # type: ignore[assignment]


class Lines:
    """A codec of lists of texts, one a line. It notes what it did."""

    def __init__(self, name: str = "lines 1") -> None:
        self.name = name
        self.did: list[str] = []

    def encode(self, value: Any) -> bytes:
        self.did.append("encode")
        return "\n".join(value).encode()

    def decode(self, data: bytes) -> Any:
        self.did.append("decode")
        return data.decode().split("\n")


class TestOfYourOwn:
    async def test_each_decorator_takes_one(self, open_cache: Open, server: Server) -> None:
        cache, codec = open_cache(namespace="own"), Lines()

        @cache("1h", key="plain", codec=codec)
        async def plain() -> list[str]:
            return ["plain", "b"]

        @cache.soft("1h", soft_ttl="1m", key="soft", codec=codec)
        async def soft() -> list[str]:
            return ["soft", "b"]

        @cache.early("1h", early_ttl="1m", key="early", codec=codec)
        async def early() -> list[str]:
            return ["early", "b"]

        @cache.many("1h", key="many:{name}", codec=codec)
        async def many(names: list[str]) -> dict[str, list[str]]:
            return {name: [name, "b"] for name in names}

        for first in (True, False):
            assert await plain() == ["plain", "b"]
            assert await soft() == ["soft", "b"]
            assert await early() == ["early", "b"]
            assert await many(["many"]) == {"many": ["many", "b"]}
            assert codec.did == ["encode"] * 4 + ([] if first else ["decode"] * 4)

        for key in ("plain", "soft", "early", "many:many"):
            assert f"{key.partition(':')[0]}\nb".encode() in server.admin.get(f"fr:{{own:{key}}}:v")

    def test_an_iterator_and_a_plain_function_take_one(self, server: Server) -> None:
        cache, codec = Cache(server.url, namespace="plain", timeout=5), Lines()

        @cache.iterator("1h", key="lines", codec=codec)
        def lines() -> Iterator[str]:
            yield from ("a", "b")

        @cache("1h", key="plain", codec=codec)
        def plain() -> list[str]:
            return ["c"]

        assert [list(lines()), list(lines())] == [["a", "b"]] * 2
        assert [plain(), plain()] == [["c"]] * 2
        assert codec.did == ["encode", "decode"] * 2
        cache.blocking.close()

    async def test_by_hand(self, open_cache: Open) -> None:
        cache, codec = open_cache(), Lines()

        await cache.set("one", ["a"], codec=codec)
        await cache.set_many({"two": ["b"]}, codec=codec)

        assert await cache.get("one", codec=codec) == ["a"]
        assert await cache.get("one", type=list, codec=codec) == ["a"]
        assert await cache.get("one") is None, "it was read by another codec"
        assert await cache.get_many(["one", "two"], codec=codec) == {"one": ["a"], "two": ["b"]}
        assert await cache.get_or_set("one", lambda: ["loaded"], codec=codec) == ["a"]
        assert cache.blocking.get("two", codec=codec) == ["b"]
        loaded = await cache.get_or_set_many(["two", "3"], lambda keys: [["c"]], codec=codec)
        assert loaded == {"two": ["b"], "3": ["c"]}

    async def test_that_of_setup_is_for_all_functions_that_ask_for_none(self, open_cache: Open) -> None:
        codec, other = Lines(), Lines("other")
        cache = open_cache(codec=codec)

        @cache("1h")
        async def of_setup() -> list[str]:
            return ["a"]

        @cache("1h", codec="typed")
        async def typed() -> list[str]:
            return ["b"]

        @cache("1h", codec=other)
        async def own() -> list[str]:
            return ["c"]

        assert [await of_setup(), await typed(), await own()] == [["a"], ["b"], ["c"]]
        assert [codec.did, other.did] == [["encode"], ["encode"]]
        await cache.set("key", ["d"])
        assert await cache.get("key") == ["d"]
        assert codec.did == ["encode", "encode", "decode"]

    async def test_another_name_or_another_type_is_a_miss(self, open_cache: Open) -> None:
        cache = open_cache()
        loads: list[str] = []

        def reader(codec: Lines, annotation: Any) -> Any:
            async def read() -> Any:
                loads.append(codec.name)
                return ["a"]

            read.__annotations__["return"] = annotation
            return cache("1h", key="key", codec=codec)(read)

        steps = [("1", list[str]), ("1", list[str]), ("2", list[str]), ("2", list), ("2", list)]
        for name, annotation in steps:
            await reader(Lines(name), annotation)()

        assert loads == ["1", "2", "2"]

    async def test_one_that_fails_is_told_of_and_the_caller_has_the_value(
        self, open_cache: Open, caplog: pytest.LogCaptureFixture
    ) -> None:
        cache = open_cache()

        @cache("1h", codec=Lines())
        async def get() -> object:
            return 7

        with caplog.at_level(logging.WARNING, "freshly"):
            assert [await get(), await get()] == [7, 7]

        told = [record.getMessage() for record in caplog.records]
        assert len(told) == 1
        assert "codec 'lines 1' has no bytes for a value of type builtins.int" in told[0]
        strict = open_cache(on_encode_error="raise")
        with pytest.raises(EncodeError, match="lines 1"):
            await strict("1h", codec=Lines())(get.uncached)()

    async def test_bytes_that_it_cannot_read_are_a_miss_a_count_and_an_event(
        self, open_cache: Open
    ) -> None:
        cache = open_cache()
        events: list[Any] = []
        cache.observe(events.append)

        class Broken(Lines):
            def decode(self, data: bytes) -> Any:
                raise KeyError("no such thing")

        @cache("1h", key="key", codec=Broken())
        async def get() -> list[str]:
            return ["a"]

        assert [await get(), await get()] == [["a"]] * 2
        assert cache.stats().loads == 2
        assert cache.stats().refused > 0
        failed = [event for event in events if type(event).__name__ == "StoreFailed"]
        assert {(event.operation, event.key) for event in failed} == {("unpack", "key")}
        assert "KeyError" in str(failed[0].error)
        assert "no such thing" not in str(failed[0].error), "its words may hold a part of the value"
        assert "no such thing" in repr(failed[0].error.__cause__)


class TestPickle:
    async def test_it_carries_what_no_annotation_says(self, open_cache: Open, server: Server) -> None:
        cache = open_cache(namespace="pickled", signing_keys=SECRET)

        @cache("1h", key="key", codec="pickle")
        async def get() -> Session:
            return Session("Ada")

        assert [await get(), await get()] == [Session("Ada")] * 2
        assert cache.stats().loads == 1
        assert pickle.dumps(Session("Ada"), 5) in server.admin.get("fr:{pickled:key}:v")

    async def test_for_all_functions_by_the_url(self, open_cache: Open, server: Server) -> None:
        cache = open_cache(f"{server.url}?codec=pickle", encryption_keys=SECRET)

        @cache("1h")
        async def get() -> Session:
            return Session("Ada")

        assert [await get(), await get()] == [Session("Ada")] * 2
        assert cache.stats().loads == 1
        await cache.set("key", Session("Grace"))
        assert await cache.get("key", type=Session) == Session("Grace")

    async def test_a_forged_pickle_is_never_read(
        self, open_cache: Open, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ours, theirs = open_cache(namespace="f", signing_keys=SECRET), "another secret, of a stranger"
        stranger = open_cache(namespace="f", signing_keys=theirs)
        read: list[object] = []
        monkeypatch.setattr(pickle, "loads", read.append)

        await stranger.set("key", Session("Mallory"), codec="pickle")
        assert await ours.get("key", codec="pickle") is None
        whole = server.admin.get("fr:{f:key}:v")
        server.admin.set("fr:{f:key}:v", pickle.dumps(Session("Mallory"), 5))
        assert await ours.get("key", codec="pickle") is None
        server.admin.set("fr:{f:key}:v", whole[:-20] + whole[-20:-16] + bytes(16))
        assert await ours.get("key", codec="pickle") is None

        assert read == []
        assert ours.stats().refused == 3

    def test_what_is_used_up_is_not_carried_either(self) -> None:
        cache = Cache("redis://h", signing_keys=SECRET)

        with pytest.warns(FreshlyWarning, match=r"get returns: .*Iterator.*return a list"):

            @cache("1h", codec="pickle")
            def get() -> Iterator[int]: ...


class TestByHand:
    @pytest.mark.parametrize(
        ("value", "kind"),
        [(5, int), ("x", str), ((1, 2), tuple), ([1], list[int]), ({"a": 1}, dict[str, int])],
    )
    async def test_what_was_set_under_no_type_is_read_as_its_own(
        self, open_cache: Open, value: object, kind: Any
    ) -> None:
        cache = open_cache()

        await cache.set("key", value)

        assert await cache.get("key", type=kind) == value
        assert await cache.get("key", type=bytes) is None

    async def test_and_by_a_function_with_that_key_and_type(self, open_cache: Open) -> None:
        cache = open_cache()

        @cache("1h", key="count")
        async def count() -> int:
            return 1

        await cache.set("count", 41)
        assert await count() == 41
        await cache.set("count", "forty-one")
        assert await count() == 1
