"""`/api/health` and `/api/models`."""

from fastapi import APIRouter, Query, Response

import lam
from lam.api.dependencies import Caller, MaybeCaller, Parts
from lam.api.errors import answers
from lam.api.schemas.system import EngineHealth, HealthAnswer, ModelAnswer, ModelsAnswer
from lam.errors import StorageUnavailable

router = APIRouter(prefix="/api", tags=["system"])


@router.get(
    "/health", responses={503: {"model": HealthAnswer, "description": "Not ready, and `ready=1` was asked for."}}, summary="Health"
)
async def health(
    caller: MaybeCaller,
    parts: Parts,
    response: Response,
    ready: bool = Query(False, description="Answer 503 unless a reply can be produced now."),
) -> HealthAnswer:
    """200 whenever the process serves. Who is signed in is also told about the engine and the database."""
    engine = await parts.engine.health()
    try:
        await parts.database.check()
        stored = True
    except StorageUnavailable:
        stored = False
    is_ready = stored and engine.state == "ready" and not parts.supervisor.draining
    if ready and not is_ready:
        response.status_code = 503
    answer = HealthAnswer(ready=is_ready, mode=parts.engine.mode, version=lam.__version__)
    if caller is not None:
        answer.engine = EngineHealth(
            state=engine.state,
            detail=engine.detail,
            slots=engine.slots,
            running=len(parts.supervisor.running()),
            waiting=parts.supervisor.admission.waiting,
        )
        answer.database = "ready" if stored else "unavailable"
    return answer


@router.get("/models", responses=answers(401, 503), summary="Models that can be asked for")
async def models(caller: Caller, parts: Parts) -> ModelsAnswer:
    found = [ModelAnswer(name=model.name, n_ctx=model.n_ctx) for model in await parts.engine.models()]
    return ModelsAnswer(models=found, default=found[0].name if found else None)
