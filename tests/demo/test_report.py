"""The exit status of the demo: the promise was put to the test, and it held."""

from __future__ import annotations

from examples.demo.checker import History
from examples.demo.report import held
from examples.demo.traffic import Outcome


def history(shown: int | None = None, *, invalidated: bool = True) -> History:
    history = History()
    if invalidated:
        history.invalidate(["city:1"], version=7)
    if shown is not None:
        history.send("/cities/1").versions = {"city:1": shown}
    return history


def test_the_promise_held_if_no_read_was_stale() -> None:
    assert held(Outcome(history(shown=7), compared=1))


def test_one_stale_read_breaks_it() -> None:
    assert not held(Outcome(history(shown=6), compared=1))


def test_an_answer_that_is_wrong_after_the_last_write_breaks_it() -> None:
    assert not held(Outcome(history(shown=7), compared=1, wrong=1))


def test_without_reads_or_without_invalidations_nothing_was_shown() -> None:
    assert not held(Outcome(history()))
    assert not held(Outcome(history(shown=7, invalidated=False)))
