"""The model of a cache: what every call has to give, worked out without one.

It knows instants, pauses, holds and tags, and takes everything else from plain dicts. What loads and
in what order is in it too: a refresh behind a reader comes before what the reader waits for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

from freshly import until

FOR_EVER = 30 * 86_400.0
PAUSE = 1.0
#: Chance always says this.
DICE = 0.5
#: 50 seconds before one o'clock, in seconds since the epoch.
WALL_SECONDS = 3550.0
ONE_O_CLOCK = 3600.0
A_DAY = 86_400.0


class SourceDown(Exception):
    """What a loader raises while the source is down."""


class Absent(Exception):
    """What a loader raises, or gives, for what the source says is not there."""


class Mood(Enum):
    """What the source does when it is asked."""

    UP = "it gives the next number"
    DOWN = "it cannot be reached"
    ABSENT = "it says that there is nothing"
    GONE = "it has no more of one of many"
    UNCHANGED = "it confirms what it gave, if it is told what that was"
    BRIEF = "it says that its value lives shortly"
    SECRET = "it says that its value is not to be stored"


FAILED = "the source was down"


def constant(seconds: float) -> Callable[[int, float], float]:
    return lambda value, wall: seconds


@dataclass(frozen=True)
class Policy:
    """Options of a decorator, and what they come to: spans in seconds from the birth.

    ``ttl`` is worked out from the value and the time of day; 0 keeps nothing. ``idle`` is the span from
    the last read, and ``absent`` how long an exception is kept. ``speaks`` says that its loaders use
    ``cache.current``.
    """

    options: Mapping[str, Any]
    ttl: Callable[[int, float], float]
    soft: float | None = None
    early: float | None = None
    grace: float = 0.0
    idle: float | None = None
    absent: float | None = None
    speaks: bool = False
    # Generators do not know all options.
    in_place: Policy | None = None

    @property
    def of_sequences(self) -> Policy:
        return self if self.in_place is None else self.in_place


def seconds_until_one(value: int, wall: float) -> float:
    return (ONE_O_CLOCK - wall) % A_DAY or A_DAY


def by_value(value: int, wall: float = 0.0) -> float:
    return 0 if value % 3 == 0 else 4 + value % 4


POLICIES = {
    "plain": Policy({"ttl": 10}, constant(10)),
    "soft": Policy({"ttl": 10, "soft_ttl": 5}, constant(10), soft=5),
    "early": Policy({"ttl": 10, "early_ttl": 4}, constant(10), early=4),
    "grace": Policy({"ttl": 10, "grace": 5}, constant(10), grace=5),
    "all": Policy(
        {"ttl": 10, "soft_ttl": 6, "early_ttl": 3, "grace": 5}, constant(10), soft=6, early=3, grace=5
    ),
    "sliding": Policy(
        {"ttl": 4, "sliding": True, "max_age": 12, "soft_ttl": 8, "grace": 3},
        constant(12),
        soft=8,
        grace=3,
        idle=4,
        in_place=Policy({"ttl": 8, "soft_ttl": 4, "grace": 3}, constant(8), soft=4, grace=3),
    ),
    "answers": Policy(
        {"ttl": 10, "soft_ttl": 5, "grace": 5, "cache_exceptions": {Absent: 3}},
        constant(10),
        soft=5,
        grace=5,
        absent=3,
        in_place=Policy({"ttl": 6}, constant(6)),
    ),
    "computed": Policy(
        {"ttl": lambda result: by_value(result if isinstance(result, int) else result[0]), "grace": 2},
        by_value,
        grace=2,
    ),
    "until": Policy(
        {"ttl": until("01:00", tz="UTC"), "soft_ttl": 5, "grace": 3},
        seconds_until_one,
        soft=5,
        grace=3,
    ),
    "jitter": Policy(
        {"ttl": 10, "soft_ttl": 4, "grace": 2, "jitter": 0.5}, constant(7.5), soft=3, grace=2
    ),
    "current": Policy(
        {"ttl": 10, "soft_ttl": 6, "grace": 5}, constant(10), soft=6, grace=5, speaks=True
    ),
}


@dataclass(frozen=True)
class _ByHand:
    policy: Policy
    tags: tuple[str, ...]


#: What ``get_or_set`` and ``get_or_set_many`` are told.
BY_HAND = _ByHand(Policy({"ttl": 8, "soft_ttl": 4, "grace": 4}, constant(8), soft=4, grace=4), ("all",))


@dataclass(frozen=True)
class Ask:
    """What is asked of one entry: its key, the tags that it must have, the policy of who asks."""

    key: str
    tags: frozenset[str]
    policy: Policy


@dataclass
class Kept:
    """An entry. Its value is a number, or an exception that is kept as if it were one."""

    value: Any
    tags: frozenset[str]
    born: float
    early_at: float
    stale_at: float
    longest: float
    grace: float = 0.0
    idle: float | None = None
    read_at: float = 0.0
    has_etag: bool = False

    @property
    def expires_at(self) -> float:
        return self.longest if self.idle is None else min(self.read_at + self.idle, self.longest)

    @property
    def dead_at(self) -> float:
        return self.expires_at + self.grace

    def renew(self, now: float) -> None:
        if now < self.expires_at:
            self.read_at = now


@dataclass
class World:
    """The whole cache. Every method returns what the call of that name has to give."""

    now: Callable[[], float]
    names: list[str] = field(default_factory=list)
    kept: dict[str, Kept] = field(default_factory=dict)
    pauses: dict[str, float] = field(default_factory=dict)
    holds: list[tuple[float, frozenset[str], frozenset[str]]] = field(default_factory=list)
    marks_of_once: dict[str, float] = field(default_factory=dict)
    # The last entry with an etag under a key: a source may confirm it also when it is invalid.
    formers: dict[str, Kept] = field(default_factory=dict)
    loads: int = 0
    last: int = 0
    # By key, the first number that may be served after the last invalidation.
    at_least: dict[str, int] = field(default_factory=dict)

    # -- reading -----------------------------------------------------------------------------

    def read(self, ask: Ask, mood: Mood, *, confirmed: bool) -> Any:
        """``confirmed`` says that the loader did: of what is invalid the model cannot know it."""
        entry, verdict = self._judge(ask)
        if verdict == "serve":
            return self._serve(ask, entry)
        if verdict == "behind":
            self._load(ask, entry, mood, confirmed=confirmed)
            return self._serve(ask, entry)
        outcome = self._load(ask, entry, mood, confirmed=confirmed)
        if self._has_failed(ask, outcome) and entry is not None:
            return self._serve(ask, entry)
        return self._checked(ask, outcome)

    def read_many(self, asks: Mapping[Any, Ask], mood: Mood) -> Any:
        """One load behind for what is served and has to be refreshed, then one for what is missing."""
        found = dict.fromkeys(asks)
        entries = {one: self._judge(ask) for one, ask in asks.items()}
        behind = [one for one, (_, verdict) in entries.items() if verdict == "behind"]
        missing = [one for one, (_, verdict) in entries.items() if verdict == "load"]
        for one, (entry, verdict) in entries.items():
            if verdict != "load":
                found[one] = self._serve(asks[one], entry)
        self._load_many(asks, entries, behind, mood)
        outcomes = self._load_many(asks, entries, missing, mood)
        for one, outcome in outcomes.items():
            entry = entries[one][0]
            if outcome is None:
                del found[one]
            elif self._has_failed(asks[one], outcome) and entry is not None:
                found[one] = self._serve(asks[one], entry)
            elif outcome is FAILED:
                return FAILED
            else:
                found[one] = self._checked(asks[one], outcome)
        return found

    def read_and_leave(self, ask: Ask) -> Any:
        """Read the beginning of a sequence, whose source is up, and leave."""
        entry, verdict = self._judge(ask)
        if verdict != "load" or entry is not None:
            return self.read(ask, Mood.UP, confirmed=False)
        self.loads += 1
        self.last += 1
        return self.last

    def _judge(self, ask: Ask) -> tuple[Kept | None, str]:
        now, entry = self.now(), self.kept.get(ask.key)
        if entry is None or now >= entry.dead_at or not ask.tags <= entry.tags:
            return None, "load"
        if now < min(entry.early_at, entry.expires_at) or now < self.pauses.get(ask.key, now):
            return entry, "serve"
        return entry, "behind" if now < entry.expires_at else "load"

    def _serve(self, ask: Ask, entry: Kept | None) -> Any:
        assert entry is not None
        entry.renew(self.now())
        return self._checked(ask, entry.value)

    def _checked(self, ask: Ask, outcome: Any) -> Any:
        """The promise: nothing from before the last invalidation is ever what a read has to give."""
        number = outcome.args[0] if isinstance(outcome, Absent) else outcome
        assert not isinstance(number, int) or number >= self.at_least.get(ask.key, 0)
        return outcome

    def _has_failed(self, ask: Ask, outcome: Any) -> bool:
        return outcome is FAILED or (isinstance(outcome, Absent) and ask.policy.absent is None)

    # -- loading -----------------------------------------------------------------------------

    def _load(self, ask: Ask, entry: Kept | None, mood: Mood, *, confirmed: bool) -> Any:
        """Have one value loaded; return it, an ``Absent``, or ``FAILED``."""
        self.loads += 1
        if mood is Mood.DOWN:
            return self._fail(ask, entry, FAILED)
        can_confirm = entry is not None and entry.has_etag
        if mood is Mood.UNCHANGED and ask.policy.speaks:
            assert confirmed or not can_confirm
            if confirmed:
                return self._confirm(ask, entry)
        self.last += 1
        if mood is Mood.ABSENT:
            return self._absent(ask, entry)
        spoken = mood if ask.policy.speaks else Mood.UP
        if spoken is not Mood.SECRET:
            self._keep(ask, self.last, is_brief=spoken is Mood.BRIEF)
        self.pauses.pop(ask.key, None)
        return self.last

    def _load_many(
        self,
        asks: Mapping[Any, Ask],
        entries: Mapping[Any, tuple[Kept | None, str]],
        some: list[Any],
        mood: Mood,
    ) -> dict[Any, Any]:
        """Have several loaded at once; ``None`` stands for one of which the source has no more."""
        outcomes: dict[Any, Any] = {}
        self.loads += bool(some)
        for one in some:
            ask, entry, is_first = asks[one], entries[one][0], str(one)[-1] == "1"
            if mood is Mood.DOWN:
                outcomes[one] = self._fail(ask, entry, FAILED)
            elif is_first and mood is Mood.GONE:
                outcomes[one] = None
                self.pauses.pop(ask.key, None)
                if entry is not None:
                    self.delete([ask.key])
            else:
                self.last += 1
                if is_first and mood is Mood.ABSENT:
                    outcomes[one] = self._absent(ask, entry)
                    continue
                outcomes[one] = self.last
                self._keep(ask, self.last, speaks=False)
                self.pauses.pop(ask.key, None)
        return outcomes

    def _fail(self, ask: Ask, entry: Kept | None, outcome: Any) -> Any:
        if entry is not None:
            self.pauses[ask.key] = self.now() + PAUSE
        return outcome

    def _absent(self, ask: Ask, entry: Kept | None) -> Absent:
        absent, span = Absent(self.last), ask.policy.absent
        if span is None:
            self._fail(ask, entry, absent)
            return absent
        ends = self.now() + span
        self._store(ask.key, Kept(absent, ask.tags, self.now(), ends, ends, ends))
        self.pauses.pop(ask.key, None)
        return absent

    def _confirm(self, ask: Ask, entry: Kept | None) -> int:
        former = entry if entry is not None else self.formers[ask.key]
        value: int = former.value
        # What the source confirms is as of now, whatever was invalidated before.
        self.at_least[ask.key] = min(value, self.at_least.get(ask.key, 0))
        self._keep(ask, value, besides=former.tags)
        self.pauses.pop(ask.key, None)
        return value

    def _keep(
        self,
        ask: Ask,
        value: int,
        *,
        besides: frozenset[str] = frozenset(),
        is_brief: bool = False,
        speaks: bool = True,
    ) -> None:
        now, policy = self.now(), ask.policy
        ttl = policy.ttl(value, WALL_SECONDS + now)
        if ttl <= 0:
            return
        soft = ttl if policy.soft is None else min(policy.soft, ttl)
        if is_brief:
            ttl, soft = 3, 2
        early = soft if policy.early is None else policy.early
        self._store(
            ask.key,
            Kept(
                value,
                ask.tags | besides,
                born=now,
                early_at=now + early,
                stale_at=now + soft,
                longest=now + ttl,
                grace=policy.grace,
                idle=policy.idle,
                read_at=now,
                has_etag=policy.speaks and speaks,
            ),
        )

    def _store(self, key: str, entry: Kept) -> None:
        if self._is_held(key, entry.tags):
            return
        self.kept[key] = entry
        if entry.has_etag:
            self.formers[key] = entry
        else:
            self.formers.pop(key, None)

    def _is_held(self, key: str, tags: frozenset[str]) -> bool:
        return any(self.now() < end and (key in keys or tags & held) for end, held, keys in self.holds)

    @property
    def is_holding(self) -> bool:
        return any(self.now() < end for end, _, _ in self.holds)

    # -- commands ----------------------------------------------------------------------------

    def exists(self, key: str) -> bool:
        entry = self.kept.get(key)
        return entry is not None and self.now() < entry.expires_at

    def get(self, key: str) -> Any:
        if not self.exists(key):
            return None
        self.kept[key].renew(self.now())
        return self.kept[key].value

    def get_many(self, keys: Iterable[str]) -> dict[str, int]:
        there = [key for key in keys if self.exists(key)]
        return {key: self.get(key) for key in there if not isinstance(self.kept[key].value, Absent)}

    def set(
        self, key: str, value: int, ttl: float | None, soft_ttl: float | None, tags: frozenset[str]
    ) -> bool:
        self.last = max(self.last, value)
        if self._is_held(key, tags):
            self.delete([key])
            return False
        now = self.now()
        ends = now + (FOR_EVER if ttl is None else ttl)
        stale_at = ends if soft_ttl is None else min(now + soft_ttl, ends)
        self._store(key, Kept(value, tags, now, stale_at, stale_at, ends))
        self.pauses.pop(key, None)
        self.at_least[key] = value
        return True

    def delete(self, keys: Iterable[str], *, hold: float | None = None) -> int:
        """Return how many of them a command would have found."""
        keys = list(keys)
        if hold is not None:
            self.holds.append((self.now() + hold, frozenset(), frozenset(keys)))
        found = sum(self.exists(key) for key in dict.fromkeys(keys))
        for key in keys:
            self.kept.pop(key, None)
            self.formers.pop(key, None)
            self.at_least[key] = self.last + 1
        return found

    def invalidate(self, tags: Iterable[str], *, hold: float | None = None) -> None:
        named = frozenset(tags)
        if hold is not None:
            self.holds.append((self.now() + hold, named, frozenset()))
        for key in [key for key, entry in self.kept.items() if entry.tags & named]:
            del self.kept[key]
            self.at_least[key] = self.last + 1

    def mark_stale(self, tags: Iterable[str]) -> None:
        named = frozenset(tags)
        for entry in self.kept.values():
            if entry.tags & named:
                entry.early_at = entry.stale_at = entry.born

    def keys_like(self, pattern: str) -> list[str]:
        ends = ("0", "1", "seq:0", "seq:1")
        places = [f"{name}:{end}" for name in self.names for end in ends]
        return [key for key in places if fnmatchcase(key, pattern)]

    def transact(self, steps: list[tuple[str, str, int]], key: str, *, fails: bool) -> Any:
        """Return what ``get(key)`` gives inside, after all steps."""
        self.last += len(steps)
        there = self.kept.get(key)
        outside = deepcopy((self.kept, self.pauses, self.formers, self.at_least))
        for kind, at, value in steps:
            if kind == "set":
                self.set(at, value, 5, None, frozenset({"all"}))
            elif kind == "delete":
                self.delete([at])
            else:
                self.invalidate(["all"])
        seen = self.get(key)
        if fails:
            if there is not None and self.kept.get(key) is there and self.exists(key):
                # It was read, whatever becomes of the rest.
                outside[0][key].renew(self.now())
            self.kept, self.pauses, self.formers, self.at_least = outside
        return seen

    def once(self, key: str, ttl: float, *, fails: bool) -> bool:
        """Return whether it runs."""
        if self.now() < self.marks_of_once.get(key, 0.0):
            return False
        if not fails:
            self.marks_of_once[key] = self.now() + ttl
        return True
