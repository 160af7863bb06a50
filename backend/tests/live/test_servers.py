"""Two servers over HTTP, a broker with two workers and a model in a file, in one gateway, while each of them is killed, before and
after the first token: every run is answered once and whole, its text passes from one server to another only where it says so, and
the server that is named is the one that wrote its end. What it did is printed."""

import asyncio
import os
import random
import signal
from collections import Counter
from itertools import count, pairwise, takewhile
from pathlib import Path
from typing import Any

import pytest

from lam.llama.local_engine import LocalEngine
from lam.llama.model import demo_model
from lam.protocol.events import Chunk, Done, Error, Metadata, Progress
from lam.protocol.snapshot import Snapshot

from ..brokers import Mosquitto
from ..ports import free_port
from ..programs import ModelServer, Program, WorkerProgram, kept
from ..running import collect, running_gateway

pytestmark = [pytest.mark.live, pytest.mark.sqlite, pytest.mark.timeout(600)]

RUNS, STREAMS, PIECES = 200, 8, 12
THINKS, RATE = 0.4, 30  # seconds before the first token, and tokens a second
MODELS = {"quick": "ab", "safe": "wb", "any": "awb", "alone": "b", "own": "lb"}  # who may answer, by what each writes
NAMES = {"a": "first", "b": "second", "w": "tunnel", "l": "file"}
FILE = """
[[server]]
name = "first"
url = "http://127.0.0.1:{first}"
[[server]]
name = "second"
url = "http://127.0.0.1:{second}"
[[server]]
name = "tunnel"
kind = "mqtt"
broker = "127.0.0.1:{broker}"
[[server]]
name = "file"
kind = "local"
file = "{file}"
n_ctx = 1024
slots = 4

[[model]]
name = "quick"
routes = ["first/scripted", "second/scripted"]
[[model]]
name = "safe"
routes = ["tunnel/scripted", "second/scripted"]
[[model]]
name = "any"
routes = ["first", "safe"]
[[model]]
name = "alone"
routes = ["second"]
[[model]]
name = "own"
routes = ["file", "second"]
defaults = {{ max_tokens = 24 }}
"""


SERVER = f"""
import asyncio
from lam.testing.server import Reply, ScriptedServer

def reply(body):
    last = body["messages"][-1]
    begun = last["content"] if last["role"] == "assistant" else ""
    return Reply((*begun, *("{{letter}}" * ({PIECES} - len(begun)))), wait={THINKS}, rate={RATE})

async def main():
    async with ScriptedServer(reply, port={{port}}) as server:
        print(server.url, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def program(letter: str, port: int) -> str:
    return SERVER.format(letter=letter, port=port)


def writers(text: str, healed: list[dict[str, Any]]) -> str:
    """Who wrote a text, part by part between the places where it went on; a space for a mixture. The scripted servers repeat their
    letter, and the model in the file does not."""
    edges = [0, *(heal["at"] for heal in healed), len(text)]
    parts = [text[start:end] for start, end in pairwise(edges) if start < end]
    if not set(text) <= set("abw"):
        return " " if any(letter * 8 in text for letter in "abw") else "l"
    return "".join(part[0] if len(set(part)) == 1 else " " for part in parts)


async def test_whichever_server_dies_every_run_is_answered_once_and_by_the_one_that_is_named(
    broker: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ports = {"first": free_port(), "second": free_port(), "behind": free_port()}
    first, second = ModelServer(program("a", ports["first"])), ModelServer(program("b", ports["second"]))
    behind = ModelServer(program("w", ports["behind"]))
    url = f"http://127.0.0.1:{ports['behind']}"
    workers = [WorkerProgram(url, broker, f"worker-{number}", slots=8) for number in range(2)]
    path = tmp_path / "lam.toml"
    path.write_text(FILE.format(first=ports["first"], second=ports["second"], broker=broker.port, file=demo_model()))
    counts: Counter[str] = Counter()
    dice = random.Random(16)

    async with kept(first, second, behind, *workers), running_gateway(tmp_path / "data", lam_config=path) as gateway:
        tunnel = gateway.parts.catalog.engines["tunnel"]
        while len(tunnel.routes()) < 2:
            await asyncio.sleep(0.01)
        own = gateway.parts.catalog.engines["file"]
        assert isinstance(own, LocalEngine)
        numbers = takewhile(lambda number: number < RUNS or not (counts["healed"] and counts["moved"]), count())

        async def stream() -> None:
            async with gateway.client() as client:
                for number in numbers:
                    counts["runs"] += 1
                    model = list(MODELS)[number % len(MODELS)]
                    session = await client.create_session()
                    events = await collect(client, session["id"], model=model)
                    stored = (await client.call("GET", f"/api/chatbot/sessions/{session['id']}/messages"))[-1]
                    ends = [event for event in events if isinstance(event, Done | Error)]
                    assert ends == events[-1:]
                    text = "".join(event.content for event in events if isinstance(event, Chunk))
                    healed = (stored["metadata"] or {}).get("healed") or []
                    who = writers(text, healed)
                    assert set(who) <= set(MODELS[model]), f"{text} healed at {healed}"
                    counts["healed"] += bool(healed)
                    snapshot = Snapshot()
                    for event in events:
                        snapshot.add(event)
                    assert snapshot.metadata
                    if text:
                        assert stored["metadata"]["server"] == snapshot.metadata.server
                        if isinstance(events[-1], Done) and len(text) > sum(heal["at"] for heal in healed[-1:]):
                            assert stored["metadata"]["server"] == NAMES[who[-1]]
                        assert stored["metadata"]["model"] == model
                    end = events[-1]
                    if isinstance(end, Done):
                        assert len(text) == PIECES or who == "l"
                        counts[f"{model} by {' then '.join(NAMES[one] for one in who)}"] += 1
                    else:
                        assert isinstance(end, Error)
                        assert text or model == "alone", f"{model} ended with {end.code} before the first token"
                        counts[f"{model} cut after the first token" if text else f"{model}: {end.code}"] += 1
                    moved = [event for event in events if isinstance(event, Progress) and event.server not in (None, "")]
                    assert isinstance(events[0], Metadata)
                    counts["moved"] += (
                        len({event.server for event in moved if isinstance(event.server, str)} | {events[0].server}) > 1
                    )

        async def killer() -> None:
            victims: list[Program | None] = [first, second, *workers, None]
            while True:
                victim = dice.choice(victims)
                await asyncio.gather(*(program.up() for program in (first, second, *workers)))  # never two at once
                if victim is not None:
                    await victim.kill()
                elif own.model.state == "ready" and (child := own.model._child) is not None and child.pid is not None:
                    os.kill(child.pid, signal.SIGKILL)  # while it loads it would be killed for ever
                counts["kills"] += 1
                await asyncio.sleep(dice.uniform(1, 2.5))  # Time itself: a kill at any moment, and time for a reply between two

        killing = asyncio.create_task(killer())
        try:
            await asyncio.gather(*(stream() for _ in range(STREAMS)))
        finally:
            killing.cancel()
            await asyncio.gather(killing, return_exceptions=True)
    with capsys.disabled():
        print(f"\n{dict(sorted(counts.items()))}")
    assert sum(number for name, number in counts.items() if name not in ("moved", "kills", "healed", "runs")) == counts["runs"]
    assert counts["moved"] > 0
