"""100 000 payloads that are broken in every way we could think of, on every topic, 20 000 of them while a stream runs."""

import asyncio
import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import json
from msgspec.structs import replace

from lam.engines.mqtt_workers import MqttWorkersEngine
from lam.mqtt.connection import Broker, Connection
from lam.protocol.chat import Picture, Turn
from lam.protocol.events import Chunk, Done, Metadata, Usage
from lam.protocol.jobs import (
    Accepted,
    Control,
    Failed,
    Frame,
    GatewayStatus,
    Job,
    JobFinished,
    JobRequest,
    Rejected,
    ServedModel,
    WorkerStatus,
    encode,
)
from lam.protocol.pictures import Piece, Want
from lam.protocol.sampling import Sampling
from lam.testing.server import Reply, ScriptedServer
from lam.worker.worker import Worker

from ..brokers import Mosquitto
from ..running import collect, raw_stream, worker_for
from ..tunnel import engine_of, mqtt_gateway, text, until_ready

pytestmark = [pytest.mark.live, pytest.mark.sqlite, pytest.mark.timeout(600)]

ALL, BESIDE_A_STREAM, AT_ONCE = 100_000, 20_000, 1000
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**31,
    2**64,
    -(2**70),
    1e308,
    0.5,
    "",
    "x",
    "\u0000",
    "é" * 500,
    [],
    {},
    [[[]]],
    {"type": "chunk"},
)
HOPELESS = (
    b"",
    b"{",
    b"\xff\xfe{}",
    b"null",
    b"[]",
    b'"',
    b"[" * 5000,
    b'{"a":' * 3000,
    b"\x00" * 64,
    b'{"job":"\\ud800","seq":1}',
    b"1" * 5000,
)

Make = Callable[[random.Random], tuple[str, bytes]]


def mutated(payload: bytes, chance: random.Random) -> bytes:
    """The payload with one to three things wrong with it: bytes, or what a JSON value holds."""
    for _ in range(chance.randint(1, 3)):
        if chance.random() < 0.5:
            payload = _other_bytes(payload, chance)
        else:
            try:
                payload = json.encode(_other_value(json.decode(payload), chance))
            except (ValueError, RecursionError):
                payload = _other_bytes(payload, chance)
    return payload


def _other_bytes(payload: bytes, chance: random.Random) -> bytes:
    if not payload:
        return chance.choice(HOPELESS)
    at, to = sorted((chance.randrange(len(payload) + 1), chance.randrange(len(payload) + 1)))
    match chance.randrange(6):
        case 0:
            return payload[:at]
        case 1:
            return payload[:at] + payload[to:]
        case 2:
            return payload[:at] + bytes([chance.randrange(256)]) + payload[at + 1 :]
        case 3:
            return payload[:at] + chance.randbytes(4) + payload[at:]
        case 4:
            return payload[:to] + payload[at:]
        case _:
            return chance.choice(HOPELESS)


def _other_value(value: Any, chance: random.Random) -> Any:
    """The value with something somewhere inside it replaced, left out or added."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(list(value))
        rest = {name: inner for name, inner in value.items() if name != key}
        match chance.randrange(4):
            case 0:
                return rest
            case 1:
                return rest | {key + "x": value[key]}
            case _:
                return value | {key: _other_value(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.7:
        at = chance.randrange(len(value))
        return [*value[:at], _other_value(value[at], chance), *value[at + chance.randrange(2) :]]
    return chance.choice(ODD)


def traffic(engine: MqttWorkersEngine, worker: Worker) -> list[Make]:
    """On every topic: payloads of a stranger. None names the job of a stream that runs, and none forges its gateway or worker."""
    topics = engine.topics
    turns = (Turn("system", "Be brief."), Turn("user", "mutated"))
    request = JobRequest(messages=turns, keep=1, max_prompt_tokens=0, sampling=Sampling(temperature=0.7, top_p=0.9, max_tokens=64))
    stranger = topics.frames("stranger", "00000000", worker.name, "j1")
    events = (
        Accepted("m"),
        Chunk("forged"),
        JobFinished(finish_reason="stop", usage=Usage(1, 2, 3)),
        Failed(code="llm_error", message="no"),
        Rejected("busy"),
    )
    status = WorkerStatus(worker="else", instance="00000000", state="ready", models=(ServedModel("m", 4096),), slots=2)
    picture = Picture(sha256="0" * 64, id="m1", type="image/png", width=1, height=1, size=3)
    looking = replace(request, messages=(Turn("user", "mutated", (picture,)), Turn("assistant", "a"), Turn("user", "b")))
    parts: list[tuple[str, bytes]] = [
        (topics.job(worker.name), encode(Job(job="j1", instance=worker.instance, reply_to=stranger, request=request))),
        (topics.job(worker.name), encode(Job(job="j1", instance=worker.instance, reply_to=stranger, request=looking))),
        (topics.job(worker.name), encode(Job(job="j2", instance="00000000", reply_to=stranger, request=request))),
        (topics.control(worker.name), encode(Control(job="j1", action="cancel"))),
        (topics.control(worker.name), encode(Control(job="j1", action="resume", after=3, reply_to=stranger))),
        (topics.control(worker.name), encode(Piece(job="j1", sha256="0" * 64, number=1, of=2, data=b"ab"))),
        (topics.worker_status(worker.name), encode(status)),
        (topics.worker_status("else"), encode(status)),
        (topics.worker_status("no name"), encode(status)),
        (
            topics.gateway_status("stranger", "00000000"),
            encode(GatewayStatus(gateway="stranger", instance="00000000", jobs=("j1",))),
        ),
        (
            topics.gateway_status(engine.name, engine.instance),
            encode(GatewayStatus(gateway="stranger", instance="00000000", jobs=("j1",))),
        ),
        (topics.frames(engine.name, engine.instance, worker.name, "j1"), encode(Frame("j1", 1, events))),
        (topics.frames(engine.name, engine.instance, "else", "j1"), encode(Frame("j1", 2))),
        (topics.frames(engine.name, engine.instance, worker.name, "j1"), encode(Want("j1", "0" * 64, (1, 2)))),
    ]
    own_status = topics.gateway_status(engine.name, engine.instance)

    def mutations_of(topic: str, payload: bytes) -> Make:
        def make(chance: random.Random) -> tuple[str, bytes]:
            if topic.endswith("/j1") and engine._jobs:
                other_job = topic.removesuffix("j1") + next(iter(engine._jobs))
                return chance.choice((topic, other_job)), mutated(payload, chance)
            found = mutated(payload, chance)
            return topic, found or (b"{}" if topic == own_status else b"")  # an empty one says that the gateway is gone

        return make

    return [mutations_of(topic, payload) for topic, payload in parts]


async def publish(stranger: Connection, makers: list[Make], count: int, chance: random.Random) -> None:
    for number in range(count):
        stranger.publish(*makers[number % len(makers)](chance))
        if number % AT_ONCE == AT_ONCE - 1:
            await stranger.flushed(60)


async def test_payloads_that_are_broken_break_nothing(
    broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pieces = tuple(f"{number} " for number in range(100_000))

    def plan(body: dict[str, Any]) -> Reply:
        return Reply(pieces, rate=50) if body["messages"][-1]["content"] == "Tell it" else Reply()

    scripted.reply = plan
    scripted.slots = 100
    chance = random.Random(4)
    async with (
        mqtt_gateway(tmp_path / "data", broker, llm_server_url=scripted.url) as gateway,
        gateway.client() as client,
        worker_for(gateway.parts.settings, slots=50) as worker,
        Connection(Broker(port=broker.port), "stranger-00000000") as stranger,
    ):
        await until_ready(gateway)
        while not stranger.connected:
            await asyncio.sleep(0.01)
        engine = engine_of(gateway)
        session = (await client.create_session())["id"]
        async with raw_stream(client, session, "Tell it") as stream:
            metadata = await stream.until(Metadata)
            await stream.until(Chunk)
            reading = asyncio.create_task(stream.rest())
            makers = traffic(engine, worker)
            await publish(stranger, makers, BESIDE_A_STREAM, chance)
            assert isinstance(metadata, Metadata)
            await client.stop(metadata.stream_id or "")
            events = await reading
        end = events[-1]
        assert isinstance(end, Done)
        said = text(events)
        assert end.finish_reason == "cancelled"
        assert end.full_content == said == "".join(pieces)[: len(said)]
        assert len(said) > 20
        await publish(stranger, makers, ALL - BESIDE_A_STREAM, chance)
        assert engine.ignored > ALL / 10
        assert worker._bad > ALL / 10
        for state in ("ready", "offline"):  # the worker that some of them named is gone
            stranger.publish(
                engine.topics.worker_status("else"), encode(WorkerStatus(worker="else", instance="ffffffff", state=state))
            )
        while [seen.worker for seen in engine.workers()] != [worker.name]:
            await asyncio.sleep(0.01)
        assert text(await collect(client, session, "And now?")) == "Once upon a time"
        assert engine.connection.reconnects == worker.connection.reconnects == 1
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
