"""The pump: iterates an engine, writes what comes into the run's log, and ends the run exactly once.

Two tasks. The outer one is cancelled by nobody: it outlives every stop, commits the ending and only then appends the terminal
event. The inner one waits for a place and for tokens; stop, timeout and drain cancel it, and leaving the engine's context closes
the connection to the model.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET

from lam.engines.base import Engine
from lam.errors import ContextExceeded, GenerationError, GenerationTimeout, Interrupted, LlmError, StorageUnavailable
from lam.generation.admission import Ticket
from lam.generation.run import Run, Stop
from lam.generation.spending import estimated_usage, spent
from lam.protocol.events import (
    Chunk,
    ContentEvent,
    Done,
    EngineEvent,
    Error,
    Event,
    Finished,
    FinishReason,
    Metadata,
    Progress,
    Thinking,
    Timings,
    ToolCall,
    Usage,
)
from lam.protocol.snapshot import events_of
from lam.protocol.text import utf16_length, utf16_prefix
from lam.storage.database import Database
from lam.storage.models import Ending, Status

log = logging.getLogger(__name__)

REPEAT_SECONDS: Final = 5
COMMIT_SECONDS: Final = 10
_COMMIT_PAUSE: Final = 0.25
_LATE_PAUSE: Final = 1


class Pump:
    """Drives one run from its first event to its last. `longest`: characters of text and thoughts together; more are cut off."""

    def __init__(
        self, run: Run, engine: Engine, ticket: Ticket, database: Database, *, timeout: float, longest: int = 2_000_000
    ) -> None:
        self._run = run
        self._engine = engine
        self._ticket = ticket
        self._database = database
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._granted: float | None = None
        self._first_token: float | None = None
        self._life = self._began  # when the model last gave a sign of life
        self._shown = self._began  # when the reader was last told what is being waited for
        self._progress: Progress | None = None
        self._model = engine.answering(run.order.request.model)
        self._simulated = engine.simulates(run.order.request.model)
        self._finished: Finished | None = None
        self._room = max(1, longest - len(run.order.so_far))
        self._cut_off = False  # the model would have said more
        self._pieces = 0
        self._prompt_tokens: int | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}

    async def drive(self) -> None:
        """The outer task."""
        run = self._run
        self._announce()
        inner = asyncio.create_task(self._produce(), name=f"produce-{run.stream_id}")
        run.cancel = inner.cancel
        if run.stop_request is not None:
            inner.cancel()
        await asyncio.wait({inner})
        run.settled = True
        for timer in self._timers.values():
            timer.cancel()
        self._ticket.leave(model_is_free=self._model_is_free(inner))
        try:
            await self._end(self._failure(inner))
        finally:
            run.saved.set()

    def _model_is_free(self, inner: asyncio.Task[None]) -> bool:
        """Whether the end itself proves that; after a connection that we closed the server has to be seen idle."""
        if self._granted is None:
            return True
        if self._finished is not None:
            return not self._cut_off
        error = None if inner.cancelled() else inner.exception()
        return isinstance(error, GenerationError) and error.model_is_free

    def _announce(self) -> None:
        order = self._run.order
        metadata = Metadata(
            order.session_id,
            order.user_message_id,
            order.session_key,
            self._run.stream_id,
            order.assistant_message_id,
            self._engine.mode,
            self._model,
            self._simulated,
            continues=utf16_length(order.so_far) if order.so_far else UNSET,
        )
        thoughts = order.thought_so_far if order.so_far else ""
        self._run.open([metadata, *events_of(order.so_far, thoughts, order.calls_so_far)])
        self._ticket.moved = self._queued
        if self._ticket.position is not None:
            self._queued(self._ticket.position)
        self._later("repeat", REPEAT_SECONDS, self._repeat_progress)
        self._check_served(self._began)

    # The inner task

    async def _produce(self) -> None:
        await self._ticket.granted()
        self._granted = self._life = self._loop.time()
        announced, asked = self._model, self._run.order.request.model
        self._model, self._simulated = self._engine.answering(asked), self._engine.simulates(asked)  # they may have changed
        if self._progress is not None or self._model != announced:
            self._show(Progress("prompt", model=self._model or UNSET))
        self._later("silence", self._timeout, self._check_silence)
        async with self._engine.generate(self._run.order.request) as batches:
            async for batch in batches:
                self._take(batch)
                if self._finished is not None:
                    self._run.settled = True
                    return

    def _take(self, batch: list[EngineEvent]) -> None:
        """Everything that happens for a token: keep it short."""
        if self._first_token is None:
            self._take_early(batch)
        elif batch:
            self._life = self._loop.time()
            last = batch[-1]
            if isinstance(last, Finished):
                self._finished = last
                batch = batch[:-1]
            if batch:
                self._write(batch)  # type: ignore[arg-type]  # Finished was taken off

    def _take_early(self, batch: list[EngineEvent]) -> None:
        """Before the first token every read is a sign of life, and progress is told."""
        self._life = self._loop.time()
        for event in batch:
            if isinstance(event, Finished):
                self._finished = self._finished or event
            elif isinstance(event, Progress):
                if event.model is not UNSET:
                    self._model = event.model
                if event.simulated is not UNSET:
                    self._simulated = event.simulated
                if event.total is not UNSET:
                    self._prompt_tokens = event.total
                self._show(event)
            else:
                self._first_token = self._first_token or self._life
                self._write([event])
            if self._cut_off:
                return

    def _write(self, events: list[ContentEvent | Progress]) -> None:
        size = 0
        for event in events:
            kind = type(event)
            if kind is Chunk or kind is Thinking:
                size += len(event.content)  # type: ignore[union-attr]  # `is` is a third of isinstance's price here
            elif kind is ToolCall:
                size += len(event.arguments) + len(event.name or "") + len(event.id or "")  # type: ignore[union-attr]
        if size > self._room:
            events = self._cut(events)
        self._room -= size
        self._pieces += len(events)
        self._run.write(events)

    def _cut(self, events: list[ContentEvent | Progress]) -> list[ContentEvent | Progress]:
        """What of the events there is room for. The run ends with them."""
        room, kept = self._room, list[ContentEvent | Progress]()
        for event in events:
            if isinstance(event, Chunk | Thinking):
                event = type(event)(event.content[:room])
                room -= len(event.content)
            elif isinstance(event, ToolCall):
                event = ToolCall(event.index, event.id, event.name, event.arguments[:room])
                room -= len(event.arguments)
            kept.append(event)
            if room <= 0:
                break
        self._cut_off = True
        self._finished = Finished("length", model=self._model, simulated=bool(self._simulated))
        return kept

    # What is being waited for

    def _queued(self, position: int) -> None:
        self._show(Progress("queued", position=position))

    def _show(self, progress: Progress) -> None:
        self._progress = progress
        self._shown = self._loop.time()
        self._run.write([progress])

    def _repeat_progress(self) -> None:
        if self._first_token is not None:
            return
        left = self._shown + REPEAT_SECONDS - self._loop.time()
        if left <= 0:
            self._show(self._progress or Progress("prompt"))
            left = REPEAT_SECONDS
        self._later("repeat", left, self._repeat_progress)

    def _check_silence(self) -> None:
        left = self._life + self._timeout - self._loop.time()
        if left <= 0:
            self._run.stop(Stop("timeout"))
        else:
            self._later("silence", left, self._check_silence)

    def _check_served(self, served: float) -> None:
        """A run whose lane has no places at all does not wait for ever. `served`: when it last had any."""
        now = self._loop.time()
        if self._granted is not None:
            return
        if self._ticket.served:
            served = now
        if now - served >= self._timeout:
            self._run.stop(Stop("unserved"))
        else:
            self._later("served", min(1, self._timeout / 4), lambda: self._check_served(served))

    def _later(self, name: str, seconds: float, callback: Callable[[], None]) -> None:
        self._timers[name] = self._loop.call_later(seconds, callback)

    # The ending

    def _failure(self, inner: asyncio.Task[None]) -> GenerationError | None:
        """Why the reply is not complete; None when it is, or was stopped on purpose."""
        if self._finished is not None:
            return None
        stop = self._run.stop_request
        if stop is not None:
            if stop.reason == "unserved":
                return self._engine.missing(self._model)
            if stop.reason == "timeout":
                return GenerationTimeout(f"The model gave no sign of life for {self._timeout:g} seconds.")
            return Interrupted("The gateway was stopped in the middle of the reply.") if stop.reason == "drain" else None
        error = None if inner.cancelled() else inner.exception()
        if isinstance(error, GenerationError):
            return error
        if error is not None:
            log.error("A run ended with an error that nobody foresaw", exc_info=error)
            return LlmError("Something went wrong inside the gateway; its log says more.")
        return Interrupted()

    async def _end(self, failure: GenerationError | None) -> None:
        """Commits the ending, then appends the terminal event. A database that does not take it in time changes the ending for
        the readers; the writing goes on until it succeeds."""
        run = self._run
        ending, terminal = self._ending(failure)
        late = self._loop.call_later(COMMIT_SECONDS, lambda: run.close(*self._ending(StorageUnavailable())))
        try:
            while True:
                try:
                    await self._commit(run.ending or ending)
                    break
                except StorageUnavailable:
                    await asyncio.sleep(_LATE_PAUSE if run.ended.is_set() else _COMMIT_PAUSE)
        except Exception:
            log.exception("The ending of %s cannot be stored", run.stream_id)
            ending, terminal = self._ending(StorageUnavailable())
        finally:
            late.cancel()
        if not run.ended.is_set():
            run.close(ending, terminal)

    async def _commit(self, ending: Ending) -> None:
        """The message as it stays, and what it cost, in one transaction."""
        order, now = self._run.order, datetime.now(UTC)
        async with self._database.write() as unit:
            if await unit.messages.finish(order.assistant_message_id, ending, now, forget=self._run.has_checkpoints):
                await unit.generations.add(spent(order.user_id, order.session_id, "reply", ending, now))

    def _ending(self, failure: GenerationError | None) -> tuple[Ending, Event]:
        snapshot, message_id = self._run.snapshot, self._run.order.assistant_message_id
        text, status, reason = snapshot.text, self._status(failure), self._finish_reason(failure)
        stop = self._run.stop_request
        if status == "cancelled" and stop is not None and stop.shown_chars is not None:
            text = utf16_prefix(text, stop.shown_chars)
        finished = self._finished
        simulated = finished.simulated if finished else self._simulated
        model = (finished.model if finished else None) or self._model
        usage = (finished.usage if finished else None) or self._estimated_usage()
        timings = self._timings()
        terminal: Event = Done(message_id, text, reason or "stop", model, simulated, usage, timings)
        error = None
        if failure is not None:
            terminal = Error(failure.message, failure.code, failure.retryable, message_id)
            error = {"code": failure.code, "message": failure.message, "retryable": failure.retryable}
            if isinstance(failure, ContextExceeded) and failure.limit is not None:
                error["limit"] = failure.limit
        metadata: dict[str, Any] = {"mode": self._engine.mode, "model": model, "simulated": simulated, "finish_reason": reason}
        metadata |= self._run.order.about or {}
        if finished and finished.about:
            metadata |= finished.about
        if snapshot.calls:
            metadata["tool_calls"] = snapshot.calls
        return (
            Ending(
                status,
                text,
                snapshot.thinking or None,
                metadata,
                _plain(usage),
                _plain(timings),
                error,
                unread=not self._run.has_readers,
            ),
            terminal,
        )

    def _estimated_usage(self) -> Usage | None:
        order = self._run.order
        if not self._pieces:
            return None
        pieces = 0 if self._simulated else self._pieces
        return estimated_usage(self._run.snapshot, order.request.turns, pieces=pieces, prompt_tokens=self._prompt_tokens)

    def _status(self, failure: GenerationError | None) -> Status:
        if failure is not None:
            return failure.outcome
        return "complete" if self._finished is not None else "cancelled"

    def _finish_reason(self, failure: GenerationError | None) -> FinishReason | None:
        if failure is not None:
            return None
        return self._finished.finish_reason if self._finished is not None else "cancelled"

    def _timings(self) -> Timings:
        def since(moment: float | None) -> int | None:
            return None if moment is None else round(1000 * (moment - self._began))

        speed = self._finished.tokens_per_second if self._finished else None
        total = since(self._loop.time())
        return Timings(since(self._granted), since(self._first_token), total, None if speed is None else round(speed, 2))


def _plain(value: Usage | Timings | None) -> dict[str, Any] | None:
    plain: dict[str, Any] | None = None if value is None else msgspec.to_builtins(value)
    return plain
