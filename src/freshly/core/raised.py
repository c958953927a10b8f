"""An exception as something that can be kept, and raised anew for each who asks.

One exception object cannot be raised twice: each raising adds its frames to the one traceback, and
threads that raise it together write over each other. So what is kept are its class and what it was
made of, without the frames and all that they hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any


@dataclass(frozen=True, slots=True)
class Raised:
    """The class of an exception, its arguments, and the attributes that it was given.

    ``make`` is what its author says makes it, nearly always the class itself.
    """

    kind: type[Exception]
    make: Callable[..., Exception]
    args: tuple[Any, ...]
    attributes: Mapping[str, Any]

    @classmethod
    def of(cls, error: Exception) -> Raised | None:
        """Return what ``error`` can be made anew from, or ``None`` if it cannot."""
        try:
            reduced: Any = error.__reduce__()
            make, args, *rest = reduced
            raised = cls(type(error), make, args, dict(rest[0]) if rest and rest[0] else {})
            return raised if type(raised.anew()) is type(error) else None
        except Exception:  # of an exception's author anything may come
            return None

    def anew(self) -> Exception:
        """Return an exception like it, which nobody has raised yet."""
        error = self._bare() if _has_its_own_init(self.kind) else self.make(*self.args)
        for name, value in self.attributes.items():
            # add_note() writes into this list.
            setattr(error, name, list(value) if name == "__notes__" else value)
        return error

    def _bare(self) -> Exception:
        # Not through __init__: what it is given is not what it hands to Exception as args, as in
        # def __init__(self, user_id): super().__init__(f"no user {user_id}").
        error = self.kind.__new__(self.kind, *self.args)
        error.args = self.args
        return error


def _has_its_own_init(kind: type[Exception]) -> bool:
    """Return whether args do not tell how to call ``kind``, and its author has not said so either."""
    return isinstance(kind.__init__, FunctionType) and not isinstance(kind.__reduce__, FunctionType)
