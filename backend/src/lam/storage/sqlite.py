"""SQLite: its engine, and connections that cross to their thread once per statement instead of four times.

aiosqlite runs every call on the connection's own thread: create a cursor, execute, fetch, close. Each crossing costs two wake-ups,
more than the statement itself. The cursor here does all four in one crossing, and an empty rollback in none. A writing transaction
begins together with its first statement. A `QUICK` statement that need not wait for a lock crosses not at all, and takes the
lock itself when it is free.
"""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import aiosqlite
from sqlalchemy import URL, Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

LOCK_SECONDS = 4  # for another process's lock


class _Cursor:
    """The part of aiosqlite's cursor that SQLAlchemy uses; it fetches rows at once."""

    def __init__(self, connection: "OneHopConnection") -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Self:
        if self._connection.quick and self._connection.has_lock():
            self._run(False, sql, parameters)
        else:
            await self._connection.run(partial(self._run, False, sql, parameters))
        return self

    async def executemany(self, sql: str, parameters: Sequence[Sequence[Any]]) -> Self:
        await self._connection.run(partial(self._run, True, sql, parameters))
        return self

    async def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        self._rows = []

    def _run(self, many: bool, sql: str, parameters: Any) -> None:
        """Runs on the connection's thread."""
        connection = self._connection._conn
        if self._connection.begins:
            connection.execute("BEGIN IMMEDIATE")  # a later upgrade from reader to writer could fail at once
            self._connection.begins = False
        cursor = connection.executemany(sql, parameters) if many else connection.execute(sql, parameters)
        try:
            self.description = cursor.description
            self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
            if cursor.description:
                self._rows = cursor.fetchall()
        finally:
            cursor.close()


class OneHopConnection(aiosqlite.Connection):
    """aiosqlite's connection with the cursor above. `begins`: the next statement opens a writing transaction and waits for the
    lock. `quick`: the next statement may run on the calling thread."""

    begins = False
    quick = False
    lock_milliseconds = 0

    def has_lock(self) -> bool:
        """Returns whether the next statement need not wait for the lock. Takes the lock when it is free."""
        if not self.begins:
            return True
        connection = self._conn
        connection.execute("PRAGMA busy_timeout=0")
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error:
            return False  # the connection's thread waits for another process, or reports what is wrong
        finally:
            connection.execute(f"PRAGMA busy_timeout={self.lock_milliseconds}")
        self.begins = False
        return True

    async def run(self, call: Callable[[], None]) -> None:
        """Runs `call` on the connection's thread."""
        await self._execute(call)  # type: ignore[no-untyped-call]  # aiosqlite leaves it untyped

    def cursor(self) -> Any:
        return _Cursor(self)

    async def commit(self) -> None:
        if self.in_transaction:
            await super().commit()
        self.begins = False

    async def rollback(self) -> None:
        self.begins = False
        if self.in_transaction:
            await super().rollback()


def connect(path: Path | str, timeout: float) -> OneHopConnection:
    """Returns an awaitable connection. `timeout`: seconds to wait for another process's lock."""
    connection = OneHopConnection(lambda: sqlite3.connect(path, timeout=timeout, check_same_thread=False), iter_chunk_size=64)
    connection._thread.daemon = True
    connection.lock_milliseconds = int(1000 * timeout)
    return connection


def sqlite_engine(url: URL, *, pool_size: int, turn_seconds: float, lock_seconds: float) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=turn_seconds,
        async_creator=lambda: connect(url.database or "", lock_seconds),
    )
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    event.listen(engine.sync_engine, "before_cursor_execute", _look)
    return engine


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # `_begin` starts transactions
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("lam_write"):
        driver: Any = connection.connection.driver_connection
        driver.begins = True


def _look(connection: Connection, _cursor: Any, _sql: str, _parameters: Any, context: Any, _many: bool) -> None:
    driver: Any = connection.connection.driver_connection
    driver.quick = context is not None and "lam_quick" in context.execution_options
