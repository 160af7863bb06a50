"""The one table from our errors to HTTP, and the format of every error answer: `{"detail": …, "code": …}`.

No other module chooses a status for an error.
"""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from lam import errors
from lam.api.headers import headers_for
from lam.errors import LamError

STATUS: Final[dict[type[LamError], int]] = {
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Invalid: 422,
    errors.DocumentUnsupported: 415,
    errors.DocumentTooLarge: 413,
    errors.Conflict: 409,
    errors.Throttled: 429,
    errors.ShuttingDown: 503,
    errors.StorageUnavailable: 503,
    errors.StorageDamaged: 500,
    errors.StorageLost: 500,
    errors.LlmUnreachable: 503,
    errors.LlmLoading: 503,
    errors.LlmOverloaded: 503,
    errors.NoWorker: 503,
    errors.BrokerUnreachable: 503,
    errors.GenerationTimeout: 504,
    errors.TooLarge: 413,
    errors.GenerationError: 502,
    LamError: 500,
}


class ErrorAnswer(BaseModel):
    """What every failure before the first event looks like."""

    detail: str = Field(description="One sentence: what happened, and what to do next.")
    code: str = Field(description="A stable name for programs; docs/reference/errors.md lists them.")
    stream_id: str | None = Field(None, description="With `session_busy`: the running stream.")


def status_of(kind: type[LamError]) -> int:
    """Returns the status of the nearest ancestor in the table."""
    return next(STATUS[ancestor] for ancestor in kind.__mro__ if ancestor in STATUS)


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Returns a route's `responses`: these statuses carry an ErrorAnswer."""
    return {status: _answer(status, *_DESCRIBED[status]) for status in statuses}


def _answer(status: int, description: str, example: type[LamError]) -> dict[str, Any]:
    sample = {"detail": example.summary, "code": example.code}
    if example is errors.SessionBusy:
        sample["stream_id"] = "c2FtcGxlLXN0cmVhbS1pZC0x"
    answer: dict[str, Any] = {
        "model": ErrorAnswer,
        "description": description,
        "content": {"application/json": {"example": sample}},
    }
    if status == 429:
        answer["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return answer


_DESCRIBED: Final[dict[int, tuple[str, type[LamError]]]] = {
    401: ("No token, or one that is no longer good.", errors.Unauthorized),
    403: ("Not allowed.", errors.Forbidden),
    404: ("Unknown, or somebody else's.", errors.NotFound),
    409: ("Conflicts with what is there; `session_busy` carries the running `stream_id`.", errors.SessionBusy),
    413: ("Larger than this gateway takes.", errors.TooLarge),
    415: ("Not a kind of file that is read here.", errors.DocumentUnsupported),
    422: ("The request cannot be carried out as it is written.", errors.Invalid),
    429: ("Too much at once; see `Retry-After`.", errors.QueueFull),
    502: ("The model failed.", errors.LlmError),
    503: ("Not available at the moment.", errors.StorageUnavailable),
    504: ("The model gave no sign of life.", errors.GenerationTimeout),
}


def install(app: FastAPI) -> None:
    app.add_exception_handler(LamError, _lam_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(ClientDisconnect, _left)
    app.add_exception_handler(Exception, _unforeseen)  # the web server then logs it with its traceback


async def _lam_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LamError)
    return answer(error)


def answer(error: LamError) -> JSONResponse:
    """Returns the HTTP answer for this failure."""
    body = {"detail": error.message, "code": error.code}
    headers: dict[str, str] = {}
    if isinstance(error, errors.SessionBusy):
        body["stream_id"] = error.stream_id
    if isinstance(error, errors.Throttled):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body, status_of(type(error)), headers)


async def _validation_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return JSONResponse({"detail": "; ".join(map(_sentence, error.errors()[:5])), "code": "invalid"}, 422)


async def _http_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # the framework's status for an unreadable body
        return JSONResponse({"detail": "The body cannot be read; is it what Content-Type says, in UTF-8?", "code": "invalid"}, 422)
    codes = {401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}
    code = (codes | {413: errors.TooLarge.code, 503: errors.StorageUnavailable.code}).get(error.status_code, "invalid")
    return JSONResponse({"detail": str(error.detail), "code": code}, error.status_code, error.headers)


async def _left(_request: Request, _error: Exception) -> Response:
    """Answers a client that left before its request was complete: nobody reads this."""
    return Response(status_code=400)


async def _unforeseen(request: Request, _error: Exception) -> JSONResponse:
    pairs = headers_for(request.state.services.settings, request.url.scheme)  # this answer passes no middleware
    headers = {name.decode(): value.decode() for name, value in pairs}
    return JSONResponse({"detail": LamError.summary, "code": LamError.code}, 500, headers)


def _sentence(problem: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in problem["loc"] if part not in ("body", "query", "path"))
    what = str(problem["msg"]).removeprefix("Value error, ")
    return f"{where}: {what}" if where else what
