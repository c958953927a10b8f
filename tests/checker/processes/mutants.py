"""freshly with a guard taken out, in the process that calls one of these. The judge has to notice."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha1
from typing import Any


def stamp_after_load() -> None:
    """An entry is as new as the moment it is stored, as in most libraries."""
    from freshly.stores.redis.store import RedisStore

    original = RedisStore.land_many

    async def land_many(self: RedisStore, landings: Any, *rest: Any) -> Any:
        moment = await self.stamp()
        for entry, _ in landings:
            entry.seen = moment
        return await original(self, landings, *rest)

    RedisStore.land_many = land_many  # type: ignore[method-assign]


def no_nonce() -> None:
    """Positions of a bucket are compared with those of the bucket that it replaced."""
    from freshly.stores.redis.reading import Bucket

    original = Bucket.is_current

    def is_current(self: Bucket, nonce: bytes, sequence: int) -> bool:
        return original(self, self.position.nonce, sequence)

    Bucket.is_current = is_current  # type: ignore[method-assign]


def join_without_stamp() -> None:
    """Who comes later joins whatever is in the air, as most single flights do."""
    from freshly.core.flight import Flights

    original = Flights.board

    def board(self: Flights, key: str, stamp: Any, may_join: Any, *more: Any) -> Any:
        return original(self, key, stamp, lambda flight: True, *more)

    Flights.board = board  # type: ignore[method-assign]


def no_lease() -> None:
    """Near entries are served until a message says no: it may be lost, or late."""
    from freshly.stores.near.mirror import Beat, Mirror, Told

    original = Mirror.renew

    def renew(self: Mirror, beat: Beat, told: Told, now: float) -> None:
        original(self, Beat(beat.sent + 10_000.0, beat.state), told, now)

    Mirror.renew = renew  # type: ignore[method-assign]


def deaf() -> None:
    """Messages are not taken, and a heartbeat renews whatever was heard."""
    from freshly.stores.near.mirror import Mirror

    Mirror.hear = lambda self, message: True  # type: ignore[method-assign]
    Mirror._covers = lambda self, position: self._nonce is not None  # type: ignore[method-assign]


def no_fence() -> None:
    """A primary is a primary: nobody notices that it is another one."""
    _know_primaries_by(lambda fence: b"0.0", "'0.0'")


def run_id_only() -> None:
    """A primary is known by its run, so one that comes back is the one that it was."""
    _know_primaries_by(lambda fence: fence.partition(b".")[0] + b".0", "run .. '.0'")


def _know_primaries_by(shortened: Callable[[bytes], bytes], in_lua: str) -> None:
    from freshly.stores.redis import scripts
    from freshly.stores.redis.line import Line

    greeted = Line.greeted

    def greet(self: Line, server: Any, replication: Any) -> bytes | None:
        fence = greeted(self, server, replication)
        return None if fence is None else shortened(fence)

    def proves(self: Line, info: Any) -> bool:
        return b"role:master\r" in (info.encode() if isinstance(info, str) else info)

    Line.greeted = greet  # type: ignore[method-assign]
    Line.proves = proves  # type: ignore[method-assign]
    for script in vars(scripts).values():
        if isinstance(script, scripts.Script):
            texts = [text.replace("run .. '.' .. replid", in_lua) for text, _ in script._sources]
            script._sources = [(text, sha1(text.encode()).hexdigest()) for text in texts]


MUTANTS: dict[str, Callable[[], None]] = {
    "stamp_after_load": stamp_after_load,
    "no_nonce": no_nonce,
    "join_without_stamp": join_without_stamp,
    "no_lease": no_lease,
    "deaf": deaf,
    "no_fence": no_fence,
    "run_id_only": run_id_only,
}
