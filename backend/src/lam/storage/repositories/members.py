"""The people of shared sessions, the links into them, and the list of what was done.

It must not decide who may do what (`storage/access.py`), nor see the secret of a link, only its hash.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Integer, Select, bindparam, case, column, delete, func, insert, or_, select, update, values

from lam.storage.access import ALLOWED, Role, own, role_in_session, sessions_open
from lam.storage.connection import Connection
from lam.storage.models import AuditEntry, Invitation, Member, Person, Publication, Reaction
from lam.storage.repositories.base import QUICK, Repository, Touched
from lam.storage.schema import audit, invitations, members, publications, reactions, sessions, users

COLOURS: Final = 8
PAIRS: Final = 1000  # of one question: SQLite takes 32 766 parameters
_PERSON: Final = (users.c.id.label("user_id"), users.c.email, users.c.nickname, users.c.scope, members.c.colour)
_INVITATION: Final = tuple(column for column in invitations.c if column.name != "hash")
_PUBLICATION: Final = tuple(column for column in publications.c if column.name not in ("hash", "html"))
_IS_SHARED: Final = select(members.c.user_id).where(members.c.session_id == bindparam("session")).limit(1)
_PEOPLE: Final = (
    select(sessions.c.id, sessions.c.user_id, members.c.user_id.label("member"), members.c.role)
    .outerjoin(members, members.c.session_id == sessions.c.id)
    .order_by(sessions.c.id)
)


class Members(Repository):
    """The members of all sessions. Each method that changes one adds its session to `touched`."""

    def __init__(self, connection: Connection, touched: Touched) -> None:
        super().__init__(connection)
        self._touched = touched

    async def of_session(self, session_id: int) -> list[Member]:
        """Returns the people of a shared session in the order in which they came; nobody for one that is not shared."""
        query = (
            select(*_PERSON, members.c.role, members.c.read_id, members.c.wants_to_steer, members.c.joined_at)
            .join(users, users.c.id == members.c.user_id)
            .where(members.c.session_id == session_id)
        )
        return await self._all(Member, query.order_by(members.c.joined_at, members.c.user_id))

    async def by_own_session(self, user_id: int) -> dict[int, set[int]]:
        """Returns a person's own sessions that are shared, each with its people."""
        query = (
            select(members.c.session_id, members.c.user_id)
            .join(sessions, sessions.c.id == members.c.session_id)
            .where(own(sessions, user_id))
        )
        found: dict[int, set[int]] = {}
        for session_id, person in await self._connection.execute(query):
            found.setdefault(session_id, set()).add(person)
        return found

    async def find(self, session_id: int, user_id: int) -> Member | None:
        return next((one for one in await self.of_session(session_id) if one.user_id == user_id), None)

    async def is_shared(self, session_id: int) -> bool:
        query = _IS_SHARED.execution_options(**QUICK)
        return (await self._connection.execute(query, {"session": session_id})).first() is not None

    async def role(self, session_id: int, user_id: int) -> Role | None:
        """Returns the role of a person in a session, None for none."""
        query = select(role_in_session(user_id)).where(sessions.c.id == session_id)
        role: Role | None = (await self._connection.execute(query)).scalar()
        return role

    async def readers(self, pairs: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
        """Returns those of these sessions, each with a person, that the person may read."""
        found: set[tuple[int, int]] = set()
        rest = list(pairs)
        while rest:
            some, rest = rest[:PAIRS], rest[PAIRS:]
            asked = values(column("session", Integer), column("person", Integer)).data(some).cte("asked")
            query = select(asked.c.session, asked.c.person).join(sessions, sessions.c.id == asked.c.session)
            rows = await self._connection.execute(query.where(sessions_open("read", asked.c.person)))
            found.update((session_id, person) for session_id, person in rows)
        return found

    async def add(self, session_id: int, user_id: int, role: Role, now: datetime) -> None:
        """Adds a member, with the first colour that nobody has, or else the rarest."""
        query = select(members.c.colour).where(members.c.session_id == session_id)
        used = list((await self._connection.execute(query)).scalars())
        colour = min(range(COLOURS), key=lambda one: (used.count(one), one))
        row = {"session_id": session_id, "user_id": user_id, "role": role, "colour": colour}
        await self._connection.execute(insert(members).values(**row, wants_to_steer=False, joined_at=now))
        self._touched.people(session_id)

    async def change(self, session_id: int, user_id: int, **values: Any) -> None:
        await self._changed(update(members).where(*_this(session_id, user_id)).values(**values))
        self._touched.people(session_id)

    async def read(self, session_id: int, user_id: int, message_id: int) -> bool:
        """Notes what a member has read. Returns False when they had read it, or are not a member."""
        newer = or_(members.c.read_id.is_(None), members.c.read_id < message_id)
        query = update(members).where(*_this(session_id, user_id), newer)
        return bool(await self._changed(query.values(read_id=message_id)))

    async def remove(self, session_id: int, user_id: int) -> bool:
        """Returns False when this is no member."""
        if not await self._changed(delete(members).where(*_this(session_id, user_id))):
            return False
        self._touched.person_gone(session_id, user_id)
        return True

    async def people(self, session_ids: Collection[int]) -> dict[int, dict[int, Role]]:
        """Returns everybody who may read these sessions, each with a role."""
        found: dict[int, dict[int, Role]] = {}
        for session_id, owner, member, role in await self._connection.execute(_PEOPLE.where(sessions.c.id.in_(session_ids))):
            people = found.setdefault(session_id, {owner: "owner"})
            if member is not None and member != owner and role in ALLOWED["read"]:
                people[member] = role
        return found

    async def persons(self, session_id: int, ids: Collection[int]) -> dict[int, Person]:
        """Returns these people, in the colours that they have in the session."""
        query = _persons(session_id).where(users.c.id.in_(ids))
        return {row.user_id: Person(**row._mapping) for row in await self._connection.execute(query)}


def _persons(session_id: int) -> Select[Any]:
    mine = (members.c.user_id == users.c.id) & (members.c.session_id == session_id)
    return select(*_PERSON).outerjoin(members, mine)


def _this(session_id: int, user_id: int) -> tuple[Any, ...]:
    return members.c.session_id == session_id, members.c.user_id == user_id


class Invitations(Repository):
    async def add(self, *, secret_hash: str, **values: Any) -> Invitation:
        statement = insert(invitations).values(**values, hash=secret_hash).returning(invitations.c.id)
        return Invitation(id=await self._inserted(statement), **values)

    async def of_session(self, session_id: int) -> list[Invitation]:
        """Returns the session's links, newest first; those that are used up or over, too."""
        query = select(*_INVITATION).where(invitations.c.session_id == session_id)
        return await self._all(Invitation, query.order_by(invitations.c.id.desc()))

    async def find(self, secret_hash: str, now: datetime) -> Invitation | None:
        """Returns a link that still lets somebody in. Changes nothing."""
        return await self._one(Invitation, select(*_INVITATION).where(*_good(secret_hash, now)))

    async def use(self, secret_hash: str, now: datetime) -> Invitation | None:
        """Counts a use and returns the link as it is afterwards; None when it lets nobody in any more."""
        statement = update(invitations).where(*_good(secret_hash, now)).values(uses_left=invitations.c.uses_left - 1)
        return await self._one(Invitation, statement.returning(*_INVITATION))

    async def remove(self, session_id: int, invitation_id: int) -> bool:
        query = delete(invitations).where(invitations.c.id == invitation_id, invitations.c.session_id == session_id)
        return bool(await self._changed(query))

    async def remove_all(self, session_id: int) -> None:
        await self._changed(delete(invitations).where(invitations.c.session_id == session_id))

    async def count(self, session_id: int) -> int:
        query = select(func.count()).where(invitations.c.session_id == session_id)
        return int((await self._connection.execute(query)).scalar_one())

    async def forget_expired(self, now: datetime) -> None:
        await self._changed(delete(invitations).where(or_(invitations.c.expires_at <= now, invitations.c.uses_left <= 0)))


def _good(secret_hash: str, now: datetime) -> tuple[Any, ...]:
    return invitations.c.hash == secret_hash, invitations.c.expires_at > now, invitations.c.uses_left > 0


class Audit(Repository):
    async def add(self, session_id: int, user_id: int, action: str, now: datetime, **detail: Any) -> None:
        row = {"session_id": session_id, "user_id": user_id, "action": action, "detail": detail, "created_at": now}
        await self._connection.execute(insert(audit).values(**row))

    async def of_session(self, session_id: int, most: int) -> Sequence[AuditEntry]:
        """Returns the newest entries, newest first."""
        query = select(audit).where(audit.c.session_id == session_id).order_by(audit.c.id.desc()).limit(most)
        return await self._all(AuditEntry, query)


class Reactions(Repository):
    """Reactions to messages. Each method that changes one adds its session to `touched`."""

    def __init__(self, connection: Connection, touched: Touched) -> None:
        super().__init__(connection)
        self._touched = touched

    async def of_messages(self, message_ids: Collection[int], user_id: int) -> dict[int, list[Reaction]]:
        """Returns the reactions to these messages, the most frequent first. `mine`: of those, the user's."""
        count, mine = func.count(), func.max(case((reactions.c.user_id == user_id, 1), else_=0))
        query = (
            select(reactions.c.message_id, reactions.c.emoji, count, mine)
            .where(reactions.c.message_id.in_(message_ids))
            .group_by(reactions.c.message_id, reactions.c.emoji)
            .order_by(count.desc(), reactions.c.emoji)
        )
        found: dict[int, list[Reaction]] = {}
        for message_id, emoji, number, is_mine in await self._connection.execute(query):
            found.setdefault(message_id, []).append(Reaction(emoji, number, bool(is_mine)))
        return found

    async def count(self, message_id: int, user_id: int) -> int:
        query = select(func.count()).where(reactions.c.message_id == message_id, reactions.c.user_id == user_id)
        return int((await self._connection.execute(query)).scalar_one())

    async def add(self, session_id: int, message_id: int, user_id: int, emoji: str) -> None:
        """Does nothing when it is there already."""
        row = self._insert(reactions).values(message_id=message_id, user_id=user_id, emoji=emoji).on_conflict_do_nothing()
        if await self._changed(row):
            self._touched.session(session_id, messages=True)

    async def remove(self, session_id: int, message_id: int, user_id: int, emoji: str) -> None:
        this = (reactions.c.message_id == message_id, reactions.c.user_id == user_id, reactions.c.emoji == emoji)
        if await self._changed(delete(reactions).where(*this)):
            self._touched.session(session_id, messages=True)


class Publications(Repository):
    async def add(self, *, secret_hash: str, html: str, **values: Any) -> Publication:
        statement = insert(publications).values(**values, hash=secret_hash, html=html).returning(publications.c.id)
        return Publication(id=await self._inserted(statement), **values)

    async def of_session(self, session_id: int) -> list[Publication]:
        """Returns the session's published pages, newest first."""
        query = select(*_PUBLICATION).where(publications.c.session_id == session_id)
        return await self._all(Publication, query.order_by(publications.c.id.desc()))

    async def find(self, secret_hash: str) -> tuple[str, str] | None:
        """Returns the title and the HTML of a page."""
        query = select(publications.c.title, publications.c.html).where(publications.c.hash == secret_hash)
        row = (await self._connection.execute(query)).first()
        return None if row is None else (row.title, row.html)

    async def remove(self, session_id: int, publication_id: int) -> bool:
        this = (publications.c.id == publication_id, publications.c.session_id == session_id)
        return bool(await self._changed(delete(publications).where(*this)))
