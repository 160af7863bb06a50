"""Pure ASGI middleware: it looks at a request once and never wraps what a response sends."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lam.api.errors import status_of
from lam.chat import transfer
from lam.documents import reader as documents
from lam.errors import TooLarge

BODY_BYTES: Final = 4 << 20
LARGER: Final = {  # with room for what a form puts around a file
    "/api/chatbot/upload-document": documents.FILE_BYTES + (64 << 10),
    "/api/chatbot/sessions/import": transfer.FILE_BYTES,
    "/api/templates/import": 8 << 20,
}


class TrailingSlash:
    """Every path answers with and without a trailing slash, without a redirect."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if len(path) > 1 and path.endswith("/"):
            scope = dict(scope, path=path.rstrip("/") or "/")
        await self._app(scope, receive, send)


class BodyLimit:
    """Refuses requests that are larger than their path allows, 4 MiB unless it takes files, before anything is read into memory,
    whoever sends them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = LARGER.get(scope.get("path", "").rstrip("/"), BODY_BYTES)
        headers = dict(scope.get("headers", ()))
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > limit:
            answer = JSONResponse({"detail": _too_large(limit), "code": TooLarge.code}, status_of(TooLarge))
            await answer(scope, receive, send)
        elif b"transfer-encoding" in headers:
            await self._app(scope, _counted(receive, limit), send)
        else:
            await self._app(scope, receive, send)


def _too_large(limit: int) -> str:
    return f"This request may hold {limit >> 20} MiB at most."


def _counted(receive: Receive, limit: int) -> Receive:
    """A body of unknown length. Raises HTTPException, which frameworks pass on, when it grows too large."""
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise HTTPException(status_of(TooLarge), _too_large(limit))
        return message

    return counted
