"""Pure ASGI middleware: it checks a request once, before any of the body is read."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lam.api.dependencies import get_identity
from lam.api.errors import answer, status_of
from lam.chat import transfer
from lam.documents import reader as documents
from lam.errors import LamError, TooLarge

BODY_BYTES: Final = 4 << 20
STRANGERS_BYTES: Final = 16 << 10  # of a caller without a valid login
LIMITS: Final = {
    "/api/auth/login": STRANGERS_BYTES,
    "/api/auth/register": STRANGERS_BYTES,
    "/api/chatbot/upload-document": documents.FILE_BYTES + (64 << 10),  # plus the overhead of a form
    "/api/chatbot/sessions/import": transfer.FILE_BYTES,
    "/api/templates/import": 8 << 20,
}


class TrailingSlash:
    """Makes every path answer with and without a trailing slash, without a redirect."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if len(path) > 1 and path.endswith("/"):
            scope = dict(scope, path=path.rstrip("/") or "/")
        await self._app(scope, receive, send)


class BodyLimit:
    """Refuses requests that are larger than their path allows, before they are in memory: 4 MiB, or more where files are accepted.

    Strangers may send 16 KiB: a larger body is read once the caller is known.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = LIMITS.get(scope.get("path", "").rstrip("/"), BODY_BYTES)
        headers = dict(scope.get("headers", ()))
        length = headers.get(b"content-length", b"")
        if b"transfer-encoding" in headers:
            await self._app(scope, _counted(scope, receive, limit), send)
            return
        if length.isdigit() and int(length) > STRANGERS_BYTES:
            try:
                if int(length) > limit:
                    raise TooLarge(_too_large(limit))
                await get_identity(Request(scope))
            except LamError as error:
                await answer(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _too_large(limit: int) -> str:
    size = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit >> 10} KiB"
    return f"This request may hold {size} at most."


def _counted(scope: Scope, receive: Receive, limit: int) -> Receive:
    """Returns a `receive` for a body of unknown length. It raises HTTPException, which frameworks pass on, beyond the limit."""
    size = 0
    known = False

    async def counted() -> Message:
        nonlocal size, known
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise HTTPException(status_of(TooLarge), _too_large(limit))
        if size > STRANGERS_BYTES and not known:
            try:
                await get_identity(Request(scope))
            except LamError as error:
                raise HTTPException(status_of(type(error)), error.message) from error
            known = True
        return message

    return counted
