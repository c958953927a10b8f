"""What histories are like. A seed draws one of the profiles; in each something else is frequent.

What goes wrong only if three rare things meet is met in no number of histories that have a little of
everything. So a profile has much of a few things, and those that are named after nothing have all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: What is cached in which way; ``faces`` has them.
FACES = (
    "tag",
    "soft",
    "early",
    "result",
    "nested",
    "hurried",
    "hand",
    "given",
    "several",
)
#: How something is invalidated, and how often of a hundred times.
WAYS = {
    "tag": 52,
    "keys": 10,
    "pattern": 6,
    "clear": 4,
    "writer": 10,
    "transaction": 10,
    "hold": 8,
}
#: What is done, and how often.
VERBS = {
    "read": 77,
    "many": 4,
    "impatient": 4,
    "write": 11,
    "hasty write": 1,
    "nudge": 2,
    "refresh": 1,
}
#: What goes wrong, and how often.
FAULTS = {
    "reset": 18,
    "lose replies": 16,
    "lose requests": 8,
    "half open": 8,
    "freeze": 8,
    "evict": 12,
    "evict bucket": 10,
    "forget scripts": 4,
    "flush": 4,
    "refuse writes": 8,
    "restart empty": 4,
    "restart old": 8,
    "fail over": 10,
    "fail over quietly": 10,
    "fail over and back": 8,
    "split": 10,
    "mute": 6,
    "lose messages": 6,
    "deafen": 6,
    "pause": 12,
    "crash": 6,
    "vanish": 3,
}


@dataclass(frozen=True, slots=True)
class Profile:
    """Weights, and values of which a seed draws one. Times are in seconds.

    ``crowded`` is how often all ask for one thing at a time, so that they wait for each other.
    ``busy`` is how many steps a caller has at most, ``failing`` how many of a thousand loads fail.
    """

    says: str
    often: int
    faces: tuple[str, ...] = FACES
    ways: Mapping[str, int] = field(default_factory=lambda: WAYS)
    verbs: Mapping[str, int] = field(default_factory=lambda: VERBS)
    faults: Mapping[str, int] = field(default_factory=lambda: FAULTS)
    counts: tuple[int, ...] = (0, 1, 1, 2, 3, 5)
    crowded: float = 0.3
    subjects: tuple[int, ...] = (1, 1, 2, 3)
    callers: tuple[int, ...] = (1, 2, 2, 3)
    pauses: tuple[float, ...] = (0.0, 0.005, 0.02, 0.05)
    loads: tuple[float, ...] = (0.002, 0.01, 0.03)
    ways_there: tuple[float, ...] = (0.0005, 0.002, 0.005)
    tails: tuple[float, ...] = (0.0, 0.02, 0.1)
    max_ttls: tuple[float, ...] = (86_400.0, 86_400.0, 0.2)
    leases: tuple[float, ...] = (0.0, 0.06, 0.3)
    timeouts: tuple[float, ...] = (0.1, 0.5)
    fault_spans: tuple[float, ...] = (0.005, 0.03, 0.1, 0.4)
    nears: tuple[str, ...] = ("",)
    stalenesses: tuple[float, ...] = (0.06, 0.15)
    threads: float = 0.15
    busy: int = 14
    failing: int = 20


_READS_AND_WRITES = {"read": 75, "write": 25}

PROFILES = {
    "all": Profile("a little of everything", 40, nears=("", "", "bounded", "strict")),
    "patterns": Profile(
        "patterns are deleted, while values are loaded and set by hand",
        6,
        faces=("hand", "tag"),
        ways={"pattern": 90, "tag": 10},
        verbs=_READS_AND_WRITES,
        counts=(0, 0, 0, 1),
        crowded=0.5,
        subjects=(1, 2),
        loads=(0.01, 0.03),
    ),
    "crowd": Profile(
        "many wait for one load, whose tags it tells at its end",
        6,
        faces=("result", "nested", "hurried"),
        ways={"tag": 80, "writer": 20},
        verbs=_READS_AND_WRITES,
        counts=(0, 0, 0, 1),
        crowded=1.0,
        loads=(0.01, 0.03),
    ),
    "keys": Profile(
        "keys are deleted, while values are loaded and set by hand",
        4,
        faces=("tag", "hand", "given", "several"),
        ways={"keys": 90, "tag": 10},
        verbs=_READS_AND_WRITES,
        counts=(0, 0, 0, 1),
        crowded=0.5,
        subjects=(1, 2),
        loads=(0.01, 0.03),
    ),
    "failing": Profile(
        "loads fail, where an older value may stand in",
        4,
        faces=("soft", "hurried"),
        ways={"tag": 80, "keys": 10, "writer": 10},
        verbs=_READS_AND_WRITES,
        counts=(0, 0, 1),
        subjects=(1, 2),
        failing=300,
    ),
    "prune": Profile(
        "loads take longer than stamps are kept",
        4,
        faces=("tag", "given", "hand"),
        ways={"tag": 90, "keys": 10},
        verbs={"read": 65, "write": 35},
        faults={"pause": 100},
        counts=(0, 0, 1),
        crowded=0.0,
        subjects=(2,),
        callers=(3,),
        loads=(0.1,),
        ways_there=(0.0005,),
        max_ttls=(0.02,),
        leases=(0.0,),
        busy=24,
    ),
    "primaries": Profile(
        "replicas take over, without the last writes",
        8,
        faces=("tag", "soft", "nested"),
        ways={"tag": 90, "writer": 10},
        verbs={"read": 80, "write": 20},
        faults={
            "restart old": 15,
            "fail over": 10,
            "fail over quietly": 25,
            "fail over and back": 35,
            "pause": 10,
            "crash": 5,
        },
        counts=(2, 3, 5),
        crowded=0.1,
        loads=(0.002,),
        fault_spans=(0.1, 0.4),
        subjects=(1, 2, 3),
        leases=(0.0,),
    ),
    "split": Profile(
        "a primary goes on that was replaced, and a process with it",
        8,
        faces=("tag",),
        ways={"tag": 100},
        verbs={"read": 75, "write": 25},
        faults={"split": 90, "reset": 10},
        counts=(2, 3),
        crowded=0.0,
        callers=(3,),
        pauses=(0.005, 0.02, 0.05),
        loads=(0.002,),
        ways_there=(0.0005, 0.002),
        fault_spans=(0.1, 0.4),
        subjects=(4,),
        leases=(0.0,),
        busy=24,
    ),
    "undelivered": Profile(
        "the server does not take what it is told, and answers reads",
        8,
        faces=("tag", "given", "nested"),
        ways={"tag": 70, "keys": 10, "pattern": 10, "clear": 10},
        verbs={"read": 75, "write": 25},
        faults={"refuse writes": 70, "lose requests": 15, "half open": 15},
        counts=(2, 3, 5),
        crowded=0.2,
        loads=(0.002,),
        fault_spans=(0.1, 0.4),
    ),
    "impatient": Profile(
        "callers give up what they have asked, and what they invalidate",
        6,
        faces=("tag", "soft", "hand"),
        ways={"tag": 90, "keys": 10},
        verbs={"read": 50, "impatient": 10, "write": 20, "hasty write": 20},
        counts=(0, 0, 1),
        crowded=0.5,
        loads=(0.002, 0.01),
        ways_there=(0.002, 0.005),
        subjects=(1, 2),
        threads=0.0,
        busy=24,
    ),
    "restarts": Profile(
        "the primary begins anew, without the last writes",
        4,
        faces=("tag",),
        ways={"tag": 90, "writer": 10},
        verbs={"read": 80, "write": 20},
        faults={"restart old": 100},
        counts=(5, 8),
        crowded=0.0,
        loads=(0.002,),
        fault_spans=(0.005,),
        subjects=(2, 3),
        leases=(0.0,),
    ),
    "near": Profile(
        "entries in the processes, and messages that come",
        6,
        faces=("tag", "nested", "soft", "result"),
        verbs={"read": 85, "write": 15},
        counts=(0, 0, 1, 2),
        crowded=0.0,
        subjects=(1, 2),
        loads=(0.002, 0.01),
        ways_there=(0.0005, 0.002),
        nears=("bounded",),
        stalenesses=(0.06,),
        busy=24,
    ),
    "near stream": Profile(
        "entries in the processes, and messages that do not come, or late",
        3,
        ways={"tag": 100},
        faults={"deafen": 45, "lose messages": 25, "mute": 10, "half open": 10, "pause": 10},
        counts=(3, 5, 8),
        crowded=0.0,
        callers=(2, 3),
        pauses=(0.005, 0.02),
        loads=(0.002,),
        max_ttls=(86_400.0,),
        leases=(0.0,),
        timeouts=(0.1,),
        nears=("bounded",),
        faces=("tag", "nested"),
        verbs={"read": 85, "write": 15},
        subjects=(2, 3),
        ways_there=(0.002, 0.005, 0.01),
        stalenesses=(0.06,),
        busy=24,
    ),
    "near gaps": Profile(
        "entries in the processes, and a message now and then that does not come",
        3,
        ways={"tag": 100},
        faults={"lose messages": 100},
        counts=(5, 8),
        crowded=0.0,
        callers=(3,),
        pauses=(0.005, 0.02),
        loads=(0.002,),
        max_ttls=(86_400.0,),
        leases=(0.0,),
        timeouts=(0.1,),
        nears=("bounded",),
        faces=("tag",),
        verbs={"read": 80, "write": 20},
        subjects=(4,),
        ways_there=(0.0005, 0.002),
        stalenesses=(0.15,),
        busy=30,
    ),
    "near deaf": Profile(
        "entries in the processes, and streams that fall silent",
        3,
        ways={"tag": 100},
        faults={"deafen": 100},
        counts=(3, 5),
        crowded=0.0,
        callers=(3,),
        pauses=(0.02,),
        loads=(0.002,),
        max_ttls=(86_400.0,),
        leases=(0.0,),
        timeouts=(0.3,),
        nears=("bounded",),
        faces=("tag",),
        verbs={"read": 88, "write": 12},
        subjects=(2,),
        ways_there=(0.0005,),
        fault_spans=(0.06,),
        stalenesses=(0.15,),
        busy=40,
    ),
    "near lost": Profile(
        "entries in the processes, and a server that loses what it knew",
        4,
        faces=("tag", "nested"),
        ways={"tag": 100},
        verbs={"read": 90, "write": 10},
        faults={
            "evict bucket": 30,
            "restart empty": 10,
            "restart old": 10,
            "fail over quietly": 20,
            "mute": 30,
        },
        counts=(3, 5),
        crowded=0.0,
        subjects=(1, 2),
        pauses=(0.005, 0.02),
        loads=(0.002,),
        ways_there=(0.0005, 0.002),
        fault_spans=(0.03, 0.1),
        max_ttls=(86_400.0,),
        leases=(0.0,),
        nears=("bounded",),
        stalenesses=(0.06,),
        busy=24,
    ),
    "near strict": Profile(
        "entries in the processes, each of which is asked about",
        4,
        faces=("tag", "nested", "soft", "hurried"),
        verbs={"read": 85, "write": 15},
        crowded=0.0,
        subjects=(1, 2),
        loads=(0.002, 0.01),
        nears=("strict",),
        busy=24,
    ),
}
