"""Several gateways have one queue: turns are fair over all of them, and nothing is granted twice when the one that decides dies."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lam.engines.shared_queue import SharedQueue
from lam.errors import Unauthorized
from lam.testing.server import Reply, ScriptedServer

from ..redis_server import RedisServer
from ..running import Gateway
from ..several import gateway_of_several, running_gateways
from ..together import Someone, person_at
from ..waiting import early_in_a_minute, until

pytestmark = [pytest.mark.live, pytest.mark.postgresql, pytest.mark.sse, pytest.mark.timeout(300)]

MANY = 100
HELD = Reply(("word",), hold=True)


class OneByOne:
    """A server that ends a reply when it is told to. `order`: the questions, as they came. `most`: so many it had at once."""

    def __init__(self, server: ScriptedServer, slots: int) -> None:
        self.server = server
        self.order: list[str] = []
        self.most = 0
        self.answer = HELD
        server.slots, server.reply = slots, self.reply

    def reply(self, body: dict[str, Any]) -> Reply:
        self.order.append(body["messages"][-1]["content"])
        self.most = max(self.most, self.server.active + 1)
        return self.answer

    async def until(self, count: int) -> None:
        """Waits for that many questions."""
        await until(lambda: len(self.order) >= count)


async def send(person: Someone, content: str) -> str:
    """Sends a question in a session of its own; nobody has to read the reply. Returns its stream."""
    session = (await person.call("POST", "/api/chatbot/sessions"))["id"]
    return await start_of(person, {"session_id": session, "content": content, "on_disconnect": "continue"})


async def start_of(person: Someone, body: dict[str, Any]) -> str:
    """Sends, and returns the stream that answers."""
    async with person.http.post("/api/chatbot/messages/stream", json=body) as response:
        assert response.status == 200, await response.text()
        async for line in response.content:
            if line.startswith(b"data: "):
                return str(json.loads(line[6:])["stream_id"])
    raise AssertionError("there is no stream")


def queue_of(gateway: Gateway) -> SharedQueue:
    queue = gateway.parts.catalog.queue
    assert isinstance(queue, SharedQueue)
    return queue


async def test_100_waiting_runs_on_one_gateway_delay_another_user_elsewhere_by_one_run(
    scripted: ScriptedServer, redis: RedisServer, tmp_path: Path
) -> None:
    server = OneByOne(scripted, slots=1)
    async with running_gateways(3, tmp_path, redis, llm_server_url=scripted.url) as gateways:
        decides, here, there = gateways  # the first to start
        await until(lambda: queue_of(decides).decides)
        async with person_at([here], "ada") as (ada,), person_at([there], "ben") as (ben,):
            for _ in range(MANY // 10):
                await asyncio.gather(*(send(ada, "many") for _ in range(10)))
            await until(lambda: queue_of(here).waiting == MANY - 1)
            await send(ben, "one")
            await until(lambda: queue_of(there).positions == [1])
            for count in (2, 3):
                scripted.step()
                await server.until(count)
            assert server.order == ["many", "many", "one"]
            server.answer = Reply(("word",))
            scripted.step()
            await until(lambda: not any(one.parts.supervisor.running() for one in gateways))
        assert server.most == 1
        await until(lambda: not any(queue_of(one).in_use for one in gateways))


async def test_when_the_gateway_that_decides_is_killed_the_queue_goes_on_and_grants_nothing_twice(
    scripted: ScriptedServer, redis: RedisServer, tmp_path: Path
) -> None:
    server = OneByOne(scripted, slots=2)
    async with (
        gateway_of_several(tmp_path, redis, "killed", llm_server_url=scripted.url) as (process, first),
        running_gateways(2, tmp_path, redis, llm_server_url=scripted.url) as others,
        person_at([first, *others], "ada") as people,
    ):
        await send(people[1], "keeps its place")
        await server.until(1)
        await send(people[0], "is killed with it")
        await server.until(2)
        for number in range(4):
            await send(people[1 + number % 2], f"waits {number}")
        assert len(server.order) == 2
        process.kill()
        await server.until(3)
        last = await send(people[2], "comes later")
        server.answer = Reply(("word",))
        scripted.step(MANY)
        await until(lambda: not any(one.parts.supervisor.running() for one in others))
        assert server.most == 2
        assert {"comes later", *(f"waits {number}" for number in range(4))} <= set(server.order)
        status, text = await people[1].ask("GET", f"/api/chatbot/streams/{last}")
        assert (status, "done" in text) == (200, True)
        await until(lambda: not any(queue_of(one).in_use for one in others))


@pytest.fixture
async def gateways(scripted: ScriptedServer, redis: RedisServer, tmp_path: Path) -> AsyncIterator[list[Gateway]]:
    async with running_gateways(2, tmp_path, redis, llm_server_url=scripted.url, lam_max_streams_per_user=3) as running:
        yield running


async def test_a_request_that_two_gateways_get_at_the_same_moment_is_carried_out_once(
    gateways: list[Gateway], scripted: ScriptedServer
) -> None:
    async with person_at(gateways, "ada") as people:
        sessions = [(await people[0].call("POST", "/api/chatbot/sessions"))["id"] for _ in range(5)]
        for session in sessions:
            body = {"session_id": session, "content": "Hello", "client_request_id": f"request {session}"}
            streams = await asyncio.gather(*(start_of(person, body) for person in people * 2))
            assert len(set(streams)) == 1
            await until(lambda: not any(one.parts.supervisor.running() for one in gateways))
            assert len(await people[0].call("GET", f"/api/chatbot/sessions/{session}/messages")) == 2
        assert len(scripted.requests) == len(sessions)
        await until(lambda: not any(queue_of(one).in_use for one in gateways))


async def test_an_idempotency_key_on_two_gateways_gets_one_run(gateways: list[Gateway], scripted: ScriptedServer) -> None:
    async with person_at(gateways, "ada") as people:
        key = (await people[0].call("POST", "/api/keys", {"name": "program"}))["secret"]

        async def ask(person: Someone, name: str) -> tuple[int, Any]:
            body = {"model": "scripted", "messages": [{"role": "user", "content": "Hello"}]}
            headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": name}
            async with person.http.post("/v1/chat/completions", json=body, headers=headers) as response:
                return response.status, await response.json()

        for number in range(10):
            answers = await asyncio.gather(*(ask(person, f"key {number}") for person in people * 2))
            assert [status for status, _ in answers] == [200] * 4, answers
            assert len({answer["id"] for _, answer in answers}) == 1
        assert len(scripted.requests) == 10


async def test_the_limit_of_a_persons_replies_holds_over_all_gateways(gateways: list[Gateway], scripted: ScriptedServer) -> None:
    scripted.reply = HELD
    async with person_at(gateways, "ada") as people:
        for number in range(3):
            await send(people[number % 2], "Hello")
        await until(lambda: all(len(one.parts.supervisor.elsewhere.running()) for one in gateways))  # type: ignore[union-attr]
        for person in people:
            session = (await person.call("POST", "/api/chatbot/sessions"))["id"]
            status, answer = await person.ask("POST", "/api/chatbot/messages/stream", {"session_id": session, "content": "more"})
            assert (status, answer["code"]) == (429, "too_many_streams")
        scripted.step(3)
        await until(lambda: not any(one.parts.supervisor.running() for one in gateways))


async def test_a_budget_holds_over_all_gateways(gateways: list[Gateway]) -> None:
    async with person_at(gateways, "ada") as people:
        made = await people[0].call("POST", "/api/keys", {"name": "program", "budget": {"requests_per_minute": 5}})

        async def ask(person: Someone) -> int:
            body = {"model": "scripted", "messages": [{"role": "user", "content": "Hello"}]}
            headers = {"Authorization": f"Bearer {made['secret']}"}
            async with person.http.post("/v1/chat/completions", json=body, headers=headers) as response:
                return response.status

        await early_in_a_minute()
        answers = await asyncio.gather(*(ask(person) for person in people * 5))
        assert sorted(answers) == [200] * 5 + [429] * 5


async def test_wrong_passwords_on_one_gateway_delay_those_on_another(gateways: list[Gateway]) -> None:
    here, there = (one.parts.accounts for one in gateways)
    for _ in range(5):
        with pytest.raises(Unauthorized):
            await here.log_in("nobody@example.org", "wrong password", "203.0.113.5")
    began = time.monotonic()
    with pytest.raises(Unauthorized):
        await there.log_in("nobody@example.org", "wrong password", "203.0.113.6")
    assert time.monotonic() - began >= 2


async def test_while_redis_is_away_only_the_gateway_that_decides_starts_runs_and_afterwards_all_do(
    scripted: ScriptedServer, mortal_redis: RedisServer, tmp_path: Path
) -> None:
    server = OneByOne(scripted, slots=4)
    async with running_gateways(2, tmp_path, mortal_redis, llm_server_url=scripted.url) as gateways:
        decides, other = gateways
        await until(lambda: queue_of(decides).decides)
        async with person_at([decides, other], "ada") as people:
            await send(people[1], "keeps its place")
            await server.until(1)
            mortal_redis.kill()
            await send(people[1], "waits")
            await send(people[0], "starts")
            await server.until(2)
            assert server.order == ["keeps its place", "starts"]
            assert queue_of(other).waiting == 1
            scripted.step(2)
            await until(lambda: scripted.active == 0)
            mortal_redis.start()
            await server.until(3)
            scripted.step()
            await until(lambda: not any(one.parts.supervisor.running() for one in gateways))
            await until(lambda: not any(queue_of(one).in_use for one in gateways))
