"""Sessions. Each query includes the person who asks and the action."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Select, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from lam.protocol.sampling import NAMES, from_stored
from lam.storage.access import ALLOWED, Action, own, sessions_open
from lam.storage.models import Session
from lam.storage.repositories.base import QUICK, Repository, Touched
from lam.storage.schema import messages, sessions

PREVIEW_CHARACTERS = 180
_SHARED: Final = frozenset(NAMES) - frozenset(sessions.c.keys())  # settings that share the column `sampling`
_COLUMNS: Final = (*(column.name for column in sessions.c if column.name != "sampling"),)
_FIND: Final = {
    action: select(sessions)
    .where(sessions.c.id == bindparam("session"), sessions_open(action, bindparam("user")))
    .execution_options(**QUICK)
    for action in ALLOWED
}
_LOCK: Final = {action: query.with_for_update() for action, query in _FIND.items()}
_SENT = update(sessions).where(sessions.c.id == bindparam("session"))
_SENT = _SENT.values(message_count=sessions.c.message_count + bindparam("added")).execution_options(**QUICK)


class Sessions(Repository):
    """The sessions table. Each method that changes a session adds it to `touched`."""

    def __init__(self, connection: AsyncConnection, touched: Touched) -> None:
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
        return None if row is None else _session(row._mapping)

    async def count(self, user_id: int) -> int:
        query = select(func.count()).where(own(sessions, user_id))
        return int((await self._connection.execute(query)).scalar_one())

    async def owner(self, session_id: int) -> int:
        query = select(sessions.c.user_id).where(sessions.c.id == session_id)
        return int((await self._connection.execute(query)).scalar_one())

    async def newest(self, user_id: int) -> list[tuple[Session, str | None]]:
        """Returns the user's sessions, last used first, each with the beginning of its newest message."""
        query = _listed().where(sessions_open("read", user_id))
        rows = await self._connection.execute(query.order_by(sessions.c.last_used_at.desc(), sessions.c.id.desc()))
        return [(_session(row._mapping), row.preview) for row in rows]

    async def listed(self, session_ids: Collection[int]) -> list[tuple[Session, str | None]]:
        """Returns these sessions of any owner, each with the beginning of its newest message."""
        rows = await self._connection.execute(_listed().where(sessions.c.id.in_(session_ids)))
        return [(_session(row._mapping), row.preview) for row in rows]

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

    async def titles(self, user_id: int) -> list[tuple[int, str]]:
        """Returns id and title of all sessions, last used first."""
        query = select(sessions.c.id, sessions.c.title).where(sessions_open("read", user_id))
        rows = await self._connection.execute(query.order_by(sessions.c.last_used_at.desc(), sessions.c.id.desc()))
        return [(row[0], row[1]) for row in rows]

    async def mark_read(self, session_id: int) -> None:
        await self._changed(update(sessions).where(sessions.c.id == session_id, sessions.c.unread).values(unread=False))
        self._touched.session(session_id)

    async def delete(self, session_id: int) -> None:
        query = delete(sessions).where(sessions.c.id == session_id).returning(sessions.c.user_id)
        if (owner := (await self._connection.execute(query)).scalar()) is not None:
            self._touched.gone(session_id, owner)


def _listed() -> Select[Any]:
    """Returns a query for sessions, each with the beginning of its newest message."""
    preview = func.substr(messages.c.content, 1, PREVIEW_CHARACTERS)
    return select(sessions, preview.label("preview")).outerjoin(messages, messages.c.id == sessions.c.leaf_id)


def _session(row: Mapping[Any, Any]) -> Session:
    stored = row["sampling"]
    return Session(**{name: row[name] for name in _COLUMNS}, **(from_stored(stored, _SHARED) if stored else {}))


def _row(values: dict[str, Any], stored: dict[str, Any]) -> dict[str, Any]:
    """Returns `values` as columns. `stored`: the present settings that share a column; a value of None removes one."""
    shared = _SHARED & values.keys()
    if not shared:
        return values
    settings = stored | {name: msgspec.to_builtins(values[name]) for name in shared}
    settings = {name: value for name, value in settings.items() if value is not None}
    return {name: value for name, value in values.items() if name not in shared} | {"sampling": settings or None}
