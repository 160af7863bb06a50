"""A job as the gateway sees it: puts the worker's frames in order for one reader.

It sends nothing and knows no broker.
"""

import asyncio

from lam.engines.worker_list import KnownWorker
from lam.protocol.jobs import Frame, FrameEvent, Inbox, Rejected


class OpenJob:
    """An open job. `heard`: time of its last frame, by the loop's clock. `lost`: its worker is gone or no longer knows it."""

    def __init__(self, name: str, worker: KnownWorker, now: float) -> None:
        self.name = name
        self.worker = worker
        self.key = (worker.name, worker.status.instance)
        self.inbox = Inbox()
        self.heard = now  # time of the last frame
        self.lost = False
        self.accepted = False
        self.begun = False  # part of the reply was passed on
        self._events: list[FrameEvent] = []
        self._signs = False
        self._news = asyncio.Event()

    def take(self, frame: Frame, now: float) -> None:
        if any(isinstance(event, Rejected) and event.reason == "unknown_job" for event in frame.events):
            self.lose()  # an answer to our request, without a frame number
            return
        self.heard = now
        self._signs = self._signs or not frame.silent
        self._events.extend(self.inbox.take(frame))
        self._news.set()

    def lose(self) -> None:
        self.lost = True
        self.wake()

    def wake(self) -> None:
        """Wakes `wait`."""
        self._news.set()

    def read(self) -> tuple[list[FrameEvent], bool]:
        """Returns the new events, and whether the model gave a sign of life."""
        events, signs = self._events, self._signs
        self._events, self._signs = [], False
        self._news.clear()
        return events, signs

    async def wait(self, seconds: float) -> None:
        """Waits for news, for up to `seconds`."""
        if not self._news.is_set():
            try:
                async with asyncio.timeout(max(0.01, seconds)):
                    await self._news.wait()
            except TimeoutError:
                pass
