"""A job as the gateway sees it: turns the worker's frames into batches of events for one reader.

Requests lost frames again, and gives up a worker that is silent for too long. It knows no broker: what it sends goes through a
`Line`.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Final, Protocol

import msgspec
from msgspec import UNSET, Struct

from lam.engines.base import RouteLost
from lam.engines.paced import paced
from lam.engines.worker_list import KnownWorker
from lam.errors import BrokerUnreachable, ContextExceeded, GenerationError, LlmError, WorkerLost, from_code
from lam.protocol.chat import Picture
from lam.protocol.events import Chunk, EngineEvent, Finished, ImagePiece, Progress, Relabel, Thinking, ToolCall
from lam.protocol.jobs import Accepted, Failed, Frame, FrameEvent, Inbox, JobFinished, Rejected, finish_reason
from lam.protocol.places import Excerpt
from lam.protocol.text import valid
from lam.protocol.tokens import plausible

RECONNECT_PAUSE: Final = 0.5
LONGEST_NAME: Final = 500  # characters of a name that a worker says
OUTPUT: Final = (Chunk, Thinking, ToolCall, Relabel, ImagePiece)


class Silences(Struct, frozen=True, kw_only=True):
    """Waiting times in seconds.

    `status`: between two of our own status messages. `accept`: until an unaccepted job goes elsewhere. `silent`: until an accepted
    job without output goes elsewhere, and until the last frames of a running one are requested, again every `ask` seconds, because
    request and answer can be lost too. `give_up`: until a running job is given up. `broker`: how long the broker may be unavailable
    during a job. `gap`, `longest_gap`: shortest and longest wait before missing frames are requested again. `full`: pause after a
    worker said `busy`. `away`: until a worker with a broken connection is forgotten; it usually returns sooner. `forget`: until a
    silent worker is forgotten. `watch`: between two checks.
    """

    status: float = 10
    accept: float = 3
    silent: float = 15
    give_up: float = 30
    ask: float = 4
    broker: float = 60
    gap: float = 0.3
    longest_gap: float = 5
    full: float = 1
    away: float = 10
    forget: float = 30
    watch: float = 1


class Line(Protocol):
    """The way to the workers, as a job sees it."""

    @property
    def connected(self) -> bool:
        """Whether the broker is connected."""
        ...

    @property
    def problem(self) -> str | None:
        """Why it is not connected, for people."""
        ...

    async def until_change(self, seconds: float) -> None:
        """Waits until the connection or a worker has changed, for up to `seconds`."""
        ...

    def resume(self, job: "OpenJob") -> None:
        """Asks the worker for the frames after the last one that arrived in order."""
        ...

    def pause(self, worker: KnownWorker) -> None:
        """Sends no job to a worker that said `busy`, for a moment."""
        ...


class _Gap:
    """The frames missing after `last`. They are requested after a moment, then less and less often."""

    def __init__(self, last: int, now: float, silences: Silences) -> None:
        self.last = last
        self._next = now + silences.gap
        self._pause = silences.gap
        self._longest = silences.longest_gap

    def due(self, now: float) -> bool:
        if now < self._next:
            return False
        self._pause = min(2 * self._pause, self._longest)
        self._next = now + self._pause
        return True


class OpenJob:
    """An open job. `clock` returns seconds. `chunks`: size and delay for the pieces of a reply that arrives whole; see `paced`.

    `pictures`: those that it names, by hash. `left_out`: ids of pictures of the request that it does not name. `has_output`:
    whether part of the reply was passed on. `can_answer_now`: whether the worker said that the model's thinking can be ended.
    """

    def __init__(
        self,
        name: str,
        worker: KnownWorker,
        line: Line,
        *,
        clock: Callable[[], float],
        silences: Silences,
        chunks: tuple[int, float],
        pictures: Mapping[str, Picture] | None = None,
        left_out: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.worker = worker
        self.pictures = pictures or {}
        self._left_out = left_out
        self.inbox = Inbox()
        self.has_output = False
        self.can_answer_now = False
        self._line = line
        self._clock = clock
        self._silences = silences
        self._chunks = chunks
        self._last_frame = clock()
        self._worker_has_it = False
        self._is_lost = False  # its worker is gone or no longer knows it
        self._last_request = 0.0
        self._gap: _Gap | None = None
        self._events: list[FrameEvent] = []
        self._signs = False
        self._news = asyncio.Event()

    # What arrives

    def take(self, frame: Frame) -> None:
        """Takes a frame of the worker."""
        if any(isinstance(event, Rejected) and event.reason == "unknown_job" for event in frame.events):
            self.lose()  # an answer to our request, without a frame number
            return
        self._worker_has_it = self._worker_has_it or not any(isinstance(event, Rejected) for event in frame.events)
        self._last_frame = self._clock()
        self._signs = self._signs or not frame.silent
        self._events.extend(self.inbox.take(frame))
        self._news.set()

    def hear(self) -> None:
        """Notes that the worker is at work on the job."""
        self._worker_has_it = True
        self._last_frame = self._clock()
        self._signs = True
        self._news.set()

    def lose(self) -> None:
        """Notes that the worker will not go on."""
        self._is_lost = True
        self.wake()

    def wake(self) -> None:
        """Lets the job look at its worker and the connection again."""
        self._news.set()

    # What the reader gets

    async def follow(self) -> AsyncGenerator[list[EngineEvent]]:
        """Yields the reply. Raises RouteLost, WorkerLost, BrokerUnreachable, or the failure of the worker's engine."""
        simulated = not self.worker.status.streaming
        whole: list[EngineEvent] = []
        while True:
            batch, signs, failure = self._read()
            over = failure is not None or (bool(batch) and isinstance(batch[-1], Finished))
            if simulated:
                whole += [event for event in batch if not isinstance(event, Progress)]
                batch = [event for event in batch if isinstance(event, Progress)]
            if batch or (signs and not over):
                yield batch
            output = whole if simulated and over else batch
            self.has_output = self.has_output or any(isinstance(event, OUTPUT) for event in output)
            if over and simulated:
                async for piece in paced(whole, *self._chunks):
                    yield piece
            if failure is not None:
                raise failure
            if over:
                return
            await self._until_news()

    def _read(self) -> tuple[list[EngineEvent], bool, GenerationError | None]:
        """Returns the new events, whether the model gave a sign of life, and how the job failed. Raises when it was rejected."""
        events, signs = self._events, self._signs
        self._events, self._signs = [], False
        self._news.clear()
        batch: list[EngineEvent] = []
        for event in events:
            if isinstance(event, Accepted):
                # the worker had not listed its models yet, or they changed
                if event.model and event.model not in {served.name for served in self.worker.status.models}:
                    batch.append(Progress("prompt", model=event.model, simulated=not self.worker.status.streaming))
            elif isinstance(event, Rejected):
                raise self._rejection(event)
            elif isinstance(event, Failed):
                return batch, signs, _failure(event)
            elif isinstance(event, Progress):
                self.can_answer_now = self.can_answer_now or event.can_answer_now is True
                # which server answers is not for a worker to say
                batch.append(msgspec.structs.replace(event, server=UNSET, mode=UNSET))
            else:
                batch.append(self._finish(event) if isinstance(event, JobFinished) else event)
        return batch, signs, None

    def _finish(self, event: JobFinished) -> Finished:
        usage = plausible(event.usage) if event.usage else None
        about = {"shown": [msgspec.to_builtins(_named(each)) for each in event.shown]} if event.shown else None
        named = {picture.id for picture in self.pictures.values()}
        return Finished(
            finish_reason(event),
            usage,
            event.tokens_per_second,
            event.model,
            not self.worker.status.streaming,
            about,
            (*self._left_out, *(name for name in event.pictures_left_out if name in named)),
        )

    def _rejection(self, rejected: Rejected) -> Exception:
        """Returns the error that a rejection means for the run."""
        if self.has_output:
            return WorkerLost()
        if rejected.reason == "busy":
            self._line.pause(self.worker)
        if rejected.reason in ("invalid", "not_supported"):
            return LlmError(f"The worker refused the job ({rejected.message or rejected.reason}).", retryable=False)
        return RouteLost(had_job=self._worker_has_it)

    async def _until_news(self) -> None:
        """Waits for news until it is time to act, and acts. Raises when the job is lost."""
        now, seconds = self._clock(), self._silences
        if self._is_lost or (not self.has_output and self.worker.away_since is not None):
            raise self._loss()
        if not self._line.connected:
            await self._until_reconnected()
            self._last_frame = self._clock()
            return
        quiet = now - self._last_frame
        if not self._worker_has_it:
            if quiet >= seconds.accept:
                raise RouteLost
            await self._wait(seconds.accept - quiet)
            return
        if quiet >= (seconds.give_up if self.has_output else seconds.silent):
            raise self._loss()
        if self.inbox.missing:
            if self._gap is None or self._gap.last != self.inbox.last:
                self._gap = _Gap(self.inbox.last, now, seconds)
            if self._gap.due(now):
                self._resume(now)
            await self._wait(seconds.gap)
            return
        self._gap = None
        if not self.has_output or quiet < seconds.silent:
            await self._wait(seconds.silent - quiet)
            return
        if now - self._last_request >= seconds.ask:
            self._resume(now)
        await self._wait(min(seconds.ask, seconds.give_up - quiet))

    def _resume(self, now: float) -> None:
        self._last_request = now
        self._line.resume(self)

    def _loss(self) -> Exception:
        return WorkerLost() if self.has_output else RouteLost(had_job=self._worker_has_it)

    async def _until_reconnected(self) -> None:
        """Waits for the broker. Raises BrokerUnreachable after `broker` seconds, RouteLost when the reader saw nothing yet."""
        deadline = self._clock() + self._silences.broker
        while not self._line.connected:
            if self._clock() >= deadline:
                raise BrokerUnreachable(self._line.problem, interrupts=True) if self.has_output else RouteLost
            await self._line.until_change(RECONNECT_PAUSE)

    async def _wait(self, seconds: float) -> None:
        if not self._news.is_set():
            try:
                async with asyncio.timeout(max(0.01, seconds)):
                    await self._news.wait()
            except TimeoutError:
                pass


def _failure(event: Failed) -> GenerationError:
    known = from_code(event.code, event.message)
    failure = known if isinstance(known, GenerationError) else LlmError(event.message)
    failure.retryable = event.retryable
    if isinstance(failure, ContextExceeded):
        failure.prompt_tokens, failure.limit = event.prompt_tokens, event.limit
    return failure


def _named(excerpt: Excerpt) -> Excerpt:
    return msgspec.structs.replace(excerpt, name=valid(excerpt.name)[:LONGEST_NAME])
