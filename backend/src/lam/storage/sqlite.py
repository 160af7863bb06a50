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
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

from sqlalchemy import URL, Connection, CursorResult, Dialect, Executable, QueuePool, create_engine, event

from lam.storage.database_file import uri_of

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
        self._under_way: _Work | None = None  # what a thread does

    async def __aenter__(self) -> Self:
        self._connection = await self._engine.checked_out()
        self._driver: Any = self._connection.connection.driver_connection
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        is_under_way = self._under_way is not None and not self._under_way.is_done
        if is_under_way or self._driver.in_transaction:
            await asyncio.shield(asyncio.ensure_future(self._undo()))
        else:
            self._connection.close()

    async def _undo(self) -> None:
        """Undoes what is not committed, and gives the connection back. First waits for what a cancelled task left under way."""
        if self._under_way is not None:
            await self._under_way.end()
        self._begins = False
        try:
            if self._driver.in_transaction:
                await self._cross(self._driver.rollback)  # after a failed commit SQLAlchemy takes it for undone
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

    def open_transaction(self) -> None:
        """Begins a transaction."""
        self._connection.begin()
        self._begins = self._writes

    async def commit(self) -> None:
        """Stores what the transaction changed."""
        self._begins = False
        if self._driver.in_transaction:
            await self._cross(self._connection.commit)

    async def _cross(self, call: Callable[[], T]) -> T:
        """Runs `call` on a thread. It goes on there if the caller is cancelled."""
        self._under_way = work = self._engine.threads.run(partial(self._after_begin, call))
        return cast("T", await work.result)

    def _after_begin(self, call: Callable[[], T]) -> T:
        if self._begins:
            self._connection.exec_driver_sql("BEGIN IMMEDIATE")  # a later upgrade from reader to writer could fail at once
            self._begins = False
        return call()

    def _has_lock(self) -> bool:
        """Returns whether the next statement need not wait for the lock. Takes the lock when it is free."""
        if not self._begins:
            return True
        execute = self._driver.cursor(sqlite3.Cursor).execute
        execute("PRAGMA busy_timeout=0")
        try:
            execute("BEGIN IMMEDIATE")
        except sqlite3.Error:
            return False  # a thread waits for another process, or reports what is wrong
        finally:
            execute(f"PRAGMA busy_timeout={self._engine.lock_milliseconds}")
        self._begins = False
        return True


class _Work:
    """A call on a thread. `result`: its result, for a caller who may leave. `is_done`: whether the thread has ended it."""

    __slots__ = ("_call", "_ended", "_loop", "_threads", "is_done", "result")

    def __init__(self, call: Callable[[], Any], threads: "_Threads") -> None:
        self._call = call
        self._threads = threads
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] | None = None  # somebody waits for the end
        self.result: asyncio.Future[Any] = self._loop.create_future()
        self.is_done = False

    def do(self) -> None:
        """Makes the call, on a thread."""
        result: Any = None
        error: BaseException | None = None
        try:
            result = self._call()
        except StopIteration as caught:  # which no future takes
            error = RuntimeError("the call raised StopIteration")
            error.__cause__ = caught
        except BaseException as caught:
            error = caught
        with suppress(RuntimeError):  # the event loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._finish, result, error)
        del error  # its traceback holds this frame

    def _finish(self, result: Any, error: BaseException | None) -> None:
        self._threads.under_way -= 1
        self.is_done = True
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
        if self.result.done():
            return  # the caller has left
        if error is None:
            self.result.set_result(result)
        else:
            self.result.set_exception(error)

    async def end(self) -> None:
        """Waits until the thread has ended the call, whatever became of it."""
        if not self.is_done:
            self._ended = self._loop.create_future()
            await self._ended


class _Threads:
    """Threads for statements that may wait, each started by the first call that finds none free. An executor of the standard
    library costs nearly twice as much a call, in locks, and in turns of the event loop until the caller goes on."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._started = 0
        self.under_way = 0  # calls whose end the event loop has not heard of
        self._work: SimpleQueue[_Work | None] = SimpleQueue()

    def run(self, call: Callable[[], Any]) -> _Work:
        """Makes a call on the next free thread."""
        if self._started <= self.under_way and self._started < self._most:
            self._start()
        work = _Work(call, self)
        self.under_way += 1
        self._work.put(work)
        return work

    def _start(self) -> None:
        try:
            Thread(target=self._serve, name=f"sqlite-{self._started + 1}", daemon=True).start()
        except RuntimeError as error:  # the system has no more threads
            if self._started == 0:
                raise OSError("no thread for the database can be started") from error
        else:
            self._started += 1

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work.do()
            del work  # and with it the result

    def close(self) -> None:
        """Ends the threads, each after its call. Later calls start new ones."""
        for _ in range(self._started):
            self._work.put(None)
        self._started = 0


class _Transaction:
    __slots__ = ("_connection",)

    def __init__(self, connection: SqliteConnection) -> None:
        self._connection = connection

    async def __aenter__(self) -> None:
        self._connection.open_transaction()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            await self._connection.commit()


class SqliteEngine:
    """The connections to one file, `pool_size` of which are kept open. `lock_milliseconds`: how long to wait for a lock.

    `require`: called before a connection is opened, once `fill` was called. Raises where the file is no longer what it was.
    """

    def __init__(self, url: URL, *, pool_size: int, lock_seconds: float, require: Callable[[], None] = lambda: None) -> None:
        self._pool_size = pool_size
        self._require = require
        self._path: Path | None = None  # of the file that is there
        self.sync_engine = create_engine(
            url.set(drivername="sqlite"),
            poolclass=QueuePool,
            pool_size=pool_size,
            max_overflow=-1,  # its users stand in line for a place before they ask; a pool that waits would stop the event loop
            connect_args={"factory": _Driver, "timeout": lock_seconds, "check_same_thread": False},
        )
        event.listen(self.sync_engine, "do_connect", self._direct)
        event.listen(self.sync_engine, "connect", _prepare)
        self.lock_milliseconds = int(1000 * lock_seconds)
        self.threads = _Threads(pool_size + 1)

    async def fill(self, path: Path) -> None:
        """Opens the connections that are kept, all to the file that is at `path` now: when it is moved away, its readers can go on
        reading. From now on no connection makes a new file."""
        self._path = path
        opened = await self.threads.run(lambda: [self.sync_engine.connect() for _ in range(self._pool_size)]).result
        for connection in opened:
            connection.close()

    def _direct(self, _dialect: Dialect, _record: Any, arguments: list[Any], named: dict[str, Any]) -> None:
        """Points a connection that is about to be opened to the file."""
        if self._path is not None:
            self._require()
            arguments[0] = uri_of(self._path)
            named["uri"] = True

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
        opening = asyncio.ensure_future(self._opened())
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_opened)
            raise

    async def _opened(self) -> Connection:
        return cast("Connection", await self.threads.run(self.sync_engine.connect).result)

    async def dispose(self) -> None:
        """Closes the connections that nobody uses."""
        await self.threads.run(self.sync_engine.dispose).result
        self.threads.close()


def _close_opened(opening: "asyncio.Future[Connection]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say so
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()
