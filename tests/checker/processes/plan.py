"""What a run is told. It goes to each process as one line of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

# The faces that a run reads through, by name: see ``caches.FACES``.
THREE_DECORATORS = ("cache", "soft", "early")


@dataclass(frozen=True)
class Plan:
    """One run. The same seed gives the same reads, writes and faults, at other instants.

    ``cache`` is which one is judged, ``mutant`` which of its guards is taken out. Each process has
    ``readers`` that read with a short pause between, and ``writers`` that each write
    ``writes_a_second`` on average. Processes of an even number are asynchronous, the others use
    threads. ``near`` is the consistency of near entries, or "" for none;
    ``stream`` where their coherence connections go, if not to ``url``.
    """

    url: str
    folder: str
    seconds: float = 10.0
    processes: int = 4
    seed: int = 1
    cache: str = "freshly"
    mutant: str = ""
    near: str = ""
    max_staleness: float = 1.0
    stream: str = ""
    faces: tuple[str, ...] = THREE_DECORATORS
    subjects: int = 20
    readers: int = 6
    writers: int = 2
    writes_a_second: float = 4.0
    load_seconds: float = 0.004
    think_seconds: float = 0.002

    @property
    def bound(self) -> float:
        """By how many seconds a process may trail the others."""
        return self.max_staleness if self.near == "bounded" else 0.0

    @property
    def options(self) -> dict[str, Any]:
        """What the cache is set up with, beside the URL."""
        if not self.near:
            return {}
        return {"near": True, "consistency": self.near, "max_staleness": self.max_staleness}

    def to_text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Plan:
        told = json.loads(text)
        return replace(cls(**told), faces=tuple(told["faces"]))
