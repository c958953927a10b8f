"""Guards of the store on a server, and of the engine before it, taken out."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha1
from typing import Any

from freshly.core.engine import Engine
from freshly.core.flight import Flights
from freshly.core.load import Load
from freshly.core.riding import Riding
from freshly.core.undelivered import Undelivered
from freshly.errors import StoreError
from freshly.stores.redis.duplex import Duplex
from freshly.stores.redis.invalidations import Invalidations
from freshly.stores.redis.journal import Journal
from freshly.stores.redis.landing import Landing
from freshly.stores.redis.line import Line
from freshly.stores.redis.looks import Looks
from freshly.stores.redis.reading import Bucket
from freshly.stores.redis.recall import Sheet
from freshly.stores.redis.scripts import Script
from freshly.stores.redis.store import RedisStore

from .mutant import Mutants, Replace

FAR = Mutants()
mutant = FAR.one


@mutant("the code as it is")
def as_it_is(put: Replace) -> None:
    return


def _lua(put: Replace, *changes: tuple[str, str], script: str = "") -> None:
    """Replace pieces of the Lua files, of one script or of all."""
    original = Script.source
    made: dict[tuple[str, bool], tuple[str, str]] = {}

    def source(self: Script, *, is_modern: bool) -> tuple[str, str]:
        place = self.name, is_modern
        if place not in made:
            text = original(self, is_modern=is_modern)[0]
            for before, after in changes if script in ("", self.name) else ():
                assert not script or before in text, f"{before!r} is nowhere in {self.name}.lua"
                text = text.replace(before, after)
            made[place] = text, sha1(text.encode()).hexdigest()
        return made[place]

    put(Script, "source", source)


# -- stamps ----------------------------------------------------------------------------------------


@mutant("an entry is as new as the moment it is stored")
def stamp_after_load(put: Replace) -> None:
    original = RedisStore.land_many

    async def land_many(self: RedisStore, landings: Any, *rest: Any) -> Any:
        moment = await self.stamp()
        for entry, _ in landings:
            entry.seen = moment
        return await original(self, landings, *rest)

    put(RedisStore, "land_many", land_many)


@mutant("positions of two different buckets are compared")
def no_nonce(put: Replace) -> None:
    original = Bucket.is_current

    def is_current(self: Bucket, nonce: bytes, sequence: int) -> bool:
        return original(self, self.position.nonce, sequence)

    put(Bucket, "is_current", is_current)


@mutant("stamps are not looked at where a read comes again")
def no_stamps_of_what_is_recalled(put: Replace) -> None:
    put(Sheet, "is_valid", lambda self, known, nonce, sequence: True)


@mutant("an outer entry does not have the tags of what it was made from", "crowd")
def no_tags_handed_on(put: Replace) -> None:
    put(Load, "collect", lambda self, tags, at, **rest: None)


@mutant("only the tags that a function names are looked at, not those of the entry")
def no_tags_of_the_entry(put: Replace) -> None:
    async def with_all_tags(self: Looks, keys: Any, tags: Any, reading: Any, frames: Any) -> Any:
        return reading

    put(Looks, "_with_all_tags", with_all_tags)


@mutant("deleted patterns are not compared with the key", "patterns")
def no_patterns(put: Replace) -> None:
    put(Bucket, "spares", lambda self, position, key: True)


@mutant("a pattern deleted while a stamped value is set is older than its key's stamp", "patterns")
def no_patterns_since_the_stamp(put: Replace) -> None:
    original = Landing.call

    def call(self: Landing, layout: Any) -> Any:
        return original(self._replace(since=None), layout)

    put(Landing, "call", call)


@mutant("a key is deleted, and not stamped", "keys")
def delete_without_stamp(put: Replace) -> None:
    async def delete(self: Invalidations, keys: Any, hold: Any = None) -> int:
        count = await self._values.count(tuple(keys))
        await self._values.drop(tuple(keys))
        return count

    put(Invalidations, "delete", delete)


@mutant("old stamps are dropped, and the floor stays where it is", "prune")
def prune_without_floor(put: Replace) -> None:
    _lua(put, ("redis.call('HSET', bucket, '_', whole(f))", "f = f"), script="prune")


@mutant("a bucket that is cleared keeps its nonce")
def clear_without_nonce(put: Replace) -> None:
    before = "local nonce = new_nonce(ARGV[1], redis.call('TIME'))"
    _lua(put, (before, "local nonce = redis.call('HGET', bucket, '!')"), script="clear")


# -- joins -----------------------------------------------------------------------------------------


@mutant("who comes later joins whatever is in the air", "crowd")
def join_without_stamp(put: Replace) -> None:
    original = Flights.board

    def board(self: Flights, key: str, stamp: Any, may_join: Any, *rest: Any) -> Any:
        return original(self, key, stamp, lambda flight: True, *rest)

    put(Flights, "board", board)


@mutant("a join is not judged by the tags that the result told", "crowd")
def join_not_judged_at_the_end(put: Replace) -> None:
    async def was_overtaken(self: Riding, flight: Any, call: Any) -> bool:
        return False

    put(Riding, "_was_overtaken", was_overtaken)


@mutant("whatever lay there stands in for a failed load, also if it was invalidated", "failing")
def stand_in_without_look(put: Replace) -> None:
    seen: dict[tuple[Engine, str], Any] = {}
    looking, disembarking = Engine._look, Riding._disembark

    async def look(self: Engine, key: str, *rest: Any, **options: Any) -> Any:
        found = await looking(self, key, *rest, **options)
        if found.entry is not None:
            seen[self, key] = found.entry
        return found

    async def disembark(self: Engine, flight: Any, call: Any, *rest: Any, **how: Any) -> Any:
        if flight.loader_failed and (self, call.key) in seen:
            return self._serve(call, seen[self, call.key], self._runtime.now())
        return await disembarking(self, flight, call, *rest, **how)

    put(Engine, "_look", look)
    put(Riding, "_disembark", disembark)


# -- primaries -------------------------------------------------------------------------------------


@mutant("a bucket is believed whoever made it", "primaries")
def no_fence(put: Replace) -> None:
    _lua(put, ("or found[2] ~= fence ", ""))
    original = Bucket.__init__

    def init(self: Bucket, fields: Any, fence: bytes, server_now: float) -> None:
        original(self, fields, fields.get(b"@") or fence, server_now)

    put(Bucket, "__init__", init)


def _known_by(put: Replace, lua: str, fence: Callable[[bytes, bytes], bytes]) -> None:
    """Have scripts and readers know a primary by less than its run and its replication."""
    _lua(put, ("return nil, run .. '.' .. replid,", f"return nil, {lua},"))
    original = Line.greeted

    def greeted(self: Line, *told: Any) -> bytes | None:
        found = original(self, *told)
        return None if found is None else fence(*found.split(b"."))

    put(Line, "greeted", greeted)


@mutant("a primary is known by its run, not by its replication", "primaries")
def fence_of_run_only(put: Replace) -> None:
    _known_by(put, "run .. '.0'", lambda run, replid: run + b".0")

    def proves(self: Line, info: Any) -> bool:
        return isinstance(info, bytes | str) and b"role:master" in (
            info if isinstance(info, bytes) else info.encode()
        )

    put(Line, "proves", proves)


@mutant("a primary is known by its replication, not by its run", "restarts")
def fence_of_replid_only(put: Replace) -> None:
    _known_by(put, "'0.' .. replid", lambda run, replid: b"0." + replid)


@mutant("nobody proves that a primary answered a read", "split")
def no_proof(put: Replace) -> None:
    put(Line, "proves", lambda self, info: True)


@mutant("a new primary is not told the last invalidations again", "split")
def no_replay(put: Replace) -> None:
    put(Journal, "names", lambda self: (False, []))


# -- failures --------------------------------------------------------------------------------------


@mutant("an invalidation that could not be delivered is not obeyed here", "undelivered")
def undelivered_not_obeyed(put: Replace) -> None:
    put(Undelivered, "covers", lambda self, key, tags, since: False)
    put(Undelivered, "is_empty", lambda self, since: True)


@mutant("an invalidation that failed returns as if it had not", "undelivered")
def failures_swallowed(put: Replace) -> None:
    original = Invalidations.invalidate

    async def invalidate(self: Invalidations, tags: Any, hold: Any = None) -> Any:
        try:
            return await original(self, tags, hold)
        except StoreError:
            return self._hub.moment

    put(Invalidations, "invalidate", invalidate)


@mutant("the reply to a question that was given up is taken for the next one's", "impatient")
def replies_out_of_place(put: Replace) -> None:
    original = Duplex._take

    def take(self: Duplex, reply: Any) -> None:
        while self._waiting and self._waiting[0].future.done():
            self._waiting.popleft()
        if self._waiting:
            original(self, reply)

    put(Duplex, "_take", take)
