"""What tests of caches need: an empty cache, time that stands still, callers stepped by hand, faults by
script, questions about what is served, guards, judges, and the contract of stores.
"""

from .chaos import ChaosError, ChaosLoader, ChaosStore
from .clock import ManualClock
from .contract import SharedStoreContract, StoreContract
from .faults import Chance, Fail, Hang, Lose, Pause
from .hidden import assert_no_hidden_context
from .history import History, Read, Violation
from .invalidated import assert_invalidates
from .isolation import isolated
from .journal import Journal, judge, read_journal
from .leaks import assert_no_leaks
from .mutations import assert_no_mutations
from .served import assert_fresh, assert_hit, assert_miss, count_loads
from .stepper import Stepper
from .thread_stepper import ThreadStepper

__all__ = [
    "Chance",
    "ChaosError",
    "ChaosLoader",
    "ChaosStore",
    "Fail",
    "Hang",
    "History",
    "Journal",
    "Lose",
    "ManualClock",
    "Pause",
    "Read",
    "SharedStoreContract",
    "Stepper",
    "StoreContract",
    "ThreadStepper",
    "Violation",
    "assert_fresh",
    "assert_hit",
    "assert_invalidates",
    "assert_miss",
    "assert_no_hidden_context",
    "assert_no_leaks",
    "assert_no_mutations",
    "count_loads",
    "isolated",
    "judge",
    "read_journal",
]
