"""Exceptions made anew: all that Python has, and the ways in which people write theirs."""

from __future__ import annotations

import builtins
import json
from typing import Any

import pytest

from freshly.core.raised import Raised


class NotFound(Exception):
    pass


class NoUser(Exception):
    """Its args are not what it is called with."""

    def __init__(self, user_id: int, *, realm: str) -> None:
        super().__init__(f"no user {user_id} in {realm}")
        self.user_id = user_id
        self.realm = realm


class HttpError(Exception):
    """It tells Exception nothing, as some frameworks' do."""

    def __init__(self, status_code: int, detail: str | None = None) -> None:
        self.status_code = status_code
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.status_code}: {self.detail}"


class Reduced(Exception):
    """Its author says how to make it."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")
        self.both = (one, two)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.both


class Stubborn(Exception):
    """Nobody makes a second one."""

    made = 0

    def __new__(cls, *args: object) -> Stubborn:
        Stubborn.made += 1
        if Stubborn.made > 1:
            raise RuntimeError("one is enough")
        return super().__new__(cls, *args)


def anew(error: Exception) -> Exception:
    raised = Raised.of(error)
    assert raised is not None
    return raised.anew()


@pytest.mark.parametrize(
    "error",
    [
        NotFound(),
        NotFound("user", 7),
        NoUser(7, realm="acme"),
        HttpError(404, detail="no such page"),
        HttpError(status_code=404),
        Reduced(1, 2),
        KeyError("user"),
        FileNotFoundError(2, "No such file", "users.csv"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        json.JSONDecodeError("Expecting value", "{", 1),
        ExceptionGroup("two", [ValueError(1), KeyError(2)]),
        ImportError("no module", name="users", path="users.py"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_it_is_like_the_first_and_another_each_time(error: Exception) -> None:
    one, other = anew(error), anew(error)

    assert type(one) is type(error)
    assert str(one) == str(error)
    assert one.args == error.args
    assert {**vars(one)} == {**vars(error)}
    assert one is not error
    assert one is not other
    for name in ("errno", "filename", "name", "path", "reason"):
        assert getattr(one, name, None) == getattr(error, name, None)


SPECIAL = {"UnicodeDecodeError", "UnicodeEncodeError", "UnicodeTranslateError"}
GROUPS = {"BaseExceptionGroup", "ExceptionGroup"}
CLASSES = [
    kind
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, Exception) and name not in SPECIAL | GROUPS
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_exception_of_python_is_made_anew(kind: type[Exception]) -> None:
    for args in [(), ("text",), ("one", 2)]:
        try:
            error = kind(*args)
        except TypeError:
            continue
        assert (type(anew(error)), anew(error).args, str(anew(error))) == (kind, error.args, str(error))


def test_neither_frames_nor_causes_are_kept() -> None:
    """They hold what the loader had in its hands."""
    try:
        try:
            raise ValueError("inside")
        except ValueError as inside:
            raise NotFound("outside") from inside
    except NotFound as error:
        made = anew(error)

    assert (made.__traceback__, made.__cause__, made.__context__) == (None, None, None)


def test_notes_are_kept_and_are_each_ones_own() -> None:
    error = NotFound("user")
    error.add_note("asked for by name")

    raised = Raised.of(error)
    assert raised is not None
    one, other = raised.anew(), raised.anew()
    one.add_note("and by number")

    assert other.__notes__ == raised.anew().__notes__ == ["asked for by name"]


def test_one_that_cannot_be_made_anew_is_none() -> None:
    assert Raised.of(Stubborn("first")) is None
