"""What tests of caches need: time that stands still, callers stepped by hand, judges."""

from .clock import ManualClock
from .contract import SharedStoreContract, StoreContract
from .history import History, Read, Violation
from .isolation import isolated
from .journal import Journal, judge, read_journal
from .stepper import Stepper
from .thread_stepper import ThreadStepper

__all__ = [
    "History",
    "Journal",
    "ManualClock",
    "Read",
    "SharedStoreContract",
    "Stepper",
    "StoreContract",
    "ThreadStepper",
    "Violation",
    "isolated",
    "judge",
    "read_journal",
]
