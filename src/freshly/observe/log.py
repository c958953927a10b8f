"""Say in the log what no caller could see: failed refreshes, a store that is down, what waits for it.

Logger ``freshly``, level WARNING; ERROR for what is lost, INFO for good news. It listens to every
cache until it is removed.
"""

from __future__ import annotations

import logging

from ..core.events import (
    InvalidationQueued,
    InvalidationsDelivered,
    InvalidationsLost,
    LoadFailed,
    ServedExpired,
    StoreDown,
    StoreFailed,
    StoreUp,
)
from ..errors import StoreUnreachableError

logger = logging.getLogger("freshly")


def log(event: object) -> None:
    match event:
        case LoadFailed(background=True):
            logger.warning(
                "the refresh of %s failed, its older value stays: %r",
                event.key,
                event.error,
                exc_info=event.error,
            )
        case ServedExpired():
            logger.warning("the expired value of %s stands in: %r", event.key, event.error)
        case StoreFailed(error=StoreUnreachableError(was_asked=False)):
            pass  # one line for each read would say what StoreDown has said
        case StoreFailed():
            logger.warning("%s of %s failed: %r", event.operation, event.key, event.error)
        case StoreDown():
            logger.warning("the store does not answer, reads go past it: %r", event.error)
        case StoreUp():
            logger.info("the store answers again after %.1f s", event.seconds)
        case InvalidationQueued():
            logger.warning(
                "an invalidation failed and will be tried again, %d names wait: %r",
                event.waiting,
                event.error,
            )
        case InvalidationsDelivered():
            logger.info("all invalidations that waited are delivered after %.1f s", event.seconds)
        case InvalidationsLost():
            logger.error(
                "closed with %d names undelivered, other processes may serve what they name: %r",
                event.waiting,
                event.error,
            )
        case _:
            pass
