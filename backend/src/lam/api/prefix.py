"""The path in LAM_PUBLIC_URL: people reach the gateway below it, whether or not the proxy in front takes it off.

It changes the path of a request before anything else looks at it. It must not know what a path means.
"""

from starlette.types import ASGIApp, Receive, Scope, Send


class Prefix:
    """Takes `prefix` (`/studio`) off the paths of requests. Paths without it are left alone: the proxy took it off, or there is
    none, as for commands on this machine."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        if scope["type"] == "http" and (path == self._prefix or path.startswith(self._prefix + "/")):
            raw: bytes = scope.get("raw_path") or b""
            scope = dict(
                scope,
                path=path[len(self._prefix) :] or "/",
                raw_path=raw[len(self._prefix) :] or b"/" if raw.startswith(self._prefix.encode()) else raw,
            )
        await self._app(scope, receive, send)
