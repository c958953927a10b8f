"""Bytes of every release, written by every version of Python, say what they said: for ever, everywhere.

``make test-all`` runs this on each Python of the machine. Once it has made their environments, each
run of the tests also lets this Python and the others read each other's bytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.wire.fixtures.bytes import folder, unread, written

ROOT = Path(__file__).parents[2]
FILES = sorted(folder.glob("*.json"))
OTHERS = [
    path
    for path in sorted(ROOT.glob(".venv-3.*/bin/python"))
    if (path.parents[1] / ".dev").exists() and path.parents[1] != Path(sys.prefix)
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_bytes_of_a_release_are_read_as_what_was_written(path: Path) -> None:
    assert unread(json.loads(path.read_text())) == []


def test_there_are_fixtures_of_each_version_of_python_that_is_supported() -> None:
    versions = {path.stem.partition("python")[2] for path in FILES}

    assert versions >= {"3.11", "3.12", "3.13"}


def test_what_is_written_today_are_the_bytes_of_the_release() -> None:
    """Not promised to anybody, but nothing should change them by accident: entries would be lost."""
    release, now = json.loads(FILES[0].read_text()), written()

    assert {name: now["values"][name] for name in release["values"]} == release["values"]


@pytest.mark.parametrize(
    "python",
    OTHERS or [pytest.param(None, marks=pytest.mark.skip("`make test-all` makes them"))],
    ids=str,
)
def test_another_version_of_python_and_this_one_read_each_other(python: Path) -> None:
    result = subprocess.run(
        [python, "-m", "tests.wire.fixtures", "-"],
        cwd=ROOT,
        input=json.dumps(written()),
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer["unread"] == []
    assert unread(answer["written"]) == []
