"""The pictures that a model returns with a reply: collected from their pieces, stored for the reply's owner, shown in their place.

It must not know how pictures are decoded or where they are kept. What cannot be stored is dropped and counted; the text goes on.
"""

import base64
import binascii
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Final, Protocol

from msgspec.structs import replace

from lam.errors import Invalid, LamError
from lam.generation.contracts import Batches, Producer
from lam.protocol.events import EngineEvent, Finished, Image, ImagePiece

MOST: Final = 8  # in one reply
MOST_CHARS: Final = 28 << 20  # of base64, for one picture

log = logging.getLogger(__name__)


class Kept(Protocol):
    """A stored picture."""

    @property
    def id(self) -> str:
        """Its name in its owner's store."""
        ...

    @property
    def width(self) -> int:
        """Pixels."""
        ...

    @property
    def height(self) -> int:
        """Pixels."""
        ...


class Store(Protocol):
    """Where the pictures of people are kept."""

    async def store(self, user_id: int, data: bytes) -> Kept:
        """Stores a picture under a new id of the user. Raises a LamError for one that cannot be read or kept."""
        ...


@asynccontextmanager
async def with_pictures(producer: Producer, store: Store, user_id: int) -> AsyncIterator[Batches]:
    """Yields the producer's batches with an `Image` in place of the pieces of each picture. `Finished` says how many were lost."""
    async with producer as batches, aclosing(_Pictures(store, user_id).with_images(batches)) as changed:
        yield changed


class _Pictures:
    def __init__(self, store: Store, user_id: int) -> None:
        self._store = store
        self._user_id = user_id
        self._pieces: dict[int, list[str]] = {}
        self._begun = 0
        self._lost = 0

    async def with_images(self, batches: Batches) -> AsyncGenerator[list[EngineEvent]]:
        async for batch in batches:
            for event in batch:
                if type(event) is ImagePiece or type(event) is Finished:
                    break
            else:  # the path of every token
                yield batch
                continue
            ready: list[EngineEvent] = []
            for event in batch:
                if isinstance(event, ImagePiece):
                    if self._is_whole(event):
                        yield ready  # the text before a picture does not wait for it
                        ready = [image] if (image := await self._stored(event.index)) else []
                else:
                    ready.append(self._ended(event) if isinstance(event, Finished) else event)
            yield ready

    def _is_whole(self, piece: ImagePiece) -> bool:
        """Takes a piece. Returns whether its picture is complete; one too many never is."""
        pieces = self._pieces.get(piece.index)
        if pieces is None:
            if piece.index < self._begun:
                return False  # over, or too large
            self._begun = piece.index + 1
            pieces = self._pieces[piece.index] = []
        pieces.append(piece.data)
        if piece.index >= MOST or sum(map(len, pieces)) > MOST_CHARS:
            del self._pieces[piece.index]
            self._lost += 1
            return False
        return piece.last

    async def _stored(self, index: int) -> Image | None:
        text = "".join(self._pieces.pop(index))
        try:
            if not text:
                raise Invalid("It is at another address, or larger than what this gateway takes.")
            kept = await self._store.store(self._user_id, base64.b64decode(text))
        except (LamError, binascii.Error) as error:
            self._lost += 1
            log.info("A picture of a reply is dropped: %s", error)
            return None
        return Image(kept.id, kept.width, kept.height)

    def _ended(self, finished: Finished) -> Finished:
        lost = self._lost + len(self._pieces)
        return replace(finished, about=(finished.about or {}) | {"pictures_lost": lost}) if lost else finished
