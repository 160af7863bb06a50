"""`/api/usage`."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from lam.api.dependencies import Caller, Parts
from lam.api.errors import answers
from lam.api.schemas.base import MAX_ID, Id
from lam.api.schemas.usage import DaySums, KeySums, ModelSums, SessionSums, Sums, UsageAnswer, UserSums, sums
from lam.chat.usage import Question
from lam.protocol.text import valid

router = APIRouter(prefix="/api/usage", tags=["usage"])


async def question(
    first: Annotated[date | None, Query(description="The first day; default: 30 days ago.")] = None,
    last: Annotated[date | None, Query(description="The last day, inclusive; default: today.")] = None,
    everybody: Annotated[bool, Query(description="The usage of all users; admins only.")] = False,
    user_id: Annotated[Id | None, Query(description="One account's; another's is for admins.")] = None,
    model: Annotated[str | None, Query(max_length=255, description="One model's.")] = None,
    key_id: Annotated[int | None, Query(ge=0, le=MAX_ID, description="One key's; 0: what was asked without a key.")] = None,
) -> Question:
    return Question(
        first=first,
        last=last,
        everybody=everybody,
        user_id=user_id,
        model=None if model is None else valid(model),
        key_id=key_id,
    )


Asked = Annotated[Question, Depends(question)]


@router.get("", responses=answers(401, 403, 422, 503), summary="Usage by day, session, model and key")
async def usage(caller: Caller, parts: Parts, asked: Asked) -> UsageAnswer:
    found = await parts.usage.of(caller.user, asked)
    return UsageAnswer(
        first=found.first,
        last=found.last,
        total=Sums(**sums(found.total)),
        days=[DaySums(day=date.fromisoformat(str(row.key[0])), **sums(row)) for row in found.days],
        sessions=[SessionSums(session_id=row.key[0], title=row.key[1], **sums(row)) for row in found.sessions],
        models=[ModelSums(model=row.key[0], **sums(row)) for row in found.models],
        keys=[KeySums(**dict(zip(_OF_KEY, row.key, strict=True)), **sums(row)) for row in found.keys],
        users=None if found.users is None else [UserSums(user_id=row.key[0], email=row.key[1], **sums(row)) for row in found.users],
    )


@router.get(
    "/export",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}, **answers(401, 403, 422, 503)},
    summary="Usage as CSV",
)
async def export(caller: Caller, parts: Parts, asked: Asked) -> Response:
    """A line for each day (in UTC), account, key, model and kind of run."""
    text = await parts.usage.table(caller.user, asked)
    headers = {"Content-Disposition": 'attachment; filename="usage.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


_OF_KEY = ("key_id", "name", "prefix", "user_id")
