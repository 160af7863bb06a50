"""The database: one engine, short units of work, and the door where SQLAlchemy's exceptions become ours.

A unit of work is one transaction. Nobody holds one while waiting for a model, a reader or a person.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection, event, exc, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from lam.errors import ConfigError, Conflict, StorageUnavailable
from lam.storage.repositories.messages import Checkpoints, Messages, Requests
from lam.storage.repositories.sessions import Sessions
from lam.storage.repositories.templates import Templates
from lam.storage.repositories.users import Tokens, Users
from lam.storage.sqlite import connect

LOCK_SECONDS = 4  # for another process's lock
TURN_SECONDS = 10  # for a connection or the writer's turn, behind others of this process


class UnitOfWork:
    """The repositories of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.users = Users(connection)
        self.tokens = Tokens(connection)
        self.sessions = Sessions(connection)
        self.templates = Templates(connection)
        self.messages = Messages(connection)
        self.checkpoints = Checkpoints(connection)
        self.requests = Requests(connection)


class Database:
    """`read()` and `write()` open a unit of work; both raise StorageUnavailable, `write()` also Conflict.

    SQLite has one writer at a time. Writers of this process take turns on a lock, which is fair and costs nothing, instead of
    polling the file; the busy timeout is left for other processes.
    """

    def __init__(self, url: str, *, pool_size: int = 5) -> None:
        self.url = url
        self._engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=TURN_SECONDS,
            async_creator=lambda: connect(make_url(url).database or "", LOCK_SECONDS),
        )
        self._writer = self._engine.execution_options(lam_write=True)
        self._turn = asyncio.Lock()
        event.listen(self._engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(self._engine.sync_engine, "begin", _begin)

    async def close(self) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[UnitOfWork]:
        async with _foreign_errors():
            async with self._engine.connect() as connection:
                yield UnitOfWork(connection)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[UnitOfWork]:
        async with _foreign_errors():
            async with self._writers_turn():
                async with self._writer.begin() as connection:
                    yield UnitOfWork(connection)

    @asynccontextmanager
    async def _writers_turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(TURN_SECONDS):  # not wait_for: in Python 3.11 that can swallow a cancellation
                await self._turn.acquire()
        except TimeoutError as error:
            raise StorageUnavailable("The database is busy; try again in a moment.") from error
        try:
            yield
        finally:
            self._turn.release()

    async def upgrade(self) -> None:
        """Applies the migrations that are missing. Raises ConfigError for a file that is not ours to use."""
        try:
            async with _foreign_errors(), self._writer.begin() as connection:
                await connection.run_sync(_upgrade)
        except CommandError as error:
            raise ConfigError("The database was made by a newer version of LAM Studio; update it, or set LAM_DATA_DIR.") from error
        except StorageUnavailable as error:
            cause = error.__cause__
            if isinstance(cause, exc.DatabaseError) and not isinstance(cause, exc.OperationalError):
                raise ConfigError(f"The database cannot be used: {cause.orig}.") from error
            raise

    async def check(self) -> None:
        """Raises StorageUnavailable when the database does not answer."""
        async with _foreign_errors():
            async with self._engine.connect() as connection:
                await connection.execute(text("SELECT 1"))


def migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _upgrade(connection: Connection) -> None:
    config = migrations()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we begin transactions ourselves, in _begin
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("lam_write"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # a later upgrade from reader to writer could fail at once


@asynccontextmanager
async def _foreign_errors() -> AsyncIterator[None]:
    try:
        yield
    except exc.IntegrityError as error:
        raise Conflict from error
    except (exc.DBAPIError, exc.TimeoutError, OSError) as error:
        raise StorageUnavailable from error
