"""A cache for functions whose invalidations hold.

A read that starts after an invalidation has returned never gets a value whose load started
before it.

(PYTEST_DONT_REWRITE: else pytest would warn a program that imports this and then runs pytest.)
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .caches import Cache
    from .core.counts import FunctionStats, Stats
    from .core.entry import Entry
    from .core.leftout import NoKey
    from .core.token import Stamp, Token
    from .core.transaction import Transaction
    from .current import CurrentLoad
    from .default import cache
    from .errors import (
        ConfigurationError,
        DeadlockError,
        EncodeError,
        FreshlyError,
        FreshlyWarning,
        KeyTextError,
        LoadTimeout,
        LockLost,
        LockTimeout,
        NotModified,
        PartlyInvalidatedError,
        StoreError,
        UnconfirmedError,
    )
    from .handles import AsyncCached, BlockingCached
    from .timeofday import until
    from .wire.ownership import register_type
    from .wire.port import Codec

__all__ = [
    "AsyncCached",
    "BlockingCached",
    "Cache",
    "Codec",
    "ConfigurationError",
    "CurrentLoad",
    "DeadlockError",
    "EncodeError",
    "Entry",
    "FreshlyError",
    "FreshlyWarning",
    "FunctionStats",
    "KeyTextError",
    "LoadTimeout",
    "LockLost",
    "LockTimeout",
    "NoKey",
    "NotModified",
    "PartlyInvalidatedError",
    "Stamp",
    "Stats",
    "StoreError",
    "Token",
    "Transaction",
    "UnconfirmedError",
    "cache",
    "register_type",
    "until",
]

# Where each name is, for Python; a type checker reads it above. A module is imported when one of its
# names is asked for: a program that wants an error or a type does not pay for a cache.
_HOMES = {
    "AsyncCached": "handles",
    "BlockingCached": "handles",
    "Cache": "caches",
    "Codec": "wire.port",
    "CurrentLoad": "current",
    "Entry": "core.entry",
    "FunctionStats": "core.counts",
    "NoKey": "core.leftout",
    "Stamp": "core.token",
    "Stats": "core.counts",
    "Token": "core.token",
    "Transaction": "core.transaction",
    "cache": "default",
    "register_type": "wire.ownership",
    "until": "timeofday",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # The errors are all at home in one place.
    found: object = getattr(import_module(f".{_HOMES.get(name, 'errors')}", __name__), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
