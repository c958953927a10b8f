"""The cache against a model that anyone can read: a dict, a clock, and what was invalidated.

The source counts its versions; each value is the version that its load saw. The model says for
every call which version comes back, whether the loader runs before or behind the call, and when it
raises. Refreshes behind the caller are run to their end after each step.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from freshly import Cache
from freshly.testing import ManualClock, Stepper

SUBJECTS = st.sampled_from([1, 2])
POLICIES = st.sampled_from(["plain", "soft", "early", "grace"])
HAND_KEYS = st.sampled_from(["hand:1", "hand:2"])
TAGS = st.sampled_from(["subject:1", "subject:2", "all", "nobody's"])
PATTERNS = st.sampled_from(["plain:*", "*:1", "hand:?", "*", "grace:2", "[!p]*"])
RETRY_AFTER = 1.0


@dataclass(frozen=True)
class Policy:
    """When a value is refreshed and when it ends, in seconds from its birth."""

    refreshed_at: float
    expires_at: float
    dead_at: float


LIVES = {
    "plain": Policy(10, 10, 10),
    "soft": Policy(4, 10, 10),
    "early": Policy(7, 10, 10),
    "grace": Policy(10, 10, 15),
}


@dataclass
class Known:
    """What the model holds under a key."""

    version: int
    born: float
    tags: frozenset[str]
    life: Policy
    is_marked: bool = False

    def wants_refresh(self, now: float) -> bool:
        return self.is_marked or now >= self.born + self.life.refreshed_at

    def is_expired(self, now: float) -> bool:
        return now >= self.born + self.life.expires_at

    def is_dead(self, now: float) -> bool:
        return now >= self.born + self.life.dead_at


class SourceDownError(Exception):
    pass


class CacheAgainstModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = ManualClock()
        self.cache = Cache(clock=self.clock, dice=lambda: 0.0)
        self.versions = {1: 1, 2: 1}
        self.is_down = False
        self.loads: Counter[str] = Counter()
        self.expected_loads: Counter[str] = Counter()
        self.model: dict[str, Known] = {}
        self.paused_until: dict[str, float] = {}
        self.functions = {
            "plain": self.cached("plain"),
            "soft": self.cached("soft", soft_ttl=4),
            "early": self.cached("early", early_ttl=7),
            "grace": self.cached("grace", grace=5),
        }

    def cached(self, name: str, **options: Any) -> Any:
        @self.cache(
            ttl=10,
            key=f"{name}:{{subject}}",
            tags=["subject:{subject}", "all"],
            retry_after=RETRY_AFTER,
            **options,
        )
        async def read(subject: int) -> int:
            self.loads[f"{name}:{subject}"] += 1
            if self.is_down:
                raise SourceDownError
            return self.versions[subject]

        return read

    def run(self, coroutine: Any) -> Any:
        async def settled() -> Any:
            try:
                return await coroutine
            finally:
                await Stepper().settle(20)

        return self.runner.run(settled())

    def teardown(self) -> None:
        self.run(self.cache.close())
        self.runner.close()

    # -- the world ---------------------------------------------------------------------------

    @rule(subject=SUBJECTS)
    def the_source_changes(self, subject: int) -> None:
        self.versions[subject] += 1

    @rule(is_down=st.booleans())
    def the_source_goes_down_or_up(self, is_down: bool) -> None:
        self.is_down = is_down

    @rule(seconds=st.sampled_from([0.5, 1, 3, 4, 6, 10]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    # -- reads -------------------------------------------------------------------------------

    @rule(policy=POLICIES, subject=SUBJECTS)
    def call(self, policy: str, subject: int) -> None:
        key, now = f"{policy}:{subject}", self.clock.now()
        known = self.found(key)
        function = self.functions[policy]
        is_paused = now < self.paused_until.get(key, now)

        if known is not None and (not known.wants_refresh(now) or is_paused):
            assert self.run(function(subject)) == known.version
        elif known is not None and (self.is_down or not known.is_expired(now)):
            assert self.run(function(subject)) == known.version
            self.load(key, subject, policy)
        elif self.is_down:
            with pytest.raises(SourceDownError):
                self.run(function(subject))
            self.load(key, subject, policy)
        else:
            assert self.run(function(subject)) == self.versions[subject]
            self.load(key, subject, policy)

    def found(self, key: str) -> Known | None:
        known = self.model.get(key)
        return None if known is None or known.is_dead(self.clock.now()) else known

    def load(self, key: str, subject: int, policy: str) -> None:
        """The model's load: what the loader did, in front of the caller or behind."""
        self.expected_loads[key] += 1
        now = self.clock.now()
        if not self.is_down:
            tags = frozenset({f"subject:{subject}", "all"})
            self.model[key] = Known(self.versions[subject], now, tags, LIVES[policy])
            self.paused_until.pop(key, None)
        elif self.found(key) is not None:
            self.paused_until[key] = now + RETRY_AFTER

    @rule(policy=POLICIES, subject=SUBJECTS)
    @precondition(lambda self: not self.is_down)
    def refresh(self, policy: str, subject: int) -> None:
        key = f"{policy}:{subject}"
        assert self.run(self.functions[policy].refresh(subject)) == self.versions[subject]
        self.load(key, subject, policy)

    @rule(policy=POLICIES, subject=SUBJECTS)
    def peek(self, policy: str, subject: int) -> None:
        known = self.found(f"{policy}:{subject}")
        entry = self.run(self.functions[policy].peek(subject))
        if known is None or known.is_expired(self.clock.now()):
            assert entry is None
        else:
            assert entry.value == known.version

    # -- by hand -----------------------------------------------------------------------------

    @rule(key=HAND_KEYS, tags=st.sets(TAGS, max_size=2), version=st.integers(1, 9))
    def set(self, key: str, tags: set[str], version: int) -> None:
        assert self.run(self.cache.set(key, version, ttl=10, tags=tags))
        self.model[key] = Known(version, self.clock.now(), frozenset(tags), LIVES["plain"])

    @rule(key=HAND_KEYS)
    def get(self, key: str) -> None:
        known = self.found(key)
        expected = None if known is None else known.version
        assert self.run(self.cache.get(key)) == expected
        assert self.run(self.cache.exists(key)) == (known is not None)

    @rule(key=HAND_KEYS, tag=TAGS)
    def set_by_a_stamp_that_an_invalidation_overtook(self, key: str, tag: str) -> None:
        stamp = self.run(self.cache.stamp())
        self.delete_tags(tag)
        assert not self.run(self.cache.set(key, 0, tags=[tag], stamp=stamp))

    # -- invalidations -----------------------------------------------------------------------

    @rule(tag=TAGS)
    def delete_tags(self, tag: str) -> None:
        self.run(self.cache.delete_tags(tag))
        self.forget(lambda key, known: tag in known.tags)

    @rule(tag=TAGS)
    def mark_stale(self, tag: str) -> None:
        self.run(self.cache.mark_stale(tag))
        for known in self.model.values():
            known.is_marked = known.is_marked or tag in known.tags

    @rule(policy=POLICIES, subject=SUBJECTS)
    def delete(self, policy: str, subject: int) -> None:
        key, known = f"{policy}:{subject}", self.found(f"{policy}:{subject}")
        was_there = known is not None and not known.is_expired(self.clock.now())
        assert self.run(self.functions[policy].delete(subject)) == was_there
        self.forget(lambda found, _: found == key)

    @rule(pattern=PATTERNS)
    def delete_match(self, pattern: str) -> None:
        self.run(self.cache.delete_match(pattern))
        self.forget(lambda key, _: fnmatchcase(key, pattern))

    @rule()
    def clear(self) -> None:
        self.run(self.cache.clear())
        self.forget(lambda *_: True)

    def forget(self, is_gone: Any) -> None:
        self.model = {key: known for key, known in self.model.items() if not is_gone(key, known)}

    # -- always ------------------------------------------------------------------------------

    @invariant()
    def the_loader_ran_as_often_as_the_model_says(self) -> None:
        assert self.loads == self.expected_loads


TestCacheIsADictWithTime = CacheAgainstModel.TestCase
TestCacheIsADictWithTime.settings = settings(max_examples=60, stateful_step_count=40)
