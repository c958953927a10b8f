"""The judge over several journals: which reads it finds late, and which it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from freshly.testing import Journal, ManualClock, Violation, judge, read_journal


class Story:
    """Journals of processes that share a clock."""

    def __init__(self) -> None:
        self.clock = ManualClock(100.0)
        self.mine = Journal(now=self.clock.now)
        self.other = Journal(now=self.clock.now)

    def violations(self, bound: float = 0.0) -> list[Violation]:
        return judge([self.mine, self.other], bound=bound).violations

    def read(self, journal: Journal, version: int) -> None:
        journal.ends(journal.begins("s"), version)


@pytest.fixture
def story() -> Story:
    return Story()


def test_a_read_after_an_invalidation_in_another_process_is_judged_by_it(story: Story) -> None:
    story.mine.invalidated("s", 2)
    story.clock.advance(0.25)

    story.read(story.other, 1)
    story.read(story.other, 2)
    story.read(story.other, 3)

    assert story.violations() == [Violation("s", 1, 2, late=0.25)]


def test_a_read_that_began_before_the_return_may_see_either(story: Story) -> None:
    read = story.other.begins("s")
    story.clock.advance(0.25)
    story.mine.invalidated("s", 2)
    story.other.ends(read, 1)

    # And one that began at the very instant: nobody knows which was first.
    story.read(story.other, 1)

    assert story.violations() == []


def test_subjects_are_judged_apart(story: Story) -> None:
    story.mine.invalidated("t", 2)
    story.clock.advance(1)

    story.read(story.other, 1)

    assert story.violations() == []


def test_the_newest_version_counts_whichever_invalidation_ended_last(story: Story) -> None:
    story.mine.invalidated("s", 5)
    story.clock.advance(1)
    story.other.invalidated("s", 4)
    story.clock.advance(1)

    story.read(story.mine, 4)

    assert story.violations() == [Violation("s", 4, 5, late=2.0)]


def test_within_the_bound_other_processes_may_trail_and_the_own_may_not(story: Story) -> None:
    story.mine.invalidated("s", 2)
    story.clock.advance(0.5)
    story.read(story.other, 1)
    story.read(story.mine, 1)
    assert story.violations(bound=1.0) == [Violation("s", 1, 2, late=0.5)]

    story.clock.advance(1.0)
    story.read(story.other, 1)
    assert len(story.violations(bound=1.0)) == 2


def test_an_invalidation_that_raised_binds_its_own_process_and_no_other(story: Story) -> None:
    story.mine.failed("s", 2)
    story.clock.advance(1)

    story.read(story.other, 1)
    assert story.violations() == []

    story.read(story.mine, 1)
    assert story.violations() == [Violation("s", 1, 2, late=1.0)]
    assert judge([story.mine]).invalidations == 0


def test_a_journal_comes_back_from_its_file_as_it_was(story: Story, tmp_path: Path) -> None:
    story.mine.invalidated("s", 2)
    story.clock.advance(1)
    story.read(story.mine, 1)
    story.mine.facts["loads"] = 7

    story.mine.write(tmp_path / "journal")
    again = read_journal(tmp_path / "journal")

    assert (again.reads, again.invalidations) == (story.mine.reads, story.mine.invalidations)
    assert again.facts == {"loads": 7}
    assert judge([again]).violations == judge([story.mine]).violations != []
