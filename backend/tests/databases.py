"""Which database the tests run on: SQLite, or with `--database postgresql` a PostgreSQL that they start.

A data folder stands for its database: a gateway started again on the same folder finds what the first one left.
The migrations run once: a new database is a copy of the one that they made, or on PostgreSQL one of an earlier test, emptied.
"""

import asyncio
import atexit
import functools
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from unittest.mock import patch

from sqlalchemy import text

from lam.data_folder import make_private
from lam.storage.database import Database

from .postgresql import PostgreSQL

postgresql: PostgreSQL | None = None
_made: dict[Path, str] = {}
_ended: list[str] = []  # the URLs of databases that nobody needs any more


def url_for(data: Path, *, empty: bool = False) -> str:
    """`empty`: without our tables, for what is about migrations."""
    if postgresql is None:
        return f"sqlite+aiosqlite:///{data / 'lam.db'}"
    if data not in _made:
        _made[data] = postgresql.database() if empty else _migrated_one(postgresql)
    return _made[data]


def _migrated_one(server: PostgreSQL) -> str:
    """Returns the URL of an empty database, which an earlier test may have used."""
    template = _postgresql_template(server)
    while _ended:
        if (url := server.emptied(_ended.pop(), template)) is not None:
            return url
    return server.database(like=template)


def drop(folder: Path) -> None:
    """Drops the databases of the data folders inside this one, which are over; a few at a time. Each is 8 MB on the disk."""
    if postgresql is None:
        return
    _ended.extend(_made.pop(data) for data in list(_made) if data.is_relative_to(folder))
    if len(_ended) >= 20:
        postgresql.drop(_ended)
        _ended.clear()


def prepare(data: Path, url: str) -> bool:
    """Puts a migrated SQLite file into a data folder that is yet to be made. Everything else is left to the gateway. Returns
    whether it did."""
    if url != f"sqlite+aiosqlite:///{data / 'lam.db'}" or data.exists():
        return False
    data.mkdir(mode=0o700, parents=True)
    migrated(data)
    return True


_untouched: set[str] = set()
_upgrade = Database.upgrade


def prepared(data: Path, url: str | None) -> str:
    """Prepares a data folder for a gateway of this process, which begins at once. `url`: of another database than the folder's own.
    Returns the URL.

    A start on a copy of the migrated database that nobody has opened does not examine it: that is most of the work of a start.
    """
    is_new = postgresql is not None and data not in _made
    own = url_for(data)
    if prepare(data, url or own) or (is_new and url is None):
        _untouched.add(own)
    return url or own


async def _upgraded(database: Database, *, used: bool = False) -> None:
    url = database._url.render_as_string(hide_password=False)
    if url not in _untouched:
        await _upgrade(database, used=used)
        return
    _untouched.remove(url)
    if database.file is not None:
        make_private(database.file.path)
        await database.settle()


patch.object(Database, "upgrade", _upgraded).start()


def migrated(data: Path) -> str:
    """Puts a migrated SQLite file into a folder. Returns the URL of the folder's database."""
    if postgresql is None:
        shutil.copy(_sqlite_template(), data / "lam.db")
        (data / "lam.db").chmod(0o600)
    return url_for(data)


@functools.cache
def _sqlite_template() -> Path:
    folder = tempfile.mkdtemp(prefix="lam-template-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / "lam.db"
    _migrate(f"sqlite+aiosqlite:///{path}")
    return path


@functools.cache
def _postgresql_template(server: PostgreSQL) -> str:
    """Nobody may be connected to a database while it is copied."""
    url = server.database()
    _migrate(url)
    return url.rpartition("/")[2]


def _migrate(url: str) -> None:
    """On a loop of its own: whoever asks may run in one."""

    async def upgrade() -> None:
        database = Database(url)
        try:
            await database.upgrade()
        finally:
            await database.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, upgrade()).result()


@contextmanager
def locked(data: Path) -> Iterator[None]:
    """Another program's transaction that lets nobody else write, as long as it lasts."""
    if postgresql is not None:
        tables = "users, tokens, sessions, messages, runs, checkpoints, requests, generations, templates"
        with postgresql.transaction(url_for(data), f"LOCK TABLE {tables} IN EXCLUSIVE MODE"):
            yield
        return
    other = sqlite3.connect(data / "lam.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@asynccontextmanager
async def full(data: Path, database: Database) -> AsyncIterator[None]:
    """No room for more rows. SQLite, in a pool of one connection: no page more than there are. PostgreSQL: as its disk says it."""
    if postgresql is not None:
        name = url_for(data).rpartition("/")[2]
        raising = "BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END"
        postgresql.sql(name, f"CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ {raising} $$")
        for table in ("messages", "runs", "checkpoints", "sessions"):
            postgresql.sql(name, f"CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {table} EXECUTE FUNCTION full_disk()")
        yield
        postgresql.sql(name, "DROP FUNCTION full_disk CASCADE")
        return
    async with database._engine.connect() as connection:
        await connection.execute(text("PRAGMA max_page_count = 1"))  # which it takes for as many as there are
    yield
    async with database._engine.connect() as connection:
        await connection.execute(text("PRAGMA max_page_count = 1000000"))
