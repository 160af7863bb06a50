"""The tags that model families put around reasoning, and a scanner for code in an answer.

The tags come from the published chat templates: DeepSeek, Qwen and GLM (`<think>`), Mistral (`[THINK]`), Kimi (`◁think▷`), Seed
(`<seed:think>`), Cohere (`<|START_THINKING|>`), OpenThoughts (`<|begin_of_thought|>`), Apertus (`<|inner_prefix|>`), MedGemma
(`<unused94>`) and the harmony channels of gpt-oss. Pure; it knows no events.
"""

import re
from typing import Final, Literal

from msgspec import Struct


class Block(Struct, frozen=True):
    """A marked part of a reply. `closers`: any of them ends it. `holds`: what it contains; `nothing` means that it is only an
    opener."""

    opener: str
    closers: tuple[str, ...]
    holds: Literal["thoughts", "answer", "nothing"] = "thoughts"


_NAMES: Final = ("think", "thinking", "thought", "reasoning", "seed:think", "longcat_think")
_AMBIGUOUS: Final = frozenset({"<thought>", "<reasoning>"})  # these are also XML elements of ordinary answers
_HARMONY_END: Final = ("<|end|>", "<|return|>", "<|call|>")
BLOCKS: Final = (
    *(Block(f"<{name}>", (f"</{name}>",)) for name in _NAMES),
    Block("[THINK]", ("[/THINK]",)),
    Block("◁think▷", ("◁/think▷",)),
    Block("<|begin_of_thought|>", ("<|end_of_thought|>",)),
    Block("<|begin_of_solution|>", ("<|end_of_solution|>",), "answer"),
    Block("<|START_THINKING|>", ("<|END_THINKING|>",)),
    Block("<|START_RESPONSE|>", ("<|END_RESPONSE|>",), "answer"),
    Block("<|inner_prefix|>", ("<|inner_suffix|>",)),
    Block("<unused94>thought\n", ("<unused95>",)),
    Block("<|start|>assistant", (), "nothing"),
    Block("<|channel|>analysis<|message|>", _HARMONY_END),
    Block("<|channel|>commentary<|message|>", _HARMONY_END, "answer"),
    Block("<|channel|>final<|message|>", _HARMONY_END, "answer"),
)
BARE_CLOSERS: Final = tuple(
    closer
    for block in BLOCKS
    if block.holds == "thoughts" and block.closers != _HARMONY_END and block.opener not in _AMBIGUOUS
    for closer in block.closers
)
"""Tags that can end reasoning whose opener was part of the server's prompt template."""

BARE_OPENERS: Final = tuple(block.opener for block in BLOCKS if block.holds == "thoughts")
_FIRST: Final = frozenset(tag[0] for block in BLOCKS for tag in (block.opener, *block.closers))
_LONGEST: Final = max(len(tag) for block in BLOCKS for tag in (block.opener, *block.closers))
_FENCE: Final = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?(`{3,}|~{3,})(.*)")
_HEAD: Final = 200  # characters of a line that are searched for a fence


def pattern(tags: tuple[str, ...]) -> re.Pattern[str]:
    """Returns a pattern for any of the tags, longest first, case-insensitive."""
    return re.compile("|".join(re.escape(tag) for tag in sorted(tags, key=len, reverse=True)), re.IGNORECASE)


def may_begin(text: str, tags: tuple[str, ...]) -> bool:
    """Returns whether the text, which may end in mid-tag, could become one of the tags."""
    start = text.lower()
    return any(tag.lower().startswith(start) for tag in tags)


def unfinished(text: str, tags: tuple[str, ...]) -> int:
    """Returns how many characters at the end of the text could begin a tag."""
    tail = text[-_LONGEST:]
    for at, character in enumerate(tail):
        if character in _FIRST and may_begin(tail[at:], tags):
            return len(tail) - at
    return 0


class CodeScanner:
    """Scans the text of a Markdown answer as it comes; `inside` says whether the next character is in code."""

    __slots__ = ("_fence", "_head", "_ticks")

    def __init__(self) -> None:
        self._fence = ""
        self._head = ""  # the beginning of the unfinished line
        self._ticks = 0  # the length of the open run of backticks

    @property
    def inside(self) -> bool:
        return bool(self._fence or self._ticks)

    def feed(self, text: str) -> None:
        for number, part in enumerate(text.split("\n")):
            if number:
                self._end_line()
            self._head += part[: _HEAD - len(self._head)]
            for run in re.findall("`+", part):
                self._ticks = 0 if self._ticks == len(run) else (self._ticks or len(run))

    def _end_line(self) -> None:
        line, self._head, self._ticks = self._head, "", 0
        match = _FENCE.match(line)
        if match is None:
            return
        fence, rest = match[1], match[2]
        if not self._fence:
            if not (fence[0] == "`" and "`" in rest):
                self._fence = fence
        elif fence[0] == self._fence[0] and len(fence) >= len(self._fence) and not rest.strip():
            self._fence = ""
