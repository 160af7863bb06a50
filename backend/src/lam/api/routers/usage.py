"""`/api/usage`."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from lam.api.dependencies import Caller, Parts
from lam.api.errors import answers
from lam.api.schemas.usage import DaySums, ModelSums, SessionSums, Sums, UsageAnswer, UserSums, sums

router = APIRouter(prefix="/api/usage", tags=["usage"])


@router.get("", responses=answers(401, 403, 422, 503), summary="Usage by day, session and model")
async def usage(
    caller: Caller,
    parts: Parts,
    first: Annotated[date | None, Query(description="The first day; default: 30 days ago.")] = None,
    last: Annotated[date | None, Query(description="The last day, inclusive; default: today.")] = None,
    everybody: Annotated[bool, Query(description="The usage of all users; admins only.")] = False,
) -> UsageAnswer:
    found = await parts.usage.of(caller.user, first, last, everybody=everybody)
    return UsageAnswer(
        first=found.first,
        last=found.last,
        total=Sums(**sums(found.total)),
        days=[DaySums(day=date.fromisoformat(str(row.key[0])), **sums(row)) for row in found.days],
        sessions=[SessionSums(session_id=row.key[0], title=row.key[1], **sums(row)) for row in found.sessions],
        models=[ModelSums(model=row.key[0], **sums(row)) for row in found.models],
        users=None if found.users is None else [UserSums(user_id=row.key[0], email=row.key[1], **sums(row)) for row in found.users],
    )
