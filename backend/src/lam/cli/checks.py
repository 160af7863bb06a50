"""The checks of `lam doctor`. Each returns a Result and never raises."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Final, Literal

from msgspec import Struct

from lam.api.schemas.system import BrokerHealth, EngineHealth, HealthAnswer, WorkerHealth, broker_health, worker_health
from lam.client import held_back
from lam.client.client import Client
from lam.data_folder import DataFolder
from lam.engines.base import Engine, Health
from lam.errors import ConfigError, LamError, Unauthorized
from lam.settings import Settings
from lam.storage.database import Database, database_url
from lam.storage.database_file import LEAST_FREE_BYTES

CHECK_SECONDS: Final = 30
BROKER_SECONDS: Final = 4
WORKERS_SECONDS: Final = 2  # statuses are retained: a connected worker is visible at once
POLL_SECONDS: Final = 0.05

SETTINGS: Final = "Mend it in the environment or in `.env`; docs/reference/settings.md lists them all."
DATABASE: Final = "Start the database server, or mend DATABASE_URL; docs/guides/postgresql.md shows how."
ADDRESS: Final = "Start the gateway there (`lam serve`), or mend the address; a proxy in between must pass every path on to it."
TOKEN: Final = "Give --token what `POST /api/auth/login` answers, or what the file `token` in the gateway's data folder holds."  # noqa: S105
LOADING: Final = "Wait: a large model takes minutes. The log of the model server tells how far it is."
MODEL: Final = {  # by words in the problem
    "LLM_API_KEY": "Set LLM_API_KEY to the key that the model server was started with.",
    "": "Start the model server, or mend LLM_SERVER_URL; `lam up` brings a small model of its own.",
}
WORKER: Final = "Start one beside the model: `lam worker --llm URL --broker HOST`; docs/guides/worker.md shows how."
BESIDE: Final = "Start the model server beside the worker; it is what the worker's --llm names."
PROXY: Final = (
    "Set `proxy_buffering off;` in each nginx on the way, as docs/guides/nginx.md shows: the first one keeps the gateway's "
    "`X-Accel-Buffering: no` to itself. In another proxy turn off buffering and compression of text/event-stream."
)
BROKER: Final = {  # by words in the problem
    "user name or password": "Mend MQTT_USERNAME and MQTT_PASSWORD.",
    "certificate": "Set MQTT_CA_FILE to the certificate of who signed the broker's, and MQTT_BROKER_HOST to a name it is made for.",
    "": "Start the broker, or mend MQTT_BROKER_HOST, MQTT_BROKER_PORT and MQTT_TLS.",
}

State = Literal["ok", "FAILED", "not checked"]


class Result(Struct, frozen=True):
    """The result of one check. `mend`: what to do about it."""

    name: str
    state: State
    sentence: str
    mend: str | None = None


async def safely(name: str, check: Awaitable[Result]) -> Result:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check
    except Exception as error:
        return Result(name, "FAILED", _why(error))


def _why(error: Exception) -> str:
    """Returns an exception for people. One of another library may contain secrets: only its class is shown."""
    if isinstance(error, LamError):
        return error.message
    if isinstance(error, TimeoutError):
        return f"There is no answer within {CHECK_SECONDS} seconds."
    return f"The check itself failed ({type(error).__name__})."


async def data_folder(folder: DataFolder) -> Result:
    name, path = "data folder", folder.path
    there = path if path.exists() else next(parent for parent in path.absolute().parents if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Result(name, "FAILED", f"{there} is no folder that can be written to.", "Set LAM_DATA_DIR to one that is.")
    secrets = " ".join(map(str, folder.exposed_secrets()))
    if secrets:
        return Result(name, "FAILED", "Other users of this machine may read its secrets.", f"Run: chmod 600 {secrets}")
    if not path.exists():
        return Result(name, "ok", f"{path} is made at the first start.")
    exposed = "Other users of this machine may look into it; a gateway closes it to them when it starts."
    return Result(name, "ok", f"{path} can be written to.", exposed if folder.exposed() else None)


async def database(settings: Settings, folder: DataFolder) -> Result:
    if settings.database_url is None and not folder.database.exists():
        return Result("database", "ok", "It is made at the first start.")
    opened = Database(database_url(settings), pool_size=1)
    try:
        await opened.require_sound()
        pending = await opened.pending()
        free = opened.file.free_bytes() if opened.file else None
    except ConfigError as error:
        return Result("database", "FAILED", error.message, DATABASE)
    finally:
        await opened.close()
    if free is not None and free < LEAST_FREE_BYTES:
        return Result("database", "FAILED", f"The disk that holds it is full ({free >> 10} KiB are free).", "Make room on it.")
    if pending is None:
        return Result("database", "ok", "It is made at the first start.")
    if pending:
        return Result("database", "ok", f"Migrations to apply: {pending}. A gateway does so when it starts, or `lam db upgrade`.")
    return Result("database", "ok", "It answers, and is up to date.")


def _model(engine: EngineHealth) -> Result:
    if engine.state == "ready":
        return Result("model", "ok", f"It is ready; replies at once: {engine.slots or 'unknown'}.")
    problem = engine.detail or "It is not ready."
    return Result("model", "FAILED", problem, LOADING if engine.state == "loading" else _fitting(MODEL, problem))


def _broker_and_workers(engine: EngineHealth, broker: BrokerHealth, workers: list[WorkerHealth] | None) -> Iterator[Result]:
    if broker.state != "connected":
        problem = broker.detail or f"The broker at {broker.address} does not answer."
        yield Result("broker", "FAILED", problem, _fitting(BROKER, problem))
        yield Result("workers", "not checked", "They are found through the broker.")
        return
    yield Result("broker", "ok", f"{broker.address} is connected.")
    if workers is None:
        yield Result("workers", "not checked", "Older workers (MQTT_DIALECT) do not report whether they are connected.")
    elif engine.state == "ready":
        yield Result("workers", "ok", "; ".join(map(_worker, workers)) + ".")
    else:
        listed = f" {'; '.join(map(_worker, workers))}." if workers else ""
        yield Result("workers", "FAILED", (engine.detail or "") + listed, BESIDE if workers else WORKER)


def _fitting(mends: dict[str, str], problem: str) -> str:
    return next(mend for word, mend in mends.items() if word in problem)


def _worker(worker: WorkerHealth) -> str:
    models = ", ".join(worker.models) or "no model yet"
    manner = "streams" if worker.streaming else "answers in one piece"
    return f"{worker.name} ({worker.version}) is {worker.state} with {models}, runs {worker.running} of {worker.slots}, {manner}"


async def gateway(client: Client) -> tuple[Result, HealthAnswer | None]:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            health = HealthAnswer.model_validate(await client.call("GET", "/api/health"))
    except ValueError:
        return Result("gateway", "FAILED", f"What answers at {client.url} is no LAM gateway.", ADDRESS), None
    except Exception as error:
        return Result("gateway", "FAILED", _why(error), ADDRESS), None
    about = f"{client.url} serves LAM Studio {health.version} in {health.mode} mode"
    if health.ready:
        return Result("gateway", "ok", f"{about}, and is ready."), health
    return Result("gateway", "FAILED", f"{about}, but is not ready for a reply."), health


async def log_in(client: Client, token: str | None) -> Result:
    """Checks whether the gateway accepts our login."""
    if token is None:
        return Result("log-in", "not checked", "There is no token for this gateway.", TOKEN)
    try:
        await client.call("GET", "/api/auth/me")
    except Unauthorized as error:
        return Result("log-in", "FAILED", error.message, TOKEN)
    return Result("log-in", "ok", "The token is known.")


async def stream(client: Client) -> Result:
    verdict = await held_back.look(client)
    packed = f" It is compressed on the way ({verdict.encoding})." if verdict.encoding else ""
    if verdict.held_back is None:
        return Result("stream", "not checked", "The reply was too short to tell; ask again.")
    if verdict.held_back:
        return Result("stream", "FAILED", f"Something between here and the gateway holds the stream back.{packed}", PROXY)
    return Result("stream", "ok", f"Words arrive here as the gateway sends them.{packed}")


async def as_a_gateway_would(settings: Settings) -> AsyncIterator[Result]:
    """Checks the model, or broker and workers."""
    from lam.gateway import engine_of  # takes half of the command's start, and only this needs it

    name = "model" if settings.llm_comm_mode == "sse" else "broker"
    try:
        async with engine_of(settings) as engine:
            health = await _health_of(engine)
            about = EngineHealth(state=health.state, detail=health.detail, slots=health.slots, running=0, waiting=0)
            if health.broker is None:
                yield _model(about)
                return
            workers = None if health.workers is None else worker_health(health.workers)
            for result in _broker_and_workers(about, broker_health(health.broker), workers):
                yield result
    except Exception as error:
        yield Result(name, "FAILED", _why(error), SETTINGS)


async def _health_of(engine: Engine) -> Health:
    """Returns the engine's health, after a short time for its broker and the workers to answer."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + BROKER_SECONDS
    health = await engine.health()
    while health.broker is not None and not health.broker.connected and clock() < deadline:
        await asyncio.sleep(POLL_SECONDS)
        health = await engine.health()
    if health.broker is None or not health.broker.connected or health.workers is None:
        return health
    await asyncio.sleep(WORKERS_SECONDS)
    return await engine.health()


def report(health: HealthAnswer) -> Iterator[Result]:
    """Yields results from a gateway's report about its parts."""
    if health.database == "ready":
        yield Result("database", "ok", "The gateway reaches it.")
    else:
        yield Result("database", "FAILED", health.database_detail or "The gateway does not reach it.", DATABASE)
    assert health.engine is not None
    if health.broker is None:
        yield _model(health.engine)
    else:
        yield from _broker_and_workers(health.engine, health.broker, health.workers)
