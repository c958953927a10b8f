"""Guards of the tier in the process, taken out."""

from __future__ import annotations

from typing import Any

from freshly.stores.near.mirror import Beat, Mirror, Told
from freshly.stores.near.shelf import Shelf
from freshly.stores.near.store import NearStore
from freshly.stores.redis.reading import Position

from .mutant import Mutants, Replace

NEAR = Mutants()
mutant = NEAR.one


@mutant("near entries are served until a message says no", "near stream")
def no_lease(put: Replace) -> None:
    original = Mirror.renew

    def renew(self: Mirror, beat: Beat, told: Told, now: float) -> None:
        original(self, beat._replace(sent=beat.sent + 1e6), told, now)

    put(Mirror, "renew", renew)


@mutant("a lease counts from when the heartbeat's answer came", "near deaf")
def lease_from_receipt(put: Replace) -> None:
    original = Mirror.renew

    def renew(self: Mirror, beat: Beat, told: Told, now: float) -> None:
        original(self, beat._replace(sent=now), told, now)

    put(Mirror, "renew", renew)


@mutant("messages that are missing are passed over", "near gaps")
def no_gap_check(put: Replace) -> None:
    original = Mirror.hear

    def hear(self: Mirror, message: Any) -> bool:
        if message is not None and message.nonce == self._nonce:
            self._heard = max(self._heard, message.sequence - 1)
        return original(self, message)

    put(Mirror, "hear", hear)


@mutant("a heartbeat renews whatever was heard", "near stream")
def renewed_whatever_was_heard(put: Replace) -> None:
    put(Mirror, "_covers", lambda self, position: position.nonce == self._nonce)


@mutant("a heartbeat does not compare nonces", "near lost")
def nonces_are_not_compared(put: Replace) -> None:
    put(Mirror, "_covers", lambda self, position: self._heard >= position.sequence)


@mutant("what was seen valid before a resync is valid after it", "near stream")
def resync_without_doubt(put: Replace) -> None:
    def resync(self: Mirror, position: Position) -> None:
        self._nonce, self._heard = position

    put(Mirror, "_resync", resync)


@mutant("messages move the clock, and mark nothing", "near")
def messages_mark_nothing(put: Replace) -> None:
    def apply(self: Mirror, position: Position, names: Any) -> None:
        self._nonce, self._heard = position

    put(Mirror, "_apply", apply)


@mutant("an own invalidation is not marked before it returns", "near")
def own_is_not_marked(put: Replace) -> None:
    put(Mirror, "invalidated", lambda self, names, position=None: None)


@mutant("an own invalidation stands for the messages before it", "near stream")
def own_moves_what_was_heard(put: Replace) -> None:
    original = Mirror.invalidated

    def invalidated(self: Mirror, names: Any, position: Position | None = None) -> None:
        original(self, names, position)
        if position is not None and position.nonce == self._nonce:
            self._heard = max(self._heard, position.sequence)

    put(Mirror, "invalidated", invalidated)


@mutant("what was asked for before a message is kept after it", "near")
def kept_without_judging(put: Replace) -> None:
    original = Shelf.keep

    def keep(self: Shelf, entry: Any) -> bool:
        entry.seen = self.logical.reading
        return original(self, entry)

    put(Shelf, "keep", keep)


@mutant("an outer entry is as new as its own load, not as what it was made from", "near stream")
def outer_with_own_stamp(put: Replace) -> None:
    put(NearStore, "inherit", lambda self, stamp, handed_on: stamp)


@mutant("a near entry is served in strict mode without asking", "near strict")
def strict_without_asking(put: Replace) -> None:
    put(NearStore, "_is_confirmed", lambda self, entry, reading, local, since: True)
