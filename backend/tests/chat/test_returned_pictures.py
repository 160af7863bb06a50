"""Pictures in replies: from pieces to a place in the answer."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from lam.chat.returned_pictures import MOST, with_pictures
from lam.engines.pictures import PIECE, pieces_of
from lam.errors import Invalid
from lam.protocol.events import Chunk, EngineEvent, Finished, Image, ImagePiece


class Kept(Struct):
    id: str
    width: int = 4
    height: int = 3


class Shelf:
    """Keeps everything but what says that it is broken."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []

    async def store(self, user_id: int, data: bytes) -> Kept:
        if data == b"broken":
            raise Invalid("not a picture")
        self.kept.append(data)
        return Kept(f"{user_id}-{len(self.kept)}")


def uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


async def shown(*batches: list[EngineEvent]) -> tuple[list[EngineEvent], Shelf]:
    shelf = Shelf()

    @asynccontextmanager
    async def producer() -> AsyncIterator[AsyncIterator[list[EngineEvent]]]:
        async def made() -> AsyncIterator[list[EngineEvent]]:
            for batch in batches:
                yield batch

        yield made()

    async with with_pictures(producer(), shelf, 7) as given_back:
        return [event async for batch in given_back for event in batch], shelf


async def test_a_picture_stands_where_its_pieces_stood() -> None:
    pieces = list(pieces_of(0, uri(b"x" * (2 * PIECE))))
    assert len(pieces) == 3
    events, shelf = await shown([Chunk("Here: "), *pieces[:1]], pieces[1:2], [*pieces[2:], Chunk("!")], [Finished("stop")])
    assert events == [Chunk("Here: "), Image("7-1", 4, 3), Chunk("!"), Finished("stop")]
    assert shelf.kept == [b"x" * (2 * PIECE)]


async def test_what_cannot_be_stored_is_counted_and_the_text_goes_on() -> None:
    remote = pieces_of(0, "https://example.com/a.png")
    broken = pieces_of(1, uri(b"broken"))
    odd = [ImagePiece(2, "image/png", "a", last=True)]
    unfinished = [ImagePiece(3, "image/png", "aaaa")]
    events, shelf = await shown([*remote, Chunk("a"), *broken, *odd, *unfinished, Chunk("b")], [Finished("stop", about={"x": 1})])
    assert [event for event in events if isinstance(event, Chunk)] == [Chunk("a"), Chunk("b")]
    assert events[-1] == Finished("stop", about={"x": 1, "pictures_lost": 4})
    assert shelf.kept == []


async def test_a_reply_shows_eight_pictures_and_counts_the_others() -> None:
    many = [piece for number in range(MOST + 2) for piece in pieces_of(number, uri(bytes([number])))]
    events, shelf = await shown(many, [Finished("stop")])
    assert (sum(isinstance(event, Image) for event in events), len(shelf.kept)) == (MOST, MOST)
    assert events[-1] == Finished("stop", about={"pictures_lost": 2})


@given(st.integers(0, 3 * PIECE))
def test_pieces_are_the_picture_again(size: int) -> None:
    pieces = list(pieces_of(0, uri(bytes(size))))
    assert [piece.last for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert base64.b64decode("".join(piece.data for piece in pieces)) == bytes(size)
    assert all(len(piece.data) <= PIECE for piece in pieces)
