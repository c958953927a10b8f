"""Measure on a real server what an invalidation, a message, a heartbeat and a hit cost it.

The server's own account of the time that processors gave it is taken (INFO cpu), so that other work on
the machine hardly counts; less what it takes while nobody asks. Each call goes out on a connection of
its own, as from eight processes; the server is never idle. What it takes to wake one that is, comes
besides.
"""

from __future__ import annotations

import selectors
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.report import machine
from freshly.runtime.clock import SystemClock
from freshly.stores.near.message import message_of
from freshly.stores.near.mirror import Mirror, Told
from freshly.stores.near.session import ASKED
from freshly.stores.near.shelf import Shelf
from freshly.stores.redis.layout import HEAD, TAG, Layout
from freshly.stores.redis.line import WHO_ANSWERS
from freshly.stores.redis.phrases import Phrases
from freshly.stores.redis.reading import Position
from freshly.stores.redis.scripts import STAMP
from tests.servers.kinds import VALKEY_9
from tests.servers.server import Server

from .costs import Costs, Measured, Point

LAYOUT = Layout("scale")
PHRASES = Phrases(LAYOUT, max_ttl=30 * 86400.0)
CONNECTIONS = 8
CALLS = 4_000
HEARERS = 100
# Calls to a server that is idle before each, and seconds between them.
PACED = 400
PAUSE = 0.01
# Tags in the call that is compared with one of a single tag, and fields that are counted in bytes.
MANY_TAGS = 100
FIELDS = 20_000
# Processes and calls a second, to compare the simulation with.
POINTS = ((10, 400.0), (30, 300.0), (100, 50.0), (100, 200.0), (300, 60.0))
SECONDS = 4.0

Command = Sequence[bytes | str | int]


def measure(seconds: float = SECONDS) -> Measured:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fr-")))
        server = stack.enter_context(Server(VALKEY_9, folder))
        about = {
            "date": datetime.now(UTC).date().isoformat(),
            "server": f"Valkey {server.admin.info('server')['valkey_version']}",
            **machine(),
        }
        bench = Bench(server)
        return Measured(about, bench.costs(), [bench.point(*one, seconds) for one in POINTS])


class Bench:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._admin: Any = server.admin
        self._admin.script_load(STAMP.source(is_modern=True)[0])

    def costs(self) -> Costs:
        idle = self._idle()
        call = self._each(CALLS, [_invalidation(1)], idle)
        beat = self._each(CALLS, _heartbeat(), idle)
        many = self._each(CALLS // 4, [_invalidation(MANY_TAGS)], idle)
        slept_call = self._paced([_invalidation(1)], idle)
        with self._hearers(HEARERS) as connection_bytes:
            # Paced, so that the messages of several calls do not leave together.
            heard = self._paced([_invalidation(1)], self._idle())
        return Costs(
            call=call,
            tag=(many - call) / (MANY_TAGS - 1),
            message=(heard - slept_call) / HEARERS,
            beat=beat,
            waking_call=slept_call - call,
            waking_beat=self._paced(_heartbeat(), idle) - beat,
            hit=self._each(CALLS, _hit(), idle),
            heard=_heard(),
            stamp_bytes=self._stamp_bytes(),
            connection_bytes=connection_bytes,
        )

    def point(self, processes: int, calls: float, seconds: float) -> Point:
        """Have ``processes`` hear and beat three times a second, and invalidate ``calls`` times."""
        beat, call = _packed(_heartbeat()), _packed([_invalidation(1)])
        with self._hearers(processes), _sockets(self._server, CONNECTIONS) as sockets:
            idle = self._idle()
            sent = {"beats": 0, "calls": 0}
            before, began = self._spent(), time.monotonic()
            due = {"beats": began, "calls": began}
            every = {"beats": 1 / (3 * processes), "calls": 1 / calls}
            while (now := time.monotonic()) < began + seconds:
                for place, (what, data, replies) in enumerate((("beats", beat, 3), ("calls", call, 1))):
                    if now >= due[what]:
                        one = sockets[(sent[what] + place) % CONNECTIONS]
                        one.sendall(data)
                        _receive(one, replies)
                        sent[what] += 1
                        due[what] += every[what]
                threading.Event().wait(max(0.0, min(due.values()) - time.monotonic()))
            took = time.monotonic() - began
            used = (self._spent() - before) / took - idle
        return Point(processes, sent["calls"] / took, sent["beats"] / took, used)

    def _each(self, times: int, commands: Sequence[Command], idle: float) -> float:
        data = _packed(commands)
        with _sockets(self._server, CONNECTIONS) as sockets:
            for _ in range(20):
                _exchange(sockets, data, len(commands))
            before, began = self._spent(), time.monotonic()
            for _ in range(times // CONNECTIONS):
                _exchange(sockets, data, len(commands))
            spent = self._spent() - before - idle * (time.monotonic() - began)
        return spent / (times // CONNECTIONS * CONNECTIONS)

    def _paced(self, commands: Sequence[Command], idle: float) -> float:
        """Return what a call takes that comes to an idle server."""
        data = _packed(commands)
        with _sockets(self._server, 1) as (one,):
            before, began = self._spent(), time.monotonic()
            for number in range(PACED):
                threading.Event().wait(max(0.0, began + number * PAUSE - time.monotonic()))
                one.sendall(data)
                _receive(one, len(commands))
            return (self._spent() - before - idle * (time.monotonic() - began)) / PACED

    def _spent(self) -> float:
        told = self._admin.info("cpu")
        return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])

    def _idle(self) -> float:
        before, began = self._spent(), time.monotonic()
        threading.Event().wait(1.0)
        return (self._spent() - before) / (time.monotonic() - began)

    @contextmanager
    def _hearers(self, count: int) -> Iterator[float]:
        """Have so many connections hear what is invalidated; yield the bytes that each takes there."""
        before = self._admin.info("memory")["used_memory"]
        with _sockets(self._server, count) as sockets, _drained(sockets):
            for one in sockets:
                one.sendall(_packed([("HELLO", 3), ("SSUBSCRIBE", LAYOUT.channel(0))]))
            while self._admin.pubsub_shardnumsub(LAYOUT.channel(0))[0][1] < count:
                threading.Event().wait(0.01)
            yield (self._admin.info("memory")["used_memory"] - before) / count

    def _stamp_bytes(self) -> float:
        sizes = []
        for count in (0, FIELDS):
            for start in range(0, count, 1000):
                names = [TAG + b"user:%07d" % number for number in range(start, start + 1000)]
                self._admin.execute_command(*_call(names))
            sizes.append(float(self._admin.memory_usage(LAYOUT.bucket(0), samples=0)))
        return (sizes[1] - sizes[0]) / FIELDS


# -- what is sent ----------------------------------------------------------------------------------


def _call(names: Sequence[bytes]) -> Command:
    (one,) = PHRASES.stamping_by_bucket(names)
    return one.call.short(is_modern=True)


def _invalidation(tags: int) -> Command:
    return _call([TAG + b"user:%07d" % number for number in range(tags)])


def _heartbeat() -> list[Command]:
    return [("HMGET", LAYOUT.bucket(0), *ASKED), ("TIME",), WHO_ANSWERS]


def _hit() -> list[Command]:
    tag = TAG + b"user:0000001"
    return [("GET", LAYOUT.value("user:1")), ("HMGET", LAYOUT.bucket(0), *HEAD, tag), WHO_ANSWERS]


def _packed(commands: Sequence[Command]) -> bytes:
    import hiredis

    pack: Any = hiredis.pack_command
    return b"".join(pack(tuple(one)) for one in commands)


def _heard() -> float:
    """Return what a process spends on a message: reading it, and noting what it names."""
    import hiredis

    clock = SystemClock()
    mirror = Mirror(Shelf(clock), 1.0)
    mirror.renew(mirror.beat(clock.now()), Told(Position(b"n" * 12, 0), 0.0), clock.now())
    channel = LAYOUT.channel(0)
    pushes = [_packed([(b"smessage", channel, _message(number))]) for number in range(1, CALLS + 1)]
    reader = hiredis.Reader()
    began = time.process_time()
    for push in pushes:
        reader.feed(push)
        mirror.hear(message_of(reader.gets()[2]))
    return (time.process_time() - began) / CALLS


def _message(sequence: int) -> bytes:
    import msgspec

    return msgspec.msgpack.encode(["n" * 12, sequence, "stamp", f"huser:{sequence:07}"])


# -- connections -----------------------------------------------------------------------------------


@contextmanager
def _sockets(server: Server, count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection(server.address)) for _ in range(count)]


def _exchange(sockets: Sequence[socket.socket], data: bytes, replies: int) -> None:
    for one in sockets:
        one.sendall(data)
    for one in sockets:
        _receive(one, replies)


def _receive(one: socket.socket, replies: int) -> None:
    import hiredis

    reader = hiredis.Reader()
    while replies:
        reader.feed(one.recv(65536))
        while replies and (reply := reader.gets()) is not False:
            if isinstance(reply, Exception):
                raise reply
            replies -= 1


@contextmanager
def _drained(sockets: Sequence[socket.socket]) -> Iterator[None]:
    """Read what comes to ``sockets`` and forget it, in a thread."""
    over = threading.Event()
    chosen = selectors.DefaultSelector()
    for one in sockets:
        chosen.register(one, selectors.EVENT_READ, one)

    def drain() -> None:
        while not over.is_set():
            for key, _ in chosen.select(0.05):
                key.data.recv(65536)

    thread = threading.Thread(target=drain)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        chosen.close()
