"""What all repositories share: the connection of their unit of work, and the conversion of rows to values.

A statement that every reply runs is built once, with `bindparam`, and gets its `values` at each run: building it and finding its
compiled form would cost as much again as running it. `QUICK` marks statements that touch a few rows by key (decision 30).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Executable, Row, RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T", bound=msgspec.Struct)
Values = Mapping[str, Any]
QUICK: Final = {"lam_quick": True}  # for `execution_options`


class Touched:
    """The sessions changed by a unit of work; whoever commits it reports them to the feeds (chat/changes.py).

    `sessions`: each with whether its visible messages changed, too. `removed`: each with its owner.
    """

    def __init__(self) -> None:
        self.sessions: dict[int, bool] = {}
        self.removed: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self.sessions or self.removed)

    def session(self, session_id: int, *, messages: bool = False) -> None:
        self.sessions[session_id] = self.sessions.get(session_id, False) or messages

    def gone(self, session_id: int, owner: int) -> None:
        self.sessions.pop(session_id, None)
        self.removed[session_id] = owner


class Repository:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def _one(self, kind: type[T], query: Executable, values: Values | None = None) -> T | None:
        row = (await self._connection.execute(query, values)).first()
        return None if row is None else _value(kind, row._mapping)

    async def _all(self, kind: type[T], query: Executable) -> list[T]:
        rows: Iterable[Row[Any]] = await self._connection.execute(query)
        return [_value(kind, row._mapping) for row in rows]

    async def _changed(self, statement: Executable, values: Values | None = None) -> int:
        """Runs a statement and returns the number of rows it changed."""
        result: Any = await self._connection.execute(statement, values)
        return int(result.rowcount)

    async def _inserted(self, statement: Executable, values: Values | None = None) -> int:
        """Runs an INSERT … RETURNING id and returns the id."""
        return int((await self._connection.execute(statement, values)).scalar_one())


def _value(kind: type[T], row: RowMapping) -> T:
    return kind(**row)
