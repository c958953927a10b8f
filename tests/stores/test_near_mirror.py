"""The mirror of the near tier, told by hand what came and when: each race is one order of calls.

The shelf holds real entries. ``served`` asks as the hit path's slow half does: the lease by the clock,
then the marks.
"""

from __future__ import annotations

from typing import Any

import pytest

from freshly.core.counts import Counts
from freshly.core.entry import Entry
from freshly.core.rows import Rows
from freshly.core.shape import ANY
from freshly.stores.near.entry import NearEntry
from freshly.stores.near.message import Message, Names
from freshly.stores.near.mirror import MARGIN, Beat, Mirror, Told
from freshly.stores.near.shelf import MOST_MARKS, Shelf
from freshly.stores.redis.reading import Moment, Position
from freshly.testing import ManualClock

LEASE = MARGIN * 1.0
ONE, OTHER = b"nonce-one", b"nonce-other"


class Desk:
    """A mirror of one second with its shelf, and what a process does with them."""

    def __init__(self) -> None:
        self.clock = ManualClock(100.0)
        self.shelf = Shelf(self.clock)
        self.mirror = Mirror(self.shelf, 1.0)

    def beat(self) -> Beat:
        return self.mirror.beat(self.clock.now())

    def answer(self, beat: Beat, sequence: int, nonce: bytes = ONE) -> None:
        told = Told(Position(nonce, sequence), self.clock.now())
        self.mirror.renew(beat, told, self.clock.now())

    def beats(self, sequence: int, nonce: bytes = ONE) -> None:
        self.answer(self.beat(), sequence, nonce)

    def hears(self, sequence: int, *tags: str, nonce: bytes = ONE, **names: Any) -> bool:
        return self.mirror.hear(Message(nonce, sequence, Names(tags=tags, **names)))

    def looks(self) -> int:
        """Take the reading that stands before a question to the far store."""
        return self.shelf.logical.reading

    def keeps(self, key: str = "key", *tags: str, seen: int | None = None) -> NearEntry[str]:
        """Put what the far store answered on the shelf."""
        entry = Entry(
            key,
            "value",
            instants=(100.0, 1e6, 1e6, 1e6, 1e6),
            tags=tags,
            stamp=Moment({}),
            counts=Counts("desk"),
        )
        seen = self.looks() if seen is None else seen
        near = NearEntry.of(entry, ANY, entry.counts, valid_at=Moment({}), seen=seen, now=100.0)
        self.shelf.keep(near)
        return near

    def serves(self, key: str = "key") -> bool:
        if self.clock.now() >= self.mirror.until:
            return False
        entry = self.shelf.find(key, (), ANY)
        return entry is not None and self.shelf.logical.settle(entry)


@pytest.fixture
def desk() -> Desk:
    """A mirror whose first heartbeat was answered at sequence 5."""
    desk = Desk()
    desk.beats(5)
    return desk


# -- the lease --------------------------------------------------------------------------------------


def test_nothing_is_served_before_a_heartbeat_was_answered() -> None:
    desk = Desk()
    desk.keeps()
    assert not desk.serves()

    beat = desk.beat()
    assert not desk.serves()
    desk.answer(beat, 5)
    desk.keeps()

    assert desk.serves()


def test_a_lease_counts_from_the_sending_of_the_heartbeat(desk: Desk) -> None:
    """An invalidation that returned after it, and whose message is lost, may be missing for so long."""
    desk.clock.advance(0.5)
    beat = desk.beat()
    desk.clock.advance(0.4)
    desk.answer(beat, 5)
    desk.keeps()

    desk.clock.advance(LEASE - 0.4 - 0.001)
    assert desk.serves()
    desk.clock.advance(0.001)

    assert not desk.serves()


def test_a_stream_that_falls_silent_ends_the_hits_by_itself(desk: Desk) -> None:
    desk.keeps()
    assert desk.serves()
    desk.clock.advance(LEASE)

    assert not desk.serves()


def test_the_answer_to_an_older_heartbeat_does_not_shorten_a_lease(desk: Desk) -> None:
    first = desk.beat()
    desk.clock.advance(0.3)
    second = desk.beat()
    desk.answer(second, 5)
    until = desk.mirror.until
    desk.answer(first, 5)

    assert desk.mirror.until == until


def test_a_heartbeat_that_finds_the_bucket_gone_ends_the_lease(desk: Desk) -> None:
    desk.keeps()
    desk.mirror.renew(desk.beat(), Told(None, 0.0), desk.clock.now())

    assert not desk.serves()


# -- messages ---------------------------------------------------------------------------------------


def test_a_message_makes_what_it_names_invalid_and_nothing_else(desk: Desk) -> None:
    desk.keeps("row", "a")
    desk.keeps("other", "b")
    assert desk.hears(6, "a")

    assert not desk.serves("row")
    assert desk.serves("other")


@pytest.mark.parametrize(
    "names", [Names(keys=["k:1"]), Names(patterns=["k:?"]), Names(everything=True)], ids=str
)
def test_so_does_one_about_a_key_a_pattern_or_everything(desk: Desk, names: Names) -> None:
    desk.keeps("k:1")
    assert desk.mirror.hear(Message(ONE, 6, names))

    assert not desk.serves("k:1")


def test_one_that_marks_stale_sends_readers_the_long_way(desk: Desk) -> None:
    entry = desk.keeps("key", "a")
    desk.hears(6, stale=["a"])
    desk.shelf.logical.settle(entry)

    assert entry.stale_at <= entry.born


def test_what_was_asked_for_before_a_message_came_is_not_kept_after_it(desk: Desk) -> None:
    """The answer may have been made before the invalidation, and come after its message."""
    seen = desk.looks()
    desk.hears(6, "a")
    desk.keeps("key", "a", seen=seen)

    assert not desk.serves()


def test_what_is_asked_for_after_it_is_served(desk: Desk) -> None:
    desk.hears(6, "a")
    desk.keeps("key", "a")

    assert desk.serves()


def test_a_message_that_is_known_changes_nothing(desk: Desk) -> None:
    desk.keeps("key", "a")
    assert desk.hears(5, "a")

    assert desk.serves()


def test_a_gap_ends_the_lease_until_a_heartbeat_is_answered(desk: Desk) -> None:
    desk.keeps("key", "a")
    assert not desk.hears(7, "b")
    assert not desk.serves()

    desk.beats(7)
    assert not desk.serves()  # it is asked about again first
    desk.keeps("key", "a")

    assert desk.serves()
    assert desk.mirror.tally.gaps == 1


def test_the_answer_to_a_heartbeat_from_before_a_gap_gives_no_lease(desk: Desk) -> None:
    beat = desk.beat()
    desk.hears(7, "b")
    desk.answer(beat, 5)
    desk.keeps()

    assert not desk.serves()


def test_a_message_under_another_nonce_ends_the_lease(desk: Desk) -> None:
    desk.keeps()
    assert not desk.hears(6, "a", nonce=OTHER)

    assert not desk.serves()


def test_a_clear_is_taken_over_although_its_nonce_is_new(desk: Desk) -> None:
    """Nothing from before it is valid, so nothing before it can have been missed."""
    assert desk.hears(9, nonce=OTHER, everything=True)
    desk.keeps("key", "a")
    assert desk.serves()

    assert desk.hears(10, "a", nonce=OTHER)
    assert not desk.serves()


def test_a_message_that_says_nothing_known_counts_as_a_gap(desk: Desk) -> None:
    desk.keeps()
    assert not desk.mirror.hear(None)

    assert not desk.serves()


# -- resync -----------------------------------------------------------------------------------------


def test_a_heartbeat_that_is_ahead_has_everything_asked_about_again(desk: Desk) -> None:
    """A message got lost. Its lease is good, and what was seen before it is not."""
    entry = desk.keeps("key", "a")
    desk.beats(6)
    assert not desk.serves()
    assert desk.shelf.is_doubted(entry)
    entry.confirm(Moment({}), desk.looks())

    assert desk.serves()
    assert desk.mirror.tally.resyncs == 2


def test_so_does_one_that_finds_another_nonce_at_the_same_sequence(desk: Desk) -> None:
    desk.keeps()
    desk.beats(5, nonce=OTHER)

    assert not desk.serves()


def test_what_was_asked_for_before_a_resync_is_not_kept_after_it(desk: Desk) -> None:
    seen = desk.looks()
    desk.beats(6)
    desk.keeps("key", "a", seen=seen)

    assert not desk.serves()


def test_a_heartbeat_that_is_behind_what_was_heard_renews(desk: Desk) -> None:
    """Messages may come between its execution and its answer; equality would starve the lease."""
    desk.keeps()
    beat = desk.beat()
    desk.hears(6, "other")
    desk.clock.advance(0.2)
    desk.answer(beat, 5)

    assert desk.serves()
    assert desk.mirror.tally.resyncs == 1


def test_an_older_value_does_not_stay_where_a_newer_one_was_not_kept(desk: Desk) -> None:
    """A resync came between: both are to be asked about, and the older one may still be valid."""
    desk.keeps("key", "a")
    seen = desk.looks()
    desk.beats(6)
    desk.keeps("key", "a", seen=seen)

    assert desk.shelf.find("key", (), ANY) is None


def test_a_message_that_comes_after_its_resync_is_known(desk: Desk) -> None:
    desk.beats(6)
    desk.keeps("key", "a")
    assert desk.hears(6, "a")

    assert desk.serves()


def test_a_lost_stream_keeps_its_lease_and_no_more(desk: Desk) -> None:
    desk.keeps("key", "a")
    desk.mirror.lose()
    assert desk.serves()
    desk.clock.advance(LEASE)
    assert not desk.serves()

    desk.beats(5)
    assert not desk.serves()  # whatever came between was not heard


def test_more_marks_than_there_is_room_for_have_everything_asked_about_again(desk: Desk) -> None:
    entry = desk.keeps("key", "a")
    desk.hears(6, *(f"t:{number}" for number in range(MOST_MARKS)))
    assert desk.serves()
    desk.hears(7, "one more")

    assert desk.shelf.logical.marks <= 1
    assert not desk.serves()
    assert desk.shelf.is_doubted(entry)


# -- own invalidations ------------------------------------------------------------------------------


def test_an_own_invalidation_is_marked_before_its_message_comes(desk: Desk) -> None:
    desk.keeps("key", "a")
    desk.mirror.invalidated(Names(tags=["a"]), Position(ONE, 6))

    assert not desk.serves()


def test_its_message_does_not_touch_what_was_loaded_since(desk: Desk) -> None:
    desk.mirror.invalidated(Names(tags=["a"]), Position(ONE, 6))
    desk.keeps("key", "a")
    assert desk.hears(6, "a")

    assert desk.serves()


def test_it_does_not_stand_for_messages_before_its_own(desk: Desk) -> None:
    """Another process's invalidation is at 6, its message under way; ours is at 7."""
    desk.keeps("key", "b")
    desk.mirror.invalidated(Names(tags=["a"]), Position(ONE, 7))
    assert desk.hears(6, "b")
    assert not desk.serves()

    assert desk.hears(7, "a")
    assert desk.mirror.tally.gaps == 0


def test_one_that_met_another_nonce_outlives_the_heartbeat_under_way(desk: Desk) -> None:
    """The heartbeat ran before the bucket was made anew; its answer is about the former one."""
    desk.keeps()
    beat = desk.beat()
    desk.mirror.invalidated(Names(tags=["a"]), Position(OTHER, 1))
    desk.answer(beat, 5)
    desk.keeps()

    assert not desk.serves()


def test_one_that_failed_is_marked_all_the_same(desk: Desk) -> None:
    desk.keeps("key", "a")
    desk.mirror.invalidated(Names(tags=["a"]))

    assert not desk.serves()


# -- tokens -----------------------------------------------------------------------------------------


def test_a_token_is_reached_when_all_up_to_it_was_heard_under_its_nonce(desk: Desk) -> None:
    assert desk.mirror.reached(Position(ONE, 5))
    assert not desk.mirror.reached(Position(ONE, 6))
    assert not desk.mirror.reached(Position(OTHER, 1))

    desk.hears(6, "a")
    assert desk.mirror.reached(Position(ONE, 6))


# -- the hit path -----------------------------------------------------------------------------------


class Bound:
    """An entry in the table of a function, and the condition of the written hit path."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.rows = Rows(desk, Counts("get"))
        self.entry = desk.keeps("key", "a")
        self.tie()

    def tie(self) -> None:
        desk = self.desk
        desk.shelf.tie(self.entry, self.rows, 1, [desk.mirror.until], desk.mirror.ahead)

    @property
    def hits(self) -> bool:
        entry, logical, now = self.rows.entries.get(1), self.desk.shelf.logical, self.desk.clock.now()
        if entry is None or entry.next_at <= now:
            return False
        return entry.seen == logical.gate or logical.holds(entry, now)


def test_the_hit_path_ends_with_the_lease_and_nobody_has_to_end_it(desk: Desk) -> None:
    bound = Bound(desk)
    assert bound.hits
    desk.clock.advance(LEASE)

    assert not bound.hits


def test_a_renewed_lease_reaches_the_hit_path_when_the_entry_is_armed_again(desk: Desk) -> None:
    bound = Bound(desk)
    desk.clock.advance(0.5)
    desk.beats(5)
    desk.clock.advance(0.6)
    assert not bound.hits
    desk.shelf.arm(bound.entry, desk.mirror.until, desk.mirror.ahead)

    assert bound.hits


def test_the_hit_path_ends_when_the_value_has_to_be_thought_about(desk: Desk) -> None:
    """The entry lives on the server's clock, which is ahead of ours here."""
    desk.mirror.ahead = 1000.0
    bound = Bound(desk)
    bound.entry.retire()
    entry = Entry(
        "key",
        "value",
        instants=(1100.0, 1100.5, 1100.5, 1100.5, 1100.5),
        tags=("a",),
        stamp=Moment({}),
        counts=Counts("desk"),
    )
    bound.entry = NearEntry.of(
        entry, ANY, entry.counts, valid_at=Moment({}), seen=desk.looks(), now=100.0
    )
    desk.shelf.keep(bound.entry)
    bound.tie()
    assert bound.hits
    desk.clock.advance(0.5)

    assert not bound.hits


def test_a_message_or_a_gap_reaches_the_hit_path_at_once(desk: Desk) -> None:
    bound = Bound(desk)
    desk.hears(6, "other")
    assert bound.hits
    desk.hears(7, "a")
    assert not bound.hits

    bound = Bound(desk)
    assert bound.hits
    desk.hears(9, "other")
    assert not bound.hits


def test_an_entry_without_a_lease_never_reaches_it() -> None:
    desk = Desk()
    bound = Bound(desk)

    assert not bound.hits


def test_nor_does_one_that_nobody_armed(desk: Desk) -> None:
    bound = Bound(desk)
    bound.entry.divert()
    bound.entry.rejoin()

    assert not bound.hits


def test_a_transaction_that_touches_its_tag_keeps_it_off(desk: Desk) -> None:
    bound = Bound(desk)
    end = desk.shelf.logical.detour(["a"], [])
    assert not bound.hits
    desk.shelf.arm(bound.entry, desk.mirror.until, desk.mirror.ahead)
    assert not bound.hits

    end()
    desk.shelf.arm(bound.entry, desk.mirror.until, desk.mirror.ahead)
    assert bound.hits
