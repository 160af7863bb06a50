"""Every route about a session, for everybody who may ask: as the table of roles says, and docs/reference/roles.md with it."""

import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lam.api.guests import GUEST_ROUTES
from lam.api.roles import OWN_WAITING, ROUTES
from lam.gateway import Bounds
from lam.generation.supervisor import Waits
from lam.protocol.parts import Image, Text
from lam.storage.access import ALLOWED, Role
from lam.testing.server import Reply, ScriptedServer

from ..pictures import plain, uploaded
from ..running import Gateway, running_gateway
from ..together import Someone, browser, enter, link, members_of, person

OPENAPI = json.loads((Path(__file__).resolve().parents[3] / "contracts" / "openapi.json").read_text())
SESSIONS = "/api/chatbot/sessions"
BODIES: dict[tuple[str, str], Any] = {
    ("PATCH", f"{SESSIONS}/{{session_id}}"): {"title": "Mine now"},
    ("POST", f"{SESSIONS}/{{session_id}}/waiting"): {"content": "Mine"},
    ("PATCH", f"{SESSIONS}/{{session_id}}/waiting/{{waiting_id}}"): {"content": "Mine now"},
    ("PATCH", f"{SESSIONS}/{{session_id}}/members/{{user_id}}"): {"role": "watch"},
    ("POST", f"{SESSIONS}/{{session_id}}/invitations"): {"role": "watch"},
    ("POST", f"{SESSIONS}/{{session_id}}/publications"): {},
    ("PATCH", "/api/chatbot/messages/{message_id}"): {"rating": "good"},
}
HIDDEN = {401, 403, 404}


def test_every_route_about_a_session_is_in_the_table() -> None:
    known = {
        (method.upper(), path)
        for path, methods in OPENAPI["paths"].items()
        for method in methods
        if "{session_id}" in path or path.startswith(("/api/chatbot/messages", "/api/chatbot/streams"))
    }
    known |= {("GET", "/api/media/{media_id}"), ("GET", "/api/events")}
    assert ROUTES.keys() == known


def expected(role: Role | None, route: tuple[str, str], *, is_guest: bool) -> int | None:
    """The status of a refusal; None for an answer."""
    if is_guest and route not in GUEST_ROUTES:
        return 401
    if role is None:
        return 404
    if role not in ALLOWED[ROUTES[route]]:
        return 403
    is_anothers = route in OWN_WAITING and role != "owner"
    return 403 if is_anothers else None


@pytest.fixture
async def gateway(scripted: ScriptedServer, tmp_path: Path) -> AsyncIterator[Gateway]:
    """A send that finds a reply running is refused soon."""
    bounds = Bounds(runs=Waits(room=0.05))
    async with running_gateway(tmp_path / "data", bounds=bounds, llm_server_url=scripted.url) as running:
        yield running


async def test_everybody_may_what_the_table_says(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("a",), hold=True)
    names = ("owner", "steers", "watches", "revoked", "target", "stranger")
    async with contextlib.AsyncExitStack() as stack:
        people = {name: await stack.enter_async_context(person(gateway, name)) for name in names}
        people["admin"] = await stack.enter_async_context(person(gateway))
        for route in ROUTES:
            async with (
                browser(gateway, "Guest") as guest,
                browser(gateway, "Elsewhere") as elsewhere,
                browser(gateway, "Nobody") as nobody,
            ):
                await ask_all(route, gateway, people | {"guest": guest, "elsewhere": elsewhere, "nobody": nobody})


async def ask_all(route: tuple[str, str], gateway: Gateway, people: dict[str, Someone]) -> None:
    """Each of the people asks this of a new session, those first who are refused."""
    method, path = route
    owner, stranger = people["owner"], people["stranger"]
    session: int = (await owner.call("POST", SESSIONS, {}))["id"]
    other: int = (await stranger.call("POST", SESSIONS, {}))["id"]
    await enter(people["steers"], await link(owner, session, "steer"))
    watch = await link(owner, session)
    for name in ("watches", "revoked", "guest", "target"):
        await enter(people[name], watch)
    await enter(people["elsewhere"], await link(stranger, other, "steer"))
    things = await things_of(gateway, owner, session)
    members = await members_of(owner, session)
    await owner.call("DELETE", f"{SESSIONS}/{session}/members/{members['revoked']['user_id']}")
    things["user_id"] = members["target"]["user_id"]
    url = path.format(**things) + (f"?session={session}" if path == "/api/events" else "")
    body = BODIES.get(route)
    if path.startswith("/api/chatbot/messages") and method == "POST":
        body = {"session_id": session, "content": "hi", "client_request_id": f"x{session}"}
    if path.endswith(("/reading", "/follow")):
        body = {"message_id": things["message_id"]}
    # a guest of another session is nobody where the path names the session, and sees nothing where a thing does
    foreign = 404 if GUEST_ROUTES.get(route) == "nothing" else 401
    refusals = {
        "nobody": 401,
        "elsewhere": foreign,
        "stranger": expected(None, route, is_guest=False),
        "revoked": expected(None, route, is_guest=False),
        "admin": expected(None, route, is_guest=False),
        "guest": expected("watch", route, is_guest=True),
        "watches": expected("watch", route, is_guest=False),
        "steers": expected("steer", route, is_guest=False),
        "owner": expected("owner", route, is_guest=False),
    }
    for name, refusal in refusals.items():
        async with people[name].http.request(method, url, json=body if method != "GET" else None) as response:
            status = response.status
            if refusal is None:
                assert status not in HIDDEN, (route, name, status, await response.text())
                continue
            code = (await response.json())["code"]
        wanted = refusal, {401: "unauthorized", 403: "not_allowed", 404: "not_found"}[refusal]
        assert (status, code) == wanted, (route, name)
    for someone, made in ((owner, session), (stranger, other)):
        await someone.ask("DELETE", f"{SESSIONS}/{made}")  # with the reply that runs; the route may have done it


async def things_of(gateway: Gateway, owner: Someone, session: int) -> dict[str, Any]:
    """A reply that runs, and one thing of each kind."""
    async with gateway.client_of(owner.http.headers) as client:
        picture = (await uploaded(client, plain()))["id"]
    async with gateway.parts.database.write() as unit:
        question = await unit.messages.add(
            parts=(Image(picture), Text("Look")), session_id=session, role="user", status="complete", created_at=datetime.now(UTC)
        )
        reply = await unit.messages.add(
            parts=(Text("I see"),),
            session_id=session,
            role="assistant",
            status="complete",
            parent_id=question,
            created_at=datetime.now(UTC),
        )
        await unit.sessions.change(session, leaf_id=reply)
    await owner.call("POST", f"{SESSIONS}/{session}/waiting", {"content": "Go on"})
    status = 0
    while status != 200:
        status, stream = await owner.ask("GET", f"{SESSIONS}/{session}/stream")
    waiting = (await owner.call("POST", f"{SESSIONS}/{session}/waiting", {"content": "And then"}))["waiting"]
    return {
        "session_id": session,
        "stream_id": stream["stream_id"],
        "message_id": reply,
        "media_id": picture,
        "waiting_id": waiting["id"],
        "emoji": "👍",
        "invitation_id": (await owner.call("GET", f"{SESSIONS}/{session}/invitations"))[0]["id"],
        "publication_id": (await owner.call("POST", f"{SESSIONS}/{session}/publications", {}))["id"],
    }


@pytest.mark.parametrize(
    ("change", "roles"),
    [
        ({"title": "T"}, {"owner"}),
        ({"system_prompt": "P"}, {"owner"}),
        ({"pinned": True}, {"owner"}),
        ({"folder_id": None}, {"owner"}),
        ({"model": None}, {"owner", "steer"}),
        ({"temperature": 0.5}, {"owner", "steer"}),
        ({"active_message_id": None}, {"owner", "steer"}),
        ({"temperature": 0.5, "title": "T"}, {"owner"}),
        ({}, {"owner"}),
    ],
)
async def test_a_change_of_a_session_asks_for_what_its_fields_need(
    gateway: Gateway, change: dict[str, Any], roles: set[Role]
) -> None:
    async with person(gateway, "owner") as owner, person(gateway, "steers") as steers, person(gateway, "watches") as watches:
        session: int = (await owner.call("POST", SESSIONS, {}))["id"]
        await enter(steers, await link(owner, session, "steer"))
        await enter(watches, await link(owner, session))
        for someone, role in ((watches, "watch"), (steers, "steer"), (owner, "owner")):
            status, answer = await someone.ask("PATCH", f"{SESSIONS}/{session}", change)
            assert status == (200 if role in roles else 403), (role, answer)


async def test_the_branch_as_markdown_is_for_everybody_there(gateway: Gateway) -> None:
    async with person(gateway, "owner") as owner, person(gateway, "watches") as watches:
        session: int = (await owner.call("POST", SESSIONS, {"system_prompt": "secret"}))["id"]
        await enter(watches, await link(owner, session))
        status, text = await watches.ask("GET", f"{SESSIONS}/{session}/export?format=markdown")
        assert status == 200
        assert "secret" not in text
