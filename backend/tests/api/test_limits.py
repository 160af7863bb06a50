"""One user fills neither the database nor the memory: each bound has an answer of its own."""

from pathlib import Path

import pytest

from lam.client.client import Client
from lam.errors import Invalid, TooManyFolders, TooManyPinned, TooManySessions, TooManyTemplates, TooManyVersions
from lam.gateway import Bounds
from lam.testing.server import ScriptedServer

from ..running import Gateway, running_gateway

TEMPLATE = {"title": "T", "content": "C"}


async def test_a_user_keeps_so_many_sessions_and_no_more(scripted: ScriptedServer, tmp_path: Path) -> None:
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


async def test_a_user_keeps_so_many_folders_and_no_more(scripted: ScriptedServer, tmp_path: Path) -> None:
    async with running_gateway(tmp_path / "data", bounds=Bounds(folders_of_user=2), llm_server_url=scripted.url) as gateway:
        async with await gateway.user("ada@example.org") as ada, await gateway.user("grace@example.org") as grace:
            one = await ada.call("POST", "/api/chatbot/folders", {"name": "One"})
            session = await ada.create_session(folder_id=one["id"])
            file = await ada.call("GET", f"/api/chatbot/sessions/{session['id']}/export")
            await ada.call("POST", "/api/chatbot/folders", {"name": "Two"})
            with pytest.raises(TooManyFolders, match="delete some"):
                await ada.call("POST", "/api/chatbot/folders", {"name": "Three"})
            await ada.call("POST", "/api/chatbot/sessions/import", file)
            other = file | {"session": file["session"] | {"folder": "Three"}}
            with pytest.raises(TooManyFolders):
                await ada.call("POST", "/api/chatbot/sessions/import", other)
            assert len(await ada.call("GET", "/api/chatbot/sessions")) == 2, "nothing of the file is stored"
            await grace.call("POST", "/api/chatbot/folders", {"name": "Three"})
            await ada.call("DELETE", f"/api/chatbot/folders/{one['id']}")
            await ada.call("POST", "/api/chatbot/folders", {"name": "Three"})


async def test_a_user_keeps_so_many_sessions_at_the_top_and_no_more(scripted: ScriptedServer, tmp_path: Path) -> None:
    async with running_gateway(tmp_path / "data", bounds=Bounds(pinned_of_user=2), llm_server_url=scripted.url) as gateway:
        async with await gateway.user("ada@example.org") as ada:
            first, _ = [await ada.create_session(pinned=True) for _ in range(2)]
            other = (await ada.create_session())["id"]
            with pytest.raises(TooManyPinned, match="let go of one"):
                await ada.call("PATCH", f"/api/chatbot/sessions/{other}", {"pinned": True})
            with pytest.raises(TooManyPinned):
                await ada.create_session(pinned=True)
            path = f"/api/chatbot/sessions/{first['id']}"
            assert (await ada.call("PATCH", path, {"pinned": True}))["pinned"] is True, "it is one of them"
            await ada.call("PATCH", path, {"pinned": False})
            assert (await ada.call("PATCH", f"/api/chatbot/sessions/{other}", {"pinned": True}))["pinned"] is True


async def test_a_user_keeps_so_many_templates_and_no_more(scripted: ScriptedServer, tmp_path: Path) -> None:
    async with running_gateway(tmp_path / "data", bounds=Bounds(templates_of_user=3), llm_server_url=scripted.url) as gateway:
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


async def test_a_template_keeps_so_many_versions_and_no_more(scripted: ScriptedServer, tmp_path: Path) -> None:
    async with running_gateway(tmp_path / "data", bounds=Bounds(versions_of_template=3), llm_server_url=scripted.url) as gateway:
        async with await gateway.user("ada@example.org") as ada:
            path = f"/api/templates/{(await ada.call('POST', '/api/templates', TEMPLATE))['id']}"
            for text in ("C2", "C3"):
                await ada.call("PATCH", path, {"content": text})
            with pytest.raises(TooManyVersions):
                await ada.call("PATCH", path, {"content": "C4"})
            assert (await ada.call("PATCH", path, {"title": "T2", "content": "C3"}))["title"] == "T2"
            assert (await ada.call("GET", path))["version"] == 3


async def test_a_user_keeps_so_many_logins_and_the_longest_unused_go(scripted: ScriptedServer, tmp_path: Path) -> None:
    assert Bounds().tokens_of_user == 100
    async with running_gateway(tmp_path / "data", bounds=Bounds(tokens_of_user=3), llm_server_url=scripted.url) as gateway:
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


@pytest.mark.parametrize("question", ["x" * 201, ""])
async def test_a_question_for_the_search_has_a_length(gateway: Gateway, question: str) -> None:
    async with await gateway.user("ada@example.org") as ada:
        with pytest.raises(Invalid):
            await ada.call("GET", "/api/chatbot/search", q=question)
