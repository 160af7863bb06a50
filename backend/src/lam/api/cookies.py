"""The page's two cookies: the login's token, and the device that its owner is known by. Scripts read neither."""

from typing import Final

from fastapi import Request, Response

from lam.accounts.accounts import Browser, Login
from lam.settings import Settings

COOKIE: Final = "lam_token"
DEVICE_COOKIE: Final = "lam_device"
ADDRESS_CHARACTERS: Final = 64


def token_in(request: Request) -> str | None:
    return request.cookies.get(COOKIE) or None


def browser_of(request: Request) -> Browser:
    return Browser(request.headers.get("user-agent"), request.cookies.get(DEVICE_COOKIE), token_in(request))


def address_of(request: Request) -> str:
    """A proxy may have written anything there; an address is short."""
    return request.client.host[:ADDRESS_CHARACTERS] if request.client else "unknown"


def remember(response: Response, request: Request, settings: Settings, login: Login) -> None:
    secure = is_secure(request, settings)
    for name, value, expires_at in (
        (COOKIE, login.access_token, login.expires_at),
        (DEVICE_COOKIE, login.device.value, login.device.expires_at),
    ):
        response.set_cookie(name, value, expires=expires_at, path="/", httponly=True, samesite="lax", secure=secure)


def forget_login(response: Response, request: Request, settings: Settings) -> None:
    """The device stays known."""
    _forget(response, COOKIE, secure=is_secure(request, settings))


def forget_all(response: Response, request: Request, settings: Settings) -> None:
    for name in (COOKIE, DEVICE_COOKIE):
        _forget(response, name, secure=is_secure(request, settings))


def is_secure(request: Request, settings: Settings) -> bool:
    """Whether the browser speaks TLS, with us or with a proxy before us."""
    return (settings.lam_public_url or str(request.url)).startswith("https://")


def _forget(response: Response, name: str, *, secure: bool) -> None:
    response.delete_cookie(name, path="/", httponly=True, samesite="lax", secure=secure)
