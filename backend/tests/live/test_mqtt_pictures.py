"""Pictures on their way to workers, through a real Mosquitto: pieces are lost, doubled and late; either side or the broker dies."""

import asyncio
import base64
import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from lam.engines.base import Batches, Can, Needs, Route
from lam.engines.catalog import Catalog
from lam.engines.mqtt_workers import MqttWorkersEngine
from lam.engines.open_job import Silences
from lam.engines.openai_http import OpenAIHttpEngine
from lam.errors import CannotSee, PictureGone
from lam.mqtt.connection import Broker, Connection, Pace
from lam.protocol.chat import ChatRequest, Turn
from lam.protocol.events import Chunk, EngineEvent, Finished, ImagePiece
from lam.protocol.jobs import Accepted, Frame, Job, JobFinished, ServedModel, WorkerStatus, decode, decode_control, encode
from lam.protocol.pictures import Piece, Want
from lam.protocol.sampling import Sampling
from lam.testing.engine import ScriptedEngine
from lam.testing.server import ScriptedServer, pictures_in
from lam.worker.pictures import Patience, WorkerPictures
from lam.worker.worker import Beats, Worker

from ..brokers import Mosquitto
from ..mqtt_proxy import Faults, Proxy
from ..pictures import BLUE, GREEN, RED, fetched, plain, uploaded
from ..running import worker_for
from ..stored_pictures import Store, name_of, picture_of
from ..tunnel import break_connection, engine_of, mqtt_gateway
from ..waiting import until

pytestmark = [pytest.mark.live, pytest.mark.sqlite, pytest.mark.timeout(60)]

QUICK = Patience(first=0.1)
CHANCE = random.Random(15)
SMALL, MIDDLE, LARGE = (CHANCE.randbytes(size) for size in (100, 90_000, 700_000))


def turn(content: str, *pictures: bytes) -> Turn:
    return Turn("user", content, tuple(map(picture_of, pictures)))


def asked(*turns: Turn) -> ChatRequest:
    return ChatRequest(turns=turns, keep=0, sampling=Sampling(temperature=0, top_p=1, max_tokens=9))


class Viewer(ScriptedEngine):
    """An engine whose answer is the hashes of the bytes that it was shown, in order."""

    def __init__(self, pictures: WorkerPictures, *, sees: bool = True) -> None:
        super().__init__(places=8, can=Can(images=sees))
        self.pictures = pictures
        self.left = 0

    @asynccontextmanager
    async def generate(self, request: ChatRequest, route: Route) -> AsyncIterator[Batches]:
        self.requests.append(request)
        try:
            named = [picture for one in request.turns for picture in one.pictures]
            seen = [name_of(await self.pictures.read(picture)) for picture in named]
            yield _said(" ".join(seen))
        finally:
            self.left += 1


async def _said(content: str) -> AsyncIterator[list[EngineEvent]]:
    yield [Chunk(content)]
    yield [Finished("stop")]


class Beside:
    """A worker, its engine and its pictures."""

    def __init__(self, worker: Worker, engine: Viewer, pictures: WorkerPictures) -> None:
        self.worker, self.engine, self.pictures = worker, engine, pictures


@asynccontextmanager
async def viewer(
    broker: Mosquitto | Proxy,
    name: str = "one",
    *,
    sees: bool = True,
    pace: Pace = Pace(),
    patience: Patience = QUICK,
) -> AsyncIterator[Beside]:
    pictures = WorkerPictures(patience=patience)
    engine = Viewer(pictures, sees=sees)
    async with Worker(
        engine, Broker(port=broker.port, pace=pace), name=name, pictures=pictures, beats=Beats(facts_away=0.05)
    ) as worker:
        yield Beside(worker, engine, pictures)


class Gateway:
    def __init__(self, engine: MqttWorkersEngine, catalog: Catalog) -> None:
        self.engine, self.catalog = engine, catalog
        self.left_out: tuple[str, ...] = ()  # of the last answer, as its events are
        self.events: list[EngineEvent] = []

    async def ready(self, workers: int = 1) -> None:
        await until(lambda: sum(worker.state == "ready" for worker in self.engine.workers()) >= workers)

    async def answer(self, *turns: Turn) -> str:
        request = asked(*turns)
        with self.catalog.place(None, "somebody", Needs.of(request)) as ticket:
            async with self.catalog.generate(request, ticket) as batches:
                events = [event async for batch in batches for event in batch]
        self.events = events
        (self.left_out,) = [event.pictures_left_out for event in events if isinstance(event, Finished)]
        return "".join(event.content for event in events if isinstance(event, Chunk))


@asynccontextmanager
async def gateway(
    broker: Mosquitto | Proxy, store: Store, *, max_packet: int = 64 << 10, silences: Silences | None = None
) -> AsyncIterator[Gateway]:
    async with (
        MqttWorkersEngine(
            Broker(port=broker.port, pace=Pace(longest_pause=0.5)), pictures=store, max_packet=max_packet, silences=silences
        ) as engine,
        Catalog({"default": engine}, most_waiting=9, timeout=20) as catalog,
    ):
        yield Gateway(engine, catalog)


def names(*pictures: bytes) -> str:
    return " ".join(map(name_of, pictures))


async def test_pictures_arrive_whole_and_in_order_and_once(broker: Mosquitto) -> None:
    store = Store(SMALL, MIDDLE, LARGE)
    async with gateway(broker, store) as here, viewer(broker, patience=Patience(first=60)) as there:
        await here.ready()
        newest = turn("And?", LARGE, SMALL, MIDDLE)
        assert await here.answer(turn("Look", MIDDLE), Turn("assistant", "Yes"), newest) == names(MIDDLE, LARGE, SMALL, MIDDLE)
        sent = here.engine.pictures.sent
        assert sent > 700_000 // (64 << 10)
        assert there.engine.requests[-1].turns[-1] == newest, "places, sizes and names too"
        assert await here.answer(turn("Again", SMALL, LARGE)) == names(SMALL, LARGE)
        assert here.engine.pictures.sent == sent, "the worker has them still"
        assert sorted(store.reads) == sorted(map(name_of, (SMALL, MIDDLE, LARGE)))
        assert there.pictures.asked_again == here.engine.pictures.refused == here.engine.ignored == 0


@pytest.mark.parametrize("max_packet", [4096, 64 << 10])
async def test_pieces_that_are_lost_doubled_and_late_change_nothing(broker: Mosquitto, max_packet: int) -> None:
    async with (
        Proxy(broker.port, Faults(lost=0.15, doubled=0.15, delayed=0.15, delay=0.2), topics=(b"/control", b"/from/")) as bad,
        gateway(bad, Store(MIDDLE, LARGE), max_packet=max_packet, silences=Silences(silent=1, ask=0.2)) as here,
        viewer(bad, patience=Patience(first=0.1, longest=0.2)) as there,
    ):
        await here.ready()
        replies = (turn("Look", MIDDLE), turn("Look", MIDDLE, LARGE))
        assert await asyncio.gather(*map(here.answer, replies)) == [names(MIDDLE), names(MIDDLE, LARGE)]
        assert there.pictures.asked_again
        assert min(bad.counts["lost"], bad.counts["doubled"], bad.counts["delayed"])


async def test_a_picture_that_two_jobs_name_comes_once_and_stays_when_one_is_cancelled(broker: Mosquitto) -> None:
    store = Store(LARGE)
    store.held.clear()
    async with gateway(broker, store) as here, viewer(broker) as there:
        await here.ready()
        first, second = [asyncio.create_task(here.answer(turn("Look", LARGE))) for _ in range(2)]
        await until(lambda: len(there.engine.requests) == 2 and store.reads)
        first.cancel()
        await until(lambda: there.engine.left == 1)
        store.held.set()
        assert await second == names(LARGE)


async def test_wrong_bytes_are_asked_for_again_until_the_run_says_why(broker: Mosquitto) -> None:
    store = Store(MIDDLE)
    store.pictures[name_of(MIDDLE)] = bytes(len(MIDDLE))
    async with gateway(broker, store) as here, viewer(broker) as there:
        await here.ready()
        with pytest.raises(PictureGone, match="damaged"):
            await here.answer(turn("Look", MIDDLE))
        assert there.worker.running == 0
        assert here.engine.pictures.sent > 3


async def test_a_picture_that_is_gone_ends_the_run_and_not_the_next(broker: Mosquitto) -> None:
    async with gateway(broker, Store(SMALL)) as here, viewer(broker):
        await here.ready()
        with pytest.raises(PictureGone, match="no longer stored"):
            await here.answer(turn("Look", SMALL, MIDDLE))
        assert await here.answer(turn("Look", SMALL)) == names(SMALL)


async def test_a_gateway_that_never_sends_is_given_up(broker: Mosquitto) -> None:
    store = Store(SMALL)
    store.held.clear()
    async with gateway(broker, store) as here, viewer(broker, patience=Patience(first=0.05, give_up=0.5)) as there:
        await here.ready()
        with pytest.raises(PictureGone, match="in time") as failure:
            await here.answer(turn("Look", SMALL))
        assert failure.value.retryable
        assert there.pictures.asked_again


async def test_a_worker_that_dies_while_a_picture_comes_loses_nothing(broker: Mosquitto) -> None:
    store = Store(SMALL)
    store.held.clear()
    async with gateway(broker, store) as here, viewer(broker, "one", pace=Pace(first_pause=60)) as one:
        await here.ready()
        reply = asyncio.create_task(here.answer(turn("Look", SMALL)))
        await until(lambda: store.reads)
        async with viewer(broker, "two") as two:
            await here.ready(2)
            break_connection(one.worker.connection)
            store.held.set()
            assert await reply == names(SMALL)
            assert two.engine.requests
        assert here.engine.given_away == 1


async def test_a_gateway_that_dies_while_a_picture_comes_frees_the_worker(broker: Mosquitto) -> None:
    store = Store(SMALL)
    store.held.clear()
    async with viewer(broker) as there:
        there.worker._beats = Beats(gateway_gone=0.1, watch=0.1)
        async with gateway(broker, store) as here:
            await here.ready()
            reply = asyncio.create_task(here.answer(turn("Look", SMALL)))
            await until(lambda: store.reads)
            here.engine.connection.broker = Broker(port=1)  # it never comes back
            break_connection(here.engine.connection)
            await until(lambda: there.engine.left == 1 and there.worker.running == 0)
            reply.cancel()
        store.held.set()
        async with gateway(broker, store) as here:
            await here.ready()
            assert await here.answer(turn("Look", SMALL)) == names(SMALL)


async def test_a_broker_that_dies_while_a_picture_comes_ends_nothing(broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(LARGE)
    async with gateway(broker, store, max_packet=8192) as here, viewer(broker, pace=Pace(longest_pause=0.5)):
        sender = here.engine.pictures
        flushed, permits = sender._post.flushed, asyncio.Semaphore(0)  # a few pieces for each permit: it is never over too soon

        async def flushed_if_allowed() -> None:
            await permits.acquire()
            await flushed()

        monkeypatch.setattr(sender._post, "flushed", flushed_if_allowed)
        await here.ready()
        reply = asyncio.create_task(here.answer(turn("Look", LARGE)))
        for connections in (2, 3):
            sent = sender.sent
            permits.release()
            await until(lambda sent=sent: sender.sent > sent)
            broker.kill()
            broker.start()
            await until(lambda connections=connections: here.engine.connection.reconnects == connections)
            assert not reply.done()
        for _ in range(len(LARGE) // 1000):
            permits.release()
        assert await reply == names(LARGE)


@asynccontextmanager
async def played(
    broker: Mosquitto, here: Gateway, name: str, accepts: Sequence[str], *, sees: bool = True
) -> AsyncIterator["tuple[list[Job], list[Piece], Callable[[str, Want], None]]"]:
    """A worker played by the test: the jobs it gets and answers at once, the pieces it gets, and how it asks for some."""
    jobs, pieces = list[Job](), list[Piece]()
    async with Connection(Broker(port=broker.port), f"{name}-00000001") as connection:
        topics = here.engine.topics

        def job(_topic: str, payload: bytes, _retained: bool) -> None:
            jobs.append(said := decode(payload, Job))
            if not said.request.messages[-1].pictures:
                last = (Accepted("m"), Chunk("Yes"), JobFinished(finish_reason="stop"))
                connection.publish(said.reply_to, encode(Frame(said.job, 1, last)))
            else:
                connection.publish(said.reply_to, encode(Frame(said.job, 1, (Accepted("m"),))))

        def control(_topic: str, payload: bytes, _retained: bool) -> None:
            said = decode_control(payload)
            pieces.extend([said] if isinstance(said, Piece) else [])

        def ask(worker: str, want: Want) -> None:
            topic = topics.frames(here.engine.name, here.engine.instance, worker, want.job)
            connection.publish(topic, encode(want))

        connection.subscribe(topics.job(name), job)
        connection.subscribe(topics.control(name), control)
        await until(lambda: connection.connected)
        status = WorkerStatus(
            worker=name, instance="00000001", state="ready", models=(ServedModel("m", None, sees),), slots=1, accepts=tuple(accepts)
        )
        connection.publish(topics.worker_status(name), encode(status))
        yield jobs, pieces, ask


async def test_a_worker_gets_only_pictures_that_its_open_job_names(broker: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(SMALL, MIDDLE)
    with caplog.at_level(logging.WARNING, logger="lam.engines.picture_sender"):
        async with gateway(broker, store) as here, played(broker, here, "curious", ("unmerged", "media")) as (jobs, pieces, ask):
            await here.ready()
            reply = asyncio.create_task(here.answer(turn("Look", SMALL)))
            await until(lambda: jobs)
            job = jobs[0].job
            for sha256 in (name_of(MIDDLE), "0" * 64, "", "x" * 1000):
                ask("curious", Want(job, sha256, (1,)))
            ask("curious", Want("another", name_of(SMALL), (1,)))
            ask("another", Want(job, name_of(SMALL), (1,)))  # the topic says whose job it is; the access list, who may write there
            ask("curious", Want(job, name_of(SMALL), (1, 2, 0, -5, 2**40)))
            await until(lambda: any(piece.data for piece in pieces))
            given = [piece for piece in pieces if piece.data]
            assert [(piece.number, piece.of, piece.data) for piece in given] == [(1, 1, SMALL)]
            refused = [piece for piece in pieces if piece.rejected]
            assert [(piece.rejected, piece.job == job) for piece in refused] == [("not_named", True)] * 4 + [("not_named", False)]
            reply.cancel()
            await asyncio.gather(reply, return_exceptions=True)
            ask("curious", Want(job, name_of(SMALL), (1,)))
            await until(lambda: len([piece for piece in pieces if piece.rejected]) == 6)
            assert len([piece for piece in pieces if piece.data]) == 1, "the job is closed"
            assert store.reads == [name_of(SMALL)]
    assert len([record for record in caplog.records if "does not name" in record.message]) == 1


@pytest.mark.parametrize(
    ("accepts", "sees"),
    [((), True), (("relabel", "unmerged", "answer_now"), True), (("unmerged", "media"), False)],
    ids=["first release", "without media", "blind"],
)
async def test_a_worker_without_pictures_gets_older_turns_without_them_and_no_newest_one(
    broker: Mosquitto, accepts: tuple[str, ...], sees: bool
) -> None:
    store = Store(SMALL)
    async with gateway(broker, store) as here, played(broker, here, "old", accepts, sees=sees) as (jobs, _, _):
        await here.ready()
        assert [route.can.images for route in here.engine.routes()] == [False]
        assert await here.answer(turn("Look", SMALL), Turn("assistant", "A cat"), turn("Sure?")) == "Yes"
        assert here.left_out == (picture_of(SMALL).id,)
        with pytest.raises(CannotSee):
            await here.answer(turn("Look", SMALL))
        assert [one.pictures for one in jobs[0].request.messages] == [()] * 3
        assert [one.content for one in jobs[0].request.messages] == ["Look", "A cat", "Sure?"]
        async with viewer(broker) as there:
            await here.ready(2)
            assert await here.answer(turn("Look", SMALL)) == names(SMALL)
            assert len(jobs) == 1
            assert len(there.engine.requests) == 1


async def test_a_worker_says_which_of_its_models_see(broker: Mosquitto) -> None:
    async with gateway(broker, Store()) as here, viewer(broker, "blind", sees=False), viewer(broker, "seeing"):
        await here.ready(2)
        assert {status.worker: [model.images for model in status.models] for status in here.engine.workers()} == {
            "blind": [False],
            "seeing": [True],
        }
        assert {route.can.images for route in here.engine.routes()} == {False, True}
    async with gateway(broker, Store()) as here, Worker(ScriptedEngine(can=Can(images=True)), Broker(port=broker.port), name="w"):
        await here.ready()
        (status,) = here.engine.workers()
        assert "media" not in status.accepts, "it has no way to bring pictures to its engine"
        assert not status.models[0].images


@pytest.mark.parametrize("streaming", [True, False])
async def test_pictures_that_a_model_returns_reach_the_gateway_whole(broker: Mosquitto, streaming: bool) -> None:
    pieces = [ImagePiece(0, "image/png", "abcd" * 12_000), ImagePiece(0, "image/png", "end=", last=True)]
    engine = ScriptedEngine([[Chunk("Here: "), *pieces], [Chunk("that's it"), Finished("stop")]])
    beside = Worker(engine, Broker(port=broker.port), name="w", streaming=streaming, max_packet=4096)
    async with gateway(broker, Store()) as here, beside:
        await here.ready()
        assert await here.answer(turn("Draw")) == "Here: that's it"
        got = [event for event in here.events if isinstance(event, ImagePiece)]
        assert "".join(event.data for event in got) == "abcd" * 12_000 + "end="
        assert [event.last for event in got] == [False] * (len(got) - 1) + [True]


async def test_a_server_beside_a_worker_gets_the_pictures_that_fit_and_the_reply_says_which_did_not(broker: Mosquitto) -> None:
    pictures = WorkerPictures()
    async with (
        ScriptedServer(n_ctx=1000) as server,
        OpenAIHttpEngine(server.url, pictures=pictures) as beside,
        gateway(broker, Store(SMALL, MIDDLE, LARGE)) as here,
    ):
        server.sees = True
        async with Worker(beside, Broker(port=broker.port), name="w", pictures=pictures):
            await here.ready()
            assert {route.can.images for route in here.engine.routes()} == {True}
            wide = replace(picture_of(SMALL), width=1000, height=1000)
            older = (Turn("user", "Look", (wide,)), Turn("assistant", "Yes"))
            assert await here.answer(*older, turn("And?", MIDDLE, LARGE)) == "Once upon a time"
            sent = [base64.b64decode(url.partition(",")[2]) for url in pictures_in(server.requests[-1].body)]
            assert sent == [MIDDLE, LARGE]
            assert here.left_out == (wide.id,)
            assert pictures.cache.get(wide.sha256) is None, "what does not fit does not travel"


async def test_a_conversation_with_pictures_over_mqtt(broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path) -> None:
    """Sent, regenerated, edited in another order; and asked about by a worker that comes later."""
    scripted.sees = True
    async with mqtt_gateway(tmp_path / "data", broker, llm_server_url=scripted.url) as here, here.client() as client:
        engine, settings = engine_of(here), here.parts.settings

        def seen() -> list[bytes]:
            return [base64.b64decode(url.partition(",")[2]) for url in pictures_in(scripted.requests[-1].body)]

        async def send(**message: object) -> None:
            await client.call("POST", "/api/chatbot/messages", {"session_id": session} | message)

        async with worker_for(settings, "one"):
            await until(lambda: any(route.can.images and route.ready for route in engine.routes()))
            (model,) = (await client.call("GET", "/api/models"))["models"]
            assert model["can"]["images"] is True
            session = (await client.create_session())["id"]
            ids = [(await uploaded(client, plain(colour)))["id"] for colour in (RED, GREEN, BLUE)]
            stored = [(await fetched(client, one))[2] for one in ids]
            await send(content="What?", images=ids)
            assert seen() == stored
            await send(regenerate=True)
            assert seen() == stored
            await send(content="And now?", images=ids[::-1], parent_id=0)
            assert seen() == stored[::-1]
            assert engine.pictures.sent == 3, "each travelled once"
        await until(lambda: not engine.workers())
        async with worker_for(settings, "two"):
            await until(lambda: any(route.can.images and route.ready for route in engine.routes()))
            await send(content="Sure?")
            assert seen() == stored[::-1], "older pictures stay in the conversation"
            assert engine.pictures.sent == 6
