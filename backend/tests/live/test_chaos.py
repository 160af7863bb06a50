"""2 000 replies while brokers and workers are killed and frames are lost, doubled and delayed: every reply that ends is whole, also
one whose worker died. What it did is printed."""

import asyncio
import contextlib
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lam.engines.open_job import OpenJob
from lam.protocol.events import Done, Error, Progress
from lam.testing.server import Reply, ScriptedServer

from ..brokers import Mosquitto
from ..forked import Forked
from ..mqtt_proxy import Faults, Proxy
from ..running import collect
from ..tunnel import engine_of, mqtt_gateway, text, until_ready, worker_process

pytestmark = [pytest.mark.live, pytest.mark.sqlite, pytest.mark.timeout(900)]

REPLIES, STREAMS, KILLS = 2000, 32, 20
PIECES = 25


def pieces(prompt: str) -> tuple[str, ...]:
    """The text that belongs to this prompt and no other."""
    return tuple(f"{prompt}/{number} " for number in range(PIECES))


class Worker:
    """A worker process that can be killed, and then starts anew under its name."""

    def __init__(self, url: str, broker: Mosquitto, name: str) -> None:
        self.name = name
        self.process: Forked | None = None
        self._started = asyncio.Event()
        self._command = (url, broker, name, "--slots", "14")

    async def keep(self) -> None:
        while True:
            async with worker_process(*self._command) as process:
                self.process = process
                self._started.set()
                await process.wait()

    async def kill(self) -> None:
        await self._started.wait()
        assert self.process
        self._started.clear()
        self.process.kill()
        await self.process.wait()

    async def back(self) -> None:
        await self._started.wait()


@contextlib.asynccontextmanager
async def kept(*workers: Worker) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(worker.keep()) for worker in workers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_whatever_dies_every_stream_ends_and_says_the_truth(
    broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.slots = 100

    def plan(body: dict[str, Any]) -> Reply:
        *_, last = turns = body["messages"]
        said = last["content"] if last["role"] == "assistant" else ""
        whole = pieces(next(turn["content"] for turn in reversed(turns) if turn["role"] == "user"))
        rest = next((whole[at:] for at in range(len(whole) + 1) if "".join(whole[:at]) == said), ("not a whole piece",))
        return Reply(rest, rate=60)

    scripted.reply = plan
    faults = Faults(lost=0.02, doubled=0.05, delayed=0.05, delay=0.3)
    chance = random.Random(2)
    asked = itertools.count(1)
    workers = [Worker(scripted.url, broker, name) for name in ("one", "two", "three")]
    attempts: dict[str, list[tuple[str, str]]] = {}  # the workers that were given a prompt, in order
    killed: set[tuple[str, str]] = set()
    outcomes: Counter[str] = Counter()

    async with (
        Proxy(broker.port, faults) as proxy,
        mqtt_gateway(tmp_path / "data", proxy) as gateway,
        gateway.client() as client,
        kept(*workers),
    ):
        engine = engine_of(gateway)
        open_job = engine._open

        def note(worker: Any, request: Any, pictures: Any) -> OpenJob:
            job = open_job(worker, request, pictures)
            prompt = next(turn.content for turn in reversed(request.turns) if turn.role == "user")
            attempts.setdefault(prompt, []).append((job.worker.name, job.worker.status.instance))
            return job

        monkeypatch.setattr(engine, "_open", note)
        await until_ready(gateway, len(workers))

        async def talk() -> None:
            while (number := next(asked)) <= REPLIES:
                prompt = f"reply-{number}"
                session = (await client.create_session())["id"]
                events = await collect(client, session, prompt)
                end, said, whole = events[-1], text(events), "".join(pieces(prompt))
                stored = (await client.call("GET", f"/api/chatbot/sessions/{session}/messages"))[-1]["content"]
                assert stored == said
                if isinstance(end, Done):
                    assert end.full_content == said == whole
                    outcomes["done"] += 1
                    outcomes["healed"] += any(isinstance(event, Progress) and event.stage == "recovering" for event in events)
                else:
                    assert isinstance(end, Error)
                    assert end.code == "worker_lost"
                    assert said
                    assert whole.startswith(said)
                    assert attempts[prompt][-1] in killed, f"{prompt} was lost though its worker lived: {attempts[prompt]}"
                    outcomes["worker_lost"] += 1

        async def kill_workers() -> None:
            for number in range(KILLS):
                worker = workers[number % len(workers)]
                await worker.kill()
                killed.update(key for keys in attempts.values() for key in keys if key[0] == worker.name)  # all until now
                await worker.back()
                outcomes["workers killed"] += 1
                await asyncio.sleep(chance.uniform(0.5, 1.5))  # Time itself: chaos comes at any moment

        async def kill_brokers() -> None:
            for _ in range(KILLS):
                await asyncio.sleep(chance.uniform(1, 2))  # Time itself: chaos comes at any moment
                broker.kill()
                await asyncio.sleep(0.2)  # Time itself: the broker is away so long
                await asyncio.to_thread(broker.start)
                outcomes["brokers killed"] += 1

        killers = [asyncio.create_task(kill_workers()), asyncio.create_task(kill_brokers())]
        await asyncio.gather(*(talk() for _ in range(STREAMS)))
        await asyncio.gather(*killers)
        again = sum(len(keys) > 1 for keys in attempts.values())
        counts = {
            **outcomes,
            "given away": engine.given_away,
            "replies in more than one attempt": again,
            "resumed": engine.resumed,
            **proxy.counts,
        }
    with capsys.disabled():
        print("\nchaos:", ", ".join(f"{name} {count}" for name, count in counts.items()))
    assert outcomes["done"] + outcomes["worker_lost"] == REPLIES
    assert outcomes["brokers killed"] == outcomes["workers killed"] == KILLS
    assert all(counts[name] for name in ("given away", "resumed", "lost", "doubled", "delayed", "healed"))
