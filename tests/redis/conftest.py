"""Real servers, started by the tests: see tests/servers/fixtures.py."""

from tests.redis.fixtures import bids, open_cache, round_trips  # noqa: F401
from tests.servers.fixtures import (  # noqa: F401
    any_server_kind,
    combination,
    private_server,
    proxy,
    server,
    server_kind,
    servers,
    start_server,
    tls,
    tls_proxy,
)
