"""Maps the refusal or failure of a model server to one of our errors, with the server's own words.

Servers write errors in many shapes: OpenAI's `{"error": {…}}`, an error that is a string, flat objects (`{"object": "error",
"message": …}`), `detail` (FastAPI: a text or a list), a list around any of them, plain text. Status, code and words decide the
meaning. The messages in the tests are those of vLLM, SGLang, llama.cpp, OpenRouter, LM Studio, Mistral, LiteLLM, TGI, Anthropic,
Gemini, Groq, Cohere, Azure and OpenAI.

Pure: it reads errors and sends nothing.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct

from lam.errors import ContentFiltered, ContextExceeded, GenerationError, LlmError, LlmLoading, LlmOverloaded
from lam.protocol.text import valid

LONGEST_QUOTE: Final = 500
SMALLEST_CONTEXT: Final = 128  # smaller numbers are no context size: some servers miscalculate it
_ABOUT_LENGTH: Final = (400, 413, 422, 500)
_LENGTH_CODES: Final = (
    "exceed_context_size_error",
    "context_length_exceeded",
    "context_window_exceeded",
    "string_above_max_length",
)
_LENGTH: Final = re.compile(
    "|".join(
        (
            r"context (length|window|size|limit)|maximum model length|max_model_len|n_ctx|ContextWindowExceeded",
            r"(prompt|inputs?|messages?|conversation|request|text)\W+(\S+ ){0,6}?(too (long|large|many)|exceeds?\b|longer than)",
            r"too (long|many) (\S+ ){0,3}?(prompt|input|tokens)|(reduce|shorten) (the |your )?(length|size|prompt|input|messages?)",
            r"\btokens?\b.{0,80}\b(exceed\w*|limit|maximum|must be <=|must be less)",
            r"\b(exceed\w*|maximum|must have less)\b.{0,80}\btokens\b",
            r"(prompt|input) is too long|input length|when context the overflows",
            r"超长|过长|上下文|最大长度|超过.{0,20}(长度|token)",
        )
    ),
    re.IGNORECASE,
)
_NOT_LENGTH: Final = re.compile(
    r"\b(stop sequences?|tool|function|name|user|title|metadata|logit_bias|seed)\b[^.]{0,40}too (long|many)", re.IGNORECASE
)
_ONLY_REPLY: Final = re.compile(
    r"max(_completion|_new|_output)?_tokens\b.{0,60}(too large|at most|less than|<=|range|between)"
    r"|at most (\d+) (completion|output)",
    re.IGNORECASE,
)
_REPLY_LIMIT: Final = re.compile(
    r"(?:at most|up to|less than(?: or equal to)?|<=|maximum(?: value)? (?:is|of)|\[\d+, ?|between \d+ and) ?(\d+)", re.IGNORECASE
)
_LIMITS: Final = tuple(
    re.compile(words, re.IGNORECASE)
    for words in (
        r"exceed context limit: \d+ \+ \d+ > (\d+)",
        r"context (?:length|window|size|limit)\D{0,40}?(\d+)",
        r"max(?:imum)?[_ ]model[_ ]len(?:gth)?\D{0,12}?(\d+)",
        r"with (\d+) maximum context length",
        r"> (\d+) maximum",
        r"exceeds? (?:the |a |its )?(?:limit of |maximum of )?(\d+)[- ]?tokens?",
        r"(?:must be <=|must have less than|cannot exceed|limit:?|limit of|tokens allowed \(|allowed \()\D{0,3}(\d+)",
        r"n_ctx\D{0,12}(\d+)|input length should be \[\d+, ?(\d+)",
    )
)
_PROMPTS: Final = tuple(
    re.compile(words, re.IGNORECASE)
    for words in (
        r"(\d+) (?:tokens )?(?:in|from|of) the (?:input )?(?:messages?|text input|prompt)",
        r"\((\d+) of text input",
        r"(?:has|contains?|input|request|prompt|length) \(?(\d+) (?:input |prompt )?tokens",
        r"(?:prompt|input)[^.\d]{0,30}\(?length (\d+)",
        r"(?:resulted in|too long:|keep the first|token count \(|received|exceed context limit:|input length|prompt length) ?(\d+)",
        r"Given: \D{0,8}(\d+)",
        r"requested (?:about )?(\d+) tokens",
    )
)
_FILTERED: Final = re.compile(
    r"content[_ -]?(filter|policy|management)|ResponsibleAI|moderation|flagged|safety (system|filter|settings?)|prohibited content"
    r"|content (was |is )?(blocked|filtered)|data_inspection_failed|sensitive (content|words?)",
    re.IGNORECASE,
)
_QUOTA: Final = re.compile(
    r"insufficient[_ ](quota|balance|funds|credit)|billing|exceeded your current quota|credit balance|payment", re.IGNORECASE
)
_LOADING: Final = re.compile(
    r"\bload(ing)?\b.{0,20}\bmodel|model.{0,40}\bload(ing|ed)?\b|unavailable_error|warming|starting", re.IGNORECASE
)
_NO_MODEL: Final = re.compile(
    r"model\b.{0,120}(not (be )?found|does ?n.t exist|not exist|is not (available|loaded|served|a valid))"
    r"|model_not_found|unknown model|no such model|invalid model",
    re.IGNORECASE | re.DOTALL,
)


class ModelMissing(LlmError):
    """The server has no model of that name, or no longer."""


class ReplyTooLong(LlmError):
    """The server rejects this `max_tokens`. `limit`: the largest it accepts."""

    def __init__(self, message: str, limit: int) -> None:
        super().__init__(message, retryable=False)
        self.limit = limit


class Refusal(Struct, frozen=True, kw_only=True):
    """The readable parts of an error of any shape. `numbers`: prompt tokens and limit, when the server states them separately.

    `named`: the error was an object, so it came from a model server, not from a proxy's page. `param`: the field of the request
    that it is about, if the server says so separately.
    """

    message: str
    code: str = ""
    kind: str = ""
    status: int | None = None
    numbers: tuple[Any, Any] = (None, None)
    named: bool = False
    param: str = ""

    @property
    def words(self) -> str:
        return f"{self.code} {self.kind} {self.message}"


def read_refusal(value: Any, status: int | None = None) -> Refusal:
    """Returns the parts of an error. `value`: the decoded JSON, or text. `status`: the HTTP status; without one the object's own
    code counts."""
    source = next(_objects(value), None)
    if source is None:
        return Refusal(message=_quoted(value if isinstance(value, str) else ""), status=status)
    code = source.get("code")
    own = next((number for number in map(_status, (code, source.get("status"))) if number), None)
    message = next(
        (text for name in ("message", "detail", "msg", "error", "error_message") if (text := _text(source.get(name)))), ""
    )
    return Refusal(
        message=_quoted(message or _written(source)),
        code=_quoted(code) if isinstance(code, str) else "",
        kind=_quoted(str(source.get("type") or "")),
        status=status or own,
        numbers=(source.get("n_prompt_tokens"), source.get("n_ctx")),
        named=True,
        param=_param(source),
    )


def failure_of(refusal: Refusal, retry_after: float | None = None) -> GenerationError:
    """Returns our error for a refusal. A 4xx is not retried unchanged."""
    status, words = refusal.status, refusal.words
    limit, prompt = (_number(number) for number in reversed(refusal.numbers))
    if refusal.kind in _LENGTH_CODES or refusal.code in _LENGTH_CODES:
        return _exceeded(refusal, prompt, limit)
    if _FILTERED.search(words) and (status is None or 400 <= status < 500):
        return ContentFiltered(f"The model server's content filter refused this message: {refusal.message}")
    if status == 429:
        for_good = _QUOTA.search(words) is not None
        message = f"The model server refuses more requests at the moment: {refusal.message}" if refusal.message else None
        return LlmOverloaded(message, retry_after=retry_after, retryable=not for_good)
    if (status is None or status in _ABOUT_LENGTH) and (allowed := _reply_limit(refusal.message)):
        return ReplyTooLong(_sentence(refusal), allowed)
    if status == 413 or ((status is None or status in _ABOUT_LENGTH) and _speaks_of_length(refusal.message)):
        return _exceeded(refusal, prompt, limit)
    if status in (400, 404, None) and _NO_MODEL.search(words):
        return ModelMissing(_sentence(refusal), retryable=False)
    if status in (503, 529) and refusal.named:
        return LlmLoading() if _LOADING.search(words) else LlmOverloaded(_sentence(refusal), retry_after=retry_after)
    return LlmError(_sentence(refusal), retryable=not (status is not None and 400 <= status < 500))


def is_failure(error: Any) -> bool:
    """Returns whether a document's `error` field holds an error: some servers always send the field."""
    if isinstance(error, dict):
        words = str(error.get("message") or error.get("msg") or "").strip().lower()
        fine = error.get("code") in (None, 0, "0", 200, "200", "") and words in ("", "ok", "success", "null", "none")
        return bool(error) and not (fine and not error.get("type"))
    if isinstance(error, str):
        return error.strip().lower() not in ("", "null", "none", "ok", "success")
    return bool(error) and error is not True


def decoded(body: bytes) -> Any:
    """Returns the JSON of an error body, or else its text."""
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        text = body.decode("utf-8", "replace").strip()
        return "" if text.startswith("<") else text  # a web page explains nothing


def _sentence(refusal: Refusal) -> str:
    return f"The model server reports: {refusal.message}" if refusal.message else "The model server failed without giving a reason."


def _exceeded(refusal: Refusal, prompt: int | None, limit: int | None) -> ContextExceeded:
    text = refusal.message.replace(",", "") if re.search(r"\d,\d{3}", refusal.message) else refusal.message
    prompt = prompt or _first(_PROMPTS, text)
    limit = limit or _first(_LIMITS, text)
    if limit is not None and limit < SMALLEST_CONTEXT and refusal.numbers[1] is None:
        limit = None
    if prompt is not None and limit is not None:
        return ContextExceeded(prompt_tokens=prompt, limit=limit)
    quote = f": {refusal.message}" if refusal.message else "; shorten it and send it again."
    return ContextExceeded(f"The message is longer than the model's context{quote}", prompt_tokens=prompt, limit=limit)


def _speaks_of_length(message: str) -> bool:
    return _LENGTH.search(message) is not None and _NOT_LENGTH.search(message) is None


def _reply_limit(message: str) -> int | None:
    """Returns the largest reply in tokens, when the refusal is about nothing else."""
    if _ONLY_REPLY.search(message) is None or re.search(r"context|input|prompt|messages", message, re.IGNORECASE):
        return None
    match = _REPLY_LIMIT.search(message)
    return int(match[1]) if match else None


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yields the objects that describe the error, the innermost first."""
    if isinstance(value, list):
        for item in value:
            yield from _objects(item)
    elif isinstance(value, dict):
        for name in ("error", "detail", "errors"):
            inner = value.get(name)
            if isinstance(inner, dict | list) and inner:
                yield from _objects(inner)
        yield value


def _param(source: dict[str, Any]) -> str:
    """Returns OpenAI's `param`, or the end of FastAPI's `loc`."""
    where = source.get("loc")
    value = where[-1] if isinstance(where, list) and where else source.get("param")
    return _quoted(value) if isinstance(value, str) else ""


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return _text(value.get("message") or value.get("msg") or value.get("detail"))
    return value if isinstance(value, str) else ""


def _written(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value).decode("utf-8", "replace") if value else ""


def _quoted(text: str) -> str:
    text = " ".join(valid(text).split())
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"


def _status(value: Any) -> int | None:
    number = _number(int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6 else value)
    return number if number is not None and 400 <= number < 600 else None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _first(patterns: tuple[re.Pattern[str], ...], text: str) -> int | None:
    return next((int(match[match.lastindex or 1]) for pattern in patterns if (match := pattern.search(text))), None)
