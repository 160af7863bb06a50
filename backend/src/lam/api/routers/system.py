"""`/api/health` and `/api/models`."""

from typing import Final

from fastapi import APIRouter, Query, Request, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST

import lam
from lam.api.dependencies import Caller, MaybeCaller, Parts
from lam.api.errors import answers
from lam.api.schemas.sampling import SamplingAnswer
from lam.api.schemas.system import (
    EngineHealth,
    HealthAnswer,
    ModelAnswer,
    ModelsAnswer,
    broker_health,
    worker_health,
)
from lam.errors import NotFound
from lam.protocol.sampling import defaults
from lam.settings import LOOPBACK, Settings

router = APIRouter(prefix="/api", tags=["system"])
metrics_router = APIRouter()

LOCAL_HOSTS: Final = (*LOOPBACK, "localhost")


@router.get(
    "/health",
    responses=answers(422) | {503: {"model": HealthAnswer, "description": "Not ready; only with `ready=1`."}},
    summary="Health",
)
async def health(
    caller: MaybeCaller,
    parts: Parts,
    response: Response,
    ready: bool = Query(False, description="Answer 503 if no reply can be produced now."),
) -> HealthAnswer:
    """200 while the process serves. With a login the answer includes the engine and the database."""
    engine = await parts.catalog.health()
    problem = await parts.readiness.problem()
    is_ready = problem is None and engine.state == "ready" and not parts.supervisor.draining
    if ready and not is_ready:
        response.status_code = 503
    about = {"version": lam.__version__, "registration": parts.settings.lam_registration}
    answer = HealthAnswer(ready=is_ready, mode=parts.settings.llm_comm_mode, **about)
    if caller is not None:
        answer.engine = EngineHealth(
            state=engine.state,
            detail=engine.detail,
            slots=engine.slots,
            running=len(parts.supervisor.awaited()),
            waiting=parts.catalog.queue.waiting,
        )
        answer.database = "ready" if problem is None else "unavailable"
        answer.database_detail = problem
        answer.broker = broker_health(engine.broker) if engine.broker else None
        answer.workers = worker_health(engine.workers) if engine.workers is not None else None
    return answer


@metrics_router.get("/metrics", include_in_schema=False)
async def metrics(request: Request, parts: Parts) -> Response:
    """Metrics for Prometheus. With LAM_METRICS=auto only programs on this machine get them, not callers behind a proxy."""
    if not _metrics_allowed(parts.settings, request.client.host if request.client else ""):
        raise NotFound
    return Response(parts.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _metrics_allowed(settings: Settings, caller: str) -> bool:
    if settings.lam_metrics != "auto":
        return settings.lam_metrics == "on"
    return not settings.lam_public_url and settings.lam_host in LOCAL_HOSTS and caller in LOOPBACK


@router.get("/models", responses=answers(401, 503), summary="List the available models")
async def models(caller: Caller, parts: Parts) -> ModelsAnswer:
    served = [ModelAnswer(name=model.name, n_ctx=model.n_ctx) for model in await parts.catalog.models()]
    sampling = SamplingAnswer.model_validate(defaults(parts.settings))
    return ModelsAnswer(models=served, default=served[0].name if served else None, sampling=sampling)
