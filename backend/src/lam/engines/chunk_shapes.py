"""The shapes of a chat completion: strict ones that decode fast, and a lenient conversion of any JSON object to the same.

An odd field never costs the text beside it: a list of content parts (Mistral's Magistral), `index: null`, counts as floats,
`tool_calls: {}`, or arguments that are an object. Pictures stand in `images` (OpenRouter) or among the content parts. This module
must not know what the fields mean.
"""

import json
from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct

Kind = Literal["thoughts", "text", "picture"]
ContentPart = tuple[Kind, str]


class FunctionPiece(Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class ToolCallPiece(Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: FunctionPiece | None = None


class Delta(Struct, gc=False, kw_only=True):
    """A piece of a message. `parts`: content that came as a list, in order; only when `content` is None. A picture is its address,
    usually a data URI. `images`: pictures as the server wrote them."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCallPiece] | None = None
    function_call: FunctionPiece | None = None
    images: Any = None
    parts: list[ContentPart] | None = None


class Choice(Struct, gc=False, kw_only=True):
    index: int | None = None
    delta: Delta | None = None
    message: Delta | None = None
    text: str | None = None
    finish_reason: str | None = None


class TokenDetails(Struct, gc=False):
    cached_tokens: int | None = None


class TokenCounts(Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: TokenDetails | None = None


class Speed(Struct, gc=False):
    predicted_per_second: float | None = None


class PromptProgress(Struct, gc=False):
    total: int = 0
    cache: int = 0
    processed: int = 0


class Completion(Struct, kw_only=True):
    choices: list[Choice] | None = None
    model: str | None = None
    usage: TokenCounts | None = None
    timings: Speed | None = None
    prompt_progress: PromptProgress | None = None
    error: Any = None

    @property
    def is_empty(self) -> bool:
        return self.choices is None and self.usage is None and self.prompt_progress is None and self.timings is None


def leniently(value: dict[str, Any]) -> Completion:
    """Returns the usable fields of the object; a field of the wrong type counts as missing."""
    progress = _object(value.get("prompt_progress"))
    timings = _object(value.get("timings"))
    speed = timings.get("predicted_per_second") if timings else None
    return Completion(
        choices=[_choice(choice) for choice in _objects(value.get("choices"))] if "choices" in value else None,
        model=_text(value.get("model")),
        usage=_counts(_object(value.get("usage"))),
        timings=Speed(speed) if isinstance(speed, float) else None,
        prompt_progress=PromptProgress(*(_count(progress.get(name)) or 0 for name in ("total", "cache", "processed")))
        if progress
        else None,
        error=value.get("error"),
    )


def _choice(value: dict[str, Any]) -> Choice:
    delta, message = _object(value.get("delta")), _object(value.get("message"))
    return Choice(
        index=_count(value.get("index")),
        delta=_delta(delta) if delta else None,
        message=_delta(message) if message else None,
        text=_text(value.get("text")),
        finish_reason=_reason(value.get("finish_reason")),
    )


def _reason(value: Any) -> str | None:
    return _text(value.get("type")) if isinstance(value, dict) else _text(value)  # SGLang sends an object


def _delta(value: dict[str, Any]) -> Delta:
    content = value.get("content")
    call = _object(value.get("function_call"))
    return Delta(
        content=_text(content),
        reasoning_content=_text(value.get("reasoning_content")),
        reasoning=_text(value.get("reasoning")),
        refusal=_text(value.get("refusal")),
        tool_calls=[_call(piece) for piece in _objects(value.get("tool_calls")) if piece],
        function_call=_function(call) if call else None,
        images=value.get("images"),
        parts=list(_parts(content, "text")) if isinstance(content, list | dict) else None,
    )


def pictures(images: Any) -> Iterator[str]:
    """Yields the addresses of pictures that stand beside the content."""
    for image in images if isinstance(images, list) else [images]:
        if address := _picture(image):
            yield address


def _picture(value: Any) -> str | None:
    """Returns the address of a picture: `{"image_url": {"url": …}}`, Gemini's `inline_data`, Anthropic's `source`, `b64_json`."""
    if isinstance(value, str):
        return value if value.startswith("data:image/") else None
    if not isinstance(value, dict):
        return None
    for name in ("image_url", "image", "url"):
        inner = value.get(name)
        address = inner.get("url") if isinstance(inner, dict) else inner
        if isinstance(address, str) and address:
            return address
    for inner in (value.get("inline_data"), value.get("inlineData"), value.get("source"), value):
        if isinstance(inner, dict) and isinstance(data := inner.get("data") or inner.get("b64_json"), str) and data:
            named = inner.get("mime_type") or inner.get("mimeType") or inner.get("media_type") or "image/png"
            return f"data:{named};base64,{data}" if str(named).startswith("image/") else None
    return None


def _parts(value: Any, kind: Kind) -> Iterator[ContentPart]:
    """Yields the texts in nested content parts such as `{"type": "thinking", "thinking": [{"type": "text", "text": …}]}`, and the
    pictures between them."""
    if isinstance(value, str):
        if value:
            yield kind, value
    elif isinstance(value, list):
        for item in value:
            yield from _parts(item, kind)
    elif isinstance(value, dict):
        named = str(value.get("type") or "")
        if ("image" in named or "inline_data" in value or "inlineData" in value) and (address := _picture(value)):
            yield "picture", address
            return
        inner: Kind = "thoughts" if "think" in named or "reason" in named else kind
        for name in ("thinking", "reasoning", "text", "content", "refusal"):
            if value.get(name):
                yield from _parts(value[name], "thoughts" if name in ("thinking", "reasoning") else inner)


def _call(value: dict[str, Any]) -> ToolCallPiece:
    function = _object(value.get("function")) or (value if "arguments" in value or "name" in value else None)
    return ToolCallPiece(_count(value.get("index")), _text(value.get("id")), _function(function) if function else None)


def _function(value: dict[str, Any]) -> FunctionPiece:
    arguments = value.get("arguments")
    if arguments is not None and not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return FunctionPiece(_text(value.get("name")), arguments)


def _counts(value: dict[str, Any] | None) -> TokenCounts | None:
    if value is None:
        return None
    details = _object(value.get("prompt_tokens_details"))
    return TokenCounts(
        _count(value.get("prompt_tokens")),
        _count(value.get("completion_tokens")),
        _count(value.get("total_tokens")),
        TokenDetails(_count(details.get("cached_tokens"))) if details else None,
    )


def _count(value: Any) -> int | None:
    """Returns a whole number, also from a float or a text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value[:12])
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _object(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) and value else None


def _objects(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value]
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
