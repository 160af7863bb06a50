"""The page's two cookies: the login's token, and the owner's known device. Scripts can read neither.

Over TLS their names begin with `__Host-`, so that no other host and no page without TLS can set one.

It sets and reads cookies. It must not decide what they are worth.
"""

from datetime import datetime
from typing import Final

from fastapi import Request, Response

from lam.accounts.accounts import Browser, Login
from lam.settings import Settings

COOKIE: Final = "lam_token"
DEVICE_COOKIE: Final = "lam_device"
PREFIX: Final = "__Host-"  # browsers accept it only with Secure, Path=/ and without Domain
ADDRESS_CHARACTERS: Final = 64


def token_in(request: Request) -> str | None:
    return _read(request, COOKIE)


def browser_of(request: Request) -> Browser:
    return Browser(request.headers.get("user-agent"), _read(request, DEVICE_COOKIE), token_in(request))


def address_of(request: Request) -> str:
    """Returns the client's address, shortened: a proxy may have written anything."""
    return request.client.host[:ADDRESS_CHARACTERS] if request.client else "unknown"


def remember(response: Response, request: Request, settings: Settings, login: Login) -> None:
    secure = over_tls(settings, request.url.scheme)
    _set(response, COOKIE, login.access_token, login.expires_at, secure=secure)
    _set(response, DEVICE_COOKIE, login.device.value, login.device.expires_at, secure=secure)


def forget_login(response: Response) -> None:
    """Removes the login's cookie. The device stays known."""
    _clear(response, COOKIE)


def forget_all(response: Response) -> None:
    for name in (COOKIE, DEVICE_COOKIE):
        _clear(response, name)


def over_tls(settings: Settings, scheme: str) -> bool:
    """Returns whether browsers reach the gateway over TLS. `scheme`: the request's, as a trusted proxy reports it."""
    return scheme == "https" or (settings.lam_public_url or "").startswith("https://")


def _read(request: Request, name: str) -> str | None:
    """Returns a cookie. A request over TLS must use the safe name; other requests may use either."""
    safe = request.cookies.get(PREFIX + name)
    return safe or (None if request.url.scheme == "https" else request.cookies.get(name)) or None


def _set(response: Response, name: str, value: str, expires: datetime, *, secure: bool) -> None:
    safe = (PREFIX if secure else "") + name
    response.set_cookie(safe, value, expires=expires, path="/", httponly=True, samesite="lax", secure=secure)


def _clear(response: Response, name: str) -> None:
    """Removes a cookie under both names."""
    response.delete_cookie(name, path="/", httponly=True, samesite="lax")
    response.delete_cookie(PREFIX + name, path="/", httponly=True, samesite="lax", secure=True)
