"""How model families mark their reasoning in plain content, and which text of an answer is code.

The tags come from the chat templates that the families publish: DeepSeek, Qwen and GLM (`<think>`), Mistral (`[THINK]`), Kimi
(`◁think▷`), Seed (`<seed:think>`), Cohere (`<|START_THINKING|>`), OpenThoughts (`<|begin_of_thought|>`), Apertus
(`<|inner_prefix|>`), MedGemma (`<unused94>`) and the harmony channels of gpt-oss.
"""

import re
from typing import Final, Literal

from msgspec import Struct


class Block(Struct, frozen=True):
    """A marked part of a reply. `closers`: any of them ends it. `holds`: what stands in it; `nothing`: there is only an opener."""

    opener: str
    closers: tuple[str, ...]
    holds: Literal["thoughts", "answer", "nothing"] = "thoughts"


_NAMES: Final = ("think", "thinking", "thought", "reasoning", "seed:think", "longcat_think")
_AMBIGUOUS: Final = frozenset({"<thought>", "<reasoning>"})  # elements of an answer in XML, too
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
"""What may end thoughts whose opener the server's template had put into the prompt."""

BARE_OPENERS: Final = tuple(block.opener for block in BLOCKS if block.holds == "thoughts")
_FIRST: Final = frozenset(tag[0] for block in BLOCKS for tag in (block.opener, *block.closers))
_LONGEST: Final = max(len(tag) for block in BLOCKS for tag in (block.opener, *block.closers))
_FENCE: Final = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?(`{3,}|~{3,})(.*)")
_HEAD: Final = 200  # characters of a line in which a fence is looked for


def pattern(tags: tuple[str, ...]) -> re.Pattern[str]:
    """Finds any of the tags, whatever their case, the longest first."""
    return re.compile("|".join(re.escape(tag) for tag in sorted(tags, key=len, reverse=True)), re.IGNORECASE)


def may_begin(text: str, tags: tuple[str, ...]) -> bool:
    """Whether the text, which may end in the middle of a tag, could become one of the tags."""
    start = text.lower()
    return any(tag.lower().startswith(start) for tag in tags)


def unfinished(text: str, tags: tuple[str, ...]) -> int:
    """How many characters at the end of the text could be the beginning of a tag."""
    tail = text[-_LONGEST:]
    for at, character in enumerate(tail):
        if character in _FIRST and may_begin(tail[at:], tags):
            return len(tail) - at
    return 0


class CodeScanner:
    """Feed it the text of a Markdown answer; `inside` says whether what comes next stands in code."""

    __slots__ = ("_fence", "_head", "_ticks")

    def __init__(self) -> None:
        self._fence = ""
        self._head = ""  # the beginning of the unfinished line
        self._ticks = 0  # the length of the run of backticks that is open in it

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
