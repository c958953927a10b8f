"""The store: what the port promises, as batches and scripts.

Two objects of this class make one store, one for each colour of caller. What both know is ``Hub``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import translate
from itertools import islice
from re import compile as compile_pattern
from typing import Any, NamedTuple

from ...core.entry import Entry
from ...core.holds import Held, Hold
from ...core.ports import Look
from ...core.rows import Rows
from ...core.shape import ANY, LOCAL, UNREAD, Shape
from ...core.undelivered import Parcel
from ...errors import StoreError
from ...wire.codec import Undecodable
from ...wire.frame import Frame
from .batch import Batch
from .codecs import entry_of, tags_of
from .conversation import Conversation
from .held import HeldInReading, HeldNow, first_end
from .hub import Hub
from .landing import Landing
from .layout import (
    KEY,
    KEY_HOLD,
    LATEST_HOLD,
    PATTERN,
    QUARANTINE,
    STALE,
    TAG,
    TAG_HOLD,
    Layout,
    encoded,
)
from .leases import RedisLeases
from .line import Question
from .lines import Lines
from .reading import Bucket, Moment, Position, Reading, number_of
from .scripts import PRUNE, RIGHT

# Keys of one SCAN, names of one HSCAN: some milliseconds of the server's time at most.
SCANNED = 1000


class ShutGate:
    """The gate of a store without entries in the process: every read takes the long way."""

    gate: int | None = None

    def holds(self, entry: Entry[Any], now: float) -> bool:
        return False

    def detour(
        self, tags: Iterable[str], keys: Iterable[str], *, everything: bool = False
    ) -> Callable[[], None]:
        return _nothing

    def close_gate(self) -> None: ...

    def open_gate(self) -> None: ...


def _nothing() -> None:
    return


class Stamped(NamedTuple):
    """The replies to what was asked first, the moment of the stamps, and for each name its new
    position and the sequence of its former stamp.
    """

    replies: Sequence[Any]
    fence: bytes
    moment: Moment
    names: dict[bytes, tuple[Position, int]]


class RedisStore:
    """Entries on one server, strict: each read asks it, in one round trip."""

    keeps_entries = False
    is_shared = True
    # The server evicts, and tells nobody.
    evictions = 0

    def __init__(self, hub: Hub, lines: Lines, talk: Conversation) -> None:
        self._hub = hub
        self._lines = lines
        self._talk = talk
        self._layout = hub.layout
        self.max_ttl = hub.max_ttl
        self.max_hold = hub.layout.max_hold / 1000
        self.gate = ShutGate()
        self.twin: RedisStore = self
        self._leases = RedisLeases(hub, talk, self._look_once)

    @property
    def invalidations(self) -> int:
        return self._hub.invalidations

    @property
    def refused(self) -> int:
        return self._hub.codecs.refusals.count

    @property
    def leases(self) -> RedisLeases | None:
        return self._leases if self._hub.keeper.seconds else None

    @property
    def blocking(self) -> RedisStore:
        return self.twin

    @property
    def reading(self) -> Moment | None:
        return self._hub.moment

    def refuses(self, shape: Shape) -> str | None:
        return self._hub.codecs.refuses(shape)

    def living(self) -> list[Entry[Any]]:
        return []

    def bind(self, entry: Entry[Any], rows: Rows, row: object) -> None:
        return

    # -- reading -----------------------------------------------------------------------------

    async def look(self, key: str, tags: Iterable[str] = (), shape: Shape = ANY) -> Look:
        return (await self.look_many([(key, tags)], shape))[0]

    async def look_many(
        self, asked: Sequence[tuple[str, Iterable[str]]], shape: Shape = ANY
    ) -> list[Look]:
        if not asked:
            return []
        return (await self._look_after((), asked, shape))[1]

    async def _look_once(
        self, first: Sequence[Question], key: str, tags: Iterable[str], shape: Shape
    ) -> tuple[list[Any], Look]:
        replies, (look,) = await self._look_after(first, [(key, tags)], shape)
        return replies, look

    async def _look_after(
        self,
        first: Sequence[Question],
        asked: Sequence[tuple[str, Iterable[str]]],
        shape: Shape,
    ) -> tuple[list[Any], list[Look]]:
        """Ask ``first``, and look after that, in one round trip."""
        since = self._hub.undelivered.deliveries
        cases = [(key, tuple(tags)) for key, tags in asked]
        keys = [key for key, _ in cases]
        batch = Batch(
            self._layout,
            values=() if shape is LOCAL else keys,
            keys=keys,
            tags=[tag for _, tags in cases for tag in tags],
        )
        answer = await self._talk.read([*first, *batch.questions])
        told = answer.replies[len(first) :]
        reading = batch.reading(told, answer.fence, self._hub.shift)
        reading = await self._opened(batch, reading)
        frames = self._kept(keys) if shape is LOCAL else self._unpacked(batch, keys, told)
        judged = await self._with_all_tags(batch, reading, frames)
        looks = [
            self._look(key, tags, frame, shape, judged, reading, since)
            for (key, tags), frame in zip(cases, frames, strict=True)
        ]
        return answer.replies[: len(first)], looks

    def _unpacked(
        self, batch: Batch, keys: Iterable[str], replies: Sequence[Any]
    ) -> list[Frame | None]:
        unpack = self._hub.codecs.unpack
        return [unpack(data, key) for key, data in zip(keys, batch.values(replies), strict=True)]

    def _kept(self, keys: Iterable[str]) -> list[Frame | None]:
        found = [self._hub.kept.get(key) for key in keys]
        return [None if one is None else one[0] for one in found]

    async def _opened(self, batch: Batch, reading: Reading) -> Reading:
        """Make sure that all buckets are there, so that a load has a stamp to begin with."""
        for bucket in reading.absent():
            fields = batch.fields(bucket)
            answer = await self._talk.write([self._talk.opening(bucket, fields)])
            fence, _, now, told = answer.replies[0]
            found = Bucket(dict(zip(fields, told, strict=True)), fence)
            buckets = {**reading.buckets, bucket: found}
            reading = Reading(self._layout, int(now), self._hub.shift, buckets)
        reading.check_layout()
        return reading

    async def _with_all_tags(
        self, batch: Batch, reading: Reading, frames: Iterable[Frame | None]
    ) -> Reading:
        """Return a reading that knows the tags which only the headers tell, too."""
        told = dict.fromkeys(tag for frame in frames if frame for tag in tags_of(frame))
        if reading.knows(told):
            return reading
        more = Batch(self._layout, keys=batch.keys, tags=[*batch.tags, *told])
        answer = await self._talk.read(more.questions)
        return more.reading(answer.replies, answer.fence, self._hub.shift)

    def _look(
        self,
        key: str,
        tags: tuple[str, ...],
        frame: Frame | None,
        shape: Shape,
        judged: Reading,
        reading: Reading,
        since: int,
    ) -> Look:
        undelivered = self._hub.undelivered

        def overtakes(stamp: Moment, some: Iterable[str], name: str | None) -> bool:
            # What could not be delivered was invalidated all the same, for this process.
            some = tuple(some)
            return undelivered.covers(name or "", some, since) or reading.overtakes(stamp, some, name)

        entry = None if frame is None else self._entry(key, tags, frame, shape, judged)
        if entry is not None and undelivered.covers(key, entry.tags, since):
            entry = None
        if entry is not None and undelivered.makes_stale(entry.tags):
            entry.mark_stale()
        held = HeldInReading(self._layout, reading)
        return Look(entry, reading.moment, reading.now, overtakes, held)

    def _entry(
        self, key: str, tags: tuple[str, ...], frame: Frame, shape: Shape, reading: Reading
    ) -> Entry[Any] | None:
        """Return the entry of ``frame`` if it is valid, carries ``tags``, and is no longer dead."""
        if frame.born + frame.dead <= reading.now * 1000 or not set(tags).issubset(tags_of(frame)):
            return None
        home = self._layout.bucket_of(key)
        own = next((mark for mark in frame.marks if mark.is_own and mark.bucket == home), None)
        if own is None or not reading.is_key_valid(key, Position(own.nonce, own.sequence)):
            return None
        is_stale = False
        for mark in frame.marks:
            position = Position(mark.nonce, mark.sequence)
            for tag in mark.tags:
                if not reading.is_tag_valid(tag, position):
                    return None
                is_stale = is_stale or reading.is_marked_stale(tag, position)
        try:
            value = self._value(key, frame, shape)
        except Undecodable:
            return None
        entry = entry_of(key, value, frame, reading.moment)
        if is_stale:
            entry.mark_stale()
        return entry

    def _value(self, key: str, frame: Frame, shape: Shape) -> Any:
        if shape is UNREAD:
            return None
        if shape is not LOCAL:
            return self._hub.codecs.value(key, frame, shape)
        kept = self._hub.kept.get(key)
        if kept is None or kept[0] is not frame:
            # Another one has come since, or it was dropped.
            raise Undecodable("it is no longer there")
        return kept[1]

    def follows(self, earlier: Moment, later: Moment, advances: int) -> bool:
        pairs = [(earlier.positions.get(b), position) for b, position in later.positions.items()]
        moved = 0
        for before, after in pairs:
            if before is None or before.nonce != after.nonce:
                return False
            moved += after.sequence - before.sequence
        return len(pairs) == len(earlier.positions) and moved == advances

    async def overtaken(self, stamp: Moment, tags: Iterable[str]) -> bool:
        since = self._hub.undelivered.deliveries
        tags = tuple(tags)
        reading = await self._read_names((), tags)
        return self._hub.undelivered.covers("", tags, since) or reading.overtakes(stamp, tags)

    async def stamp(self) -> Moment:
        return (await self._read_names((), ())).moment

    async def _read_names(self, keys: Iterable[str], tags: Iterable[str]) -> Reading:
        batch = Batch(self._layout, keys=keys, tags=tags)
        answer = await self._talk.read(batch.questions)
        reading = batch.reading(answer.replies, answer.fence, self._hub.shift)
        return await self._opened(batch, reading)

    def inherit(
        self, stamp: Moment, handed_on: Iterable[tuple[tuple[str, ...], Moment | None]]
    ) -> Moment:
        inherited = dict(stamp.inherited)
        is_storable = stamp.is_storable
        for tags, at in handed_on:
            is_storable = is_storable and at is not None and at.is_storable
            for tag in tags if at is not None else ():
                bucket = self._layout.bucket_of(tag)
                mine = inherited.get(tag) or stamp.positions.get(bucket)
                theirs = at.position(tag, bucket) if at is not None else None
                if mine is None or theirs is None or mine.nonce != theirs.nonce:
                    # A bucket that was made anew meanwhile, or that one of them did not ask.
                    is_storable = False
                elif theirs.sequence < mine.sequence:
                    inherited[tag] = theirs
        if is_storable and not inherited:
            return stamp
        return Moment(stamp.positions, inherited, is_storable)

    # -- writing -----------------------------------------------------------------------------

    async def land(self, entry: Entry[Any], unless: Callable[[], bool], shape: Shape = ANY) -> bool:
        return (await self.land_many([(entry, unless)], shape))[0]

    async def land_many(
        self, landings: Sequence[tuple[Entry[Any], Callable[[], bool]]], shape: Shape = ANY
    ) -> list[bool]:
        if shape is LOCAL:
            return [self._keep(entry, unless) for entry, unless in landings]
        sent: list[Landing] = []
        for place, (entry, unless) in enumerate(landings):
            moment: Moment = entry.stamp
            data = self._hub.codecs.pack(entry, shape) if moment.is_storable else None
            if data is not None and not unless():
                at = moment.positions[self._layout.bucket_of(entry.key)]
                until = self._hub.on_server(entry.dead_at)
                lease = self._hub.keeper.token(entry.key) or ""
                sent.append(Landing(place, entry, data, at, until, lease))
        return await self._landed(sent, len(landings))

    def _keep(self, entry: Entry[Any], unless: Callable[[], bool]) -> bool:
        """Keep an entry in the process. Whoever reads it asks the server whether it is valid."""
        if unless() or not entry.stamp.is_storable:
            return False
        value = entry.value if entry.raised is None else entry.raised
        self._hub.kept.put(entry.key, self._hub.codecs.frame(entry, b"", b""), value)
        return True

    async def _landed(self, sent: Sequence[Landing], count: int) -> list[bool]:
        """Store what was not overtaken; say which of ``count`` entries that are."""
        stored = [False] * count
        while sent:
            answer = await self._talk.write([one.call(self._layout) for one in sent])
            newer: list[Landing] = []
            for one, reply in zip(sent, answer.replies, strict=True):
                if not isinstance(reply, bytes):
                    stored[one.place] = reply == 1
                    if one.lease and reply == 1:
                        self._hub.keeper.drop(one.entry.key)
                elif (again := one.after(reply)) is not None:
                    newer.append(again)
            sent = newer
        return stored

    async def put(self, entry: Entry[Any], *, is_stamped: bool, shape: Shape = ANY) -> bool:
        return (await self.put_many([entry], is_stamped=is_stamped, shape=shape))[0]

    async def put_many(
        self, entries: Sequence[Entry[Any]], *, is_stamped: bool, shape: Shape = ANY
    ) -> list[bool]:
        if is_stamped:
            keys, tags = [entry.key for entry in entries], [t for e in entries for t in e.tags]
            reading = await self._read_names(keys, tags)
            fits = [not reading.overtakes(entry.stamp, entry.tags, entry.key) for entry in entries]
        else:
            fits = [True] * len(entries)
        chosen = [entry for entry, fit in zip(entries, fits, strict=True) if fit]
        stored = iter(await self._put(chosen, shape, is_stamped=is_stamped) if chosen else ())
        return [fit and next(stored) for fit in fits]

    async def _put(
        self, entries: Sequence[Entry[Any]], shape: Shape, *, is_stamped: bool
    ) -> list[bool]:
        # What the buckets say is read before the stamp is written: tags are valid from then on.
        keys, tags = [entry.key for entry in entries], [t for e in entries for t in e.tags]
        batch = Batch(self._layout, keys=keys, tags=tags)
        stamped = await self._stamp([KEY + encoded(key) for key in keys], first=batch.questions)
        reading = batch.reading(stamped.replies, stamped.fence, self._hub.shift)
        if not is_stamped:
            for entry in entries:
                entry.stamp = entry.seen = reading.moment
        held = HeldInReading(self._layout, reading)
        sent: list[Landing] = []
        replaced: list[str] = []
        for place, entry in enumerate(entries):
            if not is_stamped and held.until(entry.tags, entry.key) is not None:
                replaced.append(entry.key)
                continue
            position, former = stamped.names[KEY + encoded(entry.key)]
            taken = entry.stamp.positions.get(self._layout.bucket_of(entry.key))
            if taken is None or taken.nonce != position.nonce:
                continue
            if is_stamped and former > taken.sequence:
                # It was deleted while the value was being made.
                continue
            data = self._hub.codecs.pack(entry, shape, position)
            if data is not None:
                until = self._hub.on_server(entry.dead_at)
                sent.append(Landing(place, entry, data, position, until))
        await self._drop(replaced)
        return await self._landed(sent, len(entries))

    # -- invalidating ------------------------------------------------------------------------

    async def invalidate(self, tags: Iterable[str], hold: Hold | None = None) -> Moment:
        tags = tuple(tags)
        self._hub.invalidations += 1
        names = [TAG + encoded(tag) for tag in tags]
        with self._hub.owing(tags=tags):
            stamped = await self._stamp(names, hold=hold)
        return stamped.moment

    async def mark_stale(self, tags: Iterable[str]) -> Moment:
        tags = tuple(tags)
        names = [STALE + encoded(tag) for tag in tags]
        with self._hub.owing(stale=tags):
            stamped = await self._stamp(names)
        return stamped.moment

    async def delete(self, keys: Iterable[str], hold: Hold | None = None) -> int:
        keys = tuple(dict.fromkeys(keys))
        self._hub.invalidations += 1
        names = [KEY + encoded(key) for key in keys]
        with self._hub.owing(keys=keys):
            count = await self._count(keys)
            await self._stamp(names, hold=hold)
        await self._drop(keys)
        return count

    async def _count(self, keys: Sequence[str]) -> int:
        """Return how many of ``keys`` could be served; none if nobody can say."""
        kept = [key for key in keys if self._hub.kept.get(key)]
        try:
            looks = await self.look_many([(key, ()) for key in keys], UNREAD)
            looks += await self.look_many([(key, ()) for key in kept], LOCAL)
        except StoreError:
            return 0
        return sum(look.entry is not None and look.now < look.entry.expires_at for look in looks)

    async def _drop(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._hub.kept.drop(key)
        names = [name for key in keys for name in (self._layout.value(key), self._layout.lease(key))]
        if names:
            await self._talk.write([("DEL", name) for name in names])

    async def release(self, token: str, tags: Iterable[str], keys: Iterable[str]) -> None:
        names = [TAG + encoded(tag) for tag in tags] + [KEY + encoded(key) for key in keys]
        await self._talk.write(self._talk.releasing(token, names))

    async def take_lease(self, name: str, token: str, seconds: float) -> float | None:
        left = await self._right("take", name, token, seconds)
        return None if left < 0 else left / 1000

    async def renew_lease(self, name: str, token: str, seconds: float) -> bool:
        return await self._right("renew", name, token, seconds) == 1

    async def release_lease(self, name: str, token: str) -> bool:
        return await self._right("release", name, token, 0.0) == 1

    async def _right(self, verb: str, name: str, token: str, seconds: float) -> int:
        arguments: list[bytes | str | int] = [token, max(1, round(seconds * 1000)), verb]
        call = RIGHT.command([self._layout.right(name)], arguments)
        return int((await self._talk.write([call])).replies[0])

    async def held(self, besides: Collection[str] = ()) -> Held:
        reading = await self._read_names((), ())
        now = round(reading.server_now)
        ends: dict[bytes, float] = {}
        for number, bucket in reading.buckets.items():
            if bucket.number(LATEST_HOLD) > now:
                async for fields in _Fields(self._talk, self._layout.bucket(number)):
                    for field, packed in fields.items():
                        if field[:1] in (TAG_HOLD, KEY_HOLD):
                            end = first_end(packed, now, besides)
                            if end is not None:
                                ends[field] = reading.store_time(end)
        is_new = any(bucket.number(QUARANTINE) > now for bucket in reading.buckets.values())
        return HeldNow(ends, all=is_new)

    async def delete_match(self, pattern: str) -> int:
        self._hub.invalidations += 1
        names = [PATTERN + encoded(pattern)]
        count = 0
        found: list[str] = []
        matches = compile_pattern(translate(pattern)).match
        with self._hub.owing(pattern=pattern):
            async for keys in _Matching(self._talk, self._layout, matches):
                count += await self._count(keys)
                found += keys
            local = [key for key in self._hub.kept.names() if matches(key)]
            count += await self._count(local)
            found += local
            # Entries that come between the scan and this are older than it, and match the pattern too.
            await self._stamp(names)
        for some in _chunks(found, SCANNED):
            await self._drop(some)
        return count

    async def clear(self) -> Moment:
        self._hub.invalidations += 1
        self._hub.journal.note(None)
        with self._hub.owing(everything=True):
            answer = await self._talk.write(self._talk.clearing())
        positions = {
            bucket: Position(nonce, int(sequence))
            for bucket, (_, nonce, sequence) in enumerate(answer.replies)
        }
        self._hub.kept.clear()
        self._hub.moment = Moment(positions)
        return self._hub.moment

    async def _stamp(
        self,
        names: Sequence[bytes],
        *,
        first: Sequence[Question] = (),
        hold: Hold | None = None,
        always: bool = False,
    ) -> Stamped:
        """Stamp ``names``, kinds in front. ``first`` is asked before, in the same batch."""
        self._hub.journal.note(names)
        token, span = ("", 0) if hold is None else (hold.token, round(hold.seconds * 1000))
        calls = self._talk.stamping_by_bucket(names, token=token, hold=span)
        positions: dict[int, Position] = {}
        found: dict[bytes, tuple[Position, int]] = {}
        if not calls:
            return Stamped([], b"", Moment(positions), found)
        questions = [*first, *(call for _, _, call in calls)]
        answer = await self._talk.write(questions, always=always)
        told = answer.replies[len(first) :]
        for (bucket, some, _), reply in zip(calls, told, strict=True):
            _, nonce, sequence, floor, prunable, _, before = reply
            position = positions[bucket] = Position(nonce, int(sequence))
            for name, former in zip(some, before, strict=True):
                found[name] = position, max(number_of(former or b"0"), int(floor))
            if int(prunable) > int(floor):
                self._hub.prunable[bucket] = Position(nonce, int(prunable))
        moment = self._hub.moment = Moment(positions)
        return Stamped(answer.replies[: len(first)], answer.fence, moment, found)

    async def deliver(self, parcel: Parcel) -> None:
        """Do what a parcel of undelivered invalidations says, whether or not the store seems down."""
        if parcel.everything:
            self._hub.journal.note(None)
            await self._talk.write(self._talk.clearing(), always=True)
            return
        groups = (
            (TAG, parcel.tags),
            (STALE, parcel.stale),
            (KEY, parcel.keys),
            (PATTERN, parcel.patterns),
        )
        await self._stamp(
            [kind + encoded(name) for kind, names in groups for name in names], always=True
        )

    async def prolong(self, leases: Mapping[str, str]) -> list[str]:
        """Prolong leases of this process; return the keys of those that it has no longer."""
        return await self._leases.prolong(leases)

    # -- keeping house -----------------------------------------------------------------------

    async def tidy(self, oldest: Callable[[], Moment | None]) -> None:
        """Drop stamps that are older than everything stored, and raise the floor in their place.

        A load that runs for longer than ``max_ttl`` is not stored then. That is all that can happen,
        so ``oldest`` is not asked.
        """
        for bucket in list(self._hub.prunable):
            until = self._hub.prunable.pop(bucket, None)
            if until is None:
                # Another caller does it.
                continue
            try:
                await self._prune(bucket, until)
            except StoreError:
                # The next stamp finds that it is still to be done.
                return

    async def _prune(self, bucket: int, until: Position) -> None:
        name = self._layout.bucket(bucket)
        async for fields in _Fields(self._talk, name):
            old = [field for field, stamp in fields.items() if _is_old(field, stamp, until.sequence)]
            arguments: list[bytes | str | int] = [until.nonce, until.sequence, *old]
            await self._talk.write([PRUNE.command([name], arguments)])

    async def ping(self) -> None:
        await self._talk.write([("PING",)])

    async def close(self) -> None:
        last_try = self._hub.close()
        if last_try is not None:
            await self._lines.wait(last_try)
        await self._lines.close()
        # It is the other one that delivers and keeps leases, for both.
        await self.twin._lines.close()


class _Matching:
    """The keys of a namespace that match a glob, some at a time."""

    def __init__(self, talk: Conversation, layout: Layout, matches: Callable[[str], object]) -> None:
        self._talk = talk
        self._layout = layout
        self._matches = matches
        self._cursor: bytes | None = b"0"
        self._seen: set[str] = set()

    def __aiter__(self) -> _Matching:
        return self

    async def __anext__(self) -> list[str]:
        if self._cursor is None:
            raise StopAsyncIteration
        mine = self._layout.value("*").replace(b"\\", b"\\\\")
        answer = await self._talk.write([("SCAN", self._cursor, "MATCH", mine, "COUNT", SCANNED)])
        self._cursor, names = answer.replies[0]
        if self._cursor == b"0":
            self._cursor = None
        keys = [key for key in map(self._layout.key_of, names) if self._matches(key)]
        # A scan may tell a name twice.
        fresh = [key for key in dict.fromkeys(keys) if key not in self._seen]
        self._seen.update(fresh)
        return fresh


class _Fields:
    """The fields of a bucket, some at a time."""

    def __init__(self, talk: Conversation, name: bytes) -> None:
        self._talk = talk
        self._name = name
        self._cursor: bytes | None = b"0"

    def __aiter__(self) -> _Fields:
        return self

    async def __anext__(self) -> dict[bytes, bytes]:
        if self._cursor is None:
            raise StopAsyncIteration
        answer = await self._talk.write([("HSCAN", self._name, self._cursor, "COUNT", SCANNED)])
        cursor, flat = answer.replies[0]
        self._cursor = None if cursor == b"0" else cursor
        return dict(zip(flat[::2], flat[1::2], strict=True))


def _is_old(field: bytes, stamp: bytes, until: int) -> bool:
    return field[:1] in (TAG, STALE, KEY) and stamp.isdigit() and int(stamp) <= until


def _chunks(names: Iterable[str], size: int) -> Iterator[list[str]]:
    names = iter(names)
    while some := list(islice(names, size)):
        yield some
