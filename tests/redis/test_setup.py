"""How a cache comes to its server: URLs, options, clients, protocols; and what is said of mistakes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis
import redis.asyncio
import redis.utils

from freshly import Cache, ConfigurationError, EncodeError, FreshlyWarning, StoreError
from freshly.core.events import StoreFailed
from freshly.stores.redis.address import address_of, address_of_client
from tests.redis.fixtures import Open
from tests.servers.combinations import Combination
from tests.servers.fixtures import Servers
from tests.servers.proxy import Proxy
from tests.servers.server import Server
from tests.servers.tls import Tls


def test_a_connection_does_not_look_for_the_version_of_its_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That takes milliseconds in the event loop, once a second while a server is down."""
    address = address_of("redis://localhost", {}, 1.0)
    of_client = address_of_client(redis.asyncio.Redis(), 1.0)

    def look() -> str:
        raise AssertionError("it was looked for")

    monkeypatch.setattr(redis.utils, "get_lib_version", look)

    for one in (address, of_client):
        assert one.dial() is not None
        assert one.dial_awaited() is not None


async def works(cache: Cache) -> None:
    """Prove that both colours read what the other one stored, from the server."""
    await cache.set("key", [1, 2])
    assert cache.blocking.get("key") == [1, 2]
    cache.blocking.delete("key")
    assert await cache.get("key") is None


class TestAddresses:
    async def test_tcp(self, open_cache: Open, server: Server) -> None:
        await works(open_cache(f"redis://127.0.0.1:{server.port}/3"))

        assert server.admin.info("keyspace")["db3"]["keys"] > 0

    async def test_valkey_is_another_name(self, open_cache: Open, server: Server) -> None:
        await works(open_cache(server.url.replace("redis://", "valkey://")))

    async def test_a_unix_socket(self, open_cache: Open, server: Server) -> None:
        await works(open_cache(server.unix_url + "?db=2"))

    async def test_tls_with_the_certificate_checked(
        self, open_cache: Open, tls_proxy: Proxy, tls: Tls
    ) -> None:
        for scheme in ("rediss", "valkeys"):
            url = tls_proxy.url.replace("rediss", scheme)
            await works(open_cache(url, ssl_ca_certs=str(tls.ca_file)))
        with pytest.raises(StoreError, match="certificate"):
            await open_cache(tls_proxy.url).ping()

    async def test_each_pair_of_server_protocol_parser_and_colour(
        self, combination: Combination, servers: Servers
    ) -> None:
        server = servers.get(combination.kind)
        cache = Cache(server.url, protocol=combination.protocol, timeout=5)
        await works(cache)
        await cache.close()


class TestOptions:
    @pytest.mark.parametrize(
        ("url", "options", "words"),
        [
            ("redis://h", {"timout": 1}, "timout=1.*did you mean 'timeout'"),
            ("redis://h", {"timeout": "soon"}, "timeout='soon'"),
            ("redis://h", {"pool_size": 0}, "pool_size=0"),
            ("redis://h?pool_size=many", {}, "pool_size='many'"),
            ("redis://h", {"wait_replicas": 0}, "wait_replicas=0"),
            ("redis://h?wait_replicas=all", {}, "wait_replicas='all'"),
            ("redis://h", {"wait_timeout": "100ms"}, "wait_timeout='100ms'.*add wait_replicas=1"),
            (
                "redis://h",
                {"wait_replicas": 1, "wait_timeout": "300ms"},
                "wait_timeout='300ms'.*within timeout=0.5 seconds: give from 1 ms to half",
            ),
            ("redis://h?wait_replicas=1&wait_timeout=0.0001", {}, "wait_timeout='0.0001'"),
            ("redis://h", {"wait_replicas": 1, "wait_timeout": "soon"}, "wait_timeout='soon'"),
            ("redis://h", {"protocol": 4}, "protocol=4"),
            ("redis://h", {"lease": "never"}, "lease='never'"),
            ("redis://h", {"namespace": ""}, "namespace=''"),
            ("redis://h/x", {}, "db='x'"),
            ("redis://h/1", {"db": 2}, "given twice"),
            ("redis://h:port", {}, "no port"),
            ("redis://h", {"ssl_ca_certs": "x"}, "speaks no TLS; write rediss://"),
            ("unix://", {}, "path of a socket"),
            ("redis://h", {"on_encode_error": "ignore"}, "on_encode_error='ignore'"),
            ("redis://h", {"max_entries": 5}, "has no such option"),
            ("redis://h", {"client": object()}, r"no redis\.Redis"),
            ("redis://h", {"signing_keys": "short"}, "can be guessed"),
            ("redis://h", {"max_value_bytes": 0}, "max_value_bytes=0 is no number of bytes"),
            ("redis://h?compress_above=some", {}, "compress_above='some' is no number of bytes"),
        ],
    )
    def test_what_is_wrong_is_said_at_setup(
        self, url: str, options: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=f"(?s){words}"):
            Cache(url, **options)

    def test_no_message_shows_a_password(self) -> None:
        for url in ("redis://u:s3cret@h:port", "redis://u:s3cret@h/x", "redis://u:s3cret@h?timout=1"):
            with pytest.raises(ConfigurationError) as caught:
                Cache(url)
            assert "s3cret" not in str(caught.value)

    async def test_namespaces_of_any_letters_are_apart(self, open_cache: Open) -> None:
        names = ["a", "a:b", "a}b", "a#0", "{a}", "a*", "ä b"]
        caches = [open_cache(namespace=name) for name in names]
        for number, cache in enumerate(caches):
            await cache.set("key", number)
        await caches[0].clear()
        await caches[1].delete_match("*")

        assert [await cache.get("key") for cache in caches] == [None, None, 2, 3, 4, 5, 6]


class TestClients:
    async def test_an_async_client_serves_both_colours(self, open_cache: Open, server: Server) -> None:
        client = redis.asyncio.Redis(port=server.port, db=4, decode_responses=True)
        await works(open_cache(client=client))
        assert server.admin.info("keyspace")["db4"]["keys"] > 0
        await client.aclose()

    async def test_a_blocking_client_serves_both_colours(
        self, open_cache: Open, server: Server
    ) -> None:
        with redis.Redis(unix_socket_path=str(server.socket), db=5, protocol=2) as client:
            await works(open_cache(client=client))
            client.ping()
        assert server.admin.info("keyspace")["db5"]["keys"] > 0


@dataclass
class User:
    name: str


class NoBytes:
    pass


class TestValues:
    async def test_they_come_back_as_what_the_annotation_says(self, open_cache: Open) -> None:
        cache = open_cache()
        loads: list[int] = []

        @cache(ttl="1h", key="user:{user_id}")
        async def get_user(user_id: int) -> User:
            loads.append(user_id)
            return User("Ada")

        assert [await get_user(7), await get_user(7)] == [User("Ada")] * 2
        assert loads == [7]
        assert await cache.get("user:7", type=User) == User("Ada")
        assert await cache.exists("user:7")

    async def test_another_annotation_is_a_miss(self, open_cache: Open) -> None:
        cache = open_cache()

        @cache(ttl="1h", key="key")
        async def old() -> User:
            return User("Ada")

        @cache(ttl="1h", key="key")
        async def new() -> set[str]:
            return {"Ada"}

        await old()
        assert await new() == {"Ada"}

    async def test_a_value_without_bytes_goes_to_its_caller_and_is_told_of_once(
        self, open_cache: Open, caplog: pytest.LogCaptureFixture
    ) -> None:
        cache = open_cache()

        @cache(ttl="1h")
        async def get(number: int) -> object:
            return NoBytes()

        with caplog.at_level(logging.WARNING, "freshly"):
            for number in (1, 1, 2):
                assert isinstance(await get(number), NoBytes)

        told = [record.getMessage() for record in caplog.records if "is not stored" in record.message]
        assert len(told) == 1
        assert "get" in told[0]
        assert "NoBytes" in told[0]

    def test_an_annotation_that_nothing_can_be_stored_for_is_told_of_at_decoration(self) -> None:
        cache = Cache("redis://h")

        with pytest.warns(FreshlyWarning, match="get returns: .*Iterator.*return a list"):

            @cache(ttl="1h")
            def get() -> Iterator[int]: ...

    def test_and_at_setup_for_what_is_decorated_already(self) -> None:
        cache = Cache()

        @cache(ttl="1h")
        def get() -> Iterator[int]: ...

        with pytest.warns(FreshlyWarning, match="get returns: .*return a list"):
            cache.setup("redis://h")

    def test_a_class_that_is_not_defined_yet_is_none_to_tell_of(self) -> None:
        cache = Cache("redis://h")

        @cache(ttl="1h")
        def get() -> Later: ...  # noqa: F821

    async def test_it_raises_where_it_was_told_to(self, open_cache: Open) -> None:
        cache = open_cache(on_encode_error="raise")

        @cache(ttl="1h")
        async def get() -> object:
            return NoBytes()

        with pytest.raises(EncodeError, match="NoBytes"):
            await get()

    async def test_signed_values_are_read_with_the_key_only(self, open_cache: Open) -> None:
        secret = "a secret of more than sixteen bytes"
        signing, other = open_cache(signing_keys=secret), open_cache()

        @signing(ttl="1h", key="key")
        async def get() -> str:
            return "signed"

        events: list[object] = []
        other.observe(events.append)
        assert await get() == "signed"
        assert await signing.get("key", type=str) == "signed"
        assert await other.get("key", type=str) is None
        (event,) = events
        assert isinstance(event, StoreFailed)
        assert (event.operation, event.key) == ("unpack", "key")
        assert "unprotected" in str(event.error)
