"""A store that is down, as those see it who ask it: one pays, and the others are told at once."""

from __future__ import annotations

import asyncio

import pytest

from freshly import StoreError
from freshly.core.breaker import Breaker
from freshly.core.events import Event, StoreDown, StoreUp
from freshly.errors import StoreUnreachableError
from freshly.runtime.threads import finish
from freshly.stores.watch import Turn, Watch
from freshly.testing import ManualClock, Stepper


class Server:
    """A server with a plug, and the watch before it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.events: list[Event] = []
        self.watch = Watch(
            "redis://server",
            Breaker(1.0),
            self.clock.now,
            lambda kind, *fields: self.events.append(kind(*fields)),
        )
        self.error: StoreError | None = None
        self.asked = 0

    async def call(self, turn: Turn) -> str:
        turn.begin()
        self.asked += 1
        if self.error is not None:
            raise self.error
        return "answer"

    async def ask(self, *, always: bool = False) -> str:
        return await self.watch.ask(self.call, always=always)


@pytest.fixture
def server() -> Server:
    return Server()


async def test_while_the_store_is_down_it_is_not_asked_and_the_error_says_so(server: Server) -> None:
    server.error = StoreUnreachableError("no answer within 0.5 s")
    with pytest.raises(StoreUnreachableError, match="no answer") as first:
        await server.ask()

    with pytest.raises(StoreUnreachableError, match=r"redis://server .* again in 1\.0 s") as second:
        await server.ask()

    assert server.asked == 1
    assert (first.value.was_asked, second.value.was_asked) == (True, False)
    assert server.watch.is_down


async def test_who_watches_hears_once_that_it_is_down_and_once_that_it_is_back(server: Server) -> None:
    down = server.error = StoreUnreachableError("no answer")
    for _ in range(3):
        with pytest.raises(StoreError):
            await server.ask()
        server.clock.advance(1.0)
    server.error = None

    assert [await server.ask(), await server.ask()] == ["answer"] * 2
    assert server.events == [StoreDown(down), StoreUp(3.0)]


async def test_an_error_reply_is_an_answer(server: Server) -> None:
    server.error = StoreError("OOM command not allowed")
    for _ in range(3):
        with pytest.raises(StoreError, match="OOM"):
            await server.ask()

    assert server.asked == 3
    assert server.events == []


async def test_who_asks_always_asks_a_store_that_is_down_and_brings_it_back(server: Server) -> None:
    server.error = StoreUnreachableError("no answer")
    with pytest.raises(StoreError):
        await server.ask()
    server.error = None

    assert await server.ask(always=True) == "answer"
    assert await server.ask() == "answer"


async def test_a_cancelled_call_says_nothing_about_the_store(server: Server) -> None:
    step = Stepper()

    async def hang(turn: Turn) -> str:
        await step.stop("asking")
        return "answer"

    caller = step.start(server.watch.ask(hang))
    await step.reached("asking")
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller

    assert not server.watch.is_down
    assert await server.ask() == "answer"


def test_the_same_for_the_blocking_colour(server: Server) -> None:
    server.error = StoreUnreachableError("refused")
    for _ in range(2):
        with pytest.raises(StoreUnreachableError):
            finish(server.ask())

    server.clock.advance(1.0)
    server.error = None
    assert finish(server.ask()) == "answer"
    assert server.asked == 2


async def test_whose_turn_comes_when_the_store_is_down_does_not_ask(server: Server) -> None:
    """Callers that wait for a connection do not each wait for a time-out after it."""
    step = Stepper()

    async def wait_for_a_connection(turn: Turn) -> str:
        await step.stop("waiting")
        return await server.call(turn)

    waiting = [step.start(server.watch.ask(wait_for_a_connection)) for _ in range(3)]
    await step.reached("waiting")
    server.error = StoreUnreachableError("no answer")
    with pytest.raises(StoreError):
        await server.ask()
    for _ in waiting:
        step.go("waiting")

    for caller in waiting:
        with pytest.raises(StoreUnreachableError, match="again in"):
            await caller
    assert server.asked == 1


async def test_answers_from_before_its_turn_do_not_speak_for_a_call(server: Server) -> None:
    """It waited while others were answered, and then nobody was."""
    step = Stepper()

    async def wait_for_a_connection(turn: Turn) -> str:
        await step.stop("waiting")
        return await server.call(turn)

    waiting = step.start(server.watch.ask(wait_for_a_connection))
    await step.reached("waiting")
    await server.ask()
    server.error = StoreUnreachableError("no answer")
    step.go("waiting")
    with pytest.raises(StoreUnreachableError):
        await waiting

    assert server.watch.is_down


async def test_the_one_that_tries_asks_although_the_store_is_down(server: Server) -> None:
    server.error = StoreUnreachableError("no answer")
    with pytest.raises(StoreError):
        await server.ask()
    server.clock.advance(1.0)
    server.error = None

    assert await server.ask() == "answer"


async def test_who_would_be_turned_away_can_be_told_before_asking(server: Server) -> None:
    assert server.watch.turned_away() is None
    server.error = StoreUnreachableError("no answer within 0.5 s")
    with pytest.raises(StoreUnreachableError, match="no answer"):
        await server.ask()

    told = server.watch.turned_away()
    assert told is not None
    assert not told.was_asked

    # It is time to try: somebody asks, and only the first to come.
    server.clock.advance("1s")
    assert server.watch.turned_away() is None
    with pytest.raises(StoreUnreachableError, match="no answer"):
        await server.ask()
    assert server.watch.turned_away() is not None
