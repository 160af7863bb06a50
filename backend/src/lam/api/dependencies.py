"""The dependencies of routes: the services, and the caller. Nothing here stays open while a stream runs.

Accounts decide who a caller is; this module only asks them.
"""

from typing import Annotated

from fastapi import Depends, Query, Request

from lam.accounts.accounts import Identity
from lam.accounts.keys import START
from lam.accounts.programs import Program
from lam.api.cookies import token_in
from lam.api.guests import chosen, guests_of
from lam.api.origin import require_own_page
from lam.api.services import Services
from lam.errors import Forbidden, StorageUnavailable, Unauthorized


def services_of(request: Request) -> Services:
    """Returns what the routes call."""
    services: Services = request.state.services
    return services


async def get_services(request: Request) -> Services:
    return services_of(request)


def get_token(request: Request) -> str:
    """Returns the caller's token, from the header or from the page's cookie. Raises Unauthorized, Forbidden."""
    services: Services = request.state.services
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme:
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthorized("The Authorization header must be `Bearer TOKEN`.")
        return token.strip()
    cookie = token_in(request)
    if not cookie:
        raise Unauthorized
    require_own_page(services.settings, request.method, request.headers)
    return cookie


async def get_person(request: Request) -> Identity:
    """Returns the person who calls, by Bearer token or by the page's cookie. Raises Unauthorized, Forbidden."""
    services: Services = request.state.services
    return await services.accounts.identify(get_token(request))


async def get_identity(request: Request) -> Identity:
    """Returns the caller: the person who is logged in or, on the routes of guests, a guest: the first of them who may see what the
    request names. Raises Unauthorized, Forbidden."""
    return await chosen(request, request.state.services, await _people(request))


async def in_room(
    room: Annotated[
        int | None, Query(description="The room whose guest you are, if this browser is a guest of several rooms.")
    ] = None,
) -> None:
    """Documents the parameter, which `get_identity` reads."""


async def require_known(request: Request) -> None:
    """Raises Unauthorized, Forbidden unless the caller is somebody. Reads no body."""
    await _people(request)


async def _people(request: Request) -> list[Identity]:
    """Returns those whom the request may come from, the person first. Raises Unauthorized, Forbidden for nobody."""
    services: Services = request.state.services
    guests = await guests_of(request, services)
    if not guests or "authorization" in request.headers:
        return [await get_person(request)]
    require_own_page(services.settings, request.method, request.headers)
    try:
        return [await get_person(request), *guests]
    except Unauthorized:
        return guests


async def get_caller(request: Request) -> Identity | None:
    """Returns the caller, None when unknown: for public routes. While the database is unavailable, whoever was known a moment ago
    is known still."""
    services: Services = request.state.services
    try:
        return await get_person(request)
    except Unauthorized:
        return None
    except StorageUnavailable:
        return services.accounts.recent(get_token(request))


async def get_admin(request: Request) -> Identity:
    """Returns the caller, who must be an admin. Raises the errors of `get_identity`, and Forbidden."""
    identity = await get_person(request)
    if not identity.user.is_admin:
        raise Forbidden("Only an admin may do this; `lam users admin EMAIL` makes one.")
    return identity


async def calling_program(request: Request) -> Program:
    """Returns the program that calls: by a key or a login's token, as Bearer or in `x-api-key`, or by the page's cookie.

    Raises Unauthorized, Forbidden.
    """
    services: Services = request.state.services
    secret = request.headers.get("x-api-key", "").strip() if "authorization" not in request.headers else ""
    secret = secret or get_token(request)
    if secret.startswith(START):
        return await services.keys.find(secret)
    identity = await services.accounts.identify(secret)
    user = identity.user
    return Program(user_id=user.id, key_id=None, name=user.email, email=user.email, token_id=identity.token_id)


Parts = Annotated[Services, Depends(get_services)]
Caller = Annotated[Identity, Depends(get_identity)]
Admin = Annotated[Identity, Depends(get_admin)]
MaybeCaller = Annotated[Identity | None, Depends(get_caller)]
CallingProgram = Annotated[Program, Depends(calling_program)]
