"""`/api/health` and `/api/models`."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST

import lam
from lam.api.dependencies import Caller, MaybeCaller, Parts
from lam.api.errors import answers
from lam.api.metrics import MOST_OWNERS
from lam.api.schemas.sampling import SamplingAnswer
from lam.api.schemas.system import (
    Abilities,
    EngineHealth,
    GatewayHealth,
    HealthAnswer,
    ModelAnswer,
    ModelsAnswer,
    PriceAnswer,
    VoiceOffer,
    broker_health,
    worker_health,
)
from lam.engines.catalog import NO_DEFAULTS, Model
from lam.engines.sight import COLOURS_ONLY
from lam.errors import NotFound, StorageUnavailable
from lam.protocol.budget import Bar
from lam.protocol.sampling import defaults, in_force
from lam.settings import LOOPBACK, Settings

router = APIRouter(prefix="/api", tags=["system"])
metrics_router = APIRouter()

ONLY_COLOURS: Final = "Of a picture it tells eight colours apart, and nothing else."
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
    neighbours = parts.neighbours
    apart = neighbours.problem() if neighbours is not None else None
    is_ready = problem is None and apart is None and engine.state == "ready" and not parts.supervisor.draining
    if ready and not is_ready:
        response.status_code = 503
    about = {"version": lam.__version__, "registration": parts.settings.lam_registration}
    voice = VoiceOffer(speech=parts.voice.speaks, transcription=parts.voice.listens)
    answer = HealthAnswer(ready=is_ready, mode=parts.catalog.mode(None), voice=voice, rooms=parts.settings.lam_rooms, **about)
    if caller is not None:
        answer.engine = EngineHealth(
            state=engine.state,
            address=_host(engine.address) if engine.workers is None else None,
            detail=engine.detail,
            slots=engine.slots,
            chat_address=engine.address,
            running=len(parts.supervisor.awaited()),
            waiting=parts.catalog.queue.waiting,
        )
        answer.database = "ready" if problem is None else "unavailable"
        answer.database_detail = problem
        answer.broker = broker_health(engine.broker) if engine.broker else None
        answer.workers = worker_health(engine.workers) if engine.workers is not None else None
        if neighbours is not None:
            answer.gateway = neighbours.name
            answer.redis = "ready" if neighbours.hears else "unavailable"
            answer.redis_detail = apart
            answer.peers = [GatewayHealth(name=one.name, version=one.version, draining=one.draining) for one in neighbours.others()]
    return answer


@metrics_router.get("/metrics", include_in_schema=False)
async def metrics(request: Request, parts: Parts) -> Response:
    """Metrics for Prometheus. With LAM_METRICS=auto only programs on this machine get them, not callers behind a proxy."""
    if not _metrics_allowed(parts.settings, request.client.host if request.client else ""):
        raise NotFound
    budgets: dict[str, list[Bar]] = {}
    with suppress(StorageUnavailable):
        async with parts.database.read() as unit:
            budgets = await parts.spending.recent(unit, datetime.now(UTC), MOST_OWNERS)
    return Response(parts.metrics.text(budgets), media_type=CONTENT_TYPE_LATEST)


def _host(address: str | None) -> str | None:
    """Returns host and port of the server that answers; for a model in a file, its name."""
    return urlsplit(address or "").netloc.rpartition("@")[2] or address


def _metrics_allowed(settings: Settings, caller: str) -> bool:
    if settings.lam_metrics != "auto":
        return settings.lam_metrics == "on"
    return not settings.lam_public_url and settings.lam_host in LOCAL_HOSTS and caller in LOOPBACK


def _abilities(model: Model) -> Abilities:
    can = model.can
    return Abilities.model_validate(
        {
            "images": model.images,
            "tools": can.tools,
            "json": can.json,
            "continue": can.continues,
            "thinking": can.thinking,
        }
    )


@router.get("/models", responses=answers(401, 503), summary="List the available models")
async def models(caller: Caller, parts: Parts) -> ModelsAnswer:
    served = [
        ModelAnswer(
            name=model.name,
            n_ctx=model.n_ctx,
            can=_abilities(model),
            note=model.note or (ONLY_COLOURS if model.images and model.name in COLOURS_ONLY else None),
            server=model.servers[0] if parts.catalog.names_servers and model.servers else None,
            servers=list(model.servers) if parts.catalog.names_servers else [],
            state=model.state,
            places=model.places,
            busy=model.busy,
            price=PriceAnswer(input=model.price.input, output=model.price.output) if model.price else None,
            sampling=SamplingAnswer.model_validate(in_force(parts.settings, model.defaults))
            if model.defaults != NO_DEFAULTS
            else None,
            system_prompt=model.defaults.system_prompt,
        )
        for model in await parts.catalog.models(caller.user.id)
    ]
    sampling = SamplingAnswer.model_validate(defaults(parts.settings))
    return ModelsAnswer(models=served, default=served[0].name if served else None, sampling=sampling)
