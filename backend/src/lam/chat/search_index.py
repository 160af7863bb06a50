"""Keeps the search index up to date, before each search and every minute, so that no search waits long.

It decides when to index; storage decides how.
"""

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
AT_ONCE: Final = 100  # messages per write


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
        """Indexes every new or changed message. If the database refuses writes, the index stays as it is."""
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
        """Indexes the next messages. Returns whether there may be more."""
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
