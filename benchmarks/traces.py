"""Traces of keys to replay: made from a seed, and public ones from a folder."""

from __future__ import annotations

import gzip
import random
from itertools import accumulate
from pathlib import Path

Trace = list[int]

REQUESTS = 150_000
UNIVERSE = 50_000
#: Loops over more keys than there is room for: whoever looks at the past only gets nothing of them.
LOOPS = ("loop", "gli")


def zipf(exponent: float, seed: int, requests: int) -> Trace:
    chance = random.Random(seed)
    keys = list(range(UNIVERSE))
    chance.shuffle(keys)
    weights = list(accumulate(1.0 / rank**exponent for rank in range(1, UNIVERSE + 1)))
    return chance.choices(keys, cum_weights=weights, k=requests)


def synthetic(requests: int = REQUESTS) -> dict[str, Trace]:
    """Popularity by Zipf's law with three exponents; with scans, with a loop, with drift."""
    loop = [10**7 + place % 8_000 for place in range(requests)]
    mixed = zipf(0.9, 6, requests)
    drifting = zipf(1.0, 7, requests)
    return {
        "zipf 0.8": zipf(0.8, 8, requests),
        "zipf 0.9": zipf(0.9, 9, requests),
        "zipf 1.0": zipf(1.0, 10, requests),
        "zipf 0.9 + scans 30%": _with_scans(zipf(0.9, 5, requests))[:requests],
        "zipf 0.9 + loop 50%": [
            key if place % 2 else loop[place // 2] for place, key in enumerate(mixed)
        ],
        "zipf 1.0 drifting": [
            (key + place // 15_000 * 3_001) % UNIVERSE for place, key in enumerate(drifting)
        ],
    }


def _with_scans(trace: Trace) -> Trace:
    found: Trace = []
    cold = 10**7
    for start in range(0, len(trace), 7_000):
        found += trace[start : start + 7_000]
        found += range(cold, cold + 3_000)
        cold += 3_000
    return found


def public(folder: Path | None) -> dict[str, Trace]:
    """Read ``*.trace.gz``, one key a line: the format of the LIRS traces."""
    if folder is None:
        return {}
    found: dict[str, Trace] = {}
    for path in sorted(folder.glob("*.trace.gz")):
        lines = gzip.decompress(path.read_bytes()).decode().split()
        keys = [int(line) for line in lines if line.isdigit()][:REQUESTS]
        found[path.name.removesuffix(".trace.gz")] = keys
    return found
