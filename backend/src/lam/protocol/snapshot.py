"""The fold: what a reader knows after the events so far."""

from typing import Any

from lam.protocol.events import Chunk, Done, Error, Event, Metadata, Progress, Thinking, ToolCall


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

    def add(self, event: Event) -> None:
        kind = type(event)
        if kind is Chunk:
            self._answer.append(event.content)  # type: ignore[union-attr]  # `is` is a third of isinstance's price here
        elif isinstance(event, Thinking):
            self._thinking.append(event.content)
        elif isinstance(event, Progress):
            self.progress = event
        elif isinstance(event, ToolCall):
            self._add_tool_call(event)
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
