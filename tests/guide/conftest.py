"""The guide runs in memory, on a real server, behind Sentinels, and in a cluster."""

from tests.servers.fixtures import (  # noqa: F401
    cluster,
    groups,
    sentinels,
    server,
    server_kind,
    servers,
)
