import json
from pathlib import Path
from typing import Any

import pytest

from lam.client.client import Client
from lam.errors import Forbidden, Invalid, NotFound, Unauthorized
from lam.protocol.events import Chunk, Done, Metadata
from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway, raw_stream, running_gateway

OPENAPI = json.loads((Path(__file__).resolve().parents[3] / "contracts" / "openapi.json").read_text())
ROUTES = [
    (method.upper(), path) for path, methods in OPENAPI["paths"].items() for method in methods if path.startswith("/api/admin/")
]
GRACE = {"email": "grace@example.org", "password": "correct horse"}


async def users(admin: Client) -> dict[str, Any]:
    return {user["email"]: user for user in await admin.call("GET", "/api/admin/users")}


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_nobody_but_an_admin_gets_anywhere(method: str, path: str, gateway: Gateway) -> None:
    async with await gateway.user("thief@example.org") as thief:
        body = None if method == "GET" else GRACE
        async with thief._http.request(method, gateway.url + path.format(user_id=1), json=body) as response:
            assert (response.status, (await response.json())["code"]) == (403, "forbidden")


async def test_an_admin_makes_changes_and_deletes_accounts_also_where_registration_is_closed(
    scripted: ScriptedServer, tmp_path: Path
) -> None:
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_registration="closed") as gateway:
        async with gateway.client() as admin:
            made = await admin.call("POST", "/api/admin/users", GRACE)
            async with Client(gateway.url) as nobody:
                login = await nobody.call("POST", "/api/auth/login", GRACE)
            async with gateway.client(login["access_token"]) as grace:
                await grace.create_session()
                listed = (await users(admin))["grace@example.org"]
                assert (listed["sessions"], listed["is_admin"], listed["running"]) == (1, False, 0)
                assert listed["last_used_at"] is not None

                changed = await admin.call("PATCH", f"/api/admin/users/{made['id']}", {"is_admin": True})
                assert changed["is_admin"] is True
                assert len(await users(grace)) == 2

                await admin.call("PATCH", f"/api/admin/users/{made['id']}", {"password": "another horse"})
                with pytest.raises(Unauthorized):
                    await grace.call("GET", "/api/auth/me")
            async with Client(gateway.url) as nobody:
                assert await nobody.call("POST", "/api/auth/login", GRACE | {"password": "another horse"})
            await admin.call("DELETE", f"/api/admin/users/{made['id']}")
            assert list(await users(admin)) == ["local"]
            with pytest.raises(NotFound):
                await admin.call("DELETE", f"/api/admin/users/{made['id']}")


async def test_no_admin_changes_the_local_account_or_their_own(gateway: Gateway) -> None:
    async with gateway.client() as local, await gateway.user(GRACE["email"]) as grace:
        ids = {email: user["id"] for email, user in (await users(local)).items()}
        await local.call("PATCH", f"/api/admin/users/{ids[GRACE['email']]}", {"is_admin": True})
        for user_id in ids.values():
            with pytest.raises(Forbidden):
                await grace.call("PATCH", f"/api/admin/users/{user_id}", {"is_admin": False})
            with pytest.raises(Forbidden):
                await grace.call("DELETE", f"/api/admin/users/{user_id}")
        assert len(await users(local)) == 2


async def test_an_admin_sees_what_runs_but_not_what_is_said(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("secret ", "answer"), hold=True)
    async with gateway.client() as admin, await gateway.user(GRACE["email"]) as grace:
        session = (await grace.create_session())["id"]
        async with raw_stream(grace, session, "secret question") as stream:
            await stream.until(Metadata)
            assert (await users(admin))[GRACE["email"]]["running"] == 1
            scripted.step()
            await stream.until(Chunk)
            (run,) = await admin.call("GET", "/api/admin/runs")
            assert (run["email"], run["stage"], run["characters"], run["readers"]) == (GRACE["email"], "text", 7, 1)
            assert "secret" not in json.dumps(run)
            scripted.step()
            assert isinstance((await stream.rest())[-1], Done)
        assert await admin.call("GET", "/api/admin/runs") == []


async def test_a_reply_is_rated_by_its_owner_and_keeps_it_through_a_file(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with await gateway.user(GRACE["email"]) as grace:
        session = (await grace.create_session())["id"]
        sent = await grace.call("POST", "/api/chatbot/messages", {"session_id": session, "content": "hi"})
        asked, reply = sent["user_message"]["id"], sent["assistant_message"]["id"]
        assert (await grace.call("PATCH", f"/api/chatbot/messages/{reply}", {"rating": "good"}))["rating"] == "good"
        with pytest.raises(Invalid, match="not a reply"):
            await grace.call("PATCH", f"/api/chatbot/messages/{asked}", {"rating": "good"})
        with pytest.raises(Invalid):
            await grace.call("PATCH", f"/api/chatbot/messages/{reply}", {"rating": "splendid"})
        file = await grace.call("GET", f"/api/chatbot/sessions/{session}/export")
        copy = (await grace.call("POST", "/api/chatbot/sessions/import", file))["id"]
        for one in (session, copy):
            listed = await grace.call("GET", f"/api/chatbot/sessions/{one}/messages")
            assert [message["rating"] for message in listed] == [None, "good"]
        assert (await grace.call("PATCH", f"/api/chatbot/messages/{reply}", {"rating": None}))["rating"] is None
