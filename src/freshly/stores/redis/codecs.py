"""From entries to the bytes under their names, and back."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, cast
from weakref import WeakKeyDictionary, WeakSet

from ...core.counts import NOBODYS
from ...core.entry import Entry, Instants
from ...core.raised import Raised
from ...core.shape import Shape
from ...core.special import SpecialEntry
from ...errors import EncodeError
from ...wire.annotated import check_annotation, return_annotation
from ...wire.chosen import chosen_codec
from ...wire.codec import PayloadCodec, Undecodable, codec_for
from ...wire.envelope import Wire
from ...wire.failures import FailureCodec
from ...wire.fingerprint import PLAIN
from ...wire.frame import EXCEPTION, VALUE, Frame, Mark
from ...wire.pickled import require_authentic
from ...wire.port import CodecOption
from .layout import Layout
from .reading import Moment, Position
from .refusals import Refusals
from .sliding import SlidingEntry


class Codecs:
    """Packs entries as the options of ``setup`` say, each value by the codec of its shape.

    ``raises`` says whether a value that has no bytes is the caller's error; ``codec`` is the one of
    functions that ask for none.

    Raises:
        ConfigurationError: if that is pickle, and ``wire`` has no keys.
    """

    def __init__(
        self, layout: Layout, wire: Wire, refusals: Refusals, *, raises: bool, codec: CodecOption = None
    ) -> None:
        require_authentic(codec, wire, "setup()")
        self._layout = layout
        self._wire = wire
        #: Does ``unpack`` for the entry whose value lies under a name.
        self.unpack_as = wire.unpack
        self.head_of, self.payload_behind = wire.head_of, wire.payload_behind
        self.refusals = refusals
        self._raises = raises
        self._codec = codec
        self._plain = codec_for(Any)
        self._codecs: WeakKeyDictionary[Shape, PayloadCodec] = WeakKeyDictionary()
        self._raised: WeakKeyDictionary[Shape, FailureCodec] = WeakKeyDictionary()
        self._kin: WeakKeyDictionary[Shape, object] = WeakKeyDictionary()
        self._told: WeakSet[Shape] = WeakSet()

    def pack(self, entry: Entry[Any], shape: Shape, key_at: Position | None = None) -> bytes | None:
        """Return the bytes of ``entry``, or ``None`` if its value has none.

        ``key_at`` is the stamp of the key where that is another than the entry's.

        Raises:
            EncodeError: if it has none, and the cache was told to raise.
        """
        try:
            codec: PayloadCodec | FailureCodec = (
                self.of(shape) if entry.raised is None else self._of_raised(shape)
            )
            payload = codec.encode(entry.value if entry.raised is None else entry.raised.anew())
            frame = self.frame(entry, codec.schema, payload, key_at)
            return self._wire.pack(frame, self._layout.value(entry.key))
        except EncodeError as error:
            if self._raises:
                raise
            self._tell(shape, error)
            return None

    def frame(
        self, entry: Entry[Any], schema: bytes, payload: bytes, key_at: Position | None = None
    ) -> Frame:
        born, early, stale, expires, dead = _milliseconds(entry.instants)
        load_ms, marks = round(entry.load_seconds * 1000), tuple(self._marks(entry, key_at))
        kind = VALUE if entry.raised is None else EXCEPTION
        frame = Frame(
            schema, born, early, stale, expires, dead, load_ms, marks, entry.etag, payload, kind
        )
        if not isinstance(entry, SpecialEntry) or entry.idle is None:
            return frame
        idle, read = max(1, round(entry.idle * 1000)), max(0, round(entry.read_at * 1000) - born)
        return frame._replace(idle=idle, read=read)

    def sealed(self, frame: Frame, key: str) -> bytes:
        """Return the bytes of a frame that was unpacked, or changed since, to lie under ``key``."""
        return self._wire.pack(frame, self._layout.value(key))

    def unpack(self, data: bytes | None, key: str) -> Frame | None:
        return None if data is None else self._wire.unpack(data, self._layout.value(key))

    def value(self, key: str, frame: Frame, shape: Shape) -> Any:
        """Return the value of ``frame``, or what its load raised.

        Raises:
            Undecodable: if another codec wrote it, or it is damaged.
        """
        if frame.kind != VALUE:
            return _raised(self._decoded(self._of_raised(shape), key, frame))
        codec = self.of(shape)
        if frame.schema == PLAIN and not codec.reads(PLAIN):
            # It was set by hand, under no type: the value has to say itself that it is of this one.
            value = self._decoded(self._plain, key, frame)
            if codec.takes(value):
                return value
            raise Undecodable("it is a value of another type")
        return self._decoded(codec, key, frame)

    def _decoded(self, codec: PayloadCodec | FailureCodec, key: str, frame: Frame) -> Any:
        if not codec.reads(frame.schema):
            raise Undecodable("it was written for another type")
        try:
            return codec.decode(frame.payload)
        except Undecodable as error:
            reason = f"its payload cannot be read ({error})"
            self.refusals.note(reason, self._layout.value(key), error.__cause__)
            raise

    def are_alike(self, one: Shape, other: Shape) -> bool:
        """Return whether values that were made for two shapes are the same: those of like functions."""
        return one is other or self._kin_of(one) == self._kin_of(other)

    def _kin_of(self, shape: Shape) -> object:
        """Return what is equal for functions that make the same value of the same bytes."""
        if shape.function is None:
            return shape
        kin = self._kin.get(shape)
        if kin is None:
            said = _said(shape)
            if isinstance(said, str):
                # It cannot be read yet.
                return shape
            kin = self._kin[shape] = self._asked(shape), said, shape.raises
        return kin

    def of(self, shape: Shape) -> PayloadCodec:
        """Return the codec of the values of ``shape``."""
        codec = self._codecs.get(shape)
        if codec is None:
            asked, by_hand = self._asked(shape), shape.function is None
            codec = self._codecs[shape] = chosen_codec(asked, _said(shape), by_hand=by_hand)
        return codec

    def _asked(self, shape: Shape) -> CodecOption:
        asked = cast("CodecOption", self._codec if shape.codec is None else shape.codec)
        require_authentic(asked, self._wire, shape.name)
        return asked

    def _of_raised(self, shape: Shape) -> FailureCodec:
        codec = self._raised.get(shape)
        if codec is None:
            codec = self._raised[shape] = FailureCodec(shape.raises)
        return codec

    def refuses(self, shape: Shape) -> str | None:
        """Return why no value of ``shape`` can be stored.

        Raises:
            ConfigurationError: if it asks for pickle, and there are no keys.
        """
        asked, said = self._asked(shape), _said(shape)
        # A name in it that is not defined yet will be when the function is called.
        return None if isinstance(said, str) else check_annotation(said, codec=asked)

    def _tell(self, shape: Shape, error: EncodeError) -> None:
        if shape not in self._told:
            self._told.add(shape)
            logging.getLogger("freshly").warning(
                "what %s returns is not stored, and this is said once: %s", shape.name, error
            )

    def _marks(self, entry: Entry[Any], key_at: Position | None) -> Iterable[Mark]:
        """Return the stamps of ``entry`` with the tags that they serve; that of its key first."""
        moment: Moment = entry.seen
        layout, home = self._layout, self._layout.bucket_of(entry.key)
        own: dict[int, list[str]] = {} if key_at else {home: []}
        inherited: dict[tuple[int, Position], list[str]] = {}
        for tag in entry.tags:
            bucket = layout.bucket_of(tag)
            older = moment.inherited.get(tag)
            if older is None:
                own.setdefault(bucket, []).append(tag)
            else:
                inherited.setdefault((bucket, older), []).append(tag)
        if key_at is not None:
            yield Mark(home, key_at.nonce, key_at.sequence, ())
        for bucket, tags in own.items():
            yield Mark(bucket, *moment.positions[bucket], tuple(tags))
        for (bucket, position), tags in inherited.items():
            yield Mark(bucket, *position, tuple(tags), is_own=False)


def _raised(error: Exception) -> Raised:
    raised = Raised.of(error)
    if raised is None:
        raise Undecodable(f"{error!r} cannot be made anew")
    return raised


def _said(shape: Shape) -> Any:
    """Return what is said of the values of ``shape``; a text if it cannot be read yet."""
    said = shape.annotation if shape.function is None else return_annotation(shape.function)
    return said if shape.part is None or isinstance(said, str) else shape.part(said)


def _milliseconds(instants: Instants) -> Iterable[int]:
    """Return when something was born, and the instants of its life from then on, in order."""
    born_at, *later = instants
    born = last = round(born_at * 1000)
    yield born
    for instant in later:
        last = max(last, round(instant * 1000))
        yield last - born


def entry_of(key: str, value: Any, frame: Frame, tags: tuple[str, ...], moment: Moment) -> Entry[Any]:
    """Return the entry that ``frame`` was made of, as it was found valid at ``moment``.

    ``value`` is what it raised if that is what the frame says; ``tags`` are those of the frame.
    """
    born, seconds = frame.born, frame.load_ms / 1000
    instants = (
        born / 1000,
        (born + frame.early) / 1000,
        (born + frame.stale) / 1000,
        (born + frame.expires) / 1000,
        (born + frame.dead) / 1000,
    )
    common: dict[str, Any] = {
        "instants": instants,
        "tags": tags,
        "stamp": moment,
        # Nobody keeps what this store hands out: its hits are counted by the engine.
        "counts": NOBODYS,
        "load_seconds": seconds,
    }
    if frame.kind == EXCEPTION:
        return SpecialEntry(key, None, raised=value, etag=frame.etag, **common)
    if frame.idle:
        return SlidingEntry(key, value, frame=frame, etag=frame.etag, **common)
    if frame.etag is None:
        return Entry(key, value, **common)
    return SpecialEntry(key, value, etag=frame.etag, **common)


def tags_of(frame: Frame) -> tuple[str, ...]:
    marks = frame.marks
    return marks[0].tags if len(marks) == 1 else tuple([tag for mark in marks for tag in mark.tags])
