from itertools import pairwise

import pytest

from lam.engines.openai_http import Probing
from lam.errors import LamError
from lam.gateway import Bounds
from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway, collect, running_gateway


async def test_a_session_has_the_fields_of_the_contract(gateway: Gateway) -> None:
    async with gateway.client() as client:
        made = await client.create_session()
        me = await client.call("GET", "/api/auth/me")
    assert set(made) >= {
        *("id", "session_key", "title", "template_id", "system_prompt", "temperature", "top_p", "max_tokens"),
        *("message_count", "created_at", "updated_at", "last_used_at", "model", "running", "unread"),
    }
    assert made["title"] == "New Chat"
    prefix, key = made["session_key"].split("-")
    assert prefix == f"user{me['id']}"
    assert len(bytes.fromhex(key)) == 5
    assert made["created_at"].endswith("Z")


async def test_a_session_is_pinned_and_unpinned_and_a_reset_leaves_it_so(gateway: Gateway) -> None:
    async with gateway.client() as client:
        made = await client.create_session()
        path = f"/api/chatbot/sessions/{made['id']}"
        assert made["pinned"] is False
        assert (await client.call("PATCH", path, {"pinned": True}))["pinned"] is True
        assert (await client.call("PATCH", path, {"title": "Herons"}))["pinned"] is True
        assert (await client.call("POST", f"{path}/reset"))["pinned"] is True
        assert [one["pinned"] for one in await client.call("GET", "/api/chatbot/sessions")] == [True]
        assert (await client.call("PATCH", path, {"pinned": None}))["pinned"] is False
        assert (await client.create_session(pinned=True))["pinned"] is True


async def test_sessions_are_listed_newest_first_with_a_preview(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("x" * 300,))
    async with gateway.client() as client:
        one, two = [await client.create_session(title=title) for title in ("one", "two")]
        await collect(client, one["id"])
        listed = await client.call("GET", "/api/chatbot/sessions/")
    assert [session["title"] for session in listed] == ["one", "two"]
    assert listed[0]["last_message_preview"] == "x" * 180
    assert listed[1]["last_message_preview"] is None
    assert listed[0]["message_count"] == 2
    assert two["message_count"] == 0


async def test_a_patch_leaves_what_is_absent_and_clears_what_is_null(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = await client.create_session(temperature=0, top_p=0.5, system_prompt="One")
        path = f"/api/chatbot/sessions/{session['id']}"
        changed = await client.call("PATCH", path, {"top_p": None, "title": "Renamed", "model": "scripted"})
        assert (changed["temperature"], changed["top_p"], changed["system_prompt"]) == (0, None, "One")
        assert (changed["title"], changed["model"]) == ("Renamed", "scripted")
        await collect(client, session["id"])
        assert (await client.call("PATCH", path, {"title": None}))["title"] == "New Chat"
        for bad in ({"temperature": 3}, {"max_tokens": 0}, {"model": "other"}, {"title": "x" * 201}):
            with pytest.raises(LamError):
                await client.call("PATCH", path, bad)
    assert scripted.requests[0].body["temperature"] == 0
    assert scripted.requests[0].body["top_p"] == 0.9


async def test_the_newest_messages_are_listed_oldest_first(gateway: Gateway) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        for number in range(6):
            await collect(client, session, f"turn {number}")
        path = f"/api/chatbot/sessions/{session}/messages"
        whole = await client.call("GET", path)
        newest = await client.call("GET", path, limit=4)
        before = await client.call("GET", path, limit=3, before=newest[0]["id"])
        assert await client.call("GET", path, before=whole[0]["id"]) == []
        for query in ({"limit": 0}, {"limit": 501}, {"before": 10_000}):
            with pytest.raises(LamError) as caught:
                await client.call("GET", path, **query)
            assert caught.value.code == "invalid"
    assert [message["content"] for message in whole[::2]] == [f"turn {number}" for number in range(6)]
    assert newest == whole[-4:]
    assert before == whole[-7:-4]
    assert all(message["parent_id"] == parent["id"] for parent, message in pairwise(whole))


async def test_a_reset_gives_a_new_key_and_no_messages(gateway: Gateway) -> None:
    async with gateway.client() as client:
        session = await client.create_session(system_prompt="Stay")
        await collect(client, session["id"], client_request_id="r")
        emptied = await client.call("POST", f"/api/chatbot/sessions/{session['id']}/reset")
        assert emptied["session_key"] != session["session_key"]
        assert (emptied["message_count"], emptied["system_prompt"]) == (0, "Stay")
        assert await client.call("GET", f"/api/chatbot/sessions/{session['id']}/messages") == []
        assert len(await collect(client, session["id"], client_request_id="r")) > 2


async def test_models_and_health_tell_what_is_there(scripted: ScriptedServer, tmp_path) -> None:
    bounds = Bounds(probing=Probing(health=0))
    async with (
        running_gateway(tmp_path / "data", bounds=bounds, llm_server_url=scripted.url) as gateway,
        gateway.client() as client,
    ):
        models = await client.call("GET", "/api/models")
        sampling = {"temperature": 0.7, "top_p": 0.9, "max_tokens": 2048, "reasoning": None}
        assert (models["default"], models["sampling"]) == ("scripted", sampling)
        (model,) = models["models"]
        can = {"images": False, "tools": None, "json": True, "continue": None, "thinking": None}
        assert (model["name"], model["n_ctx"], model["can"], model["note"]) == ("scripted", 4096, can, None)
        assert (model["state"], model["places"], model["busy"], model["servers"]) == ("ready", 4, 0, [])
        told = await client.call("GET", "/api/health")
        assert (told["ready"], told["mode"], told["database"]) == (True, "sse", "ready")
        assert told["engine"]["slots"] == 4
        async with client._http.get(gateway.url + "/api/health", headers={"Authorization": ""}) as response:
            public = await response.json()
        assert public["engine"] is None
        await scripted.vanish()
        for query, status in (("", 200), ("?ready=1", 503)):
            async with client._http.get(gateway.url + "/api/health" + query) as response:
                assert (response.status, (await response.json())["ready"]) == (status, False)
