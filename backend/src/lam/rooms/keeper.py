"""Ends rooms whose date has passed: first their owner is told, later they are removed. It must not know what a room holds.

Nothing is removed before the date, nor before the owner has known for a while: a gateway that was off then tells first.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

from lam.background import Background
from lam.errors import LamError, StorageUnavailable
from lam.rooms.rooms import Rooms
from lam.rooms.views import LONGEST_WARNING, gone_at
from lam.storage.database import Database
from lam.storage.repositories.rooms import room_scope

log = logging.getLogger(__name__)

CHECK_SECONDS: Final = 30.0


class Keeper:
    """An async context manager: it owns the task that ends rooms."""

    def __init__(
        self, database: Database, rooms: Rooms, *, check: float = CHECK_SECONDS, on_duty: Callable[[], bool] = lambda: True
    ) -> None:
        """`check`: seconds between two looks at the rooms that end. `on_duty()`: whether this gateway looks."""
        self._database = database
        self._rooms = rooms
        self._check = check
        self._on_duty = on_duty

    async def __aenter__(self) -> Self:
        self._tasks = Background()
        self._tasks.keep("rooms", self._keep)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()

    async def _keep(self) -> None:
        while True:
            try:
                if self._on_duty():
                    await self.tidy(datetime.now(UTC))
            except StorageUnavailable as error:
                log.warning("Rooms could not be looked after: %s", error.__cause__ or error.message)
            await asyncio.sleep(self._check)

    async def tidy(self, now: datetime) -> None:
        """Tells the owners of rooms that end soon, removes those whose time has come, and what others left behind."""
        async with self._database.read() as unit:
            ending = await unit.rooms.ending(now + LONGEST_WARNING)
            left = await unit.rooms.left_behind()
        for room in ending:
            if room.state != "ending" and gone_at(room) is None:
                await self._rooms.warn(room.id, now)
            elif (over := await self._rooms.end_over(room.id, now)) is not None:
                try:
                    await self._rooms.remove(over)
                except StorageUnavailable:
                    raise
                except LamError as error:  # a last reply is being stored, or a gateway that has one does not answer: next time
                    log.info("The room %d is not removed yet: %s", room.id, error.message)
                    continue
                log.info("The room %d of %s is over and was removed", room.id, over.expires_at.isoformat(timespec="minutes"))
        for room_id in left:
            await self._forget(room_id)

    async def _forget(self, room_id: int) -> None:
        """Removes the guests of a room that went with its owner's account; the sessions of people stay with them."""
        try:
            async with self._database.write() as unit:
                await unit.users.delete_guests([room_scope(room_id)])
                await unit.rooms.let_go(room_id)
        except LamError as error:
            log.warning("The guests of the room %d could not be removed: %s", room_id, error.message)
