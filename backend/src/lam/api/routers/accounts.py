"""`/api/auth`."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Request, Response

from lam.api.cookies import address_of, browser_of, forget_all, forget_login, remember
from lam.api.dependencies import Caller, Parts
from lam.api.errors import answers
from lam.api.origin import require_own_page
from lam.api.rooms import may_open_rooms
from lam.api.schemas.accounts import Account, Credentials, Deletion, ListedToken, MyAccount, NewAccount, NewPassword, TokenAnswer
from lam.api.schemas.base import MAX_ID

router = APIRouter(prefix="/api/auth", tags=["accounts"])
profile_router = APIRouter(prefix="/api/profile", tags=["accounts"])


@router.post("/register", status_code=201, responses=answers(403, 409, 422, 429, 503), summary="Create an account")
async def register(body: NewAccount, request: Request, parts: Parts) -> Account:
    """A password has at least 8 characters of any kind and must not be a common one."""
    return Account.model_validate(await parts.accounts.register(body.email, body.password, address_of(request)))


@router.post("/login", responses=answers(401, 422, 429, 503), summary="Log in")
async def log_in(body: Credentials, request: Request, response: Response, parts: Parts) -> TokenAnswer:
    """Programs send the token as a Bearer token. The page gets the same token as an HttpOnly cookie, which replaces the one before.

    The cookie `lam_device` identifies this browser: until the password changes, attempts by strangers do not delay its logins.
    """
    if "origin" in request.headers:
        require_own_page(parts.settings, request.method, request.headers)
    login = await parts.accounts.log_in(body.email, body.password, address_of(request), browser_of(request))
    remember(response, request, parts.settings, login)
    return TokenAnswer(access_token=login.access_token, expires_at=login.expires_at)


@router.post("/logout", status_code=204, responses=answers(401, 403, 503), summary="Revoke this token")
async def log_out(caller: Caller, response: Response, parts: Parts) -> None:
    await parts.accounts.log_out(caller)
    forget_login(response, parts.settings)


@profile_router.get("/me", responses=answers(401, 503), summary="The account that is logged in (path of the earlier system)")
@router.get("/me", responses=answers(401, 503), summary="The account that is logged in")
async def me(caller: Caller, parts: Parts) -> MyAccount:
    about = Account.model_validate(caller.user).model_dump()
    return MyAccount(**about, may_open_rooms=may_open_rooms(parts, caller))


@router.get("/tokens", responses=answers(401, 503), summary="List my logins, most recently used first")
async def list_tokens(caller: Caller, parts: Parts) -> list[ListedToken]:
    logins = await parts.accounts.tokens(caller)
    return [ListedToken(**msgspec.structs.asdict(login), current=login.id == caller.token_id) for login in logins]


@router.delete("/tokens/{token_id}", status_code=204, responses=answers(401, 403, 404, 422, 503), summary="End one of my logins")
async def revoke_token(token_id: Annotated[int, Path(ge=1, le=MAX_ID)], caller: Caller, parts: Parts) -> None:
    """Open streams of this login are closed within seconds; their replies go on as `on_disconnect` says."""
    await parts.accounts.revoke(caller, token_id)


@router.post("/change-password", status_code=204, responses=answers(401, 403, 422, 429, 503), summary="Change the password")
async def change_password(body: NewPassword, caller: Caller, request: Request, parts: Parts) -> None:
    """Ends every other login of the account and forgets its known devices."""
    await parts.accounts.change_password(caller, body.current_password, body.new_password, address_of(request))


@router.delete(
    "/account", status_code=204, responses=answers(401, 403, 409, 422, 429, 503), summary="Delete my account and everything in it"
)
async def delete_account(caller: Caller, request: Request, response: Response, parts: Parts, body: Deletion | None = None) -> None:
    """Requires the password. The local account of this machine has no password and cannot be deleted."""
    await parts.accounts.delete(caller, body.password if body else None, address_of(request))
    forget_all(response, parts.settings)
