"""The pytest plugin: an empty cache, a clock and guards for a test that asks for these fixtures.

It stands outside of the package, and imports nothing of it until a test asks. pytest loads the
plugins of everything that is installed; a run without freshly in its tests pays for this file alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from freshly import Cache
    from freshly.testing import ManualClock

AUTOUSE = "freshly_autouse"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        AUTOUSE,
        "Fixtures of freshly that every test uses, such as freshly_cache freshly_no_leaks.",
        type="args",
        default=[],
    )


def pytest_configure(config: pytest.Config) -> None:
    names = config.getini(AUTOUSE)
    if names:
        config.pluginmanager.register(_Autouse(names), "freshly-autouse")


class _Autouse:
    """Registered only if the configuration names fixtures: elsewhere no test pays for it."""

    def __init__(self, names: list[str]) -> None:
        self._names = names

    @pytest.fixture(autouse=True)
    def _freshly_autouse(self, request: pytest.FixtureRequest) -> None:
        for name in self._names:
            request.getfixturevalue(name)


@pytest.fixture
def freshly_caches() -> Iterable[Cache]:
    """Caches of yours that are isolated beside ``freshly.cache``. Override it to name them."""
    return ()


@pytest.fixture
def freshly_clock(freshly_caches: Iterable[Cache]) -> Iterator[ManualClock]:
    """The clock of an empty ``freshly.cache``, which is there for this test alone: ``advance`` it."""
    import freshly
    from freshly.testing import isolated

    with isolated(freshly.cache, *freshly_caches) as clock:
        yield clock


@pytest.fixture
def freshly_cache(freshly_clock: ManualClock) -> Cache:
    """``freshly.cache`` itself, empty for this test, on ``freshly_clock``."""
    import freshly

    return freshly.cache


@pytest.fixture
def freshly_no_leaks(freshly_clock: ManualClock, freshly_caches: Iterable[Cache]) -> Iterator[None]:
    """Fail if a load, a refresh or somebody who waits for one is left over when the test ends."""
    import freshly
    from freshly.testing import assert_no_leaks

    yield
    assert_no_leaks(freshly.cache, *freshly_caches)


@pytest.fixture
def freshly_no_mutations(freshly_clock: ManualClock, freshly_caches: Iterable[Cache]) -> Iterator[None]:
    """Fail if a cached value was changed by somebody who had got it."""
    import freshly
    from freshly.testing import assert_no_mutations

    with assert_no_mutations(freshly.cache, *freshly_caches):
        yield


@pytest.fixture
def freshly_no_hidden_context(
    freshly_clock: ManualClock, freshly_caches: Iterable[Cache]
) -> Iterator[None]:
    """Fail if a loader read a context variable that its ``vary`` does not name."""
    import freshly
    from freshly.testing import assert_no_hidden_context

    with assert_no_hidden_context(freshly.cache, *freshly_caches):
        yield
