"""`/api/keys`: the keys of one's programs; `/api/budgets`: what one may use, and what is left of it."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path

from lam.accounts.keys import NewKey
from lam.accounts.programs import Spender
from lam.api.dependencies import Caller, Parts
from lam.api.errors import answers
from lam.api.schemas.base import MAX_ID
from lam.api.schemas.keys import BudgetAnswer, BudgetSettings, KeyAnswer, MadeKey, NewKeyBody, budget_answer, key_answer
from lam.protocol.budget import NO_LIMITS

router = APIRouter(prefix="/api/keys", tags=["keys"])
budgets_router = APIRouter(prefix="/api/budgets", tags=["keys"])

KeyId = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.get("", responses=answers(401, 503), summary="List my keys, newest first")
async def list_keys(caller: Caller, parts: Parts) -> list[KeyAnswer]:
    return [key_answer(one.key, one.budgets) for one in await parts.keys.list(caller.user.id)]


@router.post("", status_code=201, responses=answers(401, 403, 409, 422, 503), summary="Make a key for a program")
async def make_key(body: NewKeyBody, caller: Caller, parts: Parts) -> MadeKey:
    """The answer has the key itself, which cannot be had again: only its hash is stored."""
    expires = body.expires_at
    new = NewKey(
        name=body.name,
        scopes=tuple(body.scopes),
        models=None if body.models is None else tuple(body.models),
        expires_at=expires if expires is None or expires.tzinfo else expires.replace(tzinfo=UTC),
        budget=body.budget.budget() if body.budget else NO_LIMITS,
    )
    secret, key = await parts.keys.create(caller.user.id, new)
    made = next(one for one in await parts.keys.list(caller.user.id) if one.key.id == key.id)
    return MadeKey(key=key_answer(made.key, made.budgets), secret=secret)


@router.put("/{key_id}/budget", status_code=204, responses=answers(401, 403, 404, 422, 503), summary="Change a key's budget")
async def change_key_budget(key_id: KeyId, body: BudgetSettings, caller: Caller, parts: Parts) -> None:
    """Holds from the next request on. What was used stays used."""
    await parts.keys.set_budget(key_id, caller.user.id, body.budget())


@router.delete("/{key_id}", status_code=204, responses=answers(401, 403, 404, 422, 503), summary="Revoke a key")
async def revoke_key(key_id: KeyId, caller: Caller, parts: Parts) -> None:
    """No request with it is admitted from now on."""
    await parts.keys.revoke(key_id, caller.user.id)


@budgets_router.get("", responses=answers(401, 503), summary="My budgets and my groups', with what is left")
async def list_budgets(caller: Caller, parts: Parts) -> list[BudgetAnswer]:
    """Empty where nothing is limited. Minutes and days are those of UTC."""
    async with parts.database.read() as unit:
        standings = await parts.spending.standing(unit, Spender(caller.user.id), datetime.now(UTC))
    return [budget_answer(standing) for standing in standings]
