"""The servers of the tests do what they are told: else the tests with them prove nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
import redis

from tests.servers.combinations import COMBINATIONS, Combination, pairwise
from tests.servers.fixtures import Servers, Start
from tests.servers.kinds import KINDS, Kind
from tests.servers.proxy import Proxy
from tests.servers.server import Server
from tests.servers.tls import Tls
from tests.servers.waiting import wait_until

TIMEOUT = 0.2


@contextlib.contextmanager
def client_of(url: str, **options: object) -> Iterator[redis.Redis]:
    """A client that does not try again and gives up soon."""
    retry = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    one = redis.Redis.from_url(url, socket_timeout=TIMEOUT, retry=retry, **options)
    try:
        yield one
    finally:
        one.close()


def test_two_servers_at_least_are_there() -> None:
    """They come with the test group. Without them every test of a shared store would be skipped."""
    assert [kind.name for kind in KINDS if kind.executable()][:2] == ["Valkey 9", "Redis 8.2"]


def test_each_server_answers_by_tcp_and_by_its_socket(servers: Servers, any_server_kind: Kind) -> None:
    server = servers.get(any_server_kind)

    for url in (server.url, server.unix_url):
        with client_of(url) as client:
            assert client.set("key", "value")
            assert client.get("key") == b"value"


def test_each_test_gets_it_empty(servers: Servers, any_server_kind: Kind) -> None:
    server = servers.get(any_server_kind)
    server.admin.set("key", "value")
    server.admin.get("key")
    assert server.calls()["get"] == 1

    again = servers.get(any_server_kind)

    assert again is server
    assert again.admin.dbsize() == 0
    assert "get" not in again.calls()


def test_a_server_that_was_killed_comes_back_empty_with_another_name(private_server: Server) -> None:
    private_server.admin.set("key", "value")
    former = private_server.admin.info("server")["run_id"]

    private_server.restart()

    assert private_server.admin.get("key") is None
    assert private_server.admin.info("server")["run_id"] != former


def test_or_with_what_was_saved_and_without_what_came_later(private_server: Server) -> None:
    private_server.admin.set("early", "value")
    private_server.save()
    private_server.admin.set("late", "value")

    private_server.restart()

    assert private_server.admin.get("early") == b"value"
    assert private_server.admin.get("late") is None


def test_a_stopped_server_hangs_and_goes_on(private_server: Server) -> None:
    with client_of(private_server.url) as client:
        client.ping()

        private_server.stop()
        with pytest.raises(redis.TimeoutError):
            client.ping()

        private_server.resume()
        assert client.ping()


def test_a_full_server_refuses_and_a_password_is_asked_for(start_server: Start) -> None:
    server = start_server(password="secret", config={"maxmemory-policy": "noeviction"})
    server.configure(maxmemory=1)

    with client_of(server.url) as client, pytest.raises(redis.OutOfMemoryError):
        client.set("key", "value")
    with (
        client_of(f"redis://127.0.0.1:{server.port}") as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.get("key")


def test_a_user_may_do_what_its_rules_say(server: Server) -> None:
    url = server.user("reader", "secret", "~fr:*", "+get")

    with client_of(url, protocol=2) as client:
        assert client.get("fr:key") is None
        for forbidden in (lambda: client.get("other"), lambda: client.set("fr:key", "value")):
            with pytest.raises(redis.exceptions.NoPermissionError):
                forbidden()
    server.admin.acl_deluser("reader")


def test_cut_connections_are_counted_and_the_tests_own_stays(server: Server) -> None:
    mine = server.admin.client_id()
    with client_of(server.url) as client:
        former = client.client_id()

        assert server.cut_connections() >= 1

        assert client.client_id() != former
    assert server.admin.client_id() == mine


class TestProxy:
    def test_it_passes_what_it_gets(self, proxy: Proxy) -> None:
        with client_of(proxy.url) as client:
            client.set("key", "x" * 100_000)
            assert client.get("key") == b"x" * 100_000
        assert proxy.accepted == 1

    def test_frozen_it_accepts_and_never_answers(self, proxy: Proxy) -> None:
        proxy.mode = "freeze"

        with client_of(proxy.url) as client:
            with pytest.raises(redis.TimeoutError):
                client.ping()
            proxy.mode = "pass"
            assert client.ping()

    def test_it_freezes_open_connections_too(self, proxy: Proxy) -> None:
        with client_of(proxy.url) as client:
            client.ping()
            proxy.mode = "freeze"
            with pytest.raises(redis.TimeoutError):
                client.ping()

    def test_refusing_it_closes_what_is_open_and_takes_nothing_new(self, proxy: Proxy) -> None:
        with client_of(proxy.url) as client:
            client.ping()

            proxy.mode = "refuse"
            for _ in range(2):
                with pytest.raises(redis.ConnectionError):
                    client.ping()

            proxy.mode = "pass"
            assert client.ping()

    def test_a_write_whose_answer_is_lost_was_carried_out(self, proxy: Proxy, server: Server) -> None:
        with client_of(proxy.url) as client:
            client.ping()
            proxy.mode = "lose"

            with pytest.raises(redis.TimeoutError):
                client.set("key", "value")

        assert server.admin.get("key") == b"value"

    def test_half_of_an_answer_comes_and_nothing_more(self, proxy: Proxy, server: Server) -> None:
        server.admin.set("key", "x" * 1000)
        with client_of(proxy.url) as client:
            client.ping()
            before = proxy.bytes_passed
            proxy.mode = "half"

            with pytest.raises(redis.TimeoutError):
                client.get("key")
            assert before < proxy.bytes_passed < before + 1000

    def test_cut_connections_are_made_anew(self, proxy: Proxy) -> None:
        with client_of(proxy.url) as client:
            client.ping()

            proxy.cut()

            assert client.ping()
        assert proxy.accepted == 2

    def test_delayed_answers_come(self, proxy: Proxy) -> None:
        proxy.delay = TIMEOUT / 4
        with client_of(proxy.url) as client:
            assert client.ping()

            proxy.delay = TIMEOUT * 2
            with pytest.raises(redis.TimeoutError):
                client.ping()

    def test_with_tls_it_shows_the_certificate_of_the_test(self, tls: Tls, tls_proxy: Proxy) -> None:
        with client_of(tls_proxy.url, ssl_ca_certs=str(tls.ca_file)) as client:
            assert client.ping()
        with (
            client_of(tls_proxy.url) as stranger,
            pytest.raises(redis.ConnectionError, match="certificate verify failed"),
        ):
            stranger.ping()


def test_each_two_choices_meet_in_fewer_combinations_than_there_are() -> None:
    rows = list(pairwise("abc", (2, 3), (True, False), (True, False)))

    assert len(rows) <= 8 < 3 * 2 * 2 * 2
    assert {(row[0], row[3]) for row in rows} == {(a, b) for a in "abc" for b in (True, False)}
    assert {(row[1], row[2]) for row in rows} == {(a, b) for a in (2, 3) for b in (True, False)}


def test_the_combinations_are_what_they_say(
    combination: Combination, servers: Servers, request: pytest.FixtureRequest
) -> None:
    server = servers.get(combination.kind)

    with client_of(server.url, protocol=combination.protocol) as client:
        connection = client.connection_pool.get_connection()
        connection.connect()
        parser = type(connection._parser).__name__
        client.connection_pool.release(connection)
        hello = client.execute_command("HELLO")

    assert ("Hiredis" in parser) == combination.has_hiredis
    proto = hello["proto"] if isinstance(hello, dict) and "proto" in hello else None
    if proto is None and isinstance(hello, dict):
        proto = hello[b"proto"]
    if isinstance(hello, list):
        proto = dict(zip(hello[::2], hello[1::2], strict=True))[b"proto"]
    assert proto == combination.protocol


def test_there_are_combinations_of_each_server() -> None:
    assert {one.kind for one in COMBINATIONS} == set(KINDS)


def test_waiting_in_vain_fails_with_its_reason() -> None:
    with pytest.raises(AssertionError, match="no answer"):
        wait_until(lambda: False, "no answer", limit=0.02)
