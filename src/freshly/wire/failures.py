"""Exceptions as payloads: a name and arguments, made again only for classes that were listed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..core.raised import Raised
from ..core.typename import type_name
from ..errors import EncodeError
from .codec import Undecodable, codec_for

__all__ = ["FailureCodec"]


class FailureCodec:
    """Exceptions of ``classes``, and of no subclass of theirs.

    An exception is made as ``Raised`` makes it anew in memory: of its arguments, and of what was set
    on it. Its traceback, cause and context stay where it was raised.
    """

    schema = b"\x00raised1"

    def __init__(self, classes: Iterable[type[Exception]]) -> None:
        self._by_name = {type_name(cls): cls for cls in classes}
        self._plain = codec_for(Any)

    def reads(self, schema: bytes) -> bool:
        return schema == self.schema

    def encode(self, value: BaseException) -> bytes:
        """Return the bytes of an exception.

        Raises:
            EncodeError: if its class is not listed, or it is not made again by its arguments.
        """
        name = type_name(type(value))
        if self._by_name.get(name) is not type(value):
            raise EncodeError(f"{name} is not one of the exceptions to cache")
        payload = self._plain.encode([name, list(value.args), vars(value)])
        try:
            made = self.decode(payload)
        except Undecodable as error:
            raise EncodeError(
                f"{name} is not made again by its arguments {value.args!r}: {error}"
            ) from None
        if made.args != value.args:
            raise EncodeError(
                f"{name} does not keep its arguments {value.args!r}: call super().__init__"
            )
        return payload

    def decode(self, payload: bytes) -> Any:
        """Return the exception.

        Raises:
            Undecodable: if the bytes are none of ours, or of a class that is not listed here.
        """
        name, args, attributes = self._parts(payload)
        try:
            cls = self._by_name[name]
            return Raised(cls, cls, tuple(args), attributes).anew()
        except Exception as error:  # a class may refuse its own arguments
            raise Undecodable(type(error).__name__) from error

    def _parts(self, payload: bytes) -> tuple[Any, list[Any], dict[str, Any]]:
        match self._plain.decode(payload):
            case [str(name), list(args), dict(attributes)]:
                return name, args, attributes
            case _:
                raise Undecodable("not an exception")
