"""Gives workers the pieces that they ask for, of the pictures that their open jobs name.

It knows no topic and no broker: what it sends goes through a `Post`.
"""

import asyncio
import logging
from typing import Final, Protocol

from lam.engines.base import Pictures
from lam.engines.open_job import OpenJob
from lam.errors import LamError, PictureGone
from lam.protocol.chat import Picture
from lam.protocol.pictures import MOST_ASKED, Cache, Piece, Refusal, Want, piece_of

log = logging.getLogger(__name__)

CACHE_BYTES: Final = 16 << 20  # a worker asks several times for pieces of one picture, and several workers for the same
MOST_WAITING: Final = 4 * MOST_ASKED  # pieces that a job waits for
AT_ONCE: Final = 4  # pieces of one job before the broker has to acknowledge them


class Post(Protocol):
    """The way of pieces to the workers."""

    def room(self, worker: str) -> int:
        """Returns the bytes of the largest payload for this worker."""
        ...

    def send_piece(self, worker: str, piece: Piece) -> bool:
        """Sends a piece. Returns False without a connection."""
        ...

    async def flushed(self) -> None:
        """Waits a little until the broker has everything that was sent."""
        ...


class PictureSender:
    """Sends pieces, a few of each job at a time, so that a worker that asks without end gets no more than the broker takes.
    `close` ends all work."""

    def __init__(self, pictures: Pictures, post: Post) -> None:
        self.sent = 0
        self.refused = 0
        self._pictures = pictures
        self._post = post
        self._cache = Cache(CACHE_BYTES)
        self._requests: dict[OpenJob, dict[tuple[str, int], Want]] = {}
        self._tasks: dict[OpenJob, asyncio.Task[None]] = {}

    def ask(self, job: OpenJob, want: Want) -> None:
        """Sends the pieces of a picture that the job names; refuses any other."""
        if want.sha256 not in job.pictures:
            if not job.worker.asked_wrongly:
                job.worker.asked_wrongly = True
                log.warning("The worker %s asks for a picture that its job does not name; it gets none", job.worker.name)
            self.refuse(job.worker.name, want, "not_named")
            return
        requests = self._requests.setdefault(job, {})
        numbers = [number for number in want.pieces if 1 <= number <= job.pictures[want.sha256].size]
        requests.update({(want.sha256, number): want for number in numbers[: MOST_WAITING - len(requests)]})
        if job not in self._tasks:
            self._tasks[job] = asyncio.create_task(self._send(job, requests), name=f"pictures-{job.name}")

    def refuse(self, worker: str, want: Want, reason: Refusal) -> None:
        """Tells a worker that it does not get the picture."""
        self.refused += 1
        self._post.send_piece(worker, Piece(job=want.job, sha256=want.sha256[:64], rejected=reason))

    def drop(self, job: OpenJob) -> None:
        """Sends no more for a job that is closed."""
        self._requests.pop(job, None)
        task = self._tasks.pop(job, None)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for job in list(self._tasks):
            self.drop(job)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, job: OpenJob, requests: dict[tuple[str, int], Want]) -> None:
        try:
            burst = 0
            while requests:
                (sha256, number), want = next(iter(requests.items()))
                data = await self._bytes(job.pictures[sha256])
                if data is None:
                    self.refuse(job.worker.name, want, "gone")
                    for key in [key for key in requests if key[0] == sha256]:
                        del requests[key]
                    continue
                requests.pop((sha256, number), None)
                piece = piece_of(data, want, number, self._post.room(job.worker.name))
                if piece is None:
                    continue
                if not self._post.send_piece(job.worker.name, piece):
                    return  # the worker asks again once it can be reached
                self.sent += 1
                burst += 1
                if burst % AT_ONCE == 0:
                    await self._post.flushed()
        except LamError as error:
            log.warning("The pictures of job %s could not be read; its worker asks again: %s", job.name, error.message)
        except Exception:
            log.exception("The pictures of job %s could not be sent; its worker asks again", job.name)
        finally:
            if self._tasks.get(job) is asyncio.current_task():
                self._requests.pop(job, None)
                del self._tasks[job]

    async def _bytes(self, picture: Picture) -> bytes | None:
        """Returns a picture, None when it is gone."""
        data = self._cache.get(picture.sha256)
        if data is None:
            try:
                data = await self._pictures.read(picture)
            except PictureGone:
                return None
            self._cache.put(picture.sha256, data)
        return data
