"""The checker judges histories written by hand: each test says what happened, in order."""

from __future__ import annotations

from examples.demo.checker import History


def test_a_read_sent_after_an_invalidation_may_not_show_an_older_version() -> None:
    history = History()
    history.invalidate(["city:1"], version=7, at=1.0)
    read = history.send("/cities/1", at=1.5)
    read.versions = {"city:1": 6}

    [stale] = history.stale_reads()

    assert (stale.read, stale.subject, stale.version, stale.late) == (read, "city:1", 6, 0.5)


def test_a_read_that_shows_the_version_or_a_newer_one_is_right() -> None:
    history = History()
    history.invalidate(["city:1"], version=7)
    history.send("/cities/1").versions = {"city:1": 7}
    history.send("/cities/1").versions = {"city:1": 8}

    assert list(history.stale_reads()) == []


def test_a_read_sent_before_the_invalidation_has_returned_may_show_either() -> None:
    history = History()
    read = history.send("/cities/1")
    history.invalidate(["city:1"], version=7)
    read.versions = {"city:1": 6}

    assert list(history.stale_reads()) == []


def test_an_invalidation_says_nothing_of_other_subjects() -> None:
    history = History()
    history.invalidate(["city:1", "country:FR"], version=7)
    history.send("/cities/2").versions = {"city:2": 0}

    assert list(history.stale_reads()) == []


def test_invalidations_that_return_out_of_order_do_not_lower_what_is_expected() -> None:
    history = History()
    history.invalidate(["city:1"], version=8)
    history.invalidate(["city:1"], version=7)
    history.send("/cities/1").versions = {"city:1": 7}

    [stale] = history.stale_reads()

    assert stale.invalidation.version == 8


def test_a_list_is_stale_if_one_of_its_elements_is_and_counts_once() -> None:
    history = History()
    history.invalidate(["city:1"], version=7)
    history.invalidate(["city:2"], version=8)
    history.send("/countries/FR/cities?page=1").versions = {"city:1": 0, "city:2": 0, "city:3": 0}

    assert len(list(history.stale_reads())) == 1


def test_a_read_without_an_answer_is_not_counted() -> None:
    history = History()
    history.invalidate(["city:1"], version=7)
    history.send("/cities/1")

    assert list(history.stale_reads()) == []
    assert (history.reads, history.invalidations) == (0, 1)
