"""The places that a URL of several servers names, where discovery begins."""

from __future__ import annotations

from urllib.parse import SplitResult

from ...errors import ConfigurationError
from .slots import Place

DEFAULT_PORTS = {"sentinel": 26379, "cluster": 6379}


def seeds_of(parts: SplitResult) -> list[Place]:
    """Return host and port of each server before the path; an IPv6 address stands in brackets.

    Raises:
        ConfigurationError: if there is none, or one of them is no host and port.
    """
    group = parts.scheme.partition("+")[2]
    told = parts.netloc.rpartition("@")[2]
    if not told:
        raise ConfigurationError(
            f"{parts.scheme}:// names no server: write {parts.scheme}://host:{DEFAULT_PORTS[group]}, "
            f"and more of them with commas between"
        )
    places = [_place(one, parts.scheme, DEFAULT_PORTS[group]) for one in told.split(",")]
    return list(dict.fromkeys(places))


def _place(said: str, scheme: str, default: int) -> Place:
    host, colon, port = said.rpartition(":") if not said.endswith("]") else (said, "", "")
    if not colon:
        host, port = said, str(default)
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise ConfigurationError(
            f"{said!r} in the URL of {scheme}:// is no host and port: an IPv6 address stands in "
            f"brackets, as in [::1]:{default}"
        )
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigurationError(
            f"{said!r} in the URL of {scheme}:// is no host and port: write host:{default}, with "
            f"commas between several"
        )
    return host, int(port)
