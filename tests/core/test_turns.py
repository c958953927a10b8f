"""Queues for a lock by key, without a store: who is called, and when."""

from __future__ import annotations

import pytest

from freshly.core.turns import Turn, Turns
from freshly.errors import DeadlockError


class Queue:
    """Turns of one key; ``called`` are those whose waker was called, in that order."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.called: list[str] = []

    def join(self, name: str, *, is_task: bool = True, thread: int = 1) -> Turn:
        turn = Turn("key", name, thread, is_task=is_task)
        self.turns.join(turn)
        subscribed = self.turns.call(turn, 0)(lambda: self.called.append(name))
        assert subscribed is not None
        return turn


@pytest.fixture
def queue() -> Queue:
    return Queue()


def test_the_first_come_is_the_first_served(queue: Queue) -> None:
    one, two = queue.join("one"), queue.join("two")

    assert queue.turns.is_first(one) is True
    assert queue.turns.is_first(two) is False


def test_who_has_the_lease_leaves_the_queue_and_the_next_one_is_called(queue: Queue) -> None:
    one, two = queue.join("one"), queue.join("two")

    queue.turns.hold(one)

    assert queue.turns.is_first(two)
    assert queue.called == ["two"]


def test_who_leaves_from_the_middle_calls_nobody(queue: Queue) -> None:
    one, two = queue.join("one"), queue.join("two")
    queue.join("three")

    queue.turns.leave(two)
    assert queue.called == []

    queue.turns.leave(one)
    assert queue.called == ["three"]


def test_who_is_done_calls_the_first(queue: Queue) -> None:
    one = queue.join("one")
    queue.turns.hold(one)
    queue.join("two")
    queue.join("three")

    queue.turns.done(one)

    assert queue.called == ["two"]


def test_the_last_one_leaves_nothing_behind(queue: Queue) -> None:
    one = queue.join("one")
    queue.turns.hold(one)
    queue.turns.done(one)

    assert (queue.called, queue.turns._queues, queue.turns._holders) == ([], {}, {})


def test_only_the_holder_gives_the_lease_back(queue: Queue) -> None:
    one, two = queue.join("one"), queue.join("two")
    queue.turns.hold(one)

    queue.turns.done(two)

    assert queue.turns._holders == {"key": one}


def test_a_call_that_came_before_somebody_waits_for_it_is_not_missed(queue: Queue) -> None:
    one = queue.join("one")
    seen = one.calls
    queue.turns.wake(one)

    assert queue.turns.call(one, seen)(lambda: None) is None
    assert queue.turns.call(one, one.calls)(lambda: None) is not None


def test_who_waits_no_longer_is_not_called(queue: Queue) -> None:
    one = queue.join("one")
    take_back = queue.turns.call(one, one.calls)(lambda: queue.called.append("again"))
    assert take_back is not None

    take_back()
    queue.turns.wake(one)

    assert queue.called == []


class TestCircles:
    def test_who_has_it_or_waits_for_it_may_not_ask_again(self, queue: Queue) -> None:
        one = queue.join("one")
        with pytest.raises(DeadlockError, match="not reentrant"):
            queue.join("one")

        queue.turns.hold(one)
        with pytest.raises(DeadlockError, match="not reentrant"):
            queue.join("one")

    def test_a_thread_may_not_stop_the_task_that_it_waits_for(self, queue: Queue) -> None:
        queue.join("task", thread=1)
        with pytest.raises(DeadlockError, match="would stop that task"):
            queue.join("thread", is_task=False, thread=1)

    def test_another_thread_may_wait_for_it_and_a_task_for_both(self, queue: Queue) -> None:
        queue.join("task", thread=1)
        queue.join("thread", is_task=False, thread=2)
        queue.join("another task", thread=2)

    def test_a_thread_waits_for_what_another_call_of_it_has(self, queue: Queue) -> None:
        queue.join("thread", is_task=False, thread=1)
        queue.join("another thread", is_task=False, thread=1)
