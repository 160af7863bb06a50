"""A session or a folder as JSON, in the same form for answers and events; and the place of a session in the list.

It must not know who reads it.
"""

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import msgspec
import regex

from lam.api.schemas.base import MAX_ID, AuthorAnswer
from lam.api.schemas.folders import FolderAnswer
from lam.api.schemas.sessions import ListedSession, SessionAnswer
from lam.chat.changes import Changes, Described
from lam.chat.sessions import Sessions, in_role
from lam.errors import Invalid
from lam.storage.access import Role
from lam.storage.models import Folder, Person, Session
from lam.storage.repositories.base import Touched
from lam.storage.repositories.members import COLOURS

LONGEST_INITIALS: Final = 12  # code points, of up to two characters
_BETWEEN: Final = re.compile(r"[\s._+-]+")
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_CURSOR: Final = re.compile("[0-9a-f]{23}")
# In a room, the roles are named by those that may do as much.
_NAMED: Final[dict[Role, Role]] = {"participant": "steer", "host": "watch", "fellow": "watch"}
_NO_CURSOR: Final = "before: this is no cursor; take the `cursor` of a listed session."


def session_answer(session: Session, sessions: Sessions) -> SessionAnswer:
    fields = msgspec.structs.asdict(in_role(session, session.role)) | {"active_message_id": session.leaf_id}
    fields["role"] = _NAMED.get(session.role, session.role)
    return SessionAnswer(**fields, running=sessions.running(session.id) is not None)


def listed_session(session: Session, preview: str | None, sessions: Sessions) -> ListedSession:
    answer = session_answer(session, sessions).model_dump()
    return ListedSession(**answer, last_message_preview=preview, cursor=cursor_of(session), is_shared=session.is_shared)


def author_answer(person: Person | None) -> AuthorAnswer | None:
    if person is None:
        return None
    colour = person.user_id % COLOURS if person.colour is None else person.colour
    return AuthorAnswer(user_id=person.user_id, name=person.name, colour=colour, initials=initials(person.name))


def initials(name: str) -> str:
    """Returns the first characters, as people see them, of the first and the last word of a name."""
    words = [word for word in _BETWEEN.split(name) if word] or [name]
    first = [regex.match(r"\X", word) for word in (words[:1] + words[1:][-1:])]
    return "".join(match[0] for match in first if match is not None).upper()[:LONGEST_INITIALS]


def cursor_of(session: Session) -> str:
    """Returns the place of a session in the list. It stays a place when the session is used again, or deleted."""
    microseconds = (session.last_used_at - _FIRST) // timedelta(microseconds=1)
    return f"{microseconds:015x}{session.id:08x}"


def place_of(cursor: str) -> tuple[datetime, int]:
    """Returns the time of the last use and the id in a cursor. Raises Invalid."""
    if not _CURSOR.fullmatch(cursor):
        raise Invalid(_NO_CURSOR)
    try:
        return _FIRST + timedelta(microseconds=int(cursor[:15], 16)), min(int(cursor[15:], 16), MAX_ID)
    except OverflowError as error:
        raise Invalid(_NO_CURSOR) from error


def folder_answer(folder: Folder) -> FolderAnswer:
    return FolderAnswer.model_validate(folder)


def report(changes: Changes, touched: Touched) -> None:
    """Reports to `Changes` what a unit of work changed."""
    changes.sessions_touched(touched.sessions, touched.removed)
    for session_id, person in touched.removed_people:
        changes.person_removed(session_id, person)
    for session_id in touched.shared:
        changes.in_session(session_id, {"type": "members"})
    for folder in touched.folders.values():
        changes.list_changed(folder.user_id, {"type": "folder", "folder": folder_answer(folder).model_dump(mode="json")})
    for folder_id, owner in touched.removed_folders.items():
        changes.list_changed(owner, {"type": "folder_deleted", "folder_id": folder_id})


class Listed:
    """Describes sessions for `Changes`."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def __call__(self, session_ids: Collection[int]) -> list[Described]:
        people = await self._sessions.people(session_ids)
        return [
            Described(session.id, people.get(session.id, {}), partial(self._listed, session, preview))
            for session, preview in await self._sessions.listed(session_ids)
        ]

    def _listed(self, session: Session, preview: str | None, role: Role) -> dict[str, Any]:
        if role == "owner" and session.room_id is not None:
            role = "participant"
        return listed_session(msgspec.structs.replace(session, role=role), preview, self._sessions).model_dump(mode="json")
