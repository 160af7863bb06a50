"""The checks of `lam doctor`. Each returns a Result and never raises."""

import asyncio
import io
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Final, Literal

from msgspec import Struct

from lam.api.schemas.system import BrokerHealth, EngineHealth, HealthAnswer, WorkerHealth, broker_health, worker_health
from lam.client import held_back
from lam.client.client import Client
from lam.configuration import Server, load_configuration
from lam.data_folder import DataFolder
from lam.engines.base import Engine, Health
from lam.engines.sounds import ENDINGS, type_of
from lam.engines.voice import Voice
from lam.engines.voice_servers import Times
from lam.errors import ConfigError, LamError, Unauthorized
from lam.redis.server import examine
from lam.settings import Settings
from lam.storage.database import Database, database_url
from lam.storage.database_file import LEAST_FREE_BYTES
from lam.voice.wave import head

CHECK_SECONDS: Final = 30
BROKER_SECONDS: Final = 4
WORKERS_SECONDS: Final = 2  # statuses are retained: a connected worker is visible at once
POLL_SECONDS: Final = 0.05
SILENCE_RATE: Final = 16_000

CONFIGURATION: Final = "Mend the file; `lam config check` says the same of it alone, and docs/guides/models.md describes it."
SETTINGS: Final = "Mend it in the environment or in `.env`; docs/reference/settings.md lists them all."
DATABASE: Final = "Start the database server, or mend DATABASE_URL; docs/guides/postgresql.md shows how."
REDIS: Final = "Start the Redis server, or mend LAM_REDIS_URL; docs/guides/scaling.md shows how."
EVICTION: Final = "Set `maxmemory-policy noeviction` there, or give it a server of its own."
ALONE: Final = "To add one, give it the same DATABASE_URL, LAM_REDIS_URL and SECRET_KEY; docs/guides/scaling.md shows how."
VERSIONS: Final = "The releases differ: finish the deploy; docs/guides/scaling.md says what an older one does beside a newer one."
ADDRESS: Final = "Start the gateway there (`lam serve`), or mend the address; a proxy in between must pass every path on to it."
TOKEN: Final = "Give --token what `POST /api/auth/login` answers, or what the file `token` in the gateway's data folder holds."  # noqa: S105
LOADING: Final = "Wait: a large model takes minutes. The log of the model server tells how far it is."
MODEL: Final = {  # by words in the problem
    "LLM_API_KEY": "Set LLM_API_KEY to the key that the model server was started with.",
    "LLM_PROXY": "Mend LLM_PROXY; docs/guides/servers.md shows how.",
    "LLM_CA_FILE": "Ask whoever runs the server for that file; docs/guides/servers.md shows how to look at a certificate.",
    "LLM_CERT_FILE": "docs/guides/servers.md shows which files the settings name.",
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

WORD: Final = "Yes."
SPEECH: Final = {  # by words in the problem
    "LAM_SPEECH_API_KEY": "Set LAM_SPEECH_API_KEY to the key of that server.",
    "LLM_": "It is reached by the rules of the model server; docs/guides/servers.md shows them.",
    "": "Start the speech server, such as `lam voice`, or mend LAM_SPEECH_URL; docs/guides/voice.md shows how.",
}
TRANSCRIPTION: Final = {
    "LAM_TRANSCRIPTION_API_KEY": "Set LAM_TRANSCRIPTION_API_KEY to the key of that server.",
    "LLM_": "It is reached by the rules of the model server; docs/guides/servers.md shows them.",
    "": "Start the transcription server, such as `lam voice`, or mend LAM_TRANSCRIPTION_URL; docs/guides/voice.md shows how.",
}

Speak = Callable[[str], Awaitable[bytes]]
Hear = Callable[[bytes], Awaitable[str]]
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


async def redis(url: str) -> Result:
    about = await examine(url)
    if about.drops:
        policy = f"It drops what gateways need when its memory is full (maxmemory-policy {about.policy})."
        return Result("redis", "FAILED", policy, EVICTION)
    return Result("redis", "ok", f"{about.address} answers, version {about.version}.")


def _model(engine: EngineHealth) -> Result:
    if engine.state == "ready":
        source = f" They come from {engine.chat_address}." if engine.chat_address else ""
        return Result("model", "ok", f"It is ready; replies at once: {engine.slots or 'unknown'}.{source}")
    problem = engine.detail or "It is not ready."
    if engine.chat_address and engine.chat_address not in problem:
        problem += f" Replies would come from {engine.chat_address}."
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


def _gateways(health: HealthAnswer) -> Iterator[Result]:
    """Yields results about Redis and the other gateways; none without LAM_REDIS_URL."""
    if health.redis is None:
        return
    if health.redis == "unavailable":
        yield Result("redis", "FAILED", health.redis_detail or "The gateway does not reach it.", REDIS)
    elif health.redis_detail:
        yield Result("gateways", "FAILED", health.redis_detail, DATABASE)
        return
    else:
        yield Result("redis", "ok", "The gateway hears the others.")
    peers = health.peers or []
    listed = [f"{one.name} ({one.version}{', stopping' if one.draining else ''})" for one in peers]
    if not listed:
        yield Result("gateways", "ok", f"{health.gateway} ({health.version}) is the only gateway at the moment.", ALONE)
    elif {one.version for one in peers} != {health.version}:
        yield Result("gateways", "ok", f"{health.gateway} ({health.version}) runs beside {', '.join(listed)}.", VERSIONS)
    else:
        yield Result("gateways", "ok", f"{health.gateway} ({health.version}) runs beside {', '.join(listed)}.")


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


async def voices(speak: Speak | None, hear: Hear | None) -> AsyncIterator[Result]:
    """Lets the server speak a word, and the other one listen to it, or to silence. None: it is not offered."""
    sound = head(SILENCE_RATE, SILENCE_RATE) + bytes(SILENCE_RATE)  # half a second
    if speak is not None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                sound = await speak(WORD)
            yield Result("speech", "ok", f"It spoke a word in {time.monotonic() - began:.1f} s.")
        except Exception as error:
            yield Result("speech", "FAILED", _why(error), _fitting(SPEECH, _why(error)))
    if hear is not None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                words = await hear(sound)
            yield Result("listening", "ok", f"It heard “{words[:40]}” in {time.monotonic() - began:.1f} s.")
        except Exception as error:
            yield Result("listening", "FAILED", _why(error), _fitting(TRANSCRIPTION, _why(error)))


async def voices_as_a_gateway_would(settings: Settings) -> AsyncIterator[Result]:
    async def spoken(text: str) -> bytes:
        async with voice.require_speech().speak(text) as sound:
            return b"".join([piece async for piece in sound.pieces])

    async def heard(sound: bytes) -> str:
        kind = type_of(sound) or "audio/wav"
        return await voice.require_transcription().hear(io.BytesIO(sound), len(sound), kind, ENDINGS[kind])

    try:
        async with Voice.of(settings, Times()) as voice:
            async for result in voices(spoken if voice.speaks else None, heard if voice.listens else None):
                yield result
    except ConfigError as error:
        yield Result("speech", "FAILED", error.message, SETTINGS)


async def as_a_gateway_would(settings: Settings) -> AsyncIterator[Result]:
    """Checks the model, or broker and workers."""
    from lam.gateway import engine_of  # takes half of the command's start, and only this needs it

    try:
        configuration = load_configuration(settings)
    except ConfigError as error:
        yield Result("lam.toml", "FAILED", error.message, CONFIGURATION)
        return
    for server in configuration.servers if configuration.source else ():
        yield await safely(f"server {server.name}", _server(server, settings))
    if configuration.source:
        return
    name = "model" if settings.llm_comm_mode == "sse" else "broker"
    try:
        async with engine_of(settings) as engine:
            health = await settled_health(engine)
            about = EngineHealth(
                state=health.state, detail=health.detail, slots=health.slots, chat_address=health.address, running=0, waiting=0
            )
            if health.broker is None:
                yield _model(about)
                return
            workers = None if health.workers is None else worker_health(health.workers)
            for result in _broker_and_workers(about, broker_health(health.broker), workers):
                yield result
    except Exception as error:
        yield Result(name, "FAILED", _why(error), SETTINGS)


async def _server(server: Server, settings: Settings) -> Result:
    from lam.gateway import engine_to

    async with engine_to(server, settings) as engine:
        health = await settled_health(engine)
    name = f"server {server.name}"
    if health.state == "ready":
        return Result(name, "ok", f"{server.where} is ready.")
    return Result(name, "FAILED", f"{server.where}: {health.detail or health.state}", CONFIGURATION)


async def settled_health(engine: Engine) -> Health:
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
    yield from _gateways(health)
    assert health.engine is not None
    if health.broker is None:
        yield _model(health.engine)
    else:
        yield from _broker_and_workers(health.engine, health.broker, health.workers)
