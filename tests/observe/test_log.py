"""The observer that writes to a log: what, how loud, with which fields, and how often."""

from __future__ import annotations

import logging
from typing import Any, get_args

import pytest

from freshly import Cache, ConfigurationError, StoreError
from freshly.errors import StoreUnreachableError
from freshly.observe import (
    EVERYTHING,
    TROUBLE,
    Event,
    HoldRanOut,
    Invalidated,
    InvalidationQueued,
    InvalidationsDelivered,
    InvalidationsLost,
    Loaded,
    LoadFailed,
    LoadTimedOut,
    Log,
    MarkedStale,
    ServedExpired,
    StoreDown,
    StoreFailed,
    StoreUp,
)
from freshly.stores.memory import MemoryStore
from freshly.testing import ManualClock, Stepper

ERROR = OSError("no route")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is written, at whatever level."""
    caplog.set_level(logging.DEBUG, "freshly")
    caplog.set_level(logging.DEBUG, "app")
    return caplog


def lines(heard: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in heard.records]


@pytest.mark.parametrize(
    ("event", "level", "text"),
    [
        (
            LoadFailed("k", "app.get", 0.5, ERROR, background=True),
            "WARNING",
            "the load of k failed behind its readers: OSError('no route')",
        ),
        (
            ServedExpired("k", "app.get", ERROR),
            "WARNING",
            "the expired value of k stands in: OSError('no route')",
        ),
        (
            LoadTimedOut("k", "app.get", 0.5, None),
            "WARNING",
            "the load of k took longer than 0.5 s, its expired value stands in",
        ),
        (StoreFailed("look", "k", ERROR), "WARNING", "look of k failed: OSError('no route')"),
        (
            StoreFailed("look", "k", StoreUnreachableError("no answer")),
            "WARNING",
            "look of k failed: StoreUnreachableError('no answer')",
        ),
        (
            StoreDown(ERROR),
            "WARNING",
            "the store does not answer, reads go past it: OSError('no route')",
        ),
        (StoreUp(3.25), "INFO", "the store answers again after 3.2 s"),
        (
            InvalidationQueued(3, ERROR),
            "WARNING",
            "an invalidation failed and will be tried again, 3 names wait: OSError('no route')",
        ),
        (
            InvalidationsDelivered(2.0),
            "INFO",
            "all invalidations that waited are delivered after 2.0 s",
        ),
        (
            InvalidationsLost(3, ERROR),
            "ERROR",
            "closed with 3 names undelivered, other processes may serve what they name: "
            "OSError('no route')",
        ),
        (
            Loaded("k", "app.get", 0.5, stored=True, background=False),
            "DEBUG",
            "loaded k in 0.500 s",
        ),
        (
            Loaded("k", "app.get", 0.5, stored=False, background=True),
            "DEBUG",
            "refreshed k in 0.500 s, not stored",
        ),
        (
            Invalidated(7, tags=("a", "b"), keys=("k",)),
            "INFO",
            "invalidated tag a, tag b, key k",
        ),
        (Invalidated(7, pattern="user:*"), "INFO", "invalidated keys like user:*"),
        (Invalidated(7, everything=True), "INFO", "invalidated everything"),
        (MarkedStale(7, ("a", "b")), "INFO", "marked stale: a, b"),
        (HoldRanOut(2.0), "WARNING", "a transaction ended 2.0 seconds after its hold"),
    ],
)
def test_each_event_has_its_level_and_its_line(
    heard: pytest.LogCaptureFixture, event: object, level: str, text: str
) -> None:
    Log(levels=EVERYTHING)(event)

    assert lines(heard) == [(level, text)]


def test_the_fields_of_the_event_are_attributes_of_the_record(
    heard: pytest.LogCaptureFixture,
) -> None:
    """For handlers that write JSON, and filters that choose by key or function."""
    Log("app.cache", levels=EVERYTHING)(Loaded("k", "app.get", 0.5, stored=True, background=False))

    [record] = heard.records
    fields = {name: value for name, value in vars(record).items() if name.startswith("freshly_")}
    assert fields == {
        "freshly_event": "Loaded",
        "freshly_key": "k",
        "freshly_function": "app.get",
        "freshly_seconds": 0.5,
        "freshly_stored": True,
        "freshly_background": False,
    }
    assert record.name == "app.cache"


def test_a_load_that_its_caller_saw_fail_is_not_written(heard: pytest.LogCaptureFixture) -> None:
    Log(levels=EVERYTHING)(LoadFailed("k", "app.get", 0.5, ERROR, background=False))

    assert heard.records == []


def test_nor_is_a_timeout_that_its_caller_got(heard: pytest.LogCaptureFixture) -> None:
    Log()(LoadTimedOut("k", "app.get", 0.5, ERROR))

    assert heard.records == []


def test_a_read_that_was_spared_the_question_is_not_written(heard: pytest.LogCaptureFixture) -> None:
    """StoreDown has said it. While the store is down every read would say it again."""
    Log()(StoreFailed("look", "k", StoreUnreachableError("down", was_asked=False)))

    assert heard.records == []


def test_a_refresh_that_failed_brings_its_traceback(heard: pytest.LogCaptureFixture) -> None:
    Log()(LoadFailed("k", "app.get", 0.5, ERROR, background=True))

    assert heard.records[0].exc_info is not None
    assert heard.records[0].exc_info[1] is ERROR


def test_what_has_no_level_is_not_written(heard: pytest.LogCaptureFixture) -> None:
    log = Log(levels={Loaded: logging.INFO})

    log(Loaded("k", "app.get", 0.5, stored=True, background=False))
    log(Invalidated(7, everything=True))
    log("something else")

    assert [record.levelname for record in heard.records] == ["INFO"]
    assert log.kinds == (Loaded,)


def test_it_does_not_write_below_the_level_of_its_logger(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "app")
    log = Log(logging.getLogger("app"), levels=EVERYTHING)

    log(Invalidated(7, everything=True))
    log(StoreFailed("look", "k", ERROR))

    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.parametrize("every", [0, -1, "soon"])
def test_a_span_that_is_none_is_refused(every: Any) -> None:
    with pytest.raises(ConfigurationError, match="every"):
        Log(every=every)


class TestRepeats:
    def test_of_failures_that_are_alike_the_first_is_written_and_then_one_a_minute(
        self, heard: pytest.LogCaptureFixture, clock: ManualClock
    ) -> None:
        log = Log(now=clock.now)

        for number in range(180):
            log(StoreFailed("look", f"k{number}", ERROR))
            clock.advance("1s")

        assert [text for _, text in lines(heard)] == [
            "look of k0 failed: OSError('no route')",
            "look of k60 failed: OSError('no route') (and 59 more since this was last said)",
            "look of k120 failed: OSError('no route') (and 59 more since this was last said)",
        ]

    def test_timeouts_of_one_function_are_alike(
        self, heard: pytest.LogCaptureFixture, clock: ManualClock
    ) -> None:
        log = Log(now=clock.now)
        for number in range(3):
            log(LoadTimedOut(f"k:{number}", "app.get", 0.5, None))
        log(LoadTimedOut("j", "app.other", 0.5, None))
        clock.advance("1m")
        log(LoadTimedOut("k:3", "app.get", 0.5, None))

        stands = "its expired value stands in"
        assert [text for _, text in lines(heard)] == [
            f"the load of k:0 took longer than 0.5 s, {stands}",
            f"the load of j took longer than 0.5 s, {stands}",
            f"the load of k:3 took longer than 0.5 s, {stands} (and 2 more since this was last said)",
        ]

    def test_another_operation_and_another_error_are_news(
        self, heard: pytest.LogCaptureFixture, clock: ManualClock
    ) -> None:
        log = Log(now=clock.now)

        for _ in range(3):
            log(StoreFailed("look", "k", ERROR))
            log(StoreFailed("land", "k", ERROR))
            log(StoreFailed("look", "k", TimeoutError()))

        assert len(heard.records) == 3

    def test_the_span_can_be_chosen(self, heard: pytest.LogCaptureFixture, clock: ManualClock) -> None:
        log = Log(every="1h", now=clock.now)

        for _ in range(3):
            log(StoreFailed("look", "k", ERROR))
            clock.advance("30m")

        assert len(heard.records) == 2

    def test_refreshes_that_fail_are_each_written(self, heard: pytest.LogCaptureFixture) -> None:
        """They are of different keys, and ``retry_after`` keeps each from coming too often."""
        log = Log()

        for number in range(3):
            log(LoadFailed(f"k{number}", "app.get", 0.5, ERROR, background=True))

        assert len(heard.records) == 3


class TestOfACache:
    async def test_a_store_that_is_down_does_not_flood_the_log(
        self, heard: pytest.LogCaptureFixture, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """On the clock of the cache, so that a test may let the minute pass."""

        async def fail(*args: Any, **kwargs: Any) -> Any:
            raise StoreError("the store does not answer")

        cache = Cache(clock=clock)
        monkeypatch.setattr(MemoryStore, "look", fail)

        @cache("1h")
        async def get(number: int) -> int:
            return number

        for number in range(100):
            await get(number)
        clock.advance("1m")
        await get(1)

        assert [record.levelname for record in heard.records] == ["WARNING", "WARNING"]
        assert "(and 99 more" in heard.records[1].getMessage()

    async def test_it_writes_trouble_unasked_and_the_rest_on_request(
        self, heard: pytest.LogCaptureFixture, clock: ManualClock
    ) -> None:
        cache = Cache(clock=clock)
        step = Stepper()

        @cache.soft("1h", soft_ttl="1m", key="k")
        async def get() -> int:
            if clock.now():
                raise ERROR
            return 1

        await get()
        await cache.delete_tags("t")
        assert heard.records == []
        clock.advance("1m")
        await get()
        await step.settle()
        assert [record.name for record in heard.records] == ["freshly"]

        log = Log("app", levels=EVERYTHING)
        stop = cache.observe(log, *log.kinds)
        await cache.delete_tags("t")
        stop()
        await cache.delete_tags("u")

        assert [text for _, text in lines(heard)[1:]] == ["invalidated tag t"]


def test_everything_is_trouble_and_more() -> None:
    assert TROUBLE.items() < EVERYTHING.items()
    assert set(EVERYTHING) == set(get_args(Event))
