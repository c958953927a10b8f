"""What a run is told. It goes to each process as one line of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

# The faces that a run reads through, by name: see ``caches.FACES``.
THREE_DECORATORS = ("cache", "soft", "early")


@dataclass(frozen=True)
class Plan:
    """One run. The same seed gives the same reads, writes and faults, at other instants.

    ``cache`` is which one is judged, ``mutant`` which of its guards is taken out. Each process has
    ``readers`` that read with a short pause between, and ``writers`` that each write
    ``writes_a_second`` on average. Processes of an even number are asynchronous, the others use
    threads.
    """

    url: str
    folder: str
    seconds: float = 10.0
    processes: int = 4
    seed: int = 1
    cache: str = "freshly"
    mutant: str = ""
    faces: tuple[str, ...] = THREE_DECORATORS
    subjects: int = 20
    readers: int = 6
    writers: int = 2
    writes_a_second: float = 4.0
    load_seconds: float = 0.004
    think_seconds: float = 0.002

    def to_text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Plan:
        told = json.loads(text)
        return replace(cls(**told), faces=tuple(told["faces"]))
