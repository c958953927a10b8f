"""The database: SQLite in WAL mode behind two small pools of threads.

So the event loop never waits for it. Reads run beside each other and beside a write, each on a
snapshot of its own. Writes go one after the other, as SQLite would order them anyway, in a pool of
their own, so that they do not queue behind slow reads.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeAlias, TypeVar

__all__ = ["Database"]

P = ParamSpec("P")
R = TypeVar("R")
Query: TypeAlias = Callable[Concatenate[sqlite3.Connection, P], R]

# Seconds to wait for the write lock, which another process may hold for a moment. SQLite's own
# default is 0.
LOCK_TIMEOUT = 10.0


class Database:
    """One SQLite file, read and written with the functions of ``queries``.

    Args:
        path: The file. It is opened by the first query.
        readers: How many reads run at once; more wait.
    """

    def __init__(self, path: Path, readers: int = 4) -> None:
        self.path = path
        self.reads: Counter[str] = Counter()
        """How many reads were begun, by the name of the query: what a cache saves."""
        self._readers = ThreadPoolExecutor(readers, "database-reader")
        self._writer = ThreadPoolExecutor(1, "database-writer")
        self._own = threading.local()

    async def read(self, query: Query[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        self.reads[query.__name__] += 1
        run = partial(self._run, "BEGIN", query, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    async def write(self, query: Query[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a query that changes something; it is committed when this returns."""
        run = partial(self._run, "BEGIN IMMEDIATE", query, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._writer, run)

    def close(self) -> None:
        """Wait for the running queries and end the threads; their connections close with them."""
        self._readers.shutdown()
        self._writer.shutdown()

    def _run(
        self,
        begin: str,
        query: Query[P, R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        with transaction(self._connection(), begin) as connection:
            return query(connection, *args, **kwargs)

    def _connection(self) -> sqlite3.Connection:
        """Return this thread's connection."""
        if not hasattr(self._own, "connection"):
            self._own.connection = connect(self.path)
        connection: sqlite3.Connection = self._own.connection
        return connection


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=LOCK_TIMEOUT, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str) -> Iterator[sqlite3.Connection]:
    connection.execute(begin)
    try:
        yield connection
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
