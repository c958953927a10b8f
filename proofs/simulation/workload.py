"""What the callers of one process do, and what its journal notes of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any

from freshly import Cache, StoreError
from freshly.core.events import StoreFailed
from freshly.runtime.threads import finish
from freshly.testing import Journal

from .actors import here
from .faces import Faces, keys_of, tag_of
from .plan import Plan, Step
from .process import Process
from .site import NAME


class LoadFailed(Exception):
    """The source did not answer."""


class Source:
    """The versions of all subjects: what is read and written, the same for all processes."""

    def __init__(self) -> None:
        self._versions: Counter[int] = Counter()

    def read(self, subject: int) -> int:
        return self._versions[subject]

    def write(self, subject: int) -> int:
        self._versions[subject] += 1
        return self._versions[subject]


class Crowd:
    """The callers of one process. ``order`` makes instants that are one for the clock two."""

    def __init__(
        self,
        plan: Plan,
        process: Process,
        source: Source,
        order: count[int],
        colour: str,
        told: Callable[[], None],
    ) -> None:
        self._told = told
        self.plan, self.process, self.source = plan, process, source
        self.is_async = colour == "tasks"
        self.chance = process.chance
        self.journal = Journal(now=lambda: process.world.now + next(order) * 1e-9)
        self.counts: Counter[str] = Counter()
        #: What no cache may raise, and what a loop heard of.
        self.errors: list[BaseException] = []
        self._owed: list[tuple[str, int]] = []
        self.left = 0
        #: Which step each caller is at, for who takes its place when the process dies.
        self.done: Counter[int] = Counter()
        self.cache = Cache(
            f"redis://{NAME}",
            clock=process.clock,
            dice=self.chance.random,
            timeout=plan.timeout,
            max_ttl=plan.max_ttl,
            **({"max_hold": plan.max_hold} if plan.max_hold else {}),
            lease=plan.lease or False,
            max_staleness=plan.max_staleness,
            **({"near": True, "consistency": plan.near} if plan.near else {}),
        )
        self.cache.observe(self._hear, StoreFailed)
        load = self._load if self.is_async else self._load_plainly
        self.faces = Faces(self.cache, load, is_async=self.is_async)

    def begin(self, callers: Mapping[int, Sequence[Step]]) -> None:
        for caller, steps in callers.items():
            self.left += 1
            if self.is_async:
                self.process.task(self._run(caller, steps), f"caller {caller}")
            else:
                work = partial(finish, self._run(caller, steps))
                self.process.thread(work, f"caller {caller}")

    @property
    def is_done(self) -> bool:
        return self.left == 0

    def _hear(self, event: StoreFailed) -> None:
        self._judge(event.error)

    def _judge(self, error: BaseException) -> None:
        """Note an error that no fault explains: nothing that is asked here may be refused."""
        said = str(error)
        explained = ("no primary", "read only", "NOREPLICAS")
        if "said no" in said and not any(reason in said for reason in explained):
            self.errors.append(error)

    # -- loads -------------------------------------------------------------------------------

    async def _load(self, subject: int) -> int:
        before, after = self._halves()
        await self.process.loop.rest(before)
        version = self.source.read(subject)
        await self.process.loop.rest(after)
        return self._loaded(version)

    def _load_plainly(self, subject: int) -> int:
        before, after = self._halves()
        here().rest(before)
        version = self.source.read(subject)
        here().rest(after)
        return self._loaded(version)

    def _halves(self) -> tuple[float, float]:
        self.counts["loads"] += 1
        mean = self.plan.speeds.load
        return self.chance.random() * mean, self.chance.random() * mean

    def _loaded(self, version: int) -> int:
        if self.chance.randrange(1000) < self.plan.failing:
            raise LoadFailed
        return version

    # -- steps -------------------------------------------------------------------------------

    async def _run(self, caller: int, steps: Sequence[Step]) -> None:
        for step in steps:
            await self._rest(step.after)
            try:
                await self._do(step)
            except LoadFailed:
                self.counts["load errors"] += 1
            except StoreError as error:
                self.counts["store errors"] += 1
                self._judge(error)
            except Exception as error:
                self.errors.append(error)
            self.done[caller] += 1
        self.left -= 1
        if not self.left:
            self._told()

    async def _rest(self, seconds: float) -> None:
        if self.is_async:
            await self.process.loop.rest(seconds)
        else:
            here().rest(seconds)

    async def _do(self, step: Step) -> None:
        subject = step.subjects[0]
        match step.verb:
            case "many":
                await self._read_many(step.subjects)
            case "impatient" if self.is_async:
                await self._read_impatiently(step.how, subject, step.chance)
            case "write":
                await self._write(step.how, subject)
            case "hasty write" if self.is_async:
                await self._write_hastily(step.how, subject, step.chance)
            case "hasty write":
                await self._write(step.how, subject)
            case "nudge":
                await self.faces.commands.mark_stale(tag_of(subject))
            case "refresh" if (refresh := self.faces.refresh(step.how)) is not None:
                await self._read(refresh, subject)
            case _:
                await self._read(self.faces.read(step.how), subject)

    async def _read(self, read: Any, subject: int) -> None:
        begun, before = self.journal.begins(f"{subject}"), self.process.superseded
        version = await read(subject)
        if self._counts(before):
            self.journal.ends(begun, version)

    def _counts(self, before: int) -> bool:
        """Return whether no primary that is none any more had a say in what was read.

        It may have given a lease, which ends by itself.
        """
        process = self.process
        was_led_on = process.world.now - process.superseded_at <= self.plan.bound
        return before == process.superseded and not was_led_on

    async def _read_many(self, subjects: Sequence[int]) -> None:
        begun = {subject: self.journal.begins(f"{subject}") for subject in subjects}
        before = self.process.superseded
        found = await self.faces.several(subjects)
        if self._counts(before):
            for subject, version in found.items():
                self.journal.ends(begun[subject], version)

    async def _read_impatiently(self, face: str, subject: int, chance: float) -> None:
        speeds = self.plan.speeds
        await self._give_up(self._read(self.faces.read(face), subject), chance * 2 * speeds.load)

    async def _write_hastily(self, way: str, subject: int, chance: float) -> None:
        await self._give_up(self._write(way, subject), chance * 4 * self.plan.speeds.way)

    async def _give_up(self, work: Coroutine[Any, Any, None], seconds: float) -> None:
        """Cancel ``work`` after ``seconds``, unless it is over by then."""
        task = asyncio.ensure_future(work)
        await self.process.loop.rest(seconds)
        task.cancel()
        outcome = (await asyncio.gather(task, return_exceptions=True))[0]
        if isinstance(outcome, Exception):
            raise outcome

    # -- writes ------------------------------------------------------------------------------

    async def _write(self, way: str, subject: int) -> None:
        written: list[int] = []

        def write() -> None:
            written.append(self.source.write(subject))

        before = self.process.superseded
        try:
            await self._invalidate(way, subject, write)
        except (StoreError, asyncio.CancelledError):
            # A hold that could not be set ends the block before anything is written. One that is given
            # up may have arrived, and is owed if not.
            if written:
                self.journal.failed(f"{subject}", written[0])
            raise
        if before != self.process.superseded:
            # A primary took it that is none any more. Others are promised nothing before this process
            # has met the new one, and told it again.
            self.journal.failed(f"{subject}", written[0])
            self._owed.append((f"{subject}", written[0]))
            return
        owed, self._owed = self._owed, []
        for one in (*owed, (f"{subject}", written[0])):
            self.journal.invalidated(*one)

    async def _invalidate(self, way: str, subject: int, write: Callable[[], None]) -> None:
        commands = self.faces.commands
        match way:
            case "writer":
                await self.faces.write(write, subject)
            case "transaction" | "hold":
                hold = self.plan.max_hold if way == "hold" and self.plan.max_hold else None
                await self._write_in_a_transaction(subject, write, hold)
            case "keys":
                write()
                await commands.delete(*keys_of(subject))
            case "pattern":
                write()
                await commands.delete_match(f"*:{subject}")
            case "clear":
                write()
                await commands.clear()
            case _:
                write()
                await commands.delete_tags(tag_of(subject))

    async def _write_in_a_transaction(
        self, subject: int, write: Callable[[], None], hold: float | None
    ) -> None:
        """Write at the end of the block, where the database would commit."""
        if self.is_async:
            async with self.cache.transaction(hold=hold):
                await self.cache.delete_tags(tag_of(subject))
                await self._rest(self.chance.random() * self.plan.speeds.load)
                write()
            return
        with self.cache.blocking.transaction(hold=hold):
            self.cache.blocking.delete_tags(tag_of(subject))
            here().rest(self.chance.random() * self.plan.speeds.load)
            write()
