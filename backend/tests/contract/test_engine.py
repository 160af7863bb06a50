"""What every engine promises, asked of each: a server over HTTP, workers behind a broker, an older worker, a local model that is
loaded for each reply, and our own double."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import msgspec
import pytest

from lam.engines.base import Batches, Engine, Needs, Route
from lam.engines.catalog import Catalog
from lam.engines.mqtt_workers import MqttWorkersEngine
from lam.engines.openai_http import OpenAIHttpEngine
from lam.engines.prompt_portal import PromptPortalEngine
from lam.errors import CannotSee, GenerationError, LlmError, NotSupported
from lam.llama.local_engine import LocalEngine
from lam.llama.local_model import Child, Launch
from lam.llama.model import demo_model
from lam.llama.models import LocalModels
from lam.mqtt.connection import Broker
from lam.protocol.chat import ChatRequest, Picture, Turn
from lam.protocol.events import Chunk, ContentEvent, EngineEvent, Finished, ImagePiece
from lam.protocol.sampling import Sampling
from lam.testing.engine import ScriptedEngine, Step
from lam.testing.server import Reply, ScriptedServer
from lam.worker.worker import Worker

from ..brokers import Mosquitto, running_mosquitto
from ..conftest import find_program
from ..live.test_prompt_portal import OlderWorker, older_worker

PIECES = ("Once ", "upon ", "a time é🙂")


class Subject(Protocol):
    """An engine, and the hand on what is behind it."""

    engine: Engine

    def say(self, *pieces: str) -> None:
        """What the model answers from now on."""

    def hold(self) -> None:
        """The model begins, and then says nothing until the end of the test."""

    def fail(self) -> None:
        """Each reply fails from now on, before its first word."""

    async def until_free(self) -> None:
        """Returns once nobody computes a reply any more."""


class Http:
    def __init__(self, server: ScriptedServer, engine: Engine) -> None:
        self.server = server
        self.engine = engine

    def say(self, *pieces: str) -> None:
        self.server.reply = Reply(pieces)

    def hold(self) -> None:
        self.server.reply = Reply(PIECES, hold=True)

    def fail(self) -> None:
        self.server.reply = Reply(fault="server_error", times=1000)

    async def until_free(self) -> None:
        while self.server.active:
            await asyncio.sleep(0.005)


class Portal:
    def __init__(self, worker: OlderWorker, engine: PromptPortalEngine) -> None:
        self.worker = worker
        self.engine: Engine = engine
        self.portal = engine

    def say(self, *pieces: str) -> None:
        self.worker.answer = lambda _request: "".join(pieces)

    def hold(self) -> None:
        self.worker.answer = lambda _request: None

    def fail(self) -> None:
        self.worker.answer = lambda _request: "Error: Generation failed: out of memory"

    async def until_free(self) -> None:
        """It has no cancel: what counts is that nobody waits for the answer any more."""
        assert self.portal._open == {}


class Double:
    def __init__(self) -> None:
        self.double = ScriptedEngine()
        self.engine: Engine = self.double

    def say(self, *pieces: str) -> None:
        chunks: list[Step] = [[Chunk(piece)] for piece in pieces]
        self.double.scripts = [[*chunks, [Finished("stop")]]]

    def hold(self) -> None:
        self.double.scripts = [[[Chunk(PIECES[0])]] * 1000]

    def fail(self) -> None:
        self.double.scripts = [[LlmError("It failed.")]]

    async def until_free(self) -> None:
        assert self.double.closed == len(self.double.requests)


@asynccontextmanager
async def http(_broker: Mosquitto) -> AsyncIterator[Subject]:
    async with ScriptedServer() as server, OpenAIHttpEngine(server.url) as engine:
        while not any(route.name for route in engine.routes()):
            await asyncio.sleep(0.005)
        yield Http(server, engine)


@asynccontextmanager
async def workers(broker: Mosquitto) -> AsyncIterator[Subject]:
    at = Broker(host="127.0.0.1", port=broker.port)
    async with (
        ScriptedServer() as server,
        OpenAIHttpEngine(server.url) as beside,
        Worker(beside, at, name="w"),
        MqttWorkersEngine(at, chunk_delay=0) as engine,
    ):
        while not any(route.ready and route.name for route in engine.routes()):
            await asyncio.sleep(0.005)
        yield Http(server, engine)


class ScriptedChild:
    """A scripted server in the place of a model's process."""

    pid = None

    def __init__(self, url: str) -> None:
        self.url = url
        self.ended = asyncio.get_running_loop().create_future()


@asynccontextmanager
async def local(_broker: Mosquitto) -> AsyncIterator[Subject]:
    @asynccontextmanager
    async def start(_launch: Launch) -> AsyncIterator[Child]:
        yield ScriptedChild(server.url)

    with TemporaryDirectory() as folder:
        models = LocalModels(folder=Path(folder), idle_seconds=0.001)
        async with (
            ScriptedServer(model="m") as server,
            LocalEngine(models, name="m", file=demo_model(), slots=4, start=start) as engine,
        ):
            yield Http(server, engine)


@asynccontextmanager
async def portal(broker: Mosquitto) -> AsyncIterator[Subject]:
    async with (
        older_worker(broker) as worker,
        PromptPortalEngine(Broker(host="127.0.0.1", port=broker.port), chunk_delay=0) as engine,
    ):
        while not engine.connection.connected:
            await asyncio.sleep(0.005)
        yield Portal(worker, engine)


@asynccontextmanager
async def scripted(_broker: Mosquitto) -> AsyncIterator[Subject]:
    yield Double()


MAKERS: list[Callable[[Mosquitto], AbstractAsyncContextManager[Subject]]] = [http, workers, local, portal, scripted]


@pytest.fixture(scope="module")
def mosquitto() -> Any:
    with running_mosquitto(find_program("mosquitto")) as running:
        yield running


@pytest.fixture(params=MAKERS, ids=lambda maker: maker.__name__)
async def subject(request: pytest.FixtureRequest, mosquitto: Mosquitto) -> AsyncIterator[Subject]:
    async with request.param(mosquitto) as made:
        yield made


def asked(content: str = "Tell me a story", *more: Turn) -> ChatRequest:
    sampling = Sampling(temperature=0.7, top_p=0.9, max_tokens=64)
    return ChatRequest(turns=(Turn("user", content), *more), keep=0, sampling=sampling, session_key="s")


def route_of(engine: Engine) -> Route:
    return next(route for route in engine.routes() if route.default)


async def reply(subject: Subject) -> list[EngineEvent]:
    async with subject.engine.generate(asked(), route_of(subject.engine)) as batches:
        return [event async for batch in batches for event in batch]


async def test_one_route_answers_when_no_model_is_asked_for_and_a_pool_is_the_same_for_all_its_models(subject: Subject) -> None:
    routes = subject.engine.routes()
    assert [route for route in routes if route.default] != []
    assert {route.pool.name: route.pool for route in routes} == {route.pool.name: route.pool for route in reversed(routes)}
    assert all(route.pool.places > 0 for route in routes)


async def test_a_reply_is_its_text_and_finished_at_its_very_end(subject: Subject) -> None:
    subject.say(*PIECES)
    events = await reply(subject)
    assert "".join(event.content for event in events if isinstance(event, Chunk)) == "".join(PIECES)
    assert [isinstance(event, Finished) for event in events] == [False] * (len(events) - 1) + [True]


async def test_a_failure_is_an_error_and_never_text(subject: Subject) -> None:
    subject.fail()
    events: list[EngineEvent] = []
    route = route_of(subject.engine)
    with pytest.raises(GenerationError):
        async with subject.engine.generate(asked(), route) as batches:
            events += [event async for batch in batches for event in batch]
    assert not [event for event in events if isinstance(event, ContentEvent)]


async def test_after_a_failure_the_next_reply_is_whole(subject: Subject) -> None:
    subject.fail()
    with pytest.raises(GenerationError):
        await reply(subject)
    subject.say("Yes")
    assert [event.content for event in await reply(subject) if isinstance(event, Chunk)] == ["Yes"]


async def test_leaving_the_context_ends_the_work(subject: Subject) -> None:
    subject.hold()
    async with subject.engine.generate(asked(), route_of(subject.engine)) as batches:
        reading = asyncio.ensure_future(anext(batches))
        await asyncio.sleep(0.05)  # Time itself: somewhere on its way; nothing depends on where
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    async with asyncio.timeout(10):
        await subject.until_free()


async def test_replies_at_the_same_time_do_not_mix(subject: Subject) -> None:
    subject.say(*PIECES)
    replies = await asyncio.gather(*(reply(subject) for _ in range(4)))
    texts = {"".join(event.content for event in events if isinstance(event, Chunk)) for events in replies}
    assert texts == {"".join(PIECES)}


async def test_whether_a_reply_can_be_continued_is_said_or_refused_with_a_reason(subject: Subject) -> None:
    route = route_of(subject.engine)
    refusals = await asyncio.gather(route.require_continuing(asked("Tell", Turn("assistant", "Once"))), return_exceptions=True)
    assert isinstance(refusals[0], NotSupported | None)
    if route.can.continues is not None:
        assert route.can.continues is (refusals[0] is None)


async def test_what_is_ready_has_no_failure(subject: Subject) -> None:
    async with asyncio.timeout(20):
        while (health := await subject.engine.health()).state != "ready":
            await asyncio.sleep(0.01)
    assert health.failure is None


async def test_a_catalog_streams_over_it(subject: Subject) -> None:
    subject.say(*PIECES)
    async with Catalog({"it": subject.engine}, most_waiting=9, timeout=10) as catalog:
        with catalog.place(None, "somebody") as ticket:
            async with catalog.generate(asked(), ticket) as batches:
                events = [event async for batch in batches for event in batch]
        assert "".join(event.content for event in events if isinstance(event, Chunk)) == "".join(PIECES)
        assert catalog.queue.in_use == 0


async def drained(batches: Batches) -> None:
    async for _ in batches:
        pass


async def test_pictures_are_refused_where_nobody_sees_them(subject: Subject) -> None:
    async with Catalog({"it": subject.engine}, most_waiting=9, timeout=10) as catalog:
        assert not catalog.sees(None)
        with pytest.raises(CannotSee):
            await catalog.require_sight(None)
        ticket = catalog.queue.enter(None, "somebody", Needs(images=True))
        async with catalog.generate(asked(), ticket) as batches:
            with pytest.raises(CannotSee):
                await drained(batches)
        assert catalog.queue.in_use == 0


@pytest.mark.parametrize("maker", [http, workers, portal])
async def test_pictures_of_earlier_turns_that_nobody_sees_are_listed_with_the_reply(
    maker: Callable[[Mosquitto], AbstractAsyncContextManager[Subject]], mosquitto: Mosquitto
) -> None:
    seen = Picture(sha256="a" * 64, id="earlier", type="image/png", width=8, height=8, size=1)
    turns = (Turn("user", "What is this?", (seen,)), Turn("assistant", "I cannot tell."), Turn("user", "Thanks"))
    async with maker(mosquitto) as subject:
        subject.say("You are welcome.")
        request = msgspec.structs.replace(asked(), turns=turns)
        async with subject.engine.generate(request, route_of(subject.engine)) as batches:
            events = [event async for batch in batches for event in batch]
        assert isinstance(events[-1], Finished)
        assert events[-1].pictures_left_out == ("earlier",)
        with pytest.raises(CannotSee):
            async with subject.engine.generate(
                msgspec.structs.replace(request, turns=turns[:1]), route_of(subject.engine)
            ) as batches:
                await drained(batches)


@pytest.mark.parametrize("maker", [http, workers])
async def test_a_picture_that_a_model_returns_arrives_whole_in_its_place(
    maker: Callable[[Mosquitto], AbstractAsyncContextManager[Subject]], mosquitto: Mosquitto
) -> None:
    data = base64.b64encode(bytes(range(256)) * 3000).decode()
    async with maker(mosquitto) as subject:
        subject.say("Here: ", f"data:image/png;base64,{data}", ".")
        events = [event for event in await reply(subject) if isinstance(event, Chunk | ImagePiece)]
    assert [event.content for event in (events[0], events[-1]) if isinstance(event, Chunk)] == ["Here: ", "."]
    pieces = [event for event in events if isinstance(event, ImagePiece)]
    assert events[1:-1] == pieces
    assert "".join(piece.data for piece in pieces) == data
    assert [piece.last for piece in pieces] == [False] * (len(pieces) - 1) + [True]


async def test_a_server_and_a_broker_in_one_gateway(mosquitto: Mosquitto) -> None:
    """Each model is answered by the one that serves it; what both serve, by the other one once the first has gone."""
    at = Broker(host="127.0.0.1", port=mosquitto.port)
    async with (
        ScriptedServer(Reply(("over HTTP",)), model="here") as near,
        ScriptedServer(Reply(("over MQTT",)), model="there") as far,
        OpenAIHttpEngine(near.url) as over_http,
        OpenAIHttpEngine(far.url) as beside,
        Worker(beside, at, name="w"),
        MqttWorkersEngine(at, prefix="lam/v1", chunk_delay=0) as over_mqtt,
        Catalog({"near": over_http, "far": over_mqtt}, most_waiting=9, timeout=10) as catalog,
    ):
        async with asyncio.timeout(20):
            while {model.name for model in await catalog.models()} != {"here", "there"}:
                await asyncio.sleep(0.01)

        async def answer(model: str | None) -> str:
            request = ChatRequest(turns=(Turn("user", "?"),), keep=0, sampling=asked().sampling, model=model)
            with catalog.place(model, "somebody") as ticket:
                async with catalog.generate(request, ticket) as batches:
                    events = [event async for batch in batches for event in batch]
            return "".join(event.content for event in events if isinstance(event, Chunk))

        assert [await answer(model) for model in ("here", "there", None)] == ["over HTTP", "over MQTT", "over HTTP"]
        assert (await catalog.health()).state == "ready"
        assert [catalog.mode(model) for model in ("here", "there")] == ["sse", "mqtt"]
