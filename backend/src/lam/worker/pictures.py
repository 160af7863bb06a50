"""The pictures of a worker: those it used last, and those that it asks gateways for.

It must not know a topic, a broker or an engine: a job brings the function that asks its gateway.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Final

from msgspec import Struct

from lam.errors import PictureGone
from lam.protocol.chat import Picture
from lam.protocol.pictures import Arrival, Cache, Piece, Refusal

log = logging.getLogger(__name__)

CACHE_BYTES: Final = 64 << 20
MOST_DAMAGED: Final = 3  # attempts at a picture whose bytes are not those that the job names

Ask = Callable[[str, tuple[int, ...]], bool]


class Patience(Struct, frozen=True, kw_only=True):
    """Waiting times in seconds. `first`, `longest`: until pieces that do not come are asked for again; the pause doubles.
    `give_up`: without any piece, while the broker is connected."""

    first: float = 0.5
    longest: float = 5
    give_up: float = 30


class WorkerPictures:
    """`Pictures` for the engine of a worker."""

    def __init__(self, *, most_bytes: int = CACHE_BYTES, patience: Patience | None = None) -> None:
        self.cache = Cache(most_bytes)
        self.asked_again = 0
        self._patience = patience or Patience()
        self._jobs: dict[str, _Source] = {}
        self._coming: dict[str, _Coming] = {}  # by hash

    def open(self, job: str, hashes: Collection[str], ask: Ask) -> None:
        """Notes that a job names these pictures. `ask(hash, numbers)` asks its gateway for pieces, and returns False without a
        connection."""
        self._jobs[job] = _Source(frozenset(hashes), ask)

    def close(self, job: str) -> None:
        """Notes that the job is over."""
        self._jobs.pop(job, None)

    async def read(self, picture: Picture) -> bytes:
        """See `Pictures`. Asks the gateway of a job that names the picture, unless it is in the cache."""
        data = self.cache.get(picture.sha256)
        if data is not None:
            return data
        coming = self._coming.get(picture.sha256)
        if coming is None:
            coming = self._coming[picture.sha256] = _Coming(picture)
            coming.task = asyncio.create_task(self._fetch(picture, coming), name=f"picture-{picture.sha256[:8]}")
        coming.readers += 1
        try:
            return await asyncio.shield(coming.task)
        finally:
            coming.readers -= 1
            if not coming.readers:
                coming.task.cancel()
                self._forget(picture.sha256, coming)

    def take(self, piece: Piece) -> bool:
        """Takes a piece, or the refusal of one, for an open job. Returns whether it helps."""
        source, coming = self._jobs.get(piece.job), self._coming.get(piece.sha256)
        if source is None or coming is None or piece.sha256 not in source.hashes:
            return False
        if piece.rejected is not None:
            coming.refusals[piece.job] = piece.rejected
            coming.is_refused = True
        elif not coming.arrival.take(piece):
            return False
        else:
            coming.is_news = True
        coming.wake.set()
        return True

    def connected(self) -> None:
        """Asks again for everything that is on its way, because it may have been lost."""
        for coming in self._coming.values():
            coming.wake.set()

    async def _fetch(self, picture: Picture, coming: "_Coming") -> bytes:
        clock = asyncio.get_running_loop().time
        patience, arrival = self._patience, coming.arrival
        pause, last_news = patience.first, clock()
        is_reached = True
        numbers = arrival.ask()
        try:
            while True:
                if numbers:
                    is_reached = self._ask(picture.sha256, numbers, coming)
                await coming.until_news(pause)
                if not is_reached:
                    last_news = clock()  # without a connection nothing can come
                if arrival.data is not None:
                    self.cache.put(picture.sha256, arrival.data)
                    return arrival.data
                if arrival.damaged >= MOST_DAMAGED:
                    raise PictureGone("A picture reached the worker damaged, several times.")
                if coming.is_news:
                    coming.is_news = False
                    pause, last_news = patience.first, clock()
                    numbers = arrival.ask()
                    continue
                if coming.is_refused:  # by one job, which may be over at its gateway; another may name the picture too
                    coming.is_refused = False
                    numbers = arrival.ask_again()
                    continue
                if clock() - last_news >= patience.give_up:
                    failure = PictureGone("A picture did not reach the worker in time; try again.")
                    failure.retryable = True
                    raise failure
                pause = min(2 * pause, patience.longest)
                self.asked_again += 1
                coming.turn += 1
                numbers = arrival.ask_again()
        finally:
            self._forget(picture.sha256, coming)

    def _ask(self, sha256: str, numbers: tuple[int, ...], coming: "_Coming") -> bool:
        """Asks for pieces in the name of an open job, of another one when nothing came. Raises PictureGone when all are refused."""
        named = [job for job, source in self._jobs.items() if sha256 in source.hashes]
        asking = [job for job in named if job not in coming.refusals]
        if not asking:
            is_gone = any(coming.refusals[job] == "gone" for job in named)
            raise PictureGone(None if is_gone else "The gateway does not give this picture to this worker.")
        return self._jobs[asking[coming.turn % len(asking)]].ask(sha256, numbers)

    def _forget(self, sha256: str, coming: "_Coming") -> None:
        if self._coming.get(sha256) is coming:
            del self._coming[sha256]


class _Source(Struct, frozen=True):
    hashes: frozenset[str]
    ask: Ask


class _Coming:
    """A picture on its way. `readers`: how many wait for it. `refusals`: why a job did not get it. `turn`: which of the jobs that
    name it asks."""

    task: asyncio.Task[bytes]

    def __init__(self, picture: Picture) -> None:
        self.arrival = Arrival(picture)
        self.readers = 0
        self.refusals: dict[str, Refusal] = {}
        self.turn = 0
        self.is_news = False
        self.is_refused = False
        self.wake = asyncio.Event()

    async def until_news(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.wake.wait()
        except TimeoutError:
            pass
        self.wake.clear()
