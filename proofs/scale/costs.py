"""What the parts cost, and what was measured of the whole to compare the simulation with."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

KEPT = Path(__file__).parent / "measured.json"


@dataclass(frozen=True)
class Costs:
    """Seconds of a processor, of the server's unless it says otherwise; and bytes.

    A call is the script that invalidates tags of one bucket.
    """

    #: A call with one tag that nobody hears, and each further tag in it.
    call: float
    tag: float
    #: What it costs to tell one process of a call.
    message: float
    #: One heartbeat: three commands in one batch.
    beat: float
    #: What either costs besides if it finds the server asleep, and its caches cold.
    waking_call: float
    waking_beat: float
    #: A strict hit with one tag: three commands in one batch.
    hit: float
    #: What one process spends on one message: Python, a core of its own.
    heard: float
    #: A tag of some twelve letters that was invalidated, and a connection that hears.
    stamp_bytes: float
    connection_bytes: float


@dataclass(frozen=True)
class Point:
    """What ``processes`` did to a real server in a second, and the part of a processor that it took."""

    processes: int
    calls: float
    beats: float
    used: float


@dataclass(frozen=True)
class Measured:
    """``about`` says when and where."""

    about: dict[str, Any]
    costs: Costs
    points: list[Point] = field(default_factory=list)

    def save(self, path: Path = KEPT) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def kept(cls, path: Path = KEPT) -> Measured:
        told = json.loads(path.read_text())
        return cls(told["about"], Costs(**told["costs"]), [Point(**one) for one in told["points"]])
