"""`/api/admin`: other people's accounts, and the replies that run or wait.

Whoever is no admin gets 403, also for ids that do not exist.
"""

from collections import Counter
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path

from lam.api.dependencies import Admin, Parts
from lam.api.errors import answers
from lam.api.schemas.accounts import Account, NewAccount
from lam.api.schemas.admin import AccountChanges, ListedAccount, RunAnswer
from lam.api.schemas.base import MAX_ID
from lam.api.schemas.keys import BudgetSettings, UserBudget, budget_answer

router = APIRouter(prefix="/api/admin", tags=["admin"])

UserId = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.get("/users", responses=answers(401, 403, 503), summary="List all accounts, oldest first")
async def list_users(_admin: Admin, parts: Parts) -> list[ListedAccount]:
    running = Counter(run.user_id for run in await parts.running.all())
    users = await parts.administration.users()
    return [ListedAccount(**msgspec.structs.asdict(user), running=running[user.id]) for user in users]


@router.post("/users", status_code=201, responses=answers(401, 403, 409, 422, 429, 503), summary="Create an account for somebody")
async def add_account(body: NewAccount, admin: Admin, parts: Parts) -> Account:
    """Works while registration is closed, too."""
    return Account.model_validate(await parts.administration.add(admin, body.email, body.password))


@router.patch("/users/{user_id}", responses=answers(401, 403, 404, 422, 429, 503), summary="Change an account")
async def change_account(user_id: UserId, body: AccountChanges, admin: Admin, parts: Parts) -> Account:
    changed = await parts.administration.change(admin, user_id, is_admin=body.is_admin, password=body.password)
    return Account.model_validate(changed)


@router.delete("/users/{user_id}", status_code=204, responses=answers(401, 403, 404, 409, 422, 503), summary="Delete an account")
async def delete_users_account(user_id: UserId, admin: Admin, parts: Parts) -> None:
    """Deletes everything in it; running replies are stopped first."""
    await parts.administration.delete(admin, user_id)


@router.get("/users/{user_id}/budget", responses=answers(401, 403, 404, 422, 503), summary="An account's budget")
async def get_budget(user_id: UserId, _admin: Admin, parts: Parts) -> UserBudget:
    own, standings = await parts.keys.user_budget(user_id)
    settings = None if own is None else BudgetSettings(**msgspec.structs.asdict(own))
    return UserBudget(own=settings, budgets=[budget_answer(standing) for standing in standings])


@router.put(
    "/users/{user_id}/budget", status_code=204, responses=answers(401, 403, 404, 422, 503), summary="Give an account a budget"
)
async def set_budget(user_id: UserId, body: BudgetSettings, _admin: Admin, parts: Parts) -> None:
    """In place of the configuration's, which an empty one lifts. Holds from the next request on."""
    await parts.keys.set_user_budget(user_id, body.budget())


@router.delete(
    "/users/{user_id}/budget", status_code=204, responses=answers(401, 403, 404, 422, 503), summary="Take an account's budget away"
)
async def remove_budget(user_id: UserId, _admin: Admin, parts: Parts) -> None:
    """The configuration's holds again."""
    await parts.keys.set_user_budget(user_id, None)


@router.get("/runs", responses=answers(401, 403, 503), summary="List the replies that run or wait, oldest first")
async def list_runs(_admin: Admin, parts: Parts) -> list[RunAnswer]:
    runs = await parts.running.all()
    emails = {user.id: user.email for user in await parts.administration.users()} if runs else {}
    return [RunAnswer.model_validate({"email": emails.get(run.user_id, ""), **msgspec.structs.asdict(run)}) for run in runs]
