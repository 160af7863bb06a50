"""Sessions. Each query includes the person who asks and the action."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import ColumnElement, Select, bindparam, delete, exists, func, insert, literal, select, tuple_, update

from lam.protocol.sampling import NAMES, from_stored
from lam.storage.access import (
    ALLOWED,
    Action,
    Role,
    folder_seen,
    own,
    role_in_session,
    sessions_listed,
    sessions_open,
    sessions_shared,
)
from lam.storage.connection import Connection
from lam.storage.models import Session
from lam.storage.repositories.base import QUICK, Repository, Touched
from lam.storage.schema import members, messages, sessions

PREVIEW_CHARACTERS = 180
_KEYS_AT_ONCE: Final = 500
Outside = Literal["none"]
"""In place of a folder: outside of all folders."""
_PLACE: Final = (sessions.c.last_used_at.type, sessions.c.id.type)
_SHARED: Final = frozenset(NAMES) - frozenset(sessions.c.keys())  # settings that share the column `sampling`
_COLUMNS: Final = (*(column.name for column in sessions.c if column.name != "sampling"),)
_FIND: Final = {
    action: select(sessions, role_in_session(bindparam("user")).label("role"))
    .where(sessions.c.id == bindparam("session"), sessions_open(action, bindparam("user")))
    .execution_options(**QUICK)
    for action in ALLOWED
}
_LOCK: Final = {action: query.with_for_update(of=sessions) for action, query in _FIND.items()}
_SENT = update(sessions).where(sessions.c.id == bindparam("session"))
_SENT = _SENT.values(message_count=sessions.c.message_count + bindparam("added")).execution_options(**QUICK)


class Sessions(Repository):
    """The sessions table. Each method that changes a session adds it to `touched`."""

    def __init__(self, connection: Connection, touched: Touched) -> None:
        super().__init__(connection)
        self._touched = touched

    async def add(self, **values: Any) -> Session:
        statement = insert(sessions).values(**_row(values, {})).returning(sessions.c.id)
        session = Session(id=await self._inserted(statement), **values)
        self._touched.session(session.id)
        return session

    async def find(self, session_id: int, user_id: int, action: Action, *, lock: bool = False) -> Session | None:
        """Returns a session, None unless the user may do `action` with it. `lock`: nobody else can change it until this unit of
        work ends."""
        query = (_LOCK if lock else _FIND)[action]
        result = await self._connection.execute(query, {"session": session_id, "user": user_id})
        row = result.first()
        return None if row is None else _session(row._mapping, row.role)

    async def count(self, user_id: int) -> int:
        query = select(func.count()).where(own(sessions, user_id))
        return int((await self._connection.execute(query)).scalar_one())

    async def with_keys(self, user_id: int, keys: Sequence[str]) -> set[str]:
        """Returns those of the keys that sessions of the user have."""
        found: set[str] = set()
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            query = select(sessions.c.session_key).where(
                own(sessions, user_id), sessions.c.session_key.in_(keys[start : start + _KEYS_AT_ONCE])
            )
            found |= set((await self._connection.execute(query)).scalars())
        return found

    async def keyed(self, user_id: int, key: str) -> Session | None:
        """Returns the user's session with this key, which nobody else can change until this unit of work ends."""
        query = select(sessions).where(own(sessions, user_id), sessions.c.session_key == key).with_for_update()
        row = (await self._connection.execute(query)).first()
        return None if row is None else _session(row._mapping)

    async def owner(self, session_id: int) -> int:
        query = select(sessions.c.user_id).where(sessions.c.id == session_id)
        return int((await self._connection.execute(query)).scalar_one())

    async def newest(
        self,
        user_id: int,
        *,
        limit: int | None = None,
        before: tuple[datetime, int] | None = None,
        folder: int | Outside | None = None,
        pinned: bool | None = None,
    ) -> list[tuple[Session, str | None]]:
        """Returns the sessions that the user may read, last used first, each with the beginning of its newest message.

        `before`: only those behind this place, the time of the last use and the id of a session. `folder`: only those in it, or
        outside of all. `pinned`: only those that are, or are not. Other people's sessions are outside of folders and not pinned.
        """
        query = _listed().where(own(sessions, user_id), *in_folder(folder))
        if pinned is not None:
            query = query.where(sessions.c.pinned if pinned else ~sessions.c.pinned)
        rows = await self._connection.execute(_page(query, limit, before))
        found = [(_session(row._mapping, is_shared=bool(row.is_shared)), row.preview) for row in rows]
        if folder in (None, "none") and pinned is not True:
            others = _listed().add_columns(role_in_session(user_id).label("role")).where(sessions_shared(user_id))
            rows = await self._connection.execute(_page(others, limit, before))
            found += [(_session(row._mapping, row.role, is_shared=True), row.preview) for row in rows]
            found.sort(key=lambda one: (one[0].last_used_at, one[0].id), reverse=True)
        return found[:limit]

    async def count_pinned(self, user_id: int) -> int:
        query = select(func.count()).where(own(sessions, user_id), sessions.c.pinned)
        return int((await self._connection.execute(query)).scalar_one())

    async def listed(self, session_ids: Collection[int]) -> list[tuple[Session, str | None]]:
        """Returns these sessions of any owner, each with the beginning of its newest message."""
        rows = await self._connection.execute(_listed().where(sessions.c.id.in_(session_ids)))
        return [(_session(row._mapping, is_shared=bool(row.is_shared)), row.preview) for row in rows]

    async def change(self, session_id: int, **values: Any) -> None:
        """Changes columns and sampling settings by name. The caller locks the session first: settings that share a column are
        read and rewritten."""
        stored: dict[str, Any] = {}
        if not _SHARED.isdisjoint(values):
            query = select(sessions.c.sampling).where(sessions.c.id == session_id)
            stored = (await self._connection.execute(query)).scalar_one() or {}
        await self._changed(update(sessions).where(sessions.c.id == session_id).values(**_row(values, stored)))
        self._touched.session(session_id, messages="leaf_id" in values)

    async def sent(self, session_id: int, leaf_id: int, now: datetime, *, added: int, **values: Any) -> None:
        """Counts `added` new messages, the last of them a reply that begins."""
        await self._changed(_SENT, {"session": session_id, "added": added, "leaf_id": leaf_id, "last_used_at": now, **values})
        self._touched.session(session_id, messages=True)

    async def give_title(self, session_id: int, session_key: str, title: str) -> bool:
        """Sets an automatic title, unless a person named or reset the session meanwhile. Returns whether it did."""
        mine = (sessions.c.id == session_id, sessions.c.session_key == session_key, sessions.c.title_pending)
        query = update(sessions).where(*mine)
        changed = bool(await self._changed(query.values(title=title, title_pending=False)))
        if changed:
            self._touched.session(session_id)
        return changed

    async def titles(self, user_id: int, folder: int | Outside | None = None) -> list[tuple[int, str, int | None]]:
        """Returns id, title and folder of all sessions, or of those in a folder or outside of all; last used first."""
        seen = folder_seen(user_id)
        query = select(sessions.c.id, sessions.c.title, seen).where(sessions_listed(user_id), *in_folder(folder, seen))
        rows = await self._connection.execute(query.order_by(sessions.c.last_used_at.desc(), sessions.c.id.desc()))
        return [(row[0], row[1], row[2]) for row in rows]

    async def mark_read(self, session_id: int) -> None:
        await self._changed(update(sessions).where(sessions.c.id == session_id, sessions.c.unread).values(unread=False))
        self._touched.session(session_id)

    async def give(self, session_id: int, user_id: int) -> None:
        """Makes somebody else the owner. The folder and the template were the former owner's."""
        values = {"user_id": user_id, "folder_id": None, "pinned": False, "template_id": None, "template_version": None}
        await self._changed(update(sessions).where(sessions.c.id == session_id).values(**values))
        self._touched.people(session_id)

    async def delete(self, session_id: int) -> None:
        query = select(members.c.user_id).where(members.c.session_id == session_id)
        people = set((await self._connection.execute(query)).scalars())
        gone = delete(sessions).where(sessions.c.id == session_id).returning(sessions.c.user_id)
        if (owner := (await self._connection.execute(gone)).scalar()) is not None:
            self._touched.gone(session_id, people | {owner})


def in_folder(folder: int | Outside | None, column: ColumnElement[Any] = sessions.c.folder_id) -> list[ColumnElement[bool]]:
    """Returns the conditions for sessions in a folder, or outside of all; None: wherever they are. `column`: has the folder."""
    if folder is None:
        return []
    return [column.is_(None) if folder == "none" else column == folder]


def _page(query: Select[Any], limit: int | None, before: tuple[datetime, int] | None) -> Select[Any]:
    """Returns the query in the order of the list, for up to `limit` sessions behind a place."""
    if before is not None:
        query = query.where(tuple_(sessions.c.last_used_at, sessions.c.id) < tuple_(*map(literal, before, _PLACE)))
    query = query.order_by(sessions.c.last_used_at.desc(), sessions.c.id.desc())
    return query if limit is None else query.limit(limit)


def _listed() -> Select[Any]:
    """Returns a query for sessions, each with the beginning of its newest message, and whether others are in it."""
    preview = func.substr(messages.c.content, 1, PREVIEW_CHARACTERS)
    others = exists().where(members.c.session_id == sessions.c.id, members.c.user_id != sessions.c.user_id).correlate(sessions)
    columns = (sessions, preview.label("preview"), others.label("is_shared"))
    return select(*columns).outerjoin(messages, messages.c.id == sessions.c.leaf_id)


def _session(row: Mapping[Any, Any], role: Role = "owner", *, is_shared: bool = False) -> Session:
    stored = row["sampling"]
    columns = {name: row[name] for name in _COLUMNS}
    session = Session(**columns, **(from_stored(stored, _SHARED) if stored else {}), is_shared=is_shared)
    if role == "owner" and session.room_id is not None:
        role = "participant"
    return session if role == "owner" else msgspec.structs.replace(session, role=role)


def _row(values: dict[str, Any], stored: dict[str, Any]) -> dict[str, Any]:
    """Returns `values` as columns. `stored`: the present settings that share a column; a value of None removes one."""
    shared = _SHARED & values.keys()
    if not shared:
        return values
    settings = stored | {name: msgspec.to_builtins(values[name]) for name in shared}
    settings = {name: value for name, value in settings.items() if value is not None}
    return {name: value for name, value in values.items() if name not in shared} | {"sampling": settings or None}
