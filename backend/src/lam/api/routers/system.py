"""`/api/health` and `/api/models`."""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, Query, Request, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST

import lam
from lam.api.dependencies import Caller, MaybeCaller, Parts
from lam.api.errors import answers
from lam.api.schemas.sampling import SamplingAnswer
from lam.api.schemas.system import (
    BrokerHealth,
    EngineHealth,
    HealthAnswer,
    ModelAnswer,
    ModelsAnswer,
    WorkerHealth,
)
from lam.engines.base import Broker
from lam.errors import NotFound
from lam.protocol.jobs import WorkerStatus
from lam.protocol.sampling import defaults
from lam.settings import LOOPBACK, Settings

router = APIRouter(prefix="/api", tags=["system"])
metrics_router = APIRouter()

LOCAL_HOSTS: Final = (*LOOPBACK, "localhost")


@router.get(
    "/health",
    responses=answers(422) | {503: {"model": HealthAnswer, "description": "Not ready, and `ready=1` was asked for."}},
    summary="Health",
)
async def health(
    caller: MaybeCaller,
    parts: Parts,
    response: Response,
    ready: bool = Query(False, description="Answer 503 unless a reply can be produced now."),
) -> HealthAnswer:
    """200 whenever the process serves. Who is signed in is also told about the engine and the database."""
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


def broker_health(broker: Broker) -> BrokerHealth:
    return BrokerHealth(
        state="connected" if broker.connected else "unreachable",
        address=broker.address,
        detail=broker.detail,
    )


def worker_health(workers: Sequence[WorkerStatus]) -> list[WorkerHealth]:
    return [
        WorkerHealth(
            name=worker.worker,
            state=worker.state,
            models=[model.name for model in worker.models],
            slots=worker.slots,
            running=worker.running,
            streaming=worker.streaming,
            version=worker.release or str(worker.version),  # the first release told its own in place of the protocol's
        )
        for worker in workers
    ]


@metrics_router.get("/metrics", include_in_schema=False)
async def metrics(request: Request, parts: Parts) -> Response:
    """For Prometheus. With LAM_METRICS=auto only for this machine's own programs, not through a proxy."""
    if not _metrics_allowed(parts.settings, request.client.host if request.client else ""):
        raise NotFound
    return Response(parts.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _metrics_allowed(settings: Settings, caller: str) -> bool:
    if settings.lam_metrics != "auto":
        return settings.lam_metrics == "on"
    return not settings.lam_public_url and settings.lam_host in LOCAL_HOSTS and caller in LOOPBACK


@router.get("/models", responses=answers(401, 503), summary="Models that can be asked for")
async def models(caller: Caller, parts: Parts) -> ModelsAnswer:
    found = [ModelAnswer(name=model.name, n_ctx=model.n_ctx) for model in await parts.catalog.models()]
    sampling = SamplingAnswer.model_validate(defaults(parts.settings))
    return ModelsAnswer(models=found, default=found[0].name if found else None, sampling=sampling)
