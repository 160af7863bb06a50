"""One user fills neither the database nor the memory: each bound has an answer of its own."""

import pytest

from lam.accounts.accounts import TOKENS_OF_USER
from lam.client.client import Client
from lam.errors import Invalid, TooManySessions, TooManyTemplates, TooManyVersions
from lam.storage.repositories.messages import TIDY_EVERY
from lam.testing.server import ScriptedServer

from ..running import Gateway, running_gateway

TEMPLATE = {"title": "T", "content": "C"}


async def test_a_user_keeps_so_many_sessions_and_no_more(scripted: ScriptedServer, tmp_path) -> None:
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_max_sessions_per_user=3) as gateway:
        async with await gateway.user("ada@example.org") as ada, await gateway.user("grace@example.org") as grace:
            first = await ada.create_session()
            file = await ada.call("GET", f"/api/chatbot/sessions/{first['id']}/export")
            await ada.create_session()
            await ada.call("POST", "/api/chatbot/sessions/import", file)
            with pytest.raises(TooManySessions, match="3 sessions"):
                await ada.create_session()
            with pytest.raises(TooManySessions):
                await ada.call("POST", "/api/chatbot/sessions/import", file)
            assert len(await ada.call("GET", "/api/chatbot/sessions")) == 3
            await grace.create_session()
            await ada.call("DELETE", f"/api/chatbot/sessions/{first['id']}")
            await ada.create_session()


async def test_a_user_keeps_so_many_templates_and_no_more(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lam.chat.templates.TEMPLATES_OF_USER", 3)
    async with await gateway.user("ada@example.org") as ada, await gateway.user("grace@example.org") as grace:
        made = await ada.call("POST", "/api/templates", TEMPLATE)
        with pytest.raises(TooManyTemplates):
            await ada.call("POST", "/api/templates/import", {"templates": [TEMPLATE] * 3})
        assert len(await ada.call("GET", "/api/templates")) == 1, "all of a file or nothing"
        await ada.call("POST", "/api/templates/import", {"templates": [TEMPLATE] * 2})
        with pytest.raises(TooManyTemplates):
            await ada.call("POST", "/api/templates", TEMPLATE)
        await grace.call("POST", "/api/templates", TEMPLATE)
        await ada.call("DELETE", f"/api/templates/{made['id']}")
        await ada.call("POST", "/api/templates", TEMPLATE)


async def test_a_template_keeps_so_many_versions_and_no_more(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lam.chat.templates.VERSIONS_OF_TEMPLATE", 3)
    async with await gateway.user("ada@example.org") as ada:
        path = f"/api/templates/{(await ada.call('POST', '/api/templates', TEMPLATE))['id']}"
        for text in ("C2", "C3"):
            await ada.call("PATCH", path, {"content": text})
        with pytest.raises(TooManyVersions):
            await ada.call("PATCH", path, {"content": "C4"})
        assert (await ada.call("PATCH", path, {"title": "T2", "content": "C3"}))["title"] == "T2"
        assert (await ada.call("GET", path))["version"] == 3


async def test_a_user_keeps_so_many_logins_and_the_longest_unused_go(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    assert TOKENS_OF_USER == 100
    monkeypatch.setattr("lam.accounts.accounts.TOKENS_OF_USER", 3)
    async with await gateway.user("ada@example.org") as first, await gateway.user("grace@example.org") as grace:
        async with Client(gateway.url) as nobody:
            for _ in range(5):
                last = await nobody.call("POST", "/api/auth/login", {"email": "ada@example.org", "password": "correct horse"})
        async with gateway.client(last["access_token"]) as ada:
            assert len(await ada.call("GET", "/api/auth/tokens")) == 3
        async with first._http.get(gateway.url + "/api/auth/me") as response:
            assert response.status == 401
        assert await grace.call("GET", "/api/auth/me")
        async with gateway.client() as local:
            assert await local.call("GET", "/api/auth/me")


async def test_a_users_request_ids_are_remembered_up_to_a_bound(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lam.storage.repositories.messages.REQUESTS_OF_USER", 5)
    async with await gateway.user("ada@example.org") as ada:
        session = (await ada.create_session())["id"]
        body = {"session_id": session, "content": "hi"}
        for number in range(TIDY_EVERY + 1):
            sent = await ada.call("POST", "/api/chatbot/messages", body | {"client_request_id": f"id {number}"})
        again = await ada.call("POST", "/api/chatbot/messages", body | {"client_request_id": f"id {TIDY_EVERY}"})
        assert again["assistant_message"]["id"] == sent["assistant_message"]["id"]
        forgotten = await ada.call("POST", "/api/chatbot/messages", body | {"client_request_id": "id 0"})
        assert forgotten["assistant_message"]["id"] > sent["assistant_message"]["id"]


@pytest.mark.parametrize("question", ["x" * 201, ""])
async def test_a_question_for_the_search_has_a_length(gateway: Gateway, question: str) -> None:
    async with await gateway.user("ada@example.org") as ada:
        with pytest.raises(Invalid):
            await ada.call("GET", "/api/chatbot/search", q=question)
