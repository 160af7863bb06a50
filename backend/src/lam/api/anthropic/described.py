"""How Anthropic's interface is described: bodies and answers in JSON Schema, which no route of it parses by.

The request's fields that Anthropic's own reference describes are not described again.
"""

from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from lam.api.openai.described import RUN, answered, body


class MessageFailure(BaseModel):
    type: str = Field(description="`invalid_request_error`, `rate_limit_error`, `overloaded_error`, and others of Anthropic's.")
    message: str = Field(description="One sentence: what happened, and what to do next.")


class MessageError(BaseModel):
    """What every failure looks like below `/v1/messages`; also the last event of a stream that failed."""

    type: Literal["error"]
    error: MessageFailure
    request_id: str | None = Field(description="As in the header `request-id`.")


_TURNS: Final = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["role", "content"],
        "properties": {
            "role": {"enum": ["user", "assistant", "system"]},
            "content": {"description": "A text, or blocks: texts, pictures in base64, documents of text, calls and their results."},
        },
    },
}
_MODEL: Final = {"type": "string", "description": "One of `GET /v1/models`."}
_PROMPT: Final[dict[str, Any]] = {"model": _MODEL, "messages": _TURNS}
MESSAGE: Final = body(
    ("model", "messages", "max_tokens"),
    _PROMPT | {"max_tokens": {"type": "integer", "minimum": 1}, "stream": {"type": ["boolean", "null"]}},
)
COUNT: Final = body(("model", "messages"), _PROMPT)
_FAILURES: Final = {status: about | {"model": MessageError} for status, about in RUN.items() if status != 200}
REPLY: Final = answered("The reply, whole or as events.", "application/json", "text/event-stream") | _FAILURES
COUNTED: Final = answered("The number of tokens.", "application/json") | {
    status: _FAILURES[status] for status in (400, 401, 403, 404, 413, 429, 500, 503)
}
