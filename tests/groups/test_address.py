"""Addresses of several servers: what may stand in them, and what is said of what may not."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from freshly import Cache, ConfigurationError
from freshly.stores.redis.seeds import seeds_of
from freshly.stores.redis.sentinel import sentinel_address


def test_a_host_without_a_port_has_that_of_its_group() -> None:
    assert seeds_of(urlsplit("redis+sentinel://one,two:7/shop")) == [("one", 26379), ("two", 7)]


def test_an_ipv6_address_stands_in_brackets() -> None:
    parts = urlsplit("redis+sentinel://user:pass@[::1]:26380,[fe80::2]/shop")

    assert seeds_of(parts) == [("::1", 26380), ("fe80::2", 26379)]


def test_a_place_that_is_named_twice_is_asked_once() -> None:
    assert seeds_of(urlsplit("redis+sentinel://one,one:26379/shop")) == [("one", 26379)]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis+sentinel:///shop", "names no server"),
        ("redis+sentinel://one:two/shop", "'one:two' in the URL"),
        ("redis+sentinel://one:99999/shop", "is no host and port"),
        ("redis+sentinel://one,,two/shop", "'' in the URL"),
        ("redis+sentinel://::1/shop", "stands in brackets"),
        ("redis+sentinel://one", "needs the name of the service"),
        ("redis+sentinel://one/shop/0/1", "needs the name of the service"),
        ("redis+sentinel://one/shop/first", "db='first' is no database"),
        ("redis+sentinel://one/shop/1?db=2", "the database is given twice"),
        ("redis+sentinel://one/shop?ssl_ca_certs=ca.pem", "speaks no TLS; write rediss://"),
        ("redis+cluster:///", "names no server"),
        ("redis+cluster://one/0", "one database"),
        ("redis+cluster://one?db=1", "one database"),
        ("redis+cluster://one?buckets=1", "16 to 64 buckets"),
        ("redis+cluster://one?buckets=65", "16 to 64 buckets"),
        ("redis+cluster://one?ssl_ca_certs=ca.pem", "speaks no TLS; write rediss://"),
        ("redis+cluster://one?sentinel_password=secret", "sentinel_password= is for Sentinels"),
        ("redis://one?buckets=16", "one server has all in one"),
        ("redis+sentinal://one/shop", "did you mean 'redis\\+sentinel'"),
        ("redis://one?sentinel_password=secret", "sentinel_password= is for Sentinels"),
    ],
)
def test_what_is_wrong_is_told_at_once_with_the_way_out(url: str, said: str) -> None:
    cache = Cache("mem://")

    with pytest.raises(ConfigurationError, match=said) as raised:
        cache.setup(url)

    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("consistency", ["bounded", "strict"])
@pytest.mark.parametrize("url", ["redis+sentinel://one:1,two:2/shop", "redis+cluster://one:1,two:2"])
def test_near_entries_may_stand_before_sentinels_and_clusters(url: str, consistency: str) -> None:
    cache = Cache(url, near=True, consistency=consistency)

    assert cache.stats().near is not None


@pytest.mark.parametrize("scheme", ["redis", "valkey", "rediss", "valkeys"])
def test_every_scheme_has_its_form_and_no_password_is_shown(scheme: str) -> None:
    options: dict[str, Any] = {"sentinel_password": "hidden", "db": 3}

    address = sentinel_address(f"{scheme}+sentinel://user:secret@one:1,two:2/shop", options, 0.5)

    assert address.server == f"{scheme}+sentinel://one:1,two:2/shop"
    connection = address.dial()
    is_tls = scheme in ("rediss", "valkeys")
    assert type(connection).__name__ == ("SSLConnection" if is_tls else "Connection")
    assert connection.db == 3


def test_a_client_of_one_server_leads_to_no_cluster() -> None:
    with pytest.raises(ConfigurationError, match="client= connects to one server"):
        Cache("redis+cluster://one", client=redis.Redis())
