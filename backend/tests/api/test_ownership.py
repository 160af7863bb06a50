"""Nobody reads, stops or resumes what is not theirs: every route of the OpenAPI file that names a thing, with another's thing."""

import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lam.client.client import Client
from lam.errors import NotFound
from lam.protocol.events import Done, Metadata
from lam.protocol.sse import Decoder
from lam.testing.server import Reply, ScriptedServer

from ..pictures import plain, uploaded
from ..rooms_of import gateway_with_rooms, open_room
from ..running import Gateway, raw_stream

OPENAPI = json.loads((Path(__file__).resolve().parents[3] / "contracts" / "openapi.json").read_text())
ROUTES = [
    *sorted(
        (method.upper(), path)
        for path, methods in OPENAPI["paths"].items()
        for method in methods
        if "{" in path and not path.startswith(("/api/admin/", "/v1/"))  # of /v1: test_openai_sdk.py
    ),
    ("POST", "/api/chatbot/messages"),
    ("POST", "/api/chatbot/messages/stream"),
]
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/api/events/{connection_id}"): {"run": []},
    ("PATCH", "/api/chatbot/sessions/{session_id}"): {"title": "Mine now"},
    ("PATCH", "/api/chatbot/folders/{folder_id}"): {"name": "Mine now"},
    ("PUT", "/api/keys/{key_id}/budget"): {"runs": 1},
    ("POST", "/api/chatbot/sessions/{session_id}/waiting"): {"content": "Mine now"},
    ("PATCH", "/api/chatbot/sessions/{session_id}/waiting/{waiting_id}"): {"content": "Mine now"},
    ("PATCH", "/api/templates/{template_id}"): {"title": "Mine now"},
    ("PATCH", "/api/chatbot/messages/{message_id}"): {"rating": "bad"},
    ("PUT", "/api/lab/sets/{set_id}"): {"title": "Mine now", "maze": {"size": 7, "seeds": [1]}},
    ("POST", "/api/lab/runs/{run_id}/cells/{number}/case"): {},
    ("POST", "/api/maze/games/{game_id}/act"): {"after": 0, "actions": [{"action": "wait"}]},
    ("POST", "/api/maze/games/{game_id}/hint"): {},
    ("POST", "/api/maze/games/{game_id}/finish"): {},
    ("PATCH", "/api/chatbot/sessions/{session_id}/members/{user_id}"): {"role": "watch"},
    ("POST", "/api/chatbot/sessions/{session_id}/invitations"): {"role": "steer"},
    ("POST", "/api/chatbot/sessions/{session_id}/publications"): {},
    ("POST", "/api/chatbot/sessions/{session_id}/reading"): {"message_id": 1},
    ("POST", "/api/chatbot/sessions/{session_id}/follow"): {"message_id": 1},
    ("POST", "/api/rooms/{room_id}/message"): {"text": "Mine now"},
    ("POST", "/api/rooms/{room_id}/project"): {"session_id": None},
    ("PATCH", "/api/rooms/{room_id}"): {"title": "Mine now"},
}
TASKS = {"title": "Mine", "maze": {"size": 7, "seeds": [1, 2]}}


@pytest.fixture
async def gateway(scripted: ScriptedServer, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway_with_rooms(tmp_path / "data", scripted.url) as running:
        yield running


def test_every_parameter_of_a_path_names_a_thing_with_an_owner() -> None:
    names = {name for _, path in ROUTES for name in re.findall(r"\{(\w+)\}", path)}
    assert names == {"session_id", "stream_id", "message_id", "template_id", "version", "token_id", "connection_id"} | {
        *("game_id", "run_id", "set_id", "number", "folder_id", "waiting_id", "media_id", "key_id"),
        *("user_id", "invitation_id", "publication_id", "emoji", "room_id"),
    }


async def test_what_belongs_to_another_user_is_404(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("a",), hold=True)
    async with gateway.client() as owner, await gateway.user("thief@example.org") as thief:
        session = (await owner.create_session())["id"]
        template = await owner.call("POST", "/api/templates", {"title": "Mine", "content": "Say {{this}}"})
        async with raw_stream(owner, session) as stream, event_connection(owner) as connection:
            first = await stream.until(Metadata)
            assert isinstance(first, Metadata)
            added = await owner.call("POST", f"/api/chatbot/sessions/{session}/waiting", {"content": "Next"})
            login = (await owner.call("GET", "/api/auth/tokens"))[0]["id"]
            things = {"session_id": session, "stream_id": first.stream_id, "message_id": first.assistant_message_id}
            things |= {"template_id": template["id"], "version": 1, "token_id": login}
            things |= {"folder_id": (await owner.call("POST", "/api/chatbot/folders", {"name": "Mine"}))["id"]}
            things |= {"waiting_id": added["waiting"]["id"]}
            things |= {"key_id": (await owner.call("POST", "/api/keys", {"name": "Mine"}))["key"]["id"]}
            things |= {"media_id": (await uploaded(owner, plain()))["id"]}
            things |= {"room_id": (await open_room(owner))["id"]}
            things |= {"connection_id": connection, **await lab_and_maze(owner), **await together(owner, session)}
            answered = {}
            for method, path in ROUTES:
                url = gateway.url + path.format(**things)
                body = BODIES.get(
                    (method, path), {"session_id": session, "content": "hi"} if path.endswith(("messages", "stream")) else None
                )
                async with thief._http.request(method, url, json=body if method != "GET" else None) as response:
                    code = (await response.json())["code"] if response.content_type == "application/json" else ""
                    answered[method, path] = (response.status, code)
            assert answered == dict.fromkeys(ROUTES, (404, "not_found"))
            scripted.step()
            done = (await stream.rest())[-1]
            assert isinstance(done, Done)
            assert done.finish_reason == "stop"
        assert [one["id"] for one in await owner.call("GET", "/api/chatbot/sessions")] == [session]


async def test_another_users_folder_takes_no_session_and_lists_and_finds_none(gateway: Gateway) -> None:
    async with gateway.client() as owner, await gateway.user("thief@example.org") as thief:
        folder = (await owner.call("POST", "/api/chatbot/folders", {"name": "Mine", "system_prompt": "secret"}))["id"]
        await owner.create_session(title="Secret", folder_id=folder)
        own = (await thief.create_session())["id"]
        for method, path, body in (
            ("POST", "/api/chatbot/sessions", {"folder_id": folder}),
            ("PATCH", f"/api/chatbot/sessions/{own}", {"folder_id": folder}),
            ("GET", f"/api/chatbot/sessions?folder={folder}", None),
            ("GET", f"/api/chatbot/search?q=Secret&folder={folder}", None),
        ):
            with pytest.raises(NotFound):
                await thief.call(method, path, body)
        assert await thief.call("GET", "/api/chatbot/folders") == []
        assert [one["folder_id"] for one in await thief.call("GET", "/api/chatbot/sessions")] == [None]


async def test_a_message_of_another_session_is_no_edge_to_list_from(gateway: Gateway) -> None:
    async with gateway.client() as owner, await gateway.user("thief@example.org") as thief:
        session = (await owner.create_session())["id"]
        await owner.call("POST", "/api/chatbot/messages", {"session_id": session, "content": "secret"})
        own = (await thief.create_session())["id"]
        async with thief._http.get(f"{gateway.url}/api/chatbot/sessions/{own}/messages?before=2") as response:
            assert response.status == 422


async def test_every_route_but_the_public_ones_wants_a_token(gateway: Gateway) -> None:
    public = {
        *("/api/health", "/api/auth/register", "/api/auth/login"),
        *("/api/chatbot/presets", "/api/templates/public/{template_id}", "/api/maze/sets"),
        *("/api/invitations/look", "/api/invitations/accept"),
        *("/api/rooms/look", "/api/rooms/join"),
    }
    async with gateway.client() as client:
        for path, methods in OPENAPI["paths"].items():
            for method in methods:
                things = {"session_id": 1, "message_id": 1, "template_id": 1, "version": 1, "token_id": 1, "user_id": 1}
                things |= {"invitation_id": 1, "publication_id": 1, "room_id": 1}
                things |= {"game_id": 1, "run_id": 1, "set_id": 1, "number": 1, "folder_id": 1, "waiting_id": 1, "key_id": 1}
                url = gateway.url + path.format(
                    stream_id="x", connection_id="x", emoji="x", media_id="x", completion_id="x", name="x", **things
                )
                async with client._http.request(method.upper(), url, json={}, headers={"Authorization": ""}) as response:
                    assert (response.status == 401) is (path not in public), (method, path)


async def lab_and_maze(owner: Client) -> dict[str, Any]:
    """A set, a run that is stopped, and a game."""
    tasks = await owner.call("POST", "/api/lab/sets", TASKS)
    run = await owner.call("POST", "/api/lab/runs", {"set_id": tasks["id"], "templates": [{"title": "T", "content": "x"}]})
    await owner.call("POST", f"/api/lab/runs/{run['id']}/stop")
    game = await owner.call("POST", "/api/maze/games", {"mode": "manual", "seed": 1})
    return {"set_id": tasks["id"], "run_id": run["id"], "number": 1, "game_id": game["id"]}


async def together(owner: Client, session: int) -> dict[str, Any]:
    """A link into the session, a published page, its owner as a member, and a reaction."""
    path = f"/api/chatbot/sessions/{session}"
    invitation = await owner.call("POST", f"{path}/invitations", {"role": "watch"})
    page = await owner.call("POST", f"{path}/publications", {})
    (me,) = (await owner.call("GET", f"{path}/members"))["members"]
    return {"invitation_id": invitation["id"], "publication_id": page["id"], "user_id": me["user_id"], "emoji": "👍"}


@contextlib.asynccontextmanager
async def event_connection(client: Client) -> AsyncIterator[str]:
    async with client._http.get(f"{client.url}/api/events") as response:
        first = Decoder().feed(await response.content.readuntil(b"\n\n"))[0]
        yield json.loads(first.data)["event"]["id"]
