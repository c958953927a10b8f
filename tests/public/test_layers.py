"""The layers hold, and the contracts that say so can fail.

The contracts stand in pyproject.toml. import-linter runs them as ``make check`` does, in a process
of its own: it reads the files of the package that it finds on the path, here a copy of ours.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    """Run the contracts on the package ``tree``/freshly."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            f"--config={ROOT / 'pyproject.toml'}",
            "--no-cache",
        ],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_import_goes_downwards() -> None:
    result = lint_imports(ROOT / "src")

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "forbidden", "contract"),
    [
        ("core/verdict.py", "import time", "The core asks for no time"),
        ("core/flight.py", "def later():\n    import asyncio", "The core asks for no time"),
        ("core/entry.py", "from freshly.core import engine", "The core reads top-down"),
        ("core/verdict.py", "from freshly.stores import memory", "Imports go downwards"),
        ("errors.py", "from freshly.core import entry", "Imports go downwards"),
        ("runtime/clock.py", "from freshly.stores import memory", "Imports go downwards"),
        ("stores/eviction.py", "from freshly.stores import memory", "The stores do not know"),
    ],
)
def test_a_forbidden_import_is_reported(
    tmp_path: Path, module: str, forbidden: str, contract: str
) -> None:
    shutil.copytree(
        ROOT / "src" / "freshly", tmp_path / "freshly", ignore=shutil.ignore_patterns("__pycache__")
    )
    path = tmp_path / "freshly" / module
    path.write_text(f"{path.read_text()}\n{forbidden}\n")

    result = lint_imports(tmp_path)

    assert result.returncode == 1, result.stdout + result.stderr
    broken = [line for line in result.stdout.splitlines() if line.endswith("BROKEN")]
    assert any(line.startswith(contract) for line in broken), result.stdout
