"""What a user installs: the wheel, built from the source archive, in a Python without packages."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with a new source archive and the wheel made from it."""
    out = tmp_path_factory.mktemp("dist")
    # Not isolated: hatchling is installed already, and the tests pass without a network.
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT],
        check=True,
        capture_output=True,
    )
    return out


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    [path] = dist.glob("*.whl")
    return path


def metadata_of(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def test_the_bare_wheel_imports_without_site_packages(wheel: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import freshly; "
        "assert sys.argv[1] in freshly.__file__, freshly.__file__; "
        "[getattr(freshly, name) for name in freshly.__all__]; "
        "known = (*sys.stdlib_module_names, 'freshly', '__main__', '_sysconfigdata_'); "
        "print([name for name in sys.modules if not name.startswith(known)])"
    )
    # -I: no environment, no user's packages, no current folder. -S: no site-packages either.
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", code, wheel],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "[]"


def test_the_core_requires_nothing(wheel: Path) -> None:
    required = metadata_of(wheel).get_all("Requires-Dist") or []

    assert [line for line in required if "extra ==" not in line] == []


def test_the_metadata_says_licence_and_python(wheel: Path) -> None:
    metadata = metadata_of(wheel)

    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"


def test_the_wheel_holds_the_package_its_type_marker_its_pytest_plugin_and_nothing_else(
    wheel: Path,
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    assert "freshly/py.typed" in names
    strangers = [name for name in names if not name.startswith(("freshly/", "freshly-"))]
    assert strangers == ["_freshly_pytest.py"]


def test_a_program_that_imports_it_and_then_runs_pytest_is_not_warned(
    wheel: Path, tmp_path: Path
) -> None:
    """pytest rewrites the asserts of what brings a plugin, and warns if it comes too late for that."""
    (tmp_path / "test_it.py").write_text(
        "from freshly import cache\n\ndef test(freshly_cache):\n    assert freshly_cache is cache\n"
    )
    arguments = ["-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "-W", "error"]
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import freshly, pytest; "
        "assert sys.argv[1] in freshly.__file__, freshly.__file__; "
        f"sys.exit(pytest.main({arguments!r}))"
    )

    result = subprocess.run(
        [sys.executable, "-c", code, wheel], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout + result.stderr


def test_pytest_is_told_of_the_plugin(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("/entry_points.txt")]
        text = archive.read(name).decode()

    assert text.split() == ["[pytest11]", "freshly", "=", "_freshly_pytest"]


def test_the_wheel_holds_every_module_of_the_source_tree(wheel: Path) -> None:
    source = ROOT / "src"
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.endswith(".py")}

    assert packed == {str(path.relative_to(source)) for path in source.rglob("*.py")}
