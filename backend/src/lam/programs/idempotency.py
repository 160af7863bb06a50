"""Repeated requests of programs: the same Idempotency-Key gets the same run while its log is kept, and nothing is run twice.

Only hashes are stored, for a day.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final
from weakref import WeakValueDictionary

import msgspec

from lam.chat.streams import Following, Logs
from lam.errors import IdempotencyKeyExpired, IdempotencyKeyReused
from lam.protocol.programs import ProgramRequest
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import ProgramRequestRow

REMEMBERED: Final = timedelta(hours=24)


class Idempotency:
    def __init__(self, database: Database, logs: Logs) -> None:
        self._database = database
        self.logs = logs
        self._asking: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()  # a lock goes with its last user

    @asynccontextmanager
    async def one_at_a_time(self, user_id: int, key: str) -> AsyncIterator[None]:
        """Serializes requests with the same key, so that the second finds the first."""
        lock = self._asking.setdefault((user_id, key), asyncio.Lock())
        async with lock:
            yield

    async def earlier(self, user_id: int, key: str, request: ProgramRequest, now: datetime) -> Following | None:
        """Returns the stream of the first request with this key, None without one.

        Raises IdempotencyKeyReused for another request, and IdempotencyKeyExpired when its log is gone.
        """
        async with self._database.read() as unit:
            row = await unit.program_requests.find(user_id, _hash(key.encode()), now - REMEMBERED)
        if row is None:
            return None
        if row.content_hash != _fingerprint(request):
            raise IdempotencyKeyReused
        following = await self.logs.find(row.run_id)
        if following is None:
            raise IdempotencyKeyExpired
        return following

    @staticmethod
    async def remember(unit: UnitOfWork, user_id: int, key: str, request: ProgramRequest, run_id: str, now: datetime) -> None:
        """Stores the hashes of a request in the transaction that opens its run."""
        await unit.program_requests.forget(now - REMEMBERED)
        await unit.program_requests.add(user_id, _hash(key.encode()), ProgramRequestRow(_fingerprint(request), run_id), now)


def _fingerprint(request: ProgramRequest) -> str:
    return _hash(msgspec.json.encode(request, order="sorted"))


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
