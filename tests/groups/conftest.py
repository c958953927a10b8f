"""Real clusters and Sentinel set-ups, started by the tests: see tests/servers/fixtures.py."""

from tests.redis.fixtures import round_trips  # noqa: F401
from tests.servers.fixtures import (  # noqa: F401
    cluster,
    groups,
    sentinels,
    server,
    server_kind,
    servers,
    start_server,
    tls,
)
