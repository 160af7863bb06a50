"""The pictures of all people: takes them in, gives them out, and removes those that nobody shows.

It must not know messages or HTTP. The bytes that it takes are decoded in a child process.
"""

import asyncio
import hashlib
import logging
import secrets
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import IO, Final, Self

from msgspec import Struct

from lam.background import Background
from lam.errors import Conflict, MediaQuota, NotFound, PictureGone, StorageUnavailable, TooManyUploads
from lam.media.answer import Decoded
from lam.media.decoder import decoded
from lam.media.limits import THUMB_TYPE
from lam.protocol.chat import Picture
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import Media as Stored
from lam.storage.repositories.media import ROW_BYTES
from lam.turns import Turns

log = logging.getLogger(__name__)

AT_ONCE: Final = 2
WAITING: Final = 50  # per user; their files are not read yet
_SWEPT_AT_ONCE: Final = 100
_SHARED: Final = ("id", "sha256", "type", "width", "height", "size")
_MISSING: Final = "There is no such picture."


class Keeping(Struct, frozen=True, kw_only=True):
    """Times in seconds. `decoding`: the limit for one picture. `unshown`: how long a picture stays that no message shows. `sweep`:
    between two looks for such pictures."""

    decoding: float = 20
    unshown: float = 24 * 3600
    sweep: float = 1800


class Content(Struct, frozen=True):
    """The bytes of a picture, or of its thumbnail. `type`: the media type."""

    type: str
    data: bytes


class Media:
    """The pictures of a gateway, each under an id of its owner. An async context manager: it owns the task that tidies up.

    It is also the `Pictures` of the gateway's engines.
    """

    def __init__(
        self, database: Database, *, quota: int, keeping: Keeping | None = None, on_duty: Callable[[], bool] = lambda: True
    ) -> None:
        """`quota`: bytes per user. `on_duty()`: whether this gateway removes the pictures that no message shows."""
        self._database = database
        self._quota = quota
        self._keeping = keeping or Keeping()
        self._on_duty = on_duty
        self._turns = Turns(AT_ONCE, WAITING, TooManyUploads)
        self._tasks = Background()
        self._passing: dict[str, list[bytes]] = {}  # by hash, once for each run that they pass through

    async def __aenter__(self) -> Self:
        self._tasks.keep("media", self._tidy)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()

    def turn(self, user_id: int) -> AbstractAsyncContextManager[None]:
        """Waits for the user's turn to upload, one picture at a time. Raises TooManyUploads when too many wait."""
        return self._turns.of_user(user_id)

    async def store(self, user_id: int, data: bytes) -> Stored:
        """Stores a picture that did not come as a file. Raises what `take` raises."""
        with tempfile.TemporaryFile() as file:
            await asyncio.to_thread(_fill, file, data)
            return await self.take(user_id, file)

    async def take(self, user_id: int, file: IO[bytes]) -> Stored:
        """Stores the picture in a file that is at its beginning, under a new id of the user.

        Raises PictureUnreadable, PictureTooLarge, MediaQuota; then nothing is stored. Until a message shows the picture, it stays
        for a day.
        """
        async with self._database.read() as unit:
            await self._require_room(unit, user_id, 0)
        picture = await self._decoded(file)
        about, now = _about(picture, secrets.token_urlsafe(12)), datetime.now(UTC)
        async with self._database.write() as unit:
            await self._require_room(unit, user_id, len(picture.data))
            await unit.media.add(user_id, about, picture.data, picture.thumb, now)
        return Stored(**{name: getattr(about, name) for name in _SHARED}, user_id=user_id, created_at=now)

    async def pass_on(self, name: str, data: bytes) -> tuple[Picture, bytes]:
        """Returns a picture that is only passed on to a model, and its bytes as they may be; nothing is stored. `name`: its id.

        Raises PictureUnreadable, PictureTooLarge.
        """
        with tempfile.TemporaryFile() as file:
            await asyncio.to_thread(_fill, file, data)
            picture = await self._decoded(file)
        return _about(picture, name), picture.data

    @contextmanager
    def passing(self, pictures: Mapping[str, bytes]) -> Iterator[None]:
        """Lets engines read these pictures, by their hashes, until the context is left."""
        for sha256, data in pictures.items():
            self._passing.setdefault(sha256, []).append(data)
        try:
            yield
        finally:
            for sha256 in pictures:
                self._passing[sha256].pop()
                if not self._passing[sha256]:
                    del self._passing[sha256]

    async def _decoded(self, file: IO[bytes]) -> Decoded:
        async with self._turns.place():
            return await decoded(file, seconds=self._keeping.decoding)

    async def _require_room(self, unit: UnitOfWork, user_id: int, size: int) -> None:
        """Raises MediaQuota unless the user has room for a picture of this size; a room's guests share theirs."""
        if (room := await unit.rooms.of_guest(user_id)) is not None:
            if await unit.rooms.media_used(room.id, ROW_BYTES) + size + ROW_BYTES > room.media_mb * 1_000_000:
                raise MediaQuota("The pictures in this room take as much room as it has.")
            return
        if not self._quota:
            raise MediaQuota("This gateway keeps no pictures.")
        if await unit.media.used(user_id) + size + ROW_BYTES > self._quota:
            raise MediaQuota

    async def content(self, user_id: int, media_id: str, *, thumb: bool = False) -> Content:
        """Returns a picture or its thumbnail. Raises NotFound unless the user may see it."""
        async with self._database.read() as unit:
            stored = await unit.media.find(media_id, user_id)
            data = None if stored is None else await unit.media.data(stored.sha256, thumb=thumb)
        if stored is None or data is None:
            raise NotFound(_MISSING)
        return Content(THUMB_TYPE if thumb else stored.type, data)

    async def read(self, picture: Picture) -> bytes:
        """Returns the bytes of a picture in a request to a model. Raises PictureGone."""
        if passing := self._passing.get(picture.sha256):
            return passing[0]
        async with self._database.read() as unit:
            data = await unit.media.data(picture.sha256)
        if data is None:
            raise PictureGone
        return data

    async def remove(self, user_id: int, media_id: str) -> None:
        """Removes a picture of the user's that no message shows. Raises NotFound, Conflict."""
        async with self._database.write() as unit:
            if media_id not in await unit.media.pictures([media_id], owner=user_id):
                raise NotFound(_MISSING)
            await unit.media.let_go([media_id])
            if await unit.media.pictures([media_id]):
                raise Conflict("A message shows this picture; it goes with the conversation.")

    async def discard(self, ids: Collection[str]) -> None:
        """Removes those of these pictures that no message shows: what they were stored for failed. What cannot be removed now goes
        after a day."""
        if ids:
            with suppress(StorageUnavailable):
                async with self._database.write() as unit:
                    await unit.media.let_go(ids)

    async def sweep(self) -> int:
        """Removes pictures that no message has shown for too long. Returns how many."""
        before, swept = datetime.now(UTC) - timedelta(seconds=self._keeping.unshown), 0
        while True:
            async with self._database.read() as unit:
                ids = await unit.media.unshown(before, _SWEPT_AT_ONCE)
            if not ids:
                return swept
            async with self._database.write() as unit:
                await unit.media.let_go(ids)
            swept += len(ids)

    async def _tidy(self) -> None:
        while True:
            try:
                if self._on_duty() and (swept := await self.sweep()):
                    log.info("Removed %d pictures that no message shows", swept)
            except StorageUnavailable as error:
                log.warning("Pictures that no message shows could not be removed: %s", error.__cause__ or error.message)
            await asyncio.sleep(self._keeping.sweep)


def _about(picture: Decoded, name: str) -> Picture:
    return Picture(
        sha256=hashlib.sha256(picture.data).hexdigest(),
        id=name,
        type=picture.type,
        width=picture.width,
        height=picture.height,
        size=len(picture.data),
    )


def _fill(file: IO[bytes], data: bytes) -> None:
    file.write(data)
    file.seek(0)
