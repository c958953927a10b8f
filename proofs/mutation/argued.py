"""Changes of the core that change nothing which a caller, a store or an observer can see, and why.

What is here is not counted as noticed. It is named as ``Site.name`` has it: the file, the function and
the change, without the line.
"""

from __future__ import annotations

_FORWARD = "parameters parameters: return dict(inspect.signature(function, annotation_format...: None"
_PYTHON = "which interpreter it is says what is to be asked; CI runs each"
_READINGS = "no clock begins below 2 ** 20: no reading is one of these"
_UNTOLD = "of a load that failed nobody is told whether it was stored"
_CALLS = "calls are compared for being the same, and not counted"
_LOST = "a runtime abandons what its job has not ended, a turn of the loop later"
_ALONE = "then the instants of each life are counted the long way, and are the same"
_EXPONENTS = "no float is written with an exponent of -4 to 15"
_UNANSWERED = "a look without an answer is asked for its stamp before"

ARGUED: dict[str, str] = {
    "carrier fly_many: True: False": "nobody waits for a carrier, but for the flights that it carries",
    "duration _choices: 1: 2": "there is no choice of more units than there are",
    "duration _choices: len(UNIT_MS) + 1: Sub": "a text of five or six units is never the shortest",
    "duration _decimals: 0: 1": _EXPONENTS,
    "duration _decimals: int(exponent) > 0: GtE": _EXPONENTS,
    "convoy _taken_off: True: False": (
        "of a load behind its readers nobody asks who is its pilot, and that it is behind is noticed"
    ),
    "engine _always_overtakes: True: False": _UNANSWERED,
    "engine _always_overtakes: return True: None": _UNANSWERED,
    "flight reaches: seen.add(flight): left out": "flights that wait in a circle are refused",
    "identity __init__: 1: 2": "tokens are told apart, and not counted",
    "identity _identity: known() is obj: IsNot": (
        "what is known of an address is forgotten before another object has it, and one that is "
        "known already is kept"
    ),
    "inside _rider: True: False": "of a load inside of a transaction nobody asks who is its pilot",
    "parameters parameters: 3: 4": _PYTHON,
    "parameters parameters: 14: 15": _PYTHON,
    "parameters parameters: sys.version_info >= (3, 14): Gt": _PYTHON,
    "stamp __init__: False: True": "then detours are asked, of which there are none",
    "turns wake: 1: 2": _CALLS,
    "turns wake: turn.calls += 1: Sub": _CALLS,
    "engine _take_turn: self._flights.abandon(flight): left out": _LOST,
    "convoy _take_turn_together: self._flights.abandon(carrier): left out": _LOST,
    "flight __init__: 1: 2": "tickets are compared with each other, and not counted",
    "lifetime __post_init__: 4: 5": _ALONE,
    "lifetime __post_init__: object.__setattr__(self, '_alone', self.ttl): left out": _ALONE,
    "undelivered delivered: 1: 2": (
        "what waits no more has a number above the parcel's either way, and deliveries are compared "
        "for being the same"
    ),
    "undelivered __init__: 0: 1": "deliveries are compared for being the same, and not counted",
    "breaker __init__: 0.0: 1.0": "it is read only after it was set, by what opens the breaker",
    "breaker answered: self.answers += 1: Sub": "answers are compared for being the same, not counted",
    "carrier _fail_rest: False: True": _UNTOLD,
    _FORWARD: _PYTHON,
    "solo fail: False: True": _UNTOLD,
    "pilot fly: False: True": _UNTOLD,
    "solo land: self._end(): left out": "whoever leaves ends a load that has not ended",
    "stamp overtaken: 0: 1": _READINGS,
    "stamp settle: 0: 1": _READINGS,
}
