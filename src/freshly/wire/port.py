"""What ``codec=`` takes: a name, or an object that turns values into bytes and back."""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypeAlias, cast, get_args, runtime_checkable

from ..errors import ConfigurationError, did_you_mean

__all__ = ["Codec", "CodecOption", "given_codec"]


@runtime_checkable
class Codec(Protocol):
    """A codec of your own, for ``codec=``.

    ``name`` is part of what an entry says of itself: what a codec of another name wrote is a miss. Put
    a version into it, and raise that when the bytes change. Both methods may be called from several
    threads at once, and must not wait for anything.
    """

    @property
    def name(self) -> str: ...

    def encode(self, value: Any, /) -> bytes:
        """Return the bytes of ``value``. If it raises, the value is returned and not stored."""
        ...

    def decode(self, data: bytes, /) -> Any:
        """Return the value. If it raises, the read is a miss.

        It gets what lies in the store: without ``signing_keys`` or ``encryption_keys`` that is whatever
        somebody put there, and must not be trusted.
        """
        ...


Named: TypeAlias = Literal["typed", "pickle"]

#: ``None`` is what ``setup`` says, and ``"typed"`` if it says nothing.
CodecOption: TypeAlias = Codec | Named | None


def given_codec(codec: object) -> CodecOption:
    """Return what ``codec=`` was given.

    Raises:
        ConfigurationError: if it is no codec.
    """
    if codec is None or (isinstance(codec, str) and codec in get_args(Named)):
        return cast("CodecOption", codec)
    if isinstance(codec, str):
        raise ConfigurationError(
            f"codec={codec!r} is no codec{did_you_mean(codec, get_args(Named))}; there is 'typed' (by "
            f"the return annotation), 'pickle' (with signing_keys=), or an object with name, encode "
            f"and decode"
        )
    if isinstance(codec, type) or not _is_codec(codec):
        raise ConfigurationError(
            f"codec={codec!r} is no codec: give an object with a name (a text), encode(value) and "
            f"decode(data), or 'typed', or 'pickle'"
        )
    return cast("Codec", codec)


def _is_codec(codec: object) -> bool:
    name = getattr(codec, "name", None)
    methods = (getattr(codec, method, None) for method in ("encode", "decode"))
    return isinstance(name, str) and bool(name) and all(map(callable, methods)) and _is_hashable(codec)


def _is_hashable(codec: object) -> bool:
    try:
        hash(codec)
    except TypeError:
        return False
    return True
