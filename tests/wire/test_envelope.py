"""Frames come back as they were packed, under their name and with our keys, and in no other way."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshly import ConfigurationError, EncodeError
from freshly.wire.checksum import put_checksum
from freshly.wire.envelope import Wire
from freshly.wire.frame import EXCEPTION, PREFIX, Frame, Mark, bodies
from tests.wire.samples import KEY, KEYED, NAME, OLD_KEY, OTHER_KEY, WIRES, frame

steps = st.integers(0, 2**40)
marks = st.lists(
    st.builds(
        Mark,
        st.integers(0, 63),
        st.binary(max_size=40),
        st.integers(0, 2**53),
        st.lists(st.text(max_size=5), max_size=3).map(tuple),
        st.booleans(),
    ),
    max_size=3,
).map(tuple)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    early, stale, expires, dead = sorted(draw(st.lists(steps, min_size=4, max_size=4)))
    return Frame(
        draw(st.binary(min_size=8, max_size=8)),
        draw(st.integers(0, 2**48 - 1)),
        early,
        stale,
        expires,
        dead,
        draw(st.integers(0, 2**32)),
        draw(marks),
        draw(st.none() | st.text()),
        draw(st.binary()) * draw(st.sampled_from([1, 1, 200])),
        draw(st.sampled_from([0, 1])),
        *draw(st.just((0, 0)) | st.tuples(st.integers(1, 2**40), st.integers(0, 2**40))),
    )


# -- there and back -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", WIRES)
@given(frame=frames(), name=st.binary(max_size=20))
def test_a_frame_comes_back_as_it_was(kind: str, frame: Frame, name: bytes) -> None:
    wire = WIRES[kind]()

    assert wire.unpack(wire.pack(frame, name), name) == frame


@pytest.mark.parametrize("kind", WIRES)
@given(frame=frames(), name=st.binary(max_size=20), payload=st.binary(max_size=300))
def test_behind_a_head_is_the_payload_of_a_frame_that_differs_in_nothing_else(
    kind: str, frame: Frame, name: bytes, payload: bytes
) -> None:
    wire = WIRES[kind]()
    first, second = wire.pack(frame, name), wire.pack(frame._replace(payload=payload), name)

    head = wire.head_of(first, frame)

    if head is not None:
        assert wire.payload_behind(head, first, name) == frame.payload
        found = wire.payload_behind(head, second, name)
        assert found in (None, payload)
        # Its length stands in the head.
        assert (found is None) == (len(payload) != len(frame.payload))


@pytest.mark.parametrize("kind", WIRES)
def test_behind_a_head_stands_nothing_that_unpack_would_refuse(kind: str) -> None:
    wire = WIRES[kind]()
    data = wire.pack(frame(), NAME)
    head = wire.head_of(data, frame())
    if head is None:
        assert kind in ("compressed", "encrypted", "all")
        return

    assert wire.payload_behind(head, data, b"another name") is None
    assert wire.payload_behind(head, data + b"x", NAME) is None
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1
        assert wire.payload_behind(head, bytes(damaged), NAME) is None


@pytest.mark.parametrize("kind", WIRES)
def test_an_exception_is_told_from_a_value(kind: str) -> None:
    wire = WIRES[kind]()
    failed = frame(kind=EXCEPTION)

    assert wire.unpack(wire.pack(failed, NAME), NAME) == failed


def test_compression_starts_at_its_threshold_and_only_where_it_pays() -> None:
    wire = Wire(compression="zstd", compress_above=1000)
    noise = random.Random(1).randbytes(2000)

    def packed(payload: bytes) -> int:
        return len(wire.pack(frame(payload=payload), NAME))

    assert packed(b"a" * 999) > 999
    assert packed(b"a" * 1000) < 200
    assert packed(noise) > 2000


def test_a_reader_without_the_option_reads_what_was_compressed() -> None:
    data = Wire(compression="zstd", compress_above=64).pack(frame(), NAME)

    assert Wire().unpack(data, NAME) == frame()


# -- forged, moved, downgraded --------------------------------------------------------------------


@pytest.mark.parametrize("kind", KEYED)
def test_what_was_packed_for_another_name_is_refused(kind: str) -> None:
    wire = WIRES[kind]()
    data = wire.pack(frame(), b"fr:{shop:user:7}:v")

    assert wire.unpack(data, b"fr:{shop:user:8}:v") is None
    assert wire.unpack(data, b"fr:{shop2:user:7}:v") is None


@pytest.mark.parametrize("kind", KEYED)
def test_the_end_of_a_name_is_not_taken_for_the_beginning_of_the_data(kind: str) -> None:
    wire = WIRES[kind]()
    data = wire.pack(frame(), NAME)

    assert wire.unpack(NAME[-1:] + data, NAME[:-1]) is None
    assert wire.unpack(data[1:], NAME + data[:1]) is None


@pytest.mark.parametrize("kind", KEYED)
def test_what_others_packed_is_refused(kind: str) -> None:
    refused: Counter[str] = Counter()
    wire = WIRES[kind](on_refused=lambda reason, name: refused.update([reason]))
    strangers = [Wire(), Wire(compression="zstd", compress_above=1)]
    strangers += [Wire(signing_keys=OTHER_KEY), Wire(encryption_keys=OTHER_KEY)]
    strangers += [Wire(signing_keys=OTHER_KEY, encryption_keys=OTHER_KEY)]

    assert [wire.unpack(each.pack(frame(), NAME), NAME) for each in strangers] == [None] * 5
    assert set(refused) == {"unprotected", "unknown key"}


@pytest.mark.parametrize("kind", WIRES)
def test_no_changed_byte_is_taken(kind: str) -> None:
    wire = WIRES[kind]()
    data = wire.pack(frame(), NAME)

    for place in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            assert wire.unpack(bytes(changed), NAME) is None, (place, bit)


@pytest.mark.parametrize("kind", WIRES)
def test_no_beginning_of_a_frame_is_taken_for_one(kind: str) -> None:
    wire = WIRES[kind]()
    data = wire.pack(frame(payload=b""), NAME)

    assert [end for end in range(len(data)) if wire.unpack(data[:end], NAME) is not None] == []


def test_one_key_under_two_algorithms_is_two_keys() -> None:
    by_blake = Wire(signing_keys=KEY)
    by_hmac = Wire(signing_keys=KEY, signature="hmac-sha256")

    assert by_hmac.unpack(by_blake.pack(frame(), NAME), NAME) is None
    assert by_blake.unpack(by_hmac.pack(frame(), NAME), NAME) is None


def test_one_key_for_two_things_is_two_keys() -> None:
    signed = Wire(signing_keys=KEY).pack(frame(), NAME)
    encrypted = Wire(encryption_keys=KEY).pack(frame(), NAME)

    assert KEY.encode() not in signed + encrypted
    assert Wire(encryption_keys=KEY).unpack(signed, NAME) is None
    assert Wire(signing_keys=KEY).unpack(encrypted, NAME) is None


@pytest.mark.parametrize("kind", KEYED)
def test_the_protection_flags_cannot_be_taken_away(kind: str) -> None:
    wire = WIRES[kind]()
    data = bytearray(wire.pack(frame(), NAME))
    data[1] &= ~12  # signed, encrypted
    tail = 20 if "signed" in kind or kind == "all" else 0

    assert wire.unpack(bytes(data), NAME) is None
    assert wire.unpack(bytes(data[: len(data) - tail]), NAME) is None


def test_an_encrypted_payload_does_not_show() -> None:
    wire = Wire(encryption_keys=KEY)
    packed = [wire.pack(frame(payload=b"the secret payload"), NAME) for _ in range(2)]

    assert b"secret" not in packed[0]
    assert packed[0] != packed[1]


# -- rotation -------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["signing_keys", "encryption_keys"])
def test_rotating_keys_loses_nothing_that_the_ring_covers(option: str) -> None:
    rings = [[OLD_KEY], [OLD_KEY, KEY], [KEY, OLD_KEY], [KEY]]
    wires = [Wire(**{option: ring}) for ring in rings]  # type: ignore[arg-type]
    packed = [wire.pack(frame(), NAME) for wire in wires]

    # While one step is rolled out, processes before and behind it read each other.
    for before, after in pairwise(range(4)):
        assert wires[after].unpack(packed[before], NAME) == frame()
        assert wires[before].unpack(packed[after], NAME) == frame()
    # What the old key wrote is gone with it.
    assert [wires[3].unpack(packed[step], NAME) for step in (0, 1)] == [None, None]


@pytest.mark.parametrize("option", ["signing_keys", "encryption_keys"])
@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ([], "no list of keys"),
        ("short", "can be guessed"),
        ([KEY, b"short"], "can be guessed"),
        ([KEY, KEY], "one key twice"),
        (7, "no key"),
        ([KEY, None], "not NoneType"),
    ],
)
def test_a_bad_key_is_refused_and_not_shown(option: str, keys: object, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as refused:
        Wire(**{option: keys})

    assert option in str(refused.value)
    assert "short" not in str(refused.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"compression": "gzip"}, "'zstd'"),
        ({"compression": "zstd", "compress_above": 0}, "compress_above=0"),
        ({"max_value_bytes": True}, "max_value_bytes=True"),
        ({"signing_keys": KEY, "signature": "blake2"}, "did you mean 'blake2b'"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Wire(**options)  # type: ignore[arg-type]


# -- limits ---------------------------------------------------------------------------------------


def test_a_payload_above_the_limit_is_refused_by_the_writer_and_by_the_reader() -> None:
    small, large = Wire(max_value_bytes=100), Wire()
    data = large.pack(frame(payload=b"a" * 101), NAME)

    with pytest.raises(EncodeError, match="101 bytes"):
        small.pack(frame(payload=b"a" * 101), NAME)
    assert small.unpack(data, NAME) is None
    assert small.unpack(small.pack(frame(payload=b"a" * 100), NAME), NAME) is not None


def test_what_stands_beside_the_payload_is_bounded_too() -> None:
    reasons: list[str] = []
    wire = Wire(max_value_bytes=100, on_refused=lambda reason, name: reasons.append(reason))
    many = tuple(f"tag {number}" for number in range(200_000))
    marks = (frame().marks[0]._replace(tags=many),)

    with pytest.raises(EncodeError, match=r"tags of the entry take \d+ bytes"):
        wire.pack(frame(marks=marks, payload=b""), NAME)
    prefix = wire.pack(frame(payload=b""), NAME)[: PREFIX.size]
    body = bodies().encode((1, 1, 1, 1, 1, marks, None, b""))
    assert wire.unpack(put_checksum(prefix + body, NAME), NAME) is None
    assert reasons == ["too large"]


@pytest.mark.parametrize("kind", WIRES)
def test_an_etag_without_bytes_is_an_encode_error(kind: str) -> None:
    with pytest.raises(EncodeError, match="etag"):
        WIRES[kind]().pack(frame(etag="\ud800"), NAME)


def test_a_decompression_bomb_is_not_blown_up() -> None:
    reasons: list[str] = []
    bomb = Wire(compression="zstd", max_value_bytes=2**28).pack(frame(payload=bytes(2**26)), NAME)
    wire = Wire(max_value_bytes=2**16, on_refused=lambda reason, name: reasons.append(reason))

    assert len(bomb) < 2**14
    assert wire.unpack(bomb, NAME) is None
    assert reasons == ["too large"]


# -- entries that reads renew ---------------------------------------------------------------------


class TestIdle:
    def test_it_ends_after_its_idle_time_and_grace_but_no_later_than_at_its_greatest_age(self) -> None:
        life = {"expires": 3_600_000, "dead": 3_900_000, "idle": 600_000}

        assert frame(**life, read=0).ends == 600_000 + 300_000
        assert frame(**life, read=3_500_000).ends == 3_900_000
        assert frame().ends == frame().dead

    def test_a_read_is_written_down_if_it_moves_the_end_by_a_tenth_of_the_idle_time(self) -> None:
        found = frame(idle=600_000, read=100_000)

        assert found.read_at(found.born + 159_999) is None
        assert found.read_at(found.born + 160_000) == found._replace(read=160_000)
        assert found.read_at(found.born + 699_999) == found._replace(read=699_999)

    def test_nor_is_one_after_the_end_or_at_the_greatest_age_or_of_what_does_not_slide(self) -> None:
        found = frame(idle=600_000, read=100_000)

        assert found.read_at(found.born + 700_000) is None
        assert found._replace(read=3_000_000).read_at(found.born + 3_100_000) is None
        assert frame().read_at(frame().born + 1_000) is None

    @pytest.mark.parametrize("kind", KEYED)
    def test_nobody_without_a_key_moves_its_end(self, kind: str) -> None:
        """The last read stands in clear, and counts as all that does."""
        wire = WIRES[kind]()
        data = bytearray(wire.pack(frame(idle=600_000, read=60_000), NAME))
        at = data.index(bytes([0xCD]) + (60_000).to_bytes(2, "big"), PREFIX.size)
        data[at + 1] ^= 1

        assert wire.unpack(bytes(data), NAME) is None
