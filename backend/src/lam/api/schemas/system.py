"""JSON of health and models."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from lam.api.schemas.base import Schema
from lam.api.schemas.sampling import SamplingAnswer
from lam.engines.base import Broker
from lam.protocol.jobs import WorkerStatus


class ModelAnswer(Schema):
    name: str
    n_ctx: int | None = Field(description="Context size in tokens; null if the server does not report it.")


class ModelsAnswer(Schema):
    models: list[ModelAnswer]
    default: str | None = Field(description="The model for requests that name none.")
    sampling: SamplingAnswer


class EngineHealth(Schema):
    state: Literal["ready", "loading", "unreachable"]
    detail: str | None
    slots: int | None
    running: int
    waiting: int


class BrokerHealth(Schema):
    state: Literal["connected", "unreachable"]
    address: str
    detail: str | None


class WorkerHealth(Schema):
    name: str
    state: Literal["ready", "busy", "draining", "offline"]
    models: list[str]
    slots: int
    running: int
    streaming: bool
    version: str


class HealthAnswer(Schema):
    """Without a login only the first five fields are set. `broker` and `workers` exist in mqtt mode."""

    status: Literal["ok"] = "ok"
    ready: bool
    mode: Literal["sse", "mqtt"]
    version: str
    registration: Literal["open", "closed"] = Field(description="Whether anybody may create an account.")
    engine: EngineHealth | None = None
    database: Literal["ready", "unavailable"] | None = None
    database_detail: str | None = Field(None, description="Why the database is unavailable, and what to do.")
    broker: BrokerHealth | None = None
    workers: list[WorkerHealth] | None = None


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
            version=worker.release or str(worker.version),  # the first release sent its own version here
        )
        for worker in workers
    ]
