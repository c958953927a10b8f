"""A reading of the far store's clock, with one of this process's that was taken before it."""

from __future__ import annotations

from dataclasses import dataclass

from ..redis.reading import Moment


@dataclass(frozen=True, eq=False, slots=True)
class NearMoment(Moment):
    """``local`` is the reading of the near tier's own clock from before the far store was asked.

    What the far store did not know yet when it answered, this process had not heard of at ``local``.
    """

    local: int = -1

    @classmethod
    def of(cls, moment: Moment, local: int) -> NearMoment:
        return cls(moment.positions, moment.inherited, moment.is_storable, local)


def local_of(moment: Moment) -> int | None:
    return moment.local if isinstance(moment, NearMoment) else None
