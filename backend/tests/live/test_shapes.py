"""Every shape of an upstream answer through both transports: the same text, thoughts, tool calls and ending."""

import asyncio

import pytest

from lam.engines.base import Engine
from lam.engines.mqtt_workers import MqttWorkersEngine
from lam.engines.openai_http import OpenAIHttpEngine
from lam.errors import GenerationError
from lam.mqtt.connection import Broker
from lam.protocol.chat import ChatRequest, Turn
from lam.protocol.events import EngineEvent
from lam.protocol.sampling import Sampling
from lam.worker.worker import Worker

from ..brokers import Mosquitto
from ..engines.shaped_server import shaped_server
from ..engines.shapes import SHAPES, Answer, Shape, answer_of, expected

pytestmark = [pytest.mark.live, pytest.mark.sqlite]


async def answer(engine: Engine, shape: Shape) -> Answer:
    request = ChatRequest(turns=(Turn("user", shape.name),), keep=0, sampling=Sampling(temperature=0, top_p=1, max_tokens=16))
    route = next(route for route in engine.routes() if route.default or route.name is None)
    events: list[EngineEvent] = []
    failure: GenerationError | None = None
    try:
        async with engine.generate(request, route) as batches:
            async for batch in batches:
                events += batch
    except GenerationError as error:
        failure = error
    return answer_of(events, failure)


WANTED = {shape.name: expected(shape) for shape in SHAPES}


def differences(found: dict[str, Answer]) -> dict[str, tuple[Answer, Answer]]:
    return {name: (found[name], wanted) for name, wanted in WANTED.items() if found[name] != wanted}


@pytest.mark.parametrize("slice_bytes", [0, 1, 17])
async def test_each_shape_over_http(slice_bytes: int) -> None:
    async with shaped_server(slice_bytes=slice_bytes) as url, OpenAIHttpEngine(url) as engine:
        for shape in SHAPES:  # one after the other where routes learn: a shape must not depend on what came before
            engine._thinking.clear()
            assert await answer(engine, shape) == expected(shape), shape.name


@pytest.mark.parametrize("streaming", [True, False])
async def test_each_shape_through_a_broker_and_a_worker(broker: Mosquitto, streaming: bool) -> None:
    at = Broker(port=broker.port)
    async with (
        shaped_server() as url,
        OpenAIHttpEngine(url, slots=8) as beside,
        Worker(beside, at, name="w", slots=16, streaming=streaming),
        MqttWorkersEngine(at, chunk_delay=0) as engine,
    ):
        while not engine.workers() or engine.workers()[0].state != "ready":
            await asyncio.sleep(0.02)
        found: dict[str, Answer] = {}
        for shape in SHAPES:
            beside._thinking.clear()
            found[shape.name] = await answer(engine, shape)
    assert differences(found) == {}
