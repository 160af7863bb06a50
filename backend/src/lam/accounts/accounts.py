"""Accounts: register, log in and out, change the password, delete; and the local account of this machine.

It owns the order of checks. It must not know cookies or headers.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, Literal

from msgspec import Struct

from lam.accounts.devices import Device, is_of, new_device, signed_device
from lam.accounts.passwords import Passwords
from lam.accounts.throttle import Budgets, network_of
from lam.accounts.tokens import new_token, token_hash
from lam.errors import Conflict, Forbidden, Invalid, NotFound, StorageUnavailable, Unauthorized
from lam.protocol.text import valid
from lam.storage.contention import repeat_contended
from lam.storage.database import Database
from lam.storage.models import Token, User

TOKEN_DAYS: Final = 30
TOKENS_OF_USER: Final = 100  # beyond this number the longest unused are revoked
TOUCH_AFTER: Final = timedelta(minutes=10)
RECENT_SECONDS: Final = 60  # that a login is known without the database
RECENT_TOKENS: Final = 1000
LOCAL_EMAIL: Final = "local"
PROGRAM_CHARACTERS: Final = 200
WRONG: Final = "The address or the password is wrong."
WRONG_CURRENT: Final = "The current password is wrong."
WRONG_TO_DELETE: Final = "The password is wrong; nothing was deleted."

log = logging.getLogger(__name__)


class Identity(Struct, frozen=True):
    """The person behind a request, and the token used."""

    user: User
    token_id: int


class Browser(Struct, frozen=True):
    """The browser behind a request. `program`: its description of itself, for the owner's list. `device`, `token`: from its
    cookies."""

    program: str | None = None
    device: str | None = None
    token: str | None = None


class Login(Struct, frozen=True):
    access_token: str
    expires_at: datetime
    device: Device


class Accounts:
    """The accounts of all people. `end_runs(user_id, sessions)` is called before an account is deleted and afterwards, to stop its
    running replies, and those of others in its sessions. `sessions`: those of its sessions that are deleted already."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        budgets: Budgets,
        *,
        secret_key: str,
        registration: Literal["open", "closed"],
        end_runs: Callable[[int, Collection[int]], Awaitable[None]],
        most_tokens: int = TOKENS_OF_USER,
    ) -> None:
        self._most_tokens = most_tokens
        self._database = database
        self._passwords = passwords
        self._budgets = budgets
        self._secret_key = secret_key
        self._recent: OrderedDict[str, tuple[float, Identity]] = OrderedDict()
        self._registration = registration
        self._end_runs = end_runs

    async def register(self, email: str, password: str, address: str) -> User:
        """Creates an account. Raises Forbidden when registration is closed, Conflict when the address is taken,
        Invalid, TooManyAttempts."""
        if self._registration != "open":
            raise Forbidden("Registration is closed here; ask whoever runs this gateway for an account.")
        network = network_of(address)
        async with self._budgets.tarpit.around(network):
            await self._budgets.registration.spend(network)
            user = await add_user(self._database, self._passwords, email, password, source=f"register {network}")
        log.info("Account %d was registered from %s", user.id, address)
        return user

    async def log_in(self, email: str, password: str, address: str, browser: Browser = Browser()) -> Login:  # noqa: B008  # frozen
        """Logs in, and ends the same browser's earlier login. Raises Unauthorized, TooManyAttempts."""
        email = normal_email(email)
        device = signed_device(self._secret_key, browser.device, _now())
        user = await self._user(email) if device else None
        if device is not None and user is not None and is_of(device, self._secret_key, user):
            check = partial(self._passwords.verify, user.password_hash, password, f"account {user.id}", known=True)
            good = await self._budgets.device.check(device.id, check)
        else:
            user, good = await self._verify_stranger(email, password, network_of(address))
            device = None
        if user is None or not good:
            account = "no such account" if user is None else f"account {user.id}"
            log.warning("Failed login from %s: %s", address, account)
            raise Unauthorized(WRONG)
        token, now = new_token(), _now()
        expires_at = now + timedelta(days=TOKEN_DAYS)
        program = valid(browser.program)[:PROGRAM_CHARACTERS] if browser.program else None
        async with self._database.write() as unit:
            if not await unit.users.has_password(user.id, user.password_hash):
                raise Unauthorized(WRONG)  # it was changed while this one was verified
            await unit.tokens.forget_expired(now)
            if browser.token:
                await unit.tokens.revoke_hash(token_hash(self._secret_key, browser.token))
            hashed = token_hash(self._secret_key, token)
            await unit.tokens.add(user.id, hashed, now=now, expires_at=expires_at, device=program)
            await unit.tokens.keep_newest(user.id, self._most_tokens)
        log.info("Login to account %d from %s", user.id, address)
        return Login(token, expires_at, new_device(self._secret_key, user, now, device.id if device else None))

    async def _verify_stranger(self, email: str, password: str, network: str) -> tuple[User | None, bool]:
        """Returns the user and whether the password is right, for a browser that is no known device.

        A refused or waiting attempt makes no query, so a known device never waits behind these.
        """
        async with self._budgets.tarpit.around(network), self._budgets.login.attempt(email, network) as note:
            user = await self._user(email)
            good = await self._passwords.verify(user.password_hash if user else None, password, f"login {network}")
            note(good)
        return user, good

    async def _user(self, email: str) -> User | None:
        async with self._database.read() as unit:
            return await unit.users.by_email(email)

    async def identify(self, token: str) -> Identity:
        """Returns the person whose token this is. Raises Unauthorized, also for a guest's: `Guests` knows those. Leaves no unit of
        work open."""
        now, hashed = _now(), token_hash(self._secret_key, token)
        async with self._database.read() as unit:
            match = await unit.tokens.find(hashed, now)
        if match is None:
            await self._database.require_file()  # a file that was cut off may have lost this very login
            self._recent.pop(hashed, None)
            raise Unauthorized
        known, user = match
        if user.scope is not None:
            raise Unauthorized
        self._remember(hashed, Identity(user, known.id))
        if now - known.last_used_at > TOUCH_AFTER:
            with suppress(StorageUnavailable):  # the time of use is not worth a refusal
                async with self._database.write() as unit:
                    await unit.tokens.touch(known.id, now)
        return Identity(user, known.id)

    def _remember(self, hashed: str, identity: Identity) -> None:
        self._recent[hashed] = (time.monotonic(), identity)
        self._recent.move_to_end(hashed)
        while len(self._recent) > RECENT_TOKENS:
            self._recent.popitem(last=False)

    def recent(self, token: str) -> Identity | None:
        """Returns the owner of a token that was good a moment ago, for questions that are answered without the database."""
        at, identity = self._recent.get(token_hash(self._secret_key, token), (0.0, None))
        return identity if time.monotonic() - at < RECENT_SECONDS else None

    async def still_good(self, token_ids: Collection[int]) -> set[int]:
        async with self._database.read() as unit:
            return await unit.tokens.good(token_ids, _now())

    async def tokens(self, identity: Identity) -> list[Token]:
        """Returns the account's logins, last used first."""
        async with self._database.read() as unit:
            return await unit.tokens.of_user(identity.user.id, _now())

    async def revoke(self, identity: Identity, token_id: int) -> None:
        """Ends one of the account's logins. Raises NotFound."""
        async with self._database.write() as unit:
            if not await unit.tokens.revoke_owned(token_id, identity.user.id):
                raise NotFound("There is no such login.")
        self._recent.clear()

    async def log_out(self, identity: Identity) -> None:
        async with self._database.write() as unit:
            await unit.tokens.revoke(identity.token_id)
        self._recent.clear()

    async def change_password(self, identity: Identity, current: str, new: str, address: str) -> None:
        """Changes the password, and ends every other login of the account and its known devices. Raises Forbidden when the
        current password is wrong, Invalid for a bad new one, TooManyAttempts."""
        user, source = identity.user, f"change {identity.user.id}"
        check = partial(self._passwords.verify, user.password_hash, current, source)
        if not await self._budgets.change.check(str(user.id), check):
            log.warning("Failed change of the password of account %d from %s: wrong password", user.id, address)
            raise Forbidden(WRONG_CURRENT)
        hashed = await self._passwords.hash_new(new, user.email, source)
        async with self._database.write() as unit:
            if not await unit.users.has_password(user.id, user.password_hash):
                raise Forbidden(WRONG_CURRENT)
            await unit.users.set_password(user.id, hashed)
            await unit.tokens.revoke_all(user.id, but=identity.token_id)
        self._recent.clear()
        log.info("The password of account %d was changed from %s", user.id, address)

    async def delete(self, identity: Identity, password: str | None, address: str) -> None:
        """Removes the account with everything in it. Raises Invalid without a password, Forbidden when it is wrong,
        TooManyAttempts, SessionBusy."""
        user = identity.user
        if user.email == LOCAL_EMAIL:
            raise Forbidden("The local account belongs to this machine and cannot be deleted.")
        if password is None:
            raise Invalid("password: say the account's password to delete it.")
        check = partial(self._passwords.verify, user.password_hash, password, f"delete {user.id}")
        if not await self._budgets.delete.check(str(user.id), check):
            log.warning("Failed deletion of account %d from %s: wrong password", user.id, address)
            raise Forbidden(WRONG_TO_DELETE)
        await self._end_runs(user.id, ())

        async def remove() -> Collection[int]:
            async with self._database.write() as unit:
                if not await unit.users.has_password(user.id, user.password_hash):
                    raise Forbidden(WRONG_TO_DELETE)
                return await unit.users.delete(user.id)

        shared = await repeat_contended(remove)
        self._recent.clear()
        await self._end_runs(user.id, shared)
        log.info("Account %d was deleted by its owner from %s", user.id, address)

    async def local_token(self, kept: str | None, *, alone: bool = True) -> str:
        """Returns a token of the local account, the admin of this machine: the kept one if it is still valid, otherwise a new
        one. `alone`: no other gateway has a token of its own; the earlier tokens then end."""
        now = _now()
        async with self._database.write() as unit:
            user = await unit.users.ensure(LOCAL_EMAIL, is_admin=True, now=now)
            if kept:
                match = await unit.tokens.find(token_hash(self._secret_key, kept), now)
                if match and match[1].id == user.id:
                    return kept
            token = new_token()
            if alone:
                await unit.tokens.revoke_all(user.id)
            await unit.tokens.add(user.id, token_hash(self._secret_key, token), now=now, expires_at=None)
            await unit.tokens.keep_newest(user.id, self._most_tokens)
        return token


async def add_user(database: Database, passwords: Passwords, email: str, password: str, *, source: str = "") -> User:
    """Adds an account without admin rights. Raises Invalid, Conflict, TooManyAttempts."""
    email = normal_email(email)
    hashed = await passwords.hash_new(password, email, source)
    try:
        async with database.write() as unit:
            return await unit.users.add(email, hashed, is_admin=False, now=_now())
    except Conflict as error:
        raise Conflict("There is already an account with this address.") from error


async def find_user(database: Database, email: str) -> User:
    """Returns an account. Raises NotFound."""
    async with database.read() as unit:
        user = await unit.users.by_email(normal_email(email) if email != LOCAL_EMAIL else email)
    if user is None:
        raise NotFound(f"There is no account {email}.")
    return user


async def email_of(database: Database, user_id: int) -> str | None:
    """Returns the address of an account, None when there is none."""
    async with database.read() as unit:
        user = await unit.users.by_id(user_id)
    return user.email if user else None


def normal_email(email: str) -> str:
    """Returns the address in its stored form: one @ with something on both sides, no white space, lower case. Raises Invalid."""
    name, at, host = email.strip().lower().rpartition("@")
    if not name or not at or not host or any(c.isspace() or not c.isprintable() for c in name + host) or len(email) > 254:
        raise Invalid("This is not an e-mail address.")
    return f"{name}@{host}"


def _now() -> datetime:
    return datetime.now(UTC)
