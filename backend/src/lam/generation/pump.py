"""The pump takes a producer's events, writes them into the run's log, and ends the run exactly once.

It uses two tasks. Nobody cancels the outer task: it survives every stop, commits the outcome, and only then appends the last event.
The inner task waits for events. Stop, timeout and drain cancel it, and leaving the producer's context closes the connection to the
model.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from msgspec import UNSET, Struct

from lam.errors import ContextExceeded, GenerationError, GenerationTimeout, Interrupted, LeaseLost, LlmError, StorageUnavailable
from lam.generation.contracts import Batches, Producer, Sink
from lam.generation.run import Life, Run, Stop
from lam.generation.usage import estimated_usage
from lam.protocol.events import (
    Chunk,
    ContentEvent,
    EngineEvent,
    Event,
    Finished,
    FinishReason,
    ImagePiece,
    Metadata,
    Mode,
    Progress,
    Thinking,
    Timings,
    ToolCall,
    Usage,
)
from lam.protocol.facts import Facts, Failure
from lam.protocol.outcome import Outcome, Status
from lam.protocol.parts import text_of, with_text
from lam.protocol.snapshot import Snapshot
from lam.protocol.text import utf16_length, utf16_prefix

log = logging.getLogger(__name__)


class Limits(Struct, frozen=True, kw_only=True):
    """The pump's limits for a run, in seconds, except `reply_chars`: the most characters of text and thoughts together.

    `silence`: the longest time without a sign of life from the model. `repeat`: how often the pump repeats what the run waits for.
    `commit`: how long the database may go without a success, or refuse the result, before readers get their last event although the
    result is not stored yet. `retry`, `late_retry`: pauses between attempts to store it.
    """

    silence: float = 300
    reply_chars: int = 2_000_000
    repeat: float = 5
    commit: float = 10
    retry: float = 0.25
    late_retry: float = 1


AWAITING_PLACE: Final = ("queued", "unreachable", "recovering")  # stages


class Pump:
    """Drives one run from its first event to its last. `opening`: its first events, where they are not the sink's. `moved_at()`:
    the event loop's time of the database's last success."""

    def __init__(
        self,
        run: Run,
        producer: Producer,
        limits: Limits,
        opening: Sequence[Event] | None = None,
        moved_at: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._run = run
        self._sink: Sink = run.sink
        self._producer = producer
        self._limits = limits
        self._opening = opening
        self._moved_at = moved_at
        self._refused_at: float | None = None  # when the database first refused the result
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._granted: float | None = None
        self._first_token: float | None = None
        self._life = self._began  # time of the model's last sign of life
        self._progress_time = self._began  # time of the last progress event
        self._progress: Progress | None = None
        self._early = True  # until the first token, and again until a reply that was broken off goes on
        self._awaits = False  # the last batch said that the run waits for a place
        self._mode: Mode | None = None
        self._server: str | None = None
        self._model: str | None = None
        self._simulated: bool | None = None
        self._finished: Finished | None = None
        self._room = limits.reply_chars
        self._cut_off = False  # the reply exceeded `reply_chars`
        self._pieces = 0
        self._prompt_tokens: int | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}

    async def drive(self) -> None:
        """Drives the run until its result is stored. This is the outer task."""
        run = self._run
        inner: asyncio.Task[None] | None = None
        try:
            async with self._producer as batches:
                self._open()
                inner = asyncio.create_task(self._take_all(batches), name=f"produce-{run.id}")
                run.cancel = inner.cancel
                if run.stop_request is not None:
                    inner.cancel()
                await asyncio.wait({inner})
                run.advance(Life.ENDING)
        except Exception:
            if inner is None:
                raise
            log.exception("The producer of %s failed to close", run.id)  # the events are complete all the same
            run.advance(Life.ENDING)
        for timer in self._timers.values():
            timer.cancel()
        if run.is_lost:
            run.abandon()
        else:
            await self._end(self._failure(inner))

    def _open(self) -> None:
        opening = list(self._sink.opening() if self._opening is None else self._opening)
        for event in opening:
            if isinstance(event, Metadata):
                self._mode, self._model, self._simulated = event.mode, event.model, event.simulated
                self._server = None if event.server is UNSET else event.server
            elif isinstance(event, Chunk):
                self._room = max(1, self._room - len(event.content))
        self._run.open(opening)
        self._later("repeat", self._limits.repeat, self._repeat_progress)

    # The inner task

    async def _take_all(self, batches: Batches) -> None:
        async for batch in batches:
            self._take(batch)
            if self._finished is not None:
                self._run.advance(Life.ENDING)
                return

    def _take(self, batch: list[EngineEvent]) -> None:
        """Takes one batch. This is the path of every token: keep it short."""
        if self._early:
            self._take_early(batch)
        elif batch:
            self._life = self._loop.time()
            last = batch[-1]
            if isinstance(last, Finished):
                self._finished = last
                batch = batch[:-1]
            if batch:
                self._write(batch)  # type: ignore[arg-type]  # the last event was Finished and is removed

    def _take_early(self, batch: list[EngineEvent]) -> None:
        """Takes a batch while a token is awaited: any batch is a sign of life, and progress goes into the log."""
        self._life = self._loop.time()
        self._awaits = bool(batch) and isinstance(batch[0], Progress) and batch[0].stage in AWAITING_PLACE
        if self._granted is None and not self._awaits:
            self._granted = self._life
            self._run.advance(Life.RUNNING)
            self._later("silence", self._limits.silence, self._check_silence)
        for event in batch:
            if isinstance(event, Finished):
                self._finished = self._finished or event
            elif isinstance(event, ImagePiece):
                pass  # a producer that can store pictures yields none
            elif isinstance(event, Progress):
                if event.model is not UNSET:
                    self._model = event.model
                if event.server is not UNSET:
                    self._server = event.server
                if event.mode is not UNSET:
                    self._mode = event.mode
                if event.simulated is not UNSET:
                    self._simulated = event.simulated
                if event.total is not UNSET and event.stage != "recovering":
                    self._prompt_tokens = event.total
                self._show(event)
            else:
                self._first_token = self._first_token or self._life
                self._early = False
                self._write([event])
            if self._cut_off:
                return

    def _write(self, events: Sequence[ContentEvent | Progress | ImagePiece]) -> None:
        size = 0
        has_pictures = False
        broken: Progress | None = None
        for event in events:
            kind = type(event)
            if kind is Chunk or kind is Thinking:
                size += len(event.content)  # type: ignore[union-attr]  # `is` costs a third of isinstance here
            elif kind is ToolCall:
                size += len(event.arguments) + len(event.name or "") + len(event.id or "")  # type: ignore[union-attr]
            elif kind is ImagePiece:  # from a producer that cannot store pictures
                has_pictures = True
            elif isinstance(event, Progress) and event.stage == "recovering":
                broken = event
        if has_pictures:
            events = [event for event in events if not isinstance(event, ImagePiece)]
            if not events:
                return
        if size > self._room:
            events = self._cut(events)
        self._room -= size
        self._pieces += len(events) - (broken is not None)
        self._run.write(events)  # type: ignore[arg-type]  # no pieces of pictures are left
        if broken is not None:
            self._break_off(broken)

    def _cut(self, events: Sequence[ContentEvent | Progress | ImagePiece]) -> list[ContentEvent | Progress | ImagePiece]:
        """Returns the events that still fit into `reply_chars`. The run ends with them."""
        room, kept = self._room, list[ContentEvent | Progress | ImagePiece]()
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

    # Progress

    def _show(self, progress: Progress) -> None:
        self._progress = progress
        self._progress_time = self._loop.time()
        self._run.write([progress])

    def _break_off(self, progress: Progress) -> None:
        """Takes note that a token is awaited again."""
        self._progress, self._progress_time = progress, self._loop.time()
        self._early = self._awaits = True
        self._later("repeat", self._limits.repeat, self._repeat_progress)

    def _repeat_progress(self) -> None:
        if not self._early:
            return
        left = self._progress_time + self._limits.repeat - self._loop.time()
        if left <= 0:
            self._show(self._progress or Progress("prompt"))
            left = self._limits.repeat
        self._later("repeat", left, self._repeat_progress)

    def _check_silence(self) -> None:
        """Stops the run after `silence` seconds without a sign of life. Time in the queue does not count."""
        waits = self._early and self._awaits
        left = self._limits.silence if waits else self._life + self._limits.silence - self._loop.time()
        if left <= 0:
            self._run.stop(Stop("timeout"))
        else:
            self._later("silence", left, self._check_silence)

    def _later(self, name: str, seconds: float, callback: Callable[[], None]) -> None:
        if (earlier := self._timers.get(name)) is not None:
            earlier.cancel()
        self._timers[name] = self._loop.call_later(seconds, callback)

    # The ending

    def _failure(self, inner: asyncio.Task[None]) -> GenerationError | None:
        """Returns why the reply is incomplete; None when it is complete or a person stopped it."""
        if self._finished is not None:
            return None
        stop = self._run.stop_request
        if stop is not None:
            if stop.reason == "timeout":
                return GenerationTimeout(f"The model gave no sign of life for {self._limits.silence:g} seconds.")
            return Interrupted("The gateway was stopped in the middle of the reply.") if stop.reason == "drain" else None
        error = None if inner.cancelled() else inner.exception()
        if isinstance(error, GenerationError):
            return error
        if error is not None:
            log.error("A run ended with an error that nobody foresaw", exc_info=error)
            return LlmError("Something went wrong inside the gateway; its log says more.")
        return Interrupted()

    async def _end(self, failure: GenerationError | None) -> None:
        """Commits the outcome, then appends the last event.

        When the database has no success for `commit` seconds, or refuses this outcome for as long, readers get an error as
        their last event; the attempts to store the outcome go on. A database that takes one write after another is only slow: a
        write in its line is late, and not lost.
        """
        run = self._run
        outcome = self._outcome(failure)
        self._later("commit", self._limits.commit, partial(self._check_commit, self._loop.time()))
        try:
            while True:
                try:
                    await self._sink.commit(run.outcome or outcome, run.lease)
                    if run.life < Life.ENDED:
                        run.is_lost = False  # the lease lapsed, and nobody else took the run
                    break
                except StorageUnavailable:
                    if run.is_lost:
                        raise LeaseLost from None
                    self._refused_at = self._refused_at or self._loop.time()
                    await asyncio.sleep(self._limits.late_retry if run.life >= Life.ENDED else self._limits.retry)
        except LeaseLost:
            run.abandon()
        except Exception:
            log.exception("The outcome of %s cannot be stored", run.id)
            outcome = self._outcome(StorageUnavailable())
        finally:
            self._timers["commit"].cancel()
        if run.life < Life.ENDED:
            self._close(outcome)

    def _check_commit(self, began: float) -> None:
        since = max(began, self._moved_at()) if self._refused_at is None else self._refused_at
        left = since + self._limits.commit - self._loop.time()
        if self._run.is_lost:
            self._run.abandon()  # its readers find the ending elsewhere
        elif left <= 0:
            self._close(self._outcome(StorageUnavailable()))
        else:
            self._later("commit", left, partial(self._check_commit, began))

    def _close(self, outcome: Outcome) -> None:
        self._run.close(outcome, self._sink.ending(outcome))

    def _outcome(self, failure: GenerationError | None) -> Outcome:
        snapshot, finished = self._run.snapshot, self._finished
        parts, status = snapshot.parts, self._status(failure)
        stop = self._run.stop_request
        if status == "cancelled" and stop is not None and stop.shown_chars is not None:
            parts = with_text(parts, utf16_prefix(snapshot.text, stop.shown_chars))
        return Outcome(
            status=status,
            parts=parts,
            thinking=snapshot.thinking,
            facts=Facts(
                mode=self._mode,
                server=self._server,
                model=(finished.model if finished else None) or self._model,
                simulated=finished.simulated if finished else self._simulated,
                finish_reason=self._finish_reason(failure),
                stopped_by=stop.by if status == "cancelled" and stop is not None else None,
                usage=(finished.usage if finished else None) or self._estimated_usage(),
                timings=self._timings(),
                failure=failure_of(failure) if failure else None,
                pictures_left_out=list(finished.pictures_left_out) if finished and finished.pictures_left_out else None,
                healed=snapshot.places_healed(utf16_length(text_of(parts))),
            ).with_metadata(finished.about if finished else None),
            unread=not self._run.has_readers,
        )

    def _estimated_usage(self) -> Usage | None:
        if not self._pieces:
            return None
        prompt = self._sink.prompt_tokens() if self._prompt_tokens is None else self._prompt_tokens
        return estimated_usage(self._run.snapshot, prompt, pieces=0 if self._simulated else self._pieces)

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


def failure_outcome(snapshot: Snapshot, sink: Sink, error: GenerationError) -> Outcome:
    """Returns the outcome of a run that has no pump any more, made from its known events."""
    metadata = snapshot.metadata
    return Outcome(
        status=error.outcome,
        parts=snapshot.parts,
        thinking=snapshot.thinking,
        facts=Facts(
            mode=metadata.mode if metadata else None,
            server=metadata.server or None if metadata else None,
            model=metadata.model if metadata else None,
            simulated=metadata.simulated if metadata else None,
            usage=estimated_usage(snapshot, sink.prompt_tokens()),
            healed=snapshot.places_healed(),
            failure=failure_of(error),
        ),
        unread=True,
    )


def failure_of(error: GenerationError) -> Failure:
    limit = error.limit if isinstance(error, ContextExceeded) else None
    return Failure(code=error.code, message=error.message, retryable=error.retryable, limit=limit)
