"""Users and their logins.

It must not see a password or a token, only their hashes.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, bindparam, delete, func, insert, or_, select, update

from lam.storage.access import own
from lam.storage.connection import Connection
from lam.storage.models import ListedUser, Token, User
from lam.storage.repositories.base import QUICK, Repository, Touched
from lam.storage.repositories.media import Media
from lam.storage.repositories.members import Members
from lam.storage.schema import folders, games, lab_runs, runs, sessions, tokens, users

_AT_ONCE: Final = 500
_TOKEN = (tokens.c.id, tokens.c.user_id, tokens.c.created_at, tokens.c.expires_at, tokens.c.last_used_at, tokens.c.device)


def _good(now: Any) -> ColumnElement[bool]:
    return or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > now)


_USER = ("email", "password_hash", "is_admin", "created_at", "nickname", "scope")
_ABOUT = (users.c.id, *(users.c[name] for name in _USER))
_IS_PERSON = users.c.scope.is_(None)
_FIND = (
    select(*_TOKEN, *(users.c[name] for name in _USER))
    .join(users, users.c.id == tokens.c.user_id)
    .where(tokens.c.hash == bindparam("looked_for"), _good(bindparam("now")))
    .execution_options(**QUICK)
)


def session_scope(session_id: int) -> str:
    """Returns the scope of a session's guests."""
    return f"s{session_id}"


class Users(Repository):
    def __init__(self, connection: Connection, touched: Touched) -> None:
        super().__init__(connection)
        self._touched = touched

    async def add(self, email: str, password_hash: str | None, *, is_admin: bool, now: datetime) -> User:
        """Adds an account. Raises Conflict (from the unit of work) when the address is taken."""
        values: dict[str, Any] = {"email": email, "password_hash": password_hash, "is_admin": is_admin, "created_at": now}
        return User(id=await self._inserted(insert(users).values(**values).returning(users.c.id)), **values)

    async def ensure(self, email: str, *, is_admin: bool, now: datetime) -> User:
        """Returns the account with this address. It is added, without a password, where there is none."""
        values = {"email": email, "is_admin": is_admin, "created_at": now}
        await self._changed(self._insert(users).values(**values).on_conflict_do_nothing(index_elements=["email"]))
        found = await self.by_email(email)
        assert found is not None
        return found

    async def by_email(self, email: str) -> User | None:
        """Returns a person's account: a guest has no address that anybody knows."""
        return await self._one(User, select(*_ABOUT).where(users.c.email == email, _IS_PERSON))

    async def by_id(self, user_id: int) -> User | None:
        return await self._one(User, select(*_ABOUT).where(users.c.id == user_id))

    async def add_guest(self, email: str, *, nickname: str, folded: str, scope: str, now: datetime) -> User:
        """Adds a guest. Raises Conflict (from the unit of work) when somebody in this scope has the nickname."""
        values: dict[str, Any] = {"email": email, "password_hash": None, "is_admin": False, "created_at": now}
        values |= {"nickname": nickname, "scope": scope}
        added = await self._inserted(insert(users).values(**values, folded=folded).returning(users.c.id))
        return User(id=added, **values)

    async def has_nickname(self, scope: str, folded: str) -> bool:
        query = select(users.c.id).where(users.c.scope == scope, users.c.folded == folded)
        return (await self._connection.execute(query)).first() is not None

    async def delete_guests(self, scopes: Sequence[str]) -> None:
        """Removes the guests of these scopes with everything that they own; then the pictures that nobody else has."""
        query = select(users.c.id).where(users.c.scope.in_(scopes))
        for guest in (await self._connection.execute(query)).scalars().all():
            await self._remove(guest)

    async def listed(self) -> list[ListedUser]:
        """Returns all accounts of people, oldest first."""
        used = select(func.max(tokens.c.last_used_at)).where(tokens.c.user_id == users.c.id).scalar_subquery()
        count = select(func.count()).where(sessions.c.user_id == users.c.id).scalar_subquery()
        about = (users.c.id, users.c.email, users.c.is_admin, users.c.created_at)
        query = select(*about, used.label("last_used_at"), count.label("sessions")).where(_IS_PERSON)
        return await self._all(ListedUser, query.order_by(users.c.id))

    async def all(self) -> list[User]:
        """Returns all accounts of people, oldest first."""
        return await self._all(User, select(*_ABOUT).where(_IS_PERSON).order_by(users.c.id))

    async def has_password(self, user_id: int, password_hash: str | None) -> bool:
        """Returns whether the account has this password. Nobody else can change it until this unit of work ends."""
        query = select(users.c.password_hash).where(users.c.id == user_id).with_for_update(key_share=True)
        row = (await self._connection.execute(query)).first()
        return row is not None and row.password_hash == password_hash

    async def set_password(self, user_id: int, password_hash: str) -> None:
        await self._changed(update(users).where(users.c.id == user_id).values(password_hash=password_hash))

    async def set_admin(self, user_id: int, *, is_admin: bool) -> None:
        await self._changed(update(users).where(users.c.id == user_id).values(is_admin=is_admin))

    async def delete(self, user_id: int) -> Collection[int]:
        """Removes the account and, through foreign keys, everything it owns; then the guests of its sessions, and the pictures that
        nobody else has. Whoever was in one of its sessions is told. Returns the sessions that others were in."""
        # Whoever sends in one of the sessions, begins a trial or asks for a hint has locked what it belongs to, and then asks for
        # the account with what this first lock lets pass.
        await self._connection.execute(select(users.c.id).where(users.c.id == user_id).with_for_update(key_share=True))
        await self._lock_all(runs, user_id)  # before the sessions, as a run that ends
        await self._lock_all(folders, user_id)  # also before them, as whoever moves one
        scopes = [session_scope(session_id) for session_id in await self._lock_all(sessions, user_id)]
        for table in (lab_runs, games):
            await self._lock_all(table, user_id)
        shared = await Members(self._connection, self._touched).by_own_session(user_id)
        for session_id, people in shared.items():
            self._touched.gone(session_id, people)
        for start in range(0, len(scopes), _AT_ONCE):
            await self.delete_guests(scopes[start : start + _AT_ONCE])
        await self._remove(user_id)
        return shared

    async def _lock_all(self, table: Table, user_id: int) -> Sequence[Any]:
        """Returns the ids of the account's rows."""
        query = select(table.c.id).where(own(table, user_id)).order_by(table.c.id).with_for_update()
        return (await self._connection.execute(query)).scalars().all()

    async def _remove(self, user_id: int) -> None:
        media = Media(self._connection)
        hashes = await media.hashes_of(user_id)
        await self._changed(delete(users).where(users.c.id == user_id))
        await media.forget(hashes)


class Tokens(Repository):
    async def add(
        self, user_id: int, token_hash: str, *, now: datetime, expires_at: datetime | None, device: str | None = None
    ) -> int:
        row = insert(tokens).values(
            user_id=user_id, hash=token_hash, created_at=now, expires_at=expires_at, last_used_at=now, device=device
        )
        return await self._inserted(row.returning(tokens.c.id))

    async def of_user(self, user_id: int, now: datetime) -> list[Token]:
        """Returns the valid tokens, last used first."""
        query = select(*_TOKEN).where(own(tokens, user_id), _good(now))
        return await self._all(Token, query.order_by(tokens.c.last_used_at.desc(), tokens.c.id.desc()))

    async def find(self, token_hash: str, now: datetime) -> tuple[Token, User] | None:
        """Returns the token and its owner in one query; None when it is unknown or expired."""
        row = (await self._connection.execute(_FIND, {"looked_for": token_hash, "now": now})).first()
        if row is None:
            return None
        token = Token(**dict(zip(Token.__struct_fields__, row, strict=False)))
        return token, User(id=token.user_id, **dict(zip(_USER, row[len(_TOKEN) :], strict=True)))

    async def good(self, token_ids: Collection[int], now: datetime) -> set[int]:
        """Returns those of the tokens that are still valid."""
        query = select(tokens.c.id).where(tokens.c.id.in_(token_ids), _good(now))
        return set((await self._connection.execute(query)).scalars())

    async def touch(self, token_id: int, now: datetime) -> None:
        await self._changed(update(tokens).where(tokens.c.id == token_id).values(last_used_at=now))

    async def revoke(self, token_id: int) -> None:
        await self._changed(delete(tokens).where(tokens.c.id == token_id))

    async def revoke_hash(self, token_hash: str) -> None:
        """Revokes a token of any user, but never one without expiry, which a file on this machine holds."""
        await self._changed(delete(tokens).where(tokens.c.hash == token_hash, tokens.c.expires_at.is_not(None)))

    async def keep_newest(self, user_id: int, most: int) -> None:
        """Revokes the tokens beyond `most`, longest unused first; never one without expiry."""
        mine = select(tokens.c.id).where(own(tokens, user_id), tokens.c.expires_at.is_not(None))
        kept = mine.order_by(tokens.c.last_used_at.desc(), tokens.c.id.desc()).limit(most)
        await self._changed(delete(tokens).where(own(tokens, user_id), tokens.c.expires_at.is_not(None), tokens.c.id.not_in(kept)))

    async def revoke_owned(self, token_id: int, user_id: int) -> bool:
        """Revokes a token. Returns False when it is not this user's."""
        return bool(await self._changed(delete(tokens).where(tokens.c.id == token_id, own(tokens, user_id))))

    async def revoke_all(self, user_id: int, *, but: int | None = None) -> None:
        query = delete(tokens).where(own(tokens, user_id))
        await self._changed(query if but is None else query.where(tokens.c.id != but))

    async def forget_expired(self, now: datetime) -> None:
        await self._changed(delete(tokens).where(~_good(now)))
