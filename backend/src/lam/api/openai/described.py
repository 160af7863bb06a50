"""How OpenAI's interface is described: bodies and answers in JSON Schema, which no route of it parses by.

The request's fields that OpenAI's own reference describes are not described again.
"""

from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel, Field


class ProgramFailure(BaseModel):
    message: str = Field(description="One sentence: what happened, and what to do next.")
    type: str = Field(description="`invalid_request_error`, `rate_limit_error` or `server_error`.")
    param: str | None = Field(description="The field of the request that it is about.")
    code: str | None = Field(description="OpenAI's name for it, or ours (docs/reference/errors.md).")


class ProgramError(BaseModel):
    """What every failure looks like below `/v1`; also the last line of a stream that failed."""

    error: ProgramFailure


_WORDS: Final = {
    400: "The request cannot be carried out as it is written, or the model cannot do this.",
    401: "No key, or one that is no longer good.",
    403: "This key may not do this.",
    404: "No such model, or nothing at this address.",
    409: "The answer to this Idempotency-Key is no longer kept, or the reply was stopped.",
    413: "Larger than this gateway takes.",
    429: "Too much at once; see `retry-after`.",
    500: "Something went wrong inside the gateway.",
    502: "The model failed.",
    503: "Not available at the moment.",
    504: "The model gave no sign of life.",
}
_MESSAGES: Final = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["role"],
        "properties": {
            "role": {"enum": ["system", "developer", "user", "assistant", "tool"]},
            "content": {"description": "A text, or parts: texts and, of the user, pictures as data URIs."},
        },
    },
}


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Returns a route's `responses`: these statuses carry a ProgramError."""
    return {status: {"model": ProgramError, "description": _WORDS[status]} for status in statuses}


def answered(description: str, *kinds: str) -> dict[int | str, dict[str, Any]]:
    """Returns a route's `responses` for its success, with these media types."""
    schemas: dict[str, dict[str, Any]] = {"application/json": {"type": "object"}, "text/event-stream": {"description": "Chunks."}}
    return {200: {"description": description, "content": {kind: {"schema": schemas[kind]} for kind in kinds}}}


def body(required: Sequence[str], properties: dict[str, Any]) -> dict[str, Any]:
    """Returns a route's `openapi_extra`: a JSON object that needs these fields."""
    schema = {"type": "object", "required": [*required], "properties": properties}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


_MODEL: Final = {"type": ["string", "null"], "description": "One of `GET /v1/models`; null: the default."}
_STREAM: Final = {"type": ["boolean", "null"], "description": "In chunks, as Server-Sent Events."}
_NAMED: Final = {"type": "string", "description": "One of `GET /v1/models`; empty: the default."}
CHAT: Final = body(("model", "messages"), {"messages": _MESSAGES, "model": _NAMED, "stream": _STREAM})
PROMPT: Final = body(("prompt",), {"prompt": {"type": "string"}, "model": _MODEL, "stream": _STREAM})
VECTORS: Final = body(("input",), {"input": {"description": "A text, or a list of them."}, "model": _MODEL})
RUN: Final = answered("The reply, whole or in chunks.", "application/json", "text/event-stream") | failures(
    400, 401, 403, 404, 409, 413, 429, 500, 502, 503, 504
)
