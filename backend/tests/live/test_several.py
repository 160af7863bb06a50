"""Several gateways on one PostgreSQL and one Redis: what happens on one of them reaches the people on the others."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from lam.accounts.accounts import LOCAL_EMAIL
from lam.api.schemas.system import HealthAnswer
from lam.cli import checks
from lam.errors import RoomPaused
from lam.gateway import Bounds
from lam.protocol.events import Metadata
from lam.testing.server import Reply, ScriptedServer

from .. import databases
from ..redis_server import RedisServer
from ..rooms_of import entered, soon
from ..running import Gateway, raw_stream
from ..several import gateway_of_several, running_gateways
from ..together import Someone, browser, enter, link, members_of, of_guest, person, person_at
from ..waiting import until

pytestmark = [pytest.mark.live, pytest.mark.postgresql, pytest.mark.timeout(300)]

BOUNDS = Bounds(presence_left=0.5)


@pytest.fixture
async def gateways(scripted: ScriptedServer, redis: RedisServer, tmp_path: Path) -> AsyncIterator[list[Gateway]]:
    async with running_gateways(2, tmp_path, redis, bounds=BOUNDS, llm_server_url=scripted.url) as running:
        yield running


async def test_a_list_a_title_and_messages_reach_the_persons_browser_on_another_gateway(gateways: list[Gateway]) -> None:
    here, there = gateways
    async with person_at([here, there], "ada") as (ada, elsewhere):
        session = (await ada.call("POST", "/api/chatbot/sessions"))["id"]
        async with elsewhere.connected(session):
            await ada.call("PATCH", f"/api/chatbot/sessions/{session}", {"title": "Bridges"})
            heard = await elsewhere.until(
                lambda frame: frame["event"]["type"] == "session" and frame["event"]["session"]["title"] == "Bridges"
            )
            assert heard["event"]["session"]["id"] == session
            await ada.call("POST", "/api/chatbot/messages", {"session_id": session, "content": "Hello"})
            await elsewhere.hears("messages", session_id=session)
            folder = await ada.call("POST", "/api/chatbot/folders", {"name": "Rivers"})
            await elsewhere.until(lambda frame: frame["event"].get("folder", {}).get("id") == folder["id"])
            await ada.call("DELETE", f"/api/chatbot/sessions/{session}")
            await elsewhere.hears("deleted", session_id=session)


async def test_gateways_start_at_once_on_a_new_database(scripted: ScriptedServer, redis: RedisServer, tmp_path: Path) -> None:
    databases.url_for(tmp_path, empty=True)

    async def admins(name: str) -> list[str]:
        async with gateway_of_several(tmp_path, redis, name, llm_server_url=scripted.url) as (_, gateway):
            async with gateway.client((tmp_path / name / "token").read_text().strip()) as admin:
                accounts = await admin.call("GET", "/api/admin/users")
        return [account["email"] for account in accounts if account["is_admin"]]

    assert await asyncio.gather(*map(admins, "abcd")) == [[LOCAL_EMAIL]] * 4


async def test_people_on_two_gateways_see_each_other_write_read_come_and_go(gateways: list[Gateway]) -> None:
    here, there = gateways
    async with person_at([here], "ada") as (ada,), person_at([there], "ben") as (ben,):
        session = (await ada.call("POST", "/api/chatbot/sessions"))["id"]
        await ada.call("POST", "/api/chatbot/messages", {"session_id": session, "content": "Hello"})
        await enter(ben, await link(ada, session, "steer"))
        me = (await ben.call("GET", "/api/auth/me"))["id"]
        newest = (await ada.call("GET", f"/api/chatbot/sessions/{session}/messages"))[-1]["id"]
        async with ada.connected(session):
            async with ben.connected(session):
                await ada.hears("presence", user_id=me, presence="here")
                await ben.call("POST", f"/api/chatbot/sessions/{session}/typing")
                await ada.hears("typing", user_id=me, session_id=session)
                await ben.call("POST", f"/api/chatbot/sessions/{session}/reading", {"message_id": newest})
                await ada.hears("reading", user_id=me, message_id=newest)
                assert (await members_of(ada, session))["ben"]["presence"] == "here"
                await ben.call("POST", f"/api/events/{ben.connection}", {"session": [session], "hidden": True})
                await ada.hears("presence", user_id=me, presence="away")
            await ada.hears("presence", user_id=me, presence="left")


async def test_what_a_connection_follows_is_chosen_through_any_gateway(gateways: list[Gateway]) -> None:
    here, there = gateways
    async with person_at([here, there], "ada") as (ada, elsewhere):
        first, second = [(await ada.call("POST", "/api/chatbot/sessions"))["id"] for _ in range(2)]
        async with ada.connected(first):
            assert (await elsewhere.ask("POST", f"/api/events/{ada.connection}", {"session": [second]}))[0] == 204
            await ada.hears("followed", session_id=second)
            async with person_at([there], "ben") as (ben,):
                assert (await ben.ask("POST", f"/api/events/{ada.connection}", {"session": [first]}))[0] == 404


async def test_who_is_removed_on_one_gateway_reads_nothing_more_on_another(
    gateways: list[Gateway], scripted: ScriptedServer
) -> None:
    here, there = gateways
    async with person_at([here], "ada") as (ada,), person_at([there], "ben") as (ben,):
        session = (await ada.call("POST", "/api/chatbot/sessions"))["id"]
        await enter(ben, await link(ada, session))
        scripted.reply = Reply(("word ",) * 400, rate=40)
        stream_id = await begin(ada, session)
        async with ben.connected(session, run=stream_id):
            await ben.until(lambda frame: frame["stream"] == stream_id and frame["event"]["type"] == "chunk")
            me = (await ben.call("GET", "/api/auth/me"))["id"]
            await ada.call("DELETE", f"/api/chatbot/sessions/{session}/members/{me}")
            await ben.hears("removed", 2, session_id=session)
            await ben.hears("deleted", 2, session_id=session)
            await ben.until(lambda frame: frame["stream"] == stream_id and frame["event"].get("reason") == "not_found", 2)
            assert (await ben.ask("GET", f"/api/chatbot/streams/{stream_id}"))[0] == 404
        await ada.call("POST", f"/api/chatbot/streams/{stream_id}/stop")


async def test_a_guest_who_is_removed_on_one_gateway_loses_the_connection_to_another(gateways: list[Gateway]) -> None:
    here, there = gateways
    async with person_at([here], "ada") as (ada,), browser(there, "Cy") as cy:
        session = (await ada.call("POST", "/api/chatbot/sessions"))["id"]
        await enter(cy, await link(ada, session))
        guest = (await members_of(ada, session))["Cy"]["user_id"]
        async with cy.connected(session):
            await ada.call("DELETE", f"/api/chatbot/sessions/{session}/members/{guest}")
            await cy.until_closed(2)


async def test_a_log_out_on_one_gateway_ends_the_connections_to_another(gateways: list[Gateway]) -> None:
    async with person_at(gateways, "ada") as (ada, elsewhere):
        session = (await ada.call("POST", "/api/chatbot/sessions"))["id"]
        async with elsewhere.connected(session):
            await ada.call("POST", "/api/auth/logout")
            await elsewhere.until_closed(3)
        assert (await elsewhere.ask("GET", "/api/auth/me"))[0] == 401


async def test_each_gateways_own_token_stays_good_when_another_starts(gateways: list[Gateway]) -> None:
    for gateway in gateways:
        async with gateway.client() as client:
            assert (await client.call("GET", "/api/auth/me"))["is_admin"]


async def test_a_message_that_waits_on_another_gateway_is_sent_once(gateways: list[Gateway], scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("An", " answer"), hold=True)
    async with person_at(gateways, "ada") as (ada, elsewhere):
        session = (await ada.call("POST", "/api/chatbot/sessions"))["id"]
        await begin(ada, session, "One")
        for content in ("Two", "Three"):
            await elsewhere.call("POST", f"/api/chatbot/sessions/{session}/waiting", {"content": content})
        scripted.reply = Reply(("Yes",))
        scripted.step(2)

        async def turns() -> list[str]:
            messages = await ada.call("GET", f"/api/chatbot/sessions/{session}/messages")
            return [one["content"] for one in messages if one["status"] in (None, "complete")]

        async def all_sent() -> bool:
            return len(await turns()) == 6

        await until(all_sent)
        assert await turns() == ["One", "An answer", "Two", "Yes", "Three", "Yes"]
        assert await ada.call("GET", f"/api/chatbot/sessions/{session}/waiting") == []


async def test_a_gateway_that_stops_leaves_what_waits_to_another(gateways: list[Gateway], scripted: ScriptedServer) -> None:
    here, _ = gateways
    scripted.reply = Reply(("An", " answer"), hold=True)
    async with person_at(gateways, "ada") as (ada, elsewhere):
        session = (await ada.call("POST", "/api/chatbot/sessions"))["id"]
        await begin(ada, session, "One")
        await ada.call("POST", f"/api/chatbot/sessions/{session}/waiting", {"content": "Two"})
        stopping = asyncio.create_task(here.parts.supervisor.drain(60))
        await until(lambda: here.parts.supervisor.draining)
        scripted.reply = Reply(("Yes",))
        scripted.step(2)

        async def is_sent() -> bool:
            messages = await elsewhere.call("GET", f"/api/chatbot/sessions/{session}/messages")
            return [one["content"] for one in messages] == ["One", "An answer", "Two", "Yes"]

        await until(is_sent)
        await stopping


async def test_a_configuration_that_is_read_again_on_one_gateway_is_in_force_on_all(
    scripted: ScriptedServer, redis: RedisServer, tmp_path: Path
) -> None:
    path = tmp_path / "lam.toml"
    file = '[[server]]\nname = "one"\nurl = "{url}"\n[[model]]\nname = "{model}"\nroutes = ["one/test"]\n'
    path.write_text(file.format(url=scripted.url, model="quick"))
    async with (
        running_gateways(2, tmp_path, redis, bounds=BOUNDS, lam_config=path) as (here, there),
        here.client() as admin,
        there.client() as elsewhere,
    ):

        async def models() -> list[str]:
            return [model["name"] for model in (await elsewhere.call("GET", "/api/models"))["models"]]

        assert await models() == ["quick"]
        path.write_text(file.format(url=scripted.url, model="clever"))
        await admin.call("POST", "/api/admin/configuration/reload")

        async def is_new() -> bool:
            return await models() == ["clever"]

        await until(is_new)


async def test_an_admin_sees_the_replies_of_all_gateways(gateways: list[Gateway], scripted: ScriptedServer) -> None:
    here, there = gateways
    scripted.reply = Reply(("An", " answer"), hold=True)
    async with person_at([here], "ada") as (ada,), there.client() as admin:
        session = (await ada.call("POST", "/api/chatbot/sessions"))["id"]
        stream_id = await begin(ada, session)
        scripted.step()

        async def has_text() -> bool:
            return [one["characters"] for one in await admin.call("GET", "/api/admin/runs")] == [2]

        await until(has_text)
        (run,) = await admin.call("GET", "/api/admin/runs")
        assert (run["email"], run["stage"], run["model"]) == ("ada@example.org", "text", scripted.model)
        assert {one["email"]: one["running"] for one in await admin.call("GET", "/api/admin/users")}["ada@example.org"] == 1
        await ada.call("POST", f"/api/chatbot/streams/{stream_id}/stop")


async def test_health_and_the_doctor_know_redis_and_the_peers(gateways: list[Gateway]) -> None:
    here, there = gateways

    async def sees_the_other() -> bool:
        async with here.client() as client:
            return len((await client.call("GET", "/api/health"))["peers"]) == 1

    await until(sees_the_other)
    async with here.client() as client, there.client() as other:
        health, theirs = await client.call("GET", "/api/health"), await other.call("GET", "/api/health")
    assert (health["redis"], health["redis_detail"]) == ("ready", None)
    assert health["peers"] == [{"name": theirs["gateway"], "version": theirs["version"], "draining": False}]
    results = {one.name: one for one in checks.report(HealthAnswer.model_validate(health))}
    assert (results["redis"].state, results["gateways"].state) == ("ok", "ok")
    assert theirs["gateway"] in results["gateways"].sentence
    async with here.client() as client:
        figures = await (await client._http.get(here.url + "/metrics")).text()
    assert "lam_peers 1.0" in figures
    assert "lam_redis_up 1.0" in figures


async def test_while_redis_is_away_who_is_removed_reads_nothing_and_afterwards_all_is_loaded_anew(
    scripted: ScriptedServer, mortal_redis: RedisServer, tmp_path: Path
) -> None:
    bounds = replace(BOUNDS, without_redis=0.2)
    async with (
        running_gateways(2, tmp_path, mortal_redis, bounds=bounds, llm_server_url=scripted.url) as (here, there),
        person_at([here], "ada") as (ada,),
        person_at([there], "ben") as (ben,),
        browser(there, "Cy") as cy,
    ):
        session = (await ada.call("POST", "/api/chatbot/sessions"))["id"]
        await enter(ben, await link(ada, session))
        await enter(cy, await link(ada, session))
        guest = (await members_of(ada, session))["Cy"]["user_id"]
        async with ben.connected(session), cy.connected(session):
            mortal_redis.kill()

            async def is_ready() -> int:
                return (await ben.ask("GET", "/api/health?ready=1"))[0]

            async def is_not_ready() -> bool:
                return await is_ready() == 503

            await until(is_not_ready)
            assert "Redis has been away" in (await ben.call("GET", "/api/health"))["redis_detail"]
            await ada.call("DELETE", f"/api/chatbot/sessions/{session}/members/{guest}")
            await cy.until_closed(4)
            await ada.call("PATCH", f"/api/chatbot/sessions/{session}", {"title": "Unheard"})
            mortal_redis.start()
            await ben.hears("reset")
            await ada.call("PATCH", f"/api/chatbot/sessions/{session}", {"title": "Heard"})
            await ben.until(lambda frame: frame["event"]["type"] == "session" and frame["event"]["session"]["title"] == "Heard")
            assert await is_ready() == 200


def on_duty(gateway: Gateway) -> bool:
    assert gateway.parts.several
    return gateway.parts.several.leases.holds("housekeeping") is not None


async def begin(someone: Someone, session: int, content: str = "Hello") -> str:
    """Begins a reply that needs no reader. Returns its stream."""
    body = {"session_id": session, "content": content, "on_disconnect": "continue"}
    async with someone.http.post("/api/chatbot/messages/stream", json=body) as response:
        async for line in response.content:
            if line.startswith(b"data: "):
                stream_id: str = json.loads(line[6:])["stream_id"]
                return stream_id
    raise AssertionError("there is no stream")


async def test_a_room_is_the_same_on_all_gateways(scripted: ScriptedServer, redis: RedisServer, tmp_path: Path) -> None:
    """Whoever opened it watches at one, its participants are at the other."""
    scripted.reply = Reply(("An", " answer"), hold=True)
    async with (
        running_gateways(2, tmp_path, redis, bounds=BOUNDS, llm_server_url=scripted.url, lam_rooms=True) as (here, there),
        person(here) as owner,
    ):
        room = await owner.call("POST", "/api/rooms", {"title": "Class", "expires_at": soon(), "shows_others": True})
        async with (
            owner.connected((await owner.call("POST", "/api/chatbot/sessions"))["id"], room=room["id"]),
            entered(there, room["code"], "Ada") as ada,
            entered(there, room["code"], "Ben") as ben,
            of_guest(ben) as seen,
            seen.connected(ben.session, room=room["id"]),
        ):
            joined = await owner.participant(lambda one: one["name"] == "Ada")
            assert joined["session_id"] == ada.session
            async with raw_stream(ada, ada.session, on_disconnect="continue") as stream:
                stream_id = getattr(await stream.until(Metadata), "stream_id", None)
                running = await owner.participant(lambda one: one["name"] == "Ada" and one["stream_id"] is not None)
                assert (running["stream_id"], running["state"]) == (stream_id, "running")
                await seen.participant(lambda one: one["name"] == "Ada" and one["state"] == "running")
                assert (await owner.call("GET", f"/api/rooms/{room['id']}/participants"))[0]["state"] == "running"
                scripted.step(2)
                await stream.rest()
            await owner.participant(lambda one: one["stream_id"] is None and one["last"] == "An answer")
            await owner.call("POST", f"/api/rooms/{room['id']}/message", {"text": "Five minutes"})
            await seen.hears("message", text="Five minutes")
            await owner.call("POST", f"/api/rooms/{room['id']}/pause")
            with pytest.raises(RoomPaused):
                await ben.call("POST", "/api/chatbot/messages", {"session_id": ben.session, "content": "Hello"})
            await owner.call("POST", f"/api/rooms/{room['id']}/project", {"session_id": ada.session})
            await seen.hears("project", session_id=ada.session)


async def test_a_run_of_the_lab_is_fed_by_one_gateway_and_told_by_all(gateways: list[Gateway], scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("Four",))
    async with person_at(gateways, "ada") as people:
        judge = {"type": "contains", "value": "Four"}
        cases = [{"name": str(number), "input": f"{number} + {number}?", "judge": judge} for number in range(12)]
        new = {"set": {"title": "Sums", "cases": cases}, "templates": [{"title": "Plain", "content": "Answer."}]}
        for somebody, listener in (people, people[::-1]):
            asked = len(scripted.requests)
            async with listener.connected((await somebody.call("POST", "/api/chatbot/sessions"))["id"]):
                run = await somebody.call("POST", "/api/lab/runs", new)
                await listener.hears("lab", run=run["id"], status="done", seconds=60)
            counts = (await listener.call("GET", f"/api/lab/runs/{run['id']}"))["counts"]
            assert counts == {"waiting": 0, "running": 0, "complete": 12, "failed": 0, "stopped": 0}
            assert len(scripted.requests) - asked == 12
    assert sorted(on_duty(gateway) for gateway in gateways) == [False, True]


async def test_a_program_repeats_and_stops_its_request_at_any_gateway(gateways: list[Gateway], scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("word ",) * 2000, rate=40)
    body = {"model": scripted.model, "messages": [{"role": "user", "content": "Hello"}], "stream": True}
    async with person_at(gateways, "ada") as (ada, elsewhere):
        headers = {"Idempotency-Key": "once", "x-lam-on-disconnect": "continue"}
        async with ada.http.post("/v1/chat/completions", json=body, headers=headers) as first:
            assert first.status == 200
            await first.content.readline()
            async with elsewhere.http.post("/v1/chat/completions", json=body, headers=headers) as again:
                assert (again.status, again.headers["x-lam-stream"]) == (200, first.headers["x-lam-stream"])
                await again.content.readline()
                assert len(scripted.requests) == 1
                stopped = await elsewhere.ask("POST", f"/api/chatbot/streams/{first.headers['x-lam-stream']}/stop")
                assert stopped[0] == 202
                await until(lambda: scripted.requests[0].left_early)


async def test_a_gateway_that_stops_sends_the_readers_of_the_others_replies_away_and_logs_no_failure(
    scripted: ScriptedServer, redis: RedisServer, tmp_path: Path
) -> None:
    scripted.reply = Reply(("one ", "two ", "three"), hold=True)
    async with (
        gateway_of_several(tmp_path, redis, "a", llm_server_url=scripted.url) as (_, here),
        gateway_of_several(tmp_path, redis, "b", llm_server_url=scripted.url) as (stopping, there),
        person_at([here, there], "ada") as (ada, elsewhere),
    ):
        session = (await ada.call("POST", "/api/chatbot/sessions"))["id"]
        stream_id = await begin(ada, session)
        await scripted.arrival()
        scripted.step(1)
        async with elsewhere.http.get(f"/api/chatbot/streams/{stream_id}") as response:
            while b"one " not in await response.content.readany():
                pass
            stopping.send_signal(signal.SIGTERM)
            await response.read()
        assert await stopping.wait() == 0
        assert stopping.stderr
        said = (await stopping.stderr.read()).decode()
        assert "Traceback" not in said
        assert "ERROR" not in said
        scripted.step(2)
        async with ada.http.get(f"/api/chatbot/streams/{stream_id}") as response:
            assert b"one two three" in await response.read()
