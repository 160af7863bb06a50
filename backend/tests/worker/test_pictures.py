"""A worker's pictures: kept, shared by its jobs, and asked for again until they are right or it gives up."""

import asyncio
import random
from collections.abc import Callable

import pytest

from lam.errors import PictureGone
from lam.protocol.pictures import Piece, Refusal, Want, piece_of
from lam.worker.pictures import Patience, WorkerPictures

from ..stored_pictures import name_of, picture_of
from ..waiting import until

CHANCE = random.Random(15)
ONE, TWO = CHANCE.randbytes(3000), CHANCE.randbytes(3000)
QUICK = Patience(first=0.01, longest=0.02, give_up=5)


class Office:
    """The gateway's side. `answer`: which pieces come for a question. `asked`: all questions."""

    def __init__(self, pictures: WorkerPictures, answer: Callable[[Want], list[Piece]]) -> None:
        self.pictures = pictures
        self.answer = answer
        self.asked: list[Want] = []
        self.is_connected = True

    def open(self, job: str, *data: bytes) -> None:
        self.pictures.open(job, [name_of(one) for one in data], lambda sha256, numbers: self._ask(Want(job, sha256, numbers)))

    def _ask(self, want: Want) -> bool:
        if not self.is_connected:
            return False
        self.asked.append(want)
        for piece in self.answer(want):
            asyncio.get_running_loop().call_soon(self.pictures.take, piece)
        return True


def pieces(data: bytes, want: Want) -> list[Piece]:
    return [piece for number in want.pieces if (piece := piece_of(data, want, number, 800)) is not None]


async def test_a_picture_is_asked_for_once_however_many_read_it() -> None:
    pictures = WorkerPictures()
    office = Office(pictures, lambda want: pieces(ONE, want))
    office.open("j", ONE)
    assert await asyncio.gather(*(pictures.read(picture_of(ONE)) for _ in range(5))) == [ONE] * 5
    assert [number for want in office.asked for number in want.pieces] == list(range(1, 8))
    asked = len(office.asked)
    assert await pictures.read(picture_of(ONE)) == ONE
    assert len(office.asked) == asked


async def test_what_leaves_the_cache_is_asked_for_again() -> None:
    pictures = WorkerPictures(most_bytes=len(ONE) + 1)
    office = Office(pictures, lambda want: pieces(ONE if want.sha256 == name_of(ONE) else TWO, want))
    office.open("j", ONE, TWO)
    for data in (ONE, TWO, ONE):
        assert await pictures.read(picture_of(data)) == data
    assert sum(want.pieces[0] == 1 for want in office.asked) == 3


async def test_bytes_with_a_wrong_hash_are_asked_for_again() -> None:
    pictures = WorkerPictures(patience=QUICK)
    office = Office(pictures, lambda want: pieces(TWO if len(office.asked) < 4 else ONE, want))
    office.open("j", ONE)
    assert await pictures.read(picture_of(ONE)) == ONE


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda want: pieces(TWO, want), "damaged"),
        (lambda want: [Piece(job=want.job, sha256=want.sha256, rejected="gone")], "no longer stored"),
        (lambda want: [Piece(job=want.job, sha256=want.sha256, rejected="not_named")], "does not give"),
        (lambda want: pieces(ONE, want)[:0], "in time"),
        (lambda want: pieces(ONE, Want("another", want.sha256, want.pieces)), "in time"),
        (lambda want: pieces(TWO, Want(want.job, name_of(TWO), want.pieces)), "in time"),
    ],
    ids=["always wrong", "gone", "refused", "silence", "another job", "another picture"],
)
async def test_what_never_becomes_right_ends_with_a_reason(answer: Callable[[Want], list[Piece]], said: str) -> None:
    pictures = WorkerPictures(patience=Patience(first=0.01, longest=0.02, give_up=0.2))
    office = Office(pictures, answer)
    office.open("j", ONE)
    with pytest.raises(PictureGone, match=said):
        await pictures.read(picture_of(ONE))
    office.answer = lambda want: pieces(ONE, want)
    assert await pictures.read(picture_of(ONE)) == ONE, "the next one begins anew"


async def test_the_time_without_a_connection_does_not_count_and_the_next_connection_asks_at_once() -> None:
    pictures = WorkerPictures(patience=Patience(first=0.02, longest=30, give_up=0.01))
    office = Office(pictures, lambda want: pieces(ONE, want))
    office.is_connected = False
    office.open("j", ONE)
    reading = asyncio.create_task(pictures.read(picture_of(ONE)))
    await until(lambda: pictures.asked_again > 3)
    office.is_connected = True
    pictures.connected()
    assert await reading == ONE


async def test_a_picture_is_asked_for_in_the_name_of_a_job_that_is_open() -> None:
    pictures = WorkerPictures(patience=QUICK)
    office = Office(pictures, lambda want: pieces(ONE, want) if want.job == "second" else [])
    office.open("first", ONE)
    office.open("second", ONE)
    reading = asyncio.create_task(pictures.read(picture_of(ONE)))
    await until(lambda: office.asked)
    pictures.close("first")
    assert await reading == ONE
    pictures.close("second")
    with pytest.raises(PictureGone, match="does not give"):
        await pictures.read(picture_of(TWO))


@pytest.mark.parametrize("reason", ["not_named", "gone"])
async def test_a_job_that_is_over_at_its_gateway_does_not_keep_the_picture_from_another(reason: Refusal) -> None:
    """Its release was lost: the worker has it still, and asks in its name first."""
    pictures = WorkerPictures(patience=Patience(first=30, longest=30, give_up=30))

    def answer(want: Want) -> list[Piece]:
        return pieces(ONE, want) if want.job == "open" else [Piece(job=want.job, sha256=want.sha256, rejected=reason)]

    office = Office(pictures, answer)
    for job in ("over", "over too", "open"):
        office.open(job, ONE)
    assert await pictures.read(picture_of(ONE)) == ONE


async def test_a_gateway_that_is_silent_does_not_keep_the_picture_from_anothers_job() -> None:
    pictures = WorkerPictures(patience=QUICK)
    office = Office(pictures, lambda want: pieces(ONE, want) if want.job == "open" else [])
    for job in ("silent", "open"):
        office.open(job, ONE)
    assert await pictures.read(picture_of(ONE)) == ONE


async def test_a_reader_that_leaves_ends_the_questions_unless_another_reads_on() -> None:
    pictures = WorkerPictures(patience=QUICK)
    office = Office(pictures, lambda _want: [])
    office.open("j", ONE)
    first, second = [asyncio.create_task(pictures.read(picture_of(ONE))) for _ in range(2)]
    await until(lambda: len(office.asked) > 2)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    asked = len(office.asked)
    await until(lambda: len(office.asked) > asked)
    second.cancel()
    third = asyncio.create_task(pictures.read(picture_of(ONE)))
    await asyncio.gather(second, return_exceptions=True)
    office.answer = lambda want: pieces(ONE, want)
    assert await third == ONE
