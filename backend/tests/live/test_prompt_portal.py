"""The dialect of older workers, with one that is written here from the contract: plain MQTT 3.1.1, one answer in one piece."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import gmqtt
import pytest
from click.testing import CliRunner
from gmqtt.mqtt.constants import MQTTv311

from lam.cli import main
from lam.client.client import Client
from lam.engines.prompt_portal import PromptPortalEngine
from lam.errors import LamError
from lam.protocol.events import Done, Error, Metadata, Progress

from ..brokers import Mosquitto
from ..running import Gateway, collect, raw_stream, running_gateway
from ..tunnel import text

pytestmark = [pytest.mark.live, pytest.mark.sqlite]

Request = dict[str, Any]


class OlderWorker:
    """Answers each request with what `answer` makes of it; None: not at all, until the test does it with `send`."""

    def __init__(self, answer: Callable[[Request], bytes | str | None] = lambda request: f"You said: {request['message']}") -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self._client = gmqtt.Client("older-worker")
        self._client.on_message = self._on_message
        self._subscribed = asyncio.Event()
        self._client.on_subscribe = lambda *_: self._subscribed.set()

    async def connect(self, broker: Mosquitto) -> None:
        await self._client.connect("127.0.0.1", broker.port, version=MQTTv311)
        self._client.subscribe("prompt_portal/user_input", qos=1)
        await self._subscribed.wait()

    async def close(self) -> None:
        await self._client.disconnect()

    def send(self, request: Request, payload: bytes | str, *, retain: bool = False) -> None:
        self._client.publish(request["replyTopic"], payload, qos=1, retain=retain)

    def _on_message(self, _client: object, _topic: str, payload: bytes, _qos: int, _properties: object) -> int:
        request = json.loads(payload)
        self.requests.append(request)
        answer = self.answer(request)
        if answer is not None:
            self.send(request, answer)
        return 0


@contextlib.asynccontextmanager
async def older_worker(broker: Mosquitto) -> AsyncIterator[OlderWorker]:
    worker = OlderWorker()
    await worker.connect(broker)
    try:
        yield worker
    finally:
        await worker.close()


@contextlib.asynccontextmanager
async def portal_gateway(data: Path, broker: Mosquitto, **settings: Any) -> AsyncIterator[Gateway]:
    given = {"llm_comm_mode": "mqtt", "mqtt_dialect": "prompt_portal", "mqtt_broker_port": broker.port, "mqtt_chunk_delay": 0}
    async with running_gateway(data, **given | settings) as gateway:
        while not engine_of(gateway).connection.connected:
            await asyncio.sleep(0.01)
        yield gateway


def engine_of(gateway: Gateway) -> PromptPortalEngine:
    engine = gateway.parts.catalog.engines["default"]
    assert isinstance(engine, PromptPortalEngine)
    return engine


async def messages(client: Client, session: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
    return found


async def test_a_request_is_that_of_the_contract_and_the_worker_keeps_the_history(broker: Mosquitto, tmp_path: Path) -> None:
    async with older_worker(broker) as worker, portal_gateway(tmp_path / "data", broker) as gateway, gateway.client() as client:
        session = await client.create_session(system_prompt="Be brief.", temperature=0.5, top_p=0.8, max_tokens=99)
        for content in ("First", "Second"):
            events = await collect(client, session["id"], content)
            metadata, end = events[0], events[-1]
            assert isinstance(metadata, Metadata)
            assert isinstance(end, Done)
            assert end.full_content == text(events) == f"You said: {content}"
            assert (metadata.mode, metadata.simulated, end.simulated) == ("mqtt", True, True)
        first, second = worker.requests
        assert set(first) == {
            *("sessionId", "message", "requestId", "clientId", "replyTopic", "systemPrompt", "temperature", "topP", "maxTokens")
        }
        assert first["sessionId"] == second["sessionId"] == session["session_key"]
        assert (second["message"], second["systemPrompt"], second["temperature"]) == ("Second", "Be brief.", 0.5)
        assert (second["topP"], second["maxTokens"]) == (0.8, 99)
        assert first["requestId"] != second["requestId"]
        assert first["replyTopic"] == (
            f"prompt_portal/assistant_response/{first['sessionId']}/{first['clientId']}/{first['requestId']}"
        )
        health = await client.call("GET", "/api/health")
        assert (health["ready"], health["broker"]["state"], health["workers"]) == (True, "connected", None)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("Plain words", "Plain words"),
        ("", ""),
        ("  spaces stay \n", "  spaces stay \n"),
        ("é" * 3000, "é" * 3000),
        ('{"answer": 42}', '{"answer": 42}'),
        ('{"response": "not ours"}', '{"response": "not ours"}'),
        ('{"requestId": "another", "response": "x"}', '{"requestId": "another", "response": "x"}'),
        ("[1, 2]", "[1, 2]"),
        ('"quoted"', '"quoted"'),
        ("null", "null"),
        ('{"requestId": "%s", "response": "wrapped", "content": "no"}', "wrapped"),
        ('{"requestId": "%s", "content": "{\\"a\\": 1}"}', '{"a": 1}'),
        ('{"requestId": "%s", "response": null, "content": "second"}', "second"),
        ('{"requestId": "%s", "response": ""}', ""),
        ("[" * 5000, "[" * 5000),
    ],
)
async def test_an_answer_is_kept_as_it_is_and_stored_once(broker: Mosquitto, tmp_path: Path, payload: str, expected: str) -> None:
    async with older_worker(broker) as worker, portal_gateway(tmp_path / "data", broker) as gateway, gateway.client() as client:

        def answer(request: Request) -> str:
            whole = payload.replace("%s", request["requestId"])
            worker.send(request, whole)  # twice, as QoS 1 may deliver it
            return whole

        worker.answer = answer
        session = (await client.create_session())["id"]
        sent = await client.call("POST", "/api/chatbot/messages", {"session_id": session, "content": "Say it"})
        assert sent["assistant_message"]["content"] == expected
        whole = payload.replace("%s", worker.requests[0]["requestId"])
        assert sent["raw_response"] == (json.loads(whole) if "%s" in payload else whole)
        found = await messages(client, session)
        assert [(message["role"], message["status"], message["content"]) for message in found] == [
            ("user", "complete", "Say it"),
            ("assistant", "complete", expected),
        ]


@pytest.mark.parametrize("payload", [b"\xff\xfe", '{"requestId": "%s"}', '{"requestId": "%s", "response": 3}'])
async def test_an_answer_without_text_is_an_error(broker: Mosquitto, tmp_path: Path, payload: str | bytes) -> None:
    async with older_worker(broker) as worker, portal_gateway(tmp_path / "data", broker) as gateway, gateway.client() as client:
        worker.answer = lambda request: payload.replace("%s", request["requestId"]) if isinstance(payload, str) else payload
        error = (await collect(client, (await client.create_session())["id"]))[-1]
        assert isinstance(error, Error)
        assert error.code == "llm_error"


async def test_a_late_answer_is_dropped_and_never_shown(broker: Mosquitto, tmp_path: Path) -> None:
    async with (
        older_worker(broker) as worker,
        portal_gateway(tmp_path / "data", broker, llm_timeout=3) as gateway,
        gateway.client() as client,
    ):
        worker.answer = lambda _request: None
        session = (await client.create_session())["id"]
        error = (await collect(client, session, "Late"))[-1]
        assert isinstance(error, Error)
        assert (error.code, error.retryable) == ("timeout", True)
        worker.send(worker.requests[0], "too late")
        while not engine_of(gateway).ignored:
            await asyncio.sleep(0.01)
        worker.answer = lambda _request: "in time"
        assert text(await collect(client, session, "Again")) == "in time"
        assert worker.requests[1]["message"] == "Again", "the worker has the history; only what is new is sent"
        assert "too late" not in str(await messages(client, session))


async def test_a_stop_ends_the_stream_and_the_reply_that_comes_later_is_dropped(broker: Mosquitto, tmp_path: Path) -> None:
    async with older_worker(broker) as worker, portal_gateway(tmp_path / "data", broker) as gateway, gateway.client() as client:
        worker.answer = lambda _request: None
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            metadata = await stream.until(Metadata)
            while not worker.requests:
                await asyncio.sleep(0.01)
            assert isinstance(metadata, Metadata)
            await client.stop(metadata.stream_id or "")
            end = (await stream.rest())[-1]
        assert isinstance(end, Done)
        assert (end.finish_reason, end.full_content) == ("cancelled", "")
        worker.send(worker.requests[0], "too late")
        while not engine_of(gateway).ignored:
            await asyncio.sleep(0.01)
        assert (await messages(client, session))[-1]["content"] == ""


async def test_gateways_of_one_name_on_one_broker_do_not_take_each_others_replies(broker: Mosquitto, tmp_path: Path) -> None:
    async with (
        older_worker(broker) as worker,
        portal_gateway(tmp_path / "one", broker) as one,
        portal_gateway(tmp_path / "two", broker) as two,
        one.client() as client_one,
        two.client() as client_two,
    ):
        worker.answer = lambda _request: None
        sessions = [(await client.create_session())["id"] for client in (client_one, client_two)]
        tasks = [
            asyncio.create_task(collect(client, session, content))
            for client, session, content in zip((client_one, client_two), sessions, ("of one", "of two"), strict=True)
        ]
        while len(worker.requests) < 2:
            await asyncio.sleep(0.01)
        for request in reversed(worker.requests):
            worker.send(request, f"answer {request['message']}")
        assert [text(events) for events in await asyncio.gather(*tasks)] == ["answer of one", "answer of two"]
        assert engine_of(one).ignored == engine_of(two).ignored == 0


async def test_earlier_turns_cannot_be_asked_again(broker: Mosquitto, tmp_path: Path) -> None:
    async with older_worker(broker) as worker, portal_gateway(tmp_path / "data", broker) as gateway, gateway.client() as client:
        session = (await client.create_session())["id"]
        await collect(client, session)
        newest = (await messages(client, session))[-1]["id"]
        for aim in ({"regenerate": True, "content": None}, {"continue": True, "content": None}, {"parent_id": 0}):
            with pytest.raises(LamError) as refused:
                await collect(client, session, **{"content": "x", **aim})
            assert refused.value.code == "not_supported"
        assert text(await collect(client, session, "More", parent_id=newest)) == "You said: More"
        assert len(worker.requests) == 2
        assert len(await messages(client, session)) == 4


async def test_no_title_is_asked_for(broker: Mosquitto, tmp_path: Path) -> None:
    async with (
        older_worker(broker) as worker,
        portal_gateway(tmp_path / "data", broker, lam_titles=True) as gateway,
        gateway.client() as client,
    ):
        session = (await client.create_session())["id"]
        await collect(client, session, "First words")
        await collect(client, session, "More words")
        assert [request["message"] for request in worker.requests] == ["First words", "More words"]
        assert (await client.call("GET", f"/api/chatbot/sessions/{session}"))["title"] == "First words"


async def test_a_broker_that_is_away_and_a_message_that_is_too_large_say_so(broker: Mosquitto, tmp_path: Path) -> None:
    async with (
        older_worker(broker),
        portal_gateway(tmp_path / "data", broker, llm_timeout=1, mqtt_max_packet=8000) as gateway,
        gateway.client() as client,
    ):
        session = (await client.create_session())["id"]
        error = (await collect(client, session, "x" * 9000))[-1]
        assert isinstance(error, Error)
        assert error.code == "too_large"
        broker.kill()
        while engine_of(gateway).connection.connected:
            await asyncio.sleep(0.01)
        error = (await collect(client, session))[-1]
        assert isinstance(error, Error)
        assert (error.code, error.retryable) == ("broker_unreachable", True)


async def test_the_doctor_says_what_cannot_be_known(broker: Mosquitto, tmp_path: Path) -> None:
    settings = {"LLM_COMM_MODE": "mqtt", "MQTT_DIALECT": "prompt_portal", "MQTT_BROKER_PORT": str(broker.port)}
    report = await asyncio.to_thread(CliRunner().invoke, main, ["doctor"], env=settings)
    assert report.exit_code == 0, report.output
    assert f"broker       ok           127.0.0.1:{broker.port} is connected." in report.output
    assert "workers      not checked  Older workers" in report.output


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ("Error: OpenAI API error: the model is gone", "llm_error", "the model is gone"),
        ("Error: Generation failed: CUDA out of memory", "llm_error", "CUDA out of memory"),
        ("Error processing message: no such key", "llm_error", "no such key"),
        ("Error: Rate limit exceeded. Try again later.", "llm_overloaded", "Rate limit exceeded"),
        ("Server is overloaded. Please try again in a moment.", "llm_overloaded", "overloaded"),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
async def test_the_workers_own_failures_are_not_the_models_words(
    answer: str, code: str, words: str, wrapped: bool, broker: Mosquitto, tmp_path: Path
) -> None:
    async with older_worker(broker) as worker, portal_gateway(tmp_path / "data", broker) as gateway, gateway.client() as client:
        worker.answer = lambda request: json.dumps({"requestId": request["requestId"], "response": answer}) if wrapped else answer
        session = (await client.create_session())["id"]
        error = (await collect(client, session))[-1]
        assert isinstance(error, Error)
        assert error.code == code
        assert words in error.message
        (_, stored) = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
        assert (stored["status"], stored["content"]) == ("failed", "")


@pytest.mark.parametrize("answer", ["Error: yours, not mine", "An Error: Generation failed: is what it says", "Errors are human."])
async def test_answers_that_only_speak_of_errors_are_answers(answer: str, broker: Mosquitto, tmp_path: Path) -> None:
    async with older_worker(broker) as worker, portal_gateway(tmp_path / "data", broker) as gateway, gateway.client() as client:
        worker.answer = lambda _: answer
        done = (await collect(client, (await client.create_session())["id"]))[-1]
        assert isinstance(done, Done)
        assert done.full_content == answer


async def test_another_system_prompt_begins_another_conversation_there(broker: Mosquitto, tmp_path: Path) -> None:
    async with older_worker(broker) as worker, portal_gateway(tmp_path / "data", broker) as gateway, gateway.client() as client:
        session = await client.create_session(system_prompt="Be brief.")
        path = f"/api/chatbot/sessions/{session['id']}"
        await collect(client, session["id"], "One")
        await collect(client, session["id"], "Two")
        await client.call("PATCH", path, {"system_prompt": "Be verbose."})
        await collect(client, session["id"], "Three")
        await collect(client, session["id"], "Four", system_prompt="")
        worker.answer = lambda _: "Error: Generation failed: x"  # a failed reply began the conversation all the same
        await collect(client, session["id"], "Five", system_prompt="Be brief.")
        worker.answer = lambda _: "fine"
        await collect(client, session["id"], "Six")
        names = [request["sessionId"] for request in worker.requests]
        prompts = [request["systemPrompt"] for request in worker.requests]
    assert names[0] == names[1] == session["session_key"]
    assert len(set(names)) == 4
    assert names[4] == names[5]
    assert prompts == ["Be brief.", "Be brief.", "Be verbose.", None, "Be brief.", "Be brief."]


async def test_temperature_zero_is_not_taken_for_none(broker: Mosquitto, tmp_path: Path) -> None:
    async with older_worker(broker) as worker, portal_gateway(tmp_path / "data", broker) as gateway, gateway.client() as client:
        await collect(client, (await client.create_session())["id"], temperature=0)
    assert 0 < worker.requests[0]["temperature"] < 0.01


async def test_without_a_worker_the_wait_says_so_and_one_that_comes_answers(broker: Mosquitto, tmp_path: Path) -> None:
    async with portal_gateway(tmp_path / "data", broker) as gateway, gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            while not any(isinstance(event, Progress) and event.stage == "unreachable" for _, event in stream.events):
                assert await stream.read()
            assert not (await client.call("GET", "/api/health"))["ready"]
            async with older_worker(broker):
                done = (await stream.rest())[-1]
        assert isinstance(done, Done)
        assert done.full_content == "You said: Hello"
        assert (await client.call("GET", "/api/health"))["ready"]


async def test_without_a_worker_until_the_timeout_there_is_none(broker: Mosquitto, tmp_path: Path) -> None:
    async with portal_gateway(tmp_path / "data", broker, llm_timeout=1.5) as gateway, gateway.client() as client:
        error = (await collect(client, (await client.create_session())["id"]))[-1]
        assert isinstance(error, Error)
        assert (error.code, error.retryable) == ("no_worker", True)


@pytest.mark.parametrize(
    ("payload", "ready"),
    [
        (b"online", True),
        (b"offline", False),
        (b'{"status": "offline"}', False),
        (b'{"state": "running", "n": 1}', True),
        (b'"\xff"', True),
    ],
)
async def test_a_worker_that_tells_its_status_is_believed(payload: bytes, ready: bool, broker: Mosquitto, tmp_path: Path) -> None:
    async with older_worker(broker) as worker, portal_gateway(tmp_path / "data", broker) as gateway, gateway.client() as client:
        worker._client.publish("prompt_portal/status", payload, qos=1, retain=True)
        while engine_of(gateway)._worker is None:
            await asyncio.sleep(0.01)
        assert (await client.call("GET", "/api/health"))["ready"] is ready


async def test_a_long_answer_is_shown_in_a_few_seconds(broker: Mosquitto, tmp_path: Path) -> None:
    """100 000 characters, ten a chunk with a pause of 10 ms, would take more than a minute and a half."""
    async with (
        older_worker(broker) as worker,
        portal_gateway(tmp_path / "data", broker, mqtt_chunk_delay=0.01) as gateway,
        gateway.client() as client,
    ):
        worker.answer = lambda _: "word " * 20_000
        events = await collect(client, (await client.create_session())["id"])
        assert text(events) == "word " * 20_000
        assert 100 < len(events) < 600


async def test_the_earlier_page_finds_who_it_is(broker: Mosquitto, tmp_path: Path) -> None:
    async with portal_gateway(tmp_path / "data", broker) as gateway, gateway.client() as client:
        assert await client.call("GET", "/api/profile/me") == await client.call("GET", "/api/auth/me")
