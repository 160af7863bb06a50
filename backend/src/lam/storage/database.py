"""The database: one engine, and short units of work.

A unit of work is one transaction. Nobody keeps one open while waiting for a model, a reader or a person.

It must not know the meaning of a row: repositories do.
"""

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Generic, TypeVar

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import exc, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine

from lam.callbacks import call_each
from lam.data_folder import DataFolder, make_private
from lam.errors import ConfigError, StorageDamaged, StorageLost, StorageUnavailable
from lam.settings import Settings
from lam.storage.completeness import require_complete
from lam.storage.connection import Connection
from lam.storage.database_file import CHECK_SECONDS, RESTORE, DatabaseFile, damage
from lam.storage.failures import INCOMPLETE, foreign_errors
from lam.storage.line import Line, Place
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

T = TypeVar("T")

CLOSE_SECONDS: Final = 5  # for units of work that are about to end
TURN_SECONDS: Final = 10  # without a success of anybody, before a waiter for a connection or the writer's turn is refused


def database_url(settings: Settings) -> str:
    """Returns the URL of the database of these settings."""
    return settings.database_url or f"sqlite+aiosqlite:///{DataFolder(settings.lam_data_dir).database}"


class _Part(Generic[T]):
    """A repository of a unit of work, made when it is first used: most units use two or three."""

    def __init__(self, make: Callable[["UnitOfWork"], T]) -> None:
        self._make = make

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, unit: "UnitOfWork", _owner: type | None = None) -> T:
        made = unit.__dict__[self._name] = self._make(unit)  # from now on it is found there
        return made


class UnitOfWork:
    """The repositories of one transaction. `shared`: whether other gateways may take over the runs of this one."""

    def __init__(self, connection: Connection, *, shared: bool = False) -> None:
        self._connection = connection
        self._shared = shared
        self.touched = Touched()

    users = _Part(lambda unit: Users(unit._connection, unit.touched))
    tokens = _Part(lambda unit: Tokens(unit._connection))
    sessions = _Part(lambda unit: Sessions(unit._connection, unit.touched))
    members = _Part(lambda unit: Members(unit._connection, unit.touched))
    invitations = _Part(lambda unit: Invitations(unit._connection))
    audit = _Part(lambda unit: Audit(unit._connection))
    publications = _Part(lambda unit: Publications(unit._connection))
    reactions = _Part(lambda unit: Reactions(unit._connection, unit.touched))
    folders = _Part(lambda unit: Folders(unit._connection, unit.touched))
    templates = _Part(lambda unit: Templates(unit._connection))
    search = _Part(lambda unit: Search(unit._connection))
    costs = _Part(lambda unit: Costs(unit._connection))
    messages = _Part(lambda unit: Messages(unit._connection))
    media = _Part(lambda unit: Media(unit._connection))
    waiting = _Part(lambda unit: Waiting(unit._connection, unit.touched))
    runs = _Part(lambda unit: Runs(unit._connection, shared=unit._shared))
    requests = _Part(lambda unit: Requests(unit._connection))
    program_requests = _Part(lambda unit: ProgramRequests(unit._connection))
    games = _Part(lambda unit: Games(unit._connection))
    lab = _Part(lambda unit: Lab(unit._connection))
    keys = _Part(lambda unit: Keys(unit._connection))
    spending = _Part(lambda unit: Spending(unit._connection))
    rooms = _Part(lambda unit: Rooms(unit._connection))

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
            self._engine = sqlite = SqliteEngine(
                parsed, pool_size=pool_size, lock_seconds=lock_seconds, require=self._require_place
            )
            self._connect = sqlite.connect
            self._connect_to_write = partial(sqlite.connect, writes=True)
        self._connections = Line(pool_size, TURN_SECONDS)
        self._turns = Line(1, TURN_SECONDS)
        self._damaged = False
        self._logged: set[str] = set()
        self._watch = _Watch(self._note_damage)
        self.after_commit: list[Callable[[Touched], None]] = []  # called with the changes of a unit of work
        self.file = None if self._postgresql else DatabaseFile(Path(os.path.abspath(parsed.database or "")))

    async def close(self) -> None:
        """Closes all connections. First waits, for a while, until the units of work have ended that were cancelled just before: a
        pool that is disposed of never closes what comes back to it."""
        pool: Any = self._engine.pool
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
        with self._watch:
            async with self._connections.place():
                with foreign_errors:
                    async with self._connect() as connection:
                        yield UnitOfWork(connection, shared=self._shared)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[UnitOfWork]:
        with self._watch:
            async with self._writers_turn() as turn, self._connections.place():
                with foreign_errors:
                    await self.require_file()
                    async with self._connect_to_write() as connection:
                        async with connection.begin():
                            unit = UnitOfWork(connection, shared=self._shared)
                            yield unit
                        await self.require_file()  # after the commit: it may have gone into a file that was removed
                        if turn is not None:
                            turn.give_on()  # the next writer does not wait until the connection is back in its pool
            if unit.touched:
                call_each(self.after_commit, unit.touched, event="a commit")

    def _note_damage(self, error: StorageDamaged) -> None:
        if error.__cause__ is not None and error.message not in self._logged:
            log.critical("%s (%s)", error.message, reason(error.__cause__))
            self._logged.add(error.message)
        self._damaged = self._damaged or error.message != INCOMPLETE  # an incomplete one can be restored while we run

    @property
    def moved_at(self) -> float:
        """The event loop's time of the last success: of a writer in SQLite, of anybody in PostgreSQL."""
        return self._connections.moved_at if self._postgresql else self._turns.moved_at

    def problem(self) -> StorageUnavailable | None:
        """Why nothing can be stored, as far as is known without asking the database; None when all is well."""
        return self._lost() or (StorageDamaged() if self._damaged and self.file is not None else None)

    def _lost(self) -> StorageLost | None:
        happened = None if self.file is None else self.file.problem()
        return None if happened is None else StorageLost(f"Nothing can be stored: {happened}.")

    def _require_place(self) -> None:
        if (lost := self._lost()) is not None:
            raise lost

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

    def _writers_turn(self) -> AbstractAsyncContextManager[Place | None]:
        return nullcontext() if self._postgresql else self._turns.place()

    async def upgrade(self, *, used: bool = False) -> None:
        """Applies the missing migrations. Raises ConfigError for a database that is damaged or belongs to another program.

        `used`: a gateway has used it before, so an empty SQLite file means lost data.
        """
        if self.file is not None:
            await self.require_sound(used=used)
            await self._keep_copy(self.file)
            make_private(self.file.path)
        with _unusable(), foreign_errors:
            async with self._migrating() as connection:
                await connection.run_sync(_upgrade)
        with _unusable(), foreign_errors:
            async with self._connect() as connection:
                await require_complete(connection)
        await self.settle()

    async def settle(self) -> None:
        """Makes the SQLite file that is there now the one that every connection is to, as long as this is open."""
        if self.file is not None and isinstance(self._engine, SqliteEngine):
            await asyncio.to_thread(self.file.open)
            with _unusable(), foreign_errors:
                await self._engine.fill(self.file.path)

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
            with _unusable(), foreign_errors:
                async with self._connect() as connection:
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
        with foreign_errors:
            async with self._connect() as connection:
                await connection.execute(text("SELECT 1"))

    async def try_out(self) -> None:
        """Rewrites an existing value and reads from every table. Raises StorageUnavailable when that fails."""
        async with self.write() as unit:
            await unit.try_out()


class _Watch:
    """A context that tells of damage."""

    __slots__ = ("_note",)

    def __init__(self, note: Callable[[StorageDamaged], None]) -> None:
        self._note = note

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, StorageDamaged):
            self._note(error)


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


@contextmanager
def _unusable() -> Iterator[None]:
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
