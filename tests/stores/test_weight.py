"""What a value weighs, and a store that is bounded by bytes."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import pytest
from pydantic import BaseModel

from freshly import Cache, ConfigurationError
from freshly.stores.weight import ENTRY_BYTES, weight_of
from freshly.testing import ManualClock


@dataclass
class Plain:
    name: str
    rows: list[int]


@dataclass(slots=True)
class Slotted:
    name: str
    rows: list[int]


class Model(BaseModel):
    name: str
    rows: list[int]


def numbers() -> list[int]:
    return list(range(10**6, 10**6 + 1000))


def text() -> str:
    return "x" * 10_000


MAKES: list[Callable[[], Any]] = [
    text,
    lambda: text().encode(),
    numbers,
    lambda: tuple(numbers()),
    lambda: set(numbers()),
    lambda: {number: text() for number in numbers()[:20]},
    lambda: [{"id": number, "name": f"name {number}"} for number in numbers()],
    lambda: [[[text()]] * 1 for _ in range(10)],
    lambda: Plain(text(), numbers()),
    lambda: Slotted(text(), numbers()),
    lambda: Model(name=text(), rows=numbers()),
    lambda: [Model(name=f"{number}", rows=[number] * 3) for number in numbers()],
]


class TestWeight:
    @pytest.mark.parametrize("make", MAKES)
    def test_it_is_about_what_python_allocates(self, make: Callable[[], Any]) -> None:
        make()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            value = make()
            allocated = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()

        assert weight_of(value) == pytest.approx(allocated, rel=0.25)

    def test_what_a_value_refers_to_twice_weighs_once(self) -> None:
        big = bytes(100_000)

        assert weight_of([big, big, {"again": big}]) < 101_000

    def test_a_value_that_contains_itself_has_a_weight(self) -> None:
        value: list[Any] = [1]
        value.append(value)

        assert weight_of(value) < 1000

    def test_a_value_deeper_than_python_can_follow_has_a_weight(self) -> None:
        value: list[Any] = []
        for _ in range(100_000):
            value = [value]

        assert weight_of(value) > 1000

    def test_classes_functions_and_modules_are_no_part_of_a_value(self) -> None:
        assert weight_of([sys, Plain, text, print]) < 200

    def test_a_large_value_takes_no_longer_than_one_of_a_thousand_parts(self) -> None:
        value = [[[number, f"{number}"] for number in range(100)] for _ in range(10_000)]
        one = sys.getsizeof([1, "1"]) + sys.getsizeof("11") + 8
        began = perf_counter()

        weight = weight_of(value)

        # A million lists: looking at each would take a second.
        assert perf_counter() - began < 0.1
        assert weight == pytest.approx(10_000 * 100 * one, rel=0.2)


class TestBound:
    @pytest.fixture
    def cache(self) -> Cache:
        return Cache("mem://?max_bytes=100kB", clock=ManualClock())

    def test_entries_leave_when_they_weigh_more_than_the_bound(self, cache: Cache) -> None:
        for number in range(100):
            cache.blocking.set(f"{number}", bytes(5_000))

        assert 15 <= cache.stats().entries <= 19  # 5,000 bytes each, and some hundred above that
        assert cache.stats().evictions == 100 - cache.stats().entries

    def test_small_entries_weigh_something_too(self, cache: Cache) -> None:
        for number in range(1000):
            cache.blocking.set(f"{number}", None)

        assert cache.stats().entries < 100_000 / ENTRY_BYTES

    def test_a_large_entry_makes_many_small_ones_leave(self, cache: Cache) -> None:
        for number in range(100):
            cache.blocking.set(f"{number}", None)
        before = cache.stats().entries

        cache.blocking.set("large", bytes(80_000))

        assert cache.blocking.exists("large")
        assert cache.stats().entries < 0.6 * before

    def test_an_entry_heavier_than_the_bound_pushes_nothing_out(self, cache: Cache) -> None:
        cache.blocking.set("small", 1)
        cache.blocking.set("large", 1)

        assert cache.blocking.set("large", bytes(200_000))

        assert cache.blocking.get("small") == 1
        assert not cache.blocking.exists("large")  # nor its older value
        assert cache.stats().evictions == 1

    def test_its_load_answers_all_the_same(self, cache: Cache) -> None:
        @cache("1h")
        def get() -> bytes:
            return bytes(200_000)

        assert len(get()) == 200_000
        assert len(get()) == 200_000
        assert cache.stats().loads == 2

    @pytest.mark.parametrize("how", ["replace", "delete", "delete_tags", "expire", "clear"])
    def test_what_left_weighs_nothing(self, how: str) -> None:
        clock = ManualClock()
        cache = Cache("mem://", max_bytes="100kB", clock=clock)
        leave: dict[str, Callable[[int], object]] = {
            "replace": lambda number: None,
            "delete": lambda number: cache.blocking.delete("0"),
            "delete_tags": lambda number: (
                cache.blocking.delete_tags("t"),
                cache.blocking.exists("0"),
            ),
            "expire": lambda number: clock.advance("2m"),
            "clear": lambda number: cache.blocking.clear(),
        }

        for number in range(50):
            key = "0" if how == "replace" else f"{number}" if how in ("expire", "clear") else "0"
            cache.blocking.set(key, bytes(30_000), "1m", tags=["t"])
            leave[how](number)

        assert cache.stats().evictions == 0

    def test_values_may_be_weighed_by_a_function_of_ones_own(self) -> None:
        cache = Cache("mem://", max_bytes="1MB", weigh=lambda value: value["size"])

        for number in range(10):
            cache.blocking.set(f"{number}", {"size": 300_000})

        assert cache.stats().entries == 3

    @pytest.mark.parametrize("weight", [-1, 1.5, "10", None])
    def test_such_a_function_must_return_a_number_of_bytes(self, weight: Any) -> None:
        cache = Cache("mem://", max_bytes="1MB", weigh=lambda value: weight)

        with pytest.raises(ConfigurationError, match=f"gave {weight!r}"):
            cache.blocking.set("k", 1)

    @pytest.mark.parametrize(
        ("said", "entries"), [(64_000, 1), ("64000", 1), ("64kB", 1), ("64KB", None), ("63 KiB", None)]
    )
    def test_the_bound_is_a_number_or_a_text_with_a_unit(self, said: Any, entries: int | None) -> None:
        if entries is None:
            with pytest.raises(ConfigurationError, match="64MB"):
                Cache("mem://", max_bytes=said)
        else:
            assert Cache("mem://", max_bytes=said)._home.parts.store.max_bytes == 64_000

    def test_units_are_those_of_si_and_iec(self) -> None:
        def bound(text: str) -> int | None:
            return Cache(f"mem://?max_bytes={text}")._home.parts.store.max_bytes

        assert [bound(text) for text in ("1MB", "1MiB", "2GB", "2 GiB", "7B", "7")] == [
            1_000_000, 2**20, 2_000_000_000, 2**31, 7, 7,
        ]  # fmt: skip

    @pytest.mark.parametrize("wrong", [0, -1, "0", "64 megabytes", "1.5GB", True, None, b"1", ""])
    def test_anything_else_is_an_error_that_says_what_to_write(self, wrong: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"max_bytes=.*64MB"):
            Cache("mem://", max_bytes=wrong)

    def test_weigh_needs_a_bound_and_must_be_callable(self) -> None:
        with pytest.raises(ConfigurationError, match="max_bytes="):
            Cache("mem://", weigh=len)
        with pytest.raises(ConfigurationError, match="cannot be called"):
            Cache("mem://", max_bytes=1, weigh=5)
