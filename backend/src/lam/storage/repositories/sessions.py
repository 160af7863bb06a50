"""Sessions, always asked for together with their owner."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from lam.storage.models import Session
from lam.storage.repositories.base import Repository
from lam.storage.schema import messages, sessions

PREVIEW_CHARACTERS = 180


class Sessions(Repository):
    async def add(self, **values: Any) -> Session:
        return Session(id=await self._inserted(insert(sessions).values(**values).returning(sessions.c.id)), **values)

    async def owned(self, session_id: int, user_id: int) -> Session | None:
        return await self._one(Session, select(sessions).where(sessions.c.id == session_id, sessions.c.user_id == user_id))

    async def newest(self, user_id: int) -> list[tuple[Session, str | None]]:
        """The user's sessions, the last used first, each with the beginning of its newest message."""
        preview = func.substr(messages.c.content, 1, PREVIEW_CHARACTERS)
        query = (
            select(sessions, preview.label("preview"))
            .outerjoin(messages, messages.c.id == sessions.c.leaf_id)
            .where(sessions.c.user_id == user_id)
            .order_by(sessions.c.last_used_at.desc(), sessions.c.id.desc())
        )
        rows = await self._connection.execute(query)
        return [(Session(*row[:-1]), row[-1]) for row in rows]

    async def change(self, session_id: int, **values: Any) -> None:
        await self._changed(update(sessions).where(sessions.c.id == session_id).values(**values))

    async def sent(self, session_id: int, leaf_id: int, now: datetime, **values: Any) -> None:
        """Two messages more: a turn of the user and the reply that begins."""
        count = sessions.c.message_count + 2
        await self.change(session_id, message_count=count, leaf_id=leaf_id, last_used_at=now, **values)

    async def mark_read(self, session_id: int) -> None:
        await self._changed(update(sessions).where(sessions.c.id == session_id, sessions.c.unread).values(unread=False))

    async def delete(self, session_id: int) -> None:
        await self._changed(delete(sessions).where(sessions.c.id == session_id))
