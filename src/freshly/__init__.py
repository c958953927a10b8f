"""A cache for functions whose invalidations hold.

A read that starts after an invalidation has returned never gets a value whose load started
before it.

(PYTEST_DONT_REWRITE: else pytest would warn a program that imports this and then runs pytest.)
"""

from .cache import Cache
from .core.counts import FunctionStats, Stats
from .core.entry import Entry
from .core.leftout import NoKey
from .core.token import Stamp, Token
from .core.transaction import Transaction
from .current import CurrentLoad
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
    StoreError,
)
from .handles import AsyncCached, BlockingCached
from .timeofday import until
from .wire.ownership import register_type
from .wire.port import Codec

#: The cache that most programs need: one for the process.
cache = Cache()

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
    "Stamp",
    "Stats",
    "StoreError",
    "Token",
    "Transaction",
    "cache",
    "register_type",
    "until",
]
