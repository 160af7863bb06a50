"""Which database the tests run on: SQLite, or with `--database postgresql` a PostgreSQL that they start.

A data folder stands for its database: a gateway started again on the same folder finds what the first one left.
"""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from sqlalchemy import text

from lam.storage.database import Database

from .postgresql import PostgreSQL

postgresql: PostgreSQL | None = None
_made: dict[Path, str] = {}


def url_for(data: Path) -> str:
    if postgresql is None:
        return f"sqlite+aiosqlite:///{data / 'lam.db'}"
    if data not in _made:
        _made[data] = postgresql.database()
    return _made[data]


@contextmanager
def locked(data: Path) -> Iterator[None]:
    """Another program's transaction that lets nobody else write, as long as it lasts."""
    if postgresql is not None:
        tables = "users, tokens, sessions, messages, runs, checkpoints, requests, generations, templates"
        with postgresql.held(url_for(data), f"LOCK TABLE {tables} IN EXCLUSIVE MODE"):
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
