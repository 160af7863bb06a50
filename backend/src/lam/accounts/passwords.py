"""Password hashes (argon2id), computed in a thread so that the event loop never waits; sources take turns. It stores nothing."""

from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import Struct

from lam.accounts.fair_pool import FairPool
from lam.accounts.password_rules import normal, require_good

THREADS: Final = 1  # one hash takes 64 MiB and four threads of its own


class Hashing(Struct, frozen=True, kw_only=True):
    """The cost of a hash: argon2id's second recommended parameters (RFC 9106, 4). `memory` is in KiB."""

    rounds: int = 3
    memory: int = 65536
    lanes: int = 4

    def hasher(self) -> PasswordHasher:
        return PasswordHasher(time_cost=self.rounds, memory_cost=self.memory, parallelism=self.lanes)


class Passwords:
    """Makes and verifies hashes. A context manager; leaving it waits for the running hashes.

    `source`: whose turn a hash takes, a purpose with an address or an account. Methods raise TooManyAttempts when too many wait.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or Hashing().hasher()
        self._pool = FairPool(THREADS)
        self._nobodys = self._hasher.hash("nobody has this password")

    def close(self) -> None:
        self._pool.close()

    async def hash(self, password: str, source: str = "") -> str:
        """Returns the hash of the password in Unicode's form NFKC (NIST 800-63B): two keyboards may write the same letter in two
        ways."""
        return await self._pool.run(source, lambda: self._hasher.hash(normal(password)))

    async def hash_new(self, password: str, email: str, source: str = "") -> str:
        """Returns the hash of a new password for the account with this address. Raises Invalid for a bad password."""

        def chosen() -> str:
            require_good(password, email)
            return self._hasher.hash(normal(password))

        return await self._pool.run(source, chosen)

    async def verify(self, password_hash: str | None, password: str, source: str = "", *, known: bool = False) -> bool:
        """Returns whether the password is right. Takes the same time without an account (without a hash). `known`: ahead of all
        unknown sources."""
        return await self._pool.run(source, lambda: self._check(password_hash, password), known=known)

    def _check(self, password_hash: str | None, password: str) -> bool:
        """Returns whether the hash matches. Hashes of the first release were made of the password as typed."""
        tries = dict.fromkeys((normal(password), password))
        return any(self._matches(password_hash or self._nobodys, each) for each in tries) and password_hash is not None

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
