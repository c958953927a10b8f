"""Named leases, and the holds of transactions: rights that run out on the server."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ...core.holds import Held
from .held import HeldNow, first_end
from .hub import Hub
from .layout import KEY, KEY_HOLD, LATEST_HOLD, QUARANTINE, TAG, TAG_HOLD, encoded
from .looks import Looks
from .scans import Fields
from .scripts import RIGHT
from .talk import Talk


class Rights:
    """The rights of one colour of caller."""

    def __init__(self, hub: Hub, talk: Talk, looks: Looks) -> None:
        self._hub = hub
        self._talk = talk
        self._looks = looks
        self._layout = hub.layout

    async def end_holds(self, token: str, tags: Iterable[str], keys: Iterable[str]) -> None:
        names = [TAG + encoded(tag) for tag in tags] + [KEY + encoded(key) for key in keys]
        await self._talk.write(self._talk.releasing(token, names))

    async def take(self, name: str, token: str, seconds: float) -> float | None:
        left = await self._right("take", name, token, seconds)
        return None if left < 0 else left / 1000

    async def renew(self, name: str, token: str, seconds: float) -> bool:
        return await self._right("renew", name, token, seconds) == 1

    async def release(self, name: str, token: str) -> bool:
        return await self._right("release", name, token, 0.0) == 1

    async def _right(self, verb: str, name: str, token: str, seconds: float) -> int:
        arguments: list[bytes | str | int] = [token, max(1, round(seconds * 1000)), verb]
        call = RIGHT.command([self._layout.right(name)], arguments)
        return int((await self._talk.write([call])).replies[0])

    async def held(self, besides: Collection[str] = ()) -> Held:
        reading = await self._looks.names((), ())
        ends: dict[bytes, float] = {}
        for number, bucket in reading.buckets.items():
            now = round(bucket.server_now)
            if bucket.number(LATEST_HOLD) > now:
                async for fields in Fields(self._talk, self._layout.bucket(number)):
                    for field, packed in fields.items():
                        if field[:1] in (TAG_HOLD, KEY_HOLD):
                            end = first_end(packed, now, besides)
                            if end is not None:
                                ends[field] = reading.store_time(bucket, end)
        is_new = any(one.number(QUARANTINE) > one.server_now for one in reading.buckets.values())
        return HeldNow(ends, all=is_new)
