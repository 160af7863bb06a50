"""`lam up --mode mqtt`: both brokers, as processes, with the real model."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from lam.client.client import Client
from lam.protocol.events import Chunk, Done, Metadata

from ..conftest import find_program

pytestmark = [pytest.mark.live, pytest.mark.sqlite]


@contextlib.asynccontextmanager
async def up(data: Path, *, blocked: str = "pass") -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The command, ready, and what it said until then."""
    program = f"{blocked}; from lam.cli import main; main(['up', '--mode', 'mqtt', '--port', '0'])"
    stray = {"MQTT_DIALECT": "prompt_portal", "LLM_MODEL": "another"}  # of a gateway that was set up here for something else
    environment = os.environ | {"LAM_DATA_DIR": str(data)} | stray
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout
    assert process.stderr
    said: list[str] = []

    async def listen() -> None:
        assert process.stderr
        while line := await process.stderr.readline():
            said.append(line.decode())

    listening = asyncio.create_task(listen())
    try:
        url = (await process.stdout.readline()).decode().strip()
        assert url.startswith("http://127.0.0.1:"), "".join(said)
        yield process, "".join(said)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await listening


@pytest.mark.parametrize("installed", [True, False])
async def test_a_broker_a_worker_and_a_gateway_come_up_and_go(tmp_path: Path, installed: bool) -> None:
    data = tmp_path / "data"
    if installed:
        find_program("mosquitto")
        assert shutil.which("mosquitto_passwd")
    blocked = "pass" if installed else "import lam.broker.process as p; p.find_mosquitto = lambda: None"
    async with up(data, blocked=blocked) as (process, said):
        assert (
            "Broker: Mosquitto, 127.0.0.1:" if installed else "Broker: the embedded broker (Mosquitto is not installed)"
        ) in said
        async with Client((data / "url").read_text(), (data / "token").read_text().strip()) as client:
            session = (await client.create_session())["id"]
            events = [event async for event in client.send(session, "Count to ten.", max_tokens=24, temperature=0)]
            assert isinstance(events[0], Metadata)
            assert isinstance(events[-1], Done)
            assert (events[0].mode, events[-1].simulated) == ("mqtt", False)
            assert sum(isinstance(event, Chunk) for event in events) > 3, "it streams"
            health = await client.call("GET", "/api/health")
            assert [worker["name"] for worker in health["workers"]] == ["local"]
        port = health["broker"]["address"].rpartition(":")[2]
        assert await refused_without_password(int(port))
        children = psutil.Process(process.pid).children(recursive=True)
        assert any("mosquitto" in child.name() for child in children) == installed
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        _, alive = await asyncio.to_thread(psutil.wait_procs, children, 60)
        assert not alive


async def test_a_killed_parent_leaves_no_broker_behind(tmp_path: Path) -> None:
    find_program("mosquitto")
    async with up(tmp_path / "data") as (process, _):
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 3, "the model server, the broker's keeper and the broker"
        process.kill()
        _, alive = await asyncio.to_thread(psutil.wait_procs, children, 60)
        assert not alive


async def test_a_broker_that_dies_stops_it_with_a_sentence(tmp_path: Path) -> None:
    find_program("mosquitto")
    async with up(tmp_path / "data") as (process, _):
        (broker,) = [child for child in psutil.Process(process.pid).children(recursive=True) if child.name() == "mosquitto"]
        broker.kill()
        assert await process.wait() == 1


async def refused_without_password(port: int) -> bool:
    """Whether the broker sends a CONNACK with a code other than 0 to an MQTT 3.1.1 client without a name."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    name = b"stranger"
    body = b"\x00\x04MQTT\x04\x02\x00\x3c" + len(name).to_bytes(2, "big") + name
    writer.write(bytes([0x10, len(body)]) + body)
    answer = await reader.read(4)
    writer.close()
    return len(answer) < 4 or (answer[0] == 0x20 and answer[3] != 0)
