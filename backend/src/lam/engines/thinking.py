"""Reasoning that a server leaves in the content, told from the answer while it streams."""

import re
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
_MOST_SPACE: Final = 1000  # characters of white space in front of an answer that are held back
_OVERLAP: Final = max(map(len, BARE_OPENERS))


class ThinkSplitter:
    """Feed it content, cut anywhere; it gives `Thinking`, `Chunk` and `Relabel` events.

    A tag opens reasoning only where nothing but white space stands before it, at the beginning of the answer or after another
    block: in the middle of an answer, `<think>` is text that somebody is writing about. A closing tag without an opening one ends
    thoughts that were taken for the answer, if it stands at the start of a line and not in code; `relabel` False leaves it as text.

    `thinks`: the reply begins with thoughts, although no tag says so. `so_far`: the answer that this reply goes on with; None: it
    begins. `watch`: that answer may yet turn out to be thoughts. `bare`: whether a closing tag without an opening one came.

    `passing`: text without a line end is the answer's, as it is: it may be appended to `passed` instead of being fed.
    """

    __slots__ = (
        "_block",
        "_code",
        "_fresh",
        "_held",
        "_opened",
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
        self._held = ""
        self._thinks = thinks and relabel
        self._relabel = relabel
        self._fresh = True  # no tag came yet
        self._code = CodeScanner()
        self.passed: list[str] = []  # text that came after what `_code` knows
        self.passing = False
        self._tail = ""  # the end of what `_code` knows
        self._opened = False  # an opening tag stands in the answer
        self.bare = False
        if so_far is not None:
            self._thinks = False
            self._state = "watched" if watch and relabel else "answer"
            if so_far:
                self.passed.append(so_far)
            self._note()

    def settle(self) -> Split:
        """The server separates the reasoning itself: whatever comes is the answer. Gives what was held back."""
        out: Split = []
        if self._state == "start":
            self._state = "answer"
            self._give(out, len(self._held))
        elif self._state == "watched" and not self._held:
            self._state = "answer"
        self._note()
        return out

    def feed(self, text: str) -> Split:
        out: Split = []
        if len(self.passed) >= _MOST_PASSED:
            self._in_code()  # looks at what has passed, and lets it go
        for start in range(0, len(text), _PART):  # each step copies what is held: never much
            self._held += text[start : start + _PART]
            while self._held and self._step(out):
                pass
        self._note()
        return out

    def _note(self) -> None:
        """Whether more text could only be the answer's, up to the next line end."""
        if self._state == "answer":
            self.passing = not self._held
        else:
            self.passing = self._state == "watched" and not self._held and not self._starts_line(0)

    def finish(self, *, complete: bool) -> Split:
        """What was held back because it could have become a tag. `complete`: the model ended its reply by itself, so that thoughts
        which no tag ended were the answer after all."""
        out: Split = []
        self._give(out, len(self._held))
        if complete and self._state == "block" and self._block is _IMPLIED:
            out.append(Relabel("answer"))
            self._state = "answer"
        return out

    def _step(self, out: Split) -> bool:
        """Takes what can be decided from the held text; whether more may be decided."""
        if self._state == "block":
            return self._inside(out)
        if self._state == "start":
            return self._at_start(out)
        if self._state == "watched":
            return self._watch(out)
        self._give(out, len(self._held))
        return False

    def _at_start(self, out: Split) -> bool:
        stripped = self._held.lstrip()
        match = _OPENER.match(stripped)
        if match is not None and not self._may_grow(stripped, match[0]):
            block = _BLOCKS[match[0].lower()]
            self._fresh = self._thinks = False
            self._held = stripped[match.end() :]
            if block.closers:
                self._state, self._block = "block", block
            return True
        bare = _BARE.match(stripped) if self._fresh and self._relabel else None
        if bare is not None:
            self.bare, self._fresh, self._thinks = True, False, False
            self._held = stripped[bare.end() :]
            return True
        tags = (*_OPENERS, *BARE_CLOSERS) if self._fresh and self._relabel else _OPENERS
        if may_begin(stripped, tags) and (stripped or len(self._held) < _MOST_SPACE):
            return False
        if self._thinks:
            self._thinks = False
            self._state, self._block = "block", _IMPLIED
            return True
        self._state = "watched" if self._fresh and self._relabel else "answer"
        return True

    @staticmethod
    def _may_grow(text: str, opener: str) -> bool:
        """Whether the opener could still become a longer one: all that has come is the opener itself."""
        return len(text) == len(opener) and any(
            longer != opener.lower() and longer.startswith(opener.lower()) for longer in _BLOCKS
        )

    def _inside(self, out: Split) -> bool:
        """In a block. In one that no tag opened, closing tags in code are text."""
        block = self._block
        closer = _BARE if block is _IMPLIED else _CLOSERS[block]
        while (match := closer.search(self._held)) is not None:
            self._give(out, match.start())
            if block is not _IMPLIED or not self._in_code():
                break
            self._give(out, len(match[0]))
        if match is None:
            self._give(out, len(self._held) - unfinished(self._held, block.closers))
            return False
        self._held = self._held[len(match[0]) :]
        self._state, self._fresh = "start", False
        self.bare = self.bare or block is _IMPLIED
        return True

    def _watch(self, out: Split) -> bool:
        """In an answer whose thoughts, if it has any, nothing opened: a closing tag at the start of a line ends them."""
        at = 0
        while (match := _BARE.search(self._held, at)) is not None:
            at = match.end()
            if not self._starts_line(match.start()):
                continue
            self._give(out, match.start())
            at = len(match[0])
            code = self._in_code()
            if self._opened:
                self._state = "answer"  # it speaks about tags: whatever comes is text
                return True
            if not code:
                out.append(Relabel("thinking"))
                self.bare, self._fresh, self._state = True, False, "start"
                self._held = self._held[at:]
                return True
        keep = unfinished(self._held, BARE_CLOSERS)
        if keep and not self._starts_line(len(self._held) - keep):
            keep = 0
        self._give(out, len(self._held) - keep)
        return False

    def _give(self, out: Split, length: int) -> None:
        """The first characters of what is held."""
        text, self._held = self._held[:length], self._held[length:]
        if text:
            thoughts = self._state == "block" and self._block.holds == "thoughts"
            out.append(Thinking(text) if thoughts else Chunk(text))
            if self._block is _IMPLIED and self._state != "answer":
                self.passed.append(text)

    def _starts_line(self, at: int) -> bool:
        before = self._held[at - 1] if at else (self.passed[-1] if self.passed else self._tail)
        return before == "" or before[-1] == "\n"

    def _in_code(self) -> bool:
        """Whether what comes next stands in code. All that was given is looked at once, however often this is asked."""
        text = "".join(self.passed)
        self.passed.clear()
        self._code.feed(text)
        text = self._tail + text
        self._opened = self._opened or _BARE_OPENER.search(text) is not None
        self._tail = text[-_OVERLAP:]
        return self._code.inside
