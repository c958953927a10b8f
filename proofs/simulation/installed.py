"""Put the simulation under the code: threads, events, sockets, tokens; and take it away again.

Only names in modules of freshly and of the blocking client are replaced. What is written there stays
what it is.
"""

from __future__ import annotations

import gc
import importlib
import logging
import pkgutil
import secrets
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from random import Random
from types import ModuleType
from typing import Any

import redis.connection
import redis.utils

import freshly
import freshly.stores.redis.opening
import freshly.stores.redis.presence

from .actors import Actor, ActorEvent, ident, turn
from .fibres import Fibre, OwnThread
from .sockets import ActorSockets
from .stepping import StepLock, StepRLock


def _modules() -> list[ModuleType]:
    """Return what of freshly may run here, all of it loaded."""
    for folder in ("core", "runtime", "stores", "stores.redis", "stores.near"):
        package = importlib.import_module(f"freshly.{folder}")
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(found.name)
    return [
        module
        for name, module in sorted(sys.modules.items())
        if name.startswith("freshly") and not name.startswith("freshly.testing")
    ]


#: Seconds between two tries of a store that is down: many, in a history of a few seconds.
PAUSE = 0.05
#: Places for what a store knows of its keys: the megabyte of a real one takes longer to clear than
#: some histories to play.
PLACES = 1 << 10


class Tokens:
    """``secrets.token_hex`` by a seed."""

    def __init__(self) -> None:
        self.chance = Random(0)

    def __call__(self, nbytes: int | None = None) -> str:
        size = nbytes or 32
        return f"{self.chance.getrandbits(8 * size):0{2 * size}x}"


@contextmanager
def installed(*, is_stepped: bool = False) -> Iterator[Tokens]:
    """Run what is inside on simulated threads; the tokens want chance before each history.

    Where threads are stepped, locks are simulated as well.
    """
    tokens = Tokens()
    instead: dict[Any, Any] = {
        threading.Thread: Actor,
        threading.Event: ActorEvent,
        threading.get_ident: ident,
        # Fibres share a thread, and it would have theirs.
        threading.RLock: StepRLock,
        secrets.token_hex: tokens,
        time.monotonic: _monotonic,
    }
    if is_stepped:
        instead[threading.Lock] = StepLock
    undo: list[Callable[[], None]] = []
    _replace(undo, turn, "carrier", OwnThread if is_stepped else Fibre)
    for module in _modules():
        for name, value in list(vars(module).items()):
            if callable(value) and _is_among(value, instead):
                _replace(undo, module, name, instead[value])
    _replace(undo, redis.connection, "socket", ActorSockets())
    _replace(undo, freshly.stores.redis.opening, "DEFAULT_PAUSE", PAUSE)
    _replace(undo, freshly.stores.redis.presence, "PLACES", PLACES)
    # Read from the file of the package for each connection otherwise.
    _replace(undo, redis.utils, "get_lib_version", cache(redis.utils.get_lib_version))
    # What fails here fails on purpose.
    quiet = logging.getLogger("freshly")
    level = quiet.level
    quiet.setLevel(logging.CRITICAL + 1)
    was_enabled = gc.isenabled()
    # Else objects would close their connections whenever the collector comes by.
    gc.disable()
    gc.collect()
    gc.freeze()
    try:
        with warnings.catch_warnings():
            # A process that ends closes nothing.
            warnings.simplefilter("ignore", ResourceWarning)
            yield tokens
            gc.collect()
    finally:
        gc.unfreeze()
        if was_enabled:
            gc.enable()
        quiet.setLevel(level)
        for one in reversed(undo):
            one()


def _monotonic() -> float:
    """Return the time of the process whose turn it is."""
    return _REAL_TIME() if turn.home is None else turn.home.now()


_REAL_TIME = time.monotonic


def _is_among(value: Any, instead: dict[Any, Any]) -> bool:
    try:
        return value in instead
    except TypeError:
        return False


def _replace(undo: list[Callable[[], None]], module: Any, name: str, value: Any) -> None:
    before = getattr(module, name)
    setattr(module, name, value)
    undo.append(lambda: setattr(module, name, before))
