"""The messages between gateway and worker over MQTT. Pure: payloads in and out, frames in order.

A job is a run as a worker sees it. The worker answers with numbered frames, each a batch of events. The first one holds `accepted`
or `rejected`, the last one `finished` or `failed`. An empty frame repeats the last number and means that the worker is alive.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, TypeVar, cast, get_args

import msgspec
from msgspec import UNSET, Struct, UnsetType

from lam.protocol.chat import ChatRequest, Turn
from lam.protocol.events import (
    Chunk,
    EngineEvent,
    Finished,
    FinishReason,
    Image,
    ImagePiece,
    Progress,
    Relabel,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
)
from lam.protocol.pictures import MEDIA, Piece, Want, sound
from lam.protocol.places import Excerpt
from lam.protocol.sampling import Sampling, checked
from lam.protocol.text import valid
from lam.protocol.tools import Tool, ToolChoice

State = Literal["ready", "busy", "draining", "offline"]
Reason = Literal["busy", "unknown_model", "draining", "invalid", "unknown_job", "not_supported"]
Action = Literal["cancel", "resume", "release", "answer_now"]

PROTOCOL: Final = "2"
TOOLS: Final = "tools"
EMBED: Final = "embed"
ACCEPTS: Final = ("relabel", "unmerged", "answer_now", MEDIA, TOOLS, EMBED)
"""Additions to the first release's vocabulary that this release understands. `relabel`: relabel events, with the finish reasons
and waiting stages introduced with them. `unmerged`: consecutive user turns, so that each can be dropped by itself. `answer_now`:
that action, for a job whose progress said `can_answer_now`. `media`: see `pictures.MEDIA`. `tools`: requests with tools, turns with
calls and their answers, and further fields for the model's server. `embed`: jobs that ask for vectors."""
MOST_PENDING: Final = 1000
T = TypeVar("T")


class BadPayload(Exception):
    """A payload that does not fit its topic."""


class ServedModel(Struct, frozen=True):
    """A model beside a worker. `images`: it sees pictures. `tools`: it can be held to calling a tool. None when a request has to
    try."""

    name: str
    n_ctx: int | None = None
    images: bool | None = False
    tools: bool | None = None


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


class ToolRequest(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a ChatRequest says about tools, and its further fields; only workers that accept `tools` get it."""

    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    extra: dict[str, Any] = {}
    raw: bool = False


class JobRequest(Struct, frozen=True, kw_only=True):
    """A ChatRequest in its wire format. `skip_thinking`: the first release reads it instead of `sampling.reasoning`."""

    messages: tuple[Turn, ...]
    keep: int
    max_prompt_tokens: int
    sampling: Sampling
    model: str | None = None
    skip_thinking: bool = False
    thoughts_over: bool = False
    about_tools: ToolRequest | UnsetType = UNSET


class Job(Struct, frozen=True, kw_only=True):
    """A job for a worker. `instance`: of the worker. `reply_to`: the topic for its frames. `stream`: false requests the answer in
    one piece.

    `accepts`: as in the gateway's status, which may not have arrived yet. `embed`: the fields of a request for vectors, which this
    job is in place of a reply; its `request` then only names the model, and its text is a `VectorAnswer`. Only workers that accept
    `embed` get it.
    """

    job: str
    instance: str
    reply_to: str
    request: JobRequest
    stream: bool = True
    accepts: tuple[str, ...] = ()
    embed: dict[str, Any] | UnsetType = UNSET


class VectorAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of a request for vectors: the server's answer in OpenAI's format, or the code and the words of a refusal."""

    answer: dict[str, Any] | None = None
    code: str | None = None
    message: str = ""


class Control(Struct, frozen=True, kw_only=True):
    """A message about an open job. `reply_to`: where to answer when the worker does not know the job. `instance`: of the worker who
    has the job, since two may have one name; workers of earlier releases do not read it."""

    job: str
    action: Action
    after: int = 0
    reply_to: str | None = None
    instance: str | UnsetType = UNSET


class Accepted(Struct, frozen=True, tag_field="type", tag="accepted"):
    model: str | None = None


class Rejected(Struct, frozen=True, tag_field="type", tag="rejected"):
    reason: Reason
    message: str | None = None


class JobFinished(Struct, frozen=True, kw_only=True, tag_field="type", tag="finished"):
    """The end of a job. An unknown finish reason reads as `stop`. `shown`: how much the model read of documents that did not fit
    whole. `pictures_left_out`: ids of the pictures that it did not get."""

    finish_reason: str
    usage: Usage | None = None
    tokens_per_second: float | None = None
    model: str | None = None
    shown: list[Excerpt] | None = None
    pictures_left_out: tuple[str, ...] = ()


class Failed(Struct, frozen=True, kw_only=True, tag_field="type", tag="failed"):
    """The worker's engine failed with one of our errors. `prompt_tokens`, `limit`: of an exceeded context, if known."""

    code: str
    message: str
    retryable: bool = True
    prompt_tokens: int | None = None
    limit: int | None = None


FrameEvent = Accepted | Rejected | Progress | Thinking | Chunk | ToolCall | ToolResult | Relabel | ImagePiece | JobFinished | Failed
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


def decode_reply(payload: bytes) -> Frame | Want:
    """Returns what a worker sends about a job. Raises BadPayload."""
    try:
        return decode_frame(payload)
    except BadPayload:
        try:
            return decode(payload, Want)
        except BadPayload:
            pass
        raise


def decode_control(payload: bytes) -> Control | Piece:
    """Returns what a gateway sends about a job that is open. Raises BadPayload."""
    try:
        return decode(payload, Control)
    except BadPayload:
        try:
            return decode(payload, Piece)
        except BadPayload:
            pass
        raise


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
    about = ToolRequest(
        tools=request.tools,
        tool_choice=request.tool_choice,
        parallel_tools=request.parallel_tools,
        extra=request.extra,
        raw=request.raw,
    )
    return JobRequest(
        messages=request.turns,
        keep=request.keep,
        max_prompt_tokens=request.max_prompt_tokens,
        sampling=request.sampling,
        model=request.model,
        skip_thinking=request.skip_thinking,
        thoughts_over=request.thoughts_over,
        about_tools=about if about != ToolRequest() else UNSET,
    )


def vector_request(model: str | None) -> JobRequest:
    """Returns the request of a job that asks for vectors."""
    sampling = Sampling(temperature=0, top_p=1, max_tokens=1)
    return JobRequest(messages=(Turn("user", ""),), keep=0, max_prompt_tokens=0, sampling=sampling, model=model)


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
    fits = 0 <= request.keep < len(turns) and request.max_prompt_tokens >= 0 and turns[-1].role in ("user", "assistant", "tool")
    if not fits or not all(sound(picture, turn.content) for turn in turns for picture in turn.pictures):
        raise BadPayload("the request is out of bounds")
    about = ToolRequest() if request.about_tools is UNSET else request.about_tools
    return ChatRequest(
        tools=about.tools,
        tool_choice=about.tool_choice,
        parallel_tools=about.parallel_tools,
        extra=about.extra,
        raw=about.raw,
        turns=turns,
        keep=request.keep,
        sampling=sampling,
        model=request.model,
        max_prompt_tokens=request.max_prompt_tokens,
        relabels=relabels,
        thoughts_over=request.thoughts_over,
    )


def frame_events(events: Sequence[EngineEvent], *, accepts: bool = True, media: bool = True) -> list[FrameEvent]:
    """Returns an engine's events for a frame: without `accepts` in the first release's vocabulary, without `media` no pictures.

    A stored picture is the gateway's: no worker names one.
    """
    return [
        _frame_event(event, accepts=accepts)
        for event in events
        if not isinstance(event, Image) and (media or not isinstance(event, ImagePiece))
    ]


def _frame_event(event: EngineEvent, *, accepts: bool) -> FrameEvent:
    if isinstance(event, Finished):
        reason = "stop" if event.finish_reason == "content_filter" and not accepts else event.finish_reason
        return JobFinished(
            finish_reason=reason,
            usage=event.usage,
            tokens_per_second=event.tokens_per_second,
            model=event.model,
            shown=excerpts(event),
            pictures_left_out=event.pictures_left_out,
        )
    if isinstance(event, Progress) and event.stage == "unreachable" and not accepts:
        return Progress("loading")
    assert not isinstance(event, Image)
    return event


def excerpts(event: Finished) -> list[Excerpt] | None:
    shown = (event.about or {}).get("shown")
    return msgspec.convert(shown, list[Excerpt]) if shown else None


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
        """Returns the events; texts and pieces of pictures that would fill a frame alone are cut."""
        texts = sum(_length(event) for event in events)
        if texts * 6 < self._room and not any(isinstance(event, ImagePiece) for event in events):
            return events
        pieces: list[FrameEvent] = []
        step = max(1, self._room // 8)  # a character takes up to six bytes of JSON
        for event in events:
            if isinstance(event, Chunk | Thinking) and len(event.content) > step:
                kind = type(event)
                pieces.extend(kind(event.content[at : at + step]) for at in range(0, len(event.content), step))
            elif isinstance(event, ToolCall) and len(event.arguments) > step:
                first, *rest = (event.arguments[at : at + step] for at in range(0, len(event.arguments), step))
                pieces.append(msgspec.structs.replace(event, arguments=first))
                pieces.extend(ToolCall(event.index, arguments=piece) for piece in rest)
            elif isinstance(event, ImagePiece):
                pieces.extend(event.cut(max(1, self._room // 2)))
            else:
                pieces.append(event)
        return pieces


def _length(event: FrameEvent) -> int:
    """Returns the characters of an event that may be long."""
    if isinstance(event, Chunk | Thinking):
        return len(event.content)
    return len(event.arguments) if isinstance(event, ToolCall) else 0


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
