"""Leases: rights that one holder has at a time, and that run out.

A lease has a name, a token and an end. The name says what it is a right to, the token who has it, and
the end comes by the clock of the store. A holder that dies gives nothing back and is in nobody's way
for longer than that. A holder that is slow may lose its lease without noticing: a lease keeps two
holders apart only while each is done before its end, or asks. So count your own end from the moment
before you asked for the lease, and do not rely on it for what must never happen twice.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

# Leases that have run out are forgotten in passes: when there are twice as many as the last pass left,
# and this many more.
SPARE = 1_000


@runtime_checkable
class NamedLeases(Protocol):
    """A store that gives leases. Names are a space of their own: they meet no key of an entry.

    Every operation may be sent again when no answer came: it does the same once more.
    """

    async def take_lease(self, name: str, token: str, seconds: float) -> float | None:
        """Give ``token`` the lease, or have its own last ``seconds`` from now; return ``None``.

        If another token has it, return in how many seconds it runs out, which is above zero.
        """
        ...

    async def renew_lease(self, name: str, token: str, seconds: float) -> bool:
        """Let the lease of ``token`` last ``seconds`` from now; return False if it has none."""
        ...

    async def release_lease(self, name: str, token: str) -> bool:
        """End the lease of ``token``, and nobody else's; return whether it still had one."""
        ...


class LeaseTable:
    """The leases of one process. Whoever calls has to hold a lock, and tells the time."""

    def __init__(self) -> None:
        self._leases: dict[str, tuple[str, float]] = {}
        self._allowed = SPARE

    def take(self, name: str, token: str, seconds: float, now: float) -> float | None:
        holder, end = self._leases.get(name, (token, now))
        if holder != token and now < end:
            return end - now
        self._forget(now)
        self._leases[name] = token, now + seconds
        return None

    def renew(self, name: str, token: str, seconds: float, now: float) -> bool:
        if not self._has(name, token, now):
            return False
        self._leases[name] = token, now + seconds
        return True

    def release(self, name: str, token: str, now: float) -> bool:
        has = self._has(name, token, now)
        if has:
            del self._leases[name]
        return has

    def _has(self, name: str, token: str, now: float) -> bool:
        holder, end = self._leases.get(name, (None, now))
        # At its end a lease is over.
        return holder == token and now < end

    def _forget(self, now: float) -> None:
        if len(self._leases) > self._allowed:
            self._leases = {name: one for name, one in self._leases.items() if now < one[1]}
            self._allowed = 2 * len(self._leases) + SPARE

    def __len__(self) -> int:
        return len(self._leases)
