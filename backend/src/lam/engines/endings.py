"""The meaning of the finish reasons of model servers.

The names come from the documentation of OpenAI, Azure, Anthropic, Gemini, Cohere, Mistral, DeepSeek, GLM, Qwen, vLLM, SGLang and
TGI. Other reasons are judged by the words in them.

Pure; it knows no stream.
"""

import re
from typing import Final, Literal

EndingKind = Literal["stop", "length", "tool_calls", "content_filter", "interrupted"]

_KNOWN: Final[dict[str, EndingKind]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "function_call": "tool_calls",
    "other": "interrupted",
    "error_limit": "length",
    "unexpected_tool_call": "interrupted",
    "too_many_tool_calls": "interrupted",
    "recitation": "content_filter",
    "refusal": "content_filter",
    "spii": "content_filter",
    "blocklist": "content_filter",
    "language": "content_filter",
    "insufficient_system_resource": "interrupted",
    "pause_turn": "interrupted",
}
_WORDS: Final[tuple[tuple[EndingKind, re.Pattern[str]], ...]] = (
    ("interrupted", re.compile(r"cancel|deadline|memory|^oom|killed|exception|incomplete|^missing")),
    ("length", re.compile(r"length|max_.*tokens|maxtokens|context|token_limit|truncat")),
    (
        "content_filter",
        re.compile(r"filter|safety|sensitive|policy|moderat|prohibited|block|guardrail|toxic|violation|refus|censor"),
    ),
    (
        "interrupted",
        re.compile(r"error|abort|cancel|time_?out|overload|fail|network|interrupt|malform|disconnect|evict|unspecified"),
    ),
    ("tool_calls", re.compile(r"tool|function")),
)


def ending_of(reason: str) -> EndingKind:
    """Returns the ending that a finish reason means; `stop` when it means nothing else."""
    name = re.sub(r"[^a-z0-9]+", "_", reason.strip().lower()).strip("_").removeprefix("finish_reason_")
    known = _KNOWN.get(name)
    if known is not None:
        return known
    return next((kind for kind, words in _WORDS if words.search(name)), "stop")
