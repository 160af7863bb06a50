"""mqtt mode with a real Mosquitto and real worker processes: killed, frozen, told to stop; the broker killed; bad input."""

import asyncio
import itertools
import json
import signal
from pathlib import Path

import pytest
from msgspec import UNSET

from lam.engines.mqtt_workers import MqttWorkersEngine
from lam.engines.open_job import Silences
from lam.errors import LamError
from lam.gateway import Bounds
from lam.generation.pump import Limits
from lam.mqtt.connection import Broker, Connection, Pace
from lam.protocol.events import Chunk, Done, Error, Event, Metadata, Progress, Thinking
from lam.protocol.jobs import (
    Accepted,
    Control,
    Failed,
    Frame,
    FrameEvent,
    Job,
    JobFinished,
    Rejected,
    ServedModel,
    WorkerStatus,
    decode,
    decode_frame,
    encode,
    finish_reason,
)
from lam.protocol.topics import Topics
from lam.testing.server import Reply, ScriptedServer
from lam.worker.worker import Beats

from ..brokers import Mosquitto, running_mosquitto
from ..conftest import find_program
from ..running import collect, raw_stream, worker_for
from ..tunnel import break_connection, engine_of, mqtt_gateway, text, until_ready, worker_process

pytestmark = [pytest.mark.live, pytest.mark.sqlite, pytest.mark.timeout(120)]
PATIENT = Bounds(silences=Silences(accept=30))
"""Of gateways whose workers may be held up and give nothing away."""


async def test_two_worker_processes_serve_one_gateway(broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.slots = 1
    scripted.reply = Reply(("a", "b"), hold=True)
    async with (
        mqtt_gateway(tmp_path / "data", broker) as gateway,
        gateway.client() as client,
        worker_process(scripted.url, broker, "one", "--slots", "1") as one,
        worker_process(scripted.url, broker, "two", "--slots", "1"),
    ):
        await until_ready(gateway, 2)
        health = await client.call("GET", "/api/health")
        assert (health["mode"], health["engine"]["slots"], health["broker"]["state"]) == ("mqtt", 2, "connected")
        assert [worker["name"] for worker in health["workers"]] == ["one", "two"]
        sessions = [(await client.create_session())["id"] for _ in range(3)]
        queued = asyncio.Event()

        async def read(session_id: int) -> list[Event]:
            events: list[Event] = []
            async for event in client.send(session_id, "Hello"):
                events.append(event)
                if isinstance(event, Progress) and event.stage == "queued":
                    queued.set()
            return events

        tasks = [asyncio.create_task(read(session)) for session in sessions]
        await scripted.arrival(2)
        await queued.wait()
        assert len(scripted.requests) == 2, "the third waits at the gateway"
        scripted.step(6)
        replies = await asyncio.gather(*tasks)
        assert all(isinstance(events[-1], Done) and text(events) == "ab" for events in replies)
        broker.kill()
        broker.start()
        while any(worker.is_silent for worker in engine_of(gateway)._workers.all()) or engine_of(gateway).connection.reconnects < 2:
            await asyncio.sleep(0.01)
        one.terminate()
        assert one.stderr
        said = (await one.stderr.read()).decode()
        assert await one.wait() == 0
        assert said.endswith("Stopped.\n")
        assert "Traceback" not in said
        while len(engine_of(gateway).workers()) > 1:
            await asyncio.sleep(0.01)


async def test_a_worker_killed_before_its_first_event_loses_nothing_and_after_it_the_run_says_so(
    broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path
) -> None:
    bounds, data = Bounds(silences=Silences(away=1)), tmp_path / "data"
    async with mqtt_gateway(data, broker, bounds=bounds, lam_healing=False) as gateway, gateway.client() as client:
        session = (await client.create_session())["id"]
        scripted.reply = Reply(("never",), progress=10_000, wait=0.05)
        async with worker_process(scripted.url, broker, "one") as one:
            await until_ready(gateway)
            async with raw_stream(client, session) as stream:
                await stream.until(Progress)
                scripted.reply = Reply(("given ", "away ", "and more"), hold=True)
                async with worker_process(scripted.url, broker, "two") as two:
                    await until_ready(gateway, 2)
                    one.kill()
                    scripted.step(2)
                    while text([event for _, event in stream.events]) != "given away ":
                        assert await stream.read()
                    two.kill()
                    error = (await stream.rest())[-1]
        assert isinstance(error, Error)
        assert (error.code, error.retryable) == ("worker_lost", True)
        reply = (await client.call("GET", f"/api/chatbot/sessions/{session}/messages"))[-1]
        assert (reply["status"], reply["content"]) == ("interrupted", "given away ")
        assert engine_of(gateway).given_away == 1


async def test_a_broker_that_dies_and_returns_ends_nothing(broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path) -> None:
    pieces = tuple(f"{number} " for number in range(300))
    scripted.reply = Reply(pieces, rate=60)
    async with (
        mqtt_gateway(tmp_path / "data", broker) as gateway,
        gateway.client() as client,
        worker_process(scripted.url, broker, "one"),
    ):
        await until_ready(gateway)
        sessions = [(await client.create_session())["id"] for _ in range(4)]
        tasks = [asyncio.create_task(collect(client, session)) for session in sessions]
        await scripted.arrival(4)
        for _ in range(3):
            await asyncio.sleep(0.7)  # Time itself: some of the reply comes in between
            broker.kill()
            await asyncio.sleep(0.2)  # Time itself: the broker is away so long
            broker.start()
        for events in await asyncio.gather(*tasks):
            assert isinstance(events[-1], Done)
            assert events[-1].full_content == text(events) == "".join(pieces)
        assert engine_of(gateway).connection.reconnects > 1


async def test_a_worker_whose_connection_breaks_goes_on_where_it_was(
    broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path
) -> None:
    """The broker tells its will; the worker comes back and is asked for what it published meanwhile."""
    pace = Pace(first_pause=2)
    pieces = tuple(f"{number} " for number in range(200))
    scripted.reply = Reply(pieces, hold=True)
    async with (
        mqtt_gateway(tmp_path / "data", broker, bounds=Bounds(broker=pace), llm_server_url=scripted.url) as gateway,
        gateway.client() as client,
        worker_for(gateway.parts.settings, pace=pace) as worker,
    ):
        await until_ready(gateway)
        async with raw_stream(client, (await client.create_session())["id"]) as stream:
            await scripted.arrival()
            scripted.step(20)
            await stream.until(Chunk)
            for _ in range(2):
                break_connection(worker.connection)
                while engine_of(gateway).workers():
                    await asyncio.sleep(0.001)
                scripted.step(60)
                await until_ready(gateway)
            scripted.step(len(pieces))
            events = await stream.rest()
        assert isinstance(events[-1], Done)
        assert events[-1].full_content == text(events) == "".join(pieces)
        assert engine_of(gateway).resumed >= 2
        assert worker.connection.reconnects == 3


async def test_a_gateway_whose_connection_breaks_loses_no_reply(
    broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path
) -> None:
    """The broker tells the workers its will; the gateway comes back before they drop its jobs."""
    pieces = tuple(f"{number} " for number in range(150))
    scripted.reply = Reply(pieces, rate=60)
    async with (
        mqtt_gateway(tmp_path / "data", broker, llm_server_url=scripted.url) as gateway,
        gateway.client() as client,
        worker_for(gateway.parts.settings) as worker,
    ):
        await until_ready(gateway)
        async with raw_stream(client, (await client.create_session())["id"]) as stream:
            await stream.until(Chunk)
            break_connection(engine_of(gateway).connection)
            while not worker._gone:
                await asyncio.sleep(0.001)
            events = await stream.rest()
        assert isinstance(events[-1], Done)
        assert events[-1].full_content == text(events) == "".join(pieces)
        assert not worker._gone


async def test_a_broker_that_is_away_for_longer_than_a_worker_may_be_silent_ends_nothing(
    broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pace = Pace(longest_pause=0.3)  # else the worker may be back too late for that
    bounds = Bounds(broker=pace, silences=Silences(silent=1, give_up=4))
    pieces = tuple(f"{number} " for number in range(120))
    scripted.reply = Reply(pieces, rate=30)
    async with (
        mqtt_gateway(tmp_path / "data", broker, bounds=bounds, llm_server_url=scripted.url) as gateway,
        gateway.client() as client,
        worker_for(gateway.parts.settings, pace=pace),
    ):
        await until_ready(gateway)
        async with raw_stream(client, (await client.create_session())["id"]) as stream:
            await stream.until(Chunk)
            broker.kill()
            await asyncio.sleep(5)  # Time itself: longer than a silent worker is waited for
            broker.start()
            events = await stream.rest()
        assert isinstance(events[-1], Done)
        assert events[-1].full_content == text(events) == "".join(pieces)


async def test_a_broker_that_froze_is_noticed_though_much_is_unsent(broker: Mosquitto) -> None:
    """A close that waits until all is sent would not end before TCP gives up."""
    async with Connection(Broker(port=broker.port, pace=Pace(keep_alive=1)), "one-00000000") as connection:
        while not connection.connected:
            await asyncio.sleep(0.01)
        broker.freeze()
        for _ in range(20):
            connection.publish("a/b", b"x" * 500_000)
        while connection.connected:
            await asyncio.sleep(0.01)
        assert "was lost" in (connection.problem or "")


async def test_a_worker_that_is_told_to_stop_while_the_broker_is_away_still_brings_its_reply(
    broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path
) -> None:
    pieces = tuple(f"{number} " for number in range(50))
    scripted.reply = Reply(pieces, rate=50)
    async with (
        mqtt_gateway(tmp_path / "data", broker) as gateway,
        gateway.client() as client,
        worker_process(scripted.url, broker, "one") as one,
    ):
        await until_ready(gateway)
        async with raw_stream(client, (await client.create_session())["id"]) as stream:
            await stream.until(Chunk)
            broker.kill()
            one.terminate()
            while scripted.active:
                await asyncio.sleep(0.01)
            broker.start()
            events = await stream.rest()
        assert isinstance(events[-1], Done)
        assert events[-1].full_content == text(events) == "".join(pieces)
        assert await one.wait() == 0


async def test_a_worker_that_does_not_know_a_job_any_more_ends_the_run(broker: Mosquitto, tmp_path: Path) -> None:
    """A worker played by the test: one word, then a gap, and no memory when it is asked about that."""
    async with (
        mqtt_gateway(tmp_path / "data", broker, llm_model="m", lam_healing=False) as gateway,
        gateway.client() as client,
        Connection(Broker(port=broker.port), "played-00000001") as played,
    ):
        topics = engine_of(gateway).topics
        asked: list[str | None] = []

        def take_job(_topic: str, payload: bytes, _retained: bool) -> None:
            job = decode(payload, Job)
            asked.append(job.request.model)
            played.publish(job.reply_to, encode(Frame(job.job, 1, (Accepted("m"), Chunk("word")))))
            played.publish(job.reply_to, encode(Frame(job.job, 3, (Chunk("lost"),))))

        def control(_topic: str, payload: bytes, _retained: bool) -> None:
            said = decode(payload, Control)
            if said.reply_to:
                played.publish(said.reply_to, encode(Frame(said.job, 1, (Rejected("unknown_job"),))))

        played.subscribe(topics.job("played"), take_job)
        played.subscribe(topics.control("played"), control)
        while not played.connected:
            await asyncio.sleep(0.01)
        status = WorkerStatus(
            worker="played", instance="00000001", state="ready", models=(ServedModel("m"), ServedModel("n")), slots=1
        )
        played.publish(topics.worker_status("played"), encode(status))
        await until_ready(gateway)
        events = await collect(client, (await client.create_session())["id"])
    assert isinstance(events[-1], Error)
    assert (events[-1].code, text(events)) == ("worker_lost", "word")
    assert asked == ["m"], "the gateway's own model is asked for"


async def test_a_stop_while_the_worker_is_away_frees_the_model_when_it_returns(
    broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The release reaches nobody; the gateway's list of open jobs tells."""
    pace = Pace(first_pause=5)
    bounds = Bounds(broker=pace, silences=Silences(status=0.2))
    scripted.reply = Reply(("word ",) * 10_000, rate=50)
    async with (
        mqtt_gateway(tmp_path / "data", broker, bounds=bounds, llm_server_url=scripted.url) as gateway,
        gateway.client() as client,
        worker_for(gateway.parts.settings, pace=pace, beats=Beats(listed=0.5)) as worker,
    ):
        await until_ready(gateway)
        async with raw_stream(client, (await client.create_session())["id"]) as stream:
            metadata = await stream.until(Metadata)
            await stream.until(Chunk)
            break_connection(worker.connection)
            while engine_of(gateway).workers():
                await asyncio.sleep(0.001)
            assert isinstance(metadata, Metadata)
            await client.stop(metadata.stream_id or "")
            end = (await stream.rest())[-1]
        assert isinstance(end, Done)
        assert end.finish_reason == "cancelled"
        assert scripted.active, "nobody could tell the worker"
        async with asyncio.timeout(20):
            while scripted.active:
                await asyncio.sleep(0.01)
        assert not worker._jobs


async def test_a_gateway_starts_without_a_broker_and_says_so(broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path) -> None:
    broker.kill()
    bounds = Bounds(broker=Pace(longest_pause=0.3))
    async with mqtt_gateway(tmp_path / "data", broker, bounds=bounds, llm_timeout=5) as gateway, gateway.client() as client:
        health = await client.call("GET", "/api/health")
        assert (health["ready"], health["broker"]["state"]) == (False, "unreachable")
        error = (await collect(client, (await client.create_session())["id"]))[-1]
        assert isinstance(error, Error)
        assert (error.code, error.retryable) == ("broker_unreachable", True)
        broker.start()
        while not engine_of(gateway).connection.connected:
            await asyncio.sleep(0.01)
        error = (await collect(client, (await client.create_session())["id"]))[-1]
        assert isinstance(error, Error)
        assert error.code == "no_worker"
        async with worker_process(scripted.url, broker, "one"):
            await until_ready(gateway)
            assert isinstance((await collect(client, (await client.create_session())["id"]))[-1], Done)


async def test_a_gateway_that_is_gone_frees_the_model(broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(("word ",) * 10_000, rate=50)
    async with worker_process(scripted.url, broker, "one"):
        async with mqtt_gateway(tmp_path / "data", broker) as gateway, gateway.client() as client:
            await until_ready(gateway)
            async with raw_stream(client, (await client.create_session())["id"], on_disconnect="continue") as stream:
                await stream.until(Chunk)
                break_connection(engine_of(gateway).connection)  # as if the process were killed
                await engine_of(gateway).connection._tasks.close()
                async with asyncio.timeout(20):
                    while scripted.active:
                        await asyncio.sleep(0.01)


async def test_a_frozen_worker_that_wakes_cannot_add_to_a_job_that_was_given_away(
    broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path
) -> None:
    async with (
        mqtt_gateway(tmp_path / "data", broker) as gateway,
        gateway.client() as client,
        worker_process(scripted.url, broker, "one") as one,
    ):
        await until_ready(gateway)
        one.send_signal(signal.SIGSTOP)
        task = asyncio.create_task(collect(client, (await client.create_session())["id"]))
        async with worker_process(scripted.url, broker, "two"):
            await until_ready(gateway, 2)
            events = await task
            assert isinstance(events[-1], Done)
            assert text(events) == "Once upon a time"
            one.send_signal(signal.SIGCONT)
            while not engine_of(gateway).ignored:
                await asyncio.sleep(0.01)
            assert text(await collect(client, (await client.create_session())["id"])) == "Once upon a time"


@pytest.mark.parametrize(("size", "delay"), [(4, 0.0), (0, 0.01), (10, 0.001)])
async def test_an_answer_in_one_piece_is_paced_and_marked(
    size: int, delay: float, broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path
) -> None:
    whole = "Once upon a time 👩‍👩‍👧 there was é"
    scripted.reply = Reply(tuple(whole), thinking=("h", "m"))
    settings = {"mqtt_chunk_size": size, "mqtt_chunk_delay": delay}
    async with mqtt_gateway(tmp_path / "data", broker, **settings) as gateway, gateway.client() as client:
        async with worker_process(scripted.url, broker, "one", "--no-stream"):
            await until_ready(gateway)
            events = await collect(client, (await client.create_session())["id"])
    metadata, end = events[0], events[-1]
    assert isinstance(metadata, Metadata)
    assert isinstance(end, Done)
    assert (metadata.simulated, end.simulated, end.full_content) == (True, True, whole)
    assert [event for event in events if isinstance(event, Thinking)] == [Thinking("hm")]
    chunks = [event.content for event in events if isinstance(event, Chunk)]
    assert "".join(chunks) == whole
    assert len(chunks) == 1 if size == 0 else all(len(chunk) >= size for chunk in chunks[:-1])
    assert size == 0 or any("👩‍👩‍👧" in chunk for chunk in chunks), "no cluster is cut"


async def test_a_stop_while_an_answer_is_paced_keeps_what_was_shown(
    broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.reply = Reply(("word " * 1000,))
    async with mqtt_gateway(tmp_path / "data", broker, mqtt_chunk_delay=0.05) as gateway, gateway.client() as client:
        async with worker_process(scripted.url, broker, "one", "--no-stream"):
            await until_ready(gateway)
            async with raw_stream(client, (await client.create_session())["id"]) as stream:
                first = await stream.until(Metadata)
                assert isinstance(first, Metadata)
                await stream.until(Chunk)
                await client.stop(first.stream_id or "")
                events = await stream.rest()
    end = events[-1]
    assert isinstance(end, Done)
    assert (end.finish_reason, end.full_content) == ("cancelled", text(events))
    assert 0 < len(end.full_content) < 5000


async def test_where_workers_differ_the_one_that_took_the_job_says_whether_it_streams(
    broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path
) -> None:
    """And while a worker that answers in one piece is busy, the wait is told again and again."""
    bounds = Bounds(pump=Limits(repeat=0.1))
    scripted.slots = 4
    scripted.reply = Reply(("in ", "one ", "piece"), hold=True)
    async with (
        mqtt_gateway(tmp_path / "data", broker, bounds=bounds) as gateway,
        gateway.client() as client,
        worker_process(scripted.url, broker, "streams", "--slots", "1"),
        worker_process(scripted.url, broker, "whole", "--slots", "1", "--no-stream"),
    ):
        await until_ready(gateway, 2)
        sessions = [(await client.create_session())["id"] for _ in range(2)]
        async with raw_stream(client, sessions[0]) as one, raw_stream(client, sessions[1]) as two:
            for stream in (one, two):
                while sum(isinstance(event, Progress) for _, event in stream.events) < 4:
                    assert await stream.read()
            scripted.step(6)
            replies = [await stream.rest() for stream in (one, two)]
        told = []
        for events in replies:
            metadata, end = events[0], events[-1]
            assert isinstance(metadata, Metadata)
            assert isinstance(end, Done)
            assert metadata.simulated is None
            (simulated,) = {event.simulated for event in events if isinstance(event, Progress) and event.simulated is not UNSET}
            assert simulated == end.simulated
            assert end.full_content == text(events) == "in one piece"
            told.append(simulated)
        assert sorted(told) == [False, True]


async def test_a_message_larger_than_a_packet_ends_its_own_run_only(scripted: ScriptedServer, tmp_path: Path) -> None:
    """The broker's own limit, which it tells both sides (MQTT 5)."""
    scripted.slots = 20
    scripted.reply = Reply(("a ", "b ", "c"), rate=5)
    with running_mosquitto(find_program("mosquitto"), "allow_anonymous true\nmax_packet_size 20000") as strict:
        async with (
            mqtt_gateway(tmp_path / "data", strict, bounds=PATIENT, llm_server_url=scripted.url) as gateway,
            gateway.client() as client,
            worker_for(gateway.parts.settings),
        ):
            await until_ready(gateway)
            sessions = [(await client.create_session())["id"] for _ in range(20)]
            tasks = [asyncio.create_task(collect(client, session)) for session in sessions[1:]]
            await scripted.arrival(19)
            error = (await collect(client, sessions[0], "x" * 30_000))[-1]
            assert isinstance(error, Error)
            assert (error.code, error.retryable) == ("too_large", False)
            assert all(text(events) == "a b c" for events in await asyncio.gather(*tasks))
            scripted.reply = Reply(("é" * 50_000,))
            assert text(await collect(client, sessions[1])) == "é" * 50_000, "frames are cut below the limit"
            engine = engine_of(gateway)
            assert (engine.connection.reconnects, engine.resumed, engine.given_away) == (1, 0, 0)


async def test_of_two_gateways_and_two_workers_of_one_name_none_throws_another_off(
    broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path
) -> None:
    """One of the workers has a clock that is an hour off; the other one repeats its status all the time."""
    scripted.slots = 20
    scripted.reply = Reply(tuple(f"{number} " for number in range(40)), rate=40)
    async with (
        mqtt_gateway(tmp_path / "one", broker, bounds=PATIENT, llm_server_url=scripted.url) as one,
        mqtt_gateway(tmp_path / "two", broker, bounds=PATIENT) as two,
        one.client() as client_one,
        two.client() as client_two,
        worker_for(one.parts.settings, "same", beats=Beats(status=0.2)) as older,
    ):
        for gateway in (one, two):
            await until_ready(gateway)
        late = "import time; now = time.time; time.time = lambda: now() + 3600"
        async with worker_process(scripted.url, broker, "same", before=late) as newer:
            for gateway in (one, two):
                while [seen.instance for seen in engine_of(gateway).workers()] == [older.instance]:
                    await asyncio.sleep(0.01)
                await until_ready(gateway)
            clients = [client_one, client_two] * 4
            sessions = [(await client.create_session())["id"] for client in clients]
            replies = await asyncio.gather(*(collect(client, session) for client, session in zip(clients, sessions, strict=True)))
            assert all(isinstance(events[-1], Done) for events in replies)
            assert {text(events) for events in replies} == {"".join(scripted.reply.pieces)}
            for gateway in (one, two):
                engine = engine_of(gateway)
                assert (engine.connection.reconnects, engine.given_away) == (1, 0)
            assert older.connection.reconnects == 1
            newer.terminate()
            assert await newer.wait() == 0
        for gateway in (one, two):  # the name is free again
            while [seen.instance for seen in engine_of(gateway).workers()] != [older.instance]:
                await asyncio.sleep(0.05)
        assert isinstance((await collect(client_one, sessions[0]))[-1], Done)


async def test_a_worker_does_not_speak_for_another_one_of_its_name(
    broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path
) -> None:
    """After an outage the gateway asks for the rest of each reply, and both workers hear it."""
    scripted.slots = 20
    scripted.reply = Reply(tuple(f"{number} " for number in range(100)), rate=40)
    async with (
        mqtt_gateway(tmp_path / "data", broker, llm_server_url=scripted.url) as gateway,
        gateway.client() as client,
        worker_for(gateway.parts.settings, "same") as older,
    ):
        await until_ready(gateway)
        engine = engine_of(gateway)
        async with worker_process(scripted.url, broker, "same"):
            while [seen.instance for seen in engine.workers()] == [older.instance]:
                await asyncio.sleep(0.01)
            await until_ready(gateway)
            async with raw_stream(client, (await client.create_session())["id"]) as stream:
                await stream.until(Chunk)
                assert not older._jobs
                break_connection(engine.connection)
                events = await stream.rest()
    assert not any(isinstance(event, Progress) and event.stage == "recovering" for event in events)
    assert isinstance(events[-1], Done)
    assert events[-1].full_content == text(events) == "".join(scripted.reply.pieces)


async def test_what_a_worker_could_not_hear_in_an_outage_does_not_end_its_jobs(
    broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path
) -> None:
    """The gateway's connection breaks, then the worker's; the gateway is back first, and its word went unheard."""
    scripted.reply = Reply(tuple(f"{number} " for number in range(150)), rate=60)
    async with (
        mqtt_gateway(tmp_path / "data", broker, llm_server_url=scripted.url) as gateway,
        gateway.client() as client,
        worker_for(gateway.parts.settings, beats=Beats(watch=0.005)) as worker,
    ):
        await until_ready(gateway)
        async with raw_stream(client, (await client.create_session())["id"]) as stream:
            await stream.until(Chunk)
            break_connection(engine_of(gateway).connection)
            while not worker._gone:
                await asyncio.sleep(0.001)
            break_connection(worker.connection)
            while worker.connection.connected:
                await asyncio.sleep(0)
            worker._gone = {topic: at - 60 for topic, at in worker._gone.items()}  # as if the outage had taken a minute
            events = await stream.rest()
    assert not any(isinstance(event, Progress) and event.stage == "recovering" for event in events)
    assert isinstance(events[-1], Done)
    assert events[-1].full_content == text(events) == "".join(scripted.reply.pieces)


async def test_messages_that_mean_nothing_are_ignored_by_both_sides(
    broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.reply = Reply(("a ", "b ", "c"), hold=True)
    async with (
        mqtt_gateway(tmp_path / "data", broker, llm_server_url=scripted.url) as gateway,
        gateway.client() as client,
        worker_for(gateway.parts.settings) as worker,
        Connection(Broker(port=broker.port), "stranger-1") as stranger,
    ):
        await until_ready(gateway)
        engine = engine_of(gateway)
        task = asyncio.create_task(collect(client, (await client.create_session())["id"]))
        await scripted.arrival()
        while not stranger.connected:
            await asyncio.sleep(0.01)
        (job,) = engine._jobs
        topics = engine.topics
        bad = [b"", b"{", b"[]", b"null", b'{"job": 1}', b"\xff\xfe", b'{"job": "x", "seq": 0}', b"[" * 100_000]
        frames = topics.frames(engine.name, engine.instance, worker.name, job)
        forged = b'{"job": "%s", "seq": 2, "events": [{"type": "chunk", "content": "forged"}]}' % job.encode()
        for payload in bad:
            for topic in (topics.job("worker"), topics.control("worker"), topics.worker_status("worker"), frames):
                stranger.publish(topic, payload)
            stranger.publish(topics.worker_status("other"), payload)
            stranger.publish(topics.gateway_status("g", "00000000"), payload)
        stranger.publish(topics.frames(engine.name, engine.instance, "other", job), forged)
        stranger.publish(topics.frames(engine.name, engine.instance, worker.name, "unknown"), forged)
        await stranger.flushed(5)
        scripted.step(3)
        events = await task
        assert isinstance(events[-1], Done)
        assert text(events) == "a b c"
        assert engine.ignored > 10
        scripted.step(3)
        assert text(await collect(client, (await client.create_session())["id"])) == "a b c"


async def test_a_gap_is_asked_for_again_and_a_duplicate_dropped(broker: Mosquitto, tmp_path: Path) -> None:
    """A worker played by the test, on the wire: its second frame is lost, its third comes twice, and its last is lost too."""
    asked: list[Control] = []
    async with (
        mqtt_gateway(tmp_path / "data", broker) as gateway,
        gateway.client() as client,
        Connection(Broker(port=broker.port), "played-00000001") as played,
    ):
        topics = engine_of(gateway).topics
        frames: list[bytes] = []

        def take_job(_topic: str, payload: bytes, _retained: bool) -> None:
            job = decode(payload, Job)
            batches: list[tuple[FrameEvent, ...]] = [
                *((Accepted("m"),), (Chunk("a"),), (Chunk("b"),)),
                (Chunk("c"), JobFinished(finish_reason="stop")),
            ]
            frames.extend(encode(Frame(job.job, number, batch)) for number, batch in enumerate(batches, 1))
            for number in (1, 3, 3):
                played.publish(job.reply_to, frames[number - 1])

        def control(_topic: str, payload: bytes, _retained: bool) -> None:
            said = decode(payload, Control)
            asked.append(said)
            if said.action == "resume" and said.reply_to:
                for frame in frames[said.after : 3] if said.after < 3 else frames[3:]:
                    played.publish(said.reply_to, frame)
                if said.after < 3:
                    played.publish(said.reply_to, encode(Frame(said.job, 4)))  # a beat that names the lost last one

        played.subscribe(topics.job("played"), take_job)
        played.subscribe(topics.control("played"), control)
        while not played.connected:
            await asyncio.sleep(0.01)
        status = WorkerStatus(worker="played", instance="00000001", state="ready", models=(ServedModel("m"),), slots=1)
        played.publish(topics.worker_status("played"), encode(status))
        await until_ready(gateway)
        events = await collect(client, (await client.create_session())["id"])
        assert isinstance(events[-1], Done)
        assert events[-1].full_content == text(events) == "abc"
        while not asked or asked[-1].action != "release":
            await asyncio.sleep(0.01)
    said = [(one.action, one.after) for one in asked]  # what is late is asked for again
    assert [one for one, _ in itertools.groupby(said)] == [("resume", 1), ("resume", 3), ("release", 0)]


async def test_a_gateway_that_falls_silent_loses_its_jobs(broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path) -> None:
    """Its connection stands, but it says nothing any more, as when its machine has vanished."""
    bounds = Bounds(silences=Silences(status=3600))
    scripted.reply = Reply(("word ",) * 10_000, rate=50)
    async with (
        mqtt_gateway(tmp_path / "data", broker, bounds=bounds, llm_server_url=scripted.url) as gateway,
        gateway.client() as client,
        worker_for(gateway.parts.settings, beats=Beats(gateway_silent=1)),
    ):
        await until_ready(gateway)
        async with raw_stream(client, (await client.create_session())["id"]) as stream:
            await stream.until(Chunk)
            async with asyncio.timeout(20):
                while scripted.active:
                    await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "absent",
    [
        ("sqlalchemy", "alembic", "asyncpg", "fastapi", "starlette", "uvicorn", "argon2", "filelock", "PIL"),
        ("fcntl", "resource", "pwd", "grp", "termios", "uvloop"),
    ],
    ids=["no database and web framework", "nothing that Windows lacks"],
)
async def test_a_worker_runs_without(broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path, absent: tuple[str, ...]) -> None:
    """Neither does it need signal handlers in its event loop, which Windows' own does not have."""
    before = f"""
import asyncio, sys
sys.modules.update(dict.fromkeys({absent!r}))
def add_signal_handler(*_): raise NotImplementedError
asyncio.SelectorEventLoop.add_signal_handler = add_signal_handler
"""
    async with mqtt_gateway(tmp_path / "data", broker) as gateway, gateway.client() as client:
        async with worker_process(scripted.url, broker, "bare", before=before, anew=True) as process:
            await until_ready(gateway)
            assert text(await collect(client, (await client.create_session())["id"])) == "Once upon a time"
            process.terminate()
            assert await process.wait() == 0


async def test_a_bad_job_is_answered(broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path) -> None:
    heard: list[bytes] = []
    async with (
        mqtt_gateway(tmp_path / "data", broker, llm_server_url=scripted.url) as gateway,
        worker_for(gateway.parts.settings) as worker,
        Connection(Broker(port=broker.port), "g-00000000") as stranger,
    ):
        await until_ready(gateway)
        reply_to = worker.topics.frames("g", "00000000", worker.name, "j1")
        stranger.subscribe(reply_to, lambda _topic, payload, _retained: heard.append(payload))
        while not stranger.connected:
            await asyncio.sleep(0.01)
        bad = b'{"job": "j1", "reply_to": "%s", "request": {}}' % reply_to.encode()
        while not heard:  # the first answers may come before the subscription counts
            stranger.publish(worker.topics.job(worker.name), bad)
            await asyncio.sleep(0.05)
    assert b'"rejected"' in heard[0]
    assert b'"invalid"' in heard[0]


def test_a_name_that_cannot_stand_in_a_topic_is_refused() -> None:
    with pytest.raises(LamError, match="letters, digits"):
        MqttWorkersEngine(Broker(), name="a/b")
    with pytest.raises(LamError, match="MQTT_TOPIC_PREFIX"):
        MqttWorkersEngine(Broker(), prefix="a/#")


async def test_what_was_sent_before_any_worker_was_known_starts_once_one_comes(
    broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path
) -> None:
    async with mqtt_gateway(tmp_path / "data", broker) as gateway, gateway.client() as client:
        sessions = [(await client.create_session())["id"] for _ in range(3)]
        waiting = [asyncio.create_task(collect(client, session)) for session in sessions]
        while gateway.parts.catalog.queue.waiting < 3:
            await asyncio.sleep(0.01)
        async with worker_process(scripted.url, broker, "late", "--slots", "1"):
            replies = await asyncio.wait_for(asyncio.gather(*waiting), 60)
            assert all(isinstance(events[-1], Done) for events in replies)
            assert isinstance((await collect(client, sessions[0], "again"))[-1], Done)


async def test_what_waits_goes_to_the_model_that_a_new_worker_brings(
    broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path
) -> None:
    bounds = Bounds(silences=Silences(away=0.2))
    scripted.reply = Reply(hold=True)
    async with (
        ScriptedServer(model="another") as other,
        mqtt_gateway(tmp_path / "data", broker, bounds=bounds) as gateway,
        gateway.client() as client,
    ):
        first, second = [(await client.create_session())["id"] for _ in range(2)]
        async with worker_process(scripted.url, broker, "one", "--slots", "1") as process:
            await until_ready(gateway)
            running = asyncio.create_task(collect(client, first))
            await scripted.arrival()
            waiting = asyncio.create_task(collect(client, second))
            while gateway.parts.catalog.queue.waiting == 0:
                await asyncio.sleep(0.01)
            process.kill()
            await process.wait()
        async with worker_process(other.url, broker, "two", "--slots", "1"):
            done = (await asyncio.wait_for(waiting, 60))[-1]
            await asyncio.wait_for(running, 60)
    assert isinstance(done, Done)
    assert done.model == "another"


async def test_a_worker_of_the_first_release_gets_turns_merged_and_shorter_ones_when_they_are_too_long(
    broker: Mosquitto, tmp_path: Path
) -> None:
    """It cannot drop turns that were merged, so the gateway does, for as long as something can be dropped."""
    requests: list[Job] = []

    async with mqtt_gateway(tmp_path / "data", broker) as gateway, gateway.client() as client:
        engine = engine_of(gateway)
        connection = Connection(Broker(port=broker.port), "old-worker")

        def job(_topic: str, payload: bytes, _retained: bool) -> None:
            asked = decode(payload, Job)
            requests.append(asked)
            said = sum(len(turn.content) for turn in asked.request.messages)
            last: FrameEvent = (
                Failed(code="context_exceeded", message="too long", retryable=False)
                if said > 100
                else JobFinished(finish_reason="stop")
            )
            events = (Accepted(None), Chunk("Yes"), last) if said <= 100 else (Accepted(None), last)
            connection.publish(asked.reply_to, encode(Frame(asked.job, 1, events)))

        connection.subscribe(engine.topics.job("old"), job)
        async with connection:
            while not connection.connected:
                await asyncio.sleep(0.01)
            status = WorkerStatus(
                worker="old", instance="0" * 8, state="ready", models=(ServedModel("m"),), slots=4, version="0.1.0"
            )
            connection.publish(engine.topics.worker_status("old"), encode(status), retain=True)
            await until_ready(gateway)
            session = (await client.create_session())["id"]
            for _ in range(2):
                error = (await collect(client, session, "x" * 200))[-1]
                assert isinstance(error, Error)
                assert error.code == "context_exceeded"
            for number in range(12):
                done = (await collect(client, session, f"{number} short of it"))[-1]
                assert isinstance(done, Done), number
    assert all(one.role != following.role for job in requests for one, following in itertools.pairwise(job.request.messages))


async def test_to_a_gateway_of_the_first_release_a_worker_speaks_its_words(
    broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path
) -> None:
    """No event, finish reason or stage of waiting that it does not know: it would drop the whole frame."""
    frames: list[bytes] = []
    scripted.reply = Reply(("hm\n", "</think>", "Yes"), finish_reason="content_filter")
    at = Broker(port=broker.port)
    async with worker_process(scripted.url, broker, "new", "--slots", "1"):
        connection, statuses = Connection(at, "old-gateway"), list[WorkerStatus]()
        topics = Topics("lam/v1")
        connection.subscribe(topics.worker_status(), lambda _topic, payload, _: statuses.append(decode(payload, WorkerStatus)))
        connection.subscribe(topics.frames("g", "1" * 8), lambda _topic, payload, _: frames.append(payload))
        async with connection:
            while not statuses or statuses[-1].state != "ready":
                await asyncio.sleep(0.01)
            job = {
                "job": "j1",
                "instance": statuses[-1].instance,
                "reply_to": topics.frames("g", "1" * 8, "new", "j1"),
                "request": {
                    "messages": [{"role": "user", "content": "hi"}],
                    "keep": 0,
                    "max_prompt_tokens": 0,
                    "sampling": {"temperature": 0, "top_p": 1, "max_tokens": 9},
                },
            }
            connection.publish(topics.job("new"), json.dumps(job).encode())
            while not any(b'"finished"' in frame for frame in frames):
                await asyncio.sleep(0.01)
    events = [event for frame in frames for event in json.loads(frame).get("events", [])]
    assert {event["type"] for event in events} <= {"accepted", "progress", "chunk", "finished"}
    assert "".join(event["content"] for event in events if event["type"] == "chunk") == "hm\n</think>Yes"
    assert events[-1]["finish_reason"] == "stop"
    assert isinstance(statuses[-1].version, str)


async def test_events_and_reasons_of_a_later_release_are_passed_over() -> None:
    frame = decode_frame(
        b'{"job": "j", "seq": 2, "events": [{"type": "hologram", "of": 3}, {"type": "chunk", "content": "a"}, '
        b'{"type": "progress", "stage": "teleporting"}, {"type": "finished", "finish_reason": "enlightened"}]}'
    )
    assert [type(event) for event in frame.events] == [Chunk, JobFinished]
    assert finish_reason(frame.events[-1]) == "stop"  # type: ignore[arg-type]
