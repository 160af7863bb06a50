"""A session as JSON, in the same form for answers and events.

It must not know who reads it.
"""

from collections.abc import Collection

import msgspec

from lam.api.schemas.sessions import ListedSession, SessionAnswer
from lam.chat.changes import Described
from lam.chat.sessions import Sessions
from lam.storage.models import Session


def session_answer(session: Session, sessions: Sessions) -> SessionAnswer:
    fields = msgspec.structs.asdict(session) | {"active_message_id": session.leaf_id}
    return SessionAnswer(**fields, running=sessions.running(session.id) is not None)


def listed_session(session: Session, preview: str | None, sessions: Sessions) -> ListedSession:
    return ListedSession(**session_answer(session, sessions).model_dump(), last_message_preview=preview)


class Listed:
    """Describes sessions for `Changes`."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def __call__(self, session_ids: Collection[int]) -> list[Described]:
        return [
            Described(session.user_id, session.id, listed_session(session, preview, self._sessions).model_dump(mode="json"))
            for session, preview in await self._sessions.listed(session_ids)
        ]
