"""A guest's cookie counts on the routes of one table, for its own session, and nowhere else."""

import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from lam.accounts.guests import Guests
from lam.api.guests import GUEST_ROUTES, guest_call
from lam.storage.access import Role
from lam.storage.repositories.users import session_scope
from lam.testing.server import ScriptedServer

from ..running import Gateway

OPENAPI = json.loads((Path(__file__).resolve().parents[3] / "contracts" / "openapi.json").read_text())
ROUTES = {(method.upper(), path) for path, methods in OPENAPI["paths"].items() for method in methods}


async def guest_of(gateway: Gateway, session: int, nickname: str, role: Role = "watch") -> str:
    """Lets a guest in, as a link does. Returns its token."""
    now = datetime.now(UTC)
    async with gateway.parts.database.write() as unit:
        guests: Guests = gateway.parts.guests
        guest, token = await guests.enter(unit, session_scope(session), nickname, now + timedelta(hours=1))
        await unit.members.add(session, guest.id, role, now)
    return token


@contextlib.asynccontextmanager
async def browser(gateway: Gateway, guests: dict[int, str], login: str | None = None) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser that is a guest of these sessions, and perhaps logged in."""
    cookies = {f"lam_guest_{session_scope(session)}": token for session, token in guests.items()}
    cookies |= {"lam_token": login} if login else {}
    async with aiohttp.ClientSession(
        gateway.url, cookies=cookies, headers={"Origin": gateway.url}, cookie_jar=aiohttp.CookieJar(unsafe=True)
    ) as http:
        yield http


def test_every_route_of_guests_is_one_of_the_interface() -> None:
    assert GUEST_ROUTES.keys() <= ROUTES
    for method, path in GUEST_ROUTES:
        assert guest_call(method, path.replace("{", "").replace("}", "")) is not None


async def test_every_other_route_refuses_a_guest(gateway: Gateway) -> None:
    """With a guest's cookie the answer is what a stranger gets."""
    async with gateway.client() as owner:
        session = (await owner.create_session())["id"]
        token = await guest_of(gateway, session, "Ana", "steer")
    numbers = dict.fromkeys(
        *(("session_id", "message_id", "template_id", "version", "token_id", "user_id", "game_id", "run_id", "set_id", "number"), 1)
    ) | dict.fromkeys(("folder_id", "waiting_id", "key_id", "invitation_id", "publication_id", "room_id"), 1)
    names = dict.fromkeys(("stream_id", "connection_id", "media_id", "completion_id", "name", "emoji", "secret"), "x")
    async with browser(gateway, {session: token}) as guest, aiohttp.ClientSession(gateway.url) as stranger:
        for method, path in sorted(ROUTES - GUEST_ROUTES.keys()):
            url = path.format(**numbers, **names)
            async with guest.request(method, url, json={}) as theirs, stranger.request(method, url, json={}) as nobodys:
                assert theirs.status == nobodys.status, (method, path)
            async with stranger.request(method, url, json={}, headers={"Authorization": f"Bearer {token}"}) as bearer:
                assert bearer.status == nobodys.status, (method, path)


async def test_a_guest_reads_the_session_and_no_other(gateway: Gateway) -> None:
    async with gateway.client() as owner:
        session, other = [(await owner.create_session(system_prompt="secret"))["id"] for _ in range(2)]
        token = await guest_of(gateway, session, "Ana")
    async with browser(gateway, {session: token}) as guest:
        async with guest.get(f"/api/chatbot/sessions/{session}") as response:
            seen = await response.json()
            assert (response.status, seen["role"], seen["system_prompt"]) == (200, "watch", None)
        for path in (f"/api/chatbot/sessions/{other}", f"/api/chatbot/sessions/{session}/export", "/api/auth/me"):
            async with guest.get(path) as response:
                assert response.status == 401, path
        async with guest.get("/api/chatbot/streams/unknown") as response:
            assert response.status == 404
        async with guest.patch(f"/api/chatbot/sessions/{session}", json={"title": "Mine"}) as response:
            assert (response.status, (await response.json())["code"]) == (403, "not_allowed")
        async with guest.patch(
            f"/api/chatbot/sessions/{session}", json={"title": "Mine"}, headers={"Origin": "https://evil.example"}
        ) as response:
            assert (response.status, (await response.json())["code"]) == (403, "forbidden")


async def test_a_guest_who_steers_sends_and_stops(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as owner:
        session = (await owner.create_session())["id"]
        token = await guest_of(gateway, session, "Ana", "steer")
        large = json.dumps({"session_id": session, "content": "hi"}) + " " * 20_000  # more than a stranger may send
        async with browser(gateway, {session: token}) as guest:
            headers = {"Content-Type": "application/json"}
            async with guest.post("/api/chatbot/messages", data=large, headers=headers) as response:
                answer = await response.json()
                assert response.status == 200, answer
            async with guest.post(f"/api/chatbot/streams/{answer['assistant_message']['stream_id']}/stop") as response:
                assert response.status == 202
            for body in ({"content": "hi", "system_prompt": "Obey me"}, {"content": "hi", "template_id": 1}):
                async with guest.post("/api/chatbot/messages", json=body | {"session_id": session}) as response:
                    assert (response.status, (await response.json())["code"]) == (403, "not_allowed")
        assert len(await owner.call("GET", f"/api/chatbot/sessions/{session}/messages")) == 2


async def test_of_several_guests_in_one_browser_the_one_who_may_is_asked(gateway: Gateway) -> None:
    async with gateway.client() as owner:
        one, two = [(await owner.create_session())["id"] for _ in range(2)]
        tokens = {one: await guest_of(gateway, one, "Ana", "steer"), two: await guest_of(gateway, two, "Ana", "steer")}
        async with browser(gateway, tokens) as guest:
            for session in (one, two):
                async with guest.post("/api/chatbot/messages", json={"session_id": session, "content": "hi"}) as response:
                    answer = await response.json()
                    assert response.status == 200, answer
                async with guest.get(f"/api/chatbot/streams/{answer['assistant_message']['stream_id']}") as response:
                    assert response.status == 200
                async with guest.patch(
                    f"/api/chatbot/messages/{answer['assistant_message']['id']}", json={"rating": "good"}
                ) as response:
                    assert response.status == 200


async def test_a_login_counts_before_a_guest_where_it_may(gateway: Gateway) -> None:
    async with gateway.client() as owner, await gateway.user("ben@example.org") as ben:
        mine = (await ben.create_session())["id"]
        theirs = (await owner.create_session())["id"]
        guests = {theirs: await guest_of(gateway, theirs, "Ben"), mine: await guest_of(gateway, mine, "Somebody")}
        login: Any = ben._headers["Authorization"].removeprefix("Bearer ")
        async with browser(gateway, guests, login) as http:
            for session, role in ((mine, "owner"), (theirs, "watch")):
                async with http.get(f"/api/chatbot/sessions/{session}") as response:
                    assert (await response.json())["role"] == role
        async with aiohttp.ClientSession(gateway.url, headers=ben._headers) as program:
            async with program.get(f"/api/chatbot/sessions/{theirs}") as response:
                assert response.status == 404


@pytest.mark.parametrize("token", ["", "lam_wrong", "x" * 4000])
async def test_a_cookie_that_is_nobodys_is_a_strangers(gateway: Gateway, token: str) -> None:
    async with browser(gateway, {1: token}) as http:
        async with http.get("/api/chatbot/sessions/1") as response:
            assert response.status == 401


@pytest.mark.parametrize("number", ["%C2%B2", "%D9%A2", "9" * 5000])
async def test_what_is_a_digit_elsewhere_is_no_number_of_a_session(gateway: Gateway, number: str) -> None:
    async with aiohttp.ClientSession(cookies={"lam_guest_s1": "x"}) as http:
        async with http.get(URL(f"{gateway.url}/api/chatbot/sessions/{number}", encoded=True)) as response:
            assert response.status in (401, 422), await response.text()
