"""Keys of programs. It must not see a secret, only its hash."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, insert, or_, select, update

from lam.storage.access import own
from lam.storage.models import Key, User
from lam.storage.repositories.base import QUICK, Repository
from lam.storage.schema import keys, users

_KEY = tuple(column for column in keys.c if column.name != "hash")
_USER = (users.c.email, users.c.password_hash, users.c.is_admin, users.c.created_at.label("user_created_at"))


def _good(now: Any) -> ColumnElement[bool]:
    return and_(keys.c.revoked_at.is_(None), or_(keys.c.expires_at.is_(None), keys.c.expires_at > now))


_FIND = (
    select(*_KEY, *_USER)
    .join(users, users.c.id == keys.c.user_id)
    .where(keys.c.hash == bindparam("looked_for"), _good(bindparam("now")))
    .execution_options(**QUICK)
)


class Keys(Repository):
    async def add(self, *, key_hash: str, **values: Any) -> Key:
        statement = insert(keys).values(**values, hash=key_hash).returning(keys.c.id)
        return Key(id=await self._inserted(statement), last_used_at=None, revoked_at=None, **values)

    async def find(self, key_hash: str, now: datetime) -> tuple[Key, User] | None:
        """Returns the key and its owner in one query; None when it is unknown, expired or revoked."""
        row = (await self._connection.execute(_FIND, {"looked_for": key_hash, "now": now})).first()
        if row is None:
            return None
        key = Key(**dict(zip(Key.__struct_fields__, row, strict=False)))
        email, password_hash, is_admin, created_at = row[len(_KEY) :]
        user = User(id=key.user_id, email=email, password_hash=password_hash, is_admin=is_admin, created_at=created_at)
        return key, user

    async def by_id(self, key_id: int) -> Key | None:
        return await self._one(Key, select(*_KEY).where(keys.c.id == key_id, keys.c.revoked_at.is_(None)))

    async def good(self, key_ids: Collection[int], now: datetime) -> set[int]:
        """Returns those of these keys that are neither revoked nor expired."""
        return set((await self._connection.execute(select(keys.c.id).where(keys.c.id.in_(key_ids), _good(now)))).scalars())

    async def of_user(self, user_id: int) -> list[Key]:
        """Returns the keys that are not revoked, newest first; those that have expired, too."""
        return await self._all(Key, _kept().where(own(keys, user_id)))

    async def all(self) -> list[Key]:
        """Returns everybody's keys that are not revoked, newest first."""
        return await self._all(Key, _kept())

    async def count(self, user_id: int) -> int:
        query = select(func.count()).where(own(keys, user_id), keys.c.revoked_at.is_(None))
        return int((await self._connection.execute(query)).scalar_one())

    async def touch(self, key_id: int, now: datetime) -> None:
        await self._changed(update(keys).where(keys.c.id == key_id).values(last_used_at=now))

    async def revoke(self, key_id: int, user_id: int | None, now: datetime) -> bool:
        """Revokes a key, of this user or of anybody. Returns False when there is none. A key that was never used is deleted; a used
        one stays for the figures."""
        this = and_(keys.c.id == key_id, keys.c.revoked_at.is_(None))
        if user_id is not None:
            this = and_(this, own(keys, user_id))
        if await self._changed(delete(keys).where(this, keys.c.last_used_at.is_(None))):
            return True
        return bool(await self._changed(update(keys).where(this).values(revoked_at=now)))


def _kept() -> Any:
    return select(*_KEY).where(keys.c.revoked_at.is_(None)).order_by(keys.c.id.desc())
