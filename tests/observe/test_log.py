"""What an operator reads when a store fails: what changed, once, and not each read that it cost."""

from __future__ import annotations

import logging

import pytest

from freshly import StoreError
from freshly.core.events import (
    InvalidationQueued,
    InvalidationsDelivered,
    InvalidationsLost,
    StoreDown,
    StoreFailed,
    StoreUp,
)
from freshly.errors import StoreUnreachableError
from freshly.observe.log import log

ERROR = StoreUnreachableError("no answer within 0.5 s")


@pytest.mark.parametrize(
    ("event", "level", "words"),
    [
        (StoreDown(ERROR), logging.WARNING, "does not answer"),
        (StoreUp(3.25), logging.INFO, "after 3.2 s"),
        (StoreFailed("look", "user:1", StoreError("OOM")), logging.WARNING, "look of user:1"),
        (StoreFailed("look", "user:1", ERROR), logging.WARNING, "no answer within"),
        (InvalidationQueued(3, ERROR), logging.WARNING, "3 names wait"),
        (InvalidationsDelivered(2.0), logging.INFO, "delivered after 2.0 s"),
        (InvalidationsLost(3, ERROR), logging.ERROR, "3 names undelivered"),
    ],
)
def test_what_happens_to_a_store_is_logged(
    event: object, level: int, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "freshly")

    log(event)

    assert [(record.levelno, words in record.getMessage()) for record in caplog.records] == [
        (level, True)
    ]


def test_a_read_that_was_spared_the_question_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """StoreDown has said it. While the store is down every read would say it again."""
    caplog.set_level(logging.DEBUG, "freshly")

    log(StoreFailed("look", "user:1", StoreUnreachableError("down", was_asked=False)))

    assert caplog.records == []
