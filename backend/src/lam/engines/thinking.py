"""Separates reasoning from the answer when a server leaves it in the content, while the text streams.

Pure: text in, events out.
"""

import re
from itertools import pairwise
from typing import Final, Literal

from lam.engines.tags import BARE_CLOSERS, BARE_OPENERS, BLOCKS, Block, CodeScanner, may_begin, pattern, unfinished
from lam.protocol.events import Chunk, Relabel, Thinking

Split = list[Chunk | Thinking | Relabel]

_OPENERS: Final = tuple(block.opener for block in BLOCKS)
_OPENER: Final = pattern(_OPENERS)
_BLOCKS: Final = {block.opener.lower(): block for block in BLOCKS}
_BARE: Final = pattern(BARE_CLOSERS)
_BARE_OPENER: Final = re.compile(rf"{pattern(BARE_OPENERS).pattern}|<think(ing)?\b[^>]*>", re.IGNORECASE)
_CLOSERS: Final = {block: pattern(block.closers) for block in BLOCKS if block.closers}
_IMPLIED: Final = Block("", BARE_CLOSERS)
_PART: Final = 1024
_MOST_PASSED: Final = 256
_MOST_SPACE: Final = 1000  # longest white space before an answer that is held back
_OVERLAP: Final = max(map(len, BARE_OPENERS))


class ThinkSplitter:
    """A splitter for content that comes in pieces of any size; it returns `Thinking`, `Chunk` and `Relabel` events.

    The text of an answer that it returns ends with a whole piece: one that may hold the beginning of a tag is held back whole. Each
    event holds one piece or a part of one, so that they can be counted.

    A tag opens reasoning only where nothing but white space precedes it: at the beginning of the answer, or after another block. In
    the middle of an answer, `<think>` is text. A closing tag without an opener ends reasoning that was taken for the answer, if it
    starts a line and is not in code; with `relabel` False it stays text.

    `thinks`: the reply begins with reasoning although no tag says so. `so_far`: the answer that this reply continues; None means a
    new answer. `watch`: that answer may yet turn out to be reasoning. `bare`: a closing tag without an opener came.

    `passing`: text without a line end is certainly answer, and may be appended to `passed` instead of being fed.
    """

    __slots__ = (
        "_block",
        "_code",
        "_fresh",
        "_joints",
        "_opened",
        "_pending",
        "_relabel",
        "_state",
        "_tail",
        "_thinks",
        "bare",
        "passed",
        "passing",
    )

    def __init__(self, *, so_far: str | None = None, watch: bool = True, thinks: bool = False, relabel: bool = True) -> None:
        self._state: Literal["start", "block", "watched", "answer"] = "start"
        self._block = _IMPLIED
        self._pending = ""
        self._joints: list[int] = []  # where further pieces begin in the pending text
        self._thinks = thinks and relabel
        self._relabel = relabel
        self._fresh = True  # no tag so far
        self._code = CodeScanner()
        self.passed: list[str] = []  # text after the part that `_code` scanned
        self.passing = False
        self._tail = ""  # the end of the part that `_code` scanned
        self._opened = False  # the answer contains an opening tag
        self.bare = False
        if so_far is not None:
            self._thinks = False
            self._state = "watched" if watch and relabel else "answer"
            if so_far:
                self.passed.append(so_far)
            self._note()

    def settle(self) -> Split:
        """Treats all further text as the answer, because the server separates the reasoning itself. Returns the pending text."""
        out: Split = []
        if self._state == "start":
            self._state = "answer"
            self._give(out, len(self._pending))
        elif self._state == "watched" and not self._pending:
            self._state = "answer"
        self._note()
        return out

    def feed(self, text: str) -> Split:
        out: Split = []
        if len(self.passed) >= _MOST_PASSED:
            self._in_code()  # scans `passed` and empties it
        for start in range(0, len(text), _PART):  # in parts, because each step copies the pending text
            if self._pending:
                self._joints.append(len(self._pending))
            self._pending += text[start : start + _PART]
            while self._pending and self._step(out):
                pass
        self._note()
        return out

    def _note(self) -> None:
        """Notes whether text up to the next line end can only be answer."""
        if self._state == "answer":
            self.passing = not self._pending
        else:
            self.passing = self._state == "watched" and not self._pending and not self._starts_line(0)

    def finish(self, *, complete: bool) -> Split:
        """Returns the text that was held back as a possible tag.

        `complete`: the model ended its reply by itself, so that reasoning without a closing tag was the answer after all.
        """
        out: Split = []
        self._give(out, len(self._pending))
        if complete and self._state == "block" and self._block is _IMPLIED:
            out.append(Relabel("answer"))
            self._state = "answer"
        return out

    def _step(self, out: Split) -> bool:
        """Takes what can be decided from the pending text. Returns whether more can be decided."""
        if self._state == "block":
            return self._inside(out)
        if self._state == "start":
            return self._at_start(out)
        if self._state == "watched":
            return self._watch(out)
        self._give(out, len(self._pending))
        return False

    def _at_start(self, out: Split) -> bool:
        stripped = self._pending.lstrip()
        match = _OPENER.match(stripped)
        if match is not None and not self._may_grow(stripped, match[0]):
            block = _BLOCKS[match[0].lower()]
            self._fresh = self._thinks = False
            self._skip(len(self._pending) - len(stripped) + match.end())
            if block.closers:
                self._state, self._block = "block", block
            return True
        bare = _BARE.match(stripped) if self._fresh and self._relabel else None
        if bare is not None:
            self.bare, self._fresh, self._thinks = True, False, False
            self._skip(len(self._pending) - len(stripped) + bare.end())
            return True
        tags = (*_OPENERS, *BARE_CLOSERS) if self._fresh and self._relabel else _OPENERS
        if may_begin(stripped, tags) and (stripped or len(self._pending) < _MOST_SPACE):
            return False
        if self._thinks:
            self._thinks = False
            self._state, self._block = "block", _IMPLIED
            return True
        self._state = "watched" if self._fresh and self._relabel else "answer"
        return True

    @staticmethod
    def _may_grow(text: str, opener: str) -> bool:
        """Returns whether the opener could become a longer one: no text came after it."""
        return len(text) == len(opener) and any(
            longer != opener.lower() and longer.startswith(opener.lower()) for longer in _BLOCKS
        )

    def _inside(self, out: Split) -> bool:
        """Takes text in a block. Returns whether more can be decided. Without an opening tag, closing tags in code are text."""
        block = self._block
        closer = _BARE if block is _IMPLIED else _CLOSERS[block]
        while (match := closer.search(self._pending)) is not None:
            self._give(out, match.start())
            if block is not _IMPLIED or not self._in_code():
                break
            self._give(out, len(match[0]))
        if match is None:
            self._give(out, len(self._pending) - unfinished(self._pending, block.closers))
            return False
        self._skip(len(match[0]))
        self._state, self._fresh = "start", False
        self.bare = self.bare or block is _IMPLIED
        return True

    def _watch(self, out: Split) -> bool:
        """Takes text in an answer that may be reasoning without an opener. Returns whether more can be decided.

        A closing tag at the start of a line ends such reasoning.
        """
        at = 0
        while (match := _BARE.search(self._pending, at)) is not None:
            at = match.end()
            if not self._starts_line(match.start()):
                continue
            self._give(out, match.start())
            at = len(match[0])
            code = self._in_code()
            if self._opened:
                self._state = "answer"  # it talks about tags: everything that follows is text
                return True
            if not code:
                out.append(Relabel("thinking"))
                self.bare, self._fresh, self._state = True, False, "start"
                self._skip(at)
                return True
        keep = unfinished(self._pending, BARE_CLOSERS)
        if keep and not self._starts_line(len(self._pending) - keep):
            keep = 0
        end = len(self._pending) - keep
        if keep:
            newest = self._joints[-1] if self._joints else 0
            end = newest if newest <= end else 0  # whatever waits begins with a whole piece
        self._give(out, end)
        return False

    def _give(self, out: Split, length: int) -> None:
        """Moves the first characters of the pending text to `out`."""
        text, edges = self._pending[:length], [0, *(joint for joint in self._joints if joint < length), length]
        self._skip(length)
        if text:
            kind = Thinking if self._state == "block" and self._block.holds == "thoughts" else Chunk
            out.extend(kind(text[start:end]) for start, end in pairwise(edges))
            if self._block is _IMPLIED and self._state != "answer":
                self.passed.append(text)

    def _skip(self, length: int) -> None:
        """Drops the first characters of the pending text."""
        self._pending = self._pending[length:]
        self._joints = [joint - length for joint in self._joints if joint > length]

    def _starts_line(self, at: int) -> bool:
        before = self._pending[at - 1] if at else (self.passed[-1] if self.passed else self._tail)
        return before == "" or before[-1] == "\n"

    def _in_code(self) -> bool:
        """Returns whether the next character is in code. Each character is scanned once, however often this is called."""
        text = "".join(self.passed)
        self.passed.clear()
        self._code.feed(text)
        text = self._tail + text
        self._opened = self._opened or _BARE_OPENER.search(text) is not None
        self._tail = text[-_OVERLAP:]
        return self._code.inside
