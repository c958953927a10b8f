"""Packages that are imported when something asks for them, not before."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from ..errors import ConfigurationError

__all__ = ["need"]

_EXTRAS = {
    "cryptography": "encryption",
    "msgspec": "redis",
    "pydantic": "pydantic",
    "zstandard": "compression",
}


@cache
def need(module: str, what: str) -> Any:
    """Import ``module`` for ``what``.

    Raises:
        ConfigurationError: if it is not installed; names the extra that brings it.
    """
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] != package:
            raise
        raise ConfigurationError(
            f"{what} needs the {package} package: pip install freshly[{_EXTRAS[package]}]"
        ) from None
