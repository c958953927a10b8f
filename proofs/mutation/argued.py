"""Changes of the core that change nothing which a caller, a store or an observer can see, and why.

What is here is not counted as noticed. It is named as ``Site.name`` has it: the file, the function and
the change, without the line.
"""

from __future__ import annotations

ARGUED: dict[str, str] = {
    "duration _choices: len(UNIT_MS) + 1: Sub": "a text of five or six units is never the shortest",
    "duration _decimals: int(exponent) > 0: GtE": "no float is written with an exponent of 0",
}
