"""What decides how the instances of a class are written, class by class."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from freshly.core.atoms import ATOMS, atom_of
from freshly.core.containers import CONTAINERS, container_of, zone_text
from freshly.core.text import stable_text
from freshly.errors import KeyTextError


class Shown:
    def __repr__(self) -> str:
        return "shown"


def kind(module: str = __name__, base: type = Shown, **members: Any) -> type:
    """Return a class of its own, as if it were written in ``module``."""
    return type("Kind", (base,), {"__module__": module, **members})


def length(self: object) -> int:
    return 3


def array(self: object) -> None: ...


def test_what_has_a_length_or_can_become_an_array_is_no_array_by_that_alone() -> None:
    """A collection shows all of itself in its repr, and so does a number of numpy."""
    assert stable_text(kind(__len__=length)()) == "tests.core.test_content.Kind<'shown'>"
    assert stable_text(kind(__array__=array)()) == "tests.core.test_content.Kind<'shown'>"

    with pytest.raises(KeyTextError, match="shows only a part of it"):
        stable_text(kind(__len__=length, __array__=array)())


def test_an_instant_of_pandas_is_what_it_shows_since_it_is_more_than_a_datetime() -> None:
    instant = kind("pandas._libs.tslibs", datetime, __repr__=lambda self: "2024-01-02 + 7 ns")

    assert stable_text(instant(2024, 1, 2)) == "pandas._libs.tslibs.Kind<'2024-01-02 + 7 ns'>"
    assert "+ 7 ns" not in stable_text(kind("pandasql", datetime)(2024, 1, 2))


def test_an_array_of_pandas_shows_only_a_part_of_itself_even_if_it_is_a_list() -> None:
    with pytest.raises(KeyTextError, match="shows only a part of it"):
        stable_text(kind("pandas.core", list, __array__=array)())


def test_time_zones_are_known_from_the_first_one_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(CONTAINERS, ZoneInfo, raising=False)

    assert container_of(Shown) is None
    assert ZoneInfo not in CONTAINERS
    assert container_of(ZoneInfo) is zone_text


def test_so_are_atoms_of_modules_that_nobody_has_to_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(ATOMS, UUID, raising=False)

    assert atom_of(Shown) is None
    assert UUID not in ATOMS
    write = atom_of(UUID)

    assert write is not None
    assert write is atom_of(UUID)
    assert write(UUID(int=7)).startswith("UUID(")
