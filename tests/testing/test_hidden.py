"""The guard against loaders that read a context variable which is not in their key."""

from __future__ import annotations

import asyncio
import contextvars
import decimal
import sys
import types
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

import freshly
from freshly import Cache, ConfigurationError
from freshly.testing import ManualClock, Stepper, ThreadStepper, assert_no_hidden_context, isolated

locale: ContextVar[str] = ContextVar("locale", default="en")
tenant: ContextVar[str] = ContextVar("tenant", default="nobody")

HERE = Path(__file__).name


@pytest.fixture
def cache() -> Cache:
    return Cache(clock=ManualClock())


def greeting() -> str:
    return {"en": "hello", "fr": "bonjour"}[locale.get()]


async def test_a_variable_that_is_not_named_is_told_with_function_place_and_way_out(
    cache: Cache,
) -> None:
    @cache("1h")
    async def get_greeting() -> str:
        return greeting()

    with pytest.raises(AssertionError) as caught, assert_no_hidden_context(cache):
        await get_greeting()

    text = str(caught.value)
    for words in (
        "loaders read context that is not in their keys:",
        "get_greeting read 'locale' at ",
        HERE,
        "write vary=[locale] in its decorator",
    ):
        assert words in text


async def test_one_that_is_named_is_no_secret(cache: Cache) -> None:
    @cache("1h", vary=[locale])
    async def get() -> str:
        return greeting()

    with assert_no_hidden_context(cache):
        await get()


def test_the_same_for_plain_functions(cache: Cache) -> None:
    @cache("1h", vary=[tenant])
    def get() -> str:
        return greeting() + tenant.get()

    with (
        pytest.raises(AssertionError, match=r"write vary=\[tenant, locale\]"),
        assert_no_hidden_context(cache),
    ):
        get()


def test_a_loader_in_another_thread_is_watched_there(cache: Cache) -> None:
    @cache("1h")
    def get() -> str:
        step.stop("loading")
        return greeting()

    with ThreadStepper() as step:
        with pytest.raises(AssertionError, match="'locale'"), assert_no_hidden_context(cache):
            reader = step.start(get)
            step.reached("loading")
            step.go("loading")
            reader.result(20)
        assert step.start(sys.getprofile).result(20) is None


async def test_refreshes_are_watched(cache: Cache) -> None:
    step, clock = Stepper(), ManualClock()
    cache = Cache(clock=clock)

    @cache.soft("1h", soft_ttl="1m")
    async def get() -> str:
        return greeting() if clock.now() else ""

    await get()
    clock.advance("1m")
    with pytest.raises(AssertionError, match="'locale'"), assert_no_hidden_context(cache):
        await get()
        await step.settle()


async def test_tasks_that_a_loader_starts_belong_to_it(cache: Cache) -> None:
    async def part() -> str:
        await asyncio.sleep(0)
        return greeting()

    @cache("1h")
    async def get() -> list[str]:
        return await asyncio.gather(part(), part())

    with pytest.raises(AssertionError, match="get read 'locale'"), assert_no_hidden_context(cache):
        await get()


async def test_what_others_read_meanwhile_does_not(cache: Cache) -> None:
    step = Stepper()

    @cache("1h")
    async def get() -> int:
        await step.stop("loading")
        return 1

    with assert_no_hidden_context(cache):
        reader = step.start(get())
        await step.reached("loading")
        greeting()
        await step.start(asyncio.sleep(0))
        greeting()
        step.go("loading")
        await reader
    greeting()


async def test_what_a_loader_has_set_itself_is_no_secret(cache: Cache) -> None:
    @cache("1h")
    async def get(language: str) -> str:
        token = locale.set(language)
        try:
            return greeting()
        finally:
            locale.reset(token)

    with assert_no_hidden_context(cache):
        assert await get("fr") == "bonjour"


class TestNested:
    async def test_a_function_depends_on_what_the_ones_inside_it_vary_on(self, cache: Cache) -> None:
        """The page is made of the greeting, and the page's key does not say in which language."""

        @cache("1h", vary=[locale])
        async def get_greeting() -> str:
            return greeting()

        @cache("1h")
        async def get_page() -> str:
            return f"<{await get_greeting()}>"

        with pytest.raises(AssertionError) as caught, assert_no_hidden_context(cache):
            await get_page()

        text = str(caught.value)
        assert "get_page read 'locale' at the key of a cached function inside it" in text
        assert "get_greeting read" not in text

    async def test_what_an_inner_loader_reads_is_its_own(self, cache: Cache) -> None:
        @cache("1h")
        async def get_greeting() -> str:
            return greeting()

        @cache("1h")
        async def get_page() -> str:
            return f"<{await get_greeting()}>"

        with pytest.raises(AssertionError) as caught, assert_no_hidden_context(cache):
            await get_page()

        assert "get_greeting read 'locale'" in str(caught.value)
        assert "get_page read" not in str(caught.value)


class TestIgnored:
    async def test_what_machinery_reads_is_not_counted(self, cache: Cache) -> None:
        @cache("1h")
        async def get() -> decimal.Decimal:
            await asyncio.sleep(0)
            with decimal.localcontext() as context:
                context.prec = 5
                return decimal.Decimal(1) / 3

        with assert_no_hidden_context(cache):
            await get()

    async def test_variables_and_packages_may_be_named(self, cache: Cache) -> None:
        tracing = types.ModuleType("tracing.spans")
        exec("def current(): return variable.get()", vars(tracing))
        tracing.variable = tenant  # type: ignore[attr-defined]

        @cache("1h")
        async def get() -> str:
            tracing.current()
            return greeting()

        with assert_no_hidden_context(cache, ignore=[locale, "tracing"]):
            await get()
        await cache.clear()
        with (
            pytest.raises(AssertionError, match="'tenant'"),
            assert_no_hidden_context(cache, ignore=[locale]),
        ):
            await get()

    @pytest.mark.parametrize(
        ("ignore", "words"),
        [
            ("tracing", r"write ignore=\[\.\.\.\]"),
            (locale, "write ignore"),
            ([1], "ignore has 1 in it"),
        ],
    )
    def test_slips_are_refused(self, cache: Cache, ignore: Any, words: str) -> None:
        with (
            pytest.raises(ConfigurationError, match=words),
            assert_no_hidden_context(cache, ignore=ignore),
        ):
            pass


class TestTheProfiler:
    async def test_it_is_in_place_while_a_loader_runs_and_never_else(self, cache: Cache) -> None:
        during: list[object] = []

        @cache("1h")
        async def get() -> int:
            during.append(sys.getprofile())
            return 1

        with assert_no_hidden_context(cache):
            assert sys.getprofile() is None
            await get()
            assert sys.getprofile() is None

        assert during[0] is not None

    def test_one_that_was_there_goes_on(self, cache: Cache) -> None:
        called: list[str] = []

        def mine(frame: Any, event: str, argument: Any) -> None:
            if event == "c_call":
                called.append(argument.__name__)

        @cache("1h")
        def get() -> str:
            return greeting()

        sys.setprofile(mine)
        try:
            with pytest.raises(AssertionError, match="'locale'"), assert_no_hidden_context(cache):
                get()
            assert sys.getprofile() is mine
        finally:
            sys.setprofile(None)

        assert "get" in called

    @pytest.mark.skipif(sys.version_info >= (3, 12), reason="cProfile has a place of its own there")
    def test_one_in_c_is_refused(self, cache: Cache) -> None:
        import cProfile

        @cache("1h")
        def get() -> int:
            return 1

        profiler = cProfile.Profile()
        profiler.enable()
        try:
            with (
                pytest.raises(ConfigurationError, match="run these tests without it"),
                assert_no_hidden_context(cache),
            ):
                get()
        finally:
            profiler.disable()

    def test_a_loader_that_raises_leaves_it_as_it_was(self, cache: Cache) -> None:
        @cache("1h")
        def get() -> int:
            raise OSError

        with assert_no_hidden_context(cache), pytest.raises(OSError):  # noqa: PT011
            get()

        assert sys.getprofile() is None


def test_without_a_name_it_is_the_default_cache() -> None:
    @freshly.cache("1h")
    def get() -> str:
        return greeting()

    with isolated(), pytest.raises(AssertionError, match="'locale'"), assert_no_hidden_context():
        get()


def test_a_read_past_the_variable_itself_is_not_seen(cache: Cache) -> None:
    """A limit, and the docs name it."""

    @cache("1h")
    def get() -> str | None:
        return contextvars.copy_context().get(locale)

    with assert_no_hidden_context(cache):
        get()


class TestLoadersByHand:
    """They have no ``vary``: what decides the value has to stand in the key."""

    async def test_what_is_not_in_the_key_is_told(self, cache: Cache) -> None:
        with pytest.raises(AssertionError) as caught, assert_no_hidden_context(cache):
            for number in range(3):
                await cache.get_or_set(f"greeting:{number}", greeting)

        [_, line] = str(caught.value).splitlines()
        assert "the loader of 'greeting:0' read 'locale' at " in line
        assert HERE in line
        assert line.endswith("share an entry: put its value into the key")

    async def test_what_is_in_the_key_is_no_secret(self, cache: Cache) -> None:
        locale.set("fr")

        with assert_no_hidden_context(cache):
            assert await cache.get_or_set(f"greeting:{locale.get()}", greeting) == "bonjour"

    def test_in_every_key_if_there_are_many(self, cache: Cache) -> None:
        def load(keys: list[str]) -> dict[str, str]:
            return dict.fromkeys(keys, greeting())

        with assert_no_hidden_context(cache):
            cache.blocking.get_or_set_many(["a:en", "b:en"], load)
        with (
            pytest.raises(AssertionError, match="the loader of 'c', 'd:en' read 'locale'"),
            assert_no_hidden_context(cache),
        ):
            cache.blocking.get_or_set_many(["c", "d:en"], load)


class TestGenerators:
    async def test_both_colours_are_watched(self, cache: Cache) -> None:
        @cache.iterator("1h")
        async def greetings() -> AsyncIterator[str]:
            yield greeting()

        @cache.iterator("1h")
        def plain_greetings() -> Iterator[str]:
            yield "first"
            yield greeting()

        for function in (greetings, plain_greetings):
            with (
                pytest.raises(AssertionError, match=r"greetings read 'locale' .*vary=\[locale\]"),
                assert_no_hidden_context(cache),
            ):
                elements: Any = function()
                _ = [one async for one in elements] if function is greetings else [*elements]

    def test_a_consumer_may_read_between_two_elements(self, cache: Cache) -> None:
        @cache.iterator("1h")
        def numbers() -> Iterator[int]:
            yield 1
            yield 2

        with assert_no_hidden_context(cache):
            assert [f"{locale.get()} {number}" for number in numbers()] == ["en 1", "en 2"]
