"""The codec of a function's values: by its annotation, or the one that ``codec=`` asked for."""

from __future__ import annotations

from typing import Any

from ..core.typename import type_name
from ..errors import EncodeError
from .codec import PayloadCodec, Undecodable, codec_for
from .fingerprint import fingerprint_with
from .pickled import PICKLE
from .port import Codec, CodecOption
from .survey import survey

__all__ = ["BroughtCodec", "chosen_codec"]


def chosen_codec(asked: CodecOption, annotation: Any, *, by_hand: bool = False) -> PayloadCodec:
    """Return the codec that ``asked`` names, for values of ``annotation``.

    ``by_hand`` is for values that no function returns: what was set under no type is read as one.

    Raises:
        ConfigurationError: without msgspec, where that is needed.
    """
    match asked:
        case None | "typed":
            return codec_for(annotation)
        case "pickle":
            return BroughtCodec(PICKLE, annotation, by_hand=by_hand)
        case _:
            return BroughtCodec(asked, annotation, by_hand=by_hand)


class BroughtCodec:
    """A codec that does not know the annotation, which decides all the same who reads what it wrote."""

    def __init__(self, brought: Codec, annotation: Any, *, by_hand: bool = False) -> None:
        self._brought = brought
        self.schema = fingerprint_with(brought.name, survey(annotation))
        untyped = fingerprint_with(brought.name, survey(Any))
        self._readable = {self.schema, untyped} if by_hand else {self.schema}

    def reads(self, schema: bytes) -> bool:
        return schema in self._readable

    def takes(self, value: Any) -> bool:
        return False

    def encode(self, value: Any) -> bytes:
        try:
            data = self._brought.encode(value)
        except Exception as error:  # it asks each object, and each may fail in its own way
            raise EncodeError(
                f"codec {self._brought.name!r} has no bytes for a value of type "
                f"{type_name(type(value))}: {error!r}"
            ) from error
        if not isinstance(data, bytes):
            raise EncodeError(
                f"codec {self._brought.name!r} made {type_name(type(data))} of a value of type "
                f"{type_name(type(value))}: encode() has to return bytes"
            )
        return data

    def decode(self, payload: bytes) -> Any:
        try:
            return self._brought.decode(payload)
        except Exception as error:  # a class that moved, a module that is gone
            raise Undecodable(type(error).__name__) from error
