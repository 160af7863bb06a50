"""The pictures that a model returns to a program: nobody stores them, so the name of each in the log is the picture itself, as a
data URI. They are decoded like uploads."""

import base64

from msgspec import Struct

from lam.errors import TooLarge
from lam.media.media import Media

MOST_BYTES = 16 << 20  # of all pictures in one reply: their log stays in memory for a while


class Shown(Struct, frozen=True):
    """A picture that is not stored. `id`: a data URI with all of it."""

    id: str
    width: int
    height: int


class Unstored:
    """A `Store` for the pictures of one reply, which keeps none."""

    def __init__(self, media: Media) -> None:
        self._media = media
        self._room = MOST_BYTES

    async def store(self, user_id: int, data: bytes) -> Shown:
        """Raises PictureUnreadable, PictureTooLarge, TooLarge."""
        picture, pixels = await self._media.pass_on("picture", data)
        self._room -= len(pixels)
        if self._room < 0:
            raise TooLarge("The pictures of the reply are larger than what this gateway takes.")
        return Shown(f"data:{picture.type};base64,{base64.b64encode(pixels).decode()}", picture.width, picture.height)


def bytes_of(uri: str) -> bytes:
    """Returns the picture in a data URI. Raises ValueError."""
    return base64.b64decode(uri.partition(",")[2], validate=True)
