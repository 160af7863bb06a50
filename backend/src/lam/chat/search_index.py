"""Keeps the search index level with the messages: before each search, and every minute, so that no search has much to wait for."""

import asyncio
import logging
from typing import Final, Self

from lam.background import Background
from lam.errors import StorageUnavailable
from lam.protocol.documents import readable
from lam.storage.database import Database
from lam.storage.models import PendingMessage
from lam.storage.words import index_words

log = logging.getLogger(__name__)

EVERY_SECONDS: Final = 60
AT_ONCE: Final = 100  # messages in one write


class SearchIndex:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = asyncio.Lock()
        self._tasks = Background()

    async def __aenter__(self) -> Self:
        self._tasks.keep("search-index", self._follow)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.close()

    async def refresh(self) -> None:
        """Indexes every message that is new or has changed. A database that takes no writes leaves the index as it is."""
        async with self._turn:
            try:
                while await self._refresh_some():
                    pass
            except StorageUnavailable as error:
                log.warning("The search index could not be brought up to date: %s", error.__cause__ or error.message)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.refresh()

    async def _refresh_some(self) -> bool:
        """Whether there may be more."""
        async with self._database.read() as unit:
            pending = await unit.search.pending(AT_ONCE)
        if not pending:
            return False
        entries = await asyncio.to_thread(_entries, pending)
        async with self._database.write() as unit:
            await unit.search.add(entries)
        return len(pending) == AT_ONCE


def _entries(pending: list[PendingMessage]) -> list[tuple[PendingMessage, str]]:
    return [(message, index_words(readable(message.content))) for message in pending]
