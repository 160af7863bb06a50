"""The people of sessions: who they are, what they may see, and how they come to another role, leave, or hand a session over.

It must not know HTTP, nor how somebody comes in (`invitations.py`).
"""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

from msgspec import Struct

from lam.chat.sessions import Sessions, require_room, require_session
from lam.errors import Conflict, Invalid, NotFound, TooManyMembers
from lam.storage.access import Role
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import AuditEntry, Member, Person, Session, User

MOST: Final = 100
"""How many people a session may have."""
MOST_ENTRIES: Final = 500  # of the list of what was done
Thing = Literal["session_id", "stream_id", "message_id", "media_id", "room_id", "game_id"]


class Entry(Struct, frozen=True):
    """What somebody did. `by`: their name, None when the account is gone."""

    entry: AuditEntry
    by: str | None


Tell = Callable[[int, dict[str, Any], int | None], None]


class Members:
    """The people of all sessions."""

    def __init__(self, database: Database, tell: Tell, sessions: Sessions, *, most_sessions: int) -> None:
        """`tell(session_id, event, but)`: tells the people of a session, except the person `but`. `most_sessions`: how many a
        person may own."""
        self._database = database
        self._tell = tell
        self._sessions = sessions
        self._most_sessions = most_sessions

    async def sees(self, user_id: int, thing: Thing, name: str) -> bool:
        """Returns whether a person may see a session, stream, message, picture, room or game. `name`: as a path has it."""
        is_number = name.isascii() and name.isdigit() and len(name) < 11
        async with self._database.read() as unit:
            if thing == "stream_id":
                reply = await unit.messages.by_stream(name, user_id, "read")
                return reply is not None or await unit.games.hint_by_stream(name, user_id, "read") is not None
            if thing == "media_id":
                return await unit.media.find(name, user_id) is not None
            if not is_number:
                return False
            if thing == "room_id":
                return await unit.rooms.find(int(name), user_id, "read") is not None
            if thing == "game_id":
                return await unit.games.find(int(name), user_id, "read") is not None
            if thing == "message_id":
                return await unit.messages.find(int(name), user_id, "read") is not None
            return await unit.members.role(int(name), user_id) is not None

    async def of_session(self, user_id: int, session_id: int) -> list[Member]:
        """Returns the session's people in the order in which they came; its owner alone where it is not shared. Raises NotFound."""
        async with self._database.read() as unit:
            session = await require_session(unit, session_id, user_id, "read")
            found = await unit.members.of_session(session_id)
            if not found:
                owner = await unit.users.by_id(session.user_id)
                found = [_alone(owner, session)] if owner is not None else []
        return found

    async def change_role(self, user_id: int, session_id: int, other: int, role: Role) -> None:
        """Lets a member steer or watch. Raises NotFound, NotAllowed, Conflict."""
        async with self._database.write() as unit:
            await require_session(unit, session_id, user_id, "invite", lock=True)
            member = await _another(unit, session_id, other)
            if member.role != role or member.wants_to_steer:
                await unit.members.change(session_id, other, role=role, wants_to_steer=False)
                await unit.audit.add(session_id, user_id, "role", _now(), name=member.name, role=role)

    async def remove(self, user_id: int, session_id: int, other: int) -> None:
        """Removes a member; everybody may remove themselves. A guest's token ends. Raises NotFound, NotAllowed, Conflict."""
        async with self._database.write() as unit:
            action: Literal["read", "invite"] = "read" if other == user_id else "invite"
            await require_session(unit, session_id, user_id, action, lock=True)
            member = await _another(unit, session_id, other)
            await unit.members.remove(session_id, other)
            if member.scope is not None:
                await unit.tokens.revoke_all(other)
            await unit.audit.add(session_id, user_id, "left" if other == user_id else "removed", _now(), name=member.name)

    async def give(self, user_id: int, session_id: int, other: int) -> None:
        """Makes a member the session's owner; the former one steers, and their links are withdrawn. Raises NotFound, NotAllowed,
        Conflict, Invalid for a guest, TooManySessions."""
        async with self._database.write() as unit:
            session = await require_session(unit, session_id, user_id, "give", lock=True)
            member = await _another(unit, session_id, other)
            if member.scope is not None:
                raise Invalid("A guest has no account that a session could belong to.")
            await require_room(unit, other, self._most_sessions)
            await unit.messages.sign(session_id, session.user_id)
            await unit.waiting.sign(session_id, session.user_id)
            await unit.invitations.remove_all(session_id)
            await unit.sessions.give(session_id, other)
            await unit.members.change(session_id, session.user_id, role="steer")
            await unit.members.change(session_id, other, role="owner", wants_to_steer=False)
            await unit.audit.add(session_id, user_id, "owner", _now(), name=member.name)

    async def ask(self, user_id: int, session_id: int) -> None:
        """Notes that somebody who watches would like to steer. Raises NotFound, Conflict for who does."""
        async with self._database.write() as unit:
            session = await require_session(unit, session_id, user_id, "ask", lock=True)
            if session.role != "watch":
                raise Conflict("You may send messages here already.")
            await unit.members.change(session_id, user_id, wants_to_steer=True)

    async def typing(self, user_id: int, session_id: int) -> None:
        """Tells the others that somebody writes. Raises NotFound, NotAllowed."""
        async with self._database.read() as unit:
            await require_session(unit, session_id, user_id, "send")
        self._tell(session_id, {"type": "typing", "user_id": user_id}, user_id)

    async def reading(self, user_id: int, session_id: int, message_id: int) -> None:
        """Notes what somebody has read, and tells the others. Raises NotFound, Invalid."""
        async with self._database.read() as unit:
            await require_session(unit, session_id, user_id, "read")
            if await unit.messages.in_session(message_id, session_id) is None:
                raise Invalid(f"message_id: message {message_id} is not in this session.")
            member = await unit.members.find(session_id, user_id)
        if member is None or (member.read_id or 0) >= message_id:
            return
        async with self._database.write() as unit:
            is_new = await unit.members.read(session_id, user_id, message_id)
        if is_new:
            event = {"type": "reading", "user_id": user_id, "message_id": message_id}
            self._tell(session_id, event, user_id)

    async def follow_me(self, user_id: int, session_id: int, message_id: int) -> None:
        """Switches everybody to the branch with this message. Raises NotFound, NotAllowed, Invalid."""
        await self._sessions.change(user_id, session_id, {"active_message_id": message_id})
        self._tell(session_id, {"type": "follow", "message_id": message_id, "user_id": user_id}, None)

    async def audit(self, user_id: int, session_id: int) -> list[Entry]:
        """Returns what was done, newest first. Raises NotFound, NotAllowed."""
        async with self._database.read() as unit:
            await require_session(unit, session_id, user_id, "invite")
            entries = await unit.audit.of_session(session_id, MOST_ENTRIES)
            people = await unit.members.persons(session_id, {one.user_id for one in entries if one.user_id is not None})
        names = {person.user_id: person.name for person in people.values()}
        return [Entry(one, names.get(one.user_id or 0)) for one in entries]


async def join(unit: UnitOfWork, session: Session, user: User, role: Role, now: datetime) -> None:
    """Adds a member, and with the first one the owner's own row. Raises TooManyMembers."""
    people = await unit.members.of_session(session.id)
    if len(people) >= MOST:
        raise TooManyMembers
    if not people:
        await unit.members.add(session.id, session.user_id, "owner", now)
    await unit.members.add(session.id, user.id, role, now)
    await unit.audit.add(session.id, user.id, "joined", now, name=user.name, role=role)


async def names_in(unit: UnitOfWork, session: Session) -> list[str]:
    """Returns the names that people of the session have, and their addresses: no guest may take one."""
    people: Sequence[Person] = await unit.members.of_session(session.id)
    owner = await unit.users.by_id(session.user_id)
    names = [name for person in people for name in (person.name, *([person.email] if person.scope is None else []))]
    return names if owner is None else [*names, owner.name, owner.email]


async def authors(unit: UnitOfWork, session: Session, ids: Collection[int | None]) -> dict[int | None, Person]:
    """Returns the people behind `author_id`s of the session's turns. None: its owner."""
    wanted = {session.user_id if one is None else one for one in ids}
    people = await unit.members.persons(session.id, wanted) if wanted else {}
    return {one: people[session.user_id if one is None else one] for one in ids if (one or session.user_id) in people}


async def _another(unit: UnitOfWork, session_id: int, user_id: int) -> Member:
    """Returns a member who is not the owner. Raises NotFound, Conflict."""
    member = await unit.members.find(session_id, user_id)
    if member is None:
        if await unit.members.role(session_id, user_id) == "owner":
            raise Conflict(_OWNER_STAYS)
        raise NotFound("There is no such member.")
    if member.role == "owner":
        raise Conflict(_OWNER_STAYS)
    return member


_OWNER_STAYS: Final = "This is the session's owner; hand the session over first, or delete it."


def _alone(owner: User, session: Session) -> Member:
    about: dict[str, Any] = {"user_id": owner.id, "email": owner.email, "nickname": owner.nickname, "scope": owner.scope}
    return Member(**about, colour=0, role="owner", read_id=None, wants_to_steer=False, joined_at=session.created_at)


def _now() -> datetime:
    return datetime.now(UTC)
