"""Failures as OpenAI's SDKs need them: its body, its codes, and whether asking again makes sense.

The SDKs ask three times after 408, 409, 429 and every 5xx, unless `x-should-retry` says no. It must not choose another status than
the gateway's own table does, but for the few that mean something else to these SDKs.
"""

import secrets
from datetime import UTC, datetime
from typing import Any, Final

from fastapi.responses import JSONResponse

from lam.api.budgets import budget_of, refused_limits
from lam.errors import (
    BudgetExceeded,
    Conflict,
    ContentFiltered,
    GenerationError,
    InvalidField,
    LamError,
    PictureGone,
    Throttled,
    Unauthorized,
    UnknownModel,
)
from lam.protocol.openai import OF_REQUEST, error_object

_PATIENCE: Final = 60  # seconds: the SDKs wait no longer, and then ask in vain
_STATUS: Final[dict[type[LamError], int]] = {UnknownModel: 404, ContentFiltered: 400, PictureGone: 400}


def request_id() -> str:
    """Returns a new id for an answer."""
    return f"req_{secrets.token_hex(12)}"


def status_for(error: LamError, status: int) -> int:
    """Returns the status of a failure for programs. `status`: by the gateway's table."""
    status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), status)
    return 400 if status == 422 or (status >= 500 and error.code in OF_REQUEST) else status


def retry_headers(error: LamError, *, started: bool = False) -> dict[str, str]:
    """Returns what a failure says of asking again, and of how to log in."""
    headers: dict[str, str] = {}
    if isinstance(error, Throttled):
        headers |= {"retry-after": str(error.retry_after), "retry-after-ms": str(1000 * error.retry_after)}
    if isinstance(error, BudgetExceeded):
        headers |= refused_limits(error, datetime.now(UTC))
    if isinstance(error, Unauthorized):
        headers["www-authenticate"] = "Bearer"
    in_vain = isinstance(error, BudgetExceeded) and (error.is_final or error.retry_after > _PATIENCE)
    if started or in_vain or isinstance(error, Conflict) or (isinstance(error, GenerationError) and not error.retryable):
        headers["x-should-retry"] = "false"
    return headers


def error_answer(error: LamError, status: int, *, started: bool = False) -> JSONResponse:
    """Returns the answer for a failure. `status`: by the gateway's table. `started`: a run has begun, so that asking again would
    begin another."""
    status = status_for(error, status)
    headers = {"x-request-id": request_id()} | retry_headers(error, started=started)
    param, reason = (error.param, error.reason) if isinstance(error, InvalidField) else (None, None)
    if isinstance(error, UnknownModel):
        param = "model"
    body = error_object(error.message, error.code, param=param, status=status, reason=reason)
    if isinstance(error, BudgetExceeded):
        body["budget"] = budget_of(error)
    return JSONResponse({"error": body}, status, headers)


def plain_answer(status: int, message: str, code: str, headers: dict[str, Any] | None = None) -> JSONResponse:
    """Returns the answer for a failure that is none of ours, such as an unknown path."""
    return JSONResponse(
        {"error": error_object(message, code, status=status)}, status, {"x-request-id": request_id()} | (headers or {})
    )
