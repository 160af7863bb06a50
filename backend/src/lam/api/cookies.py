"""The page's cookies: the login's token, the owner's known device, and a guest's token for each session or room that the browser is
a guest of. Scripts can read none.

Over TLS their names begin with `__Host-`, so that no other host and no page without TLS can set one. Where the gateway is below a
path, the cookies are, too, and their names begin with `__Secure-`: other programs of that host do not get them.

It sets and reads cookies. It must not decide what they are worth.
"""

from datetime import datetime
from typing import Final

from fastapi import Request, Response

from lam.accounts.accounts import Browser, Login
from lam.settings import Settings, prefix_of

COOKIE: Final = "lam_token"
DEVICE_COOKIE: Final = "lam_device"
PREFIX: Final = "__Host-"  # browsers accept it only with Secure, Path=/ and without Domain
BELOW_A_PATH: Final = "__Secure-"
GUEST_COOKIE: Final = "lam_guest_"
ADDRESS_CHARACTERS: Final = 64


def token_in(request: Request) -> str | None:
    return _read(request, COOKIE)


def browser_of(request: Request) -> Browser:
    return Browser(request.headers.get("user-agent"), _read(request, DEVICE_COOKIE), token_in(request))


def address_of(request: Request) -> str:
    """Returns the client's address, shortened: a proxy may have written anything."""
    return request.client.host[:ADDRESS_CHARACTERS] if request.client else "unknown"


def guests_in(request: Request) -> dict[str, str]:
    """Returns the tokens of a browser's guests by their scopes."""
    start = _safe(prefix_of(_settings(request))) + GUEST_COOKIE
    found = {name.removeprefix(start): value for name, value in request.cookies.items() if name.startswith(start) and value}
    if request.url.scheme == "https":
        return found
    plain = {name.removeprefix(GUEST_COOKIE): value for name, value in request.cookies.items() if name.startswith(GUEST_COOKIE)}
    return {scope: value for scope, value in plain.items() if value} | found


def remember_guest(response: Response, request: Request, settings: Settings, scope: str, token: str, expires: datetime) -> None:
    secure = over_tls(settings, request.url.scheme)
    _set(response, GUEST_COOKIE + scope, token, expires, prefix_of(settings), secure=secure)


def forget_guest(response: Response, settings: Settings, scope: str) -> None:
    _clear(response, GUEST_COOKIE + scope, prefix_of(settings))


def remember(response: Response, request: Request, settings: Settings, login: Login) -> None:
    secure = over_tls(settings, request.url.scheme)
    below = prefix_of(settings)
    _set(response, COOKIE, login.access_token, login.expires_at, below, secure=secure)
    _set(response, DEVICE_COOKIE, login.device.value, login.device.expires_at, below, secure=secure)


def forget_login(response: Response, settings: Settings) -> None:
    """Removes the login's cookie. The device stays known."""
    _clear(response, COOKIE, prefix_of(settings))


def forget_all(response: Response, settings: Settings) -> None:
    for name in (COOKIE, DEVICE_COOKIE):
        _clear(response, name, prefix_of(settings))


def over_tls(settings: Settings, scheme: str) -> bool:
    """Returns whether browsers reach the gateway over TLS. `scheme`: the request's, as a trusted proxy reports it."""
    return scheme == "https" or (settings.lam_public_url or "").startswith("https://")


def _read(request: Request, name: str) -> str | None:
    """Returns a cookie. A request over TLS must use the safe name; other requests may use either."""
    settings = _settings(request)
    safe = request.cookies.get(_safe(prefix_of(settings)) + name)
    return safe or (None if request.url.scheme == "https" else request.cookies.get(name)) or None


def _settings(request: Request) -> Settings:
    settings: Settings = request.state.services.settings
    return settings


def _safe(below: str) -> str:
    return BELOW_A_PATH if below else PREFIX


def _set(response: Response, name: str, value: str, expires: datetime, below: str, *, secure: bool) -> None:
    safe = (_safe(below) if secure else "") + name
    response.set_cookie(safe, value, expires=expires, path=below or "/", httponly=True, samesite="lax", secure=secure)


def _clear(response: Response, name: str, below: str) -> None:
    """Removes a cookie under both names."""
    response.delete_cookie(name, path=below or "/", httponly=True, samesite="lax")
    response.delete_cookie(_safe(below) + name, path=below or "/", httponly=True, samesite="lax", secure=True)
