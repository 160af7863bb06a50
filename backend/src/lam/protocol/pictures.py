"""Pictures between gateway and worker over MQTT: numbered pieces, asked for until all are there. Pure.

A job names pictures by the SHA-256 of their bytes. A worker that lacks one asks for pieces of it, and asks again for those that do
not come. It must not know a topic or a clock.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, Literal

import msgspec
from msgspec import Struct

from lam.protocol.chat import Picture, Turn, pictures_of

MEDIA: Final = "media"
"""In `accepts`: a worker that asks for the pictures of a job, a gateway that gives them and takes pictures in replies."""
LARGEST: Final = 32 << 20  # bytes of a picture
PIECE_BYTES: Final = 64 << 10  # a longer piece would hold up a stop behind it
LEAST_PIECE: Final = 64
FIRST_ASKED: Final = 4  # pieces, while nobody knows how long they are
MOST_ASKED: Final = 64
ON_THE_WAY: Final = 256 << 10  # bytes that were asked for and did not come yet
HASH: Final = re.compile(r"[0-9a-f]{64}")

Refusal = Literal["not_named", "gone"]


class Want(Struct, frozen=True):
    """A worker's question for pieces of a picture that an open job names. `pieces`: their numbers, from 1."""

    job: str
    sha256: str
    pieces: tuple[int, ...]


class Piece(Struct, frozen=True, kw_only=True):
    """A piece of a picture, `number` of `of`, or the reason why there is none. `not_named`: no job that is open at this worker
    names the picture. `gone`: it is no longer stored."""

    job: str
    action: Literal["picture"] = "picture"
    sha256: str
    number: int = 0
    of: int = 0
    data: bytes = b""
    rejected: Refusal | None = None


def piece_of(data: bytes, want: Want, number: int, room: int) -> Piece | None:
    """Returns a piece whose payload is up to `room` bytes long; None when the picture has no piece of this number."""
    empty = Piece(job=want.job, sha256=want.sha256, number=len(data), of=len(data))
    size = max(1, min(PIECE_BYTES, (room - len(msgspec.json.encode(empty))) // 4 * 3))  # base64
    count = -(-len(data) // size)
    if not 1 <= number <= count:
        return None
    part = data[(number - 1) * size : number * size]
    return Piece(job=want.job, sha256=want.sha256, number=number, of=count, data=part)


class Arrival:
    """A worker's side of one picture: its pieces come in any order, repeatedly or never.

    `data`: the picture, once the bytes have its size and its hash. `damaged`: how often all pieces were there and the bytes were
    others; all of them are asked for again.
    """

    def __init__(self, picture: Picture) -> None:
        self.data: bytes | None = None
        self.damaged = 0
        self.duplicates = 0
        self._picture = picture
        self._start_over()

    def take(self, piece: Piece) -> bool:
        """Takes a piece. Returns whether it is new."""
        if self.data is not None or not piece.data or not 1 <= piece.number <= piece.of <= -(-self._picture.size // LEAST_PIECE):
            return False
        if piece.of != self._of:  # the first one, or the packets have another size now
            self._start_over(piece.of, asked=self._requested if not self._of else set())
        self._requested.discard(piece.number)
        if piece.number in self._pieces:
            self.duplicates += 1
            return False
        self._pieces[piece.number] = piece.data
        self._size += len(piece.data)
        if self._size > self._picture.size or len(self._pieces) == self._of:
            self._check()
        return True

    def ask(self) -> tuple[int, ...]:
        """Returns the pieces to ask for next; none while most of what was asked for is on its way."""
        if not self._of:
            missing: Sequence[int] = range(1, FIRST_ASKED + 1)
            most = FIRST_ASKED
        else:
            missing = [number for number in range(1, self._of + 1) if number not in self._pieces]
            each = max(1, self._size // len(self._pieces)) if self._pieces else 1
            most = max(FIRST_ASKED, min(MOST_ASKED, ON_THE_WAY // each))
        if len(self._requested) > most // 2:
            return ()
        numbers = tuple(number for number in missing if number not in self._requested)[: most - len(self._requested)]
        self._requested.update(numbers)
        return numbers

    def ask_again(self) -> tuple[int, ...]:
        """Returns the pieces to ask for when nothing comes any more."""
        self._requested.clear()
        return self.ask()

    def _check(self) -> None:
        data = b"".join(self._pieces[number] for number in sorted(self._pieces))
        if len(data) == self._picture.size and hashlib.sha256(data).hexdigest() == self._picture.sha256:
            self.data = data
        else:
            self.damaged += 1
            self._start_over()

    def _start_over(self, of: int = 0, *, asked: set[int] | None = None) -> None:
        self._of = of
        self._size = 0
        self._pieces: dict[int, bytes] = {}
        self._requested = {number for number in asked or () if number <= of}


class Cache:
    """The pictures that were used last, by hash, up to a number of bytes."""

    def __init__(self, most_bytes: int) -> None:
        self.size = 0
        self._most = most_bytes
        self._pictures: OrderedDict[str, bytes] = OrderedDict()

    def get(self, sha256: str) -> bytes | None:
        data = self._pictures.get(sha256)
        if data is not None:
            self._pictures.move_to_end(sha256)
        return data

    def put(self, sha256: str, data: bytes) -> None:
        """Keeps a picture, in place of those whose last use is longest ago. One that is larger than the cache is not kept."""
        if sha256 in self._pictures or len(data) > self._most:
            return
        self._pictures[sha256] = data
        self.size += len(data)
        while self.size > self._most:
            _, oldest = self._pictures.popitem(last=False)
            self.size -= len(oldest)


def by_hash(turns: Sequence[Turn]) -> dict[str, Picture]:
    """Returns the pictures that these turns name, by hash."""
    return {picture.sha256: picture for picture in pictures_of(turns)}


def sound(picture: Picture, content: str) -> bool:
    """Returns whether a picture of a turn with this content is one that a gateway could name."""
    return bool(HASH.fullmatch(picture.sha256)) and 0 < picture.size <= LARGEST and 0 <= picture.at <= len(content)
