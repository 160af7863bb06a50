"""A job as the gateway sees it: what its worker sent, put in order, for the one who reads it."""

import asyncio

from lam.engines.worker_list import Seen
from lam.protocol.jobs import Frame, FrameEvent, Inbox, Rejected


class OpenJob:
    """`heard`: when a frame last came, by the loop's clock. `lost`: its worker is gone, or knows it no more."""

    def __init__(self, name: str, worker: Seen, now: float) -> None:
        self.name = name
        self.worker = worker
        self.key = (worker.name, worker.status.instance)
        self.inbox = Inbox()
        self.heard = now  # when a frame last came
        self.lost = False
        self.accepted = False
        self.begun = False  # something of its reply was given on
        self._events: list[FrameEvent] = []
        self._signs = False
        self._news = asyncio.Event()

    def take(self, frame: Frame, now: float) -> None:
        if any(isinstance(event, Rejected) and event.reason == "unknown_job" for event in frame.events):
            self.lose()  # an answer to a question of ours, with no number of its own
            return
        self.heard = now
        self._signs = self._signs or not frame.silent
        self._events.extend(self.inbox.take(frame))
        self._news.set()

    def lose(self) -> None:
        self.lost = True
        self.wake()

    def wake(self) -> None:
        """There is something to look at."""
        self._news.set()

    def read(self) -> tuple[list[FrameEvent], bool]:
        """What has come since the last time, and whether the model gave a sign of life."""
        events, signs = self._events, self._signs
        self._events, self._signs = [], False
        self._news.clear()
        return events, signs

    async def wait(self, seconds: float) -> None:
        """Until there is news, or that long."""
        if not self._news.is_set():
            try:
                async with asyncio.timeout(max(0.01, seconds)):
                    await self._news.wait()
            except TimeoutError:
                pass
