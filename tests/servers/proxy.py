"""A way to a server on which things go wrong: it freezes, cuts, delays, and loses answers.

It runs in a thread with an event loop of its own, so that it goes on whatever the test's loop or
thread does. Its mode holds for connections that are open and for those to come, and may change at
any time:

    pass      bytes go both ways
    freeze    connections are accepted; nothing goes on, in either direction
    refuse    new connections are refused, open ones are cut
    lose      what the client sends arrives and is carried out; the answer never comes
    half      of the next answer one half comes, and then nothing more

``delay`` holds every answer back, ``cut`` ends the open connections once. ``bytes_passed`` and
``accepted`` say what happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Literal

from .server import free_port
from .waiting import LIMIT_SECONDS

Mode = Literal["pass", "freeze", "refuse", "lose", "half"]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Target = tuple[str, int] | Path


class Proxy:
    """Listens on loopback before ``target``, with TLS if it is given a server's context."""

    def __init__(self, target: Target, *, tls: ssl.SSLContext | None = None) -> None:
        self.port = free_port()
        self.accepted = 0
        self.bytes_passed = 0
        self._target = target
        self._tls = tls
        self._mode: Mode = "pass"
        self._delay = 0.0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        # Set while bytes may go on; made in the loop.
        self._passes: asyncio.Event

    @property
    def url(self) -> str:
        scheme = "redis" if self._tls is None else "rediss"
        return f"{scheme}://127.0.0.1:{self.port}"

    # -- what the test says ------------------------------------------------------------------

    @property
    def mode(self) -> Mode:
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._do(self._change(mode))

    @property
    def delay(self) -> float:
        """Seconds that each answer is held back."""
        return self._delay

    @delay.setter
    def delay(self, seconds: float) -> None:
        self._delay = seconds

    def lead_to(self, target: Target) -> None:
        """Lead the connections to come to ``target``; those that are open stay where they are."""
        self._target = target

    def cut(self) -> None:
        """End all open connections, in the middle of whatever they do."""
        self._do(self._cut())

    # -- life --------------------------------------------------------------------------------

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._do(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LIMIT_SECONDS)
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(LIMIT_SECONDS)

    async def _open(self) -> None:
        self._passes = asyncio.Event()
        self._passes.set()
        await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, ssl=self._tls, backlog=1024
        )

    async def _close(self) -> None:
        await self._refuse()
        for _ in range(20):
            # One that was accepted a moment ago has not told of itself yet.
            await asyncio.sleep(0)
            await self._cut()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    async def _change(self, mode: Mode) -> None:
        former, self._mode = self._mode, mode
        if mode == "refuse":
            await self._refuse()
        elif former == "refuse":
            await self._listen()
        if mode == "freeze":
            self._passes.clear()
        else:
            self._passes.set()

    async def _refuse(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            # Before 3.12 what is being accepted while its server closes is never closed itself.
            for listener in server.sockets:
                self._loop.remove_reader(listener.fileno())
            for _ in range(5):
                await asyncio.sleep(0)
            server.close()
        await self._cut()

    async def _cut(self) -> None:
        for writer in list(self._writers):
            # Not close(): that would send what is left to send.
            writer.transport.abort()
        links = list(self._links)
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    # -- one connection ----------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        self._writers.add(writer)
        try:
            await self._link(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # an end like any other: the client sees its connection closed
        finally:
            self._links.discard(link)
            self._writers.discard(writer)
            writer.transport.abort()

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._passes.wait()
        there = await self._connect()
        self._writers.add(there[1])
        ways = [
            asyncio.ensure_future(self._carry(reader, there[1], self._question)),
            asyncio.ensure_future(self._carry(there[0], writer, self._answer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._writers.discard(there[1])
            there[1].transport.abort()

    async def _connect(self) -> Streams:
        opening = asyncio.ensure_future(self._open_target())
        try:
            # A task that is cancelled when it has just connected would lose its connection.
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_drop)
            raise

    async def _open_target(self) -> Streams:
        if isinstance(self._target, Path):
            return await asyncio.open_unix_connection(str(self._target))
        return await asyncio.open_connection(*self._target)

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        way: Callable[[bytes], Coroutine[Any, Any, bytes]],
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                data = await way(data)
                self.bytes_passed += len(data)
                writer.write(data)
                await writer.drain()

    async def _question(self, data: bytes) -> bytes:
        await self._passes.wait()
        return data

    async def _answer(self, data: bytes) -> bytes:
        if self._delay:
            await _pause(self._delay)
        await self._passes.wait()
        match self._mode:
            case "lose":
                return b""
            case "half":
                self._passes.clear()
                self._mode = "freeze"
                return data[: len(data) // 2]
            case _:
                return data


def _drop(opening: asyncio.Future[Streams]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[1].transport.abort()


async def _pause(seconds: float) -> None:
    # A sleep of ours would be an error in tests (tests/conftest.py). This one is the network's.
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)
