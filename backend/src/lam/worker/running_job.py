"""One job: turns an engine's events into frames, the first token at once, then a frame every 30 ms.

It knows no gateway and no broker: it publishes through a function.
"""

import asyncio
import logging
from collections.abc import Callable

from lam.engines.catalog import Catalog
from lam.engines.queue import Ticket
from lam.errors import ContextExceeded, GenerationError, Interrupted, LlmError
from lam.protocol.chat import ChatRequest
from lam.protocol.events import Chunk, EngineEvent, Finished, Progress, Relabel, Thinking, ToolCall
from lam.protocol.jobs import Accepted, Failed, FrameEvent, Outbox, frame_event
from lam.protocol.snapshot import Snapshot

log = logging.getLogger(__name__)


class RunningJob:
    """A job that runs from its creation until `done`. Its frames stay until the worker releases it. `after_end`: called when it
    ends by itself. `beat`, `gather`: see `worker.Beats`."""

    def __init__(
        self,
        name: str,
        request: ChatRequest,
        catalog: Catalog,
        gateway: str,
        place: Ticket,
        *,
        publish: Callable[[bytes], None],
        after_end: Callable[[], None],
        max_bytes: int,
        streaming: bool,
        beat: float,
        gather: float,
    ) -> None:
        self.gateway = gateway
        self.ended = asyncio.Event()
        self._place = place
        self._name = name
        self._request = request
        self._catalog = catalog
        self._publish = publish
        self._after_end = after_end
        self._streaming = streaming
        self._beat_seconds = beat
        self._gather_seconds = gather
        self._outbox = Outbox(name, max_bytes)
        self._loop = asyncio.get_running_loop()
        self.began = self._loop.time()
        self._has_output = False  # the first token is published
        self._alive = True  # the model gave a sign of life since the last frame
        self._gathering: asyncio.TimerHandle | None = None
        self._beating = self._loop.call_later(self._beat_seconds, self._beat)
        self._tell([Accepted(place.model_name)])
        self._task = asyncio.create_task(self._run(), name=f"job-{name}")
        self._task.add_done_callback(lambda _: place.leave(model_is_free=True))  # in case it was cancelled before it began

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
            async with self._catalog.generate(self._request, self._place) as batches:
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
        self._tell([self._framed(event) for event in in_one_piece(whole)])
        if failure is not None:
            self._tell([failed(failure)])
        elif not self._outbox.ended:
            self._tell([Failed(code=Interrupted.code, message=Interrupted.summary)])
        self._finish()
        self._after_end()

    def _take(self, batch: list[EngineEvent]) -> None:
        if not batch:
            return
        self._outbox.add([self._framed(event) for event in batch])
        first = not self._has_output and any(isinstance(event, Chunk | Thinking | ToolCall | Relabel) for event in batch)
        if first or isinstance(batch[-1], Progress | Finished):
            self._has_output = self._has_output or first
            self._flush()
        elif self._gathering is None:
            self._gathering = self._loop.call_later(self._gather_seconds, self._flush)

    def _framed(self, event: EngineEvent) -> FrameEvent:
        return frame_event(event, accepts=self._request.relabels)

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
    """Returns the events of an answer in one piece: the reasoning, the text, the tool calls, the ending."""
    snapshot = Snapshot()
    for event in events:
        snapshot.add(event)
    thinking, text = snapshot.thinking, snapshot.text
    rest = [event for event in events if isinstance(event, ToolCall | Finished)]
    return [*([Thinking(thinking)] if thinking else []), *([Chunk(text)] if text else []), *rest]
