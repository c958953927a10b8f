"""Each guard of the near tier taken out, and the test that has to notice.

A guard that no test misses would be a comment. The names are those of the protocol's guards
(docs/concepts/protocol.md, section 6), where it has one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from freshly.core.stamp import LogicalClock
from freshly.core.writes import Writes
from freshly.stores.near.entry import NearEntry
from freshly.stores.near.mirror import Mirror
from freshly.stores.near.shelf import Shelf
from freshly.testing import Stepper
from tests.faces import test_wait_all as writers
from tests.faces.test_wait_all import sent as sent
from tests.stores import test_near_mirror as the
from tests.stores import test_near_session as session

Patch = Callable[[Any], None]
Test = Callable[..., None]


def replaced(owner: type, name: str, made: Callable[..., Any]) -> Patch:
    """Return what puts ``made(original)`` in the place of a method."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(owner, name, made(getattr(owner, name)))

    return patch


def lease_from_receipt(renew: Any) -> Any:
    return lambda self, beat, told, now: renew(self, beat._replace(sent=now), told, now)


def endless(renew: Any) -> Any:
    return lambda self, beat, told, now: renew(self, beat._replace(sent=beat.sent + 1e6), told, now)


def renewed_whatever_was_heard(covers: Any) -> Any:
    return lambda self, position: position.nonce == self._nonce


def nonces_are_not_compared(covers: Any) -> Any:
    return lambda self, position: self._heard >= position.sequence


def resync_without_doubt(resync: Any) -> Any:
    def mutant(self: Mirror, position: Any) -> None:
        self._nonce, self._heard = position
        self.tally.resyncs += 1

    return mutant


def gaps_are_passed_over(hear: Any) -> Any:
    def mutant(self: Mirror, message: Any) -> bool:
        if message is not None and message.nonce == self._nonce:
            self._heard = max(self._heard, message.sequence - 1)
        return bool(hear(self, message))

    return mutant


def own_moves_what_was_heard(invalidated: Any) -> Any:
    def mutant(self: Mirror, names: Any, position: Any = None) -> None:
        invalidated(self, names, position)
        if position is not None and position.nonce == self._nonce:
            self._heard = max(self._heard, position.sequence)

    return mutant


def own_is_not_marked(invalidated: Any) -> Any:
    return lambda self, names, position=None: None


def old_heartbeats_count(give_up: Any) -> Any:
    def mutant(self: Mirror) -> None:
        state = self._state
        give_up(self)
        self._state = state

    return mutant


def other_nonce_is_noted(invalidated: Any) -> Any:
    """The bucket was made anew, and the lease of the former one goes on."""

    def mutant(self: Mirror, names: Any, position: Any = None) -> None:
        if position is None or position.nonce == self._nonce:
            invalidated(self, names, position)
        else:
            self._shelf.mark(names)

    return mutant


def position_before_marks(apply: Any) -> Any:
    def mutant(self: Mirror, position: Any, names: Any) -> None:
        self._nonce, self._heard = position

    return mutant


def kept_without_judging(keep: Any) -> Any:
    def mutant(self: Shelf, entry: Any) -> bool:
        entry.seen = self.logical.reading
        return bool(keep(self, entry))

    return mutant


def keys_are_not_dropped(drop_all: Any) -> Any:
    return lambda self, entries: None


def armed_for_ever(arm: Any) -> Any:
    return lambda self, until, ahead: arm(self, 1e12, ahead)


def armed_past_the_end(arm: Any) -> Any:
    def mutant(self: NearEntry[Any], until: float, ahead: float) -> None:
        self.next_at = until

    return mutant


def armed_at_birth(rejoin: Any) -> Any:
    def mutant(self: NearEntry[Any]) -> None:
        self.next_at = self.early_at

    return mutant


def hit_notes_the_newest_reading(settle: Any) -> Any:
    """A thread notes a change that it has not looked at."""

    def mutant(self: LogicalClock, entry: Any) -> bool:
        entry.seen = self.reading
        return True

    return mutant


def marks_pile_up(mark: Any) -> Any:
    def mutant(self: Shelf, names: Any) -> None:
        if names.everything:
            self.empty()
        else:
            self.logical.advance(tags=names.tags, stale=names.stale, keys=names.keys)

    return mutant


def any_token_is_reached(reached: Any) -> Any:
    return lambda self, position: self._heard >= position.sequence


WITH_A_DESK: list[tuple[str, Patch, Test]] = [
    ("lease_from_send", replaced(Mirror, "renew", lease_from_receipt),
     the.test_a_lease_counts_from_the_sending_of_the_heartbeat),
    ("lease", replaced(Mirror, "renew", endless),
     the.test_a_stream_that_falls_silent_ends_the_hits_by_itself),
    ("renew_compares_position", replaced(Mirror, "_covers", renewed_whatever_was_heard),
     the.test_a_heartbeat_that_is_ahead_has_everything_asked_about_again),
    ("renew_compares_nonce", replaced(Mirror, "_covers", nonces_are_not_compared),
     the.test_so_does_one_that_finds_another_nonce_at_the_same_sequence),
    ("resync_raises_floor", replaced(Mirror, "_resync", resync_without_doubt),
     the.test_a_heartbeat_that_is_ahead_has_everything_asked_about_again),
    ("gap_is_noticed", replaced(Mirror, "hear", gaps_are_passed_over),
     the.test_a_gap_ends_the_lease_until_a_heartbeat_is_answered),
    ("local_apply_keeps_pos", replaced(Mirror, "invalidated", own_moves_what_was_heard),
     the.test_it_does_not_stand_for_messages_before_its_own),
    ("local_apply_writes_mirror", replaced(Mirror, "invalidated", own_is_not_marked),
     the.test_an_own_invalidation_is_marked_before_its_message_comes),
    ("other_nonce_drops_bucket", replaced(Mirror, "invalidated", other_nonce_is_noted),
     the.test_one_that_met_another_nonce_outlives_the_heartbeat_under_way),
    ("other_nonce_outlives_beat", replaced(Mirror, "_give_up", old_heartbeats_count),
     the.test_one_that_met_another_nonce_outlives_the_heartbeat_under_way),
    ("messages are applied", replaced(Mirror, "_apply", position_before_marks),
     the.test_a_message_makes_what_it_names_invalid_and_nothing_else),
    ("near_put_is_judged", replaced(Shelf, "keep", kept_without_judging),
     the.test_what_was_asked_for_before_a_message_came_is_not_kept_after_it),
    ("hit_notes_first_count", replaced(LogicalClock, "settle", hit_notes_the_newest_reading),
     the.test_a_message_makes_what_it_names_invalid_and_nothing_else),
    ("token_compares_nonce", replaced(Mirror, "reached", any_token_is_reached),
     the.test_a_token_is_reached_when_all_up_to_it_was_heard_under_its_nonce),
    ("the hit path knows the lease", replaced(NearEntry, "arm", armed_for_ever),
     the.test_the_hit_path_ends_with_the_lease_and_nobody_has_to_end_it),
    ("the hit path knows the ttl", replaced(NearEntry, "arm", armed_past_the_end),
     the.test_the_hit_path_ends_when_the_value_has_to_be_thought_about),
    ("only who knows the lease arms", replaced(NearEntry, "rejoin", armed_at_birth),
     the.test_nor_does_one_that_nobody_armed),
    ("a full mirror doubts", replaced(Shelf, "mark", marks_pile_up),
     the.test_more_marks_than_there_is_room_for_have_everything_asked_about_again),
]  # fmt: skip


@pytest.mark.parametrize(
    ("patch", "test"), [(p, t) for _, p, t in WITH_A_DESK], ids=[name for name, _, _ in WITH_A_DESK]
)
def test_without_its_guard_a_test_of_the_mirror_fails(
    patch: Patch, test: Test, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begun() -> the.Desk:
        desk = the.Desk()
        desk.beats(5)
        return desk

    test(begun())
    patch(monkeypatch)

    with pytest.raises(AssertionError):
        test(begun())


@pytest.mark.parametrize("names", [{"keys": ["k:1"]}, {"patterns": ["k:?"]}], ids=str)
def test_without_dropping_keys_a_test_fails(names: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    replaced(Shelf, "_drop_all", keys_are_not_dropped)(monkeypatch)
    desk = the.Desk()
    desk.beats(5)

    with pytest.raises(AssertionError):
        the.test_so_does_one_about_a_key_a_pattern_or_everything(desk, the.Names(**names))


def after_the_answers(turn: Any) -> Any:
    """What is heard waits until the answers of a turn are taken, as where another task takes it."""

    def mutant(self: session.Session) -> None:
        receive = self._link.receive
        self._link.receive = lambda seconds: sorted(  # type: ignore[method-assign]
            receive(seconds), key=lambda item: isinstance(item, session.Push)
        )
        turn(self)

    return mutant


def unchecked(check: Any) -> Any:
    return lambda self, *rest: None


BY_SESSION: list[tuple[str, Patch, Callable[[], None]]] = [
    ("messages in their order", replaced(session.Session, "turn", after_the_answers),
     session.test_messages_are_taken_in_their_order_among_the_answers),
    ("a gap is asked about at once", replaced(Mirror, "hear", lambda _: lambda self, message: True),
     session.test_after_a_gap_a_heartbeat_is_sent_at_once),
    ("the end of a subscription", replaced(session.Session, "_take_push", unchecked),
     session.test_the_end_of_a_subscription_ends_the_session),
    ("role_is_proven", replaced(session.Session, "_check_answer", unchecked),
     lambda: session.test_a_server_that_is_not_the_primary_any_more_gives_no_lease({"role": b"slave"})),
    ("the primary of the readers", replaced(session.Session, "_check_primary", unchecked),
     session.test_nor_does_one_that_the_readers_of_the_process_have_left),
    ("fence", replaced(session.Session, "_position",
                       lambda _: lambda self, number, fields: session_position(fields)),
     session.test_a_bucket_of_another_primary_gives_no_lease),
]  # fmt: skip


def session_position(fields: Any) -> Any:
    return the.Position(fields[0], int(fields[2]))


@pytest.mark.parametrize(
    ("patch", "test"), [(p, t) for _, p, t in BY_SESSION], ids=[name for name, _, _ in BY_SESSION]
)
def test_without_its_guard_a_test_of_the_session_fails(
    patch: Patch, test: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    test()
    patch(monkeypatch)

    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test()


async def nobody_waits(self: Writes, invalidation: Any, *, is_waiting: bool) -> Any:
    return await invalidation


async def from_the_call(self: Writes, invalidation: Any, *, is_waiting: bool) -> Any:
    end = self._runtime.now() + self.store.max_staleness
    done = await invalidation
    await self._runtime.wait(lambda waker: lambda: None, end)
    return done


@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(nobody_waits, id="wait_all_waits"),
        pytest.param(from_the_call, id="wait_from_reply"),
    ],
)
async def test_a_writer_that_does_not_outlast_the_leases_fails(
    mutant: Any, sent: Stepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = writers.COMMANDS["delete_tags"]
    await writers.returns_when_all_leases_are_over(command, sent)
    monkeypatch.setattr(Writes, "_everywhere", mutant)

    with pytest.raises(AssertionError):
        await writers.returns_when_all_leases_are_over(command, sent)
