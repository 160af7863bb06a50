"""The messages between gateway and worker over MQTT. Pure: payloads in and out, frames in order.

A job is a run as a worker sees it. The worker answers with numbered frames, each a batch of events. The first one holds `accepted`
or `rejected`, the last one `finished` or `failed`. An empty frame repeats the last number and means that the worker is alive.
"""

from typing import Any, Final, Literal, TypeVar, cast, get_args

import msgspec
from msgspec import Struct

from lam.protocol.chat import ChatRequest, Turn
from lam.protocol.events import Chunk, ContentEvent, EngineEvent, Finished, FinishReason, Progress, Thinking, Usage
from lam.protocol.sampling import Sampling, checked
from lam.protocol.text import valid

State = Literal["ready", "busy", "draining", "offline"]
Reason = Literal["busy", "unknown_model", "draining", "invalid", "unknown_job", "not_supported"]
Action = Literal["cancel", "resume", "release"]

PROTOCOL: Final = "2"
ACCEPTS: Final = ("relabel", "unmerged")
"""Additions to the first release's vocabulary that this release understands. `relabel`: relabel events, with the finish reasons
and waiting stages introduced with them. `unmerged`: consecutive user turns, so that each can be dropped by itself."""
MOST_PENDING: Final = 1000
T = TypeVar("T")


class BadPayload(Exception):
    """A payload that does not fit its topic."""


class ServedModel(Struct, frozen=True):
    name: str
    n_ctx: int | None = None


class WorkerStatus(Struct, frozen=True, kw_only=True):
    """A worker's state. `streaming`: it answers in pieces. `continues`: it can continue a reply that was cut off.

    `version`: the protocol's number (in the first release the program's). `accepts`: additions to the first release's vocabulary.
    `release`: the program's version, for people.
    """

    worker: str
    instance: str
    state: State
    models: tuple[ServedModel, ...] = ()
    slots: int = 0
    running: int = 0
    streaming: bool = True
    continues: bool = False
    version: str | int = ""
    accepts: tuple[str, ...] = ()
    release: str = ""


class GatewayStatus(Struct, frozen=True, kw_only=True):
    """A gateway's state. `jobs`: all open jobs; a worker drops any other job of this gateway. None: the gateway sends no list."""

    gateway: str
    instance: str
    jobs: tuple[str, ...] | None = None
    version: str | int = ""
    accepts: tuple[str, ...] = ()


class JobRequest(Struct, frozen=True, kw_only=True):
    """A ChatRequest in its wire format. `skip_thinking`: the first release reads it instead of `sampling.reasoning`."""

    messages: tuple[Turn, ...]
    keep: int
    max_prompt_tokens: int
    sampling: Sampling
    model: str | None = None
    skip_thinking: bool = False
    thoughts_over: bool = False


class Job(Struct, frozen=True, kw_only=True):
    """A job for a worker. `instance`: of the worker. `reply_to`: the topic for its frames. `stream`: false requests the answer in
    one piece.

    `accepts`: as in the gateway's status, which may not have arrived yet.
    """

    job: str
    instance: str
    reply_to: str
    request: JobRequest
    stream: bool = True
    accepts: tuple[str, ...] = ()


class Control(Struct, frozen=True):
    """A message about an open job. `reply_to`: where to answer when the worker does not know the job."""

    job: str
    action: Action
    after: int = 0
    reply_to: str | None = None


class Accepted(Struct, frozen=True, tag_field="type", tag="accepted"):
    model: str | None = None


class Rejected(Struct, frozen=True, tag_field="type", tag="rejected"):
    reason: Reason
    message: str | None = None


class JobFinished(Struct, frozen=True, tag_field="type", tag="finished"):
    """The end of a job. An unknown finish reason reads as `stop`."""

    finish_reason: str
    usage: Usage | None = None
    tokens_per_second: float | None = None
    model: str | None = None


class Failed(Struct, frozen=True, kw_only=True, tag_field="type", tag="failed"):
    """The worker's engine failed with one of our errors. `prompt_tokens`, `limit`: of an exceeded context, if known."""

    code: str
    message: str
    retryable: bool = True
    prompt_tokens: int | None = None
    limit: int | None = None


FrameEvent = Accepted | Rejected | Progress | ContentEvent | JobFinished | Failed
LAST: Final = (Rejected, JobFinished, Failed)


class Frame(Struct, frozen=True, omit_defaults=True):
    """A numbered batch of events. `silent`: the worker is alive, but its model gave no sign of life since the last frame."""

    job: str
    seq: int
    events: tuple[FrameEvent, ...] = ()
    silent: bool = False


class _AnyFrame(Struct, frozen=True):
    """A frame of any release; some of its events may be unknown here."""

    job: str
    seq: int
    events: tuple[msgspec.Raw, ...] = ()
    silent: bool = False


_frames: Final = msgspec.json.Decoder(Frame)
_any_frames: Final = msgspec.json.Decoder(_AnyFrame)
_events: Final = msgspec.json.Decoder(FrameEvent)
_FINISH_REASONS: Final = frozenset(get_args(FinishReason))


def encode(payload: Struct) -> bytes:
    return msgspec.json.encode(payload)


def decode(payload: bytes, kind: type[T]) -> T:
    """Returns a payload as the given type. Raises BadPayload."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadPayload(str(error)) from error


def decode_frame(payload: bytes) -> Frame:
    """Returns a frame with text that every encoder and database accepts, without unknown events. Raises BadPayload."""
    try:
        frame = _decode_events(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadPayload(str(error)) from error
    if b"\\u0000" in payload:
        frame = msgspec.structs.replace(frame, events=tuple(map(_valid, frame.events)))
    if frame.seq < 1:
        raise BadPayload("seq must be 1 or more")
    return frame


def _decode_events(payload: bytes) -> Frame:
    try:
        return _frames.decode(payload)
    except msgspec.ValidationError:
        frame = _any_frames.decode(payload)
    events: list[FrameEvent] = []
    for raw in frame.events:
        try:
            events.append(_events.decode(raw))
        except msgspec.ValidationError:
            if not isinstance(msgspec.json.decode(raw), dict):
                raise
    # not empty: an empty frame is a heartbeat
    return Frame(frame.job, frame.seq, tuple(events) or (Progress("prompt"),), frame.silent)


def _valid(event: FrameEvent) -> FrameEvent:
    changes: dict[str, Any] = {
        name: valid(value) for name, value in msgspec.structs.asdict(event).items() if isinstance(value, str)
    }
    return msgspec.structs.replace(event, **changes)


def to_wire(request: ChatRequest) -> JobRequest:
    return JobRequest(
        messages=request.turns,
        keep=request.keep,
        max_prompt_tokens=request.max_prompt_tokens,
        sampling=request.sampling,
        model=request.model,
        skip_thinking=request.skip_thinking,
        thoughts_over=request.thoughts_over,
    )


def from_wire(request: JobRequest, *, relabels: bool = True) -> ChatRequest:
    """Returns the request of a job. `relabels`: the gateway understands relabel events. Raises BadPayload for a request no
    gateway sends."""
    turns = request.messages
    try:
        sampling = checked(request.sampling)
    except ValueError as error:
        raise BadPayload(str(error)) from error
    if request.skip_thinking and sampling.reasoning is None:
        sampling = msgspec.structs.replace(sampling, reasoning="off")
    fits = 0 <= request.keep < len(turns) and request.max_prompt_tokens >= 0 and turns[-1].role in ("user", "assistant")
    if not fits:
        raise BadPayload("the request is out of bounds")
    return ChatRequest(
        turns=turns,
        keep=request.keep,
        sampling=sampling,
        model=request.model,
        max_prompt_tokens=request.max_prompt_tokens,
        relabels=relabels,
        thoughts_over=request.thoughts_over,
    )


def frame_event(event: EngineEvent, *, accepts: bool = True) -> FrameEvent:
    """Returns an engine's event for a frame; without `accepts` in the first release's vocabulary."""
    if isinstance(event, Finished):
        reason = "stop" if event.finish_reason == "content_filter" and not accepts else event.finish_reason
        return JobFinished(reason, event.usage, event.tokens_per_second, event.model)
    if isinstance(event, Progress) and event.stage == "unreachable" and not accepts:
        return Progress("loading")
    return event


def finish_reason(event: JobFinished) -> FinishReason:
    return cast(FinishReason, event.finish_reason) if event.finish_reason in _FINISH_REASONS else "stop"


class Outbox:
    """A worker's side of a job: collects events, cuts them into frames of up to `max_bytes`, and keeps these until the release.

    A single chunk that is too large is cut as well.
    """

    def __init__(self, job: str, max_bytes: int) -> None:
        self._job = job
        self._room = max_bytes - len(encode(Frame(job, 2**31))) - 64
        self._gathered: list[FrameEvent] = []
        self._frames: list[bytes] = []
        self._ended = False

    @property
    def last(self) -> int:
        return len(self._frames)

    def add(self, events: list[FrameEvent]) -> None:
        self._gathered.extend(events)
        self._ended = self._ended or any(isinstance(event, LAST) for event in events)

    def cut(self) -> list[bytes]:
        """Returns new frames of the collected events."""
        gathered, self._gathered = self._gathered, []
        new: list[bytes] = []
        batch: list[FrameEvent] = []
        size = 0
        for event in self._pieces(gathered):
            length = len(encode(event)) + 1
            if batch and size + length > self._room:
                new.append(self._frame(batch))
                batch, size = [], 0
            batch.append(event)
            size += length
        if batch:
            new.append(self._frame(batch))
        return new

    @property
    def ended(self) -> bool:
        return self._ended

    def beat(self, *, silent: bool = False) -> bytes:
        """Returns an empty frame that repeats the last number."""
        return encode(Frame(self._job, max(1, self.last), silent=silent))

    def after(self, number: int) -> list[bytes]:
        """Returns the frames after that number again, or a heartbeat when there are none."""
        return self._frames[max(0, number) :] or [self.beat()]

    def _frame(self, events: list[FrameEvent]) -> bytes:
        frame = encode(Frame(self._job, self.last + 1, tuple(events)))
        self._frames.append(frame)
        return frame

    def _pieces(self, events: list[FrameEvent]) -> list[FrameEvent]:
        """Returns the events; texts that would fill a frame alone are cut."""
        if sum(len(event.content) for event in events if isinstance(event, Chunk | Thinking)) * 6 < self._room:
            return events
        pieces: list[FrameEvent] = []
        step = max(1, self._room // 8)  # a character takes up to six bytes of JSON
        for event in events:
            if isinstance(event, Chunk | Thinking) and len(event.content) > step:
                kind = type(event)
                pieces.extend(kind(event.content[at : at + step]) for at in range(0, len(event.content), step))
            else:
                pieces.append(event)
        return pieces


class Inbox:
    """A gateway's side of a job: frames come in any order, repeatedly or never; events go out once, in order.

    `missing`: later frames have arrived, so the ones after `last` must be requested again.
    """

    def __init__(self) -> None:
        self.last = 0
        self.duplicates = 0
        self._early: dict[int, Frame] = {}

    @property
    def missing(self) -> bool:
        return bool(self._early)

    def take(self, frame: Frame) -> list[FrameEvent]:
        """Takes a frame and returns the events that are now in order."""
        if not frame.events:
            if frame.seq > self.last:
                self._early.setdefault(frame.seq, frame)
            return []
        if frame.seq <= self.last or ((known := self._early.get(frame.seq)) is not None and known.events):
            self.duplicates += 1
            return []
        if frame.seq > self.last + MOST_PENDING:
            return []
        self._early[frame.seq] = frame
        events: list[FrameEvent] = []
        while (following := self._early.get(self.last + 1)) is not None and following.events:
            self.last += 1
            events.extend(following.events)
            del self._early[self.last]
        self._early = {seq: early for seq, early in self._early.items() if seq > self.last}
        return events
