"""TLS, user names and the access list of docs/guides/broker.md, on a real Mosquitto."""

import asyncio
import contextlib
import re
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from lam.engines.mqtt_workers import MqttWorkersEngine
from lam.engines.openai_http import OpenAIHttpEngine
from lam.mqtt.connection import Broker, Connection
from lam.protocol.chat import ChatRequest, Turn
from lam.protocol.events import Chunk, Done, EngineEvent, Finished
from lam.protocol.jobs import WorkerStatus, decode_control, encode
from lam.protocol.pictures import Piece, Want
from lam.protocol.sampling import Sampling
from lam.testing.server import Reply, ScriptedServer, pictures_in
from lam.worker.pictures import WorkerPictures
from lam.worker.worker import Worker

from ..brokers import Mosquitto
from ..conftest import find_program
from ..running import Gateway, collect, running_gateway
from ..stored_pictures import Store, name_of, picture_of
from ..waiting import until

pytestmark = [pytest.mark.live, pytest.mark.sqlite]

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "broker.md"
NAMES = ("lam-gateway", "one", "two")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def broker(tmp_path: Path, authority: trustme.CA) -> Iterator[Mosquitto]:
    """Configured as the guide says, with a certificate for localhost."""
    folder = tmp_path / "broker"
    folder.mkdir()
    folder.chmod(0o755)  # Mosquitto reads as another user when root starts it
    config, acl = re.findall(r"^```(?:conf|acl)\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(folder / "server.key")
    certificate.cert_chain_pems[0].write_to_path(folder / "server.crt")
    (folder / "lam.acl").write_text(acl)
    passwords = folder / "passwords"
    passwords.touch()
    for name in NAMES:
        subprocess.run(["mosquitto_passwd", "-b", str(passwords), name, f"secret of {name}"], check=True, capture_output=True)
    for path in folder.iterdir():
        path.chmod(0o644)
    for where in ("/etc/mosquitto/certs", "/etc/mosquitto"):
        config = config.replace(where, str(folder))
    listener, _, settings = config.partition("\n")
    assert listener == "listener 8883"
    for above in folder.parents:
        if above.is_relative_to("/tmp") and above != Path("/tmp"):
            above.chmod(0o755)
    running = Mosquitto(find_program("mosquitto"), folder, settings.replace("max_queued_messages 0\n", ""))
    running.start()
    try:
        yield running
    finally:
        running.kill()


@pytest.fixture
def known_as(broker: Mosquitto, authority: trustme.CA, tmp_path: Path) -> Callable[..., Broker]:
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)

    def known(name: str, password: str | None = None, *, trusted: bool = True, host: str = "localhost") -> Broker:
        return Broker(
            host=host,
            port=broker.port,
            username=name,
            password=password or f"secret of {name}",
            tls=True,
            ca_file=ca_file if trusted else None,
        )

    return known


@contextlib.asynccontextmanager
async def gateway_at(broker: Broker, data: Path) -> AsyncIterator[Gateway]:
    settings: dict[str, Any] = {
        "llm_comm_mode": "mqtt",
        "mqtt_broker_host": broker.host,
        "mqtt_broker_port": broker.port,
        "mqtt_username": broker.username,
        "mqtt_password": broker.password,
        "mqtt_tls": True,
        "mqtt_ca_file": broker.ca_file,
    }
    async with running_gateway(data, **settings) as gateway:
        yield gateway


async def connected(*connections: Connection) -> None:
    while not all(connection.connected for connection in connections):
        await asyncio.sleep(0.01)


async def test_gateway_and_worker_work_through_tls_and_the_access_list(
    known_as: Callable[..., Broker], scripted: ScriptedServer, tmp_path: Path
) -> None:
    async with (
        gateway_at(known_as("lam-gateway"), tmp_path / "data") as gateway,
        OpenAIHttpEngine(scripted.url) as model,
        Worker(model, known_as("one"), name="one"),
        gateway.client() as client,
    ):
        engine = gateway.parts.catalog.engines["default"]
        assert isinstance(engine, MqttWorkersEngine)
        while not any(worker.state == "ready" for worker in engine.workers()):
            await asyncio.sleep(0.01)
        events = await collect(client, (await client.create_session())["id"])
        assert isinstance(events[-1], Done)
        assert events[-1].full_content == "Once upon a time"


async def test_a_worker_can_neither_read_nor_answer_anothers_job_nor_speak_for_it(
    known_as: Callable[..., Broker], scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.reply = Reply(("a", "b"), hold=True)
    seen: list[str] = []
    async with (
        gateway_at(known_as("lam-gateway"), tmp_path / "data") as gateway,
        OpenAIHttpEngine(scripted.url) as model,
        Worker(model, known_as("one"), name="one"),
        Connection(known_as("two"), "two-00000000") as thief,
        gateway.client() as client,
    ):
        engine = gateway.parts.catalog.engines["default"]
        assert isinstance(engine, MqttWorkersEngine)
        topics = engine.topics
        for topic in (topics.job("one"), topics.control("one"), topics.frames("+", "+"), topics.worker_status(), "#"):
            thief.subscribe(topic, lambda topic, _payload, _retained: seen.append(topic))
        await connected(thief)
        while not any(worker.state == "ready" for worker in engine.workers()):
            await asyncio.sleep(0.01)
        task = asyncio.create_task(collect(client, (await client.create_session())["id"]))
        await scripted.arrival()
        (job,) = engine._jobs
        forged = b'{"job": "%s", "seq": 2, "events": [{"type": "chunk", "content": "forged"}]}' % job.encode()
        thief.publish(topics.frames(engine.name, engine.instance, "one", job), forged)
        thief.publish(topics.worker_status("one"), encode(WorkerStatus(worker="one", instance="00000000", state="offline")))
        thief.publish(topics.gateway_status(engine.name, engine.instance), b"", retain=True)
        thief.publish(topics.control("one"), b'{"job": "%s", "action": "cancel"}' % job.encode())
        thief.publish(topics.job("one"), b"{}")
        await thief.flushed(5)
        own = topics.frames(engine.name, engine.instance, "two", job)
        thief.publish(own, forged)  # its own topic: this arrives, and is ignored as from the wrong worker
        while not engine.ignored:
            await asyncio.sleep(0.01)
        assert engine.ignored == 1, "what came before it on the same connection was not let through"
        scripted.step(2)
        events = await task
        assert "".join(event.content for event in events if isinstance(event, Chunk)) == "ab"
        assert [worker.worker for worker in engine.workers()] == ["one"]
        assert set(seen) <= {topics.gateway_status(engine.name, engine.instance)}


async def test_pictures_pass_the_access_list_to_the_worker_whose_job_names_them_and_to_nobody_else(
    known_as: Callable[..., Broker], scripted: ScriptedServer
) -> None:
    scripted.sees = True
    secret = b"a picture"
    store, pictures, seen = Store(secret), WorkerPictures(), list[bytes]()
    store.held.clear()
    turns = (Turn("user", "Look", (picture_of(secret),)),)
    request = ChatRequest(turns=turns, keep=0, sampling=Sampling(temperature=0, top_p=1, max_tokens=9))
    async with (
        MqttWorkersEngine(known_as("lam-gateway"), pictures=store) as engine,
        OpenAIHttpEngine(scripted.url, pictures=pictures) as model,
        Worker(model, known_as("one"), name="one", pictures=pictures),
        Connection(known_as("two"), "two-00000000") as thief,
    ):
        topics = engine.topics
        for topic in (topics.control("one"), topics.control("two"), topics.frames("+", "+"), "#"):
            thief.subscribe(topic, lambda _topic, payload, _retained: seen.append(payload))
        await connected(thief)
        await until(lambda: any(route.can.images and route.ready for route in engine.routes()))

        async def answer() -> list[EngineEvent]:
            async with engine.generate(request, engine.routes()[0]) as batches:
                return [event async for batch in batches for event in batch]

        reply = asyncio.create_task(answer())
        await until(lambda: store.reads)
        (job,) = engine._jobs
        own = topics.frames(engine.name, engine.instance, "two", job)
        thief.publish(own, encode(Want(job, name_of(secret), (1,))))
        await until(lambda: any(b"not_named" in payload for payload in seen))
        store.held.set()
        assert any(isinstance(event, Finished) for event in await reply)
        assert pictures_in(scripted.requests[-1].body)
        got = {decode_control(payload) for payload in seen if b"picture" in payload}
        assert got == {Piece(job=job, sha256=name_of(secret), rejected="not_named")}
        assert engine.pictures.sent == 1


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ({"name": "one", "password": "wrong"}, "wrong user name or password"),
        ({"name": "nobody"}, "wrong user name or password"),
        ({"name": "one", "trusted": False}, "certificate verify failed"),
        ({"name": "one", "host": "127.0.0.1"}, "certificate is not valid for '127.0.0.1'"),
    ],
)
async def test_what_keeps_somebody_out_is_said(known_as: Callable[..., Broker], who: dict[str, Any], said: str) -> None:
    async with Connection(known_as(**who), "one-00000000") as connection:
        while connection.problem is None:
            await asyncio.sleep(0.01)
        assert said in connection.problem
        assert not connection.connected
