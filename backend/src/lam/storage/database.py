"""The database: one engine, short units of work, and the door where SQLAlchemy's exceptions become ours.

A unit of work is one transaction. Nobody holds one while waiting for a model, a reader or a person.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, exc, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection

from lam.errors import ConfigError, Conflict, StorageUnavailable
from lam.storage.postgresql import patient_engine, postgresql_engine, reason, where
from lam.storage.repositories.generations import Generations
from lam.storage.repositories.messages import Checkpoints, Messages, Requests
from lam.storage.repositories.search import Search
from lam.storage.repositories.sessions import Sessions
from lam.storage.repositories.templates import Templates
from lam.storage.repositories.users import Tokens, Users
from lam.storage.sqlite import sqlite_engine

TURN_SECONDS = 10  # for a connection or the writer's turn, behind others of this process


class UnitOfWork:
    """The repositories of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.users = Users(connection)
        self.tokens = Tokens(connection)
        self.sessions = Sessions(connection)
        self.templates = Templates(connection)
        self.search = Search(connection)
        self.generations = Generations(connection)
        self.messages = Messages(connection)
        self.checkpoints = Checkpoints(connection)
        self.requests = Requests(connection)


class Database:
    """`read()` and `write()` open a unit of work; both raise StorageUnavailable, `write()` also Conflict.

    SQLite has one writer at a time. Writers of this process take turns on a lock, which is fair and costs nothing, instead of
    polling the file; the busy timeout is left for other processes. PostgreSQL's writers need no turns.
    """

    def __init__(self, url: str, *, pool_size: int = 5) -> None:
        self._url = parsed = make_url(url)
        self._postgresql = parsed.get_backend_name() == "postgresql"
        make_engine = postgresql_engine if self._postgresql else sqlite_engine
        self._engine = make_engine(parsed, pool_size=pool_size, turn_seconds=TURN_SECONDS)
        self._writer = self._engine.execution_options(lam_write=True)
        self._turn = asyncio.Lock()

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
        if self._postgresql:
            yield
            return
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
        async with _unusable(), _foreign_errors(), self._migrating() as connection:
            await connection.run_sync(_upgrade)

    async def pending(self) -> int | None:
        """How many migrations are missing, None for an SQLite file that is yet to be made. Changes nothing.

        Raises ConfigError for a database that cannot be used, or not now.
        """
        if not self._postgresql and not (file := Path(self._url.database or "")).exists():
            if file.parent.is_dir():
                return None
            raise ConfigError(f"The database {file} cannot be made: there is no folder {file.parent}.")
        try:
            async with _unusable(), _foreign_errors(), self._engine.connect() as connection:
                return await connection.run_sync(_pending)
        except StorageUnavailable as error:
            name = where(self._url) if self._postgresql else self._url.database
            raise ConfigError(f"The database {name} cannot be used: {reason(error.__cause__ or error)}.") from error

    @asynccontextmanager
    async def _migrating(self) -> AsyncIterator[AsyncConnection]:
        if not self._postgresql:
            async with self._writer.begin() as connection:
                yield connection
            return
        engine = patient_engine(self._url)
        try:
            async with engine.begin() as connection:
                yield connection
        finally:
            await engine.dispose()

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


def _pending(connection: Connection) -> int:
    """Raises CommandError for a database that is ahead of us."""
    known = ScriptDirectory.from_config(migrations())
    applied = MigrationContext.configure(connection).get_current_revision()
    if applied is not None:
        known.get_revision(applied)
    return sum(1 for _ in known.iterate_revisions("head", applied or "base"))


@asynccontextmanager
async def _unusable() -> AsyncIterator[None]:
    """Tells a database that is not ours to use, by ConfigError, from one that is away."""
    try:
        yield
    except CommandError as error:
        raise ConfigError("The database was made by a newer version of LAM Studio; update it, or set LAM_DATA_DIR.") from error
    except exc.DBAPIError as error:
        raise ConfigError(f"The database cannot be used: {error.orig}.") from error
    except StorageUnavailable as error:
        cause = error.__cause__
        if isinstance(cause, exc.DatabaseError) and not isinstance(cause, exc.OperationalError):
            raise ConfigError(f"The database cannot be used: {cause.orig}.") from error
        raise


@asynccontextmanager
async def _foreign_errors() -> AsyncIterator[None]:
    try:
        yield
    except exc.IntegrityError as error:
        raise Conflict from error
    except (exc.DBAPIError, exc.TimeoutError, OSError) as error:
        if _is_mistake(error):
            raise
        raise StorageUnavailable from error


def _is_mistake(error: Exception) -> bool:
    """Whether the database is there and what we asked of it was wrong: waiting would not help."""
    state = getattr(error.orig, "sqlstate", None) if isinstance(error, exc.DBAPIError) else None
    return isinstance(error, exc.DataError | exc.ProgrammingError) or (isinstance(state, str) and state.startswith(("22", "42")))
