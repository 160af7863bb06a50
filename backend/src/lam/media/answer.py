"""The child's answer about a picture: a line of JSON, then the bytes of the picture, then those of its thumbnail."""

from typing import Final

import msgspec
from msgspec import Struct

TYPES: Final = ("image/png", "image/jpeg")


class About(Struct, frozen=True, kw_only=True):
    """`size`, `thumb`: bytes of the picture and of its thumbnail. `error`: the code of a refusal; then nothing else counts."""

    type: str = ""
    width: int = 0
    height: int = 0
    size: int = 0
    thumb: int = 0
    error: str | None = None


class Decoded(Struct, frozen=True, kw_only=True):
    """A picture as it is stored. `width`, `height`: pixels. `thumb`: a small one, for the page alone."""

    type: str
    width: int
    height: int
    data: bytes
    thumb: bytes


def written(about: About, picture: bytes = b"", thumb: bytes = b"") -> bytes:
    return msgspec.json.encode(about) + b"\n" + picture + thumb


def read(answer: bytes) -> Decoded | str:
    """Returns the picture, or the code of the refusal. Raises msgspec.DecodeError for anything that the child never writes."""
    line, _, rest = answer.partition(b"\n")
    about = msgspec.json.decode(line, type=About)
    if about.error is not None:
        return about.error
    if about.type not in TYPES or len(rest) != about.size + about.thumb:
        raise msgspec.DecodeError("This is no answer of the child.")
    picture, thumb = rest[: about.size], rest[about.size :]
    return Decoded(type=about.type, width=about.width, height=about.height, data=picture, thumb=thumb)
