"""The fold: what a reader knows after the events so far; and the fewest events that fold to the same."""

from collections.abc import Iterable
from typing import Any

from lam.protocol.events import (
    Chunk,
    ContentEvent,
    Done,
    EngineEvent,
    Error,
    Event,
    Metadata,
    Progress,
    Relabel,
    Thinking,
    ToolCall,
)
from lam.protocol.text import utf16_prefix


class Snapshot:
    """Folds events one after the other. `done.full_content` is final, whatever the chunks said; a rebuilt stream starts over."""

    __slots__ = ("_answer", "_thinking", "metadata", "progress", "terminal", "tool_calls")

    def __init__(self) -> None:
        self._start_over()

    def _start_over(self) -> None:
        self._answer: list[str] = []
        self._thinking: list[str] = []
        self.tool_calls: dict[int, dict[str, Any]] = {}
        self.metadata: Metadata | None = None
        self.progress: Progress | None = None
        self.terminal: Done | Error | None = None

    def add(self, event: Event | EngineEvent) -> None:
        kind = type(event)
        if kind is Chunk:
            self._answer.append(event.content)  # type: ignore[union-attr]  # `is` is a third of isinstance's price here
        elif isinstance(event, Thinking):
            self._thinking.append(event.content)
        elif isinstance(event, Progress):
            self.progress = event
        elif isinstance(event, ToolCall):
            self._add_tool_call(event)
        elif isinstance(event, Relabel):
            self._relabel(event)
        elif isinstance(event, Metadata):
            self._start_over()
            self.metadata = event
        elif isinstance(event, Done):
            self._answer = [event.full_content]
            self.terminal = event
        elif isinstance(event, Error):
            self.terminal = event

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
        target.append(text[len(stays) :])

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The tool calls so far, in their order: id, name, arguments."""
        return [self.tool_calls[index] for index in sorted(self.tool_calls)]

    @property
    def text(self) -> str:
        """The answer so far; joined once, however many pieces came."""
        return _settled(self._answer)

    @property
    def thinking(self) -> str:
        return _settled(self._thinking)


def _settled(pieces: list[str]) -> str:
    if len(pieces) > 1:
        pieces[:] = ["".join(pieces)]
    return pieces[0] if pieces else ""


def events_of(text: str, thinking: str, calls: Iterable[dict[str, Any]] = ()) -> list[ContentEvent]:
    """The inverse of the fold: events that fold to this text, these thoughts and these tool calls."""
    events: list[ContentEvent] = [Thinking(thinking)] if thinking else []
    if text:
        events.append(Chunk(text))
    for index, call in enumerate(calls):
        events.append(ToolCall(index, call.get("id"), call.get("name"), call.get("arguments") or ""))
    return events


def condensed(events: Iterable[Event]) -> list[ContentEvent]:
    """The content of these events with neighbours of a kind joined: folding the result gives the same text, thoughts and calls."""
    found: list[ContentEvent] = []
    pieces: list[str] = []  # of the text that `found` ends with
    for event in events:
        if not isinstance(event, ContentEvent):
            continue
        last = found[-1] if found else None
        if isinstance(event, Chunk | Thinking) and type(last) is type(event):
            pieces.append(event.content)
            continue
        _join(found, pieces)
        if isinstance(event, ToolCall) and isinstance(last, ToolCall) and last.index == event.index:
            found[-1] = ToolCall(last.index, event.id or last.id, event.name or last.name, last.arguments + event.arguments)
            continue
        found.append(event)
        pieces = [event.content] if isinstance(event, Chunk | Thinking) else []
    _join(found, pieces)
    return found


def _join(found: list[ContentEvent], pieces: list[str]) -> None:
    if len(pieces) > 1 and found:
        last = found[-1]
        if isinstance(last, Chunk | Thinking):
            found[-1] = type(last)("".join(pieces))
        pieces.clear()
