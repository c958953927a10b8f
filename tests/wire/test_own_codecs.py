"""Codecs that a program brings: for a type, for pickle on request, for exceptions that were listed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from itertools import permutations
from typing import Any

import pytest

from freshly import ConfigurationError, EncodeError, register_type
from freshly.wire import ownership
from freshly.wire.chosen import chosen_codec
from freshly.wire.codec import Undecodable, codec_for
from freshly.wire.envelope import Wire
from freshly.wire.failures import FailureCodec
from freshly.wire.pickled import PICKLE, require_authentic
from freshly.wire.port import given_codec
from tests.wire.samples import KEY


class Money:
    def __init__(self, cents: int, currency: str) -> None:
        self.cents, self.currency = cents, currency

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


@dataclass
class Order:
    price: Money
    by_day: dict[date, Money]


@pytest.fixture(autouse=True)
def _forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take registered types back."""
    monkeypatch.setattr(ownership, "_registered", {})
    monkeypatch.setattr(ownership, "_by_name", {})


def register(version: int = 0) -> None:
    register_type(
        Money,
        encode=lambda money: (money.cents, money.currency),
        decode=lambda parts: Money(*parts),
        version=version,
    )


# -- for a type -----------------------------------------------------------------------------------

ORDER = Order(Money(5, "EUR"), {date(2024, 1, 1): Money(7, "INR")})


@pytest.mark.parametrize(
    ("annotation", "value"),
    [(Money, Money(5, "EUR")), (Any, [Money(5, "EUR")]), (dict, {"a": Money(1, "")}), (Order, ORDER)],
)
def test_a_registered_type_is_carried_anywhere(annotation: Any, value: Any) -> None:
    register()
    codec = codec_for(annotation)

    assert codec.decode(codec.encode(value)) == value


def test_without_it_the_error_names_it() -> None:
    with pytest.raises(EncodeError, match=r"register_type\(Money, encode=..., decode=...\)"):
        codec_for(Any).encode(Money(5, "EUR"))


def test_another_version_is_a_miss() -> None:
    register()
    typed, untyped = codec_for(Money), codec_for(Any)
    payload = untyped.encode(Money(5, "EUR"))

    register(version=1)

    assert codec_for(Money).schema != typed.schema
    with pytest.raises(Undecodable):
        untyped.decode(payload)


def test_a_decoder_that_fails_is_a_miss() -> None:
    register_type(Money, encode=lambda money: money.cents, decode=lambda parts: 1 // 0)
    codec = codec_for(list[Money])

    with pytest.raises(Undecodable):
        codec.decode(codec.encode([Money(5, "EUR")]))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"cls": 7, "encode": str, "decode": str}, "no class"),
        ({"cls": Money, "encode": 7, "decode": str}, "encode=7 cannot be called"),
        ({"cls": Money, "encode": str, "decode": None}, "decode=None cannot be called"),
    ],
)
def test_a_wrong_registration_is_named(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        register_type(arguments.pop("cls"), **arguments)


# -- pickle ---------------------------------------------------------------------------------------


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("pwned",)


def test_pickle_carries_what_no_other_codec_does() -> None:
    codec = chosen_codec("pickle", Any)

    assert codec.decode(codec.encode(Money(5, "EUR"))) == Money(5, "EUR")
    assert codec.encode(Evil())
    with pytest.raises(EncodeError, match=r"codec 'pickle 5' has no bytes for .*function"):
        codec.encode(lambda: 1)
    with pytest.raises(Undecodable):
        codec.decode(b"\x80\x05cnowhere\nNothing\n.")


def test_pickle_is_refused_where_others_could_have_written() -> None:
    for pickling in ("pickle", PICKLE):
        with pytest.raises(ConfigurationError, match=r"codec='pickle' of app.load needs signing_keys="):
            require_authentic(pickling, Wire(), "app.load")

        require_authentic(pickling, Wire(signing_keys=KEY), "app.load")
        require_authentic(pickling, Wire(encryption_keys=KEY), "app.load")
    for other in (None, "typed", Upper()):
        require_authentic(other, Wire(), "app.load")


def test_no_other_codec_reads_what_pickle_wrote_nor_the_other_way_round() -> None:
    codecs = [codec_for(Any), chosen_codec("pickle", Any), chosen_codec(Upper(), Any)]

    for one, other in permutations(codecs, 2):
        assert not one.reads(other.schema)


def test_a_changed_type_is_a_miss_whatever_the_codec() -> None:
    for asked in ("pickle", Upper()):
        before, after = chosen_codec(asked, Order), chosen_codec(asked, list[Order])

        assert before.reads(before.schema)
        assert not after.reads(before.schema)


# -- for a function -------------------------------------------------------------------------------


class Upper:
    """A codec of texts that can be told from the others."""

    name = "upper 1"

    def encode(self, value: Any) -> bytes:
        return value.upper().encode()  # type: ignore[no-any-return]

    def decode(self, data: bytes) -> Any:
        return data.decode().lower()


class NoBytes(Upper):
    def encode(self, value: Any) -> Any:
        return str(value)


def test_a_codec_that_fails_is_named_with_the_type_of_the_value() -> None:
    with pytest.raises(EncodeError, match=r"'upper 1' has no bytes for .* builtins\.int"):
        chosen_codec(Upper(), Any).encode(7)
    with pytest.raises(EncodeError, match=r"'upper 1' made builtins\.str of .*: .* return bytes"):
        chosen_codec(NoBytes(), Any).encode(7)
    with pytest.raises(Undecodable):
        chosen_codec(Upper(), Any).decode(b"\xff")


@pytest.mark.parametrize(
    ("codec", "words"),
    [
        ("pikcle", "codec='pikcle' is no codec; did you mean 'pickle'"),
        ("json", "codec='json' is no codec; there is 'typed'"),
        (7, "codec=7 is no codec: give an object with a name"),
        (Upper, "is no codec: give an object"),
        (object(), "is no codec: give an object"),
    ],
)
def test_what_is_no_codec_is_named(codec: object, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        given_codec(codec)


# -- exceptions -----------------------------------------------------------------------------------


class NotFoundError(Exception):
    def __init__(self, what: str, code: int = 404) -> None:
        super().__init__(what, code)
        self.what = what


class Forgetful(Exception):
    def __init__(self, what: str) -> None:
        super().__init__()


class Demanding(Exception):
    def __init__(self, what: str) -> None:
        super().__init__("another", "text")


def test_a_listed_exception_is_made_again_from_its_arguments() -> None:
    codec = FailureCodec([NotFoundError, KeyError])
    error = NotFoundError("user", 410)
    error.add_note("beside")

    made = codec.decode(codec.encode(error))

    assert type(made) is NotFoundError
    assert made.args == ("user", 410)
    assert vars(made) == {"what": "user", "__notes__": ["beside"]}
    assert codec.decode(codec.encode(KeyError(7))).args == (7,)


def test_no_other_class_is_made_whatever_the_bytes_say() -> None:
    payload = FailureCodec([KeyError]).encode(KeyError("a"))

    with pytest.raises(Undecodable):
        FailureCodec([NotFoundError]).decode(payload)
    with pytest.raises(EncodeError, match="not one of the exceptions"):
        FailureCodec([Exception]).encode(KeyError("a"))


@pytest.mark.parametrize("error", [Demanding("a"), Forgetful("a"), NotFoundError("a")])
def test_what_a_constructor_handed_on_is_kept_and_it_does_not_run_again(error: Exception) -> None:
    codec = FailureCodec([Demanding, Forgetful, NotFoundError])

    made = codec.decode(codec.encode(error))

    assert (type(made), made.args, vars(made)) == (type(error), error.args, vars(error))


def test_an_exception_whose_arguments_have_no_bytes_is_refused() -> None:
    with pytest.raises(EncodeError):
        FailureCodec([NotFoundError]).encode(NotFoundError(object()))  # type: ignore[arg-type]
