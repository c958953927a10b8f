"""The stable text of values with parts: lists, dicts, datetimes with their zone.

A writer is given ``write``, which returns the text of a part. What has no order is sorted by text.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from datetime import datetime, time, timezone
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias

from .atoms import home_of
from .unstable import unstable

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["CONTAINERS", "Write", "Writer", "container_of", "mapping_text", "zone_text"]

Write: TypeAlias = Callable[[object], str]

#: Writes a value of one type, and of its subclasses, whatever these override.
Writer: TypeAlias = Callable[[Any, Write], str]


def mapping_text(pairs: Iterable[tuple[object, object]], write: Write) -> str:
    texts = sorted((write(key), write(value)) for key, value in pairs)
    return "{" + ",".join(f"{key}:{value}" for key, value in texts) + "}"


def _list(value: list[Any], write: Write) -> str:
    return f"[{','.join(map(write, list.__iter__(value)))}]"


def _tuple(value: tuple[Any, ...], write: Write) -> str:
    texts = list(map(write, tuple.__iter__(value)))
    return f"({texts[0]},)" if len(texts) == 1 else f"({','.join(texts)})"


def _set(value: set[Any], write: Write) -> str:
    texts = sorted(map(write, set.__iter__(value)))
    return "{" + ",".join(texts) + "}" if texts else "set()"


def _frozenset(value: frozenset[Any], write: Write) -> str:
    texts = sorted(map(write, frozenset.__iter__(value)))
    return "frozenset({" + ",".join(texts) + "})" if texts else "frozenset()"


def _dict(value: dict[Any, Any], write: Write) -> str:
    return mapping_text(dict.items(value), write)


def _proxy(value: MappingProxyType[Any, Any], write: Write) -> str:
    return f"mappingproxy({mapping_text(value.items(), write)})"


def _counter(value: Counter[Any], write: Write) -> str:
    return f"Counter({_dict(value, write)})"


def _defaultdict(value: defaultdict[Any, Any], write: Write) -> str:
    return f"defaultdict({write(value.default_factory)},{_dict(value, write)})"


def _ordered(value: OrderedDict[Any, Any], write: Write) -> str:
    pairs = (f"({write(key)},{write(each)})" for key, each in OrderedDict.items(value))
    return f"OrderedDict([{','.join(pairs)}])"


def _deque(value: deque[Any], write: Write) -> str:
    texts = ",".join(map(write, deque.__iter__(value)))
    return f"deque([{texts}])" if value.maxlen is None else f"deque([{texts}],{value.maxlen})"


def _slice(value: slice, write: Write) -> str:
    return f"slice({write(value.start)},{write(value.stop)},{write(value.step)})"


def _namespace(value: SimpleNamespace, write: Write) -> str:
    return f"SimpleNamespace({mapping_text(vars(value).items(), write)})"


def _datetime(value: datetime, write: Write) -> str:
    moment = f"{datetime.date(value).isoformat()}T{_clock_time(datetime.time(value))}"
    return f"datetime({moment!r}{_zone(value, write)})"


def _time(value: time, write: Write) -> str:
    return f"time({_clock_time(value)!r}{_zone(value, write)})"


def _clock_time(value: time) -> str:
    return time(value.hour, value.minute, value.second, value.microsecond).isoformat()


def _zone(value: datetime | time, write: Write) -> str:
    """Return zone and fold: equal instants in two zones are two values."""
    zone = "" if value.tzinfo is None else f",{write(value.tzinfo)}"
    return f"{zone},fold=1" if value.fold else zone


def _timezone(value: timezone, write: Write) -> str:
    offset, name = value.utcoffset(None), value.tzname(None)
    if not offset and name == "UTC":
        return "timezone.utc"
    return f"timezone({write(offset)},{name!r})"


def zone_text(value: ZoneInfo, write: Write) -> str:
    if value.key is None:
        raise unstable(value, "it was read from a file and has no name")
    return f"ZoneInfo({value.key!r})"


CONTAINERS: dict[type, Writer] = {
    Counter: _counter,
    datetime: _datetime,
    defaultdict: _defaultdict,
    deque: _deque,
    dict: _dict,
    frozenset: _frozenset,
    list: _list,
    MappingProxyType: _proxy,
    OrderedDict: _ordered,
    set: _set,
    SimpleNamespace: _namespace,
    slice: _slice,
    time: _time,
    timezone: _timezone,
    tuple: _tuple,
}


def container_of(cls: type) -> Writer | None:
    """Return what writes values of exactly ``cls``, or ``None`` if they are no containers."""
    if home_of(cls) == "zoneinfo" and cls not in CONTAINERS:
        from zoneinfo import ZoneInfo  # late, as in atoms.py

        CONTAINERS[ZoneInfo] = zone_text
    return CONTAINERS.get(cls)
