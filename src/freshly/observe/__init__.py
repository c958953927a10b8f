"""What happened, for those who want to know: the events, and the observer that writes them to a log.

cache.observe(print)                      # everything but hits
cache.observe(count, Loaded, LoadFailed)  # some of it
"""

from ..core.events import (
    Event,
    HoldRanOut,
    Invalidated,
    InvalidationQueued,
    InvalidationsDelivered,
    InvalidationsLost,
    Loaded,
    LoadFailed,
    LoadTimedOut,
    MarkedStale,
    NearLost,
    NearReady,
    SequenceTooLong,
    ServedExpired,
    StoreDown,
    StoreFailed,
    StoreUp,
)
from .log import EVERYTHING, TROUBLE, Log

__all__ = [
    "EVERYTHING",
    "TROUBLE",
    "Event",
    "HoldRanOut",
    "Invalidated",
    "InvalidationQueued",
    "InvalidationsDelivered",
    "InvalidationsLost",
    "LoadFailed",
    "LoadTimedOut",
    "Loaded",
    "Log",
    "MarkedStale",
    "NearLost",
    "NearReady",
    "SequenceTooLong",
    "ServedExpired",
    "StoreDown",
    "StoreFailed",
    "StoreUp",
]
