"""Which database the tests run on: SQLite, or with `--database postgresql` a PostgreSQL that they start.

A data folder stands for its database: a gateway started again on the same folder finds what the first one left.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
        tables = "users, tokens, sessions, messages, checkpoints, requests, generations, templates"
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
