"""The one table from our errors to HTTP, and the format of every error answer: `{"detail": …, "code": …}`.

No other module chooses a status for an error, but for those of `/v1` (`api/openai/errors.py`).
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from lam import errors
from lam.api.anthropic import errors as anthropic
from lam.api.budgets import budget_of
from lam.api.headers import headers_for
from lam.api.openai import errors as openai
from lam.errors import LamError

STATUS: Final[dict[type[LamError], int]] = {
    errors.ConfigError: 422,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Invalid: 422,
    errors.DocumentUnsupported: 415,
    errors.AudioUnsupported: 415,
    errors.DocumentTooLarge: 413,
    errors.AudioTooLarge: 413,
    errors.PictureTooLarge: 413,
    errors.Conflict: 409,
    errors.Throttled: 429,
    errors.VoiceUnreachable: 503,
    errors.VoiceOverloaded: 503,
    errors.VoiceTimeout: 504,
    errors.VoiceError: 502,
    errors.ShuttingDown: 503,
    errors.LeaseLost: 503,
    errors.Unreachable: 503,
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
    errors.CannotSee: 422,
    errors.CannotUseTools: 422,
    errors.Stopped: 409,
    errors.GenerationError: 502,
    LamError: 500,
}


AT_ANOTHER_GATEWAY: Final = {"Retry-After": "0", "Connection": "close"}


class RefusingBudget(BaseModel):
    """The limit that refused a request."""

    of: Literal["key", "user", "group", "room"]
    name: str | None = Field(description="Of the key or the group.")
    limit: Literal["requests_per_minute", "tokens_per_minute", "tokens_per_day", "runs"]
    allowed: int
    left: int
    needed: int = Field(description="What the request takes at least.")
    renews_at: str | None = Field(description="When all of it is there again; null for runs, which end.")


class ErrorAnswer(BaseModel):
    """What every failure before the first event looks like."""

    detail: str = Field(description="One sentence: what happened, and what to do next.")
    code: str = Field(description="A stable name for programs; docs/reference/errors.md lists them.")
    stream_id: str | None = Field(None, description="With `session_busy`: the running stream.")
    budget: RefusingBudget | None = Field(None, description="With `budget_exceeded`: the limit that refused.")
    field: str | None = Field(None, description="With `invalid`, where a form needs it: the field that is not valid.")


def status_of(kind: type[LamError]) -> int:
    """Returns the status of the nearest ancestor in the table."""
    return next(STATUS[ancestor] for ancestor in kind.__mro__ if ancestor in STATUS)


class Refusal(HTTPException):
    """A failure in the middle of a body. Frameworks pass it on as it is; other errors of a body become theirs."""

    def __init__(self, error: LamError) -> None:
        super().__init__(status_of(type(error)), error.message)
        self.error = error


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
    415: ("Not a kind of file that is taken here.", errors.DocumentUnsupported),
    422: ("The request cannot be carried out as it is written.", errors.Invalid),
    429: ("Too much at once; see `Retry-After`.", errors.QueueFull),
    502: ("The model, or the server of voices, failed.", errors.LlmError),
    503: ("Not available at the moment.", errors.StorageUnavailable),
    504: ("The model, or the server of voices, gave no sign of life.", errors.GenerationTimeout),
}


def install(app: FastAPI) -> None:
    app.add_exception_handler(LamError, _lam_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(ClientDisconnect, _left)
    app.add_exception_handler(Exception, _unforeseen)  # the web server then logs it with its traceback


async def _lam_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LamError)
    response = answer(error, request.url.path)
    if isinstance(error, errors.ShuttingDown) and request.state.services.several is not None:
        response.headers.update(AT_ANOTHER_GATEWAY)
    return response


def answer(error: LamError, path: str = "") -> JSONResponse:
    """Returns the HTTP answer for this failure, in the format of the path's interface."""
    if is_for_programs(path):
        return _for_program(error, path)
    body: dict[str, Any] = {"detail": error.message, "code": error.code}
    headers: dict[str, str] = {}
    if isinstance(error, errors.SessionBusy):
        body["stream_id"] = error.stream_id
    if isinstance(error, errors.Invalid) and error.field is not None:
        body["field"] = error.field
    if isinstance(error, errors.BudgetExceeded):
        body["budget"] = budget_of(error)
    if isinstance(error, errors.Throttled):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body, status_of(type(error)), headers)


def is_for_programs(path: str) -> bool:
    """Returns whether the path belongs to an interface for programs."""
    return path.startswith("/v1/")


def _for_program(error: LamError, path: str, *, started: bool = False) -> JSONResponse:
    """Returns the answer for this failure in the format of the path's interface."""
    write = anthropic.error_answer if path.startswith(anthropic.PREFIX) else openai.error_answer
    return write(error, status_of(type(error)), started=started)


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    if is_for_programs(request.url.path):
        first = error.errors()[0]
        return answer(errors.InvalidField(_sentence(first), param=str(first["loc"][-1])), request.url.path)
    return JSONResponse({"detail": "; ".join(map(_sentence, error.errors()[:5])), "code": "invalid"}, 422)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if isinstance(error, Refusal):
        return answer(error.error, request.url.path)
    if error.status_code == 400 and not is_for_programs(request.url.path):  # the framework's status for an unreadable body
        return JSONResponse({"detail": "The body cannot be read; is it what Content-Type says, in UTF-8?", "code": "invalid"}, 422)
    codes = {401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}
    code = (codes | {413: errors.TooLarge.code, 503: errors.StorageUnavailable.code}).get(error.status_code, "invalid")
    if is_for_programs(request.url.path):
        write = anthropic.plain_answer if request.url.path.startswith(anthropic.PREFIX) else openai.plain_answer
        return write(error.status_code, str(error.detail), code, dict(error.headers or {}))
    return JSONResponse({"detail": str(error.detail), "code": code}, error.status_code, error.headers)


async def _left(_request: Request, _error: Exception) -> Response:
    """Answers a client that left before its request was complete: nobody reads this."""
    return Response(status_code=400)


async def _unforeseen(request: Request, _error: Exception) -> JSONResponse:
    if is_for_programs(request.url.path):
        return _for_program(LamError(), request.url.path, started=True)
    pairs = headers_for(request.state.services.settings, request.url.scheme)  # this answer passes no middleware
    headers = {name.decode(): value.decode() for name, value in pairs}
    return JSONResponse({"detail": LamError.summary, "code": LamError.code}, 500, headers)


def _sentence(problem: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in problem["loc"] if part not in ("body", "query", "path"))
    what = str(problem["msg"]).removeprefix("Value error, ").replace(" after validation", "")
    if problem["type"] in ("too_long", "too_short") and isinstance(problem["input"], str):
        what = what.replace(" item", " character", 1)  # the library counts items of anything that has a length
    return f"{where}: {what}" if where else what
