"""Say in the log what no caller could see: loads that failed behind an older value.

Logger ``freshly``, level WARNING. It listens to every cache until it is removed.
"""

from __future__ import annotations

import logging

from ..core.events import LoadFailed, ServedExpired, StoreFailed

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
        case StoreFailed():
            logger.warning("%s of %s failed: %r", event.operation, event.key, event.error)
        case _:
            pass
