"""TLS for servers that were built without it: certificates of a test, and a proxy that ends TLS."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme

from .proxy import Proxy, Target


class Tls:
    """An authority of the test and a certificate for loopback; ``ca_file`` is what a client trusts."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self._certificate = self._authority.issue_cert("127.0.0.1", "localhost")
        self.ca_file = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(str(self.ca_file))

    def before(self, target: Target) -> Proxy:
        """Return a proxy, to be entered, that takes TLS and talks plainly to ``target``."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._certificate.configure_cert(context)
        return Proxy(target, tls=context)
