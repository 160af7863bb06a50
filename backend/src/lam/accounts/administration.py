"""The operations of an admin on other accounts. It must not know HTTP."""

import logging
from collections.abc import Awaitable, Callable, Collection

from lam.accounts.accounts import LOCAL_EMAIL, Identity, add_user
from lam.accounts.passwords import Passwords
from lam.accounts.throttle import Budget
from lam.errors import Forbidden, NotFound
from lam.storage.contention import repeat_contended
from lam.storage.database import Database
from lam.storage.models import ListedUser, User

log = logging.getLogger(__name__)


class Administration:
    """Operations on all accounts. The caller must be an admin, and the route checks that. `end_runs`: see `Accounts`."""

    def __init__(
        self, database: Database, passwords: Passwords, budget: Budget, end_runs: Callable[[int, Collection[int]], Awaitable[None]]
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._budget = budget
        self._end_runs = end_runs

    async def users(self) -> list[ListedUser]:
        async with self._database.read() as unit:
            return await unit.users.listed()

    async def add(self, admin: Identity, email: str, password: str) -> User:
        """Adds an account, even when registration is closed. Raises Invalid, Conflict, TooManyAttempts."""
        await self._budget.spend(str(admin.user.id))
        user = await add_user(self._database, self._passwords, email, password, source=f"admin {admin.user.id}")
        log.info("Account %d was made by admin %d", user.id, admin.user.id)
        return user

    async def change(self, admin: Identity, user_id: int, *, is_admin: bool | None, password: str | None) -> User:
        """Changes an account. A new password ends all its logins and its known devices.

        Raises NotFound, Forbidden, Invalid, TooManyAttempts.
        """
        user = await self._anothers(admin, user_id)
        hashed = None
        if password is not None:
            await self._budget.spend(str(admin.user.id))
            hashed = await self._passwords.hash_new(password, user.email, f"admin {admin.user.id}")
        async with self._database.write() as unit:
            if hashed is not None:
                await unit.users.set_password(user_id, hashed)
                await unit.tokens.revoke_all(user_id)
            if is_admin is not None:
                await unit.users.set_admin(user_id, is_admin=is_admin)
            changed = await unit.users.by_id(user_id)
        if changed is None:
            raise NotFound("There is no such account.")
        if hashed is not None:
            log.info("The password of account %d was set by admin %d", user_id, admin.user.id)
        if is_admin is not None:
            log.info("Account %d %s an admin, by admin %d", user_id, "became" if is_admin else "is no longer", admin.user.id)
        return changed

    async def delete(self, admin: Identity, user_id: int) -> None:
        """Removes the account with everything in it; stops its running replies first. Raises NotFound, Forbidden,
        SessionBusy."""
        await self._anothers(admin, user_id)
        await self._end_runs(user_id, ())

        async def remove() -> Collection[int]:
            async with self._database.write() as unit:
                return await unit.users.delete(user_id)

        shared = await repeat_contended(remove)
        await self._end_runs(user_id, shared)
        log.info("Account %d was deleted by admin %d", user_id, admin.user.id)

    async def _anothers(self, admin: Identity, user_id: int) -> User:
        """Returns another person's account. Admins cannot change their own here, so that one always remains."""
        async with self._database.read() as unit:
            user = await unit.users.by_id(user_id)
        if user is None or user.scope is not None:
            raise NotFound("There is no such account.")
        if user.email == LOCAL_EMAIL:
            raise Forbidden("The local account belongs to this machine and cannot be changed.")
        if user.id == admin.user.id:
            raise Forbidden("This is your own account; change it in its settings.")
        return user
