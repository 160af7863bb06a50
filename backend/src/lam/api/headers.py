"""What every answer says to browsers beside its content. Pure ASGI: one look at its beginning, none at its events."""

from collections.abc import Awaitable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lam.api.cookies import over_tls
from lam.settings import Settings

EVERYWHERE: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),  # a page that LAM_CORS_ORIGINS names asks by CORS, which this does not touch
]
# Where an answer does not say it itself: it is kept nowhere, and it is no document.
OTHERWISE: Final = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
HSTS: Final = (b"strict-transport-security", b"max-age=31536000")  # without includeSubDomains: other hosts are not ours


def headers_for(settings: Settings, scheme: str) -> list[tuple[bytes, bytes]]:
    """What an answer to a request with this scheme says beside its content."""
    return [*EVERYWHERE, *OTHERWISE, *([HSTS] if over_tls(settings, scheme) else [])]


class SecurityHeaders:
    """Adds them, where the answer has none of that name."""

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
