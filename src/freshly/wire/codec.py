"""What turns the values of a function into payloads and back, chosen by its return annotation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Protocol, runtime_checkable

from .fingerprint import PLAIN, fingerprint, is_plain, is_readable_untyped, outline_text
from .fit import check, fit
from .labels import MARK
from .outline import Members, Outline, Own, Record, parts
from .reader import Reader
from .survey import survey
from .typed import typed
from .writer import Class, Writer

__all__ = ["AnnotatedCodec", "PayloadCodec", "PlainCodec", "Undecodable", "codec_for"]


class Undecodable(Exception):
    """A payload is none of this codec's: the entry is a miss. Never reaches a user.

    Its text names the kind of an error and not its words, which may hold a part of the value.
    """


@runtime_checkable
class PayloadCodec(Protocol):
    """What a store asks of a codec.

    ``schema`` is eight bytes that are equal only where one codec reads what the other wrote.
    """

    schema: bytes

    def reads(self, schema: bytes) -> bool:
        """Return whether it may decode payloads that were written under ``schema``."""
        ...

    def takes(self, value: Any) -> bool:
        """Return whether a value that was stored under no type is one of this codec's."""
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


def codec_for(annotation: Any, names: Mapping[str, Any] | None = None) -> PayloadCodec:
    """Return the codec of values that ``annotation`` describes; of what is awaited, if it is that.

    Work it out once for a function: ``annotated.py`` has its annotation. ``names`` are those that a
    text in it may use. Values that are not what it says come back as what they are, or are refused.

    Raises:
        ConfigurationError: without msgspec.
    """
    outline = survey(annotation, names)
    return PlainCodec(outline) if is_plain(outline) else AnnotatedCodec(outline)


class PlainCodec:
    """Values whose types msgpack tells, and the others labelled: in one walk, and without a mark."""

    def __init__(self, outline: Outline) -> None:
        self.schema = fingerprint(outline)
        self._fits = check(fit(outline) or {})
        self._write, self._read = _plain()

    def reads(self, schema: bytes) -> bool:
        return schema == self.schema or (self.schema == PLAIN and is_readable_untyped(schema))

    def takes(self, value: Any) -> bool:
        return self._fits(value)

    def encode(self, value: Any) -> bytes:
        return self._write(value)

    def decode(self, payload: bytes) -> Any:
        try:
            return self._read(payload)
        except Exception as error:  # bytes of a stranger fail in any way
            raise Undecodable(type(error).__name__) from error


@cache
def _plain() -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:
    """Return what all plain codecs write and read by: without classes they are all alike."""
    return Writer(mark=b"").write, Reader().read


class AnnotatedCodec:
    """Values by outline: typed where that brings them back exactly, labelled otherwise."""

    def __init__(self, outline: Outline) -> None:
        classes = _classes(outline)
        self.schema = fingerprint(outline)
        self._typed = typed(outline)
        self._write, self._read = Writer(classes).write, Reader(classes).read

    def reads(self, schema: bytes) -> bool:
        return schema == self.schema

    def takes(self, value: Any) -> bool:
        return self._typed is not None and self._typed.fits(value)

    def encode(self, value: Any) -> bytes:
        if self._typed is not None:
            try:
                if self._typed.fits(value):
                    return self._typed.encode(value)
            except Exception:  # noqa: S110
                # What msgspec cannot write for all that (an int of 65 bits, half a surrogate pair) may
                # be labelled; what cannot, the writer says in words.
                pass
        return self._write(value)

    def decode(self, payload: bytes) -> Any:
        try:
            if payload[:1] == MARK:
                return self._read(payload)
            if self._typed is not None:
                return self._typed.decode(payload)
        except Exception as error:  # bytes of a stranger fail in any way
            raise Undecodable(type(error).__name__) from error
        raise Undecodable("not a labelled payload")


def _classes(outline: Outline) -> list[Class]:
    """Return the classes that the annotation names, each once.

    Their order is that of their texts, which the fingerprint has: of ``A | B`` and ``B | A``, which
    have one fingerprint, it must be the same.
    """
    found: dict[type, Class] = {}
    for part in parts(outline):
        if isinstance(part, Record | Members | Own):
            found.setdefault(part.cls, part)
    return sorted(found.values(), key=outline_text)
