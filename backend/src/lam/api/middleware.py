"""Pure ASGI middleware: it checks a request once, before any of the body is read."""

from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lam.api.dependencies import calling_program, require_known
from lam.api.errors import Refusal, answer, is_for_programs
from lam.api.schemas.voice import AUDIO_BYTES
from lam.chat import transfer
from lam.chat.imports import bounds as imports
from lam.documents import reader as documents
from lam.errors import AudioTooLarge, DocumentTooLarge, LamError, PictureTooLarge, TooLarge
from lam.media import limits as media

STRANGERS_BYTES: Final = 16 << 10  # of a caller without a valid login


class Limit(Struct, frozen=True):
    """How large the bodies of a path may be. `what`: what is sent there; it has up to `size` bytes. `overhead`: bytes around it."""

    size: int
    what: str = "This request"
    error: type[LamError] = TooLarge
    overhead: int = 0

    @property
    def body(self) -> int:
        return self.size + self.overhead

    def refusal(self) -> LamError:
        amount = f"{self.size >> 20} MiB" if self.size >= 1 << 20 else f"{self.size >> 10} KiB"
        return self.error(f"{self.what} may have up to {amount}.")


LIMIT: Final = Limit(4 << 20)
PROGRAM: Final = Limit(32 << 20)  # a conversation with its pictures
LIMITS: Final = {
    "/api/auth/login": Limit(STRANGERS_BYTES),
    "/api/auth/register": Limit(STRANGERS_BYTES),
    "/api/chatbot/upload-document": Limit(documents.FILE_BYTES, "A document", DocumentTooLarge, overhead=64 << 10),  # of the form
    "/api/chatbot/sessions/import": Limit(transfer.FILE_BYTES),
    "/api/chatbot/imports": Limit(imports.FILE_BYTES),
    "/api/media": Limit(media.FILE_BYTES, "A picture", PictureTooLarge),
    "/api/templates/import": Limit(8 << 20),
    "/api/transcriptions": Limit(AUDIO_BYTES, "A recording", AudioTooLarge),
    "/v1/chat/completions": PROGRAM,
    "/v1/messages": PROGRAM,
    "/v1/messages/count_tokens": PROGRAM,
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
        limit = LIMITS.get(scope.get("path", "").rstrip("/"), LIMIT)
        headers = dict(scope.get("headers", ()))
        length = headers.get(b"content-length", b"")
        if b"transfer-encoding" in headers:
            await self._app(scope, _counted(scope, receive, limit), send)
            return
        if length.isdigit() and int(length) > STRANGERS_BYTES:
            try:
                if int(length) > limit.body:
                    raise limit.refusal()
                await _known(scope)
            except LamError as error:
                await answer(error, scope.get("path", ""))(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _known(scope: Scope) -> None:
    """Raises the error of a caller who is unknown."""
    request = Request(scope)
    await (calling_program(request) if is_for_programs(request.url.path) else require_known(request))


def _counted(scope: Scope, receive: Receive, limit: Limit) -> Receive:
    """Returns a `receive` for a body of unknown length. It raises Refusal, which frameworks pass on, beyond the limit."""
    size = 0
    known = False

    async def counted() -> Message:
        nonlocal size, known
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit.body:
            raise Refusal(limit.refusal())
        if size > STRANGERS_BYTES and not known:
            try:
                await _known(scope)
            except LamError as error:
                raise Refusal(error) from error
            known = True
        return message

    return counted
