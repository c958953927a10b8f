"""Time of an import in a new process, with the modules and the memory it brings.

Time of the processor, so that what else the machine does matters less. Bytecode is written once and
read from then on, as it is of an installed package, also where the environment says otherwise.
"""

from __future__ import annotations

import functools
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from time import perf_counter

from ..options import Adapters, Options
from ..report import Row, Tables

MODULES = {
    "· nothing": "",
    "· asyncio": "asyncio",
    "freshly": "freshly",
    "freshly, and its cache": "freshly.default",
    "cashews": "cashews",
    "cashews with redis": "cashews, cashews.backends.redis",
    "aiocache": "aiocache",
    "async-lru": "async_lru",
    "cachebox": "cachebox",
    "theine": "theine",
    "cachetools": "cachetools",
    "cachetools-async": "cachetools_async",
    "dogpile.cache": "dogpile.cache",
    "fastapi-cache2": "fastapi_cache.decorator, fastapi_cache.backends.inmemory",
    "py-key-value": "key_value.aio.stores.memory",
    "diskcache": "diskcache",
    "redis.asyncio": "redis.asyncio",
}
CODE = """
import sys, time
began = time.process_time()
{line}
took = time.process_time() - began
print(took * 1e3, len(sys.modules), int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6)
"""


@dataclass
class Module:
    line: str
    took: list[float] = field(default_factory=list)
    process: list[float] = field(default_factory=list)
    modules: int = 0
    megabytes: float = 0.0
    error: str = ""

    def sample(self) -> None:
        if not self.took and not self.error:
            self._run()  # writes bytecode
            self.took.clear()
            self.process.clear()
        self._run()

    def _run(self) -> None:
        code = CODE.format(line=f"import {self.line}" if self.line else "pass")
        began = perf_counter()
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            capture_output=True,
            text=True,
            env=_environment(),
        )
        self.process.append((perf_counter() - began) * 1e3)
        if done.returncode:
            self.error = (done.stderr.strip().splitlines() or ["?"])[-1]
            return
        took, modules, megabytes = done.stdout.split()
        self.took.append(float(took))
        self.modules, self.megabytes = int(modules), float(megabytes)


@functools.cache
def _bytecode() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="freshly-bench-")


def _environment() -> dict[str, str]:
    given = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return given | {"PYTHONPYCACHEPREFIX": _bytecode().name}


async def run(adapters: Adapters, options: Options) -> Tables:
    found = {name: Module(line) for name, line in MODULES.items()}
    for _ in range(options.rounds_or(9)):
        for module in found.values():
            if not module.error:
                module.sample()
    bare, loop = found["· nothing"], found["· asyncio"]
    rows: list[Row] = []
    for name, module in found.items():
        if module.error:
            rows.append({"name": name, "note": module.error})
            continue
        rows.append(
            {
                "name": name,
                "import ms min": round(min(module.took), 1),
                "import ms median": round(statistics.median(module.took), 1),
                "by asyncio": round(against(module, loop), 2),
                "process ms min": round(min(module.process), 1),
                "modules": module.modules - bare.modules,
                "MB": round(module.megabytes - bare.megabytes, 1),
            }
        )
    return {"import in a new process": rows}


def against(module: Module, other: Module) -> float:
    return statistics.median([a / b for a, b in zip(module.took, other.took, strict=False)])
