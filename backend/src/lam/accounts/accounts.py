"""Accounts: register, log in and out, change the password, delete; and the local account of this machine."""

from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from msgspec import Struct

from lam.accounts.passwords import Passwords
from lam.accounts.throttle import LoginThrottle
from lam.accounts.tokens import new_token, token_hash
from lam.errors import Conflict, Forbidden, Invalid, NotFound, StorageUnavailable, Unauthorized
from lam.protocol.text import valid
from lam.storage.database import Database
from lam.storage.models import Token, User

TOKEN_DAYS: Final = 30
TOUCH_AFTER: Final = timedelta(minutes=10)
LOCAL_EMAIL: Final = "local"
DEVICE_CHARACTERS: Final = 200


class Identity(Struct, frozen=True):
    """Who a request is from, and by which token."""

    user: User
    token_id: int


class Login(Struct, frozen=True):
    access_token: str
    expires_at: datetime


class Accounts:
    """`end_runs(user_id)` is called before an account's rows go: a running reply is stopped first."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        throttle: LoginThrottle,
        *,
        secret_key: str,
        registration: Literal["open", "closed"],
        end_runs: Callable[[int], Awaitable[None]],
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._throttle = throttle
        self._secret_key = secret_key
        self._registration = registration
        self._end_runs = end_runs

    async def register(self, email: str, password: str) -> User:
        """Raises Forbidden where registration is closed, Conflict where the address is taken."""
        if self._registration != "open":
            raise Forbidden("Registration is closed here; ask whoever runs this gateway for an account.")
        return await add_user(self._database, self._passwords, email, password)

    async def log_in(self, email: str, password: str, address: str, device: str | None = None) -> Login:
        """`device`: what the program says it is, for its owner's list. Raises Unauthorized, TooManyAttempts."""
        email = normal_email(email)
        async with self._throttle.attempt(f"account {email}", f"address {address}") as note:
            async with self._database.read() as unit:
                user = await unit.users.by_email(email)
            good = await self._passwords.verify(user.password_hash if user else None, password)
            note(good)
        if user is None or not good:
            raise Unauthorized("The address or the password is wrong.")
        token, now = new_token(), _now()
        expires_at = now + timedelta(days=TOKEN_DAYS)
        async with self._database.write() as unit:
            await unit.tokens.forget_expired(now)
            hashed, device = token_hash(self._secret_key, token), valid(device)[:DEVICE_CHARACTERS] if device else None
            await unit.tokens.add(user.id, hashed, now=now, expires_at=expires_at, device=device)
        return Login(token, expires_at)

    async def identify(self, token: str) -> Identity:
        """Whose token this is. Raises Unauthorized. Its unit of work is closed when this returns."""
        now, hashed = _now(), token_hash(self._secret_key, token)
        async with self._database.read() as unit:
            found = await unit.tokens.find(hashed, now)
        if found is None:
            raise Unauthorized
        known, user = found
        if now - known.last_used_at > TOUCH_AFTER:
            with suppress(StorageUnavailable):  # a note for later; no reason to refuse anybody
                async with self._database.write() as unit:
                    await unit.tokens.touch(known.id, now)
        return Identity(user, known.id)

    async def still_good(self, token_ids: Collection[int]) -> set[int]:
        async with self._database.read() as unit:
            return await unit.tokens.good(token_ids, _now())

    async def tokens(self, identity: Identity) -> list[Token]:
        """Where the account is logged in, the last used first."""
        async with self._database.read() as unit:
            return await unit.tokens.of_user(identity.user.id, _now())

    async def revoke(self, identity: Identity, token_id: int) -> None:
        """Ends one of the account's logins. Raises NotFound."""
        async with self._database.write() as unit:
            if not await unit.tokens.revoke_owned(token_id, identity.user.id):
                raise NotFound("There is no such login.")

    async def log_out(self, identity: Identity) -> None:
        async with self._database.write() as unit:
            await unit.tokens.revoke(identity.token_id)

    async def change_password(self, identity: Identity, current: str, new: str) -> None:
        """Ends every other login of the account. Raises Forbidden where the current password is wrong."""
        user = identity.user
        async with self._throttle.attempt(f"account {user.email}", f"user {user.id}") as note:
            good = await self._passwords.verify(user.password_hash, current)
            note(good)
        if not good:
            raise Forbidden("The current password is wrong.")
        hashed = await self._passwords.hash(new)
        async with self._database.write() as unit:
            await unit.users.set_password(identity.user.id, hashed)
            await unit.tokens.revoke_all(identity.user.id, but=identity.token_id)

    async def delete(self, identity: Identity) -> None:
        """Removes the account with everything in it."""
        if identity.user.email == LOCAL_EMAIL:
            raise Forbidden("The local account belongs to this machine and cannot be deleted.")
        await self._end_runs(identity.user.id)
        async with self._database.write() as unit:
            await unit.users.delete(identity.user.id)
        await self._end_runs(identity.user.id)

    async def local_token(self, kept: str | None) -> str:
        """The token of the local account, the admin of this machine: the one that was kept if it is still good, else a new one."""
        now = _now()
        async with self._database.write() as unit:
            user = await unit.users.by_email(LOCAL_EMAIL)
            if user is None:
                user = await unit.users.add(LOCAL_EMAIL, None, is_admin=True, now=now)
            if kept:
                found = await unit.tokens.find(token_hash(self._secret_key, kept), now)
                if found and found[1].id == user.id:
                    return kept
            token = new_token()
            await unit.tokens.revoke_all(user.id)
            await unit.tokens.add(user.id, token_hash(self._secret_key, token), now=now, expires_at=None)
        return token


async def add_user(database: Database, passwords: Passwords, email: str, password: str) -> User:
    """A new account without rights. Raises Invalid, Conflict."""
    email = normal_email(email)
    hashed = await passwords.hash(password)
    try:
        async with database.write() as unit:
            return await unit.users.add(email, hashed, is_admin=False, now=_now())
    except Conflict as error:
        raise Conflict("There is already an account with this address.") from error


async def find_user(database: Database, email: str) -> User:
    """Raises NotFound."""
    async with database.read() as unit:
        user = await unit.users.by_email(normal_email(email) if email != LOCAL_EMAIL else email)
    if user is None:
        raise NotFound(f"There is no account {email}.")
    return user


def normal_email(email: str) -> str:
    """The address as it is kept: one @ with something on both sides, no white space, in lower case. Raises Invalid."""
    name, at, host = email.strip().lower().rpartition("@")
    if not name or not at or not host or any(c.isspace() or not c.isprintable() for c in name + host) or len(email) > 254:
        raise Invalid("This is not an e-mail address.")
    return f"{name}@{host}"


def _now() -> datetime:
    return datetime.now(UTC)
