"""Reasoning that a server leaves in the content between <think> tags, separated while it streams."""

from typing import Final, Literal

from lam.protocol.events import Chunk, Thinking

_OPEN: Final = "<think>"
_CLOSE: Final = "</think>"


class ThinkSplitter:
    """Feed it content, cut anywhere; it gives `Thinking` and `Chunk` events.

    A tag opens reasoning only where nothing but white space stands before it, at the beginning of the answer or after another
    block: in the middle of an answer, `<think>` is text that somebody is writing about.
    """

    __slots__ = ("_held", "_state")

    def __init__(self, *, answering: bool = False) -> None:
        self._state: Literal["start", "thinking", "answer"] = "answer" if answering else "start"
        self._held = ""

    @property
    def answering(self) -> bool:
        """Whether all that comes is text of the answer: it need not be fed any more."""
        return self._state == "answer"

    def feed(self, text: str) -> list[Chunk | Thinking]:
        if self._state == "answer":
            return [Chunk(text)] if text else []
        out: list[Chunk | Thinking] = []
        self._held += text
        while self._held and self._step(out):
            pass
        return out

    def finish(self) -> list[Chunk | Thinking]:
        """What was held back because it could have become a tag."""
        text, self._held = self._held, ""
        if not text:
            return []
        return [Thinking(text)] if self._state == "thinking" else [Chunk(text)]

    def _step(self, out: list[Chunk | Thinking]) -> bool:
        """Takes what can be decided from the held text; whether more may be decided."""
        if self._state == "thinking":
            before, tag, after = self._held.partition(_CLOSE)
            if not tag:
                keep = _tag_start(before, _CLOSE)
                before, after = before[: len(before) - keep], before[len(before) - keep :]
            if before:
                out.append(Thinking(before))
            self._held = after
            if tag:
                self._state = "start"
            return bool(tag)
        stripped = self._held.lstrip()
        if stripped.startswith(_OPEN):
            self._state = "thinking"
            self._held = stripped[len(_OPEN) :]
            return True
        if _OPEN.startswith(stripped):
            return False
        self._state = "answer"
        out.append(Chunk(self._held))
        self._held = ""
        return False


def _tag_start(text: str, tag: str) -> int:
    """How many characters at the end of the text could be the beginning of the tag."""
    return next((n for n in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:n])), 0)
