"""`/api/admin`: other people's accounts, and the replies that run or wait.

Whoever is no admin gets 403, also for ids that do not exist.
"""

from collections import Counter
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path

from lam.api.dependencies import Admin, Parts
from lam.api.errors import answers
from lam.api.schemas.accounts import Account, NewAccount
from lam.api.schemas.admin import AccountChanges, ListedAccount, RunAnswer
from lam.api.schemas.base import MAX_ID
from lam.generation.run import Run
from lam.protocol.text import utf16_prefix

router = APIRouter(prefix="/api/admin", tags=["admin"])

UserId = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.get("/users", responses=answers(401, 403, 503), summary="List all accounts, oldest first")
async def list_users(_admin: Admin, parts: Parts) -> list[ListedAccount]:
    running = Counter(run.user_id for run in parts.supervisor.awaited())
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


@router.get("/runs", responses=answers(401, 403, 503), summary="List the replies that run or wait, oldest first")
async def list_runs(_admin: Admin, parts: Parts) -> list[RunAnswer]:
    runs = sorted(parts.supervisor.awaited(), key=lambda run: run.began_at)
    emails = {user.id: user.email for user in await parts.administration.users()} if runs else {}
    return [RunAnswer(email=emails.get(run.user_id, ""), **_about(run)) for run in runs]


def _about(run: Run) -> dict[str, Any]:
    snapshot = run.snapshot
    continued = snapshot.metadata.continues if snapshot.metadata and snapshot.metadata.continues else 0
    text = snapshot.text[len(utf16_prefix(snapshot.text, continued)) :]
    progress = snapshot.progress
    stage: Any = "text" if text else "thinking" if snapshot.thinking else progress.stage if progress else None
    return {
        "user_id": run.user_id,
        "model": snapshot.metadata.model if snapshot.metadata else None,
        "stage": stage,
        "position": progress.position if progress and stage == "queued" else None,
        "characters": len(text),
        "readers": run.readers,
        "began_at": run.began_at,
    }
