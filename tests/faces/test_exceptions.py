"""Exceptions that are answers: kept, raised anew to each reader, invalidated as values are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from freshly import Cache, ConfigurationError, DeadlockError, LoadTimeout
from freshly.observe import Loaded, LoadFailed
from freshly.testing import ManualClock, Stepper, ThreadStepper

LIMIT_SECONDS = 20.0


class NotFound(Exception):
    pass


class NoUser(NotFound):
    def __init__(self, user_id: int) -> None:
        super().__init__(f"no user {user_id}")
        self.user_id = user_id


class Users:
    """A source that raises what it does not have."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.loads = 0
        self.is_down = False

    def get(self, user_id: int) -> str:
        self.loads += 1
        if self.is_down:
            raise ConnectionError("no route")
        if user_id not in self.names:
            raise NoUser(user_id)
        return self.names[user_id]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cache(clock: ManualClock) -> Cache:
    return Cache(clock=clock, dice=lambda: 0.0)


@pytest.fixture
def users() -> Users:
    return Users()


@pytest.fixture
def step() -> Stepper:
    return Stepper()


@pytest.fixture
def threads() -> Iterator[ThreadStepper]:
    with ThreadStepper() as stepper:
        yield stepper


async def error_of(reader: Any) -> BaseException:
    try:
        await reader
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


class TestAnAnswer:
    async def test_is_kept_for_the_ttl_and_raised_to_each_reader(
        self, cache: Cache, clock: ManualClock, users: Users
    ) -> None:
        @cache("1m", cache_exceptions=(NotFound,))
        async def get(user_id: int) -> str:
            return users.get(user_id)

        for _ in range(3):
            with pytest.raises(NoUser, match="no user 7") as caught:
                await get(7)
            assert caught.value.user_id == 7
        assert users.loads == 1

        users.names[7] = "Ada"
        clock.advance("59s")
        with pytest.raises(NoUser):
            await get(7)
        clock.advance("1s")
        assert await get(7) == "Ada"

    async def test_may_have_a_ttl_of_its_own_by_the_nearest_class(
        self, cache: Cache, clock: ManualClock, users: Users
    ) -> None:
        @cache("1h", key="{user_id}", cache_exceptions={NotFound: "10s", NoUser: "1m", OSError: None})
        async def get(user_id: int, kind: type[Exception]) -> str:
            users.loads += 1
            raise kind(user_id)

        for number, kind in enumerate([NoUser, NotFound, ConnectionError]):
            with pytest.raises(kind):
                await get(number, kind)
        entries = [entry for number in range(3) if (entry := await get.peek(number, NotFound))]

        assert [entry.expires_at for entry in entries] == [60, 10, cache_max_ttl(cache)]

    async def test_is_another_exception_each_time_with_a_traceback_of_its_own(
        self, cache: Cache, users: Users
    ) -> None:
        @cache("1m", cache_exceptions=NotFound)
        async def get(user_id: int) -> str:
            return users.get(user_id)

        errors = [await error_of(get(7)) for _ in range(5)]

        assert len({id(error) for error in errors}) == 5
        lengths = [depth(error) for error in errors[1:]]
        assert lengths == [lengths[0]] * 4

    async def test_reaches_who_started_the_load_as_it_was_raised(
        self, cache: Cache, users: Users
    ) -> None:
        first = NoUser(7)

        @cache("1m", cache_exceptions=NotFound)
        async def get(user_id: int) -> str:
            raise first

        assert await error_of(get(7)) is first

    async def test_who_waits_gets_one_of_its_own(
        self, cache: Cache, users: Users, step: Stepper
    ) -> None:
        @cache("1m", cache_exceptions=NotFound)
        async def get(user_id: int) -> str:
            await step.stop("loading")
            return users.get(user_id)

        readers = [step.start(get(7)) for _ in range(3)]
        await step.reached("loading")
        await step.settle()
        step.go("loading")
        errors = await asyncio.gather(*readers, return_exceptions=True)

        assert [str(error) for error in errors] == ["no user 7"] * 3
        assert len({id(error) for error in errors}) == 3
        assert users.loads == 1

    async def test_counts_as_a_hit_and_its_load_not_as_a_failed_one(
        self, cache: Cache, users: Users
    ) -> None:
        events: list[Any] = []
        cache.observe(events.append, Loaded, LoadFailed)

        @cache("1m", cache_exceptions=NotFound)
        async def get(user_id: int) -> str:
            return users.get(user_id)

        for _ in range(3):
            await error_of(get(7))

        stats = cache.stats()
        assert (stats.hits, stats.misses, stats.loads, stats.load_errors) == (2, 1, 1, 0)
        assert [(type(event), event.stored) for event in events] == [(Loaded, True)]

    async def test_what_is_not_listed_is_not_kept(self, cache: Cache, users: Users) -> None:
        users.is_down = True

        @cache("1m", cache_exceptions=NotFound)
        async def get(user_id: int) -> str:
            return users.get(user_id)

        for _ in range(2):
            with pytest.raises(ConnectionError):
                await get(7)

        assert users.loads == 2
        assert cache.stats().load_errors == 2

    async def test_what_freshly_itself_raises_is_none_whatever_is_listed(
        self, cache: Cache, clock: ManualClock, step: Stepper
    ) -> None:
        @cache("1m", key="inner", hard_timeout="1s")
        async def inner() -> int:
            await step.stop("loading")
            return 1

        @cache("1m", key="outer", cache_exceptions=Exception)
        async def outer() -> int:
            return await inner()

        @cache("1m", key="circle", cache_exceptions=Exception)
        async def circle() -> int:
            return await circle()

        reader = step.start(outer())
        await step.reached("loading")
        clock.advance("1s")
        with pytest.raises(LoadTimeout):
            await reader
        with pytest.raises(DeadlockError):
            await circle()

        assert not await cache.exists("outer")
        assert not await cache.exists("circle")
        step.go("loading")
        await step.settle()

    async def test_one_that_cannot_be_made_anew_is_a_failure_as_any_other(self, cache: Cache) -> None:
        class Once(Exception):
            made = 0

            def __new__(cls, *args: object) -> Any:
                Once.made += 1
                if Once.made % 2 == 0:
                    raise RuntimeError("one is enough")
                return super().__new__(cls, *args)

        @cache("1m", key="a", cache_exceptions=Once)
        async def get() -> int:
            raise Once

        with pytest.raises(Once):
            await get()
        assert not await cache.exists("a")

    async def test_cancelling_is_none(self, cache: Cache, step: Stepper) -> None:
        @cache("1m", key="a", cache_exceptions=Exception)
        async def get() -> int:
            await step.stop("loading")
            return 1

        reader = step.start(get())
        await step.reached("loading")
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)

        assert not await cache.exists("a")

    async def test_commands_find_it_and_raise_it(self, cache: Cache, users: Users) -> None:
        with pytest.raises(NoUser):
            await cache.get_or_set("user:7", lambda: users.get(7), "1m", cache_exceptions=[NotFound])

        assert await cache.exists("user:7")
        for read in [
            lambda: cache.get("user:7"),
            lambda: cache.get("user:7", "nobody"),
            lambda: cache.get_or_set("user:7", lambda: users.get(7), "1m"),
        ]:
            with pytest.raises(NoUser):
                await read()
        with pytest.raises(NoUser):
            cache.blocking.get("user:7")
        assert users.loads == 1

    async def test_peek_shows_it(self, cache: Cache, users: Users) -> None:
        @cache("1m", cache_exceptions=NotFound, tags=["user:{user_id}"])
        async def get(user_id: int) -> str:
            return users.get(user_id)

        await error_of(get(7))
        entry = await get.peek(7)

        assert entry is not None
        assert entry.value is None
        assert entry.raised is not None
        assert (entry.raised.kind, entry.raised.args) == (NoUser, ("no user 7",))
        assert entry.tags == ("user:7",)

    async def test_refresh_replaces_it(self, cache: Cache, users: Users) -> None:
        @cache("1m", cache_exceptions=NotFound)
        async def get(user_id: int) -> str:
            return users.get(user_id)

        await error_of(get(7))
        users.names[7] = "Ada"

        assert await get.refresh(7) == "Ada"
        assert await get(7) == "Ada"

    async def test_a_value_set_by_hand_replaces_it(self, cache: Cache, users: Users) -> None:
        @cache("1m", key="user:{user_id}", cache_exceptions=NotFound)
        async def get(user_id: int) -> str:
            return users.get(user_id)

        await error_of(get(7))
        await cache.set("user:7", "Ada", "1m")

        assert await get(7) == "Ada"

    def test_on_threads_too(self, cache: Cache, users: Users) -> None:
        @cache("1m", cache_exceptions=NotFound)
        def get(user_id: int) -> str:
            return users.get(user_id)

        for _ in range(3):
            with pytest.raises(NoUser, match="no user 7"):
                get(7)

        assert users.loads == 1

    def test_of_methods_too(self, cache: Cache, users: Users) -> None:
        class Service:
            @cache("1m", cache_exceptions=NotFound)
            def get(self, user_id: int) -> str:
                return users.get(user_id)

        service = Service()
        for _ in range(2):
            with pytest.raises(NoUser):
                service.get(7)
        users.names[7] = "Ada"
        service.get.delete(7)

        assert service.get(7) == "Ada"


class TestThePromise:
    async def test_an_invalidation_ends_it(self, cache: Cache, users: Users) -> None:
        @cache("1h", cache_exceptions=NotFound, tags=["user:{user_id}"])
        async def get(user_id: int) -> str:
            return users.get(user_id)

        await error_of(get(7))
        users.names[7] = "Ada"
        await cache.delete_tags("user:7")

        assert await get(7) == "Ada"

    async def test_an_invalidation_during_its_load_overtakes_it(
        self, cache: Cache, users: Users, step: Stepper
    ) -> None:
        @cache("1h", cache_exceptions=NotFound, tags=["user:{user_id}"])
        async def get(user_id: int) -> str:
            try:
                return users.get(user_id)
            finally:
                await step.stop("loading")

        reader = step.start(get(7))
        await step.reached("loading")
        users.names[7] = "Ada"
        await cache.delete_tags("user:7")
        late = step.start(get(7))
        await step.settle()
        step.go("loading")
        step.go("loading")

        assert isinstance(await error_of(reader), NoUser)
        assert await late == "Ada"
        assert await get(7) == "Ada"
        assert cache.stats().overtaken == 1

    async def test_who_joined_after_the_invalidation_of_a_tag_found_inside_loads_anew(
        self, cache: Cache, users: Users, step: Stepper
    ) -> None:
        """The tag is not known when it joins, and is when the load has failed."""

        @cache("1h", cache_exceptions=NotFound)
        async def get(user_id: int) -> str:
            cache.tag(f"user:{user_id}")
            try:
                return users.get(user_id)
            finally:
                await step.stop("loading")

        reader = step.start(get(7))
        await step.reached("loading")
        users.names[7] = "Ada"
        await cache.delete_tags("user:7")
        late = step.start(get(7))
        await step.settle()
        step.go("loading")
        await error_of(reader)
        await step.reached("loading")
        step.go("loading")

        assert await late == "Ada"

    async def test_its_tags_go_to_the_load_around_it(self, cache: Cache, users: Users) -> None:
        """What is made of "there is none" is over when there is one."""

        @cache("1h", cache_exceptions=NotFound, tags=["user:{user_id}"])
        async def get(user_id: int) -> str:
            return users.get(user_id)

        @cache("1h")
        async def greet(user_id: int) -> str:
            try:
                return f"Hello {await get(user_id)}"
            except NotFound:
                return "Hello you"

        assert await greet(7) == "Hello you"
        await greet.delete(7)
        assert await greet(7) == "Hello you"  # made of a hit this time
        users.names[7] = "Ada"
        await cache.delete_tags("user:7")

        assert await greet(7) == "Hello Ada"

    async def test_so_do_those_of_a_failure_that_is_not_kept(self, cache: Cache, users: Users) -> None:
        users.is_down = True

        @cache("1h", tags=["user:{user_id}"])
        async def get(user_id: int) -> str:
            cache.tag("users")
            return users.get(user_id)

        @cache("1h", key="{user_id}")
        async def greet(user_id: int) -> str:
            try:
                return f"Hello {await get(user_id)}"
            except ConnectionError:
                return "Hello you"

        assert await greet(7) == "Hello you"
        entry = await greet.peek(7)
        assert entry is not None
        assert {*entry.tags} == {"user:7", "users"}

    async def test_and_those_of_a_load_that_was_left(
        self, cache: Cache, clock: ManualClock, users: Users, step: Stepper
    ) -> None:
        @cache("1h", tags=["user:{user_id}"], hard_timeout="1s")
        async def get(user_id: int) -> str:
            await step.stop("loading")
            return "Ada"

        @cache("1h")
        async def greet(user_id: int) -> str:
            try:
                return f"Hello {await get(user_id)}"
            except TimeoutError:
                return "Hello you"

        reader = step.start(greet(7))
        await step.reached("loading")
        clock.advance("1s")
        assert await reader == "Hello you"
        step.go("loading")
        await step.settle()
        await cache.delete_tags("user:7")
        again = step.start(greet(7))
        await step.reached("loading")
        step.go("loading")

        assert await again == "Hello Ada"


class TestWithAnOlderValue:
    async def test_an_answer_replaces_it_and_is_not_hidden_by_grace(
        self, cache: Cache, clock: ManualClock, users: Users
    ) -> None:
        """The source says that there is none: that is news and no failure."""
        users.names[7] = "Ada"

        @cache("1m", grace="1h", cache_exceptions={NotFound: "10s"})
        async def get(user_id: int) -> str:
            return users.get(user_id)

        await get(7)
        del users.names[7]
        clock.advance("1m")

        for _ in range(2):
            with pytest.raises(NoUser):
                await get(7)
        assert users.loads == 2

    async def test_a_refresh_behind_puts_it_in_its_place(
        self, cache: Cache, clock: ManualClock, users: Users, step: Stepper
    ) -> None:
        users.names[7] = "Ada"

        @cache.soft("1h", soft_ttl="1m", cache_exceptions=NotFound)
        async def get(user_id: int) -> str:
            return users.get(user_id)

        await get(7)
        del users.names[7]
        clock.advance("1m")
        assert await get(7) == "Ada"
        await step.settle()

        with pytest.raises(NoUser):
            await get(7)
        assert users.loads == 2

    async def test_when_it_is_over_a_failure_is_raised_and_not_it(
        self, cache: Cache, clock: ManualClock, users: Users
    ) -> None:
        @cache("1m", grace="1h", cache_exceptions=NotFound)
        async def get(user_id: int) -> str:
            return users.get(user_id)

        await error_of(get(7))
        users.is_down = True
        clock.advance("1m")

        with pytest.raises(ConnectionError):
            await get(7)


class TestAmongMany:
    """An exception that the loader gives in place of a value is the answer for that key alone."""

    def load(self, users: Users) -> Any:
        def load(keys: list[str]) -> dict[str, Any]:
            found: dict[str, Any] = {}
            for key in keys:
                try:
                    found[key] = users.get(int(key))
                except NotFound as error:
                    found[key] = error
            return found

        return load

    async def test_it_is_kept_and_given_as_the_error_of_its_key(
        self, cache: Cache, users: Users
    ) -> None:
        users.names[1] = "Ada"
        options: dict[str, Any] = {"ttl": "1h", "tags": ["user:{key}"], "cache_exceptions": NotFound}
        for _ in range(3):
            with pytest.raises(ExceptionGroup) as caught:
                await cache.get_or_set_many(["1", "2"], self.load(users), **options)
            assert [str(error) for error in caught.value.exceptions] == ["no user 2"]
        assert users.loads == 2

        users.names[2] = "Grace"
        await cache.delete_tags("user:2")

        found = await cache.get_or_set_many(["1", "2"], self.load(users), **options)
        assert found == {"1": "Ada", "2": "Grace"}

    async def test_who_waited_gets_one_of_its_own(
        self, cache: Cache, users: Users, step: Stepper
    ) -> None:
        options: dict[str, Any] = {"ttl": "1h", "cache_exceptions": NotFound}

        async def load(keys: list[str]) -> dict[str, Any]:
            await step.stop("loading")
            found: dict[str, Any] = self.load(users)(keys)
            return found

        readers = [
            step.start(cache.get_or_set_many(["1", "2"], load, **options)),
            step.start(cache.get_or_set_many(["2"], load, **options)),
            step.start(cache.get_or_set("2", lambda: users.get(2), **options)),
        ]
        await step.reached("loading")
        await step.settle()
        step.go("loading")
        many, one, single = await asyncio.gather(*readers, return_exceptions=True)

        assert isinstance(many, ExceptionGroup)
        assert isinstance(one, ExceptionGroup)
        errors = [many.exceptions[1], one.exceptions[0], single]
        assert [str(error) for error in errors] == ["no user 2"] * 3
        assert len({id(error) for error in errors}) == 3
        assert users.loads == 2

    async def test_reads_of_values_alone_leave_it_out(self, cache: Cache, users: Users) -> None:
        users.names[1] = "Ada"
        with pytest.raises(ExceptionGroup):
            await cache.get_or_set_many(["1", "2"], self.load(users), "1h", cache_exceptions=NotFound)

        assert await cache.get_many(["1", "2"]) == {"1": "Ada"}

    async def test_one_that_is_raised_for_all_is_no_answer_about_one(
        self, cache: Cache, users: Users
    ) -> None:
        def load(keys: list[str]) -> dict[str, str]:
            return {key: users.get(int(key)) for key in keys}

        for _ in range(2):
            with pytest.raises(NoUser):
                await cache.get_or_set_many(["1", "2"], load, "1h", cache_exceptions=NotFound)

        assert users.loads == 2
        assert not await cache.exists("1")


class TestOptions:
    @pytest.mark.parametrize(
        ("value", "words"),
        [
            (asyncio.CancelledError, "CancelledError: it ends its caller"),
            ((NotFound, KeyboardInterrupt), "KeyboardInterrupt: it ends its caller"),
            (BaseException, "BaseException: it ends its caller"),
            (LoadTimeout, "LoadTimeout: it says what is wrong with the cache"),
            (int, "<class 'int'> is no class of exceptions"),
            ("NotFound", "'NotFound' is no class of exceptions"),
            (["NotFound"], "'NotFound' is no class of exceptions"),
            ([NotFound("x")], "is no class of exceptions"),
            (7, "7 is no class of exceptions"),
            ({NotFound: 0}, "for NotFound: ttl=0: it is not above zero"),
            ({NotFound: "soon"}, "for NotFound: ttl='soon'"),
        ],
    )
    def test_what_is_no_answer_is_refused(self, cache: Cache, value: Any, words: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            cache("1m", cache_exceptions=value)(lambda: 1)

        assert words in str(caught.value)
        assert "cache_exceptions" in str(caught.value)

    def test_with_a_computed_ttl_each_class_needs_one_of_its_own(self, cache: Cache) -> None:
        with pytest.raises(ConfigurationError, match=r"give each class a ttl, \{NotFound: '1m'\}"):
            cache(lambda result: "1m", cache_exceptions=NotFound)(lambda: 1)

        cache(lambda result: "1m", cache_exceptions={NotFound: "1m"})(lambda: 1)

    @pytest.mark.parametrize("nothing", [None, (), {}])
    async def test_none_is_the_same_as_leaving_it_out(
        self, cache: Cache, users: Users, nothing: Any
    ) -> None:
        @cache("1m", cache_exceptions=nothing)
        async def get(user_id: int) -> str:
            return users.get(user_id)

        await error_of(get(7)), await error_of(get(7))

        assert users.loads == 2


def depth(error: BaseException) -> int:
    trace, frames = error.__traceback__, 0
    while trace is not None:
        trace, frames = trace.tb_next, frames + 1
    return frames


def cache_max_ttl(cache: Cache) -> float:
    return cache._home.parts.store.max_ttl


async def test_one_that_is_given_again_in_place_of_a_value_is_a_hit(cache: Cache) -> None:
    @cache.many("1h", cache_exceptions=LookupError, on_error="return")
    async def get_users(user_ids: list[int]) -> dict[int, Any]:
        return {one: LookupError(one) if one == 7 else one for one in user_ids}

    await get_users([7, 8])
    await get_users([7, 8])
    async with cache.transaction():
        await get_users([7, 8])

    stats = cache.stats()
    assert (stats.hits, stats.misses) == (4, 2)


class TestInsideOfATransaction:
    """What is kept is read there as it is outside."""

    @pytest.fixture
    async def kept(self, cache: Cache) -> Any:
        @cache.many("1h", key="user:{user_id}", cache_exceptions=LookupError, on_error="return")
        async def get_users(user_ids: list[int]) -> dict[int, Any]:
            return {one: LookupError(one) if one == 7 else one for one in user_ids}

        await get_users([7, 8])
        return get_users

    async def test_get_raises_it(self, cache: Cache, kept: Any) -> None:
        with pytest.raises(LookupError):
            await cache.get("user:7")
        async with cache.transaction():
            with pytest.raises(LookupError):
                await cache.get("user:7")
        with cache.blocking.transaction(), pytest.raises(LookupError):
            cache.blocking.get("user:7")

    async def test_get_many_leaves_it_out(self, cache: Cache, kept: Any) -> None:
        async with cache.transaction():
            assert await cache.get_many(["user:7", "user:8"]) == {"user:8": 8}

    async def test_a_function_of_many_gives_it_in_its_place(self, cache: Cache, kept: Any) -> None:
        async with cache.transaction():
            found = await kept([7, 8])

        assert found[8] == 8
        assert isinstance(found[7], LookupError)
