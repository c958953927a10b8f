"""What turns the values of a function into payloads and back, chosen by its return annotation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol, runtime_checkable

from .extras import need
from .fingerprint import PLAIN, fingerprint, is_readable_untyped
from .fit import Check, check, fit
from .shape import Members, Own, Record, Shape, parts
from .survey import awaited, survey
from .tagged import MARK, Class, Tagged

__all__ = ["Codec", "ShapeCodec", "Undecodable", "codec_for"]


class Undecodable(Exception):
    """A payload is none of this codec's: the entry is a miss. Never reaches a user."""


@runtime_checkable
class Codec(Protocol):
    """What a store asks of a codec.

    ``schema`` is eight bytes that are equal only where one codec reads what the other wrote.
    """

    schema: bytes

    def reads(self, schema: bytes) -> bool:
        """Return whether it may decode payloads that were written under ``schema``."""
        ...

    def encode(self, value: Any) -> bytes:
        """Return the bytes of ``value``.

        Raises:
            EncodeError: if it has none, or would come back as something else.
        """
        ...

    def decode(self, payload: bytes) -> Any:
        """Return the value, equal to the one that was encoded and of the same type.

        Raises:
            Undecodable: on other bytes, and nothing else.
        """
        ...


def codec_for(annotation: Any, names: Mapping[str, Any] | None = None) -> Codec:
    """Return the codec of values that ``annotation`` describes; of what is awaited, if it is that.

    Work it out once for a function: ``annotated.py`` has its annotation. ``names`` are those that a
    text in it may use. Values that are not what it says come back as what they are, or are refused.

    Raises:
        ConfigurationError: without msgspec.
    """
    return ShapeCodec(survey(annotation, names), annotation)


class ShapeCodec:
    """Values by shape: msgspec's own bytes for what fits, tagged ones for the rest."""

    def __init__(self, shape: Shape, annotation: Any) -> None:
        self.schema = fingerprint(shape)
        self._tagged = Tagged(_classes(shape))
        self._fits, self._decode = _typed(shape, annotation)
        self._encode = _encoder()

    def reads(self, schema: bytes) -> bool:
        return schema == self.schema or (self.schema == PLAIN and is_readable_untyped(schema))

    def encode(self, value: Any) -> bytes:
        # What msgspec cannot write for all that (an int of 65 bits, a text with half a surrogate pair,
        # a list of a thousand levels) the tagged form may carry, and refuses in words if not.
        with suppress(Exception):
            if self._fits(value):
                return self._encode(value)
        return self._tagged.encode(value)

    def decode(self, payload: bytes) -> Any:
        try:
            if payload[:1] == MARK:
                return self._tagged.decode(payload)
            return self._decode(payload)
        except Exception as error:  # bytes of a stranger fail in any way
            raise Undecodable(repr(error)) from None


def _classes(shape: Shape) -> list[Class]:
    """Return the classes that the annotation names, each once, in its order."""
    found: dict[type, Class] = {}
    for part in parts(shape):
        if isinstance(part, Record | Members | Own):
            found.setdefault(part.cls, part)
    return list(found.values())


def _encoder() -> Callable[[Any], bytes]:
    msgspec = need("msgspec", "a store outside of the process")
    encode: Callable[[Any], bytes] = msgspec.msgpack.Encoder().encode
    return encode


def _typed(shape: Shape, annotation: Any) -> tuple[Check, Callable[[bytes], Any]]:
    msgspec = need("msgspec", "a store outside of the process")
    found = fit(shape)
    if found is not None:
        with suppress(Exception):  # msgspec says no to some types, each with an error of its own
            return check(found), msgspec.msgpack.Decoder(awaited(annotation)).decode
    return _nothing_fits, _nothing_typed


def _nothing_fits(value: Any) -> bool:
    return False


def _nothing_typed(payload: bytes) -> Any:
    raise ValueError("not a tagged payload")
