"""JSON of health and models."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from lam.api.schemas.base import Schema
from lam.api.schemas.sampling import SamplingAnswer
from lam.engines.base import Broker
from lam.protocol.jobs import WorkerStatus


class Abilities(Schema):
    """Null: unknown until a request tries it."""

    images: bool = Field(description="Pictures may be sent to it: its server says so, or says nothing.")
    tools: bool | None = Field(None, description="It can call tools.")
    json_: bool | None = Field(None, alias="json", description="Its answers can be held to a schema.")
    continue_: bool | None = Field(None, alias="continue", description="It can continue a reply that was cut off.")
    thinking: bool | None = Field(None, description="It can think before it answers.")


class PriceAnswer(Schema):
    """For a million tokens, in whatever currency the admin thinks; for figures only."""

    input: float | None
    output: float | None


class ModelAnswer(Schema):
    name: str
    can: Abilities
    note: str | None = Field(None, description="What people should know before they choose it.")
    n_ctx: int | None = Field(description="Context size in tokens; null if the server does not report it.")
    server: str | None = Field(None, description="The server that is preferred for it; null with one server only.")
    servers: list[str] = Field([], description="All servers that answer for it, in order; empty with one server only.")
    state: Literal["ready", "busy", "loading", "asleep", "unreachable"] = Field(
        "ready",
        description="`busy`: all places are in use, so a request waits. `asleep`: the next request loads it. `unreachable`: no "
        "server answers at the moment.",
    )
    places: int = Field(0, description="Replies at a time, over all its servers.")
    busy: int = Field(0, description="How many places are in use.")
    price: PriceAnswer | None = None
    sampling: SamplingAnswer | None = Field(None, description="What applies to this model when nobody chose; null: as for all.")
    system_prompt: str | None = Field(None, description="What applies to sessions without a system prompt.")


class ModelsAnswer(Schema):
    models: list[ModelAnswer]
    default: str | None = Field(description="The model for requests that name none.")
    sampling: SamplingAnswer


class EngineHealth(Schema):
    state: Literal["ready", "loading", "unreachable"]
    address: str | None = Field(
        None, description="Host and port of the model's server, or the name of the model's file; null where workers answer."
    )
    detail: str | None
    slots: int | None
    chat_address: str | None = Field(None, description="The address of the chat that replies come from; null with workers.")
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


class GatewayHealth(Schema):
    name: str
    version: str
    draining: bool = Field(description="It stops: it takes no new replies, and those that it still runs go on elsewhere.")


class VoiceOffer(Schema):
    speech: bool = Field(False, description="Whether `POST /api/speech` speaks.")
    transcription: bool = Field(False, description="Whether `POST /api/transcriptions` listens.")


class HealthAnswer(Schema):
    """Without a login only the first seven fields are set. `broker` and `workers` exist in mqtt mode."""

    status: Literal["ok"] = "ok"
    ready: bool
    mode: Literal["sse", "mqtt"]
    version: str
    registration: Literal["open", "closed"] = Field(description="Whether anybody may create an account.")
    voice: VoiceOffer = VoiceOffer()  # a gateway of an earlier release does not say
    rooms: bool = Field(False, description="Whether this gateway has rooms.")
    engine: EngineHealth | None = None
    database: Literal["ready", "unavailable"] | None = None
    database_detail: str | None = Field(None, description="Why the database is unavailable, and what to do.")
    broker: BrokerHealth | None = None
    workers: list[WorkerHealth] | None = None
    gateway: str | None = Field(None, description="The name of this gateway. Null, like the next three, without LAM_REDIS_URL.")
    redis: Literal["ready", "unavailable"] | None = None
    redis_detail: str | None = Field(None, description="Why a proxy should send nobody to this gateway.")
    peers: list[GatewayHealth] | None = Field(None, description="The other gateways that live, from the database.")


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
