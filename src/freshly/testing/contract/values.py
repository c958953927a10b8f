"""A value comes back equal, and of the same type."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...core.ports import Store
from ...core.raised import Raised
from ...core.shape import Shape
from .bench import Bench, never, story

#: Values that every store keeps, whatever it writes them down in.
PLAIN_VALUES: tuple[object, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    0.0,
    -0.0,
    1.0,
    1e-300,
    math.pi,
    math.inf,
    "",
    "text",
    "1",
    "null",
    "naïve 日本語 🦉",
    "nul\0inside",
    b"",
    b"bytes \x00\xff",
    [],
    [None, 1, "1", [2.0, [b"x"]]],
    {},
    {"name": "Ada", "tags": ["a", "b"], "none": None, "deep": {"er": {"": 0}}},
)


class Values(Bench):
    """What a store has to bring back."""

    #: The values to try. A store that keeps more kinds adds them.
    kept_values: Sequence[Any] = PLAIN_VALUES

    @story
    async def test_values_come_back_equal_and_of_the_same_type(self, store: Store) -> None:
        for value in self.kept_values:
            await self.load(store, "loaded", value)
            await self.put(store, "put", value)

            for key in ("loaded", "put"):
                found = await self.value(store, key)
                assert same(found, value), f"{key}: {value!r} came back as {found!r}"

    @story
    async def test_a_large_value_comes_back_whole(self, store: Store) -> None:
        value = ["a line of some length"] * 100_000
        await self.load(store, "key", value)

        assert await self.value(store, "key") == value

    @story
    async def test_none_is_a_value(self, store: Store) -> None:
        await self.load(store, "key", None)

        found = (await store.look("key")).entry

        assert found is not None
        assert found.value is None

    @story
    async def test_an_etag_comes_back_with_its_value(self, store: Store) -> None:
        entry = self.entry(await store.look("key"), "key", "it", etag='W/"é 7"')
        assert await store.land(entry, never)

        found = (await store.look("key")).entry

        assert found is not None
        assert (found.value, found.etag) == ("it", 'W/"é 7"')

    @story
    async def test_an_exception_that_is_an_answer_comes_back_as_one(self, store: Store) -> None:
        shape = Shape("a function that raises", function=_raising)
        shape.raises = (LookupError,)
        raised = Raised.of(LookupError("user", 7))
        entry = self.entry(await store.look("key"), "key", None, raised=raised)
        assert await store.land(entry, never, shape)

        found = (await store.look("key", (), shape)).entry

        assert found is not None
        assert found.value is None
        assert found.raised is not None
        error = found.raised.anew()
        assert (type(error), error.args) == (LookupError, ("user", 7))


def _raising() -> None: ...


def same(one: Any, other: Any) -> bool:
    """Return whether two values are equal in type and content, all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    return bool(one == other)
