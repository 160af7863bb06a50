"""Pictures that a model returns, as the pieces in which they travel. Pure.

An address that is no data URI is never fetched: it would tell a stranger's server who reads, and when.
"""

import re
from collections.abc import Iterator
from typing import Final

from lam.protocol.events import ImagePiece

PIECE: Final = 48 << 10  # characters of base64; a frame over MQTT holds one
MOST: Final = 24 << 20  # characters of one picture
_DATA: Final = re.compile(r"data:(image/[\w.+-]{1,40})(?:;[\w=.+-]{0,60})*;base64,", re.IGNORECASE)


def pieces_of(index: int, address: str) -> Iterator[ImagePiece]:
    """Yields the pieces of a picture; a single empty one for a picture that cannot be had: somewhere else, or too large."""
    head = _DATA.match(address)
    data = address[head.end() :] if head else ""
    if head is None or not data or len(data) > MOST:
        yield ImagePiece(index, "", "", last=True)
        return
    yield from ImagePiece(index, head[1].lower(), data, last=True).cut(PIECE)
