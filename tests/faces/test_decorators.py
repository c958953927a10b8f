"""What a decorator refuses, what it leaves as it was, and what its options do.

Where the colours may differ a test runs once for each: ``call`` steps a coroutine and leaves plain
values alone.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import typing
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from freshly import Cache, ConfigurationError, KeyTextError, NoKey
from freshly.testing import ManualClock, Stepper

tenant: ContextVar[str] = ContextVar("tenant", default="nobody")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cache(clock: ManualClock) -> Cache:
    return Cache(clock=clock, dice=lambda: 0.0)


async def call(outcome: Any) -> Any:
    """Return what a function of either colour gave."""
    return await outcome if inspect.isawaitable(outcome) else outcome


# -- what is refused -------------------------------------------------------------------------------


def get_page(user_id: int, page: int = 1) -> int:
    """The function that bad options are tried on."""
    return page


async def asks_async(result: int) -> int:
    return 60


class Refused:
    """Options that are errors, with what the message has to say: option, value, way out."""

    CASES: list[tuple[dict[str, Any], list[str]]] = [
        # durations
        ({"ttl": "60"}, ["ttl='60'", "'60s'"]),
        ({"ttl": "5 minutes"}, ["ttl='5 minutes'", "'5m'"]),
        ({"ttl": "5M"}, ["ttl='5M'", "did you mean 'm'"]),
        ({"ttl": "1h45mx"}, ["ttl='1h45mx'", "'1h45m'"]),
        ({"ttl": ""}, ["ttl=''", "'5m'"]),
        ({"ttl": 0}, ["ttl=0", "above zero"]),
        ({"ttl": -1.5}, ["ttl=-1.5", "above zero"]),
        ({"ttl": True}, ["ttl=True", "seconds"]),
        ({"ttl": float("inf")}, ["ttl=inf", "finite"]),
        ({"ttl": float("nan")}, ["ttl=nan", "finite"]),
        ({"ttl": timedelta(0)}, ["ttl=datetime.timedelta(0)", "above zero"]),
        ({"ttl": [60]}, ["ttl=[60]", "seconds"]),
        ({"soft_ttl": "soon"}, ["soft_ttl='soon'", "'5m'"]),
        ({"early_ttl": "soon"}, ["early_ttl='soon'", "'5m'"]),
        ({"grace": "soon"}, ["grace='soon'", "'5m'"]),
        ({"grace": lambda: 5}, ["grace=", "seconds"]),
        ({"retry_after": "soon"}, ["retry_after='soon'", "'5m'"]),
        ({"retry_after": -1}, ["retry_after=-1", "above zero"]),
        # durations that do not fit each other
        ({"ttl": "1h", "soft_ttl": "2h"}, ["soft_ttl='2h'", "ttl='1h'", "shorter"]),
        ({"ttl": "1h", "early_ttl": "2h"}, ["early_ttl='2h'", "ttl='1h'", "shorter"]),
        (
            {"ttl": "1h", "soft_ttl": "30m", "early_ttl": "40m"},
            ["early_ttl='40m'", "soft_ttl='30m'", "shorter"],
        ),
        ({"ttl": None, "soft_ttl": "30m", "early_ttl": "40m"}, ["early_ttl='40m'", "soft_ttl='30m'"]),
        # chance
        ({"jitter": 1}, ["jitter=1", "0.1"]),
        ({"jitter": -0.1}, ["jitter=-0.1", "0.1"]),
        ({"jitter": "0.1"}, ["jitter='0.1'", "number"]),
        ({"jitter": True}, ["jitter=True", "number"]),
        ({"jitter": float("nan")}, ["jitter=nan", "number"]),
        # functions that ask for what there is not
        ({"ttl": lambda usr_id: 5}, ["ttl=", "'usr_id'", "did you mean 'user_id'?", "result"]),
        ({"soft_ttl": lambda usr_id: 5}, ["soft_ttl=", "'usr_id'", "did you mean 'user_id'?"]),
        ({"early_ttl": lambda usr_id: 5}, ["early_ttl=", "'usr_id'", "did you mean 'user_id'?"]),
        ({"condition": lambda usr_id: 5}, ["condition=", "'usr_id'", "did you mean 'user_id'?"]),
        ({"tags": lambda usr_id: []}, ["tags=", "'usr_id'", "did you mean 'user_id'?"]),
        ({"ttl": asks_async}, ["ttl=", "asks_async", "plain function"]),
        ({"condition": asks_async}, ["condition=", "asks_async", "plain function"]),
        ({"tags": asks_async}, ["tags=", "asks_async", "plain function"]),
        ({"condition": "not_none"}, ["condition='not_none'", "give a function"]),
        ({"condition": True}, ["condition=True", "give a function"]),
        # functions that say nothing of what they ask for
        ({"ttl": int}, ["ttl=<class 'int'>", "lambda"]),
        ({"condition": bool}, ["condition=<class 'bool'>", "lambda"]),
        ({"tags": dict}, ["tags=<class 'dict'>", "lambda"]),
        # tags
        ({"tags": "posts"}, ["tags='posts'", "tags=['posts']"]),
        ({"tags": ["user:{usr_id}"]}, ["tags='user:{usr_id}'", "did you mean 'user_id'?", "'page'"]),
        ({"tags": ["user:{}"]}, ["tags='user:{}'", "named"]),
        ({"tags": ["user:{user_id"]}, ["tags='user:{user_id'"]),
        ({"tags": [""]}, ["tags=''", "names nothing"]),
        ({"tags": [b"posts"]}, ["tags", "b'posts'", "a tag is a str"]),
        ({"tags": [None]}, ["tags", "None", "a tag is a str"]),
        ({"tags": None}, ["tags=None", "list"]),
        ({"tags": 5}, ["tags=5", "list"]),
        # keys
        ({"key": "user:{usr_id}"}, ["key='user:{usr_id}'", "did you mean 'user_id'?", "'page'"]),
        ({"key": "user:{result}"}, ["key='user:{result}'", "no result yet"]),
        ({"key": "user:{0}"}, ["key='user:{0}'", "named"]),
        ({"key": ""}, ["key=''", "names nothing"]),
        ({"key": 5}, ["key=5", "text"]),
        ({"key": "{user_id}", "exclude": ["page"]}, ["exclude=('page',)", "key='{user_id}'", "leave"]),
        # what counts
        ({"exclude": ["pgae"]}, ["exclude", "'pgae'", "did you mean 'page'?", "'user_id'"]),
        ({"exclude": "page"}, ["exclude='page'", "('page',)"]),
        ({"exclude": None}, ["exclude=None", "list"]),
        ({"exclude": [["page"]]}, ["exclude", "['page']"]),
        ({"vary": tenant}, ["vary=tenant", "vary=[...]"]),
        ({"vary": ["tenant"]}, ["vary", "'tenant'", "ContextVar"]),
        ({"vary": None}, ["vary=None", "list"]),
    ]


def shown(case: Any) -> str:
    return ",".join(f"{name}={str(value)[:24]}" for name, value in case.items())


class TestRefused:
    @pytest.mark.parametrize(
        ("options", "words"), Refused.CASES, ids=[shown(options) for options, _ in Refused.CASES]
    )
    def test_a_bad_option_is_named_with_its_value_and_a_way_out(
        self, cache: Cache, options: dict[str, Any], words: list[str]
    ) -> None:
        with pytest.raises(ConfigurationError) as caught:
            cache(**{"ttl": "1h", **options})(get_page)

        for word in words:
            assert word in str(caught.value)

    def test_it_is_a_value_error_too(self, cache: Cache) -> None:
        with pytest.raises(ValueError, match="ttl='soon'"):
            cache("soon")(get_page)

    def test_no_grace_may_be_said_as_zero(self, cache: Cache) -> None:
        """That is what it is where nobody says anything."""
        cache("1h", grace=0)(get_page)

    def test_an_option_that_does_not_exist_is_an_error(self, cache: Cache) -> None:
        options: dict[str, Any] = {"tag": ["posts"]}
        with pytest.raises(ConfigurationError, match="no option 'tag'; did you mean 'tags'"):
            cache("1h", **options)
        options = {"softttl": "1m"}
        with pytest.raises(ConfigurationError, match="no option 'softttl'; did you mean 'soft_ttl'"):
            cache.soft("1h", soft_ttl="1m", **options)

    @pytest.mark.parametrize("colour", ["plain", "async"])
    def test_a_generator_is_refused_with_the_way_out(self, cache: Cache, colour: str) -> None:
        def lines() -> Iterator[str]:
            yield "line"

        async def async_lines() -> AsyncIterator[str]:
            yield "line"

        with pytest.raises(ConfigurationError, match=r"lines is a generator.*return a list"):
            cache("1h")(lines if colour == "plain" else async_lines)

    def test_decorating_twice_is_refused(self, cache: Cache) -> None:
        once = cache("1h")(get_page)

        with pytest.raises(ConfigurationError, match="get_page is cached already"):
            cache("1m")(once)

    def test_decorating_twice_is_refused_for_methods_too(self, cache: Cache) -> None:
        class Service:
            @cache("1h")
            def get(self) -> int:
                return 1

        with pytest.raises(ConfigurationError, match=r"get is cached already"):
            cache("1m")(vars(Service)["get"])
        with pytest.raises(ConfigurationError, match=r"get is cached already"):
            cache("1m")(Service.get)

    @pytest.mark.parametrize(
        "thing",
        [
            len,
            dict,
            functools.partial(get_page, 1),
            functools.lru_cache(get_page),
            property(get_page),
            functools.cached_property(get_page),
            None,
            "get_page",
            [].append,
        ],
        ids=repr,
    )
    def test_what_is_no_function_written_with_def_is_refused(self, cache: Cache, thing: Any) -> None:
        with pytest.raises(ConfigurationError, match="is no function written with def") as caught:
            cache("1h")(thing)

        assert repr(thing) in str(caught.value)

    def test_a_bound_method_and_a_callable_object_are_refused(self, cache: Cache) -> None:
        class Service:
            def get(self) -> int:
                return 1

            def __call__(self) -> int:
                return 1

        with pytest.raises(ConfigurationError, match="is no function written with def"):
            cache("1h")(Service().get)
        with pytest.raises(ConfigurationError, match="is no function written with def"):
            cache("1h")(Service())

    def test_forgetting_the_ttl_of_an_async_function_is_an_error_at_decoration(
        self, cache: Cache
    ) -> None:
        """An async function can be no ttl, so there is no doubt."""
        with pytest.raises(ConfigurationError, match=r"without a ttl: write @cache\(ttl='5m'\)"):

            @cache
            async def get_user(user_id: int) -> int:
                return user_id

    @pytest.mark.parametrize(
        ("args", "kwargs"), [((1,), {}), ((), {"user_id": 1}), ((), {}), ((1, 2), {}), ((len,), {})]
    )
    def test_forgetting_the_ttl_of_a_plain_function_is_an_error_at_the_first_call(
        self, cache: Cache, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """It could be the ttl: only the call tells."""

        @cache
        def get_user(*args: Any, **kwargs: Any) -> int:
            return 1

        get: Any = get_user
        with pytest.raises(ConfigurationError, match=r"without a ttl: write @cache\(ttl='5m'\)"):
            get(*args, **kwargs)

    def test_calling_the_decorator_without_a_ttl_names_it(self, cache: Cache) -> None:
        with pytest.raises(TypeError, match="'ttl'"):
            cache()  # type: ignore[call-arg]

    def test_nothing_is_left_behind_by_what_was_refused(self, cache: Cache) -> None:
        with pytest.raises(ConfigurationError):
            cache("1h", tags=["{nobody}"])(get_page)

        assert list(cache.stats().by_function) == ["by hand"]


# -- what stays as it was --------------------------------------------------------------------------

DEFAULT = object()


class TestShape:
    @pytest.fixture(params=["async", "plain"])
    def colour(self, request: pytest.FixtureRequest) -> str:
        colour: str = request.param
        return colour

    def make(self, cache: Cache, colour: str) -> tuple[Any, Any]:
        """Return a function with every kind of parameter, and its cached twin."""

        def plain(
            a: int, b: object = DEFAULT, /, c: str = "c", *rest: int, d: float, e: int = 5, **more: int
        ) -> list[Any]:
            """What it says of itself."""
            return [a, b, c, rest, d, e, more]

        async def coroutine(
            a: int, b: object = DEFAULT, /, c: str = "c", *rest: int, d: float, e: int = 5, **more: int
        ) -> list[Any]:
            """What it says of itself."""
            return [a, b, c, rest, d, e, more]

        function: Any = plain if colour == "plain" else coroutine
        function.mine = "an attribute"
        return function, cache("1h", key="{a}{c}{rest}{d}{e}{more}")(function)

    def test_all_that_a_function_says_of_itself_stays(self, cache: Cache, colour: str) -> None:
        function, cached = self.make(cache, colour)

        assert inspect.isfunction(cached)
        assert inspect.signature(cached) == inspect.signature(function)
        assert typing.get_type_hints(cached) == typing.get_type_hints(function)
        for name in ("__name__", "__qualname__", "__doc__", "__module__", "__annotations__"):
            assert getattr(cached, name) == getattr(function, name)
        assert cached.mine == "an attribute"
        assert cached.__wrapped__ is function
        assert cached.uncached is function
        assert cached.__defaults__ == function.__defaults__
        assert cached.__kwdefaults__ == function.__kwdefaults__
        assert inspect.signature(cached, follow_wrapped=False).parameters.keys() == (
            inspect.signature(function).parameters.keys()
        )

    def test_the_colour_stays(self, cache: Cache, colour: str) -> None:
        _, cached = self.make(cache, colour)

        assert inspect.iscoroutinefunction(cached) is (colour == "async")
        assert asyncio.iscoroutinefunction(cached) is (colour == "async")

    @pytest.mark.parametrize(
        ("args", "kwargs"),
        [
            ((1,), {"d": 1.0}),
            ((1, 2), {"d": 1.0}),
            ((1, 2, "x"), {"d": 1.0}),
            ((1, 2, "x", 3, 4), {"d": 1.0, "e": 2}),
            ((1,), {"d": 1.0, "c": "y"}),
            ((1,), {"d": 1.0, "f": 6, "g": 7}),
            ((1,), {"d": 1.0, "a": 8}),  # the name of a positional-only one is free for **more
        ],
    )
    async def test_arguments_arrive_as_they_did(
        self, cache: Cache, colour: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        function, cached = self.make(cache, colour)
        wanted = await call(function(*args, **kwargs))

        assert await call(cached(*args, **kwargs)) == wanted
        assert await call(cached(*args, **kwargs)) == wanted
        assert cached.tags(*args, **kwargs) == ()
        assert await call(cached.delete(*args, **kwargs)) is True

    @pytest.mark.parametrize(
        ("args", "kwargs"),
        [
            ((), {}),
            ((), {"d": 1.0}),
            ((1,), {}),
            ((), {"a": 1, "d": 1.0}),
            ((1, 2, "x"), {"d": 1.0, "c": "y"}),
        ],
    )
    async def test_a_wrong_call_is_the_type_error_it_was(
        self, cache: Cache, colour: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        function, cached = self.make(cache, colour)
        with pytest.raises(TypeError) as plain:
            function(*args, **kwargs)

        with pytest.raises(TypeError) as caught:
            cached(*args, **kwargs)

        mine = str(caught.value).replace("_freshly_wrapper", function.__qualname__)
        assert mine.rpartition(".")[2] == str(plain.value).rpartition(".")[2]

    def test_a_wrong_call_names_the_function_and_not_our_wrapper(
        self, cache: Cache, colour: str
    ) -> None:
        _, cached = self.make(cache, colour)

        with pytest.raises(TypeError) as caught:
            cached()

        assert "freshly" not in str(caught.value)
        assert cached.__name__ in str(caught.value)

    async def test_a_wrong_call_of_a_verb_is_a_type_error_too(self, cache: Cache, colour: str) -> None:
        _, cached = self.make(cache, colour)

        for verb in ("key", "tags", "peek", "refresh", "delete"):
            with pytest.raises(TypeError):
                await call(getattr(cached, verb)())

    async def test_a_default_is_the_very_object_that_it_was(self, cache: Cache, colour: str) -> None:
        _, cached = self.make(cache, colour)

        assert (await call(cached(1, d=1.0)))[1] is DEFAULT

    async def test_wraps_on_top_of_it_keeps_the_verbs(self, cache: Cache, colour: str) -> None:
        _, cached = self.make(cache, colour)

        @functools.wraps(cached)
        def on_top(*args: Any, **kwargs: Any) -> Any:
            return cached(*args, **kwargs)

        await call(on_top(1, d=1.0))

        on_top_: Any = on_top
        assert await call(on_top_.delete(1, d=1.0)) is True
        assert inspect.signature(on_top) == inspect.signature(cached)

    async def test_it_may_stand_on_a_function_that_wraps_another(
        self, cache: Cache, colour: str
    ) -> None:
        loads: list[int] = []

        def load(user_id: int, page: int = 1) -> int:
            loads.append(user_id)
            return user_id

        async def load_async(user_id: int, page: int = 1) -> int:
            return load(user_id, page)

        inner: Any = load if colour == "plain" else load_async
        if colour == "plain":

            @functools.wraps(inner)
            def logged(*args: Any, **kwargs: Any) -> Any:
                return inner(*args, **kwargs)

            cached: Any = cache("1h", tags=["user:{user_id}"])(logged)
        else:

            @functools.wraps(inner)
            async def logged_async(*args: Any, **kwargs: Any) -> Any:
                return await inner(*args, **kwargs)

            cached = cache("1h", tags=["user:{user_id}"])(logged_async)

        await call(cached(1))
        await call(cached(user_id=1, page=1))

        assert loads == [1]
        assert cached.tags(1) == ("user:1",)


class TestAsyncStays:
    async def test_it_goes_into_create_task_and_gather(self, cache: Cache) -> None:
        loads: list[int] = []

        @cache("1h")
        async def get(number: int) -> int:
            loads.append(number)
            return number

        task = asyncio.create_task(get(1))
        found = await asyncio.gather(get(1), get(2), task)

        assert list(found) == [1, 2, 1]
        assert sorted(loads) == [1, 2]

    def test_it_goes_into_asyncio_run_again_and_again(self, cache: Cache) -> None:
        loads: list[int] = []

        @cache("1h")
        async def get() -> int:
            loads.append(1)
            return len(loads)

        assert [asyncio.run(get()), asyncio.run(get())] == [1, 1]

    async def test_a_call_is_a_coroutine_that_loads_nothing_until_it_is_awaited(
        self, cache: Cache
    ) -> None:
        loads: list[int] = []

        @cache("1h")
        async def get() -> int:
            loads.append(1)
            return 1

        coroutine = get()
        assert inspect.iscoroutine(coroutine)
        assert loads == []
        coroutine.close()

    async def test_a_plain_function_that_returns_an_awaitable_is_cached_as_it_is(
        self, cache: Cache
    ) -> None:
        """Its colour is what ``def`` says. The awaitable could be awaited once only."""

        @cache("1h")
        def get() -> Awaitable[int]:
            future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            future.set_result(1)
            return future

        assert await get() == 1
        assert await get() == 1


INTERNAL_NAMES = (
    "rows",
    "entry",
    "now",
    "slow",
    "store",
    "wrapper",
    "function",
    "exact",
    "copy",
    "clock",
    "holds",
    "flights",
    "note",
    "instances",
    "uncached",
    "values",
    "key",
    "tags",
    "args",
    "kwargs",
    "instance",
    "cls",
    "self",
    "type",
    "id",
    "None_",
    "_",
    "result",
)


class TestNames:
    @pytest.mark.parametrize("name", INTERNAL_NAMES)
    async def test_a_parameter_may_have_any_name(self, cache: Cache, name: str) -> None:
        """Whatever we call things inside."""
        loads: list[Any] = []
        scope: dict[str, Any] = {"loads": loads, "__name__": __name__}
        exec(f"def get({name}, other=2):\n    loads.append({name})\n    return {name}\n", scope)
        get = cache("1h", tags=[f"t:{{{name}}}"])(scope["get"])

        assert [get(1), get(1), get(**{name: 1}), get(2)] == [1, 1, 1, 2]
        assert loads == [1, 2]
        assert get.tags(7) == ("t:7",)
        assert get.delete(**{name: 1}) is True

    @pytest.mark.parametrize("name", ["type", "id", "True_", "tuple"])
    async def test_a_parameter_may_hide_a_builtin_in_a_method_too(
        self, cache: Cache, name: str
    ) -> None:
        scope: dict[str, Any] = {"cache": cache, "__name__": __name__}
        exec(
            f"class Service:\n    @cache('1h')\n    def get(self, {name}):\n        return {name}\n",
            scope,
        )
        service = scope["Service"]()

        assert [service.get("x"), service.get("x"), service.get(**{name: "x"})] == ["x"] * 3

    async def test_names_that_need_normalising_work(self, cache: Cache) -> None:
        @cache("1h", tags=["{größe}"])
        def get(größe: int) -> int:
            return größe

        assert get(größe=3) == 3
        assert get.tags(3) == ("3",)

    def test_two_closures_of_one_function_never_share_an_entry(self, cache: Cache) -> None:
        """They have one name, and different things in their cells."""

        def getter_of(database: dict[int, str]) -> Callable[[int], str]:
            @cache("1h")
            def get(number: int) -> str:
                return database[number]

            return get

        cats, dogs = getter_of({1: "Tom"}), getter_of({1: "Rex"})

        assert [cats(1), dogs(1), cats(1)] == ["Tom", "Rex", "Tom"]

    def test_a_function_that_is_defined_anew_does_not_get_its_predecessors_values(
        self, cache: Cache
    ) -> None:
        """As in a notebook, or when a module is reloaded."""
        scope: dict[str, Any] = {"cache": cache, "__name__": "notebook"}
        cell = "@cache('1h')\ndef answer():\n    return {}\n"

        exec(cell.format(1), scope)
        assert scope["answer"]() == 1
        exec(cell.format(2), scope)

        assert scope["answer"]() == 2

    def test_a_lambda_is_a_function_like_any_other(self, cache: Cache) -> None:
        loads: list[int] = []
        get = cache("1h")(lambda number: loads.append(number) or number)

        assert [get(1), get(1), get(number=1)] == [1, 1, 1]
        assert loads == [1]

    def test_two_lambdas_never_share_an_entry(self, cache: Cache) -> None:
        double, triple = cache("1h")(lambda x: 2 * x), cache("1h")(lambda x: 3 * x)

        assert [double(1), triple(1), double(1)] == [2, 3, 2]


class TestFastApi:
    """FastAPI looks at signatures, at colours and at hints."""

    async def ask(self, app: FastAPI, *paths: str) -> list[Any]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            answers = [await client.get(path) for path in paths]
        assert [answer.status_code for answer in answers] == [200] * len(paths)
        return [answer.json() for answer in answers]

    def depend(self, app: FastAPI, path: str, dependency: Any) -> None:
        """Add a route that returns what ``dependency`` gives it."""

        async def route(found: Any) -> Any:
            return found

        route.__annotations__["found"] = Annotated[Any, Depends(dependency)]
        app.get(path)(route)

    @pytest.mark.parametrize("colour", ["async", "plain"])
    async def test_a_cached_function_is_a_route(self, cache: Cache, colour: str) -> None:
        app, loads = FastAPI(), []

        def load(user_id: int, page: int = 1) -> dict[str, int]:
            loads.append(user_id)
            return {"user_id": user_id, "page": page}

        async def load_async(user_id: int, page: int = 1) -> dict[str, int]:
            return load(user_id, page)

        app.get("/users/{user_id}")(cache("1h")(load if colour == "plain" else load_async))

        found = await self.ask(app, "/users/1", "/users/1?page=1", "/users/1?page=2")

        assert found == [
            {"user_id": 1, "page": 1},
            {"user_id": 1, "page": 1},
            {"user_id": 1, "page": 2},
        ]
        assert loads == [1, 1]

    @pytest.mark.parametrize("colour", ["async", "plain"])
    async def test_a_cached_function_is_a_dependency(self, cache: Cache, colour: str) -> None:
        app, loads = FastAPI(), []

        @cache("1h")
        async def settings(page: int = 1) -> int:
            loads.append(page)
            return page

        @cache("1h")
        def settings_plain(page: int = 1) -> int:
            loads.append(page)
            return page

        depended: Any = settings if colour == "async" else settings_plain

        self.depend(app, "/", depended)

        assert await self.ask(app, "/", "/?page=1", "/?page=2") == [1, 1, 2]
        assert loads == [1, 2]

    @pytest.mark.parametrize("colour", ["async", "plain"])
    async def test_a_bound_cached_method_is_a_route_and_a_dependency(
        self, cache: Cache, colour: str
    ) -> None:
        app, loads = FastAPI(), []

        class Service:
            @cache("1h")
            async def get(self, page: int = 1) -> int:
                loads.append(page)
                return page

            @cache("1h")
            def get_plain(self, page: int = 1) -> int:
                loads.append(page)
                return page

        service = Service()
        method: Any = service.get if colour == "async" else service.get_plain
        app.get("/route")(method)

        self.depend(app, "/dependency", method)

        found = await self.ask(app, "/route", "/route?page=1", "/dependency?page=2", "/route?page=2")

        assert found == [1, 1, 2, 2]
        assert loads == [1, 2]

    async def test_a_cached_classmethod_is_a_dependency(self, cache: Cache) -> None:
        app, loads = FastAPI(), []

        class Service:
            @classmethod
            @cache("1h")
            async def get(cls, page: int = 1) -> int:
                loads.append(page)
                return page

        self.depend(app, "/", Service.get)

        assert await self.ask(app, "/", "/?page=1") == [1, 1]
        assert loads == [1]


# -- what the options do ---------------------------------------------------------------------------


@pytest.fixture(params=["async", "plain"])
def either(request: pytest.FixtureRequest) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function of the colour in turn: ``either(function)``."""

    def of_colour(function: Callable[..., Any]) -> Callable[..., Any]:
        if request.param == "plain":
            return function

        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        functools.update_wrapper(coroutine, function)
        # What wraps() leaves out, and the tests of options are not about.
        coroutine.__defaults__ = function.__defaults__
        return coroutine

    return of_colour


Either = Callable[[Callable[..., Any]], Callable[..., Any]]


class TestCopy:
    async def test_no_caller_can_change_what_another_gets(self, cache: Cache, either: Either) -> None:
        def get() -> dict[str, list[int]]:
            return {"list": [1]}

        cached = cache("1h", copy=True)(either(get))

        for _ in range(3):
            found = await call(cached())
            assert found == {"list": [1]}
            found["list"].append(2)

    async def test_who_waited_for_the_load_has_a_copy_of_his_own(self, cache: Cache) -> None:
        step = Stepper()

        @cache("1h", copy=True)
        async def get() -> list[int]:
            await step.stop("loading")
            return [1]

        readers = [step.start(get()) for _ in range(3)]
        await step.reached("loading")
        await step.settle()
        step.go("loading")
        found = [await reader for reader in readers]
        for each in found:
            each.append(2)

        assert found == [[1, 2]] * 3
        assert await get() == [1]

    async def test_what_the_loader_keeps_of_its_result_cannot_change_the_stored_value(
        self, cache: Cache, either: Either
    ) -> None:
        kept: list[int] = [1]
        cached = cache("1h", copy=True)(either(lambda: kept))

        await call(cached())
        kept.append(2)

        assert await call(cached()) == [1]

    async def test_a_refresh_and_a_stale_value_are_copies_too(
        self, cache: Cache, clock: ManualClock, either: Either
    ) -> None:
        cached: Any = cache("1m", grace="1h", soft_ttl="30s", copy=True)(either(lambda: [1]))

        (await call(cached.refresh())).append(2)
        assert await call(cached()) == [1]
        clock.advance("30s")
        (await call(cached())).append(2)

        assert await call(cached()) == [1]
        cache.blocking.close()

    async def test_without_it_a_hit_is_the_stored_object(self, cache: Cache, either: Either) -> None:
        cached = cache("1h")(either(lambda: [1]))

        assert await call(cached()) is await call(cached())

    async def test_a_value_that_cannot_be_copied_is_the_callers_error(
        self, cache: Cache, either: Either
    ) -> None:
        cached = cache("1h", copy=True)(either(lambda: (number for number in [1])))

        with pytest.raises(TypeError, match="pickle"):
            await call(cached())


class TestCondition:
    async def test_what_it_refuses_is_returned_and_not_stored(
        self, cache: Cache, either: Either
    ) -> None:
        loads: list[int] = []

        def get(number: int) -> int | None:
            loads.append(number)
            return number or None

        cached = cache("1h", condition=lambda result: result is not None)(either(get))

        assert [await call(cached(number)) for number in (0, 0, 1, 1)] == [None, None, 1, 1]
        assert loads == [0, 0, 1]

    async def test_it_gets_arguments_by_name(self, cache: Cache, either: Either) -> None:
        def get(number: int, *, draft: bool) -> int:
            return number

        cached: Any = cache("1h", condition=lambda draft: not draft)(either(get))
        await call(cached(1, draft=False))
        await call(cached(1, draft=True))

        assert await call(cached.peek(1, draft=False)) is not None
        assert await call(cached.peek(1, draft=True)) is None

    async def test_what_it_raises_reaches_the_caller_and_nothing_is_stored(
        self, cache: Cache, either: Either
    ) -> None:
        def broken(result: int) -> bool:
            raise LookupError("mine")

        cached = cache("1h", condition=broken)(either(lambda: 1))

        with pytest.raises(LookupError, match="mine"):
            await call(cached())
        assert cache.stats().entries == 0

    async def test_what_it_refuses_leaves_the_older_value(
        self, cache: Cache, clock: ManualClock, either: Either
    ) -> None:
        """A refresh whose result is refused has brought nothing; the stale value stays."""
        results = iter([1, None, 2])
        cached: Any = cache("1h", condition=lambda result: result is not None)(
            either(lambda: next(results))
        )

        await call(cached())
        assert await call(cached.refresh()) is None

        assert await call(cached()) == 1


class TestWhatCounts:
    async def test_an_excluded_parameter_does_not(self, cache: Cache, either: Either) -> None:
        loads: list[Any] = []

        def get(number: int, trace: object = None) -> int:
            loads.append(trace)
            return number

        cached: Any = cache("1h", exclude=["trace"])(either(get))
        await call(cached(1, object()))
        await call(cached(1, trace=object()))
        await call(cached(1))

        assert len(loads) == 1
        assert cached.key(1, object()) == cached.key(1)

    async def test_excluded_args_and_kwargs_do_not(self, cache: Cache, either: Either) -> None:
        loads: list[Any] = []

        def get(number: int, *args: Any, **kwargs: Any) -> int:
            loads.append(args)
            return number

        cached: Any = cache("1h", exclude=("args", "kwargs"))(either(get))
        await call(cached(1, object()))
        await call(cached(1, other=object()))

        assert len(loads) == 1

    async def test_what_is_marked_nokey_does_not(self, cache: Cache, either: Either) -> None:
        class Session: ...

        loads: list[Any] = []

        def get(number: int, session: Annotated[Any, NoKey]) -> int:
            loads.append(session)
            return number

        cached = cache("1h")(either(get))
        await call(cached(1, Session()))
        await call(cached(1, session=Session()))

        assert len(loads) == 1

    async def test_an_object_without_a_lasting_text_is_refused_with_the_ways_out(
        self, cache: Cache, either: Either
    ) -> None:
        class Session: ...

        def get(session: Session) -> int:
            return 1

        cached = cache("1h")(either(get))

        with pytest.raises(KeyTextError) as caught:
            await call(cached(Session()))

        for word in ("'session'", "key=", "__cache_key__", "NoKey"):
            assert word in str(caught.value)

    async def test_an_unhashable_argument_counts_by_its_content(
        self, cache: Cache, either: Either
    ) -> None:
        loads: list[Any] = []

        def get(ids: list[int]) -> int:
            loads.append(list(ids))
            return sum(ids)

        cached = cache("1h")(either(get))
        ids = [1, 2]

        assert [await call(cached(ids)), await call(cached([1, 2]))] == [3, 3]
        ids.append(3)
        assert await call(cached(ids)) == 6
        assert loads == [[1, 2], [1, 2, 3]]

    async def test_a_context_variable_in_vary_does(self, cache: Cache, either: Either) -> None:
        loads: list[str] = []

        def get(number: int) -> str:
            loads.append(tenant.get())
            return tenant.get()

        cached = cache("1h", vary=[tenant])(either(get))

        async def ask_as(name: str) -> Any:
            tenant.set(name)
            return await call(cached(1))

        found = [await copy_context().run(asyncio.create_task, ask_as(name)) for name in "abab"]

        assert found == ["a", "b", "a", "b"]
        assert loads == ["a", "b"]

    async def test_a_context_variable_without_a_value_is_a_case_of_its_own(
        self, cache: Cache, either: Either
    ) -> None:
        unset: ContextVar[Any] = ContextVar("unset")
        cached: Any = cache("1h", vary=[unset])(either(lambda: unset.get(None)))

        keys = {cached.key()}
        for value in (None, "unset", ""):
            unset.set(value)
            keys.add(cached.key())

        assert len(keys) == 4


class TestKey:
    async def test_a_template_is_exactly_the_key(self, cache: Cache, either: Either) -> None:
        def get(user_id: int, page: int = 1) -> str:
            return f"{user_id}/{page}"

        cached: Any = cache("1h", key="user:{user_id}:posts:{page:03d}")(either(get))

        assert cached.key(7) == "user:7:posts:001"
        await call(cached(7))
        assert await cache.get("user:7:posts:001") == "7/1"

    async def test_what_is_set_under_it_is_what_the_function_returns(
        self, cache: Cache, either: Either
    ) -> None:
        cached = cache("1h", key="user:{number}")(either(lambda number: "loaded"))

        await cache.set("user:7", "by hand", "1h")

        assert await call(cached(7)) == "by hand"

    async def test_what_is_deleted_under_it_is_gone_on_the_next_call(
        self, cache: Cache, either: Either
    ) -> None:
        loads: list[int] = []
        cached = cache("1h", key="user:{number}")(either(lambda number: loads.append(number)))

        await call(cached(7))
        await call(cached(7))
        assert await cache.delete("user:7") == 1
        await call(cached(7))

        assert loads == [7, 7]

    async def test_two_functions_with_one_template_share_the_entry(
        self, cache: Cache, either: Either
    ) -> None:
        loads: list[str] = []

        def get(user_id: int) -> str:
            loads.append("get")
            return "of get"

        def fetch(user_id: int) -> str:
            loads.append("fetch")
            return "of fetch"

        one: Any = cache("1h", key="user:{user_id}")(either(get))
        other: Any = cache("1h", key="user:{user_id}")(either(fetch))

        assert [await call(one(1)), await call(other(1)), await call(one(1))] == ["of get"] * 3
        assert loads == ["get"]
        await call(other.delete(1))
        assert [await call(other(1)), await call(one(1))] == ["of fetch"] * 2

    async def test_of_two_such_functions_none_is_served_what_lacks_its_tags(
        self, cache: Cache, either: Either
    ) -> None:
        """An invalidation of the tag would not reach it."""

        def get(user_id: int) -> str:
            return "without a tag"

        def fetch(user_id: int) -> str:
            return "with a tag"

        one = cache("1h", key="user:{user_id}")(either(get))
        other = cache("1h", key="user:{user_id}", tags=["users"])(either(fetch))

        assert await call(one(1)) == "without a tag"
        assert await call(other(1)) == "with a tag"
        assert await call(one(1)) == "with a tag"

    async def test_two_such_functions_make_one_load(self, cache: Cache) -> None:
        step = Stepper()

        @cache("1h", key="user:{user_id}")
        async def get(user_id: int) -> str:
            await step.stop("loading")
            return "of get"

        @cache("1h", key="user:{user_id}")
        async def fetch(user_id: int) -> str:
            raise AssertionError("a second load")

        one = step.start(get(1))
        await step.reached("loading")
        other = step.start(fetch(1))
        await step.settle()
        step.go("loading")

        assert [await one, await other] == ["of get", "of get"]

    async def test_a_template_without_fields_is_one_key_for_all_calls(
        self, cache: Cache, either: Either
    ) -> None:
        cached = cache("1h", key="settings")(either(lambda number: number))

        assert [await call(cached(1)), await call(cached(2))] == [1, 1]

    async def test_an_address_in_a_key_is_refused(self, cache: Cache, either: Either) -> None:
        class User: ...

        cached = cache("1h", key="user:{user}")(either(lambda user: 1))

        with pytest.raises(KeyTextError, match=r"name an attribute"):
            await call(cached(User()))

    async def test_an_error_of_a_value_names_the_template(self, cache: Cache, either: Either) -> None:
        cached = cache("1h", key="user:{user.id}")(either(lambda user: 1))

        with pytest.raises(AttributeError, match="id") as caught:
            await call(cached(None))

        assert "while rendering the template key='user:{user.id}'" in caught.value.__notes__


class TestVerbs:
    async def test_each_speaks_of_the_entry_of_these_arguments(
        self, cache: Cache, either: Either
    ) -> None:
        loads: list[int] = []

        def get(number: int, page: int = 1) -> int:
            loads.append(number)
            return len(loads)

        cached: Any = cache("1h", tags=["n:{number}", "of:{result}"])(either(get))

        assert await call(cached.peek(1)) is None
        assert await call(cached(1)) == 1
        entry = await call(cached.peek(page=1, number=1))
        assert (entry.value, entry.key) == (1, cached.key(1))
        assert entry.tags == ("n:1", "of:1")
        assert cached.tags(1) == ("n:1",)
        assert await call(cached.refresh(1)) == 2
        assert await call(cached(1)) == 2
        assert await call(cached.delete(1)) is True
        assert await call(cached.delete(1)) is False
        assert await call(cached(1)) == 3
        assert await call(cached.uncached(1)) == 4
        assert await call(cached(1)) == 3

    async def test_a_refresh_loads_also_where_nothing_is_stored(
        self, cache: Cache, either: Either
    ) -> None:
        cached: Any = cache("1h")(either(lambda: 1))

        assert await call(cached.refresh()) == 1
        assert (await call(cached.peek())).value == 1

    async def test_a_refresh_that_fails_raises_and_leaves_the_value(
        self, cache: Cache, either: Either
    ) -> None:
        outcomes: list[Any] = [1, OSError("down")]

        def get() -> int:
            outcome = outcomes.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return int(outcome)

        cached: Any = cache("1h")(either(get))
        await call(cached())

        with pytest.raises(OSError, match="down"):
            await call(cached.refresh())
        assert await call(cached()) == 1


@dataclass
class Filter:
    name: str
    limit: int = 10


class TestValues:
    async def test_a_dataclass_counts_by_its_content(self, cache: Cache, either: Either) -> None:
        loads: list[str] = []

        def get(wanted: Filter) -> int:
            loads.append(wanted.name)
            return wanted.limit

        cached = cache("1h", tags=["f:{wanted.name}"])(either(get))
        await call(cached(Filter("a")))
        await call(cached(wanted=Filter("a", 10)))
        await call(cached(Filter("b")))

        assert loads == ["a", "b"]

    async def test_types_that_are_equal_and_not_the_same_stay_apart(
        self, cache: Cache, either: Either
    ) -> None:
        cached = cache("1h")(either(lambda value: type(value)))

        for _ in range(2):
            for value in (1, 1.0, True, "1", b"1", None, "None"):
                assert await call(cached(value)) is type(value)
