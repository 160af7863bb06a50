import asyncio
import io
from pathlib import Path

import aiohttp
import pytest

from lam.api.connections import Patience
from lam.client.client import Client
from lam.errors import Conflict, Forbidden, LamError, Unauthorized
from lam.gateway import Bounds
from lam.protocol.events import Chunk, Done, Metadata
from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway, collect, raw_stream, running_gateway
from ..waiting import until

ADA = {"email": "ada@example.org", "password": "correct horse"}


async def test_register_log_in_me_and_log_out(gateway: Gateway) -> None:
    async with Client(gateway.url) as nobody:
        made = await nobody.call("POST", "/api/auth/register", ADA | {"email": "Ada@Example.org"})
        assert (made["email"], made["is_admin"]) == ("ada@example.org", False)
        with pytest.raises(Conflict):
            await nobody.call("POST", "/api/auth/register", ADA)
        login = await nobody.call("POST", "/api/auth/login", ADA)
    assert login["token_type"] == "bearer"
    assert login["expires_at"].endswith("Z")
    async with gateway.client(login["access_token"]) as ada:
        assert (await ada.call("GET", "/api/auth/me"))["email"] == "ada@example.org"
        await ada.call("POST", "/api/auth/logout")
        with pytest.raises(Unauthorized):
            await ada.call("GET", "/api/auth/me")


@pytest.mark.parametrize("body", [{"email": "no address"}, {"password": "short"}, {"email": "a@b c"}, {"password": None}])
async def test_bad_accounts_are_refused_with_a_sentence(gateway: Gateway, body: dict[str, object]) -> None:
    async with Client(gateway.url) as nobody:
        with pytest.raises(LamError) as caught:
            await nobody.call("POST", "/api/auth/register", ADA | body)
    assert caught.value.code == "invalid"


async def test_registration_is_closed_unless_it_is_opened(scripted: ScriptedServer, tmp_path) -> None:
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_registration="closed") as gateway:
        async with Client(gateway.url) as nobody:
            with pytest.raises(Forbidden, match="closed"):
                await nobody.call("POST", "/api/auth/register", ADA)


async def test_the_local_account_is_the_admin_and_keeps_its_token(scripted: ScriptedServer, tmp_path) -> None:
    tokens = set()
    for _ in range(2):
        async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, gateway.client() as local:
            assert (await local.call("GET", "/api/auth/me"))["is_admin"] is True
            tokens.add(gateway.token)
            with pytest.raises(Forbidden):
                await local.call("DELETE", "/api/auth/account")
    assert len(tokens) == 1
    assert (tmp_path / "data" / "token").stat().st_mode & 0o777 == 0o600


async def test_a_changed_password_ends_the_other_logins(gateway: Gateway) -> None:
    async with await gateway.user(ADA["email"]) as ada, await _log_in(gateway) as other:
        with pytest.raises(Forbidden):
            await ada.call("POST", "/api/auth/change-password", {"current_password": "wrong", "new_password": "another horse"})
        await ada.call("POST", "/api/auth/change-password", {"current_password": ADA["password"], "new_password": "another horse"})
        assert await ada.call("GET", "/api/auth/me")
        with pytest.raises(Unauthorized):
            await other.call("GET", "/api/auth/me")
    with pytest.raises(Unauthorized):
        await _log_in(gateway)


async def test_log_ins_are_listed_with_their_devices_and_ended_one_by_one(gateway: Gateway) -> None:
    async with await gateway.user(ADA["email"]) as ada:
        async with aiohttp.ClientSession() as http:
            headers = {"User-Agent": "Phone " + "x" * 300}
            async with http.post(gateway.url + "/api/auth/login", json=ADA, headers=headers) as response:
                phone = Client(gateway.url, (await response.json())["access_token"])
        async with phone:
            listed = await ada.call("GET", "/api/auth/tokens")
            assert [(login["current"], (login["device"] or "")[:6]) for login in listed] == [(False, "Phone "), (True, "Python")]
            assert len(listed[0]["device"]) == 200
            assert listed[0]["expires_at"] > listed[0]["created_at"]
            await ada.call("DELETE", f"/api/auth/tokens/{listed[0]['id']}")
            with pytest.raises(Unauthorized):
                await phone.call("GET", "/api/auth/me")
        assert [login["current"] for login in await ada.call("GET", "/api/auth/tokens")] == [True]


async def test_strangers_are_told_whether_they_may_register(gateway: Gateway) -> None:
    async with Client(gateway.url) as nobody:
        assert (await nobody.call("GET", "/api/health"))["registration"] == "open"


async def _log_in(gateway: Gateway) -> Client:
    async with Client(gateway.url) as nobody:
        return Client(gateway.url, (await nobody.call("POST", "/api/auth/login", ADA))["access_token"])


async def test_deleting_the_account_stops_its_replies_and_removes_everything(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("word ",) * 1000, rate=50)
    async with await gateway.user(ADA["email"]) as ada:
        async with raw_stream(ada, (await ada.create_session())["id"]) as stream:
            await stream.until(Chunk)
            await ada.call("DELETE", "/api/auth/account", {"password": ADA["password"]})
            done = (await stream.rest())[-1]
            assert isinstance(done, Done)
            assert done.finish_reason == "cancelled"
        with pytest.raises(Unauthorized):
            await ada.call("GET", "/api/auth/me")
    await until(lambda: scripted.requests[0].left_early)


async def test_an_open_stream_is_closed_without_an_end_when_its_token_is_revoked(
    gateway: Gateway, scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(("a", "b"), hold=True)
    async with await gateway.user(ADA["email"]) as ada, await _log_in(gateway) as other:
        session = (await ada.create_session())["id"]
        async with raw_stream(ada, session, on_disconnect="continue") as stream:
            first = await stream.until(Metadata)
            assert isinstance(first, Metadata)
            await ada.call("POST", "/api/auth/logout")
            events = await asyncio.wait_for(stream.rest(), 50)  # goal: 5 s
        assert not any(isinstance(event, Done) for event in events)
        scripted.step(2)
        assert isinstance([event async for _, event in other.follow(first.stream_id or "")][-1], Done)


async def test_a_reader_that_takes_nothing_for_a_minute_counts_as_gone(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(("x" * 100_000,) * 200, hold=True)
    bounds = Bounds(connections=Patience(unread=0.2))
    async with (
        running_gateway(tmp_path / "data", bounds=bounds, llm_server_url=scripted.url) as gateway,
        gateway.client() as client,
    ):
        session = (await client.create_session())["id"]
        port = int(gateway.url.rsplit(":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=512)
        body = f'{{"session_id": {session}, "content": "hi"}}'
        head = f"POST /api/chatbot/messages/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.token}\r\n"
        writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await reader.readuntil(b"\r\n")
        scripted.step(200)
        while not gateway.parts.supervisor.running():
            await asyncio.sleep(0.01)
        (run,) = gateway.parts.supervisor.running()
        assert run.has_readers
        assert await run.until(50, lambda run: not run.has_readers)
        writer.transport.abort()


async def test_a_cookie_works_from_the_own_page_only(gateway: Gateway) -> None:
    host = gateway.url.removeprefix("http://")
    jar = aiohttp.CookieJar(unsafe=True)
    async with await gateway.user(ADA["email"]), aiohttp.ClientSession(cookie_jar=jar) as page:
        async with page.post(gateway.url + "/api/auth/login", json=ADA) as response:
            cookie = response.headers["Set-Cookie"]
            assert response.status == 200
        assert "HttpOnly" in cookie
        assert "samesite=lax" in cookie.lower()
        for headers, status in [
            ({"Origin": f"http://{host}"}, 201),
            ({"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"}, 201),
            ({}, 403),
            ({"Origin": "null"}, 403),
            ({"Origin": "http://evil.example"}, 403),
            ({"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}, 403),
        ]:
            async with page.post(gateway.url + "/api/chatbot/sessions", headers=headers) as response:
                assert response.status == status, headers
        async with page.get(gateway.url + "/api/auth/me") as response:
            assert response.status == 200
        async with page.post(gateway.url + "/api/auth/login", json=ADA, headers={"Origin": "http://evil.example"}) as response:
            assert response.status == 403


async def test_the_public_url_and_listed_origins_are_own_pages(scripted: ScriptedServer, tmp_path) -> None:
    given = {"lam_public_url": "https://chat.example.org", "lam_cors_origins": ("https://other.example",)}
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, **given) as gateway:
        async with aiohttp.ClientSession(headers={"Cookie": f"lam_token={gateway.token}"}) as page:
            for origin, status in [
                ("https://chat.example.org", 201),
                ("https://other.example", 201),
                (gateway.url, 403),
                ("http://chat.example.org", 403),
            ]:
                async with page.post(gateway.url + "/api/chatbot/sessions", headers={"Origin": origin}) as response:
                    assert response.status == status, origin


async def test_forwarded_addresses_are_believed_only_from_trusted_proxies(
    scripted: ScriptedServer, tmp_path, caplog: pytest.LogCaptureFixture
) -> None:
    for trusted, expected in ((("127.0.0.1",), "203.0.113.9"), (("192.0.2.1",), "127.0.0.1")):
        data = tmp_path / expected
        async with running_gateway(data, llm_server_url=scripted.url, lam_trusted_proxies=trusted) as gateway:
            async with aiohttp.ClientSession() as http:
                headers = {"X-Forwarded-For": "203.0.113.9"}
                async with http.post(gateway.url + "/api/auth/login", json=ADA, headers=headers) as response:
                    assert response.status == 401
        assert f"Failed login from {expected}: no such account" in caplog.messages


async def test_wrong_passwords_and_unknown_users_get_the_same_answer(gateway: Gateway) -> None:
    async with await gateway.user(ADA["email"]), Client(gateway.url) as nobody:
        answers = []
        for body in ({"password": "wrong horse"}, {"email": "nobody@example.org"}):
            with pytest.raises(Unauthorized) as caught:
                await nobody.call("POST", "/api/auth/login", ADA | body)
            answers.append(caught.value.message)
    assert len(set(answers)) == 1


async def test_a_chat_goes_on_while_passwords_are_checked(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with await gateway.user(ADA["email"]) as ada, Client(gateway.url) as nobody:
        attempts = [asyncio.create_task(nobody.call("POST", "/api/auth/login", ADA)) for _ in range(6)]
        assert isinstance((await collect(ada, (await ada.create_session())["id"]))[-1], Done)
        assert len({login["access_token"] for login in await asyncio.gather(*attempts)}) == 6


async def test_a_waiting_caller_whose_token_is_revoked_gets_no_answer(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("secret",), hold=True)
    async with await gateway.user(ADA["email"]) as ada:
        body = {"session_id": (await ada.create_session())["id"], "content": "hi", "on_disconnect": "continue"}
        waiting = asyncio.create_task(ada.call("POST", "/api/chatbot/messages", body))
        await scripted.arrival()
        await ada.call("POST", "/api/auth/logout")
        with pytest.raises(Unauthorized):
            await asyncio.wait_for(waiting, 50)  # goal: 5 s
        scripted.step()


async def test_a_request_that_is_too_large_is_refused_unread(gateway: Gateway) -> None:
    async with aiohttp.ClientSession() as http:
        async with http.post(gateway.url + "/api/auth/login", data=io.BytesIO(b"x" * (5 << 20))) as response:
            assert (response.status, (await response.json())["code"]) == (413, "too_large")

        async def endless():
            for _ in range(80):
                yield b"x" * 65536

        async with http.post(gateway.url + "/api/auth/login", data=endless()) as response:
            assert response.status in (400, 413, 422)


async def test_an_unforeseen_error_is_json_too(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(type(gateway.parts.sessions), "newest", broken)
    async with gateway.client() as client, client._http.get(gateway.url + "/api/chatbot/sessions") as response:
        assert (response.status, (await response.json())["code"]) == (500, "internal")
