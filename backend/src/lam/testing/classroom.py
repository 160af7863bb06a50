"""A class of guests in a room: each asks, reads the reply to its end, thinks, and asks again. It checks texts and positions.

It must not know how the gateway was started.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

from msgspec import Struct, field

from lam.client.guest import Guest
from lam.errors import LamError
from lam.protocol.events import Chunk, Done, Error, Progress
from lam.testing.replies import Reply

WORDS: int = 40
"""Of each reply."""


def reply_to(text: str, rate: float) -> Reply:
    """Returns the scripted reply to a pupil's question, which repeats it: no two are the same."""
    return Reply(tuple(f"{text} {number} " for number in range(WORDS)), rate=rate)


class Wait(Struct, frozen=True):
    """How a pupil waited: the first position, the seconds to the first word, and how many others got their place meanwhile."""

    position: int
    seconds: float
    others: int


class Report(Struct, kw_only=True):
    """What a class has seen. `lost`: replies with another text than the model's. `moved_back`: positions that grew. `most_at_once`:
    replies that had begun and not ended, as their readers saw it."""

    asked: int = 0
    answered: int = 0
    lost: list[str] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    moved_back: int = 0
    most_at_once: int = 0
    waits: list[Wait] = field(default_factory=list)


class Classroom:
    """A class behind one address. `think`: the longest pause between two questions, in seconds."""

    def __init__(self, url: str, code: str, *, pupils: int, think: float, seed: int = 0) -> None:
        self.report = Report()
        self._url, self._code = url, code
        self._pupils, self._think = pupils, think
        self._random = random.Random(seed)  # noqa: S311  # no secret depends on when somebody pauses
        self._started = 0
        self._writing = 0

    async def run(self, seconds: float) -> Sequence[Guest]:
        """Lets everybody in, and lets them ask for so long, each at least once. Replies that run then are read to their end."""
        guests = await asyncio.gather(*(Guest.enter(self._url, self._code, f"Pupil {number}") for number in range(self._pupils)))
        async with AsyncExitStack() as stack:
            for guest in guests:
                await stack.enter_async_context(guest)
            ends = time.monotonic() + seconds
            await asyncio.gather(*(self._learn(number, guest, ends) for number, guest in enumerate(guests)))
        return guests

    async def _learn(self, number: int, guest: Guest, ends: float) -> None:
        turn = 0
        while turn == 0 or time.monotonic() < ends:
            await asyncio.sleep(self._random.uniform(0, self._think))
            turn += 1
            self.report.asked += 1
            try:
                await self._ask(guest, f"<{number}.{turn}>")
            except LamError as error:
                self.report.refused[error.code] = self.report.refused.get(error.code, 0) + 1

    async def _ask(self, guest: Guest, question: str) -> None:
        report, expected = self.report, "".join(reply_to(question, 0).pieces)
        asked_at, before = time.monotonic(), self._started
        first: int | None = None
        position: int | None = None
        text = ""
        try:
            async for event in guest.send(guest.session, question):
                if isinstance(event, Progress) and isinstance(event.position, int) and not text:
                    report.moved_back += position is not None and event.position > position
                    position = event.position
                    first = position if first is None else first
                elif isinstance(event, Chunk):
                    if not text:
                        waited = time.monotonic() - asked_at
                        report.waits.append(Wait(-1 if first is None else first, waited, self._started - before))
                        self._started += 1
                        self._writing += 1
                        report.most_at_once = max(report.most_at_once, self._writing)
                    text += event.content
                elif isinstance(event, Done):
                    report.answered += 1
                    if not text == event.full_content == expected:
                        report.lost.append(f"{question}: {len(text)}, {len(event.full_content)} of {len(expected)} characters")
                elif isinstance(event, Error):
                    report.lost.append(f"{question}: {event.code} {event.message}")
        finally:
            self._writing -= bool(text)
