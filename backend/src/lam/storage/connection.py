"""What repositories need of a connection: SQLAlchemy's asynchronous one to PostgreSQL has it, and ours to SQLite."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

import sqlalchemy
from sqlalchemy import CursorResult, Dialect, Executable

T = TypeVar("T")


class Connection(Protocol):
    """A connection that one task uses at a time."""

    @property
    def dialect(self) -> Dialect:
        """Which SQL the database takes."""
        ...

    async def execute(self, statement: Executable, values: Any = None, /) -> CursorResult[*tuple[Any, ...]]:
        """Runs a statement and returns its result, which has all rows. `values`: those of its parameters, or a list of them."""
        ...

    async def exec_driver_sql(self, statement: str, values: Any = None, /) -> CursorResult[*tuple[Any, ...]]:
        """Runs a statement in the database's own words. `values`: as its driver takes them."""
        ...

    async def run_sync(self, call: Callable[[sqlalchemy.Connection], T], /) -> T:
        """Runs `call` with SQLAlchemy's own connection."""
        ...

    def begin(self) -> AbstractAsyncContextManager[Any]:
        """A transaction, which is committed at the end, unless there was an exception."""
        ...
