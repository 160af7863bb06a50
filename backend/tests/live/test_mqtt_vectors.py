"""Vectors through a broker: whole although frames are lost, refused with the server's words, and never asked of an older worker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from lam.engines.openai_http import OpenAIHttpEngine
from lam.errors import LlmError, NotSupported, TooLarge
from lam.mqtt.connection import Broker
from lam.protocol.jobs import ACCEPTS
from lam.testing.server import ScriptedServer
from lam.worker.worker import Beats, Worker

from ..brokers import Mosquitto
from ..mqtt_proxy import Faults, Proxy
from ..stored_pictures import Store
from ..waiting import until
from .test_mqtt_pictures import gateway, played

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]
TEXTS = [f"text number {number}" for number in range(1500)]


@asynccontextmanager
async def worker(broker: Mosquitto | Proxy, server: ScriptedServer, **options: Any) -> AsyncIterator[Worker]:
    async with (
        OpenAIHttpEngine(server.url) as engine,
        Worker(engine, Broker(port=broker.port), name="one", beats=Beats(facts_away=0.05), **options) as here,
    ):
        yield here


@pytest.mark.parametrize("streaming", [True, False])
async def test_many_vectors_come_whole_although_frames_are_lost(broker: Mosquitto, streaming: bool) -> None:
    async with (
        ScriptedServer() as server,
        Proxy(broker.port, Faults(lost=0.2, doubled=0.1, delayed=0.1, delay=0.1)) as proxy,
        gateway(broker, Store(), max_packet=64 << 10) as here,
        worker(proxy, server, streaming=streaming, max_packet=8192) as there,
    ):
        server.embeds = True
        await here.ready()
        answer = await here.catalog.embed(None, {"input": TEXTS})
        assert [one["embedding"] for one in answer["data"]] == [[float(len(text)), 3.0] for text in TEXTS]
        assert there.running == 0
        await until(lambda: not there._jobs)


async def test_what_cannot_be_made_or_sent_is_refused(broker: Mosquitto) -> None:
    async with ScriptedServer() as server, gateway(broker, Store()) as here, worker(broker, server):
        await here.ready()
        with pytest.raises(NotSupported):
            await here.catalog.embed(None, {"input": "one"})
        with pytest.raises(TooLarge):
            await here.catalog.embed(None, {"input": "x" * (64 << 10)})


async def test_an_answer_that_is_none_is_a_failure_of_the_worker(broker: Mosquitto) -> None:
    async with gateway(broker, Store()) as here, played(broker, here, "odd", ACCEPTS) as (jobs, _, _):
        await here.ready()
        with pytest.raises(LlmError, match="something else"):
            await here.catalog.embed(None, {"input": "one"})
        assert [job.embed for job in jobs] == [{"input": "one"}]
        assert here.engine._jobs == {}


async def test_a_worker_of_an_earlier_release_is_not_asked(broker: Mosquitto) -> None:
    before = tuple(word for word in ACCEPTS if word != "embed")
    async with gateway(broker, Store()) as here, played(broker, here, "old", before) as (jobs, _, _):
        await here.ready()
        with pytest.raises(NotSupported):
            await here.catalog.embed(None, {"input": "one"})
        assert jobs == []
