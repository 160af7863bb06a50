"""Password hashes (argon2id), made and checked in a pool of two threads so that the event loop never waits."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from lam.errors import TooManyAttempts

WAITING_AT_ONCE: Final = 64
T = TypeVar("T")


class Passwords:
    """Own it as a context manager; leaving it waits for the hashes under way."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="argon2")
        self._waiting = 0
        self._nobodys = self._hasher.hash("nobody has this password")

    def close(self) -> None:
        self._pool.shutdown()

    async def hash(self, password: str) -> str:
        """Raises TooManyAttempts, as `verify` does, when as many wait for the two threads as may."""
        return await self._run(self._hasher.hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Takes the same time whether the account exists (has a hash) or not."""
        return await self._run(self._check, password_hash, password)

    async def _run(self, call: Callable[..., T], *arguments: str | None) -> T:
        if self._waiting >= WAITING_AT_ONCE:
            raise TooManyAttempts
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call, *arguments)
        finally:
            self._waiting -= 1

    def _check(self, password_hash: str | None, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash or self._nobodys, password) and password_hash is not None
        except (VerificationError, InvalidHashError):
            return False
