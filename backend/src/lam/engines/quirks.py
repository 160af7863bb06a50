"""What one model refuses of a request that most models take, learnt from the words of its server's refusals.

Some models take `max_completion_tokens` instead of `max_tokens`, or no `temperature`; some templates know no system role, or want
the roles to alternate. The refusals in the tests are those of OpenAI, Azure, Anthropic, Bedrock, Mistral, Groq, xAI, Gemini,
Moonshot, vLLM, SGLang and llama.cpp. Pure: it changes bodies and sends nothing.

Each lesson removes something from the request for good, so that a server that refuses everything cannot make us ask for ever.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from lam.engines.refusals import Refusal
from lam.errors import LlmError
from lam.protocol.chat import Turn, joined, merge_turns

# What a reply can do without. A stop text, a schema or a model that somebody chose is not dropped silently.
_SPARED: Final = frozenset(
    {
        *("temperature", "top_p", "top_k", "min_p", "typical_p", "seed"),
        *("presence_penalty", "frequency_penalty", "repeat_penalty"),
        *("chat_template_kwargs", "thinking_budget_tokens", "reasoning_control", "return_progress", "sse_ping_interval"),
        *("stream_options", "stream"),
    }
)
_LENGTH: Final = "max_tokens"
_OTHER_LENGTH: Final = "max_completion_tokens"  # our patterns do not take its end for the other
_THOUGHTS: Final = "reasoning_content"  # of a turn
_STATUSES: Final = (400, 422, 500)
_REFUSES: Final = re.compile(
    "|".join(
        (
            r"unsupported|not (be )?(supported|permitted|allowed|available|enabled|accepted)|n.t support|unrecognized",
            r"(unknown|unexpected) (name|param|field|arg|key)|additional properties|extra_?\s?(fields|inputs|forbidden)",
            r"deprecated|no longer|cannot (both )?be (used|set|specified)|use only|verified to stream",
            r"only (one|the default)|only [\d.]+ (is|are) ",
        )
    ),
    re.IGNORECASE,
)
_NAMES: Final = re.compile(
    "|".join(
        rf"(?<![A-Za-z_]){name.replace('_', '_?')}(?![A-Za-z_])"
        for name in sorted({*_SPARED, _LENGTH, _THOUGHTS}, key=len, reverse=True)
    ),
    re.IGNORECASE,
)
_SYSTEM: Final = re.compile(
    "|".join(
        (
            r"system (role|messages?|prompts?|instructions?)\W+(\S+ ){0,3}?(not|n.t|un)\s?-?(be )?(supported|allowed|enabled)",
            r"(not|n.t) support\W+(\S+ ){0,2}?.?system|developer instructions? (is|are) not|without system",
            r"roles?\b.{0,40}\bsystem\b.{0,60}(not|n.t|invalid)|.system. role|only user\b.{0,30} roles",
            r"(invalid|unexpected|unknown|unsupported)( message)? role\W+(\S+ ){0,2}?.?system",
            r"system messages? (must|should) be (at )?the (beginning|first)",
        )
    ),
    re.IGNORECASE,
)
_ALTERNATE: Final = re.compile(
    r"roles? must alternate|(must|should|need to) alternate|alternating|multiple .{0,3}(user|assistant).{0,3} roles in a row"
    r"|(first|1st) (non-system )?message (must|should|has to) (be|have|come)|(must|should) (start|begin) with an? .?user"
    r"|(after|following) role .?(assistant|user)|consecutive (user|assistant)",
    re.IGNORECASE,
)
_ELSEWHERE: Final = Turn("user", "…")  # stands before an answer to nothing


class FieldRefused(LlmError):
    """The model does not take one of these fields, the likelier ones first."""

    def __init__(self, message: str, fields: Sequence[str]) -> None:
        super().__init__(message, retryable=False)
        self.fields = fields


class RolesRefused(LlmError):
    """The model's template takes no such order of roles. `system`: it knows no system role."""

    def __init__(self, message: str, *, system: bool) -> None:
        super().__init__(message, retryable=False)
        self.system = system


class Quirks(Struct, frozen=True, kw_only=True):
    """What is known about one model. `left_out`: fields of the request. `completion_tokens`: it takes `max_completion_tokens`.
    `forgets`: it does not take back its thoughts. `folds`: the system prompt goes into the first turn of the user. `alternates`:
    turns of user and assistant alternate."""

    left_out: frozenset[str] = frozenset()
    completion_tokens: bool = False
    forgets: bool = False
    folds: bool = False
    alternates: bool = False

    def learnt(self, refusal: LlmError, body: dict[str, Any]) -> "Quirks | None":
        """Returns what is known after a refusal of this body; None when it teaches nothing new."""
        if isinstance(refusal, FieldRefused):
            if _THOUGHTS in refusal.fields and any(turn.thinking for turn in body["messages"]):
                return replace(self, forgets=True)
            field = next((name for name in refusal.fields if name in body), None)
            if field is None:
                return None
            return replace(self, completion_tokens=True) if field == _LENGTH else replace(self, left_out=self.left_out | {field})
        if not isinstance(refusal, RolesRefused):
            return None
        roles = [turn.role for turn in body["messages"]]
        if refusal.system and not self.folds and "system" in roles:
            return replace(self, folds=True)
        return None if self.alternates else replace(self, alternates=True, folds=True)

    def fitted(self, body: dict[str, Any]) -> dict[str, Any]:
        """Returns the body as the model takes it."""
        body = {name: value for name, value in body.items() if name not in self.left_out}
        if "stream" in self.left_out:
            body.pop("stream_options", None)
        if self.completion_tokens and _LENGTH in body:
            body[_OTHER_LENGTH] = body.pop(_LENGTH)
        return body

    def turns(self, turns: Sequence[Turn]) -> tuple[Turn, ...]:
        """Returns the turns in the order that the model takes."""
        turns = merge_turns(turns)
        if self.forgets:
            turns = tuple(replace(turn, thinking="") if turn.thinking else turn for turn in turns)
        if self.folds:
            turns = merge_turns(_folded(turns))
        return _alternating(turns) if self.alternates else turns


def refused_part(refusal: Refusal) -> LlmError | None:
    """Returns the refusal of a field or of a role; None for any other refusal."""
    if refusal.status is not None and refusal.status not in _STATUSES:
        return None
    words = refusal.message
    sentence = f"The model server reports: {words}"
    if _SYSTEM.search(words):
        return RolesRefused(sentence, system=True)
    if _ALTERNATE.search(words):
        return RolesRefused(sentence, system=False)
    if refusal.status == 500 or _REFUSES.search(refusal.words) is None:
        return None
    fields = _fields(refusal.param) or _fields(words)
    return FieldRefused(sentence, fields) if fields else None


def _fields(words: str) -> list[str]:
    """Returns our fields in these words that could be left out. Of two that exclude each other, the second comes first."""
    plain = [match[0].lower().replace("_", "") for match in _NAMES.finditer(words)]
    fields = [name for word in plain for name in (*_SPARED, _LENGTH, _THOUGHTS) if name.replace("_", "") == word]
    return fields[::-1] if "both" in words else fields


def _folded(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """Puts the text of each system turn before the next turn of the user."""
    result: list[Turn] = []
    pending: list[str] = []
    for turn in turns:
        if turn.role == "system":
            pending.append(turn.content)
        elif turn.role == "user" and pending:
            result.append(joined(Turn("user", "\n\n".join(pending)), turn))
            pending.clear()
        else:
            result.append(turn)
    if pending:
        result.append(Turn("user", "\n\n".join(pending)))
    return tuple(result)


def _alternating(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """Joins answers that follow one another, and begins with a turn of the user."""
    result: list[Turn] = []
    for turn in turns:
        if not result and turn.role == "assistant":
            result.append(_ELSEWHERE)
        if result and result[-1].role == turn.role and turn.role != "tool":
            result[-1] = joined(result[-1], turn)
        else:
            result.append(turn)
    return tuple(result)
