"""The demo model at temperature 0, whose server or worker is killed at random tokens: the text is that of an undisturbed reply.
What it did is printed."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from lam.llama.model import NAME, demo_model
from lam.llama.process import llama_server
from lam.protocol.events import Chunk, Done
from lam.protocol.snapshot import Snapshot

from ..brokers import Mosquitto
from ..forked import Forked
from ..ports import free_port
from ..programs import DemoServer, kept
from ..running import Gateway, raw_stream, running_gateway
from ..tunnel import engine_of, mqtt_gateway, until_ready, worker_process

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

ASKED = ("Tell a short story about a robot.", "Why does it rain? Explain it to a child.", "List four planets, each with one fact.")
LENGTH = 48
Kill = Callable[[Snapshot], object]
FILE = """
[[server]]
name = "first"
url = "http://127.0.0.1:{first}"
[[server]]
name = "second"
url = "http://127.0.0.1:{second}"

[[model]]
name = "demo"
routes = ["first/{model}", "second/{model}"]
"""
# Read in batches, a text is computed with other roundings than when it was written, which decides near ties differently.
EXACT: dict[str, Any] = {"at_once": 1, "cache": 0, "ctx": 1024, "name": NAME}


async def answer(gateway: Gateway, asked: str, moments: list[int], kill: Kill) -> tuple[str, int]:
    """Returns the text of a reply, and how often it went on. Something is killed once so many pieces were read."""
    moments = list(moments)
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session, asked, temperature=0, max_tokens=LENGTH) as stream:
            while await stream.read():
                pieces = sum(isinstance(event, Chunk) for _, event in stream.events)
                if moments and pieces >= moments[0]:
                    moments.pop(0)
                    snapshot = Snapshot()
                    for _, event in stream.events:
                        snapshot.add(event)
                    kill(snapshot)
        stored = (await client.call("GET", f"/api/chatbot/sessions/{session}/messages"))[-1]
    snapshot = Snapshot()
    for _, event in stream.events:
        snapshot.add(event)
    done = snapshot.terminal
    assert isinstance(done, Done), done
    assert done.full_content == stored["content"]
    assert done.usage
    assert done.usage.completion_tokens <= LENGTH
    return done.full_content, len(stored["metadata"].get("healed") or [])


async def compared(gateway: Gateway, kill: Kill, capsys: pytest.CaptureFixture[str]) -> None:
    dice = random.Random(18)
    healed = 0
    for asked in ASKED:
        undisturbed, _ = await answer(gateway, asked, [], kill)
        moments = sorted(dice.sample(range(1, LENGTH - 4), 3))
        text, times = await answer(gateway, asked, moments, kill)
        with capsys.disabled():
            print(f"\n{asked} killed at {moments}, went on {times} times: {text == undisturbed}")
        assert text == undisturbed
        healed += times
    assert healed >= len(ASKED)


async def test_a_server_with_another_one_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ports = {"first": free_port(), "second": free_port()}
    servers = {name: DemoServer(tmp_path / f"{name}.log", port, **EXACT) for name, port in ports.items()}
    path = tmp_path / "lam.toml"
    path.write_text(FILE.format(model=NAME, **ports))

    def kill(snapshot: Snapshot) -> None:
        assert snapshot.metadata
        servers[str(snapshot.metadata.server)].strike()

    async with kept(*servers.values()), running_gateway(tmp_path / "data", lam_config=path) as gateway:
        await compared(gateway, kill, capsys)


async def test_a_worker_with_another_one_beside_it(broker: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    @contextlib.asynccontextmanager
    async def workers(url: str) -> AsyncIterator[Kill]:
        """Two workers; a killed one is started again. Yields what kills the one that is at work."""
        processes: dict[str, Forked] = {}

        async def keep(name: str) -> None:
            while True:
                async with worker_process(url, broker, name) as process:
                    processes[name] = process
                    await process.wait()

        def kill(_: Snapshot) -> None:
            if (name := busy()) is not None:
                processes[name].kill()

        tasks = [asyncio.create_task(keep(name)) for name in ("one", "two")]
        try:
            yield kill
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async with (
        llama_server(demo_model(), log=tmp_path / "llama.log", slots=2, **EXACT) as llama,
        mqtt_gateway(tmp_path / "data", broker) as gateway,
    ):
        engine = engine_of(gateway)

        def busy() -> str | None:
            """The worker that writes, None when the reply has ended behind the reader or waits for the next worker."""
            return next((job.worker.name for job in engine._jobs.values()), None)

        async with workers(llama.url) as kill:
            await until_ready(gateway, 2)
            await compared(gateway, kill, capsys)
