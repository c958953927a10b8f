"""The guide runs in memory and on a real server."""

from tests.servers.fixtures import server, server_kind, servers  # noqa: F401
