"""Messages that wait for the reply before them.

It must not decide when one is sent.
"""

from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import RowMapping, bindparam, delete, func, insert, select, update

from lam.protocol.parts import Parts, from_stored, older_parts, to_stored, written_form
from lam.storage.connection import Connection
from lam.storage.models import Hold, WaitingMessage
from lam.storage.repositories.base import QUICK, Repository, Touched
from lam.storage.repositories.media import show
from lam.storage.schema import sessions, waiting_media, waiting_messages

_FIRST: Final = (
    select(waiting_messages, sessions.c.user_id)
    .join(sessions, sessions.c.id == waiting_messages.c.session_id)
    .where(waiting_messages.c.session_id == bindparam("session"))
    .order_by(waiting_messages.c.id)
    .limit(1)
    .execution_options(**QUICK)
)


class Waiting(Repository):
    """The waiting messages of all sessions. Each method that changes one adds its session to `touched`."""

    def __init__(self, connection: Connection, touched: Touched) -> None:
        super().__init__(connection)
        self._touched = touched

    async def add(
        self, session_id: int, author: int, parts: Parts, request_id: str | None, held: Hold | None, now: datetime
    ) -> int:
        row = {"session_id": session_id, "request_id": request_id, "held": _stored(held), "editing": False, "created_at": now}
        row |= {"author_id": author}
        self._touched.session(session_id, messages=True)
        statement = insert(waiting_messages).values(**row, **_columns(parts)).returning(waiting_messages.c.id)
        added = await self._inserted(statement)
        await show(self._connection, waiting_media, [(added, parts)])
        return added

    async def of_session(self, session_id: int) -> list[WaitingMessage]:
        """Returns the session's waiting messages, first one first."""
        query = select(waiting_messages).where(waiting_messages.c.session_id == session_id).order_by(waiting_messages.c.id)
        return [_value(row._mapping) for row in await self._connection.execute(query)]

    async def find(self, session_id: int, waiting_id: int) -> WaitingMessage | None:
        row = (await self._connection.execute(select(waiting_messages).where(*_this(session_id, waiting_id)))).first()
        return None if row is None else _value(row._mapping)

    async def first(self, session_id: int) -> tuple[WaitingMessage, int] | None:
        """Returns the message whose turn is next, with its author."""
        row = (await self._connection.execute(_FIRST, {"session": session_id})).first()
        return None if row is None else (_value(row._mapping), row.author_id or row.user_id)

    async def change(self, session_id: int, waiting_id: int, *, parts: Parts, held: Hold | None, editing: bool) -> None:
        values = {"held": _stored(held), "editing": editing, **_columns(parts)}
        await self._changed(update(waiting_messages).where(*_this(session_id, waiting_id)).values(**values))
        await self._changed(delete(waiting_media).where(waiting_media.c.waiting_id == waiting_id))
        await show(self._connection, waiting_media, [(waiting_id, parts)])
        self._touched.session(session_id, messages=True)

    async def take(self, session_id: int, waiting_id: int) -> WaitingMessage | None:
        """Removes a message and returns it; None when it does not wait any more."""
        statement = delete(waiting_messages).where(*_this(session_id, waiting_id)).returning(*waiting_messages.c)
        row = (await self._connection.execute(statement)).first()
        if row is None:
            return None
        self._touched.session(session_id, messages=True)
        return _value(row._mapping)

    async def hold(self, session_id: int, held: Hold | None, waiting_id: int | None = None) -> None:
        """Holds the session's messages, or one of them; None lets them go."""
        mine = (waiting_messages.c.session_id == session_id,) if waiting_id is None else _this(session_id, waiting_id)
        if await self._changed(update(waiting_messages).where(*mine).values(held=_stored(held))):
            self._touched.session(session_id, messages=True)

    async def sessions_with_next(self) -> list[int]:
        """Returns the sessions that have messages which are not held."""
        query = select(waiting_messages.c.session_id).where(waiting_messages.c.held.is_(None)).distinct()
        return list((await self._connection.execute(query)).scalars())

    async def count(self, session_id: int) -> int:
        query = select(func.count()).where(waiting_messages.c.session_id == session_id)
        return int((await self._connection.execute(query)).scalar_one())

    async def sign(self, session_id: int, author: int) -> None:
        """Writes the author on the messages that have none, because they were the owner's."""
        mine = (waiting_messages.c.session_id == session_id, waiting_messages.c.author_id.is_(None))
        await self._changed(update(waiting_messages).where(*mine).values(author_id=author))

    async def delete_all(self, session_id: int) -> None:
        await self._changed(delete(waiting_messages).where(waiting_messages.c.session_id == session_id))


def _this(session_id: int, waiting_id: int) -> tuple[Any, ...]:
    return waiting_messages.c.id == waiting_id, waiting_messages.c.session_id == session_id


def _columns(parts: Parts) -> dict[str, Any]:
    return {"content": written_form(parts), "parts": to_stored(parts)}


def _stored(held: Hold | None) -> Any:
    return None if held is None else msgspec.to_builtins(held)


def _value(row: RowMapping) -> WaitingMessage:
    stored, held = row["parts"], row["held"]
    return WaitingMessage(
        id=row["id"],
        session_id=row["session_id"],
        parts=older_parts("user", row["content"]) if stored is None else from_stored(stored),
        request_id=row["request_id"],
        held=None if held is None else msgspec.convert(held, Hold),
        editing=row["editing"],
        created_at=row["created_at"],
        author_id=row["author_id"],
    )
