"""The thread that delivers invalidations: stepped by hand, it neither waits nor hurries."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event as Flag

import pytest

from freshly import StoreError
from freshly.core.events import (
    Event,
    InvalidationQueued,
    InvalidationsDelivered,
    InvalidationsLost,
)
from freshly.core.undelivered import PARCEL, Parcel, Undelivered
from freshly.stores.delivery import FIRST_PAUSE, LONGEST_PAUSE, Delivery
from freshly.testing import ManualClock, ThreadStepper

ERROR = StoreError("the store does not answer")
LIMIT_SECONDS = 20.0


class Store:
    """A store that takes invalidations or not; its thread stands at "delivering" and at "waiting"."""

    def __init__(self, step: ThreadStepper, *, dice: float = 1.0) -> None:
        self.step = step
        self.clock = ManualClock()
        self.undelivered = Undelivered()
        self.events: list[Event] = []
        self.is_down = True
        self.is_coming_back = False
        self.taken: list[Parcel] = []
        self.pauses: list[float] = []
        self.delivery = Delivery(
            self.undelivered,
            self._deliver,
            lambda kind, *fields: self.events.append(kind(*fields)),
            now=self.clock.now,
            dice=lambda: dice,
            wait=self._wait,
        )

    def invalidate(self, *tags: str) -> None:
        """Fail to invalidate ``tags``."""
        self.undelivered.add(tags=tags)
        self.delivery.begin(ERROR)

    def _deliver(self, parcel: Parcel) -> None:
        self.step.stop("delivering")
        is_down, self.is_down = self.is_down, self.is_down and not self.is_coming_back
        if is_down:
            raise ERROR
        self.taken.append(parcel)

    def _wait(self, stopped: Flag, seconds: float) -> None:
        self.pauses.append(seconds)
        self.step.stop("waiting")
        self.clock.advance(seconds)

    def goes_on(self) -> None:
        """Let one attempt fail, and the pause after it pass."""
        for point in ("delivering", "waiting"):
            self.step.reached(point)
            self.step.go(point)

    def recovers(self) -> None:
        self.is_down = False

    def recovers_after_this_attempt(self) -> None:
        self.is_coming_back = True

    def delivers(self) -> None:
        """Let one attempt come to its end."""
        self.step.reached("delivering")
        self.step.go("delivering")

    def ended(self) -> None:
        running = self.delivery.stop()
        if running is not None:
            running.result(LIMIT_SECONDS)


@pytest.fixture
def step() -> Iterator[ThreadStepper]:
    with ThreadStepper() as stepper:
        yield stepper


@pytest.fixture
def store(step: ThreadStepper) -> Store:
    return Store(step)


def test_an_invalidation_that_failed_is_tried_until_the_store_takes_it(store: Store) -> None:
    store.invalidate("users")
    store.goes_on()
    store.goes_on()
    assert len(store.undelivered) == 1

    store.recovers()
    store.delivers()
    store.ended()

    assert [parcel.tags for parcel in store.taken] == [("users",)]
    assert len(store.undelivered) == 0
    assert store.events == [InvalidationQueued(1, ERROR), InvalidationsDelivered(sum(store.pauses))]


def test_the_pauses_grow_up_to_a_bound(store: Store) -> None:
    store.invalidate("users")
    for _ in range(8):
        store.goes_on()
    store.recovers()
    store.delivers()
    store.ended()

    assert store.pauses[:4] == [FIRST_PAUSE, 0.2, 0.4, 0.8]
    assert store.pauses[-1] == LONGEST_PAUSE


def test_chance_spreads_the_processes_that_wait_for_one_store(step: ThreadStepper) -> None:
    store = Store(step, dice=0.0)
    store.invalidate("users")
    store.goes_on()
    store.recovers()
    store.delivers()
    store.ended()

    assert store.pauses == [FIRST_PAUSE / 2]


def test_what_fails_meanwhile_goes_with_the_same_thread(store: Store) -> None:
    store.invalidate("users")
    store.goes_on()
    store.step.reached("delivering")
    store.invalidate("posts")
    store.recovers()

    store.delivers()
    store.delivers()
    store.ended()

    assert [parcel.tags for parcel in store.taken] == [("users",), ("posts",)]


def test_many_names_go_in_several_parcels(store: Store) -> None:
    store.recovers()
    store.invalidate(*(f"tag {number}" for number in range(PARCEL + 1)))

    store.delivers()
    store.delivers()
    store.ended()

    assert [len(parcel.tags) for parcel in store.taken] == [PARCEL, 1]


def test_when_nothing_waits_the_thread_ends_and_the_next_failure_begins_another(store: Store) -> None:
    store.recovers()
    store.invalidate("users")
    store.delivers()
    store.ended()

    store.invalidate("posts")
    store.delivers()
    store.ended()

    assert [parcel.tags for parcel in store.taken] == [("users",), ("posts",)]
    assert store.delivery.stop() is None


def closes_while_waiting(store: Store) -> None:
    """Close the store between two attempts, and let the thread end."""
    store.step.reached("delivering")
    store.step.go("delivering")
    store.step.reached("waiting")
    running = store.delivery.stop()
    store.step.go("waiting")
    store.delivers()
    assert running is not None
    running.result(LIMIT_SECONDS)


def test_closing_tries_once_more_and_says_what_is_lost(store: Store) -> None:
    store.invalidate("users", "posts")

    closes_while_waiting(store)

    assert store.events[-1] == InvalidationsLost(2, ERROR)
    assert len(store.undelivered) == 2, "they still bind this process, should the cache open again"


def test_closing_delivers_if_the_store_is_back(store: Store) -> None:
    store.invalidate("users")
    store.step.reached("delivering")
    store.recovers_after_this_attempt()

    closes_while_waiting(store)

    assert [parcel.tags for parcel in store.taken] == [("users",)]
    assert isinstance(store.events[-1], InvalidationsDelivered)


def test_a_cache_that_opens_again_delivers_what_was_left(store: Store) -> None:
    store.invalidate("users")
    closes_while_waiting(store)
    store.recovers()

    store.invalidate("posts")
    store.delivers()
    store.ended()

    assert [parcel.tags for parcel in store.taken] == [("users", "posts")]


def test_a_mistake_in_the_store_does_not_keep_the_next_one_from_being_delivered(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    was_reported = Flag()
    monkeypatch.setattr("threading.excepthook", lambda _: was_reported.set())

    def mistaken(parcel: Parcel) -> None:
        raise TypeError("a mistake")

    deliver, store.delivery._deliver = store.delivery._deliver, mistaken
    store.invalidate("users")
    store.ended()
    store.delivery._deliver = deliver
    store.recovers()

    store.invalidate("posts")
    store.delivers()
    store.ended()

    assert was_reported.wait(LIMIT_SECONDS)
    assert [parcel.tags for parcel in store.taken] == [("users", "posts")]
