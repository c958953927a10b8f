"""A hundred thousand strings of bytes that somebody may have put into the store.

Whatever they are, reading them ends in a miss or in a value, soon and in little memory. The strings
are the same on each run; a string that ever failed is kept here as a case of its own.
"""

from __future__ import annotations

import random
import struct
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from freshly.wire.codec import PayloadCodec, Undecodable, codec_for
from freshly.wire.envelope import Wire
from tests.wire import models as m
from tests.wire.cases import ACCOUNT, CASES, POST
from tests.wire.look import look
from tests.wire.samples import NAME, WIRES, frame

FRAMES = 60_000
PAYLOADS = 40_000

Mutate = Callable[[random.Random, bytes], bytes]


def flip(chance: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 8])):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def overwrite(chance: random.Random, data: bytes) -> bytes:
    place = chance.randrange(len(data))
    more = chance.randbytes(chance.choice([1, 2, 4, 8]))
    return data[:place] + more + data[place + len(more) :]


def truncate(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randrange(len(data))]


def insert(chance: random.Random, data: bytes) -> bytes:
    place = chance.randrange(len(data) + 1)
    return data[:place] + chance.randbytes(chance.choice([1, 4, 16])) + data[place:]


def cut(chance: random.Random, data: bytes) -> bytes:
    start, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return data[:start] + data[end:]


def noise(chance: random.Random, data: bytes) -> bytes:
    return chance.randbytes(chance.choice([0, 1, 3, 20, 200]))


def noise_behind_the_beginning(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.choice([1, 2, 16, 30])] + chance.randbytes(60)


MUTATIONS: list[Mutate] = [flip, overwrite, truncate, insert, cut, noise, noise_behind_the_beginning]


def mutants(seed: str, samples: list[bytes], count: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    for _ in range(count):
        sample = chance.choice(samples)
        changed = chance.choice(MUTATIONS)(chance, sample)
        if changed != sample:
            yield changed


class Watch:
    """Notes what runs code, or opens a way to it, while it is on."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._is_on = False
        sys.addaudithook(self._audit)  # it stays for good; off, it says nothing

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._is_on and event in ("exec", "compile", "pickle.find_class", "os.system", "open"):
            self.seen.append(f"{event} {arguments[0]}")

    @contextmanager
    def on(self) -> Iterator[None]:
        self._is_on = True
        try:
            yield
        finally:
            self._is_on = False


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


@pytest.mark.parametrize("kind", WIRES)
def test_no_bytes_make_a_frame_but_those_that_were_packed(kind: str, watch: Watch) -> None:
    wire = WIRES[kind]()
    frames = [frame(), frame(payload=b""), frame(etag="x", kind=1), frame(marks=frame().marks * 5)]
    samples = [wire.pack(each, NAME) for each in frames]
    wire.unpack(Wire(compression="zstd", compress_above=1).pack(frame(), NAME), NAME)  # imports it

    with watch.on():
        taken = [
            data
            for data in mutants(kind, samples, FRAMES // len(WIRES))
            if wire.unpack(data, NAME) is not None
        ]

    assert taken == []
    assert watch.seen == []


def test_no_payload_does_more_than_fail(watch: Watch) -> None:
    for index, (annotation, value) in enumerate(CASES.values()):
        codec = codec_for(annotation)
        payload = codec.encode(value)
        look(codec.decode(payload))
        with watch.on():
            for mutant in mutants(str(index), [payload], PAYLOADS // len(CASES)):
                with suppress(Undecodable):
                    look(codec.decode(mutant))  # not only made: it can be looked at

    # A time zone is a file, and its name may be changed: the next tests are about that.
    assert [each for each in watch.seen if "zoneinfo" not in each and "tzdata" not in each] == []


BOMBS = {
    "an array of 2**32 items": b"\xdd\xff\xff\xff\xff",
    "a map of 2**32 pairs": b"\xdf\xff\xff\xff\xff",
    "a text of 4 GiB": b"\xdb\xff\xff\xff\xffa",
    "bytes of 4 GiB": b"\xc6\xff\xff\xff\xffa",
    "an extension of 4 GiB": b"\xc1\xc9\xff\xff\xff\xff\x20a",
    "a hundred thousand levels": b"\x91" * 100_000,
    "a hundred thousand levels, labelled": b"\xc1" + b"\x91" * 100_000,
    "a decimal of a billion digits": b"\xc1\xc7\x0b\x0b1E999999999",
    "a deque of 2**60": b"\xc1\xc7\x0a\x24\x91\xcf" + b"\x0f" + b"\xff" * 7,
    "a range": b"\xc1\xc7\x0b\x28\x93\x00\xcf" + b"\x7f" + b"\xff" * 7 + b"\x01",
}


def nested(levels: int) -> bytes:
    """Return a tuple in a tuple in a tuple, as an attacker would write it."""
    inner = b"\x90"
    for _ in range(levels):
        inner = b"\x91\xc9" + struct.pack(">I", len(inner)) + b"\x20" + inner
    return b"\xc1" + inner


BOMBS["two thousand extensions in each other"] = nested(2000)


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("codec", [codec_for(Any), codec_for(m.Post), codec_for(list[int] | None)])
def test_a_small_payload_makes_no_large_value(name: str, codec: PayloadCodec) -> None:
    payload = BOMBS[name]

    tracemalloc.start()
    try:
        with suppress(Undecodable):
            codec.decode(payload)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 100 * len(payload) + 2**20


@pytest.mark.parametrize("filler", [b"\x80", b"\x90", b"\xc0", b"\xa0"])
def test_memory_grows_with_the_payload_and_by_no_more_than_the_docs_say(filler: bytes) -> None:
    count = 200_000
    payload = b"\xdd" + struct.pack(">I", count) + filler * count

    tracemalloc.start()
    try:
        codec_for(Any).decode(payload)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 80 * len(payload)


def test_a_forged_zone_opens_no_file_outside_of_the_zones() -> None:
    codec = codec_for(datetime)
    payload = codec.encode(datetime(2024, 1, 1, tzinfo=ZoneInfo("Europe/Paris")))

    for key in (b"/etc/passwd!", b"../../passwd", b"..\\..\\passwd", b"Europe/Pari\x00"):
        with pytest.raises(Undecodable):
            codec.decode(payload.replace(b"Europe/Paris", key))


def test_a_payload_of_one_class_makes_none_of_another() -> None:
    """The numbers of classes are those of the reader's annotation: no name in the bytes counts."""
    written = codec_for(m.Account).encode(ACCOUNT)

    for annotation in (m.Post, m.Left | m.Right2, Any, list[m.Model], m.Team):
        with pytest.raises(Undecodable):
            codec_for(annotation).decode(written)


def test_nothing_is_decoded_that_no_wire_let_through() -> None:
    """A payload is what is behind the checks: unpack gives nothing of what it refuses."""
    reasons: list[str] = []
    wire = Wire(signing_keys="k" * 32, on_refused=lambda reason, name: reasons.append(reason))
    forged = Wire().pack(frame(payload=codec_for(m.Post).encode(POST)), NAME)

    assert wire.unpack(forged, NAME) is None
    assert reasons == ["unprotected"]
