"""The receiver of a method in its key: what it says it is, or else a token for this one object.

A class is its name. An object with a ``__cache_key__`` is that, a value (a dataclass, a pydantic
model, a str ...) is its content. Anything else is itself and nobody else, whatever its ``repr()``
says: two services with different databases must never share.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..errors import KeyTextError
from .content import has_content, says_its_key
from .identity import IDENTITIES
from .text import stable_text
from .typename import type_name

__all__ = ["ReceiverText", "StandIn", "has_own_text", "lasting_text", "receiver_text"]


class ReceiverText(NamedTuple):
    text: str
    is_local: bool


def receiver_text(receiver: object) -> ReceiverText:
    """Return what stands for ``receiver``; ``is_local`` if that is its token.

    Raises:
        KeyTextError: if its ``__cache_key__`` has no stable text, or if it can have no token.
    """
    lasting = lasting_text(receiver)
    if lasting is not None:
        return ReceiverText(lasting, is_local=False)
    token = IDENTITIES.token(receiver)
    return ReceiverText(f"{type_name(type(receiver))}#{token}", is_local=True)


def lasting_text(receiver: object) -> str | None:
    """Return what ``receiver`` says it is, or ``None`` if it is nothing but itself.

    A dataclass that holds a connection or a plain service is nothing but itself: that part has no
    text, and without it two of them would share entries they must not.
    """
    if isinstance(receiver, type):
        return type_name(receiver)
    if says_its_key(receiver):
        return stable_text(receiver)
    try:
        return stable_text(receiver) if has_content(type(receiver)) else None
    except KeyTextError:
        return None


def has_own_text(receiver: object) -> bool:
    """Return whether ``str()`` and ``format()`` of ``receiver`` say more than its address."""
    cls = type(receiver)
    return (
        cls.__format__ is not object.__format__
        or cls.__str__ is not object.__str__
        or cls.__repr__ is not object.__repr__
    )


class StandIn:
    """A receiver in a template: as a whole it is its text, its attributes are its own."""

    def __init__(self, receiver: Any, text: str) -> None:
        self.__receiver = receiver
        self.__text = text

    def __str__(self) -> str:
        return self.__text

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return format(self.__text, spec)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__receiver, name)

    def __getitem__(self, item: Any) -> Any:
        return self.__receiver[item]
