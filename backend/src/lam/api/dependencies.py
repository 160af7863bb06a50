"""The dependencies of routes: the services, and the caller. Nothing here stays open while a stream runs.

Accounts decide who a caller is; this module only asks them.
"""

from typing import Annotated

from fastapi import Depends, Request

from lam.accounts.accounts import Identity
from lam.api.cookies import token_in
from lam.api.origin import require_own_page
from lam.api.services import Services
from lam.errors import Forbidden, StorageUnavailable, Unauthorized


async def get_services(request: Request) -> Services:
    services: Services = request.state.services
    return services


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


async def get_identity(request: Request) -> Identity:
    """Returns the caller, by Bearer token or by the page's cookie. Raises Unauthorized, Forbidden."""
    services: Services = request.state.services
    return await services.accounts.identify(get_token(request))


async def get_caller(request: Request) -> Identity | None:
    """Returns the caller, None when unknown: for public routes. While the database is unavailable, whoever was known a moment ago
    is known still."""
    services: Services = request.state.services
    try:
        return await get_identity(request)
    except Unauthorized:
        return None
    except StorageUnavailable:
        return services.accounts.recent(get_token(request))


async def get_admin(request: Request) -> Identity:
    """Returns the caller, who must be an admin. Raises the errors of `get_identity`, and Forbidden."""
    identity = await get_identity(request)
    if not identity.user.is_admin:
        raise Forbidden("Only an admin may do this; `lam users admin EMAIL` makes one.")
    return identity


Parts = Annotated[Services, Depends(get_services)]
Caller = Annotated[Identity, Depends(get_identity)]
Admin = Annotated[Identity, Depends(get_admin)]
MaybeCaller = Annotated[Identity | None, Depends(get_caller)]
