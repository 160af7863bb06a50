"""`/api/auth`."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Request, Response

from lam.api.cookies import address_of, browser_of, forget_all, forget_login, remember
from lam.api.dependencies import Caller, Parts
from lam.api.errors import answers
from lam.api.origin import require_own_page
from lam.api.schemas.accounts import Account, Credentials, Deletion, ListedToken, NewAccount, NewPassword, TokenAnswer
from lam.api.schemas.base import MAX_ID

router = APIRouter(prefix="/api/auth", tags=["accounts"])
profile_router = APIRouter(prefix="/api/profile", tags=["accounts"])


@router.post("/register", status_code=201, responses=answers(403, 409, 422, 429, 503), summary="Make an account")
async def register(body: NewAccount, request: Request, parts: Parts) -> Account:
    """A password has 8 characters or more, of any kind, and is not one that everybody tries first."""
    return Account.model_validate(await parts.accounts.register(body.email, body.password, address_of(request)))


@router.post("/login", responses=answers(401, 422, 429, 503), summary="Log in")
async def log_in(body: Credentials, request: Request, response: Response, parts: Parts) -> TokenAnswer:
    """Programs use the token as a Bearer; for the page the same token is set as an HttpOnly cookie, and ends the one before.

    The cookie `lam_device` lets this browser's later logins wait behind no stranger, until the password changes.
    """
    if "origin" in request.headers:
        require_own_page(parts.settings, request.method, request.headers)
    login = await parts.accounts.log_in(body.email, body.password, address_of(request), browser_of(request))
    remember(response, request, parts.settings, login)
    return TokenAnswer(access_token=login.access_token, expires_at=login.expires_at)


@router.post("/logout", status_code=204, responses=answers(401, 403, 503), summary="Revoke this token")
async def log_out(caller: Caller, response: Response, parts: Parts) -> None:
    await parts.accounts.log_out(caller)
    forget_login(response)


@profile_router.get("/me", responses=answers(401, 503), summary="Who am I, at the address that the earlier system's page asks")
@router.get("/me", responses=answers(401, 503), summary="Who am I")
async def me(caller: Caller) -> Account:
    return Account.model_validate(caller.user)


@router.get("/tokens", responses=answers(401, 503), summary="Where I am logged in, the last used first")
async def list_tokens(caller: Caller, parts: Parts) -> list[ListedToken]:
    found = await parts.accounts.tokens(caller)
    return [ListedToken(**msgspec.structs.asdict(login), current=login.id == caller.token_id) for login in found]


@router.delete("/tokens/{token_id}", status_code=204, responses=answers(401, 403, 404, 422, 503), summary="End one of my logins")
async def revoke_token(token_id: Annotated[int, Path(ge=1, le=MAX_ID)], caller: Caller, parts: Parts) -> None:
    """Its open streams are closed within seconds; the replies go on."""
    await parts.accounts.revoke(caller, token_id)


@router.post("/change-password", status_code=204, responses=answers(401, 403, 422, 429, 503), summary="Change the password")
async def change_password(body: NewPassword, caller: Caller, request: Request, parts: Parts) -> None:
    """Every other login of the account ends, and no device is known any more."""
    await parts.accounts.change_password(caller, body.current_password, body.new_password, address_of(request))


@router.delete(
    "/account", status_code=204, responses=answers(401, 403, 409, 422, 429, 503), summary="Delete the account and all in it"
)
async def delete_account(caller: Caller, request: Request, response: Response, parts: Parts, body: Deletion | None = None) -> None:
    """Asks for the password once more. This machine's local account has none, and stays."""
    await parts.accounts.delete(caller, body.password if body else None, address_of(request))
    forget_all(response)
