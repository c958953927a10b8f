"""What tests of caches need: time that stands still, callers stepped by hand, a judge of histories."""

from .clock import ManualClock
from .contract import SharedStoreContract, StoreContract
from .history import History, Read, Violation
from .stepper import Stepper
from .thread_stepper import ThreadStepper

__all__ = [
    "History",
    "ManualClock",
    "Read",
    "SharedStoreContract",
    "Stepper",
    "StoreContract",
    "ThreadStepper",
    "Violation",
]
