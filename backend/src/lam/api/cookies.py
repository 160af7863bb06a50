"""The page's cookie: over TLS its name begins with `__Host-`, so that no other host and no page without TLS can plant one."""

from datetime import datetime
from typing import Final

from fastapi import Request, Response

from lam.settings import Settings

NAME: Final = "lam_token"
PREFIX: Final = "__Host-"  # browsers take it only with Secure, Path=/ and without Domain


def over_tls(settings: Settings, scheme: str) -> bool:
    """Whether browsers reach the gateway over TLS: `scheme` is the request's, as a trusted proxy says it."""
    return scheme == "https" or (settings.lam_public_url or "").startswith("https://")


def read_cookie(request: Request, name: str = NAME) -> str | None:
    """The value of this cookie. A request over TLS has it only under the safe name, any other one under either."""
    safe = request.cookies.get(PREFIX + name)
    return safe or (None if request.url.scheme == "https" else request.cookies.get(name))


def set_cookie(request: Request, response: Response, settings: Settings, value: str, expires: datetime, name: str = NAME) -> None:
    secure = over_tls(settings, request.url.scheme)
    response.set_cookie(
        (PREFIX if secure else "") + name, value, expires=expires, path="/", httponly=True, samesite="lax", secure=secure
    )


def clear_cookie(response: Response, name: str = NAME) -> None:
    """Under both names."""
    response.delete_cookie(name, path="/", httponly=True, samesite="lax")
    response.delete_cookie(PREFIX + name, path="/", httponly=True, samesite="lax", secure=True)
