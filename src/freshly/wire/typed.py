"""Values by their annotation: the bytes that msgspec writes for them, and nothing beside.

Only values that fit are written (fit.py), into what the mould decodes (mould.py). What msgspec does
not know it asks for: models give their fields, paths and addresses their text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .extras import need
from .fit import Check, check, fit
from .makers import maker
from .mould import Mould, mould
from .outline import Anything, Outline, Own, Record, parts
from .ownership import Owner, registered
from .plain import EXTENSIONS, HOOKED

__all__ = ["Typed", "typed"]

Hook = Callable[[Any], Any]


class Typed:
    """The typed form of values of one outline."""

    def __init__(self, outline: Outline, fits: Check, found: Mould) -> None:
        msgpack = need("msgspec", "a store outside of the process").msgpack
        self.fits = fits
        self._writers: dict[type, Hook] = {
            cls: EXTENSIONS[cls].write for cls in HOOKED.values() if cls in EXTENSIONS
        }
        self._readers: dict[Any, Hook] = {cls: EXTENSIONS[made].read for cls, made in HOOKED.items()}
        for part in parts(outline):
            self._learn(part)
        self.encode: Callable[[Any], bytes] = msgpack.Encoder(enc_hook=self._write).encode
        self._decode: Callable[[bytes], Any] = msgpack.Decoder(found.type, dec_hook=self._read).decode
        self._make = found.make

    def decode(self, payload: bytes) -> Any:
        """Return the value. Raises anything on bytes that ``encode`` did not return."""
        decoded = self._decode(payload)
        return decoded if self._make is None else self._make(decoded)

    def _learn(self, part: Outline) -> None:
        match part:
            case Record(style="pydantic", cls=cls):
                self._writers[cls] = maker(part).open
            case Own(cls=cls, owner=own):
                own = own or registered(cls)
                if own is not None:
                    self._writers[cls] = _plain_parts(own)
                    self._readers[cls] = own.made
            case _:
                pass

    def _write(self, value: Any) -> Any:
        return self._writers[type(value)](value)

    def _read(self, cls: Any, decoded: Any) -> Any:
        return self._readers[cls](decoded)


def typed(outline: Outline) -> Typed | None:
    """Return the typed form of ``outline``, or ``None`` if it has none."""
    fits = fit(outline)
    if fits is None:
        return None
    try:
        return Typed(outline, check(fits), mould(outline))
    except Exception:  # msgspec says no to some types, each with an error of its own
        return None


def _plain_parts(own: Owner) -> Hook:
    # The parts are decoded without knowing their types.
    is_plain = check(fit(Anything()) or {})

    def write(value: Any) -> Any:
        found = own.parts(value)
        if not is_plain(found):
            raise TypeError("the parts need labels")
        return found

    return write
