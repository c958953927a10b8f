from __future__ import annotations

from tests.servers.fixtures import (  # noqa: F401
    private_server,
    server,
    server_kind,
    servers,
    start_server,
)
