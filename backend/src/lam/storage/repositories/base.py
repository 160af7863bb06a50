"""What all repositories share: the connection of their unit of work, and the conversion of rows to values.

A statement that every reply runs is built once, with `bindparam`, and gets its `values` at each run: building it and finding its
compiled form would cost as much again as running it. `QUICK` marks statements that touch a few rows by key (decision 30).
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Executable, Row, RowMapping, Table
from sqlalchemy.dialects import postgresql, sqlite

from lam.storage.connection import Connection
from lam.storage.models import Folder

T = TypeVar("T", bound=msgspec.Struct)
Values = Mapping[str, Any]
QUICK: Final = {"lam_quick": True}  # for `execution_options`


class Touched(msgspec.Struct, kw_only=True):
    """The sessions and folders changed by a unit of work; whoever commits it reports them to the feeds (chat/changes.py).

    `sessions`: each with whether its visible messages changed, too. `removed`: each with its people. `shared`: those whose people
    changed. `removed_people`: each session with somebody who is no longer one of its people. `folders`: as they are now.
    `removed_folders`: each with its owner.
    """

    sessions: dict[int, bool] = msgspec.field(default_factory=dict)
    removed: dict[int, list[int]] = msgspec.field(default_factory=dict)
    shared: set[int] = msgspec.field(default_factory=set)
    removed_people: list[tuple[int, int]] = msgspec.field(default_factory=list)
    folders: dict[int, Folder] = msgspec.field(default_factory=dict)
    removed_folders: dict[int, int] = msgspec.field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.sessions or self.removed or self.folders or self.removed_folders or self.shared or self.removed_people)

    def session(self, session_id: int, *, messages: bool = False) -> None:
        self.sessions[session_id] = self.sessions.get(session_id, False) or messages

    def gone(self, session_id: int, people: Collection[int]) -> None:
        self.sessions.pop(session_id, None)
        self.shared.discard(session_id)
        self.removed[session_id] = list(people)

    def people(self, session_id: int) -> None:
        """Somebody came, left, or has another role."""
        self.session(session_id)
        self.shared.add(session_id)

    def person_gone(self, session_id: int, user_id: int) -> None:
        self.people(session_id)
        self.removed_people.append((session_id, user_id))

    def folder(self, folder: Folder) -> None:
        self.folders[folder.id] = folder

    def folder_gone(self, folder_id: int, owner: int) -> None:
        self.folders.pop(folder_id, None)
        self.removed_folders[folder_id] = owner


class Repository:
    def __init__(self, connection: Connection) -> None:
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

    def _insert(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        """Returns an INSERT that can say what to do where the row is there already: of two units of work at once, the later one
        waits for the first."""
        make = postgresql.insert if self._connection.dialect.name == "postgresql" else sqlite.insert
        return make(table)

    async def _inserted(self, statement: Executable, values: Values | None = None) -> int:
        """Runs an INSERT … RETURNING id and returns the id."""
        return int((await self._connection.execute(statement, values)).scalar_one())


def _value(kind: type[T], row: RowMapping) -> T:
    return kind(**row)
