from __future__ import annotations

from tests.servers.fixtures import (  # noqa: F401
    any_server_kind,
    cluster,
    combination,
    groups,
    private_server,
    proxy,
    sentinels,
    server,
    server_kind,
    servers,
    start_server,
    tls,
    tls_proxy,
)
