"""Failures as Anthropic's SDKs need them. They ask again as OpenAI's do, so statuses and headers are the same; the body is not."""

from typing import Any, Final

from fastapi.responses import JSONResponse

from lam.api.openai.errors import request_id, retry_headers, status_for
from lam.errors import LamError
from lam.protocol.anthropic_reply import failure

PREFIX: Final = "/v1/messages"


def error_answer(error: LamError, status: int, *, started: bool = False) -> JSONResponse:
    """Returns the answer for a failure. `status`: by the gateway's table. `started`: a run has begun."""
    return _answer(status_for(error, status), error.message, retry_headers(error, started=started))


def plain_answer(status: int, message: str, code: str, headers: dict[str, Any] | None = None) -> JSONResponse:
    """Returns the answer for a failure that is none of ours, such as an unknown path."""
    return _answer(status, message, headers or {})


def _answer(status: int, message: str, headers: dict[str, str]) -> JSONResponse:
    known = request_id()
    return JSONResponse(failure(status, message, known), status, {"request-id": known, "x-request-id": known} | headers)
