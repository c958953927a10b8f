"""Scripts of what goes wrong, and when: said once, replayed as often as one likes.

    Fail("look", 2)                 the second look raises, and the store was not asked
    Lose("land")                    the first landing is done, and its answer is lost
    Pause("invalidate", nth=None)   each invalidation stands until the test lets it go
    Pause("land", after=True)       the same when it has been done
    Hang("look")                    stands, and raises when it is let go: a time-out
    Chance(seed=7, rate=0.1)        one operation in ten fails or is lost, the same ones on each run

A fault strikes by the name of an operation and its number, counted from one, whatever thread or
task comes by. Where several callers race for a number, step them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from threading import Lock
from typing import TypeAlias

from ..errors import ConfigurationError, did_you_mean
from .stepper import Stepper
from .thread_stepper import ThreadStepper

AnyStepper: TypeAlias = Stepper | ThreadStepper


@dataclass(frozen=True)
class _Fault:
    """``nth`` is which of the operations it strikes, from 1; ``None`` is each of them."""

    operation: str
    nth: int | None = 1

    def strikes(self, operation: str, number: int) -> bool:
        return operation == self.operation and self.nth in (None, number)


@dataclass(frozen=True)
class Fail(_Fault):
    """Raise ``error``, or one that says what was told to fail, in place of the operation."""

    error: Exception | None = None


@dataclass(frozen=True)
class Lose(_Fault):
    """Do the operation, then raise: what a broken connection does to a write."""

    error: Exception | None = None


@dataclass(frozen=True)
class Pause(_Fault):
    """Stand until the test lets it go, before the operation or ``after`` it.

    The point of the stepper is called ``point``, by default the operation, with ``after`` before
    it if that is what it is.
    """

    after: bool = False
    point: str | None = None

    @property
    def stands_at(self) -> str:
        return self.point or (f"after {self.operation}" if self.after else self.operation)


@dataclass(frozen=True)
class Hang(_Fault):
    """Stand until the test lets it go, then raise: the operation is not done."""

    error: Exception | None = None
    point: str | None = None

    @property
    def stands_at(self) -> str:
        return self.point or self.operation


Fault: TypeAlias = Fail | Lose | Pause | Hang


@dataclass(frozen=True)
class Chance:
    """Fail or lose operations by chance: ``rate`` of them, from 0 to 1, chosen by ``seed``.

    ``operations`` are those it may strike; none named means all. What strikes depends on the seed,
    the operation and its number, and on nothing else.
    """

    seed: int
    rate: float = 0.1
    operations: tuple[str, ...] = ()

    def fault(self, operation: str, number: int) -> Fault | None:
        if self.operations and operation not in self.operations:
            return None
        dice = Random(f"{self.seed} {operation} {number}")
        if dice.random() >= self.rate:
            return None
        return dice.choice((Fail, Lose))(operation, number)


class Script:
    """Faults in the order in which they strike, and which have struck so far."""

    def __init__(
        self,
        faults: Iterable[Fault | Chance],
        operations: Iterable[str],
        step: AnyStepper | None,
    ) -> None:
        self._faults = tuple(faults)
        self._lock = Lock()
        self._numbers: dict[str, int] = {}
        #: What has struck so far: paste it into a test to have the same again.
        self.struck: list[Fault] = []
        for fault in self._faults:
            _check(fault, tuple(operations), step)

    def next(self, operation: str) -> list[Fault]:
        """Count one more ``operation`` and return what strikes it."""
        with self._lock:
            number = self._numbers[operation] = self.count(operation) + 1
            struck = [_striking(fault, operation, number) for fault in self._faults]
            found = [fault for fault in struck if fault is not None]
            self.struck += found
            return found

    def count(self, operation: str) -> int:
        """Return how many of ``operation`` there were."""
        return self._numbers.get(operation, 0)

    def __repr__(self) -> str:
        return ", ".join(map(repr, self._faults))


def _striking(fault: Fault | Chance, operation: str, number: int) -> Fault | None:
    if isinstance(fault, Chance):
        return fault.fault(operation, number)
    return fault if fault.strikes(operation, number) else None


def _check(fault: object, operations: tuple[str, ...], step: AnyStepper | None) -> None:
    if not isinstance(fault, Fail | Lose | Pause | Hang | Chance):
        raise ConfigurationError(
            f"{fault!r} is no fault: write Fail('look'), Lose, Pause, Hang or Chance"
        )
    named = fault.operations if isinstance(fault, Chance) else (fault.operation,)
    for name in named:
        if name not in operations:
            raise ConfigurationError(
                f"{fault!r}: there is no operation {name!r}{did_you_mean(name, operations)}; "
                f"there is {', '.join(sorted(operations))}"
            )
    if isinstance(fault, Pause | Hang) and step is None:
        raise ConfigurationError(
            f"{fault!r} needs somebody to let it go: give step=Stepper(), or a ThreadStepper for "
            f"blocking callers"
        )
    _check_numbers(fault)


def _check_numbers(fault: Fault | Chance) -> None:
    if isinstance(fault, Chance):
        if not 0 <= fault.rate <= 1:
            raise ConfigurationError(f"rate={fault.rate!r} is no share: give a number from 0 to 1")
    elif fault.nth is not None and fault.nth < 1:
        raise ConfigurationError(f"nth={fault.nth!r}: operations are counted from 1; None is each")
