"""Folders of sessions: their names, what a new session takes from them, and what moving and deleting leave as it was."""

import asyncio
from typing import Any

import pytest

from lam.client.client import Client
from lam.errors import FolderExists, Invalid, NotFound, UnknownModel
from lam.protocol.events import Chunk, Done
from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway, collect, raw_stream
from .test_events import events

FOLDERS = "/api/chatbot/folders"


async def made(client: Client, name: str, **values: Any) -> dict[str, Any]:
    folder: dict[str, Any] = await client.call("POST", FOLDERS, {"name": name, **values})
    return folder


async def test_folders_are_made_changed_listed_by_name_and_deleted(gateway: Gateway) -> None:
    async with gateway.client() as client:
        work = await made(client, "  Work \n trips ", system_prompt="Be brief", model="scripted")
        assert (work["name"], work["system_prompt"], work["model"]) == ("Work trips", "Be brief", "scripted")
        await made(client, "art")
        assert [folder["name"] for folder in await client.call("GET", FOLDERS)] == ["art", "Work trips"]
        path = f"{FOLDERS}/{work['id']}"
        changed = await client.call("PATCH", path, {"name": "Zoo", "model": None})
        assert (changed["name"], changed["system_prompt"], changed["model"]) == ("Zoo", "Be brief", None)
        assert await client.call("PATCH", path, {}) == changed
        await client.call("DELETE", path)
        assert [folder["name"] for folder in await client.call("GET", FOLDERS)] == ["art"]
        with pytest.raises(NotFound):
            await client.call("DELETE", path)


@pytest.mark.parametrize(("one", "other"), [("Work", "wORK"), ("Straße", "STRASSE"), ("Ärger", "a\u0308rger"), ("旅行", "旅行")])
async def test_a_name_is_one_folders_whatever_its_case(one: str, other: str, gateway: Gateway) -> None:
    async with gateway.client() as client, await gateway.user("other@example.org") as somebody:
        first, second = await made(client, one), await made(client, "Second")
        with pytest.raises(FolderExists):
            await made(client, other)
        with pytest.raises(FolderExists):
            await client.call("PATCH", f"{FOLDERS}/{second['id']}", {"name": other})
        assert (await client.call("PATCH", f"{FOLDERS}/{first['id']}", {"name": other}))["name"] == other, "it is its own name"
        await made(somebody, other)


async def test_of_two_folders_of_one_name_at_once_one_is_made(gateway: Gateway) -> None:
    async with gateway.client() as client:
        answers = await asyncio.gather(*(made(client, name) for name in ("Work", "work", "WORK")), return_exceptions=True)
        assert [type(one) for one in answers if isinstance(one, Exception)] == [FolderExists] * 2
        assert len(await client.call("GET", FOLDERS)) == 1


@pytest.mark.parametrize(
    "name", ["مشاريع العمل", "งานและการเดินทาง", "👩‍👩‍👧‍👦 family", "x" * 80, "ﷺ" * 80, "ΐ" * 80, "שלום 🇮🇱", "=1+1", "../etc"]
)
async def test_a_name_in_any_script_comes_back_as_it_was(name: str, gateway: Gateway) -> None:
    async with gateway.client() as client:
        assert (await made(client, name))["name"] == name
        assert [folder["name"] for folder in await client.call("GET", FOLDERS)] == [name]


@pytest.mark.parametrize("name", ["", " \n ", "\u200b\u200d", "\u202e", "x" * 81, "\x07", None, 7])
async def test_a_name_that_nobody_could_see_or_that_is_too_long_is_refused(name: Any, gateway: Gateway) -> None:
    async with gateway.client() as client:
        folder = await made(client, "Good")
        with pytest.raises(Invalid):
            await made(client, name)
        with pytest.raises(Invalid):
            await client.call("PATCH", f"{FOLDERS}/{folder['id']}", {"name": name})
        assert [one["name"] for one in await client.call("GET", FOLDERS)] == ["Good"]


async def test_an_unknown_model_is_refused(gateway: Gateway) -> None:
    async with gateway.client() as client:
        folder = await made(client, "Good")
        with pytest.raises(UnknownModel):
            await made(client, "Bad", model="other")
        with pytest.raises(UnknownModel):
            await client.call("PATCH", f"{FOLDERS}/{folder['id']}", {"model": "other"})


async def test_a_new_session_takes_prompt_and_model_of_its_folder_unless_it_has_its_own(gateway: Gateway) -> None:
    async with gateway.client() as client:
        folder = (await made(client, "Work", system_prompt="Of the folder", model="scripted"))["id"]
        template = await client.call("POST", "/api/templates", {"title": "T", "content": "Of the template"})
        for settings, prompt, model in (
            ({}, "Of the folder", "scripted"),
            ({"system_prompt": "Own"}, "Own", "scripted"),
            ({"system_prompt": ""}, "", "scripted"),
            ({"system_prompt": None, "model": None}, None, None),
            ({"template_id": template["id"]}, "Of the template", "scripted"),
        ):
            session = await client.create_session(folder_id=folder, **settings)
            assert (session["folder_id"], session["system_prompt"], session["model"]) == (folder, prompt, model), settings


async def test_what_a_session_sends_changes_neither_with_its_folder_nor_by_a_move(
    gateway: Gateway, scripted: ScriptedServer
) -> None:
    async with gateway.client() as client:
        work = (await made(client, "Work", system_prompt="Of work"))["id"]
        zoo = (await made(client, "Zoo", system_prompt="Of the zoo"))["id"]
        session = await client.create_session(folder_id=work)
        path = f"/api/chatbot/sessions/{session['id']}"
        await client.call("PATCH", f"{FOLDERS}/{work}", {"system_prompt": "Another"})
        for folder in (zoo, None, work):
            moved = await client.call("PATCH", path, {"folder_id": folder})
            assert (moved["folder_id"], moved["system_prompt"]) == (folder, "Of work")
            assert moved["last_used_at"] == session["last_used_at"]
        assert (await client.call("PATCH", path, {"title": "Named"}))["folder_id"] == work
        assert (await client.call("POST", f"{path}/reset"))["folder_id"] == work
        await collect(client, session["id"])
        assert scripted.requests[0].body["messages"][0] == {"role": "system", "content": "Of work"}
        with pytest.raises(NotFound):
            await client.call("PATCH", path, {"folder_id": 10_000})


async def test_a_deleted_folder_leaves_its_sessions_outside_and_a_running_reply_alone(
    gateway: Gateway, scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(("one ", "two"), hold=True)
    async with gateway.client() as client:
        folder = (await made(client, "Work"))["id"]
        session = (await client.create_session(folder_id=folder))["id"]
        async with raw_stream(client, session) as stream:
            scripted.step()
            await stream.until(Chunk)
            await client.call("DELETE", f"{FOLDERS}/{folder}")
            scripted.step()
            end = (await stream.rest())[-1]
        assert isinstance(end, Done)
        assert end.full_content == "one two"
        (left,) = await client.call("GET", "/api/chatbot/sessions?folder=none")
        assert (left["id"], left["folder_id"], left["running"]) == (session, None, False)


async def test_the_event_connection_tells_of_folders_and_of_moves(gateway: Gateway) -> None:
    async with gateway.client() as client, await gateway.user("other@example.org") as other:
        async with events(client) as frames, events(other) as theirs:
            folder = await made(client, "Work", system_prompt="Be brief")
            assert (await frames.next("sessions", "folder"))["event"]["folder"] == folder
            changed = await client.call("PATCH", f"{FOLDERS}/{folder['id']}", {"name": "Zoo"})
            assert (await frames.next("sessions", "folder"))["event"]["folder"] == changed
            session = (await client.create_session())["id"]
            await frames.next("sessions", "session")
            await client.call("PATCH", f"/api/chatbot/sessions/{session}", {"folder_id": folder["id"]})
            frame = await frames.next("sessions", "session")
            listed = await client.call("GET", f"/api/chatbot/sessions?folder={folder['id']}")
            assert [frame["event"]["session"]] == listed
            await client.call("DELETE", f"{FOLDERS}/{folder['id']}")
            assert (await frames.next("sessions", "folder_deleted"))["event"]["folder_id"] == folder["id"]
            await made(other, "Theirs")
            assert (await theirs.next("sessions", "folder"))["event"]["folder"]["name"] == "Theirs"
            assert "Work" not in str(theirs.all)


async def test_a_session_file_names_its_folder_and_an_import_makes_it_again(gateway: Gateway) -> None:
    async with gateway.client() as giver, await gateway.user("taker@example.org") as taker:
        folder = (await made(giver, "Work", system_prompt="Be brief"))["id"]
        session = (await giver.create_session(folder_id=folder))["id"]
        file = await giver.call("GET", f"/api/chatbot/sessions/{session}/export")
        assert file["session"]["folder"] == "Work"
        for _ in range(2):
            taken = await taker.call("POST", "/api/chatbot/sessions/import", file)
            (own,) = await taker.call("GET", FOLDERS)
            assert (own["name"], own["system_prompt"]) == ("Work", None)
            assert (taken["folder_id"], taken["system_prompt"]) == (own["id"], "Be brief")
        del file["session"]["folder"]
        assert (await taker.call("POST", "/api/chatbot/sessions/import", file))["folder_id"] is None
        for bad in (" \u200b", "x" * 81):
            with pytest.raises(Invalid):
                await taker.call("POST", "/api/chatbot/sessions/import", file | {"session": {"title": "T", "folder": bad}})
        assert len(await taker.call("GET", "/api/chatbot/sessions")) == 3
