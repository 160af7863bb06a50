"""Pictures in messages: sent, waiting, edited, in the prompt, in a session's file, and gone with their last message."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lam.client.client import Client
from lam.engines.openai_http import Probing
from lam.errors import CannotSee, Conflict, Invalid, MediaQuota, NotFound, TooManyPictures
from lam.gateway import Bounds
from lam.protocol.events import Done
from lam.testing.server import Reply, ScriptedServer, pictures_in

from ..pictures import BLUE, GREEN, RED, fetched, photo, plain, uploaded
from ..running import Gateway, collect, running_gateway
from ..waiting import until
from .test_media import rows

SENDS = "/api/chatbot/messages"


@pytest.fixture
async def seeing(scripted: ScriptedServer, tmp_path: Path) -> AsyncIterator[Gateway]:
    """A gateway in front of a server that sees pictures."""
    scripted.sees = True
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway:
        await until(lambda: gateway.parts.catalog.resolve("scripted") != ())
        yield gateway


async def three(client: Client) -> list[str]:
    return [(await uploaded(client, plain(colour)))["id"] for colour in (RED, GREEN, BLUE)]


async def bytes_of(client: Client, ids: list[str]) -> list[bytes]:
    return [(await fetched(client, media))[2] for media in ids]


def seen(scripted: ScriptedServer, request: int = -1) -> list[bytes]:
    """The pictures that the model got in a request, in their order."""
    return [base64.b64decode(url.partition(",")[2]) for url in pictures_in(scripted.requests[request].body)]


def ids_in(message: dict[str, Any]) -> list[str]:
    return [part["id"] for part in message["parts"] if part["type"] == "image"]


async def messages_of(client: Client, session: int) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
    return listed


async def test_pictures_reach_the_model_in_their_order_and_stand_in_the_message(seeing: Gateway, scripted: ScriptedServer) -> None:
    async with seeing.client() as client:
        session, ids = (await client.create_session())["id"], await three(client)
        document = {"name": "a.txt", "text": "Hello"}
        answer = await client.call(
            "POST", SENDS, {"session_id": session, "content": "What?", "images": ids, "documents": [document]}
        )
        asked = answer["user_message"]
        assert [part["type"] for part in asked["parts"]] == ["document", "image", "image", "image", "text"]
        assert asked["parts"][1] == {"type": "image", "id": ids[0], "width": 40, "height": 30}
        assert asked["content"].endswith("What?")
        assert seen(scripted) == await bytes_of(client, ids)
        kinds = [part["type"] for part in scripted.requests[-1].body["messages"][-1]["content"]]
        assert kinds == ["text", "image_url", "image_url", "image_url", "text"]
        assert await messages_of(client, session) == [asked, answer["assistant_message"]]


async def test_pictures_alone_are_a_message(seeing: Gateway, scripted: ScriptedServer) -> None:
    async with seeing.client() as client:
        session, ids = (await client.create_session())["id"], await three(client)
        for content in (None, "", " "):
            answer = await client.call("POST", SENDS, {"session_id": session, "content": content, "images": ids[:1]})
            assert ids_in(answer["user_message"]) == ids[:1]
        assert len(seen(scripted)) == 3, "one message may show what another shows"


async def test_regenerate_edit_and_continue_keep_the_pictures(seeing: Gateway, scripted: ScriptedServer) -> None:
    async with seeing.client() as client:
        session, ids = (await client.create_session())["id"], await three(client)
        expected = await bytes_of(client, ids)
        await client.call("POST", SENDS, {"session_id": session, "content": "What?", "images": ids})
        scripted.reply = Reply(finish_reason="length")
        await client.call("POST", SENDS, {"session_id": session, "regenerate": True})
        assert seen(scripted) == expected
        await client.call("POST", SENDS, {"session_id": session, "continue": True})
        assert seen(scripted) == expected
        edited = await client.call("POST", SENDS, {"session_id": session, "content": "And?", "images": ids[::-1], "parent_id": 0})
        assert ids_in(edited["user_message"]) == ids[::-1]
        assert seen(scripted) == expected[::-1]
        await client.call("POST", SENDS, {"session_id": session, "content": "Only text"})
        assert seen(scripted) == expected[::-1], "older pictures stay in the conversation"


async def test_a_model_that_cannot_see_refuses_before_anything_is_stored(gateway: Gateway) -> None:
    async with gateway.client() as client:
        session, ids = (await client.create_session())["id"], await three(client)
        await client.call("POST", SENDS, {"session_id": session, "content": "Hello"})
        for body in ({"content": "What?"}, {"content": "What?", "parent_id": 0}):
            with pytest.raises(CannotSee):
                await client.call("POST", SENDS, {"session_id": session, "images": ids} | body)
        assert len(await messages_of(client, session)) == 2
        await client.call("DELETE", f"/api/media/{ids[0]}")


async def test_a_reply_about_pictures_is_not_regenerated_by_a_model_that_cannot_see(
    scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.sees, bounds = True, Bounds(probing=Probing(again=0.05))
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, bounds=bounds) as seeing, seeing.client() as client:
        session, ids = (await client.create_session())["id"], await three(client)
        await client.call("POST", SENDS, {"session_id": session, "content": "What?", "images": ids})
        scripted.sees = False
        await until(lambda: not seeing.parts.catalog.sees("scripted"))
        with pytest.raises(CannotSee):
            await client.call("POST", SENDS, {"session_id": session, "regenerate": True})
        await client.call("POST", SENDS, {"session_id": session, "content": "Only text"})
        assert seen(scripted) == []


async def test_too_many_unknown_and_foreign_pictures_are_refused_before_anything_is_stored(seeing: Gateway) -> None:
    async with seeing.client() as client, await seeing.user("eve@example.org") as eve:
        session, ids = (await client.create_session())["id"], await three(client)
        foreign = (await uploaded(eve, plain()))["id"]
        for images, error in (
            (ids * 3, TooManyPictures),
            ([foreign], NotFound),
            (["nothing"], NotFound),
            (["x" * 33], Invalid),
            ([""], Invalid),
        ):
            for path in (SENDS, f"/api/chatbot/sessions/{session}/waiting"):
                with pytest.raises(error):
                    await client.call("POST", path, {"session_id": session, "content": "What?", "images": images})
        with pytest.raises(Invalid):
            await client.call("POST", SENDS, {"session_id": session, "regenerate": True, "images": ids})
        assert await messages_of(client, session) == []
        assert await client.call("GET", f"/api/chatbot/sessions/{session}/waiting") == []


async def test_the_same_request_id_with_other_pictures_is_another_request(seeing: Gateway) -> None:
    async with seeing.client() as client:
        session, ids = (await client.create_session())["id"], await three(client)
        body = {"session_id": session, "content": "What?", "client_request_id": "one", "images": ids[:2]}
        first = await client.call("POST", SENDS, body)
        again = await client.call("POST", SENDS, body)
        assert again["user_message"] == first["user_message"]
        with pytest.raises(Invalid, match="client_request_id"):
            await client.call("POST", SENDS, body | {"images": ids[1:]})


async def test_a_picture_that_is_sent_and_deleted_at_once_is_in_the_message_or_refused(seeing: Gateway) -> None:
    async with seeing.client() as client:
        session = (await client.create_session())["id"]
        for _ in range(4):
            media = (await uploaded(client, plain()))["id"]
            body = {"session_id": session, "content": "What?", "images": [media]}
            sent, deleted = await asyncio.gather(
                client.call("POST", SENDS, body), client.call("DELETE", f"/api/media/{media}"), return_exceptions=True
            )
            if isinstance(sent, NotFound):
                assert deleted is None
            else:
                assert ids_in(sent["user_message"]) == [media]
                assert isinstance(deleted, Conflict)
                assert (await fetched(client, media))[0] == 200


async def test_a_picture_goes_with_the_last_message_that_shows_it(seeing: Gateway) -> None:
    database = seeing.parts.database
    async with seeing.client() as client:
        sessions = [(await client.create_session())["id"] for _ in range(2)]
        ids = await three(client)
        for session, images in zip(sessions, (ids[:2], ids[1:]), strict=True):
            await client.call("POST", SENDS, {"session_id": session, "content": "What?", "images": images})
        with pytest.raises(Conflict):
            await client.call("DELETE", f"/api/media/{ids[0]}")
        await client.call("DELETE", f"/api/chatbot/sessions/{sessions[0]}")
        assert [(await fetched(client, media))[0] for media in ids] == [404, 200, 200]
        await client.call("POST", f"/api/chatbot/sessions/{sessions[1]}/reset")
        assert [(await fetched(client, media))[0] for media in ids] == [404, 404, 404]
        for table in ("pictures", "media", "message_media"):
            assert await rows(database, table) == 0, table


async def test_an_account_takes_the_pictures_in_its_messages_with_it(seeing: Gateway) -> None:
    async with await seeing.user("eve@example.org") as eve:
        session, ids = (await eve.create_session())["id"], await three(eve)
        await eve.call("POST", SENDS, {"session_id": session, "content": "What?", "images": ids})
        await eve.call("DELETE", "/api/auth/account", {"password": "correct horse"})
    for table in ("pictures", "media", "message_media"):
        assert await rows(seeing.parts.database, table) == 0, table


async def test_a_waiting_message_keeps_its_pictures_until_it_is_sent(seeing: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("a",), hold=True)
    async with seeing.client() as client:
        session, ids = (await client.create_session())["id"], await three(client)
        waiting = f"/api/chatbot/sessions/{session}/waiting"
        stream = asyncio.create_task(collect(client, session))
        await until(lambda: bool(scripted.requests))
        added = (await client.call("POST", waiting, {"content": "", "images": ids}))["waiting"]
        assert ids_in(added) == ids
        with pytest.raises(Conflict):
            await client.call("DELETE", f"/api/media/{ids[0]}")
        changed = await client.call("PATCH", f"{waiting}/{added['id']}", {"content": "What?", "images": ids[1:]})
        assert (ids_in(changed), changed["content"]) == (ids[1:], "What?")
        changed = await client.call("PATCH", f"{waiting}/{added['id']}", {"content": "What is it?"})
        assert ids_in(changed) == ids[1:]
        await client.call("DELETE", f"/api/media/{ids[0]}")
        scripted.step()
        await stream
        scripted.step()
        async with asyncio.timeout(20):
            while len(listed := await messages_of(client, session)) < 4 or listed[-1]["status"] == "streaming":
                scripted.step()
                await asyncio.sleep(0.01)
        assert (ids_in(listed[2]), listed[2]["content"]) == (ids[1:], "What is it?")
        assert seen(scripted) == await bytes_of(client, ids[1:])
        assert await rows(seeing.parts.database, "waiting_media") == 0


async def test_pictures_of_a_message_that_is_taken_back_stay_for_the_draft(seeing: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("a",), hold=True)
    async with seeing.client() as client:
        session, ids = (await client.create_session())["id"], await three(client)
        waiting = f"/api/chatbot/sessions/{session}/waiting"
        stream = asyncio.create_task(collect(client, session))
        await until(lambda: bool(scripted.requests))
        added = (await client.call("POST", waiting, {"content": "What?", "images": ids}))["waiting"]
        back = await client.call("DELETE", f"{waiting}/{added['id']}")
        assert ids_in(back) == ids
        assert await seeing.parts.media.sweep() == 0
        assert [(await fetched(client, media))[0] for media in ids] == [200, 200, 200]
        scripted.step()
        await stream


async def test_a_waiting_message_that_the_model_cannot_see_is_held_with_the_reason(
    gateway: Gateway, scripted: ScriptedServer
) -> None:
    async with gateway.client() as client:
        session, ids = (await client.create_session())["id"], await three(client)
        waiting = f"/api/chatbot/sessions/{session}/waiting"
        added = (await client.call("POST", waiting, {"content": "What?", "images": ids}))["waiting"]
        async with asyncio.timeout(20):
            while not (await client.call("GET", waiting))[0]["held"]:
                await asyncio.sleep(0.01)
        (held,) = await client.call("GET", waiting)
        assert (held["id"], held["held"]["reason"]) == (added["id"], "refused")
        assert "cannot see" in held["held"]["message"]
        assert scripted.requests == []


async def test_titles_and_search_know_the_text_alone(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.sees = True
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_titles=True) as gateway:
        async with gateway.client() as client:
            session, ids = (await client.create_session())["id"], await three(client)
            await client.call("POST", SENDS, {"session_id": session, "content": "", "images": ids})
            async with asyncio.timeout(20):
                while (await client.call("GET", f"/api/chatbot/sessions/{session}"))["title"] != "Once upon a time":
                    await asyncio.sleep(0.01)
            await client.call("POST", SENDS, {"session_id": session, "content": "A red house", "images": ids})
            found = await client.call("GET", "/api/chatbot/search?q=house")
            assert {one["session_id"] for one in found["results"]} == {session}
            assert (await client.call("GET", f"/api/chatbot/search?q={ids[0][:6]}"))["results"] == []


# Sessions as files


async def exported(client: Client, session: int, kind: str = "json") -> bytes:
    async with client._http.get(f"{client.url}/api/chatbot/sessions/{session}/export", params={"format": kind}) as response:
        assert response.status == 200
        return await response.read()


async def test_an_export_carries_the_pictures_and_an_import_has_them_under_new_ids(
    seeing: Gateway, scripted: ScriptedServer
) -> None:
    async with seeing.client() as client, await seeing.user("eve@example.org") as eve:
        session = (await client.create_session())["id"]
        ids = [(await uploaded(client, data))["id"] for data in (photo((2000, 900)), plain(RED), plain((1, 2, 3, 100)))]
        await client.call("POST", SENDS, {"session_id": session, "content": "What?", "images": ids})
        await client.call("POST", SENDS, {"session_id": session, "content": "Again", "images": ids[:1]})
        expected = await bytes_of(client, ids)
        file = json.loads(await exported(client, session))
        assert sorted(file["pictures"]) == sorted(ids)
        await client.call("DELETE", f"/api/chatbot/sessions/{session}")
        for one in (client, eve):
            created = await one.call("POST", "/api/chatbot/sessions/import", file)
            messages = await messages_of(one, created["id"])
            new = ids_in(messages[0])
            assert not set(new) & set(ids)
            assert ids_in(messages[2]) == new[:1]
            assert await bytes_of(one, new) == expected, "byte for byte, as often as it is imported"
            await one.call("POST", SENDS, {"session_id": created["id"], "regenerate": True})
            assert seen(scripted) == [*expected, expected[0]]
        assert await rows(seeing.parts.database, "pictures") == 3


async def test_pictures_of_a_reply_travel_and_go_with_it_too(seeing: Gateway, scripted: ScriptedServer) -> None:
    uri = f"data:image/png;base64,{base64.b64encode(plain(BLUE)).decode()}"
    scripted.reply = Reply(("Look: ", uri, " and ", uri))
    async with seeing.client() as client:
        session = (await client.create_session())["id"]
        answer = await client.call("POST", SENDS, {"session_id": session, "content": "Draw!"})
        reply = answer["assistant_message"]
        assert [part["type"] for part in reply["parts"]] == ["text", "image", "text", "image"]
        with pytest.raises(Conflict):
            await client.call("DELETE", f"/api/media/{ids_in(reply)[0]}")
        text = (await exported(client, session, "markdown")).decode()
        assert "## Assistant\n\nLook: \n\n[picture: 40x30]\n\n and \n\n[picture: 40x30]\n" in text
        created = await client.call("POST", "/api/chatbot/sessions/import", json.loads(await exported(client, session)))
        again = (await messages_of(client, created["id"]))[1]
        assert [part["type"] for part in again["parts"]] == ["text", "image", "text", "image"]
        assert await bytes_of(client, ids_in(again)) == await bytes_of(client, ids_in(reply))
        for one in (session, created["id"]):
            await client.call("DELETE", f"/api/chatbot/sessions/{one}")
    assert await rows(seeing.parts.database, "pictures") == 0


async def test_the_text_for_reading_says_where_pictures_are(seeing: Gateway) -> None:
    async with seeing.client() as client:
        session, ids = (await client.create_session())["id"], await three(client)
        await client.call("POST", SENDS, {"session_id": session, "content": "What?", "images": ids[:2]})
        text = (await exported(client, session, "markdown")).decode()
    assert "## You\n\n[picture: 40x30]\n\n[picture: 40x30]\n\nWhat?\n\n## Assistant" in text


async def test_a_file_with_a_picture_that_is_none_is_refused_whole(seeing: Gateway) -> None:
    async with seeing.client() as client:
        session, ids = (await client.create_session())["id"], await three(client)
        await client.call("POST", SENDS, {"session_id": session, "content": "What?", "images": ids})
        file = json.loads(await exported(client, session))
        before = [await rows(seeing.parts.database, table) for table in ("media", "pictures", "sessions")]
        good = file["pictures"][ids[1]]
        for bad in (
            "https://example.org/a.png",
            "data:image/png;base64,!",
            good[: len(good) // 2],
            "data:text/html;base64,PGI+",
            "",
        ):
            with pytest.raises(Invalid, match="pictures"):
                await client.call("POST", "/api/chatbot/sessions/import", file | {"pictures": file["pictures"] | {ids[1]: bad}})
        assert [await rows(seeing.parts.database, table) for table in ("media", "pictures", "sessions")] == before


async def test_a_file_without_its_pictures_is_imported_without_them(seeing: Gateway) -> None:
    async with seeing.client() as client:
        session, ids = (await client.create_session())["id"], await three(client)
        await client.call("POST", SENDS, {"session_id": session, "content": "What?", "images": ids})
        file = json.loads(await exported(client, session))
        kept = {ids[0]: file["pictures"][ids[0]], "nobody's": "data:image/png;base64,!"}
        created = await client.call("POST", "/api/chatbot/sessions/import", file | {"pictures": kept})
        assert [part["type"] for part in (await messages_of(client, created["id"]))[0]["parts"]] == ["image", "text"]


async def test_an_import_beyond_the_quota_stores_nothing(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.sees = True
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_media_quota_mb=1) as gateway:
        async with gateway.client() as client:
            session = (await client.create_session())["id"]
            big = (await uploaded(client, photo((1000, 1000), quality=85)))["id"]
            await client.call("POST", SENDS, {"session_id": session, "content": "What?", "images": [big]})
            file = json.loads(await exported(client, session))
            uri = file["pictures"][big]
            parts = file["messages"][0]["parts"]
            await uploaded(client, photo((1000, 1000), quality=85))
            many = {"one": uri, "two": uri}
            file["messages"][0]["parts"] = [*({"type": "image", "id": name} for name in many), parts[-1]]
            data = json.dumps(file | {"pictures": many}).encode()
            for path in ("sessions/import", "imports"):
                async with client._http.post(f"{client.url}/api/chatbot/{path}", data=io.BytesIO(data)) as response:
                    assert MediaQuota.code in await response.text()
                assert await rows(gateway.parts.database, "media") == 2, path


async def test_the_other_import_takes_pictures_too(seeing: Gateway) -> None:
    async with seeing.client() as client:
        session, ids = (await client.create_session())["id"], await three(client)
        await client.call("POST", SENDS, {"session_id": session, "content": "What?", "images": ids})
        data = await exported(client, session)
        async with client._http.post(f"{client.url}/api/chatbot/imports", data=data) as response:
            lines = [json.loads(line) for line in (await response.text()).splitlines()]
        assert (lines[-1]["done"], lines[-1]["complete"]) == (1, True)
        new = ids_in((await messages_of(client, lines[-1]["first"]))[0])
        assert await bytes_of(client, new) == await bytes_of(client, ids)


async def test_a_session_without_pictures_is_the_file_that_it_was(gateway: Gateway) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        events = await collect(client, session)
        assert isinstance(events[-1], Done)
        file = json.loads(await exported(client, session))
    assert sorted(file) == ["format", "messages", "session", "version"]
