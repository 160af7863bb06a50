"""The headers for browsers on every answer. Pure ASGI: it looks at the start of an answer and never at its events."""

from collections.abc import Awaitable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lam.api.cookies import over_tls
from lam.settings import Settings

EVERYWHERE: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), display-capture=(), geolocation=(), microphone=(self), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),  # pages in LAM_CORS_ORIGINS use CORS, which this does not affect
]
# Defaults for an answer without these headers: it is not cached, and it is no document.
OTHERWISE: Final = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
HSTS: Final = (b"strict-transport-security", b"max-age=31536000")  # without includeSubDomains: other hosts are not ours


def headers_for(settings: Settings, scheme: str) -> list[tuple[bytes, bytes]]:
    """Returns the additional headers of an answer to a request with this scheme."""
    return [*EVERYWHERE, *OTHERWISE, *([HSTS] if over_tls(settings, scheme) else [])]


class SecurityHeaders:
    """Adds the headers that an answer does not have yet."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        added = headers_for(self._settings, scope.get("scheme", "http"))

        def begin(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                names = {name.lower() for name, _ in headers}
                message = dict(message, headers=headers + [pair for pair in added if pair[0] not in names])
            return send(message)

        await self._app(scope, receive, begin)
