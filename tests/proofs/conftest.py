"""Real servers, for the simulated one to be compared with: see tests/servers/fixtures.py."""

from tests.servers.fixtures import servers  # noqa: F401
