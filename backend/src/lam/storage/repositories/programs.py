"""Requests of programs by their Idempotency-Keys: hashes alone, for a day. It must not know what was asked."""

from datetime import datetime

from sqlalchemy import delete, insert, select

from lam.storage.access import own
from lam.storage.models import ProgramRequestRow
from lam.storage.repositories.base import Repository
from lam.storage.schema import program_requests as table


class ProgramRequests(Repository):
    async def find(self, user_id: int, key_hash: str, since: datetime) -> ProgramRequestRow | None:
        query = select(table.c.content_hash, table.c.run_id)
        query = query.where(own(table, user_id), table.c.key_hash == key_hash, table.c.created_at >= since)
        return await self._one(ProgramRequestRow, query)

    async def add(self, user_id: int, key_hash: str, row: ProgramRequestRow, now: datetime) -> None:
        """Remembers a request. Raises Conflict when the key is known already."""
        values = {"user_id": user_id, "key_hash": key_hash, "content_hash": row.content_hash, "run_id": row.run_id}
        await self._changed(insert(table), values | {"created_at": now})

    async def forget(self, before: datetime) -> None:
        await self._changed(delete(table).where(table.c.created_at < before))
