"""The pytest plugin in runs of its own: both modes of pytest-asyncio, without it, and with anyio.

Each run is a process with a small program in it, whose functions were decorated when it was imported.
"""

from __future__ import annotations

import pytest

from tests.guide.blocks import python_blocks, with_our_import

APP = """
    from freshly import Cache, cache

    names = {123: "Old Name"}
    products = Cache()

    @cache(ttl="1h", tags=["user:{user_id}"])
    async def get_user(user_id):
        return {"name": names[user_id]}

    async def update_user(user_id, data):
        names[user_id] = data["name"]
        await cache.delete_tags(f"user:{user_id}")

    @cache.soft(ttl="1h", soft_ttl="1m", tags=["user:{user_id}"])
    def get_name(user_id):
        return names[user_id]

    def rename(user_id, name):
        names[user_id] = name
        cache.blocking.delete_tags(f"user:{user_id}")

    @products(ttl="1h")
    def get_product(number):
        return number
"""

# How async tests are written in each kind of run: what to pass to pytest, and what marks them.
LOOPS = "asyncio_default_fixture_loop_scope=function"
AUTO = ["-o", "asyncio_mode=auto", "-o", LOOPS]
STRICT = ["-o", "asyncio_mode=strict", "-o", LOOPS]
MODES = {
    "auto": (AUTO, ""),
    "strict": (STRICT, "@pytest.mark.asyncio"),
    "anyio": (["-p", "no:asyncio"], "@pytest.mark.anyio"),
}

BOTH_COLOURS = """
    import asyncio

    import pytest

    import app
    from app import cache, get_name, get_user, names, rename, update_user

    @pytest.fixture
    def anyio_backend():
        return "asyncio"

    {mark}
    async def test_async_fills_the_cache(freshly_cache, freshly_clock):
        assert freshly_cache is cache
        assert await get_user(123) == {{"name": "Old Name"}}
        names[123] = "Changed"
        assert await get_user(123) == {{"name": "Old Name"}}
        freshly_clock.advance("1h")
        assert await get_user(123) == {{"name": "Changed"}}
        assert cache.stats().loads == 2

    {mark}
    async def test_async_begins_empty_again(freshly_cache):
        assert cache.stats().entries == cache.stats().loads == 0
        assert (await get_user(123))["name"] == "Changed"
        await update_user(123, {{"name": "Updated"}})
        assert (await get_user(123))["name"] == "Updated"

    {mark}
    async def test_async_leaves_a_refresh_behind(freshly_cache, freshly_clock):
        @cache.soft(ttl="1h", soft_ttl="1m")
        async def get():
            if freshly_clock.now():
                await asyncio.Event().wait()
            return 1

        await get()
        freshly_clock.advance("1m")
        assert await get() == 1
        await asyncio.sleep(0)

    def test_blocking_fills_the_cache(freshly_cache, freshly_clock):
        assert get_name(123) == "Updated"
        names[123] = "Changed"
        assert get_name(123) == "Updated"
        rename(123, "Renamed")
        assert get_name(123) == "Renamed"
        freshly_clock.advance("1m")
        get_name(123)

    def test_blocking_begins_empty_again(freshly_cache):
        assert cache.stats().entries == cache.stats().loads == 0

    def test_the_clock_alone_isolates_too(freshly_clock):
        assert (get_name(123), freshly_clock.now()) == ("Renamed", 0.0)
        assert cache.stats().entries == 1
        freshly_clock.advance("1h")
        assert not cache.blocking.exists(get_name.key(123))
"""


# Warnings are errors: a task that is destroyed while it is pending would be one.
CAREFUL = ["-p", "no:cacheprovider", "-W", "error"]


def run(pytester: pytest.Pytester, *arguments: str, **files: str) -> pytest.RunResult:
    pytester.makepyfile(app=APP, **files)
    return pytester.runpytest_subprocess(*CAREFUL, *arguments)


def run_here(pytester: pytest.Pytester, *arguments: str, **files: str) -> pytest.RunResult:
    """The same in this process, which is quicker; ``freshly.cache`` is the one of this process then."""
    pytester.makepyfile(app=APP, **files)
    return pytester.runpytest_inprocess(*CAREFUL, *arguments)


@pytest.mark.parametrize("mode", MODES)
def test_each_test_that_asks_has_an_empty_cache_and_a_clock(
    pytester: pytest.Pytester, mode: str
) -> None:
    arguments, mark = MODES[mode]

    outcome = run_here(pytester, *arguments, test_app=BOTH_COLOURS.format(mark=mark))

    outcome.assert_outcomes(passed=6)


def test_it_works_without_any_plugin_for_async_tests(pytester: pytest.Pytester) -> None:
    outcome = run_here(
        pytester,
        *("-p", "no:asyncio", "-p", "no:anyio"),
        test_app="""
            import asyncio
            from app import cache, get_user, update_user

            async def story():
                assert (await get_user(123))["name"] == "Old Name"
                await update_user(123, {"name": "New Name"})
                assert (await get_user(123))["name"] == "New Name"
                return cache.stats().loads

            def test_one(freshly_cache):
                assert asyncio.run(story()) == 2

            def test_other(freshly_cache):
                assert cache.stats().entries == 0
        """,
    )

    outcome.assert_outcomes(passed=2)


def test_the_guides_block_runs_as_it_stands_beside_the_plugin(pytester: pytest.Pytester) -> None:
    """With only its import line changed. It needs asyncio_mode=auto, which its fixture is written for;
    its ``setup`` and ``close`` are those of the isolated cache then."""
    block = with_our_import(python_blocks()[9])
    assert "from freshly import cache" in block

    outcome = run_here(
        pytester,
        *AUTO,
        *("-o", "freshly_autouse=freshly_cache"),
        test_block=f"from app import get_user, update_user\n{block}\n"
        "async def test_the_next_test_starts_empty():\n"
        "    assert cache.stats().loads == cache.stats().entries == 0\n",
    )

    outcome.assert_outcomes(passed=2)


def test_the_guides_test_runs_in_strict_mode_with_the_plugins_cache(pytester: pytest.Pytester) -> None:
    """There the guide's fixture cannot be async without a decorator of pytest-asyncio. The plugin
    takes its place; the test is the guide's, with the mark that this mode asks of every test."""
    block = with_our_import(python_blocks()[9])
    head, fixture, rest = block.partition("@pytest.fixture")
    test = rest[rest.index("async def test_") :]
    assert fixture

    outcome = run_here(
        pytester,
        *STRICT,
        *("-o", "freshly_autouse=freshly_cache"),
        test_block=f"from app import get_user, update_user\n{head}\n"
        f"pytestmark = pytest.mark.asyncio\n\n{test}\n"
        "async def test_the_next_test_starts_empty():\n"
        "    assert cache.stats().loads == cache.stats().entries == 0\n",
    )

    outcome.assert_outcomes(passed=2)


def test_what_a_test_changes_on_the_cache_is_put_back(pytester: pytest.Pytester) -> None:
    outcome = run(
        pytester,
        *STRICT,
        test_app="""
            from app import cache, get_name, names

            seen = []

            def test_before():
                assert get_name(123) == "Old Name"
                cache.observe(seen.append)

            def test_isolated(freshly_cache, freshly_clock):
                cache.setup("mem://?max_entries=1")
                names[123] = "New Name"
                assert get_name(123) == "New Name"
                assert freshly_clock.now() == 0
                cache.blocking.set("k", 1)
                assert cache.stats().entries == 1
                cache.observe(lambda event: 1 / 0)
                assert len(seen) == 1

            def test_after():
                assert get_name(123) == "Old Name"
                assert cache.stats().loads == 1
                cache.blocking.delete_tags("user:123")
                assert get_name(123) == "New Name"
                assert len(seen) == 3
        """,
    )

    outcome.assert_outcomes(passed=3)


def test_other_caches_are_isolated_if_they_are_named(pytester: pytest.Pytester) -> None:
    outcome = run_here(
        pytester,
        *STRICT,
        test_app="""
            from app import get_product, products

            def test_one(freshly_cache):
                get_product(1)

            def test_other(freshly_clock):
                assert products.stats().entries == 0
                get_product(1)
                freshly_clock.advance("1h")
                assert not products.blocking.exists(get_product.key(1))
        """,
        conftest="""
            import pytest
            from app import products

            @pytest.fixture
            def freshly_caches():
                return [products]
        """,
    )
    outcome.assert_outcomes(passed=2)


def test_every_test_uses_the_fixtures_that_the_configuration_names(pytester: pytest.Pytester) -> None:
    """Also methods of unittest, which cannot ask for one."""
    outcome = run_here(
        pytester,
        *STRICT,
        *("-o", "freshly_autouse=freshly_cache"),
        test_app="""
            import unittest
            from app import cache, get_name

            def test_one():
                assert (get_name(123), cache.stats().loads) == ("Old Name", 1)

            def test_other():
                assert (get_name(123), cache.stats().loads) == ("Old Name", 1)

            class TestCase(unittest.TestCase):
                def test_third(self):
                    self.assertEqual((get_name(123), cache.stats().loads), ("Old Name", 1))
        """,
    )

    outcome.assert_outcomes(passed=3)


def test_a_name_that_is_no_fixture_is_an_error_that_names_it(pytester: pytest.Pytester) -> None:
    outcome = run_here(
        pytester, *STRICT, "-o", "freshly_autouse=freshly_cash", test_app="def test(): pass"
    )

    outcome.assert_outcomes(errors=1)
    outcome.stdout.fnmatch_lines(["*fixture 'freshly_cash' not found*"])


def test_who_does_not_ask_keeps_the_cache_as_it_is(pytester: pytest.Pytester) -> None:
    outcome = run_here(
        pytester,
        *STRICT,
        test_app="""
            from app import cache, get_name

            def test_one():
                get_name(123)

            def test_other():
                assert cache.stats().entries == 1
        """,
    )

    outcome.assert_outcomes(passed=2)


GUARDED = {
    "freshly_no_leaks": (
        """
        cache.setup("mem://")
        """,
        "*a store that setup() replaced is not closed*",
    ),
    "freshly_no_mutations": (
        """
        get_names().append("new")
        """,
        "*app.get_names, key 'app.get_names()': [[]1[]] was missing and is 'new'; last asked for at *",
    ),
    "freshly_no_hidden_context": (
        """
        get_greeting()
        """,
        "*app.get_greeting read 'locale' at *write vary=[[]locale[]] in its decorator*",
    ),
}

GUARDED_APP = """

    from contextvars import ContextVar

    locale = ContextVar("locale", default="en")

    @cache(ttl="1h")
    def get_names():
        return ["Ada"]

    @cache(ttl="1h")
    def get_greeting():
        return {"en": "hello"}[locale.get()]
"""


@pytest.mark.parametrize("guard", GUARDED)
def test_a_guard_fails_the_test_that_has_it_coming_when_it_ends(
    pytester: pytest.Pytester, guard: str
) -> None:
    act, message = GUARDED[guard]
    pytester.makepyfile(
        app=APP + GUARDED_APP,
        test_app=f"""
            from app import cache, get_greeting, get_names

            def test_bad({guard}):
                {act.strip()}

            def test_good({guard}):
                cache.blocking.set("k", 1)

            def test_bad_and_unguarded(freshly_cache):
                {act.strip()}
        """,
    )

    outcome = pytester.runpytest_inprocess(*CAREFUL, *STRICT)

    outcome.assert_outcomes(passed=3, errors=1)
    outcome.stdout.fnmatch_lines(["*ERROR at teardown of test_bad *", message])


def test_all_guards_go_together_with_the_guides_story(pytester: pytest.Pytester) -> None:
    outcome = run_here(
        pytester,
        *AUTO,
        *("-o", f"freshly_autouse={' '.join(GUARDED)}"),
        test_app="""
            from app import cache, get_name, get_user, update_user

            async def test_async(freshly_clock):
                assert (await get_user(123))["name"] == "Old Name"
                await update_user(123, {"name": "New Name"})
                assert (await get_user(123))["name"] == "New Name"
                freshly_clock.advance("1h")
                assert cache.stats().loads == 2

            def test_blocking():
                assert get_name(123) == get_name(123) == "New Name"
        """,
    )

    outcome.assert_outcomes(passed=2)


def test_a_run_without_freshly_imports_nothing_of_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing_was_imported(pytestconfig):
            assert pytestconfig.pluginmanager.has_plugin("freshly")
            ours = [name for name in sys.modules if name.partition(".")[0] == "freshly"]
            assert ours == []

        def test_nothing_happens_around_a_test(request):
            assert [name for name in request.fixturenames if "freshly" in name] == []
        """
    )

    outcome = pytester.runpytest_subprocess(*CAREFUL, *STRICT)

    outcome.assert_outcomes(passed=2)


def test_the_fixtures_say_what_they_are_for(pytester: pytest.Pytester) -> None:
    outcome = pytester.runpytest_inprocess("--fixtures", *CAREFUL, *STRICT)

    outcome.stdout.fnmatch_lines(
        [
            "freshly_caches -- *",
            "*Caches of yours that are isolated beside*",
            "freshly_clock -- *",
            "*The clock of an empty*",
            "freshly_cache -- *",
            "*itself, empty for this test*",
        ]
    )
