"""The canonical text of a value: what stands for it in a key.

Two values share a text only if they have the same type and the same content, all the way down:
``1``, ``1.0``, ``True`` and ``'1'`` differ. The text is the same in every process, whatever its
hash seed: sets and dicts are sorted by text, and nothing is written by its address. It looks like
Python, so that a key can be read.

The parts: atoms.py writes values without parts, containers.py builtins with parts, content.py the
instances of classes. Each bracket is closed and each free text quoted, so texts can be put together
without a separator being mistaken.
"""

from __future__ import annotations

from .atoms import atom_of
from .content import text_of
from .unstable import unstable

__all__ = ["stable_text"]

# Levels of values within values. Each takes about five of Python's 1000 frames.
_DEPTH = 64


def stable_text(value: object) -> str:
    """Return the text of ``value``.

    Raises:
        KeyTextError: if it has none: an object that is known by its address only, a function
            without a global name, a file or a generator, a container within itself, or anything
            that contains one of these. An error of its ``__cache_key__`` or ``__repr__`` passes
            through.
    """
    return _write(value, ())


def _write(value: object, outer: tuple[int, ...]) -> str:
    atom = atom_of(type(value))
    if atom is not None:
        return atom(value)
    if id(value) in outer:
        raise unstable(value, "it contains itself")
    if len(outer) == _DEPTH:
        raise unstable(value, f"it is nested more than {_DEPTH} levels deep")
    here = (*outer, id(value))
    return text_of(value, lambda part: _write(part, here))
