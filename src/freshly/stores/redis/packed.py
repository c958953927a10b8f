"""Commands whose bytes are made by us: those that are long, and are made of parts that come again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .scripts import Command

Pack = Callable[[Sequence[Command]], Sequence[bytes]]


class Packed(tuple[bytes | str | int, ...]):
    """A command with its bytes. Of its words it may lack all but the name.

    Only the lines of awaited callers look at ``packed``.
    """

    packed: bytes

    @classmethod
    def of(cls, name: str, count: int, words: Sequence[bytes]) -> Packed:
        """Return the command ``name`` with ``count`` words behind it, which ``words`` are, packed."""
        made = cls((name,))
        head = b"*%d\r\n%s" % (count + 1, bulk(name.encode()))
        made.packed = b"".join((head, *words))
        return made


def bulk(word: bytes) -> bytes:
    """Return the bytes of one word of a command."""
    return b"$%d\r\n%s\r\n" % (len(word), word)


def packed_of(commands: Sequence[Command], pack: Pack) -> Sequence[bytes]:
    """Return the bytes of ``commands``, by ``pack`` where they are not made yet."""
    if Packed not in map(type, commands):
        return pack(commands)
    found: list[bytes] = []
    for command in commands:
        found += (command.packed,) if isinstance(command, Packed) else pack((command,))
    return found
