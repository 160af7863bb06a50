"""Links into sessions: made, looked at, used and withdrawn. A secret has 128 bits, is shown once, and only its hash is stored.

Looking at a link changes nothing, so that programs which preview links use none up. It must not know HTTP or cookies.
"""

import logging
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from msgspec import Struct

from lam.accounts.guests import Guests
from lam.accounts.tokens import token_hash
from lam.chat.members import Members, join, names_in
from lam.chat.sessions import require_session
from lam.errors import Conflict, Invalid, NotFound, TooManyInvitations
from lam.storage.access import Role
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import Invitation, Session, User
from lam.storage.repositories.users import session_scope

SECRET_BYTES: Final = 16
LASTS: Final = timedelta(days=7)
LONGEST: Final = timedelta(days=365)
USES: Final = 25
MOST_USES: Final = 1000
MOST: Final = 50
"""How many links a session may have."""
GUEST_STAYS: Final = timedelta(days=30)
_GONE: Final = "This link lets nobody in any more; ask for another one."
_RANK: Final[dict[Role, int]] = {"watch": 0, "steer": 1, "owner": 2}

log = logging.getLogger(__name__)


class Look(Struct, frozen=True, kw_only=True):
    """What a link leads to. `by`: who made it."""

    session_id: int
    title: str
    role: Role
    by: str
    expires_at: datetime


class Arrival(Struct, frozen=True, kw_only=True):
    """Somebody came in. `token`: of a new guest, with its scope, until `expires_at`."""

    session_id: int
    role: Role
    token: str | None = None
    scope: str | None = None
    expires_at: datetime | None = None


class Invitations:
    """The links of all sessions."""

    def __init__(self, database: Database, guests: Guests, members: Members, *, secret_key: str) -> None:
        self._database = database
        self._guests = guests
        self._members = members
        self._secret_key = secret_key

    async def add(
        self,
        user_id: int,
        session_id: int,
        role: Literal["steer", "watch"],
        *,
        lasts: timedelta = LASTS,
        uses: int = USES,
    ) -> tuple[str, Invitation]:
        """Makes a link. Returns its secret, which cannot be had again. Raises NotFound, NotAllowed, TooManyInvitations."""
        now, secret = datetime.now(UTC), secrets.token_urlsafe(SECRET_BYTES)
        async with self._database.write() as unit:
            await require_session(unit, session_id, user_id, "invite", lock=True)
            await unit.invitations.forget_expired(now)
            if await unit.invitations.count(session_id) >= MOST:
                raise TooManyInvitations
            made = await unit.invitations.add(
                secret_hash=self._hash(secret),
                session_id=session_id,
                role=role,
                expires_at=now + lasts,
                uses_left=uses,
                created_by=user_id,
                created_at=now,
            )
            await unit.audit.add(session_id, user_id, "invited", now, role=role, uses=uses)
        return secret, made

    async def of_session(self, user_id: int, session_id: int) -> list[Invitation]:
        """Returns the links that still let somebody in, newest first. Raises NotFound, NotAllowed."""
        now = datetime.now(UTC)
        async with self._database.read() as unit:
            await require_session(unit, session_id, user_id, "invite")
            found = await unit.invitations.of_session(session_id)
        return [one for one in found if one.expires_at > now and one.uses_left > 0]

    async def remove(self, user_id: int, session_id: int, invitation_id: int) -> None:
        """Withdraws a link; who came by it stays. Raises NotFound, NotAllowed."""
        async with self._database.write() as unit:
            await require_session(unit, session_id, user_id, "invite", lock=True)
            if not await unit.invitations.remove(session_id, invitation_id):
                raise NotFound("There is no such link.")
            await unit.audit.add(session_id, user_id, "withdrew", datetime.now(UTC))

    async def look(self, secret: str) -> Look:
        """Returns what a link leads to, and changes nothing. Raises NotFound."""
        async with self._database.read() as unit:
            found = await unit.invitations.find(self._hash(secret), datetime.now(UTC))
            if found is None:
                raise NotFound(_GONE)
            session, by = await self._session(unit, found)
        return Look(session_id=session.id, title=session.title, role=found.role, by=by.name, expires_at=found.expires_at)

    async def accept(self, secret: str, user: User | None, nickname: str | None) -> Arrival:
        """Lets somebody in: `user`, a person or a guest of this session, as themselves, everybody else as a guest with this
        nickname. One transaction counts the use and adds the member. Who is there already uses nothing up, unless the link lets
        them do more.

        Raises NotFound, Invalid with the field `nickname`, TooManyMembers.
        """
        now, hashed = datetime.now(UTC), self._hash(secret)
        try:
            async with self._database.write() as unit:
                found = await unit.invitations.find(hashed, now)
                if found is None:
                    raise NotFound(_GONE)
                session, _ = await self._session(unit, found, lock=True)
                if user is not None:
                    role = await unit.members.role(session.id, user.id)
                    if role is not None and _RANK[role] >= _RANK[found.role]:
                        return Arrival(session_id=session.id, role=role)
                else:
                    role = None
                if await unit.invitations.use(hashed, now) is None:
                    raise NotFound(_GONE)
                if user is not None and role is not None:
                    await unit.members.change(session.id, user.id, role=found.role, wants_to_steer=False)
                    await unit.audit.add(session.id, user.id, "joined", now, name=user.name, role=found.role)
                    return Arrival(session_id=session.id, role=found.role)
                token, scope, expires = None, None, None
                if user is None:
                    if nickname is None:
                        raise Invalid("nickname: say who you are, or log in.", field="nickname")
                    scope, expires = session_scope(session.id), now + GUEST_STAYS
                    taken = await names_in(unit, session)
                    user, token = await self._guests.enter(unit, scope, nickname, expires, taken=taken)
                await join(unit, session, user, found.role, now)
        except Conflict as error:
            if type(error) is not Conflict:
                raise
            raise Invalid("nickname: somebody here has this name; take another one.", field="nickname") from error
        log.info("Somebody joined session %d to %s", session.id, found.role)
        return Arrival(session_id=session.id, role=found.role, token=token, scope=scope, expires_at=expires)

    @staticmethod
    async def _session(unit: UnitOfWork, invitation: Invitation, *, lock: bool = False) -> tuple[Session, User]:
        """Returns the session of a link, and who made the link. Raises NotFound when they may not any more."""
        session = await unit.sessions.find(invitation.session_id, invitation.created_by, "invite", lock=lock)
        by = await unit.users.by_id(invitation.created_by)
        if session is None or by is None:
            raise NotFound(_GONE)
        return session, by

    def _hash(self, secret: str) -> str:
        return token_hash(self._secret_key, f"invitation {secret}")
