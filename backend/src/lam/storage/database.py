"""The database: one engine, and short units of work.

A unit of work is one transaction. Nobody keeps one open while waiting for a model, a reader or a person.

It must not know the meaning of a row: repositories do.
"""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import cache, partial
from pathlib import Path
from typing import Final, cast

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import QueuePool, exc, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine

from lam.callbacks import call_each
from lam.data_folder import DataFolder, make_private
from lam.errors import ConfigError, StorageDamaged, StorageLost, StorageUnavailable
from lam.settings import Settings
from lam.storage.completeness import require_complete
from lam.storage.connection import Connection
from lam.storage.database_file import CHECK_SECONDS, RESTORE, DatabaseFile, damage
from lam.storage.failures import INCOMPLETE, foreign_errors
from lam.storage.line import Line
from lam.storage.postgresql import migrate_alone, patient_engine, postgresql_engine, reason, where
from lam.storage.repositories.base import Touched
from lam.storage.repositories.costs import Costs
from lam.storage.repositories.folders import Folders
from lam.storage.repositories.games import Games
from lam.storage.repositories.keys import Keys
from lam.storage.repositories.lab import Lab
from lam.storage.repositories.media import Media
from lam.storage.repositories.members import Audit, Invitations, Members, Publications, Reactions
from lam.storage.repositories.messages import Messages, Requests
from lam.storage.repositories.programs import ProgramRequests
from lam.storage.repositories.rooms import Rooms
from lam.storage.repositories.runs import Runs
from lam.storage.repositories.search import Search
from lam.storage.repositories.sessions import Sessions
from lam.storage.repositories.spending import Spending
from lam.storage.repositories.templates import Templates
from lam.storage.repositories.users import Tokens, Users
from lam.storage.repositories.waiting import Waiting
from lam.storage.sqlite import LOCK_SECONDS, SqliteEngine

log = logging.getLogger(__name__)

CLOSE_SECONDS: Final = 5  # for units of work that are about to end
TURN_SECONDS: Final = 10  # without a success of anybody, before a waiter for a connection or the writer's turn is refused


def database_url(settings: Settings) -> str:
    """Returns the URL of the database of these settings."""
    return settings.database_url or f"sqlite+aiosqlite:///{DataFolder(settings.lam_data_dir).database}"


class UnitOfWork:
    """The repositories of one transaction."""

    def __init__(self, connection: Connection, *, shared: bool = False) -> None:
        self._connection = connection
        self.touched = Touched()
        self.users = Users(connection)
        self.tokens = Tokens(connection)
        self.sessions = Sessions(connection, self.touched)
        self.members = Members(connection, self.touched)
        self.invitations = Invitations(connection)
        self.audit = Audit(connection)
        self.publications = Publications(connection)
        self.reactions = Reactions(connection, self.touched)
        self.folders = Folders(connection, self.touched)
        self.templates = Templates(connection)
        self.search = Search(connection)
        self.costs = Costs(connection)
        self.messages = Messages(connection)
        self.media = Media(connection)
        self.waiting = Waiting(connection, self.touched)
        self.runs = Runs(connection, shared=shared)
        self.requests = Requests(connection)
        self.program_requests = ProgramRequests(connection)
        self.games = Games(connection)
        self.lab = Lab(connection)
        self.keys = Keys(connection)
        self.spending = Spending(connection)
        self.rooms = Rooms(connection)

    async def try_out(self) -> None:
        """Rewrites an existing value and reads from every table."""
        await self._connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
        await require_complete(self._connection)


class Database:
    """`read()` and `write()` open a unit of work. Both raise StorageUnavailable; `write()` also raises Conflict.

    `write()` raises StorageLost when the next start would not find what it wrote, and it never writes to a damaged database.

    SQLite has one writer at a time. Writers of this process take turns in a line, which is fair and cheap, instead of polling the
    file; the busy timeout remains for other processes. PostgreSQL's writers need no turns. Neither the line of writers
    nor the line for a connection refuses anybody while it moves (decision 176).
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 5,
        lock_seconds: float = LOCK_SECONDS,
        check_seconds: float = CHECK_SECONDS,
        shared: bool = False,
    ) -> None:
        """`lock_seconds`: how long to wait for another process's lock on an SQLite file. `check_seconds`: how long to examine
        such a file. `shared`: whether other gateways use the database, which may take over runs."""
        self._shared = shared
        self._url = parsed = make_url(url)
        self._postgresql = parsed.get_backend_name() == "postgresql"
        self._check_seconds = check_seconds
        if self._postgresql:
            postgresql = postgresql_engine(parsed, pool_size=pool_size, turn_seconds=TURN_SECONDS)
            self._engine: AsyncEngine | SqliteEngine = postgresql
            self._connect: Callable[[], AbstractAsyncContextManager[Connection]] = postgresql.connect
            self._connect_to_write: Callable[[], AbstractAsyncContextManager[Connection]] = postgresql.connect
        else:
            self._engine = sqlite = SqliteEngine(parsed, pool_size=pool_size, lock_seconds=lock_seconds)
            self._connect = sqlite.connect
            self._connect_to_write = partial(sqlite.connect, writes=True)
        self._connections = Line(pool_size, TURN_SECONDS)
        self._turns = Line(1, TURN_SECONDS)
        self._damaged = False
        self._logged: set[str] = set()
        self.after_commit: list[Callable[[Touched], None]] = []  # called with the changes of a unit of work
        self.file = None if self._postgresql else DatabaseFile(Path(parsed.database or ""))

    async def close(self) -> None:
        """Closes all connections. First waits, for a while, until the units of work have ended that were cancelled just before: a
        pool that is disposed of never closes what comes back to it."""
        pool = cast("QueuePool", self._engine.pool)
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                while pool.checkedout() > 0:  # noqa: ASYNC110  # a pool has no event for it
                    await asyncio.sleep(0.01)
        except TimeoutError:
            log.warning("%d connections to the database were still in use at its end", pool.checkedout())
        await self._engine.dispose()
        if self.file is not None:
            await asyncio.to_thread(self.file.close)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[UnitOfWork]:
        async with self._watched(), self._connections.place(), foreign_errors():
            async with self._connect() as connection:
                yield UnitOfWork(connection, shared=self._shared)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[UnitOfWork]:
        async with self._watched():
            async with self._writers_turn() as give_on, self._connections.place(), foreign_errors():
                await self.require_file()
                async with self._connect_to_write() as connection:
                    async with connection.begin():
                        unit = UnitOfWork(connection, shared=self._shared)
                        yield unit
                    await self.require_file()  # after the commit: it may have gone into a file that was removed
                    give_on()  # the next writer does not wait until the connection is back in its pool
            if unit.touched:
                call_each(self.after_commit, unit.touched, event="a commit")

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        try:
            yield
        except StorageDamaged as error:
            if error.__cause__ is not None and error.message not in self._logged:
                log.critical("%s (%s)", error.message, reason(error.__cause__))
                self._logged.add(error.message)
            self._damaged = self._damaged or error.message != INCOMPLETE  # an incomplete one can be restored while we run
            raise

    @property
    def moved_at(self) -> float:
        """The event loop's time of the last success: of a writer in SQLite, of anybody in PostgreSQL."""
        return self._connections.moved_at if self._postgresql else self._turns.moved_at

    def problem(self) -> StorageUnavailable | None:
        """Why nothing can be stored, as far as is known without asking the database; None when all is well."""
        if self.file is not None and (happened := self.file.problem()) is not None:
            return StorageLost(f"Nothing can be stored: {happened}.")
        return StorageDamaged() if self._damaged and self.file is not None else None

    async def require_file(self) -> None:
        """Raises StorageLost or StorageDamaged when the SQLite file is not what it was."""
        if self.file is None:
            return
        if (
            self.file.shrunk()
            and (finding := await asyncio.to_thread(damage, self.file.path, self._check_seconds, used=True)) is not None
        ):
            self._damaged = True
            log.critical("The database %s was cut off (%s): %s", self.file.path, finding, RESTORE)
        problem = self.problem()
        if isinstance(problem, StorageLost) and problem.message not in self._logged:
            self._logged.add(problem.message)
            log.critical("%s", problem.message)
            await asyncio.to_thread(self.file.rescue)
        if problem is not None:
            raise problem

    def _writers_turn(self) -> AbstractAsyncContextManager[Callable[[], None]]:
        return nullcontext(lambda: None) if self._postgresql else self._turns.place()

    async def upgrade(self, *, used: bool = False) -> None:
        """Applies the missing migrations. Raises ConfigError for a database that is damaged or belongs to another program.

        `used`: a gateway has used it before, so an empty SQLite file means lost data.
        """
        if self.file is not None:
            await self.require_sound(used=used)
            await self._keep_copy(self.file)
            make_private(self.file.path)
        async with _unusable(), foreign_errors(), self._migrating() as connection:
            await connection.run_sync(_upgrade)
        async with _unusable(), foreign_errors(), self._connect() as connection:
            await require_complete(connection)
        if self.file is not None:
            await asyncio.to_thread(self.file.open)

    async def _keep_copy(self, file: DatabaseFile) -> None:
        """Copies the file before migrations change it. Raises ConfigError when that fails."""
        if not await self.pending():
            return
        try:
            copy = await asyncio.to_thread(file.copy)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"The database {file.path} has to be brought up to date, and no copy of it can be made first ({error}); "
                "make room beside it."
            ) from error
        if copy is not None:
            log.warning("The database is brought up to date; it is kept as it was in %s", copy)

    async def require_sound(self, *, used: bool = False) -> None:
        """Examines an SQLite file, within seconds. Raises ConfigError when it is damaged."""
        if self.file is None:
            return
        if used and not self.file.path.exists():
            log.warning("The database %s is not there any more; a new one is made", self.file.path)
        if (finding := await asyncio.to_thread(damage, self.file.path, self._check_seconds, used=used)) is not None:
            raise ConfigError(f"The database cannot be used: {self.file.path} is damaged ({finding}); {RESTORE}.")

    async def pending(self) -> int | None:
        """Returns the number of missing migrations, None for an SQLite file that does not exist yet. Changes nothing.

        Raises ConfigError for a database that cannot be used, or not now.
        """
        if not self._postgresql and not (file := Path(self._url.database or "")).exists():
            if file.parent.is_dir():
                return None
            raise ConfigError(f"The database {file} cannot be made: there is no folder {file.parent}.")
        try:
            async with _unusable(), foreign_errors(), self._connect() as connection:
                return await connection.run_sync(_pending)
        except StorageUnavailable as error:
            name = where(self._url) if self._postgresql else self._url.database
            raise ConfigError(f"The database {name} cannot be used: {reason(error.__cause__ or error)}.") from error

    @asynccontextmanager
    async def _migrating(self) -> AsyncIterator[Connection]:
        if not self._postgresql:
            async with self._connect_to_write() as connection, connection.begin():
                yield connection
            return
        engine = patient_engine(self._url)
        try:
            async with engine.begin() as connection:
                await migrate_alone(connection)
                yield connection
        finally:
            await engine.dispose()

    async def check(self) -> None:
        """Raises StorageUnavailable when the database does not answer."""
        async with foreign_errors():
            async with self._connect() as connection:
                await connection.execute(text("SELECT 1"))

    async def try_out(self) -> None:
        """Rewrites an existing value and reads from every table. Raises StorageUnavailable when that fails."""
        async with self.write() as unit:
            await unit.try_out()


def migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


@cache
def _scripts() -> ScriptDirectory:
    """Returns the migrations of this release; alembic reads them from their files."""
    return ScriptDirectory.from_config(migrations())


def _upgrade(connection: sqlalchemy.Connection) -> None:
    if MigrationContext.configure(connection).get_current_revision() == _scripts().get_current_head():
        return
    config = migrations()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _pending(connection: sqlalchemy.Connection) -> int:
    """Returns the number of missing migrations. Raises CommandError for a database of a later release."""
    scripts = _scripts()
    applied = MigrationContext.configure(connection).get_current_revision()
    if applied is not None:
        scripts.get_revision(applied)
    return sum(1 for _ in scripts.iterate_revisions("head", applied or "base"))


@asynccontextmanager
async def _unusable() -> AsyncIterator[None]:
    """Raises ConfigError for a database that we must not use; StorageUnavailable for one that does not answer passes."""
    try:
        yield
    except CommandError as error:
        raise ConfigError("The database was made by a newer version of LAM Studio; update it, or set LAM_DATA_DIR.") from error
    except exc.DBAPIError as error:
        raise ConfigError(f"The database cannot be used: {error.orig}.") from error
    except StorageUnavailable as error:
        cause = error.__cause__
        # the migrations' own table is missing a row
        is_halved = isinstance(cause, exc.DBAPIError) and "already exists" in str(cause.orig)
        if (isinstance(error, StorageDamaged) or is_halved) and isinstance(cause, exc.DBAPIError):
            raise ConfigError(f"The database cannot be used: it is damaged ({cause.orig}); {RESTORE}.") from error
        if isinstance(cause, exc.DBAPIError) and "unable to open" in str(cause.orig):
            raise ConfigError(f"The database cannot be used: its file cannot be opened ({cause.orig}).") from error
        if isinstance(cause, exc.DatabaseError) and not isinstance(cause, exc.OperationalError):
            raise ConfigError(f"The database cannot be used: {cause.orig}.") from error
        raise
