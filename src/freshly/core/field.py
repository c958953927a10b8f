"""The fields of a template: what stands between its braces, read and checked.

``string.Formatter`` splits a template as ``str.format`` does; this module reads what is in the
braces and refuses what an f-string would refuse, or render differently.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter
from typing import NamedTuple

__all__ = ["EACH", "ELEMENT", "Field", "read"]

EACH = "[]"
ELEMENT = "*"  # the name of the element behind a []: no parameter is called so

_PATH = re.compile(r"([^.\[\]]*)((?:\.[^.\[\]]+|\[[^\]]*\])*)")
_STEP = re.compile(r"\.[^.\[\]]+|\[[^\]]*\]")
_CONVERSIONS = (None, "r", "s", "a")


class Field(NamedTuple):
    """One field: ``{result.items[].id!r:>5}`` has the steps ``.items``, ``[]`` and ``.id``."""

    name: str
    steps: tuple[str, ...]
    ending: str

    @property
    def path(self) -> str:
        """What is read: ``result.items[].id``."""
        return self.name + "".join(self.steps)

    @property
    def collection(self) -> str | None:
        """The path up to ``[]``: ``result.items``; ``None`` if there is no ``[]``."""
        if EACH not in self.steps:
            return None
        return self.name + "".join(self.steps[: self.steps.index(EACH)])

    def of_element(self) -> str:
        """Return this field for ``str.format``, reading behind ``[]`` from the element."""
        if EACH not in self.steps:
            return f"{{{self.path}{self.ending}}}"
        behind = self.steps[self.steps.index(EACH) + 1 :]
        return f"{{{ELEMENT}{''.join(behind)}{self.ending}}}"


def read(template: str) -> Iterator[tuple[str, Field | None]]:
    """Yield the literals of ``template``, each with the field behind it.

    Raises:
        ValueError: in words that go behind ``tags='...': ``.
    """
    for literal, path, spec, conversion in Formatter().parse(template):
        yield literal, None if path is None else _field(path, spec or "", conversion)


def _field(path: str, spec: str, conversion: str | None) -> Field:
    if conversion not in _CONVERSIONS:
        raise ValueError(f"!{conversion} is no conversion; there are !r, !s and !a")
    if "{" in spec or "}" in spec:
        raise ValueError(f"the format spec {spec!r} has a field of its own; write it out")
    name, steps = _split(path)
    if not name or name.isdecimal():
        raise ValueError(f"{{{path}}} has no name; fields are named, like {{user_id}}")
    if steps.count(EACH) > 1:
        raise ValueError(f"{{{path}}} has more than one []; a template goes through one collection")
    ending = (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
    return Field(name, steps, ending)


def _split(path: str) -> tuple[str, tuple[str, ...]]:
    found = _PATH.fullmatch(path)
    if found is None:
        raise ValueError(f"{{{path}}} is no path; write {{name}}, {{name.attribute}}, {{name[0]}}")
    name, rest = found.groups()
    steps = tuple(_STEP.findall(rest))
    for step in steps:
        if step[0] == "." and not step[1:].isidentifier():
            raise ValueError(f"{{{path}}}: {step[1:]!r} is no name of an attribute")
    return name, steps
