"""What a run was asked for, and what a scenario gives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .adapter import Adapter
from .report import Tables


@dataclass(frozen=True)
class Options:
    rounds: int = 0
    quick: bool = False
    #: A folder of public traces, one key a line.
    traces: Path | None = None

    def rounds_or(self, usual: int) -> int:
        return self.rounds or (max(5, usual // 3) if self.quick else usual)


Adapters = Sequence[type[Adapter]]
Scenario = Callable[[Adapters, Options], Awaitable[Tables]]


def run(scenario: Scenario, adapters: Adapters, options: Options) -> Tables:
    async def go() -> Tables:
        return await scenario(adapters, options)

    return asyncio.run(go())
