"""Tokens: an object is told from every other, the dead included, by a number that dies with it."""

from __future__ import annotations

import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier

import pytest

from freshly.core.identity import Identities
from freshly.errors import KeyTextError


class Service:
    pass


class Unhashable:
    """Equal to everything, and without a hash."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class Closed:
    __slots__ = ()


class Circle:
    def __init__(self) -> None:
        self.itself = self


def test_an_object_keeps_its_token() -> None:
    identities, service = Identities(), Service()

    assert identities.token(service) == identities.token(service)


def test_two_objects_have_two_tokens_even_if_they_are_equal() -> None:
    identities = Identities()
    one, other = Unhashable(), Unhashable()

    assert identities.token(one) != identities.token(other)


def test_a_new_object_at_a_dead_ones_address_gets_a_new_token() -> None:
    """CPython gives the address away again at once; this is the trap that tokens are for."""
    identities = Identities()
    addresses, tokens = set(), set()

    for _ in range(1000):
        service = Service()
        addresses.add(id(service))
        tokens.add(identities.token(service))
        del service

    assert len(tokens) == 1000
    assert len(addresses) < 1000


def test_the_dead_are_forgotten() -> None:
    identities = Identities()
    living = [Service() for _ in range(100)]
    for service in living:
        identities.token(service)
    assert len(identities) == 100

    del service, living[10:]

    assert len(identities) == 10


def test_the_dead_of_a_reference_cycle_are_forgotten() -> None:
    identities, circle = Identities(), Circle()
    identities.token(circle)

    del circle
    gc.collect()

    assert len(identities) == 0


def test_an_object_that_takes_no_weak_reference_is_refused_with_the_ways_out() -> None:
    with pytest.raises(KeyTextError) as refusal:
        Identities().token(Closed())

    for words in (f"{__name__}.Closed", "__cache_key__", 'exclude=("self", ...)', "key="):
        assert words in str(refusal.value)


def test_threads_agree_on_the_token_of_an_object() -> None:
    identities = Identities()
    services = [Service() for _ in range(500)]
    start = Barrier(4)

    def name_all() -> list[int]:
        start.wait()
        return [identities.token(service) for service in services]

    with ThreadPoolExecutor(4) as threads:
        answers = [answer.result() for answer in [threads.submit(name_all) for _ in range(4)]]

    assert all(answer == answers[0] for answer in answers)
    assert len(set(answers[0])) == 500


def test_two_threads_that_meet_an_object_at_the_same_time_agree() -> None:
    """1. One thread draws a number. 2. The other draws one and writes it. 3. The first writes."""
    identities, service = Identities(), Service()
    of_the_other: list[int] = []

    class Interrupted:
        def __next__(self) -> int:
            identities._tokens = count(2)
            of_the_other.append(identities.token(service))
            return 1

    identities._tokens = Interrupted()  # type: ignore[assignment]

    assert identities.token(service) == of_the_other[0]
    assert identities.token(service) == of_the_other[0]


# -- death ----------------------------------------------------------------------------------------


def test_death_is_told_once_and_before_the_address_is_free() -> None:
    identities, service = Identities(), Service()
    rows = {id(service): "its rows"}
    seen: list[dict[int, str]] = []

    def drop(address: int = id(service)) -> None:
        rows.pop(address)
        seen.append(dict(rows))

    identities.on_death(service, drop)
    del service

    assert seen == [{}]
    for _ in range(100):
        newcomer = Service()
        assert id(newcomer) not in rows


def test_death_in_a_reference_cycle_is_told() -> None:
    identities, circle = Identities(), Circle()
    told: list[int] = []
    identities.on_death(circle, lambda: told.append(1))

    del circle
    gc.collect()

    assert told == [1]


def test_all_who_asked_are_told_though_one_of_them_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reported: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", lambda report: reported.append(report.exc_value))
    identities, service = Identities(), Service()
    told: list[str] = []
    mistake = ZeroDivisionError("mine")

    def fail() -> None:
        raise mistake

    callbacks: list[Callable[[], object]] = [lambda: told.append("a"), fail, lambda: told.append("b")]
    for callback in callbacks:
        identities.on_death(service, callback)
    del service

    assert sorted(told) == ["a", "b"]
    assert reported == [mistake]


def test_a_callback_may_ask_for_tokens_itself() -> None:
    """It runs in the middle of any line, also of ours; a lock here could be waited for forever."""
    identities, service, other = Identities(), Service(), Service()
    told: list[int] = []
    identities.on_death(service, lambda: told.append(identities.token(other)))

    del service

    assert told == [identities.token(other)]


def test_an_object_that_comes_back_from_its_finalizer_keeps_its_token() -> None:
    kept: list[object] = []

    class Phoenix:
        def __del__(self) -> None:
            kept.append(self)

    identities, phoenix = Identities(), Phoenix()
    token = identities.token(phoenix)

    del phoenix

    assert identities.token(kept.pop()) == token
