"""What turns the values of a function into payloads and back, chosen by its return annotation."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol, runtime_checkable

from .fingerprint import PLAIN, fingerprint, is_readable_untyped, shape_text
from .shape import Members, Own, Record, Shape, parts
from .survey import survey
from .tagged import MARK, Class, Tagged
from .typed import typed

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
    return ShapeCodec(survey(annotation, names))


class ShapeCodec:
    """Values by shape: typed where that brings them back exactly, tagged otherwise."""

    def __init__(self, shape: Shape) -> None:
        self.schema = fingerprint(shape)
        self._tagged = Tagged(_classes(shape))
        self._typed = typed(shape)

    def reads(self, schema: bytes) -> bool:
        return schema == self.schema or (self.schema == PLAIN and is_readable_untyped(schema))

    def encode(self, value: Any) -> bytes:
        if self._typed is not None:
            # What msgspec cannot write for all that (an int of 65 bits, half a surrogate pair, a list
            # of a thousand levels) the tagged form may carry; it says in words what it cannot.
            with suppress(Exception):
                if self._typed.fits(value):
                    return self._typed.encode(value)
        return self._tagged.encode(value)

    def decode(self, payload: bytes) -> Any:
        try:
            if payload[:1] == MARK:
                return self._tagged.decode(payload)
            if self._typed is not None:
                return self._typed.decode(payload)
        except Exception as error:  # bytes of a stranger fail in any way
            raise Undecodable(repr(error)) from None
        raise Undecodable("not a tagged payload")


def _classes(shape: Shape) -> list[Class]:
    """Return the classes that the annotation names, each once.

    Their order is that of their texts, which the fingerprint has: of ``A | B`` and ``B | A``, which
    have one fingerprint, it must be the same.
    """
    found: dict[type, Class] = {}
    for part in parts(shape):
        if isinstance(part, Record | Members | Own):
            found.setdefault(part.cls, part)
    return sorted(found.values(), key=shape_text)
