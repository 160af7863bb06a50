"""The fold: a reader's knowledge after the events so far; its inverse, the events of a stored reply; and the shortest list of
events with the same fold.

Pure; the page has the same fold in TypeScript.
"""

from collections.abc import Iterable
from typing import Any, assert_never

from msgspec import UNSET, Struct
from msgspec.structs import replace

from lam.protocol.documents import Document
from lam.protocol.events import (
    Chunk,
    ContentEvent,
    Done,
    EngineEvent,
    Error,
    Event,
    Finished,
    ImagePiece,
    Metadata,
    Progress,
    Relabel,
    SavedEvent,
    Thinking,
    ToolCall,
    ToolResult,
)
from lam.protocol.events import Image as ImageEvent
from lam.protocol.facts import NOTHING, Facts, Heal, failure_of
from lam.protocol.parts import Image, Parts, Text, divided, illustrated, text_of
from lam.protocol.parts import ToolCall as CallPart
from lam.protocol.parts import ToolResult as ResultPart
from lam.protocol.text import utf16_length, utf16_prefix


class Reply(Struct, frozen=True, kw_only=True):
    """A reply as its stream describes it. `user_message_id`: the turn it answers. `parts`: text with pictures in it, then calls,
    then results."""

    session_id: int | None
    session_key: str
    stream_id: str | None
    user_message_id: int | None
    message_id: int | None
    thinking: str = ""
    parts: Parts = ()
    facts: Facts = NOTHING


class Snapshot:
    """Folds events one by one. `done.full_content` is final, whatever the chunks contained; a rebuilt stream starts over.

    `healed`: where the answer was broken off and was to go on.
    """

    __slots__ = ("_answer", "_images", "_thinking", "healed", "metadata", "progress", "terminal", "tool_calls", "tool_results")

    def __init__(self) -> None:
        self._start_over()

    def _start_over(self) -> None:
        self._answer: list[str] = []
        self._thinking: list[str] = []
        self._images: list[tuple[int, Image]] = []  # with the number of characters before each
        self.tool_calls: dict[int, dict[str, Any]] = {}
        self.tool_results: list[ToolResult] = []
        self.healed: list[Heal] = []
        self.metadata: Metadata | None = None
        self.progress: Progress | None = None
        self.terminal: Done | Error | None = None

    def add(self, event: Event | EngineEvent) -> None:
        kind = type(event)
        if kind is Chunk:
            self._answer.append(event.content)  # type: ignore[union-attr]  # `is` costs a third of isinstance here
        elif isinstance(event, Thinking):
            self._thinking.append(event.content)
        elif isinstance(event, Progress):
            self.progress = event
            if event.stage == "recovering":
                self._heal(event)
            if self.metadata is not None and event.server is not UNSET:
                self.metadata = _answered(self.metadata, event)
        elif isinstance(event, ToolCall):
            self._add_tool_call(event)
        elif isinstance(event, ToolResult):
            self.tool_results.append(event)
        elif isinstance(event, Relabel):
            self._relabel(event)
        elif isinstance(event, ImageEvent):
            self._images.append((len(self.text), Image(event.media, event.width, event.height)))
        elif isinstance(event, Metadata):
            self._start_over()
            self.metadata = event
        elif isinstance(event, Done):
            self._answer = [event.full_content]
            self._images = [(at, image) for at, image in self._images if at <= len(event.full_content)]
            self.terminal = event
        elif isinstance(event, Error):
            self.terminal = event
        elif not isinstance(event, Chunk | ImagePiece | Finished):
            assert_never(event)

    def _heal(self, event: Progress) -> None:
        """Notes the place. The event repeats while the reply waits there."""
        at = utf16_length(self.text)
        if at and (not self.healed or self.healed[-1].at < at):
            self.healed.append(Heal(at, "interrupted" if event.reason is UNSET else event.reason))

    def _add_tool_call(self, piece: ToolCall) -> None:
        call = self.tool_calls.setdefault(piece.index, {"id": None, "name": None, "arguments": ""})
        call["id"] = piece.id or call["id"]
        call["name"] = piece.name or call["name"]
        call["arguments"] += piece.arguments

    def _relabel(self, event: Relabel) -> None:
        source, target = (self._answer, self._thinking) if event.to == "thinking" else (self._thinking, self._answer)
        text = _settled(source)
        stays = utf16_prefix(text, event.start)
        source[:] = [stays]
        if source is self._answer:  # pictures are never thoughts
            self.healed = [heal for heal in self.healed if heal.at <= event.start]
            self._images = [(min(at, len(stays)), image) for at, image in self._images]
        target.append(text[len(stays) :])

    def places_healed(self, length: int | None = None) -> list[dict[str, Any]] | None:
        """Returns where the answer went on, as facts; None where it never did: a place that no text follows is only where it was
        broken off. `length`: UTF-16 code units that are left of the answer."""
        if not self.healed:
            return None
        end = utf16_length(self.text) if length is None else length
        kept = [heal for heal in self.healed if heal.at < end]
        return [{"at": heal.at, "reason": heal.reason} for heal in kept] or None

    @property
    def calls(self) -> list[CallPart]:
        """The tool calls so far, in order."""
        return [CallPart(**self.tool_calls[index]) for index in sorted(self.tool_calls)]

    @property
    def parts(self) -> Parts:
        """The answer in its stored form: the text with its pictures, the tool calls, their results."""
        return (
            *illustrated(self.text, self._images),
            *self.calls,
            *(ResultPart(result.id, result.content) for result in self.tool_results),
        )

    @property
    def reply(self) -> Reply | None:
        """The reply so far; None before the first event."""
        metadata = self.metadata
        if metadata is None:
            return None
        return Reply(
            session_id=metadata.session_id,
            session_key=metadata.session_key,
            stream_id=metadata.stream_id,
            user_message_id=metadata.user_message_id,
            message_id=metadata.assistant_message_id,
            thinking=self.thinking,
            parts=self.parts,
            facts=replace(_facts(metadata, self.terminal), healed=self.places_healed()),
        )

    @property
    def text(self) -> str:
        """The answer so far, joined once, however many pieces it has."""
        return _settled(self._answer)

    @property
    def thinking(self) -> str:
        return _settled(self._thinking)


def _answered(metadata: Metadata, progress: Progress) -> Metadata:
    """Returns the metadata with the server that answers after all."""
    known = {name: value for name in ("server", "mode", "model", "simulated") if (value := getattr(progress, name)) is not UNSET}
    return replace(metadata, **known)


def _settled(pieces: list[str]) -> str:
    if len(pieces) > 1:
        pieces[:] = ["".join(pieces)]
    return pieces[0] if pieces else ""


def _facts(metadata: Metadata, terminal: Done | Error | None) -> Facts:
    done = terminal if isinstance(terminal, Done) else None
    return Facts(
        mode=metadata.mode,
        server=None if metadata.server is UNSET else metadata.server,
        model=done.model if done else metadata.model,
        simulated=done.simulated if done else metadata.simulated,
        finish_reason=done.finish_reason if done else None,
        stopped_by=(done.stopped_by or None) if done else None,
        continues=None if metadata.continues is UNSET else metadata.continues,
        usage=done.usage if done else None,
        timings=done.timings if done else None,
        failure=failure_of(terminal) if isinstance(terminal, Error) else None,
    )


def events_of(reply: Reply) -> list[Event]:
    """Returns the whole stream of an ended reply. The inverse of the fold."""
    facts, text = reply.facts, text_of(reply.parts)
    base = "" if facts.continues is None else utf16_prefix(text, facts.continues)  # a stop may have cut into the earlier text
    before, after = divided(reply.parts, len(base))
    metadata = Metadata(
        reply.session_id,
        reply.user_message_id,
        reply.session_key,
        reply.stream_id,
        reply.message_id,
        facts.mode or "sse",
        facts.model,
        facts.simulated,
        rebuilt=True,
        continues=UNSET if facts.continues is None else utf16_length(base),
        server=facts.server or UNSET,
    )
    events: list[Event] = [metadata, *content_events(before, reply.thinking), *content_events(after)]
    if facts.failure is not None:
        events.append(Error(facts.failure.message, facts.failure.code, facts.failure.retryable, reply.message_id))
    else:
        reason = facts.finish_reason or "stop"
        usage, by = facts.usage, facts.stopped_by or UNSET
        events.append(Done(reply.message_id, text, reason, facts.model, facts.simulated, usage, facts.timings, by))
    return events


def content_events(parts: Parts, thinking: str = "") -> list[ContentEvent]:
    """Returns events that fold to these thoughts and parts."""
    events: list[ContentEvent] = [Thinking(thinking)] if thinking else []
    calls = 0
    for part in parts:
        if isinstance(part, Text):
            events.append(Chunk(part.text))
        elif isinstance(part, CallPart):
            events.append(ToolCall(calls, part.id, part.name, part.arguments))
            calls += 1
        elif isinstance(part, ResultPart):
            events.append(ToolResult(part.id, part.content))
        elif isinstance(part, Image):
            events.append(ImageEvent(part.id, part.width, part.height))
        elif not isinstance(part, Document):  # only messages of the user have those
            assert_never(part)
    return events


def condense(events: Iterable[Event]) -> list[SavedEvent]:
    """Returns these content events with neighbours of a kind joined, the places where the reply went on, and before them all the
    progress that says who answers. The result folds to the same text, thoughts, calls, places and server."""
    result: list[SavedEvent] = []
    answering: Progress | None = None
    pieces: list[str] = []  # of the text that ends `result`
    for event in events:
        if isinstance(event, Progress):
            if event.stage != "recovering":
                answering = answering if event.server is UNSET else event  # before its first text, or before it is broken off
                continue
        elif not isinstance(event, ContentEvent):
            continue
        last = result[-1] if result else None
        if isinstance(event, Progress) and isinstance(last, Progress):  # it repeats, or says who goes on
            result[-1] = last if event.server is UNSET else event
            continue
        if isinstance(event, Chunk | Thinking) and type(last) is type(event):
            pieces.append(event.content)
            continue
        _join(result, pieces)
        if isinstance(event, ToolCall) and isinstance(last, ToolCall) and last.index == event.index:
            result[-1] = ToolCall(last.index, event.id or last.id, event.name or last.name, last.arguments + event.arguments)
            continue
        result.append(event)
        pieces = [event.content] if isinstance(event, Chunk | Thinking) else []
    _join(result, pieces)
    return result if answering is None else [answering, *result]


def _join(result: list[SavedEvent], pieces: list[str]) -> None:
    if len(pieces) > 1 and result:
        last = result[-1]
        if isinstance(last, Chunk | Thinking):
            result[-1] = type(last)("".join(pieces))
        pieces.clear()
