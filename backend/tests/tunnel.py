"""mqtt mode for tests: a gateway at a broker, worker processes, and how a test looks at them."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from lam.engines.mqtt_workers import MqttWorkersEngine
from lam.mqtt.connection import Connection
from lam.protocol.events import Chunk, Event

from .brokers import Mosquitto
from .forked import Process, forked
from .mqtt_proxy import Proxy
from .running import Gateway, running_gateway, worker_for


@contextlib.asynccontextmanager
async def mqtt_gateway(data: Path, broker: Mosquitto | Proxy, **settings: Any) -> AsyncIterator[Gateway]:
    given = {"llm_comm_mode": "mqtt", "mqtt_broker_port": broker.port} | settings
    async with running_gateway(data, **given) as gateway:
        yield gateway


@contextlib.asynccontextmanager
async def worker_process(
    url: str, broker: Mosquitto | Proxy, name: str, *options: str, before: str = "", anew: bool = False
) -> AsyncIterator[Process]:
    """`lam worker` as a process. `before`: Python that is run first. `anew`: in a Python that has imported nothing."""
    words = ["worker", "--llm", url, "--broker", f"127.0.0.1:{broker.port}", "--name", name, *options]
    program = f"{before}\nfrom lam.cli import main; main({words!r})"
    process: Process = await (_new(program) if anew else forked(program))
    assert process.stderr
    try:
        assert b"Ctrl-C stops it" in await process.stderr.readline()
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await process.stderr.read()


async def _new(program: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-c", program, stderr=asyncio.subprocess.PIPE)


def engine_of(gateway: Gateway) -> MqttWorkersEngine:
    engine = gateway.parts.catalog.engines["default"]
    assert isinstance(engine, MqttWorkersEngine)
    return engine


async def until_ready(gateway: Gateway, workers: int = 1) -> None:
    while sum(worker.state == "ready" for worker in engine_of(gateway).workers()) < workers:
        await asyncio.sleep(0.01)


def text(events: list[Event]) -> str:
    return "".join(event.content for event in events if isinstance(event, Chunk))


def break_connection(connection: Connection) -> None:
    """As if the network had cut it."""
    connection._client._connection._transport.abort()


@contextlib.asynccontextmanager
async def reached(way: str, llama_url: str, data: Path, broker: Mosquitto, **settings: Any) -> AsyncIterator[Gateway]:
    """A gateway that asks the model server by itself, or through a worker."""
    if way == "sse":
        async with running_gateway(data, llm_server_url=llama_url, **settings) as gateway:
            yield gateway
        return
    async with mqtt_gateway(data, broker, llm_server_url=llama_url, **settings) as gateway, worker_for(gateway.parts.settings):
        await until_ready(gateway)
        yield gateway
