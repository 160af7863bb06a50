"""Servers over HTTP and workers at a broker in one gateway: LLM_COMM_MODE only says which of them is `default`."""

import asyncio
from pathlib import Path

import pytest

from lam.errors import LamError
from lam.protocol.events import Chunk, Done, Event, Metadata
from lam.protocol.snapshot import Snapshot
from lam.settings import Settings
from lam.testing.server import Reply, ScriptedServer

from ..brokers import Mosquitto
from ..running import Gateway, collect, running_gateway, worker_for
from ..waiting import until

pytestmark = [pytest.mark.live, pytest.mark.sqlite]

HTTP = '[[server]]\nname = "http"\nurl = "{url}"\n'
MQTT = '[[server]]\nname = "workers"\nkind = "mqtt"\nbroker = "127.0.0.1:{port}"\n'
MODELS = (
    '[[model]]\nname = "near"\nroutes = ["{near}/near"]\n[[model]]\nname = "far"\nroutes = ["{far}/far"]\n'
    '[[model]]\nname = "both"\nroutes = ["{far}/far", "{near}/near"]\n'
)


def behind(broker: Mosquitto, url: str) -> Settings:
    return Settings(llm_comm_mode="mqtt", mqtt_broker_port=broker.port, llm_server_url=url)


def fold(events: list[Event]) -> Metadata:
    snapshot = Snapshot()
    for event in events:
        snapshot.add(event)
    assert snapshot.metadata is not None
    return snapshot.metadata


async def until_listed(gateway: Gateway, *models: str) -> None:
    async with gateway.client() as client:

        async def are_ready() -> bool:
            try:
                answer = await client.call("GET", "/api/models")
            except LamError:
                return False
            states = {model["name"]: model["state"] for model in answer["models"]}
            return all(states.get(model) == "ready" for model in models)

        await until(are_ready)


@pytest.mark.parametrize("mode", ["sse", "mqtt"])
async def test_both_answer_by_name_and_the_mode_chooses_the_default(broker: Mosquitto, tmp_path: Path, mode: str) -> None:
    async with ScriptedServer(Reply(("Near",)), model="near") as near, ScriptedServer(Reply(("Far",)), model="far") as far:
        path = tmp_path / "lam.toml"
        path.write_text(MQTT.format(port=broker.port) if mode == "sse" else HTTP.format(url=near.url))
        settings = {"llm_comm_mode": mode, "llm_server_url": near.url, "mqtt_broker_port": broker.port, "lam_config": path}
        async with running_gateway(tmp_path / "data", **settings) as gateway, worker_for(behind(broker, far.url)):
            await until_listed(gateway, "near", "far")
            async with gateway.client() as client:
                session = await client.create_session()
                events = {model: await collect(client, session["id"], model=model) for model in ("near", "far")}
                unnamed = await collect(client, session["id"])
                health = await client.call("GET", "/api/health")
    where = {"sse": ("default", "workers"), "mqtt": ("http", "default")}[mode]
    assert [(fold(each).server, fold(each).mode) for each in events.values()] == [(where[0], "sse"), (where[1], "mqtt")]
    assert (fold(unnamed).server, fold(unnamed).mode, health["mode"]) == ("default", mode, mode)


async def test_a_worker_that_leaves_gives_way_to_a_server_over_http_and_the_reply_says_so(
    broker: Mosquitto, tmp_path: Path
) -> None:
    async with (
        ScriptedServer(Reply(("Near",)), model="near") as near,
        ScriptedServer(Reply(("Far",), hold=True), model="far") as far,
    ):
        path = tmp_path / "lam.toml"
        text = HTTP.format(url=near.url) + MQTT.format(port=broker.port) + MODELS.format(near="http", far="workers")
        path.write_text(text)
        async with running_gateway(tmp_path / "data", lam_config=path) as gateway, gateway.client() as client:
            session = await client.create_session()
            async with worker_for(behind(broker, far.url)) as worker:
                await until_listed(gateway, "near", "far", "both")
                running = asyncio.create_task(collect(client, session["id"], model="both"))
                while not far.requests:
                    await asyncio.sleep(0.01)
                await worker.drain(0)  # before the first token
                events = await running
            stored = (await client.call("GET", f"/api/chatbot/sessions/{session['id']}/messages"))[-1]
    assert isinstance(events[0], Metadata)
    assert (events[0].server, events[0].mode) == ("workers", "mqtt")
    assert isinstance(events[-1], Done)
    assert "".join(event.content for event in events if isinstance(event, Chunk)) == "Near"
    assert (fold(events).server, fold(events).mode) == ("http", "sse")
    assert (stored["metadata"]["server"], stored["metadata"]["mode"], stored["metadata"]["model"]) == ("http", "sse", "both")
