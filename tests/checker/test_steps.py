"""Each policy, stepped: an invalidation at each point of a load, in both of its outcomes.

A load stands at four points: before it reads the source, right after, later, and when it has given its
outcome and nobody has run since. At one of them the source gets a new version and is invalidated, by
each of the verbs. Whoever reads from then on may get the new version, or an error, and never the old
one: the reader that comes while the load still stands there, and the one that comes when all is over.

Time passes on the way where a policy is about time: timeouts run out before the invalidation or after.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from freshly import Cache, LoadTimeout, NotModified, until
from freshly.testing import ManualClock, Stepper, ThreadStepper

LIMIT_SECONDS = 20.0
POINTS = ["before", "read", "later", "ended"]
BY_TAG = [
    "delete_tags",
    "hold",
    "transaction",
    "transaction with hold",
    "invalidates",
    "clear",
    "mark_stale and delete_tags",
]
BY_KEY = ["delete", "delete_many", "delete_match"]
VERBS = [*BY_TAG, *BY_KEY, "set", "set_many"]

tenant: ContextVar[str] = ContextVar("tenant", default="nobody")


class Absent(Exception):
    """An answer: what the source says of a version that is nothing."""


@dataclass(frozen=True)
class Policy:
    """What a function is told, and how a load of it comes about.

    ``ages`` lets the value of the first load come to the state in which the load under test begins;
    without it there is none. ``waits`` is how long its reader waits at most. ``face`` is what stands
    before the loader, and ``verbs`` are those by which what it makes can be invalidated.
    """

    options: dict[str, Any] = field(default_factory=dict)
    ages: str | None = None
    waits: str | None = None
    loader: str = "plain"
    max_refreshes: int = 64
    face: str = "cache"
    verbs: Sequence[str] = tuple(VERBS)


SOFT = {"soft_ttl": "10m"}
# Its entries are tuples.
NOT_SET = (*BY_TAG, *BY_KEY)

POLICIES = {
    "cache": Policy(),
    "soft": Policy({"soft_ttl": "10m"}, ages="10m"),
    "early": Policy({"early_ttl": "10m"}, ages="10m"),
    "soft and early": Policy({"soft_ttl": "20m", "early_ttl": "10m"}, ages="15m"),
    "grace": Policy({"grace": "1h"}, ages="1h"),
    "soft_timeout": Policy({"grace": "1h", "soft_timeout": "1s"}, ages="1h", waits="1s"),
    "hard_timeout": Policy({"hard_timeout": "1s"}, waits="1s"),
    "hard_timeout within grace": Policy({"grace": "1h", "hard_timeout": "1s"}, ages="1h", waits="1s"),
    "both timeouts": Policy(
        {"grace": "1h", "soft_timeout": "1s", "hard_timeout": "2s"}, ages="1h", waits="2s"
    ),
    "sliding": Policy({"sliding": True, "max_age": "1d", "soft_ttl": "10m"}, ages="10m"),
    "sliding, gone": Policy({"sliding": True, "max_age": "1d", "grace": "1h"}, ages="1h"),
    "cache_exceptions": Policy({"cache_exceptions": Absent}, loader="absent"),
    "cache_exceptions, refreshed": Policy(
        {"cache_exceptions": Absent, "soft_ttl": "10m"}, ages="10m", loader="absent"
    ),
    "until": Policy({"ttl": until("01:00", tz="UTC"), "soft_ttl": "10m"}, ages="10m"),
    "computed ttl": Policy({"ttl": lambda result: "1h"}),
    "jitter": Policy({"jitter": 0.5, "soft_ttl": "10m"}, ages="10m"),
    "retry_after": Policy({"grace": "1h", "retry_after": "1ms"}, ages="1h"),
    "budget": Policy({"soft_ttl": "10m"}, ages="10m", max_refreshes=1),
    "adaptive": Policy(loader="adaptive"),
    "adaptive, refreshed": Policy(ages="20m", loader="adaptive"),
    "conditional": Policy({"grace": "1h"}, ages="1h", loader="conditional"),
    "conditional, behind": Policy({"soft_ttl": "10m"}, ages="10m", loader="conditional"),
    "tag from inside": Policy(loader="tag from inside"),
    "vary": Policy({"vary": [tenant], "key": None}, verbs=BY_TAG),
    "nested": Policy(face="nested", verbs=BY_TAG),
    "nested, refreshed": Policy(SOFT, ages="10m", face="nested", verbs=BY_TAG),
    "get_or_set": Policy(face="get_or_set"),
    "get_or_set, refreshed": Policy(SOFT, ages="10m", face="get_or_set"),
    "get_or_set_many": Policy(face="get_or_set_many"),
    "get_or_set_many, refreshed": Policy(SOFT, ages="10m", face="get_or_set_many"),
    "many": Policy(face="many"),
    "many, refreshed": Policy(SOFT, ages="10m", face="many"),
    "many, gone": Policy({"grace": "1h"}, ages="1h", face="many"),
    "many, timeouts": Policy(
        {"grace": "1h", "soft_timeout": "1s", "hard_timeout": "2s"}, ages="1h", waits="2s", face="many"
    ),
    "iterator": Policy(face="iterator", verbs=NOT_SET),
    "iterator, refreshed": Policy(SOFT, ages="10m", face="iterator", verbs=NOT_SET),
    "iterator, gone": Policy({"grace": "1h"}, ages="1h", face="iterator", verbs=NOT_SET),
}


async def nothing() -> None: ...


def a_function(story: Story, options: dict[str, Any]) -> Callable[[], Awaitable[int]]:
    @story.cache(**options)
    async def get() -> int:
        return await story.load()

    return get


def a_function_around_another(story: Story, options: dict[str, Any]) -> Callable[[], Awaitable[int]]:
    """The tag is the inner one's, which is over when the outer one is refreshed."""
    inner = a_function(story, {"ttl": "5m", "key": "inner", "tags": ["s"]})

    @story.cache(**{**options, "tags": []})
    async def outer() -> int:
        return await inner()

    return outer


def a_command(story: Story, options: dict[str, Any]) -> Callable[[], Awaitable[int]]:
    async def get() -> int:
        return await story.cache.get_or_set(loader=story.load, **options)

    return get


def a_command_for_many(story: Story, options: dict[str, Any]) -> Callable[[], Awaitable[int]]:
    options.pop("key")

    async def load(keys: list[str]) -> list[int]:
        return [await story.load()] * len(keys)

    async def get() -> int:
        return (await story.cache.get_or_set_many(["s", "t"], load, **options))["s"]

    return get


def a_function_of_many(story: Story, options: dict[str, Any]) -> Callable[[], Awaitable[int]]:
    """It is read beside a neighbour that has no tag of its."""

    @story.cache.many(**{**options, "key": "{name}", "tags": ["{name}"]})
    async def get_many(names: list[str]) -> dict[str, int]:
        return dict.fromkeys(names, await story.load())

    async def get() -> int:
        return (await get_many(["s", "t"]))["s"]

    return get


def a_generator(story: Story, options: dict[str, Any]) -> Callable[[], Awaitable[int]]:
    @story.cache.iterator(**options)
    async def rows() -> AsyncIterator[int]:
        yield await story.load()

    async def get() -> int:
        [version] = [row async for row in rows()]
        return version

    return get


FACES: dict[str, Callable[[Story, dict[str, Any]], Callable[[], Awaitable[int]]]] = {
    "cache": a_function,
    "nested": a_function_around_another,
    "get_or_set": a_command,
    "get_or_set_many": a_command_for_many,
    "many": a_function_of_many,
    "iterator": a_generator,
}


class Story:
    """A source, a cache before it, and one function under a policy."""

    def __init__(self, policy: Policy, step: Stepper, outcome: str) -> None:
        self.policy = policy
        self.step = step
        self.outcome = outcome
        self.clock = ManualClock(wall=datetime(2026, 1, 1, tzinfo=UTC))
        self.cache = Cache(clock=self.clock, dice=lambda: 0.0)
        self.cache.setup(max_refreshes=policy.max_refreshes)
        self.version = 1
        self.loads = 0
        self.tested: int | None = None
        self.other_until = 0.0
        options: dict[str, Any] = {"ttl": "1h", "key": "s", "tags": ["s"], **policy.options}
        if policy.loader == "tag from inside":
            options["tags"] = []
        self.get = FACES[policy.face](self, options)

    async def load(self) -> int:
        self.loads += 1
        number = self.loads
        current, loader = self.cache.current, self.policy.loader
        await self._stand(number, "before")
        version = self.version
        if loader == "tag from inside":
            current.tag("s")
        confirmed = loader == "conditional" and current.etag == str(version)
        await self._stand(number, "read")
        if loader == "adaptive":
            current.ttl, current.soft_ttl = "30m", "20m"
        if loader == "conditional":
            current.etag = str(version)
        await self._stand(number, "later")
        if number == self.tested and self.outcome == "error":
            raise Absent(version) if loader == "absent" else ConnectionError("no route")
        if confirmed:
            raise NotModified
        return version

    async def _stand(self, number: int, point: str) -> None:
        if number == self.tested:
            await self.step.stop(point)

    async def begin(self) -> asyncio.Task[Any]:
        """Bring about the load under test, and return its reader."""
        if self.policy.ages is not None:
            assert await self.get() == 1
            self.clock.advance(self.policy.ages)
        self.tested = self.loads + 1
        if self.policy.max_refreshes == 1:
            return await self._begin_after_another()
        reader = self.step.start(self.read())
        await self.step.reached("before")
        return reader

    async def _begin_after_another(self) -> asyncio.Task[Any]:
        """Have the one place taken by another refresh, so that this one has to wait for its turn."""

        @self.cache.soft("1h", soft_ttl="1m", key="other")
        async def other() -> int:
            if self.clock.now() > self.other_until:
                await self.step.stop("other")
            return 0

        self.other_until = self.clock.now()
        await other()
        self.clock.advance("1m")
        await other()
        await self.step.reached("other")
        reader = self.step.start(self.read())
        await self.step.settle()
        assert self.loads == 1
        self.step.go("other")
        await self.step.reached("before")
        return reader

    async def go_to(self, point: str) -> None:
        for former, following in pairwise(POINTS):
            if former == point:
                return
            self.step.go(former)
            if following != "ended":
                await self.step.reached(following)

    async def go_on_from(self, point: str) -> None:
        for stop in POINTS[POINTS.index(point) : -1]:
            await self.step.reached(stop)
            self.step.go(stop)
        await self.step.settle()

    async def invalidate(self, verb: str) -> None:
        self.version = 2
        cache = self.cache
        match verb:
            case "delete_tags":
                await cache.delete_tags("s")
            case "delete":
                await cache.delete("s")
            case "delete_match":
                await cache.delete_match("s*")
            case "clear":
                await cache.clear()
            case "set":
                await cache.set("s", 2, "1h", tags=["s"])
            case "set_many":
                await cache.set_many({"s": 2}, "1h", tags=["s"])
            case "delete_many":
                await cache.delete_many(["s"])
            case "hold":
                await cache.delete_tags("s", hold="1m")
            case "transaction":
                async with cache.transaction():
                    await cache.delete_tags("s")
            case "transaction with hold":
                async with cache.transaction(hold="1m"):
                    await cache.delete_tags("s")
            case "invalidates":
                await cache.invalidates("s")(nothing)()
            case _:
                await cache.mark_stale("s")
                await cache.delete_tags("s")

    async def read(self) -> int | None:
        """Return the version that a reader gets; ``None`` for an error that says no version."""
        try:
            version: int = await self.get()
        except Absent as absent:
            return int(absent.args[0])
        except (ConnectionError, LoadTimeout):
            return None
        return version


CASES = [
    (name, time)
    for name, policy in POLICIES.items()
    for time in ["does not pass", "passes before", "passes after"]
    if time == "does not pass" or policy.waits is not None
]


@pytest.mark.parametrize("outcome", ["value", "error"])
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize(("name", "time"), CASES)
async def test_nobody_who_reads_after_an_invalidation_gets_what_a_load_saw_before_it(
    name: str, point: str, outcome: str, time: str
) -> None:
    policy = POLICIES[name]
    for verb in policy.verbs:
        story = Story(policy, Stepper(), outcome)
        first = await story.begin()
        await story.go_to(point)
        if time == "passes before":
            story.clock.advance(policy.waits or 0)
            await story.step.settle()

        await story.invalidate(verb)
        if time == "passes after":
            story.clock.advance(policy.waits or 0)
        late = story.step.start(story.read())
        await story.step.settle()
        await story.go_on_from(point)

        assert await late in (2, None), (verb, "the reader that came meanwhile")
        assert await story.read() in (2, None), (verb, "the reader that came when all was over")
        assert await story.read() == 2, verb
        await first
        await story.cache.close()
        assert story.clock.alarms == 0


@pytest.mark.parametrize("name", POLICIES)
async def test_without_an_invalidation_the_load_is_the_only_one_and_lands(name: str) -> None:
    """So the stories above are about a load that would have landed."""
    story = Story(POLICIES[name], Stepper(), "value")
    story.version = 1
    first = await story.begin()
    tested = story.tested

    await story.go_on_from("before")

    assert await first == 1
    assert await story.read() == 1
    assert story.loads == tested


async def stamps_after_the_load(story: Story) -> None:
    """What most libraries do."""
    store: Any = story.cache._home.parts.store
    land = store.land

    async def late(entry: Any, unless: Any, *rest: Any) -> Any:
        entry.seen = store.logical.reading
        return await land(entry, lambda: False, *rest)

    store.land = late


@pytest.mark.parametrize("name", POLICIES)
async def test_with_the_guard_taken_out_the_same_steps_show_it(name: str) -> None:
    policy = POLICIES[name]
    outcome = "error" if policy.loader == "absent" else "value"
    story = Story(policy, Stepper(), outcome)
    first = await story.begin()
    await stamps_after_the_load(story)
    await story.go_to("later")
    await story.invalidate("delete_tags")

    await story.go_on_from("later")

    await first
    assert await story.read() == 1, "these steps prove nothing"


# -- on threads ------------------------------------------------------------------------------------

THREADED = [
    "cache",
    "soft",
    "early",
    "grace",
    "soft_timeout",
    "hard_timeout",
    "sliding",
    "cache_exceptions",
    "adaptive",
    "get_or_set",
    "many",
    "many, refreshed",
    "iterator",
    "iterator, gone",
]


class ThreadedStory:
    """The same on threads: the readers are stepped, the loads run where the cache runs them."""

    def __init__(self, policy: Policy, step: ThreadStepper, outcome: str) -> None:
        self.policy = policy
        self.step = step
        self.outcome = outcome
        self.clock = ManualClock()
        self.cache = Cache(clock=self.clock, dice=lambda: 0.0)
        self.version = 1
        self.loads = 0
        self.tested: int | None = None
        options: dict[str, Any] = {"ttl": "1h", "key": "s", "tags": ["s"], **policy.options}
        self.get = self._face(options)

    def _face(self, options: dict[str, Any]) -> Callable[[], int]:
        match self.policy.face:
            case "many":

                @self.cache.many(**{**options, "key": "{name}", "tags": ["{name}"]})
                def get_many(names: list[str]) -> dict[str, int]:
                    return dict.fromkeys(names, self.load())

                return lambda: get_many(["s"])["s"]
            case "iterator":

                @self.cache.iterator(**options)
                def rows() -> Iterator[int]:
                    yield self.load()

                return lambda: next(iter([*rows()]))
            case "get_or_set":
                return lambda: self.cache.blocking.get_or_set(loader=self.load, **options)
            case _:

                @self.cache(**options)
                def get() -> int:
                    return self.load()

                return get

    def load(self) -> int:
        self.loads += 1
        number = self.loads
        self._stand(number, "before")
        version = self.version
        self._stand(number, "read")
        if self.policy.loader == "adaptive":
            self.cache.current.ttl = "30m"
        if number == self.tested and self.outcome == "error":
            raise Absent(version) if self.policy.loader == "absent" else ConnectionError("no route")
        return version

    def _stand(self, number: int, point: str) -> None:
        if number == self.tested:
            self.step.stop(point)

    def read(self) -> int | None:
        try:
            version: int = self.get()
        except Absent as absent:
            return int(absent.args[0])
        except (ConnectionError, LoadTimeout):
            return None
        return version


@pytest.mark.parametrize("outcome", ["value", "error"])
@pytest.mark.parametrize("point", ["before", "read"])
@pytest.mark.parametrize("name", THREADED)
def test_nor_does_anybody_on_threads(name: str, point: str, outcome: str) -> None:
    policy = POLICIES[name]
    with ThreadStepper() as step:
        story = ThreadedStory(policy, step, outcome)
        if policy.ages is not None:
            assert story.read() == 1
            story.clock.advance(policy.ages)
        story.tested = story.loads + 1
        first = step.start(story.read)
        step.reached("before")
        if point == "read":
            step.go("before")
            step.reached("read")
        if policy.waits is not None:
            story.clock.advance(policy.waits)
            first.result(LIMIT_SECONDS)

        story.version = 2
        story.cache.blocking.delete_tags("s")

        # It has a load of its own: it does not wait for the one that stands.
        assert step.start(story.read).result(LIMIT_SECONDS) == 2
        for stop in ["before", "read"][["before", "read"].index(point) :]:
            step.reached(stop)
            step.go(stop)
        first.result(LIMIT_SECONDS)
        story.cache.blocking.get_or_set("another", int)
        assert story.read() == 2
