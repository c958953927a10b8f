"""When a store is asked, and when it is spared: stories on a clock that is moved by hand."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from freshly.core.breaker import Breaker
from freshly.testing import ManualClock

TIMEOUT = 0.5


class Story:
    """A breaker, and a clock that moves."""

    def __init__(self) -> None:
        self.clock = ManualClock(100.0)
        self.breaker = Breaker(pause=1.0)

    def begin(self) -> int | None:
        return self.breaker.admit(self.clock.now())

    def begun(self) -> int:
        admitted = self.begin()
        assert admitted is not None
        return admitted

    def fail(self, admitted: int) -> bool:
        return self.breaker.failed(admitted, self.clock.now())

    def answer(self) -> float | None:
        return self.breaker.answered(self.clock.now())

    def is_down(self) -> None:
        assert self.fail(self.begun())


@pytest.fixture
def story() -> Story:
    return Story()


def test_a_store_that_answers_is_asked_by_every_call(story: Story) -> None:
    for _ in range(5):
        story.begun()
        assert story.answer() is None

    assert not story.breaker.is_open


def test_after_a_call_without_answer_nobody_asks_until_the_pause_is_over(story: Story) -> None:
    assert story.fail(story.begun())

    assert story.begin() is None
    story.clock.advance(0.75)
    assert story.begin() is None
    assert story.breaker.seconds_to_try(story.clock.now()) == 0.25


def test_then_one_call_tries_and_the_others_go_on_without(story: Story) -> None:
    story.is_down()

    story.clock.advance(1.0)

    assert story.begin() is not None
    assert [story.begin() for _ in range(200)] == [None] * 200


def test_a_try_that_fails_begins_another_pause(story: Story) -> None:
    story.is_down()
    story.clock.advance(1.0)
    probe = story.begun()
    story.clock.advance(TIMEOUT)

    assert not story.fail(probe), "it was open already: this is no news"

    story.clock.advance(0.75)
    assert story.begin() is None
    story.clock.advance(0.25)
    assert story.begin() is not None


def test_a_try_that_is_answered_lets_everyone_ask_again(story: Story) -> None:
    story.is_down()
    story.clock.advance(1.0)
    story.begun()

    assert story.answer() == 1.0, "the seconds that it was open"
    assert None not in [story.begin() for _ in range(5)]
    assert story.answer() is None


def test_a_try_that_was_cancelled_does_not_keep_the_store_out_for_ever(story: Story) -> None:
    """Nobody says what became of it: its turn ends with the pause."""
    story.is_down()
    story.clock.advance(1.0)
    story.begun()

    story.clock.advance(1.0)

    assert story.begin() is not None


def test_of_many_calls_that_hang_together_one_opens_it(story: Story) -> None:
    calls = [story.begun() for _ in range(200)]
    story.clock.advance(TIMEOUT)

    assert [story.fail(call) for call in calls].count(True) == 1
    assert story.begin() is None


def test_a_dead_connection_among_living_ones_does_not_open_it(story: Story) -> None:
    dead = story.begun()
    story.begun()
    story.answer()
    story.clock.advance(TIMEOUT)

    assert not story.fail(dead)
    assert story.begin() is not None


def test_calls_that_hung_with_the_store_do_not_open_it_again_when_it_is_back(story: Story) -> None:
    first, late = story.begun(), story.begun()
    story.fail(first)
    story.clock.advance(1.0)
    story.begun()
    story.answer()

    assert not story.fail(late)
    assert story.begin() is not None


def test_an_answer_to_an_older_call_closes_it_too(story: Story) -> None:
    """Whoever answers is there, whatever call it answers."""
    story.begun()
    story.is_down()
    story.clock.advance(0.25)

    assert story.answer() == 0.25
    assert story.begin() is not None


@pytest.mark.parametrize("seed", range(20))
def test_a_hanging_store_costs_one_time_out_for_each_pause(seed: int) -> None:
    """A thousand callers at random moments of a minute: between two that wait lies a pause."""
    chance = random.Random(seed)
    story = Story()
    story.is_down()
    tries: list[float] = []
    for moment in sorted(chance.uniform(0, 60) for _ in range(1000)):
        story.clock.advance(100.0 + moment - story.clock.now())
        admitted = story.begin()
        if admitted is not None:
            tries.append(story.clock.now())
            assert not story.fail(admitted)

    gaps = [later - earlier for earlier, later in pairwise(tries)]
    assert min(gaps) >= 1.0
    assert 50 < len(tries) <= 60
