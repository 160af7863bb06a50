"""One job: turns an engine's events into frames, the first token at once, then a frame every 30 ms.

It knows no gateway and no broker: it publishes through a function.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from lam.engines.base import Batches
from lam.engines.queue import Ticket
from lam.errors import ContextExceeded, GenerationError, Interrupted, LamError, LlmError
from lam.protocol.chat import ChatRequest
from lam.protocol.events import Chunk, EngineEvent, Finished, ImagePiece, Progress, Relabel, Thinking, ToolCall
from lam.protocol.jobs import Accepted, Failed, FrameEvent, Outbox, frame_events
from lam.protocol.snapshot import Snapshot

log = logging.getLogger(__name__)

Producer = AbstractAsyncContextManager[Batches]
OUTPUT: Final = (Chunk, Thinking, ToolCall, Relabel, ImagePiece)


class RunningJob:
    """A job that runs from its creation until `done`. `producer`: what it publishes. `place`: None for one that needs none. Its
    frames stay until the worker releases it. `after_end`: called when it ends by itself. `media`: the gateway takes pictures in
    replies. `beat`, `gather`: see `worker.Beats`."""

    def __init__(
        self,
        name: str,
        request: ChatRequest,
        producer: Producer,
        gateway: str,
        place: Ticket | None,
        *,
        publish: Callable[[bytes], None],
        after_end: Callable[[], None],
        max_bytes: int,
        streaming: bool,
        media: bool,
        beat: float,
        gather: float,
    ) -> None:
        self.gateway = gateway
        self.ended = asyncio.Event()
        self._place = place
        self._name = name
        self._request = request
        self._producer = producer
        self._publish = publish
        self._after_end = after_end
        self._streaming = streaming
        self._media = media
        self._beat_seconds = beat
        self._gather_seconds = gather
        self._outbox = Outbox(name, max_bytes)
        self._loop = asyncio.get_running_loop()
        self.began = self._loop.time()
        self._has_output = False  # the first token is published
        self._requests: set[asyncio.Task[None]] = set()
        self._alive = True  # the model gave a sign of life since the last frame
        self._gathering: asyncio.TimerHandle | None = None
        self._beating = self._loop.call_later(self._beat_seconds, self._beat)
        self._tell([Accepted(place.model_name if place is not None else None)])
        self._task = asyncio.create_task(self._run(), name=f"job-{name}")
        if place is not None:  # in case it was cancelled before it began
            self._task.add_done_callback(lambda _: place.leave(model_is_free=True))

    @property
    def done(self) -> bool:
        return self.ended.is_set()

    def cancel(self) -> None:
        """Cancels the job and frees the model at once. Publishes nothing more."""
        if not self.done:
            self._finish()
            self._task.cancel()

    def interrupt(self, message: str) -> None:
        """Cancels the job and tells its gateway."""
        if not self.done:
            self._tell([Failed(code=Interrupted.code, message=message)])
            self.cancel()

    def hear(self) -> None:
        """Notes that the job goes on before its model says anything: its pictures arrive."""
        self._alive = True

    def answer_now(self) -> None:
        """Makes the model end its thinking, if it thinks."""
        if not self.done and self._place is not None:
            self._requests.add(task := asyncio.create_task(self._end_thinking(self._place), name=f"answer-now-{self._name}"))
            task.add_done_callback(self._requests.discard)

    async def _end_thinking(self, place: Ticket) -> None:
        try:
            await place.answer_now()
        except LamError as error:
            log.info("The thinking of job %s goes on: %s", self._name, error.message)

    async def end(self) -> None:
        self.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def resume(self, after: int) -> None:
        """Publishes the frames after that number again."""
        for frame in self._outbox.after(after):
            self._publish(frame)

    async def _run(self) -> None:
        failure: GenerationError | None = None
        whole: list[EngineEvent] = []
        try:
            async with self._producer as batches:
                async for batch in batches:
                    self._alive = True
                    if self._streaming:
                        self._take(batch)
                    else:
                        whole.extend(batch)
                    if batch and isinstance(batch[-1], Finished):
                        break
        except GenerationError as error:
            failure = error
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("The job %s ended with an error that nobody foresaw", self._name)
            failure = LlmError("Something went wrong inside the worker; its log says more.")
        if self.done:
            return
        self._tell(self._framed(in_one_piece(whole)))
        if failure is not None:
            self._tell([failed(failure)])
        elif not self._outbox.ended:
            self._tell([Failed(code=Interrupted.code, message=Interrupted.summary)])
        self._finish()
        self._after_end()

    def _take(self, batch: list[EngineEvent]) -> None:
        if not batch:
            return
        self._outbox.add(self._framed(batch))
        first = not self._has_output and any(isinstance(event, OUTPUT) for event in batch)
        if first or isinstance(batch[-1], Progress | Finished):
            self._has_output = self._has_output or first
            self._flush()
        elif self._gathering is None:
            self._gathering = self._loop.call_later(self._gather_seconds, self._flush)

    def _framed(self, events: list[EngineEvent]) -> list[FrameEvent]:
        return frame_events(events, accepts=self._request.relabels, media=self._media)

    def _tell(self, events: list[FrameEvent]) -> None:
        self._outbox.add(events)
        self._flush()

    def _flush(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        frames = self._outbox.cut()
        if frames:
            self._beating.cancel()
            self._alive = False
            for frame in frames:
                self._publish(frame)
            if not self.done:
                self._beating = self._loop.call_later(self._beat_seconds, self._beat)

    def _beat(self) -> None:
        self._publish(self._outbox.beat(silent=not self._alive))
        self._alive = False
        self._beating = self._loop.call_later(self._beat_seconds, self._beat)

    def _finish(self) -> None:
        self.ended.set()
        self._beating.cancel()
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None


def failed(failure: GenerationError) -> Failed:
    exceeded = failure if isinstance(failure, ContextExceeded) else None
    return Failed(
        code=failure.code,
        message=failure.message,
        retryable=failure.retryable,
        prompt_tokens=exceeded.prompt_tokens if exceeded else None,
        limit=exceeded.limit if exceeded else None,
    )


def in_one_piece(events: list[EngineEvent]) -> list[EngineEvent]:
    """Returns the events of an answer in one piece: the reasoning, the text, the pictures and tool calls, the ending."""
    snapshot = Snapshot()
    for event in events:
        snapshot.add(event)
    thinking, text = snapshot.thinking, snapshot.text
    rest = [event for event in events if isinstance(event, ImagePiece | ToolCall | Finished)]
    return [*([Thinking(thinking)] if thinking else []), *([Chunk(text)] if text else []), *rest]
