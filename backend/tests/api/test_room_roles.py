"""Every route, for the people of a room and for those of another: as the table of roles says, and nothing of anybody else."""

import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lam.api.guests import GUEST_ROUTES
from lam.api.roles import ROUTES
from lam.client.client import Client
from lam.protocol.parts import Image, Text
from lam.storage.access import ALLOWED, Role
from lam.testing.server import Reply, ScriptedServer

from ..pictures import plain, uploaded
from ..rooms_of import entered, gateway_with_rooms, open_room
from ..running import Gateway
from .test_roles import BODIES, HIDDEN

OPENAPI = json.loads((Path(__file__).resolve().parents[3] / "contracts" / "openapi.json").read_text())
ALL = {(method.upper(), path) for path, methods in OPENAPI["paths"].items() for method in methods}
OF_ROOMS = sorted(route for route in ALL if "{room_id}" in route[1])
FOR_PARTICIPANTS = {("GET", "/api/rooms/{room_id}"), ("GET", "/api/rooms/{room_id}/participants")}


@pytest.fixture
async def gateway(scripted: ScriptedServer, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway_with_rooms(tmp_path / "data", scripted.url) as running:
        yield running


def expected(role: Role | None, route: tuple[str, str], *, is_guest: bool) -> int | None:
    """The status of a refusal; None for an answer."""
    if is_guest and route not in GUEST_ROUTES:
        return 401
    if role is None:
        return 404
    return None if role in ALLOWED[ROUTES[route]] else 403


async def things_of(gateway: Gateway, session: int, owner: Client) -> dict[str, Any]:
    """One thing of each kind in a session of a room."""
    picture, now = (await uploaded(owner, plain()))["id"], datetime.now(UTC)
    row = {"session_id": session, "status": "complete", "created_at": now}
    async with gateway.parts.database.write() as unit:
        question = await unit.messages.add(parts=(Image(picture), Text("Look")), role="user", **row)
        reply = await unit.messages.add(
            parts=(Text("I see"),), role="assistant", parent_id=question, stream_id=f"stream-{session}", **row
        )
        await unit.sessions.change(session, leaf_id=reply)
    names = {"session_id": session, "stream_id": f"stream-{session}", "message_id": reply, "media_id": picture}
    return names | {"waiting_id": 99, "user_id": 99, "invitation_id": 99, "publication_id": 99, "emoji": "❤️"}


def request_of(route: tuple[str, str], things: dict[str, Any]) -> tuple[str, Any]:
    """The address and the body."""
    method, path = route
    session = things["session_id"]
    url = path.format(**things) + (f"?session={session}" if path == "/api/events" else "")
    body = BODIES.get(route)
    if path.startswith("/api/chatbot/messages") and method == "POST":
        body = {"session_id": session, "content": "hi"}
    if path.endswith(("/reading", "/follow")):
        body = {"message_id": things["message_id"]}
    return url, None if method == "GET" else body


@contextlib.asynccontextmanager
async def answer(client: Client, method: str, url: str, body: Any) -> AsyncIterator[tuple[int, str]]:
    async with client._http.request(method, client.url + url, json=body) as response:
        text = await response.text() if response.content_type == "application/json" else ""
        yield response.status, text


@pytest.mark.parametrize("is_in_sight", [False, True])
async def test_everybody_may_in_a_session_of_a_room_what_the_table_says(
    is_in_sight: bool, gateway: Gateway, scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(("a",))
    async with gateway.client() as host, await gateway.user("stranger@example.org") as stranger:
        room = await open_room(host, shows_others=is_in_sight)
        other = await open_room(host)
        async with (
            entered(gateway, room["code"], "Ada") as ada,
            entered(gateway, room["code"], "Bob") as fellow,
            entered(gateway, other["code"], "Eve") as elsewhere,
        ):
            things = await things_of(gateway, ada.session, ada)
            seen: Role | None = "fellow" if is_in_sight else None
            for route in ROUTES:
                if "{waiting_id}" in route[1] or "{user_id}" in route[1]:
                    continue  # of things that are not there
                url, body = request_of(route, things)
                for client, refusal in (
                    (stranger, expected(None, route, is_guest=False)),
                    (elsewhere, expected(None, route, is_guest=True)),
                    (fellow, expected(seen, route, is_guest=True)),
                    (host, expected("host", route, is_guest=False)),
                    (ada, expected("participant", route, is_guest=True)),
                ):
                    async with answer(client, route[0], url, body) as (status, text):
                        if refusal is None:
                            assert status not in HIDDEN, (route, status, text)
                        else:
                            assert status == refusal, (route, client, text)


async def test_a_guest_of_a_room_reaches_nothing_else(gateway: Gateway) -> None:
    """On all other routes a guest gets what a stranger gets; whose rooms these are makes no difference."""
    numbers = dict.fromkeys(
        ("session_id", "message_id", "template_id", "version", "token_id", "user_id", "game_id", "run_id", "set_id", "number"), 1
    ) | dict.fromkeys(("folder_id", "waiting_id", "key_id", "invitation_id", "publication_id"), 1)
    names = dict.fromkeys(("stream_id", "connection_id", "media_id", "completion_id", "name", "emoji", "secret"), "x")
    async with gateway.client() as host:
        room = await open_room(host)
        async with entered(gateway, room["code"], "Ada") as ada, aiohttp.ClientSession(gateway.url) as nobody:
            for method, path in sorted(ALL - GUEST_ROUTES.keys()):
                if path.startswith(("/api/rooms/look", "/api/rooms/join")):
                    continue
                url = path.format(**numbers, **names, room_id=room["id"])
                async with (
                    ada._http.request(method, gateway.url + url, json={}) as theirs,
                    nobody.request(method, url, json={}) as nobodys,
                ):
                    assert theirs.status == nobodys.status, (method, path)
            for path in ("/api/chatbot/sessions", "/api/chatbot/search?q=a", "/api/admin/users", "/api/auth/me", "/api/rooms"):
                async with ada._http.get(gateway.url + path) as response:
                    assert response.status == 401, path


async def test_a_room_is_led_by_its_owner_and_known_to_its_participants(gateway: Gateway) -> None:
    async with (
        gateway.client() as host,
        await gateway.user("pupil@example.org") as pupil,
        await gateway.user("x@example.org") as other,
    ):
        for route in OF_ROOMS:
            await ask_all(route, gateway, host, pupil, other)


async def ask_all(route: tuple[str, str], gateway: Gateway, host: Client, pupil: Client, other: Client) -> None:
    """Each of the people asks this of a new room, the host last."""
    method, path = route
    bodies: dict[str, Any] = {"PATCH": {"title": "Mine"}}
    room, elsewhere = await open_room(host), await open_room(host)
    await pupil.call("POST", "/api/rooms/join", {"code": room["code"]})
    async with entered(gateway, room["code"], "Ada") as ada, entered(gateway, elsewhere["code"], "Eve") as eve:
        known = await host.call("GET", f"/api/rooms/{room['id']}/participants")
        url = path.format(room_id=room["id"], user_id=known[0]["user_id"])
        body = {"text": "Hi"} if path.endswith("message") else {"session_id": None} if path.endswith("project") else None
        body = body if body is not None else bodies.get(method)
        is_theirs = route in FOR_PARTICIPANTS
        for client, statuses in (
            (other, {404}),
            (eve, {401}),
            (ada, {200} if is_theirs else {401, 404}),
            (pupil, {200} if is_theirs else {403, 404}),
            (host, {200, 204, 404} if path.endswith("leaderboard") else {200, 204}),
        ):
            async with answer(client, method, url, body) as (status, text):
                assert status in statuses, (route, client, status, text)
