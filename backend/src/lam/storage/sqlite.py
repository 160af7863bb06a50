"""SQLite: an engine whose statements run on a thread, or on the event loop where they need not wait.

A statement on the event loop that waits for a lock or a disk would stop everybody. But crossing to a thread costs as much as a
statement that touches a few rows by key, so a `QUICK` one stays where it is if it has no lock to wait for, and takes the lock
itself when it is free. A writing transaction begins together with its first statement, and its commit always crosses.

The classes have the methods of SQLAlchemy's asynchronous ones that are used here. Those run each call in a greenlet of its own, for
drivers that wait on a socket; this one does not (decision 182).
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

from sqlalchemy import URL, Connection, CursorResult, Dialect, Executable, QueuePool, create_engine, event

LOCK_SECONDS: Final = 4  # for another process's lock

T = TypeVar("T")


class _Cursor(sqlite3.Cursor):
    """A cursor that fetches all rows at once, where the statement runs: whoever reads them does not touch the file."""

    _rows: Iterator[Any] = iter(())

    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        super().execute(sql, parameters)
        self._rows = iter(super().fetchall()) if self.description else iter(())
        return self

    def fetchall(self) -> list[Any]:
        return list(self._rows)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        return list(islice(self._rows, self.arraysize if size is None else size))

    def fetchone(self) -> Any:
        return next(self._rows, None)


class _Driver(sqlite3.Connection):
    """The driver's connection, with the cursor above."""

    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)


class SqliteConnection:
    """A connection that one task uses at a time: an async context manager, which takes it from the pool and gives it back.

    `writes`: its transactions take the lock for writing.
    """

    def __init__(self, engine: "SqliteEngine", *, writes: bool) -> None:
        self._engine = engine
        self._writes = writes
        self._begins = False  # the next statement opens a writing transaction and waits for the lock
        self._under_way: asyncio.Future[Any] | None = None  # what a thread does

    async def __aenter__(self) -> Self:
        self._connection = await self._engine.checked_out()
        self._driver: Any = self._connection.connection.driver_connection
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        is_under_way = self._under_way is not None and not self._under_way.done()
        if is_under_way or self._driver.in_transaction:
            await asyncio.shield(asyncio.ensure_future(self._undo()))
        else:
            self._connection.close()

    async def _undo(self) -> None:
        """Undoes what is not committed, and gives the connection back. First waits for what a cancelled task left under way."""
        if self._under_way is not None:
            await asyncio.wait({self._under_way})
        self._begins = False
        try:
            if self._driver.in_transaction:
                await self._cross(self._connection.rollback)
        finally:
            self._connection.close()

    @property
    def dialect(self) -> Dialect:
        return self._connection.dialect

    async def execute(self, statement: Executable, values: Any = None) -> CursorResult[*tuple[Any, ...]]:
        """Runs a statement and returns its result, which has all rows. `values`: those of its parameters, or a list of them."""
        if "lam_quick" in statement.get_execution_options() and not isinstance(values, Sequence) and self._has_lock():
            return self._connection.execute(statement, values)
        return await self._cross(partial(self._connection.execute, statement, values))

    async def exec_driver_sql(self, statement: str, values: Any = None) -> CursorResult[*tuple[Any, ...]]:
        """Runs a statement in SQLite's own words. `values`: those of its `?`, or a list of them."""
        return await self._cross(partial(self._connection.exec_driver_sql, statement, values))

    async def run_sync(self, call: Callable[[Connection], T]) -> T:
        """Runs `call` with SQLAlchemy's own connection, on a thread."""
        return await self._cross(partial(call, self._connection))

    def begin(self) -> "_Transaction":
        """A transaction, which is committed at the end. After an exception it is undone when the connection is given back."""
        return _Transaction(self)

    def opens_transaction(self) -> None:
        """Begins a transaction."""
        self._connection.begin()
        self._begins = self._writes

    async def commit(self) -> None:
        """Stores what the transaction changed."""
        self._begins = False
        if self._driver.in_transaction:
            await self._cross(self._connection.commit)

    async def _cross(self, call: Callable[[], T]) -> T:
        """Runs `call` on a thread."""
        self._under_way = self._engine.on_thread(partial(self._after_begin, call))
        return await asyncio.shield(self._under_way)

    def _after_begin(self, call: Callable[[], T]) -> T:
        if self._begins:
            self._connection.exec_driver_sql("BEGIN IMMEDIATE")  # a later upgrade from reader to writer could fail at once
            self._begins = False
        return call()

    def _has_lock(self) -> bool:
        """Returns whether the next statement need not wait for the lock. Takes the lock when it is free."""
        if not self._begins:
            return True
        self._driver.execute("PRAGMA busy_timeout=0")
        try:
            self._driver.execute("BEGIN IMMEDIATE")
        except sqlite3.Error:
            return False  # a thread waits for another process, or reports what is wrong
        finally:
            self._driver.execute(f"PRAGMA busy_timeout={self._engine.lock_milliseconds}")
        self._begins = False
        return True


class _Transaction:
    __slots__ = ("_connection",)

    def __init__(self, connection: SqliteConnection) -> None:
        self._connection = connection

    async def __aenter__(self) -> None:
        self._connection.opens_transaction()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            await self._connection.commit()


class SqliteEngine:
    """The connections to one file, `pool_size` of which are kept open. `lock_milliseconds`: how long to wait for a lock."""

    def __init__(self, url: URL, *, pool_size: int, lock_seconds: float) -> None:
        self.sync_engine = create_engine(
            url.set(drivername="sqlite"),
            poolclass=QueuePool,
            pool_size=pool_size,
            max_overflow=-1,  # its users stand in line for a place before they ask; a pool that waits would stop the event loop
            connect_args={"factory": _Driver, "timeout": lock_seconds, "check_same_thread": False},
        )
        event.listen(self.sync_engine, "connect", _prepare)
        self.lock_milliseconds = int(1000 * lock_seconds)
        self._threads = ThreadPoolExecutor(pool_size + 1, "sqlite")

    @property
    def pool(self) -> QueuePool:
        """The pool of its connections."""
        return cast("QueuePool", self.sync_engine.pool)

    def connect(self, *, writes: bool = False) -> SqliteConnection:
        """Returns a connection, to be entered. `writes`: its transactions take the lock for writing."""
        return SqliteConnection(self, writes=writes)

    async def checked_out(self) -> Connection:
        """Returns a connection of the pool; a new one is opened on a thread."""
        if self.pool.checkedin() > 0:
            return self.sync_engine.connect()
        opening = self.on_thread(self.sync_engine.connect)
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_opened)
            raise

    def on_thread(self, call: Callable[[], T]) -> "asyncio.Future[T]":
        """Runs `call` on a thread."""
        return asyncio.wrap_future(self._threads.submit(call))

    async def dispose(self) -> None:
        """Closes the connections that nobody uses."""
        await self.on_thread(self.sync_engine.dispose)


def _close_opened(opening: "asyncio.Future[Connection]") -> None:
    if opening.exception() is None:
        opening.result().close()


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say so
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()
