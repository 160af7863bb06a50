"""Pure ASGI middleware: it looks at a request once and never wraps what a response sends."""

from starlette.types import ASGIApp, Receive, Scope, Send


class TrailingSlash:
    """Every path answers with and without a trailing slash, without a redirect."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if len(path) > 1 and path.endswith("/"):
            scope = dict(scope, path=path.rstrip("/") or "/")
        await self._app(scope, receive, send)
