"""Gateways for tests: one inside this process on a real port, one as a process of its own."""

import asyncio
import contextlib
import itertools
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
from msgspec.structs import replace
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from lam.accounts.passwords import Hashing
from lam.api.http_protocol import web_server
from lam.api.page import BUILT
from lam.api.services import Services
from lam.client.client import Client
from lam.engines.openai_http import OpenAIHttpEngine
from lam.gateway import Bounds, MakeKind, create_app
from lam.mqtt.connection import Broker, Pace
from lam.protocol.events import Event
from lam.protocol.snapshot import Snapshot
from lam.protocol.sse import Decoder, decode
from lam.settings import Settings
from lam.testing.http_server import close
from lam.worker.pictures import WorkerPictures
from lam.worker.worker import Worker

from . import brokers, databases
from .forked import Forked, forked

# Titles would be more requests to the model where tests count them, and the longest replies here are longer than the usual limit.
_numbers = itertools.count(1)
CHEAP = Hashing(rounds=1, memory=64, lanes=1)  # a real hash takes a tenth of a second, and each gateway makes one when it starts
LAM = "from lam.cli import main; main()"
SERVE = f"""
from argon2 import PasswordHasher
from lam.accounts.passwords import Hashing
Hashing.hasher = lambda self: PasswordHasher(time_cost={CHEAP.rounds}, memory_cost={CHEAP.memory}, parallelism={CHEAP.lanes})
{LAM}"""
LEAVE_SECONDS = 1  # how long a gateway that ends waits for its connections
STORED_SECONDS = 30  # how long a stop waits for the end, so that its answer does not depend on how busy the machine is
FOR_TESTS = {"lam_registration": "open", "lam_max_streams_per_user": 1000, "lam_titles": False, "lam_max_reply_chars": 20_000_000}


def serve_with(bounds: str) -> str:
    """Returns a program that runs `lam serve` with other bounds. `bounds`: a Python expression for a `Bounds`."""
    return f"""
from lam import gateway
from lam.gateway import Bounds
from lam.storage.postgresql import Watch
from lam.storage.readiness import Belief
gateway.create_app.__kwdefaults__["bounds"] = {bounds}
{SERVE}"""


class _Given(Settings):
    """What a test gives, and nothing from the environment and `.env`: to search these takes a quarter of a gateway's start."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **others: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


@dataclass
class Gateway:
    url: str
    token: str
    services: Services | None = None

    def client(self, token: str | None = None) -> Client:
        return Client(self.url, token or self.token)

    @property
    def parts(self) -> Services:
        assert self.services is not None
        return self.services

    def client_of(self, headers: Mapping[str, str]) -> Client:
        """A client with the login in these headers."""
        return Client(self.url, headers["Authorization"].removeprefix("Bearer "))

    async def user(self, email: str) -> Client:
        """A client of a new account."""
        async with Client(self.url) as nobody:
            account = {"email": email, "password": "correct horse"}
            await nobody.call("POST", "/api/auth/register", account)
            login = await nobody.call("POST", "/api/auth/login", account)
        return Client(self.url, login["access_token"])


@contextlib.asynccontextmanager
async def running_gateway(
    data: Path, *, port: int = 0, bounds: Bounds | None = None, kinds: Sequence[MakeKind] = (), built: Path = BUILT, **settings: Any
) -> AsyncIterator[Gateway]:
    """With `--mode mqtt` the gateway reaches its model through the broker and a worker that runs beside it.

    `bounds`: seconds and counts that are no settings. `built`: where the page is.
    """
    url = databases.prepared(data, settings.get("database_url"))
    given = FOR_TESTS | {"lam_data_dir": data} | settings | {"database_url": url}
    if brokers.mosquitto is None:
        async with _running_gateway(port, given, bounds, kinds, built) as gateway:
            yield gateway
        return
    given |= {
        "llm_comm_mode": "mqtt",
        "mqtt_broker_port": brokers.mosquitto.port,
        "mqtt_topic_prefix": f"lam/test{next(_numbers)}",
    }
    async with (
        _running_gateway(port, given, bounds, kinds, built) as gateway,
        worker_for(gateway.parts.settings, pauses=(bounds or Bounds()).pauses) as worker,
    ):
        catalog = gateway.parts.catalog
        while worker.status() not in ((await catalog.health()).workers or ()):
            await asyncio.sleep(0.005)
        with contextlib.suppress(TimeoutError):  # a model that is away, or loads, is what some tests are about
            async with asyncio.timeout(20 if await _is_well(gateway.parts.settings.llm_server_url) else 1):
                while (await catalog.health()).state != "ready":
                    await asyncio.sleep(0.005)
        yield gateway


async def _is_well(url: str) -> bool:
    """Whether a model server says that it is ready."""
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(5)) as http, http.get(f"{url.rstrip('/')}/health") as answer:
            return answer.status == 200
    return False


@contextlib.asynccontextmanager
async def worker_for(settings: Settings, name: str = "worker", *, pace: Pace = Pace(), **options: Any) -> AsyncIterator[Worker]:
    """A worker in front of the model server that these settings name."""
    broker = Broker(host=settings.mqtt_broker_host, port=settings.mqtt_broker_port, pace=pace)
    pictures = WorkerPictures()
    async with (
        OpenAIHttpEngine(settings.llm_server_url, model=settings.llm_model, slots=settings.llm_slots, pictures=pictures) as engine,
        Worker(
            engine,
            broker,
            name=name,
            prefix=settings.mqtt_topic_prefix,
            pictures=pictures,
            **({"slots": settings.llm_slots, "timeout": settings.llm_timeout, "beats": brokers.beats} | options),
        ) as worker,
    ):
        yield worker


class _Server(uvicorn.Server):
    """Leaves the process's signals alone, and leaves at once instead of at its next tick."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        self.should_exit = True
        self._leaving.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does it, without its pause of a tenth of a second."""
        for server in self.servers:
            await close(server)
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                while self.server_state.connections or self.server_state.tasks:
                    await asyncio.sleep(0.002)
        for task in self.server_state.tasks:
            task.cancel()
        await self.lifespan.shutdown()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        ticks = itertools.count()
        while not await self.on_tick(next(ticks)):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), 0.1)


@contextlib.asynccontextmanager
async def _running_gateway(
    port: int, given: dict[str, Any], bounds: Bounds | None, kinds: Sequence[MakeKind], built: Path
) -> AsyncIterator[Gateway]:
    data: Path = given["lam_data_dir"]
    bounds = bounds or Bounds()
    bounds = replace(bounds, hashing=CHEAP, runs=replace(bounds.runs, stop=STORED_SECONDS))
    app = create_app(_Given(**given), bounds=bounds, kinds=kinds, built=built)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    server = _Server(web_server(app, lifespan="on", log_config=None))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        assert not serving.done(), "the gateway did not start"
        await asyncio.sleep(0.005)
    try:
        token = (data / "token").read_text().strip()
        yield Gateway(f"http://127.0.0.1:{listener.getsockname()[1]}", token, app.state.services)
    finally:
        await app.state.services.drain(0)
        server.leave()
        await serving


@contextlib.asynccontextmanager
async def gateway_process(data: Path, *, program: str = SERVE, **environment: Any) -> AsyncIterator[tuple[Forked, Gateway]]:
    """`lam serve` as a process. `environment` names settings in lower case. `program`: in its place; usually, hashes are cheap."""
    given = FOR_TESTS | {"lam_data_dir": data, "lam_port": 0, "database_url": databases.url_for(data)} | environment
    databases.prepare(data, given["database_url"])
    env = os.environ | {name.upper(): str(value) for name, value in given.items()}
    (data / "url").unlink(missing_ok=True)
    process = await forked(program, "serve", env=env)
    try:
        said = ""
        while "serves http" not in said:
            line = await process.stderr.readline()
            assert line, said
            said += line.decode()
        yield process, Gateway((data / "url").read_text().strip(), (data / "token").read_text().strip())
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()
        await process.stderr.read()


async def collect(client: Client, session_id: int, content: str | None = "Hello", **options: Any) -> list[Event]:
    return [event async for event in client.send(session_id, content, **options)]


@contextlib.asynccontextmanager
async def raw_stream(client: Client, session_id: int, content: str | None = "Hello", **options: Any) -> AsyncIterator["RawStream"]:
    """The POST itself, without the client's resume."""
    body = {"session_id": session_id, "content": content} | options
    async with aiohttp.ClientSession(headers=client._headers) as http:
        async with http.post(client.url + "/api/chatbot/messages/stream", json=body) as response:
            yield RawStream(response)


class RawStream:
    """An open event stream as bytes and as events."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.bytes = b""
        self._decoder = Decoder(limit=1 << 28)
        self.events: list[tuple[int, Event]] = []
        self.comments = 0

    async def read(self) -> bool:
        """One read; False at the end of the connection."""
        piece = await self.response.content.readany()
        self.bytes += piece
        for arrived in self._decoder.feed(piece):
            event = decode(arrived.data)
            assert event is not None
            self.events.append((int(arrived.id), event))
        self.comments = self._decoder.comments
        return bool(piece)

    async def take(self) -> None:
        """Reads what has arrived."""
        while self.response.content._buffer and await self.read():
            pass

    def snapshot(self) -> Snapshot:
        """What a reader knows of the reply."""
        snapshot = Snapshot()
        for _, event in self.events:
            snapshot.add(event)
        return snapshot

    async def holds(self, stored: Snapshot) -> bool:
        """Whether that is what has arrived here."""
        await self.take()
        here = self.snapshot()
        return (stored.text, stored.thinking, stored.parts) == (here.text, here.thinking, here.parts)

    async def until(self, kind: type[Event]) -> Event:
        """Reads on until an event of that type has come."""
        while True:
            for _, event in self.events:
                if isinstance(event, kind):
                    return event
            assert await self.read(), f"the stream ended without {kind.__name__}"

    async def rest(self) -> list[Event]:
        while await self.read():
            pass
        return [event for _, event in self.events]
