"""Pictures for engines and workers, in memory. Their bytes are no real pictures."""

import asyncio
import hashlib

from lam.errors import PictureGone
from lam.protocol.chat import Picture


def name_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def picture_of(data: bytes) -> Picture:
    sha256 = name_of(data)
    return Picture(sha256=sha256, id=f"m-{sha256[:8]}", type="image/png", width=1, height=1, size=len(data))


class Store:
    """`Pictures` in memory. `reads`: the hashes that were read. `held`: reads wait for it."""

    def __init__(self, *pictures: bytes) -> None:
        self.pictures = {name_of(data): data for data in pictures}
        self.reads: list[str] = []
        self.held = asyncio.Event()
        self.held.set()

    async def read(self, picture: Picture) -> bytes:
        self.reads.append(picture.sha256)
        await self.held.wait()
        if picture.sha256 not in self.pictures:
            raise PictureGone
        return self.pictures[picture.sha256]
