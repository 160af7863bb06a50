"""Rooms: opened, entered by a code, used on their terms, watched by their owner, and gone after their date."""

import asyncio
import contextlib
import io
import json
import re
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import func, select

from lam.client.client import Client
from lam.errors import (
    BudgetExceeded,
    Invalid,
    LamError,
    MediaQuota,
    NotAllowed,
    NotFound,
    NotOffered,
    RoomFull,
    RoomLocked,
    RoomOver,
    RoomPaused,
    TooManyAttempts,
    TooManyRooms,
    Unauthorized,
    UnknownModel,
    from_code,
)
from lam.gateway import Bounds
from lam.protocol.events import Done, Metadata, Progress
from lam.protocol.sse import Decoder
from lam.rooms.keeper import Keeper
from lam.storage.schema import rooms, sessions, users
from lam.testing.server import Reply, ScriptedServer

from ..pictures import plain, upload, uploaded
from ..rooms_of import entered, gateway_with_rooms, open_room, soon
from ..running import Gateway, collect, raw_stream, running_gateway
from ..waiting import early_in_a_minute, until


@pytest.fixture
async def gateway(scripted: ScriptedServer, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway_with_rooms(tmp_path / "data", scripted.url) as running:
        yield running


@pytest.fixture
async def owner(gateway: Gateway) -> AsyncIterator[Client]:
    async with gateway.client() as client:
        yield client


async def text_of(client: Client, session_id: int, content: str = "Hello") -> str:
    done = (await collect(client, session_id, content))[-1]
    assert isinstance(done, Done), done
    return done.full_content


# Whether there are rooms, and who opens one


async def test_without_the_setting_every_route_says_so(scripted: ScriptedServer, tmp_path: Path) -> None:
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, gateway.client() as client:
        for method, path, body in (
            ("GET", "/api/rooms", None),
            ("POST", "/api/rooms", {"title": "Class", "expires_at": soon()}),
            ("POST", "/api/rooms/look", {"code": "K7QF-2M9X"}),
            ("POST", "/api/rooms/join", {"code": "K7QF-2M9X", "nickname": "Ada"}),
            ("GET", "/api/rooms/1", None),
        ):
            with pytest.raises(NotOffered):
                await client.call(method, path, body)
        assert (await client.call("GET", "/api/health"))["rooms"] is False
        assert (await client.call("GET", "/api/auth/me"))["may_open_rooms"] is False


async def test_admins_open_rooms_and_whom_the_file_names(scripted: ScriptedServer, tmp_path: Path) -> None:
    file = tmp_path / "lam.toml"
    file.write_text(
        '[rooms]\nusers = ["Teacher@example.org"]\ngroups = ["staff"]\n[[group]]\nname = "staff"\nusers = ["tutor@example.org"]\n'
    )
    async with gateway_with_rooms(tmp_path / "data", scripted.url, lam_config=file) as gateway:
        for email, may in (("teacher@example.org", True), ("tutor@example.org", True), ("pupil@example.org", False)):
            async with await gateway.user(email) as client:
                assert (await client.call("GET", "/api/auth/me"))["may_open_rooms"] is may
                if may:
                    assert (await open_room(client))["role"] == "owner"
                else:
                    with pytest.raises(NotAllowed):
                        await open_room(client)


async def test_a_room_is_made_of_what_its_owner_may_use(owner: Client) -> None:
    with pytest.raises(NotFound):
        await open_room(owner, template_id=99)
    with pytest.raises(UnknownModel):
        await open_room(owner, models=["nobody-has-this"])
    with pytest.raises(Invalid):
        await open_room(owner, expires_at=soon(seconds=-1))
    with pytest.raises(Invalid):
        await open_room(owner, expires_at=soon(days=1000))
    with pytest.raises(Invalid):
        await open_room(owner, task={"kind": "maze", "set": "no-such-set"})
    with pytest.raises(NotFound):
        await open_room(owner, task={"kind": "lab", "set": "99"})
    assert await owner.call("GET", "/api/rooms") == []


async def test_the_number_of_rooms_of_a_person_is_limited(scripted: ScriptedServer, tmp_path: Path) -> None:
    async with gateway_with_rooms(tmp_path / "data", scripted.url, bounds=Bounds(rooms_of_user=2)) as gateway:
        async with gateway.client() as client:
            await open_room(client)
            await open_room(client)
            with pytest.raises(TooManyRooms):
                await open_room(client)


# Entering


async def test_a_code_leads_in_as_people_type_it(gateway: Gateway, owner: Client) -> None:
    room = await open_room(owner, title="Physics")
    assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", room["code"])
    typed = room["code"].lower().replace("-", " ")
    async with Client(gateway.url) as nobody:
        assert await nobody.call("POST", "/api/rooms/look", {"code": typed}) == {"title": "Physics", "needs_nickname": True}
    assert (await owner.call("POST", "/api/rooms/look", {"code": typed}))["needs_nickname"] is False
    async with entered(gateway, typed, "Ada") as guest:
        mine = await guest.call("GET", f"/api/rooms/{guest.room}")
        assert (mine["role"], mine["code"], mine["session_id"], mine["participants"]) == ("participant", None, guest.session, 1)
        assert (await owner.call("GET", f"/api/rooms/{room['id']}"))["code"] == room["code"]


async def test_only_wrong_codes_are_throttled(gateway: Gateway, owner: Client) -> None:
    """A class sits behind one address: what one of them mistypes keeps nobody out."""
    code = (await open_room(owner))["code"]
    gateway.parts.rooms._wrong_codes._clock = lambda: 0.0  # nothing is given back meanwhile
    async with Client(gateway.url) as nobody:
        refusals: list[type[LamError]] = []
        for number in range(64):
            with pytest.raises((NotFound, TooManyAttempts)) as caught:
                await nobody.call("POST", "/api/rooms/look", {"code": f"0000-{number:04d}"})
            refusals.append(type(caught.value))
        assert refusals == [NotFound] * 60 + [TooManyAttempts] * 4
        assert (await nobody.call("POST", "/api/rooms/look", {"code": code}))["title"] == "Class"
    for name in ("Ada", "Bob", "Eve"):
        async with entered(gateway, code, name):
            pass


async def test_a_text_that_cannot_be_a_code_is_a_wrong_one(gateway: Gateway) -> None:
    async with Client(gateway.url) as nobody:
        for text in ("", "hello", "\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000", "K7QF-2M9X; DROP"):
            with pytest.raises(NotFound):
                await nobody.call("POST", "/api/rooms/look", {"code": text})


async def test_a_signed_in_person_enters_as_themselves_and_finds_the_same_session_again(gateway: Gateway, owner: Client) -> None:
    room = await open_room(owner)
    async with await gateway.user("pupil@example.org") as pupil:
        first, second = await asyncio.gather(*(pupil.call("POST", "/api/rooms/join", {"code": room["code"]}) for _ in range(2)))
        assert first == second
        assert await text_of(pupil, first["session_id"]) != ""
        assert [one["name"] for one in await owner.call("GET", f"/api/rooms/{room['id']}/participants")] == ["pupil"]


async def test_a_room_has_an_end_to_its_places(gateway: Gateway, owner: Client) -> None:
    room = await open_room(owner, most=2)
    join = {"code": room["code"]}
    async with entered(gateway, room["code"], "Ada"), entered(gateway, room["code"], "Bob"), Client(gateway.url) as nobody:
        with pytest.raises(RoomFull):
            await nobody.call("POST", "/api/rooms/join", join | {"nickname": "Eve"})
        assert (await owner.call("GET", f"/api/rooms/{room['id']}"))["participants"] == 2


async def test_a_locked_room_keeps_whom_it_has(gateway: Gateway, owner: Client) -> None:
    room = await open_room(owner)
    async with entered(gateway, room["code"], "Ada") as ada, await gateway.user("pupil@example.org") as pupil:
        await pupil.call("POST", "/api/rooms/join", {"code": room["code"]})
        assert (await owner.call("POST", f"/api/rooms/{room['id']}/lock"))["locked"] is True
        with pytest.raises(RoomLocked):
            await joins(gateway, room["code"], "Eve")
        await pupil.call("POST", "/api/rooms/join", {"code": room["code"]})
        assert await text_of(ada, ada.session)
        await owner.call("POST", f"/api/rooms/{room['id']}/unlock")
        await joins(gateway, room["code"], "Eve")


async def joins(gateway: Gateway, code: str, nickname: str | None) -> Any:
    async with Client(gateway.url) as nobody:
        return await nobody.call("POST", "/api/rooms/join", {"code": code, "nickname": nickname})


async def test_two_in_a_room_have_different_names(gateway: Gateway, owner: Client) -> None:
    room = await open_room(owner)
    async with entered(gateway, room["code"], "Ada"):
        with pytest.raises(Invalid, match="nickname"):
            await joins(gateway, room["code"], "ada")


# On the room's terms


async def test_each_session_has_the_rooms_template_and_model_and_keeps_them(
    gateway: Gateway, owner: Client, scripted: ScriptedServer
) -> None:
    template = await owner.call("POST", "/api/templates", {"title": "Tutor", "content": "You teach {{subject}}."})
    room = await open_room(
        owner, template_id=template["id"], variables={"subject": "physics"}, models=["scripted"], title="Physics"
    )
    async with entered(gateway, room["code"], "Ada") as ada:
        await text_of(ada, ada.session, "Why?")
        sent = scripted.requests[-1].body["messages"]
        assert sent[0] == {"role": "system", "content": "You teach physics."}
        path = f"/api/chatbot/sessions/{ada.session}"
        for changes in ({"system_prompt": "Be rude."}, {"template_id": None}, {"model": None}, {"model": "other"}):
            with pytest.raises((NotAllowed, UnknownModel)):
                await ada.call("PATCH", path, changes)
        for options in ({"system_prompt": "Be rude."}, {"template_id": template["id"]}):
            with pytest.raises(NotAllowed):
                await collect(ada, ada.session, "Hi", **options)
        session = await ada.call("GET", path)
        assert (session["title"], session["role"], session["system_prompt"], session["model"]) == (
            *("Physics", "steer", None, "scripted"),
        )
        with pytest.raises(Unauthorized):
            await ada.call("DELETE", path)


async def test_a_budget_holds_for_each_participant_alone(gateway: Gateway, owner: Client) -> None:
    room = await open_room(owner, budget={"requests_per_minute": 1})
    async with entered(gateway, room["code"], "Ada") as ada, entered(gateway, room["code"], "Bob") as bob:
        await early_in_a_minute()
        await text_of(ada, ada.session)
        with pytest.raises(BudgetExceeded, match="Each person in this room") as refused:
            await text_of(ada, ada.session)
        assert refused.value.retry_after <= 60
        await text_of(bob, bob.session)


async def test_whoever_has_written_for_long_enough_writes_no_more(gateway: Gateway, owner: Client) -> None:
    room = await open_room(owner, seconds=3600)
    async with entered(gateway, room["code"], "Ada") as ada:
        mine = await ada.call("GET", f"/api/rooms/{ada.room}")
        left = datetime.fromisoformat(mine["ends_at"]) - datetime.now(UTC)
        assert timedelta(minutes=59) < left <= timedelta(hours=1)
        await text_of(ada, ada.session)
        async with gateway.parts.database.write() as unit:
            await unit.rooms.change(room["id"], seconds=0)
        with pytest.raises(RoomOver):
            await text_of(ada, ada.session)
        assert len(await ada.call("GET", f"/api/chatbot/sessions/{ada.session}/messages")) == 2
        (person,) = await owner.call("GET", f"/api/rooms/{room['id']}/participants")
        assert person["state"] == "over"


async def test_a_pause_refuses_new_messages_and_lets_replies_go_on(
    gateway: Gateway, owner: Client, scripted: ScriptedServer
) -> None:
    room = await open_room(owner)
    async with entered(gateway, room["code"], "Ada") as ada, entered(gateway, room["code"], "Bob") as bob:
        scripted.reply = Reply(("a", "b"), hold=True)
        async with raw_stream(ada, ada.session) as stream:
            await stream.until(Metadata)
            assert (await owner.call("POST", f"/api/rooms/{room['id']}/pause"))["state"] == "paused"
            with pytest.raises(RoomPaused):
                await text_of(bob, bob.session)
            assert await bob.call("GET", f"/api/chatbot/sessions/{bob.session}/messages") == []
            scripted.reply = Reply(("a", "b"))
            scripted.step(2)
            done = (await stream.rest())[-1]
            assert isinstance(done, Done)
            assert done.full_content == "ab"
        await owner.call("POST", f"/api/rooms/{room['id']}/resume")
        assert await text_of(bob, bob.session) == "ab"


async def test_what_waits_in_a_paused_room_is_sent_when_it_goes_on(scripted: ScriptedServer, tmp_path: Path) -> None:
    async with gateway_with_rooms(tmp_path / "data", scripted.url, bounds=Bounds(waiting_pause=0.05)) as gateway:
        async with gateway.client() as owner:
            room = await open_room(owner)
            async with entered(gateway, room["code"], "Ada") as ada:
                await owner.call("POST", f"/api/rooms/{room['id']}/pause")
                await ada.call("POST", f"/api/chatbot/sessions/{ada.session}/waiting", {"content": "Later"})
                await owner.call("POST", f"/api/rooms/{room['id']}/resume")

                async def sent() -> bool:
                    return len(await ada.call("GET", f"/api/chatbot/sessions/{ada.session}/messages")) == 2

                await until(sent)


async def test_pictures_of_all_guests_share_the_rooms_quota(gateway: Gateway, owner: Client) -> None:
    room = await open_room(owner, media_mb=0)
    async with entered(gateway, room["code"], "Ada") as ada:
        with pytest.raises(MediaQuota, match="room"):
            await refused_upload(ada)
        async with gateway.parts.database.write() as unit:
            await unit.rooms.change(room["id"], media_mb=1)
        await uploaded(ada, plain())


async def refused_upload(client: Client) -> None:
    status, answer = await upload(client, plain())
    assert status == 409
    raise from_code(answer["code"], answer["detail"])


async def test_in_the_queue_a_room_is_one_beside_a_colleague(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(("a",), hold=True)
    async with gateway_with_rooms(tmp_path / "data", scripted.url, llm_slots=1) as gateway, contextlib.AsyncExitStack() as stack:
        owner = await stack.enter_async_context(gateway.client())
        colleague = await stack.enter_async_context(await gateway.user("colleague@example.org"))
        code = (await open_room(owner))["code"]
        guests = [await stack.enter_async_context(entered(gateway, code, f"Guest {number}")) for number in range(4)]
        for guest in guests:
            stream = await stack.enter_async_context(raw_stream(guest, guest.session))
            await stream.until(Metadata)
        session = (await colleague.create_session())["id"]
        mine = await stack.enter_async_context(raw_stream(colleague, session))
        progress = await mine.until(Progress)
        assert isinstance(progress, Progress)
        assert progress.position == 1  # behind one guest, not three


# Watching and leading


async def test_the_owner_reads_and_stops_and_does_not_write(gateway: Gateway, owner: Client, scripted: ScriptedServer) -> None:
    room = await open_room(owner)
    async with entered(gateway, room["code"], "Ada") as ada:
        scripted.reply = Reply(("a", "b"), hold=True)
        async with raw_stream(ada, ada.session) as stream:
            first = await stream.until(Metadata)
            assert isinstance(first, Metadata)
            scripted.step()
            (person,) = await owner.call("GET", f"/api/rooms/{room['id']}/participants")
            assert (person["stream_id"], person["name"]) == (first.stream_id, "Ada")
            assert len(await owner.call("GET", f"/api/chatbot/sessions/{ada.session}/messages")) == 2
            with pytest.raises((NotFound, NotAllowed)):
                await collect(owner, ada.session)
            with pytest.raises((NotFound, NotAllowed)):
                await owner.call("PATCH", f"/api/chatbot/sessions/{ada.session}", {"title": "Mine"})
            await owner.stop(first.stream_id)
            done = (await stream.rest())[-1]
            assert isinstance(done, Done)
            assert done.finish_reason == "cancelled"
        assert await owner.call("GET", "/api/chatbot/sessions") == [], "others' sessions are in the room, not in the list"
        assert (await owner.call("GET", "/api/chatbot/search", q="Hello"))["results"] == []


async def test_participants_read_each_other_only_where_the_room_lets_them(gateway: Gateway, owner: Client) -> None:
    room = await open_room(owner)
    async with entered(gateway, room["code"], "Ada") as ada, entered(gateway, room["code"], "Bob") as bob:
        await text_of(ada, ada.session)
        path = f"/api/chatbot/sessions/{ada.session}/messages"

        async def sees() -> bool:
            try:
                return bool(await bob.call("GET", path))
            except NotFound:
                return False

        assert not await sees()
        assert [one["name"] for one in await bob.call("GET", f"/api/rooms/{room['id']}/participants")] == ["Bob"]
        await owner.call("POST", f"/api/rooms/{room['id']}/project", {"session_id": ada.session})
        assert await sees()
        await owner.call("POST", f"/api/rooms/{room['id']}/project", {"session_id": None})
        assert not await sees()
        await owner.call("PATCH", f"/api/rooms/{room['id']}", {"shows_others": True})
        assert await sees()
        assert [one["name"] for one in await bob.call("GET", f"/api/rooms/{room['id']}/participants")] == ["Ada", "Bob"]
        with pytest.raises((NotFound, NotAllowed)):
            await collect(bob, ada.session)
        with pytest.raises(Unauthorized):
            await bob.call("GET", "/api/chatbot/sessions")


async def test_whom_everybody_is_shown_is_known_to_those_who_see_nobody_else(gateway: Gateway, owner: Client) -> None:
    room = await open_room(owner)
    path = f"/api/rooms/{room['id']}"
    async with (
        entered(gateway, room["code"], "Ada") as ada,
        entered(gateway, room["code"], "Eve") as eve,
        entered(gateway, room["code"], "Bob") as bob,
        listening(bob, bob.room) as heard,
    ):

        async def known() -> list[str]:
            return [one["name"] for one in await bob.call("GET", f"{path}/participants")]

        await owner.call("POST", f"{path}/project", {"session_id": ada.session})
        assert (await heard.next("project"))["participant"]["name"] == "Ada"
        assert await known() == ["Ada", "Bob"]
        await text_of(eve, eve.session)
        await text_of(ada, ada.session)
        told = [(await heard.next("participant"))["participant"]["name"]]
        await owner.call("POST", f"{path}/project", {"session_id": None})
        assert (await heard.next("project"))["participant"] is None
        assert (told, await known()) == (["Ada"], ["Bob"])


async def test_a_session_of_elsewhere_is_not_shown_to_a_room(gateway: Gateway, owner: Client) -> None:
    room, other = await open_room(owner), await open_room(owner)
    async with entered(gateway, other["code"], "Ada") as ada:
        for session in (ada.session, (await owner.create_session())["id"], 99999):
            with pytest.raises(Invalid):
                await owner.call("POST", f"/api/rooms/{room['id']}/project", {"session_id": session})


class Heard:
    """The frames of a room on an event connection."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._decoder = Decoder()
        self.id = ""

    async def next(self, kind: str, stream: str = "room") -> Any:
        async with asyncio.timeout(60):
            while True:
                for message in self._decoder.feed(await self._response.content.readuntil(b"\n\n")):
                    frame = json.loads(message.data)
                    if frame["stream"] == "connection" and frame["event"]["type"] == "open":
                        self.id = frame["event"]["id"]
                    if frame["stream"] == stream and frame["event"]["type"] == kind:
                        return frame["event"]


@contextlib.asynccontextmanager
async def listening(client: Client, room_id: int) -> AsyncIterator[Heard]:
    async with client._http.get(f"{client.url}/api/events?room={room_id}") as response:
        assert response.status == 200, await response.text()
        heard = Heard(response)
        await heard.next("open", "connection")
        yield heard


async def test_everybody_hears_what_changes_in_a_room(gateway: Gateway, owner: Client) -> None:
    room = await open_room(owner)
    path = f"/api/rooms/{room['id']}"
    async with (
        entered(gateway, room["code"], "Ada") as ada,
        listening(ada, ada.room) as guest_hears,
        listening(owner, ada.room) as owner_hears,
    ):
        for does, body, kind, about in (
            ("pause", None, "room", lambda event: event["room"]["state"] == "paused"),
            ("lock", None, "room", lambda event: event["room"]["locked"]),
            ("message", {"text": "Five minutes left"}, "message", lambda event: event["text"] == "Five minutes left"),
            ("project", {"session_id": ada.session}, "project", lambda event: event["session_id"] == ada.session),
        ):
            await owner.call("POST", f"{path}/{does}", body)
            for heard in (guest_hears, owner_hears):
                event = await heard.next(kind)
                assert about(event)
                assert event["room_id"] == room["id"]
                assert room["code"] not in json.dumps(event), "the code is the owner's"


async def test_whoever_looks_at_a_room_again_is_told_to_read_it_anew(owner: Client) -> None:
    """What changed while the room was out of sight had no frame."""
    room = (await open_room(owner))["id"]
    async with listening(owner, room) as heard:
        assert (await heard.next("followed"))["room_id"] == room
        for seen in ([], [room]):
            await owner.call("POST", f"/api/events/{heard.id}", {"room": seen})
        assert (await heard.next("followed"))["room_id"] == room


async def test_the_owner_hears_of_each_participant(gateway: Gateway, owner: Client, scripted: ScriptedServer) -> None:
    room = await open_room(owner)
    async with listening(owner, room["id"]) as heard, entered(gateway, room["code"], "Ada") as ada:
        came = (await heard.next("participant"))["participant"]
        assert (came["name"], came["session_id"], came["state"], came["stream_id"]) == ("Ada", ada.session, "left", None)
        scripted.reply = Reply(("a",), hold=True)
        async with raw_stream(ada, ada.session) as stream:
            await stream.until(Metadata)
            begins = (await heard.next("participant"))["participant"]
            assert begins["stream_id"] is not None
            scripted.step()
            await stream.rest()
        while (ends := (await heard.next("participant"))["participant"])["stream_id"] is not None:
            pass
        assert (ends["messages"], ends["last"], ends["tokens"] > 0) == (2, "a", True)


async def test_whoever_has_no_page_open_has_left(scripted: ScriptedServer, tmp_path: Path) -> None:
    async with gateway_with_rooms(tmp_path / "data", scripted.url, bounds=Bounds(presence_left=0.05)) as gateway:
        async with gateway.client() as owner:
            room = await open_room(owner)
            async with listening(owner, room["id"]) as heard, entered(gateway, room["code"], "Ada") as ada:
                async with ada._http.get(f"{gateway.url}/api/events?room={ada.room}&session={ada.session}") as response:
                    assert response.status == 200
                    while (await heard.next("participant"))["participant"]["state"] != "idle":
                        pass
                while (await heard.next("participant"))["participant"]["state"] != "left":
                    pass


async def test_a_room_that_shows_others_no_more_ends_what_they_read(
    gateway: Gateway, owner: Client, scripted: ScriptedServer
) -> None:
    room = await open_room(owner, shows_others=True)
    async with entered(gateway, room["code"], "Ada") as ada, entered(gateway, room["code"], "Bob") as bob:
        scripted.reply = Reply(("a", "b"), hold=True)
        async with raw_stream(ada, ada.session) as stream:
            first = await stream.until(Metadata)
            assert isinstance(first, Metadata)
            path = f"/api/events?room={bob.room}&run={first.stream_id}"
            async with bob._http.get(gateway.url + path) as response, owner._http.get(gateway.url + path) as owners:
                assert (response.status, owners.status) == (200, 200)
                follows, looks = Heard(response), Heard(owners)
                await follows.next("metadata", first.stream_id)
                await owner.call("PATCH", f"/api/rooms/{room['id']}", {"shows_others": False})
                assert (await follows.next("closed", first.stream_id))["reason"] == "not_found"
                scripted.step(2)
                assert (await looks.next("done", first.stream_id))["full_content"] == "ab", "the owner goes on"
            await stream.rest()


async def test_an_event_connection_to_a_room_of_others_is_refused(gateway: Gateway, owner: Client) -> None:
    room, other = await open_room(owner), await open_room(owner)
    async with entered(gateway, room["code"], "Ada") as ada:
        async with ada._http.get(f"{gateway.url}/api/events?room={other['id']}") as response:
            assert response.status in (401, 404)
    async with await gateway.user("stranger@example.org") as stranger:
        async with stranger._http.get(f"{gateway.url}/api/events") as response:
            heard = Heard(response)
            await heard.next("open", "connection")
            await stranger.call("POST", f"/api/events/{heard.id}", {"room": [room["id"]]})
            assert (await heard.next("closed"))["room_id"] == room["id"]


async def test_a_picture_of_the_code_is_for_the_owner(gateway: Gateway, owner: Client) -> None:
    room = await open_room(owner)
    url = f"{gateway.url}/api/rooms/{room['id']}/qr.svg"
    async with owner._http.get(url) as response:
        assert (response.status, response.content_type) == (200, "image/svg+xml")
        drawn = await response.text()
    assert drawn.startswith("<svg")
    assert "script" not in drawn
    async with entered(gateway, room["code"], "Ada") as ada:
        async with ada._http.get(url) as response:
            assert response.status == 401


async def test_a_maze_is_ranked_by_what_participants_did_since_they_came(gateway: Gateway, owner: Client) -> None:
    room = await open_room(owner, task={"kind": "maze", "set": "practice"})
    assert room["task"] == {"kind": "maze", "set": "practice", "title": "Practice"}
    async with await gateway.user("pupil@example.org") as pupil, await gateway.user("other@example.org") as other:
        await pupil.call("POST", "/api/maze/games", {"mode": "manual", "set": "practice"})
        for client in (pupil, other):
            await client.call("POST", "/api/rooms/join", {"code": room["code"]})
        game = await other.call("POST", "/api/maze/games", {"mode": "manual", "set": "practice"})
        async with gateway.parts.database.write() as unit:
            await unit.games.change(game["id"], status="won", score=77)
        board = await other.call("GET", f"/api/rooms/{room['id']}/leaderboard")
    assert [(row["rank"], row["name"], row["score"], row["tries"], row["is_me"]) for row in board] == [(1, "other", 77, 1, True)]
    plain_room = await open_room(owner)
    with pytest.raises(NotFound):
        await owner.call("GET", f"/api/rooms/{plain_room['id']}/leaderboard")


async def test_the_export_holds_everything(gateway: Gateway, owner: Client) -> None:
    room = await open_room(owner)
    async with entered(gateway, room["code"], "=Ada/../x") as ada:
        await text_of(ada, ada.session, "Why is the sky blue?")
        async with owner._http.post(f"{gateway.url}/api/rooms/{room['id']}/export") as response:
            assert response.headers["Content-Disposition"] == f'attachment; filename="room-{room["id"]}.zip"'
            archive = zipfile.ZipFile(io.BytesIO(await response.read()))
        with pytest.raises(Unauthorized):
            await ada.call("POST", f"/api/rooms/{room['id']}/export")
    names = archive.namelist()
    assert names == ["room.json", "participants.csv", "001-Ada-..-x.md", "001-Ada-..-x.json"]
    assert "Why is the sky blue?" in archive.read(names[2]).decode()
    assert b"'=Ada" in archive.read("participants.csv")
    assert room["code"].replace("-", "").encode() not in archive.read("room.json")
    async with owner._http.post(f"{gateway.url}/api/chatbot/sessions/import", data=archive.read(names[3])) as response:
        assert response.status == 201


# The end


async def test_an_ended_room_takes_its_guests_and_sessions_with_it(
    gateway: Gateway, owner: Client, scripted: ScriptedServer
) -> None:
    room = await open_room(owner)
    async with (
        entered(gateway, room["code"], "Ada") as ada,
        await gateway.user("pupil@example.org") as pupil,
        listening(owner, room["id"]) as heard,
    ):
        joined = await pupil.call("POST", "/api/rooms/join", {"code": room["code"]})
        kept = (await pupil.create_session())["id"]
        scripted.reply = Reply(("a",), hold=True)
        async with raw_stream(ada, ada.session) as stream:
            await stream.until(Metadata)
            await owner.call("DELETE", f"/api/rooms/{room['id']}")
            await stream.rest()
        assert (await heard.next("closed"))["room_id"] == room["id"]
        with pytest.raises(LamError):
            await ada.call("GET", f"/api/chatbot/sessions/{ada.session}")
        with pytest.raises(NotFound):
            await pupil.call("GET", f"/api/chatbot/sessions/{joined['session_id']}")
        assert (await pupil.call("GET", f"/api/chatbot/sessions/{kept}"))["id"] == kept
    with pytest.raises(NotFound):
        await owner.call("GET", f"/api/rooms/{room['id']}")
    assert await counts(gateway) == {"rooms": 0, "guests": 0, "sessions": 1}


async def counts(gateway: Gateway) -> dict[str, int]:
    async with gateway.parts.database.read() as unit:
        connection = unit.rooms._connection
        queries = {
            "rooms": select(func.count()).select_from(rooms),
            "guests": select(func.count()).select_from(users).where(users.c.scope.is_not(None)),
            "sessions": select(func.count()).select_from(sessions),
        }
        return {name: int((await connection.execute(query)).scalar_one()) for name, query in queries.items()}


async def test_a_rooms_owner_is_told_before_anything_is_removed(gateway: Gateway, owner: Client) -> None:
    """Nothing goes before its date, and nothing before a warning: also where the gateway was off over the date."""
    room = await open_room(owner, expires_at=soon(days=8))
    keeper = Keeper(gateway.parts.database, gateway.parts.rooms)
    now = datetime.now(UTC)
    async with entered(gateway, room["code"], "Ada") as ada, listening(owner, room["id"]) as heard:
        await keeper.tidy(now + timedelta(days=6.9))
        assert (await owner.call("GET", f"/api/rooms/{room['id']}"))["gone_at"] is None
        await keeper.tidy(now + timedelta(days=7.1))
        assert (await heard.next("room"))["room"]["gone_at"] is not None
        await keeper.tidy(now + timedelta(days=7.99))
        assert await text_of(ada, ada.session)
        late = await open_room(owner, expires_at=soon(days=8))
        await keeper.tidy(now + timedelta(days=30))
        assert [one["id"] for one in await owner.call("GET", "/api/rooms")] == [late["id"]], "the late one was only warned about"
        gone = datetime.fromisoformat((await owner.call("GET", f"/api/rooms/{late['id']}"))["gone_at"])
        assert gone - (now + timedelta(days=30)) > timedelta(hours=23)
        await keeper.tidy(now + timedelta(days=31.1))
        assert await owner.call("GET", "/api/rooms") == []
    assert await counts(gateway) == {"rooms": 0, "guests": 0, "sessions": 0}


async def test_a_room_that_is_extended_as_it_ends_stays(gateway: Gateway, owner: Client) -> None:
    """The keeper has read that its time has come, and what it does then asks once more."""
    room = await open_room(owner, expires_at=soon(days=8))
    rooms, now = gateway.parts.rooms, datetime.now(UTC)
    async with entered(gateway, room["code"], "Ada") as ada:
        await rooms.warn(room["id"], now + timedelta(days=7.9))
        await owner.call("PATCH", f"/api/rooms/{room['id']}", {"expires_at": soon(days=20)})
        assert await rooms.end_over(room["id"], now + timedelta(days=9)) is None
        assert (await owner.call("GET", f"/api/rooms/{room['id']}"))["locked"] is False
        await rooms.warn(room["id"], now + timedelta(days=9))
        assert (await owner.call("GET", f"/api/rooms/{room['id']}"))["gone_at"] is None
        assert await text_of(ada, ada.session)


async def test_a_guests_cookie_outlives_every_date_that_a_room_may_get(gateway: Gateway, owner: Client) -> None:
    room = await open_room(owner, expires_at=soon(days=1))
    async with aiohttp.ClientSession() as http:
        body = {"code": room["code"], "nickname": "Ada"}
        async with http.post(f"{gateway.url}/api/rooms/join", json=body) as response:
            (cookie,) = response.cookies.values()
    assert parsedate_to_datetime(cookie["expires"]) > datetime.now(UTC) + timedelta(days=366)


async def test_after_its_date_a_room_is_read_and_not_written(gateway: Gateway, owner: Client) -> None:
    room = await open_room(owner)
    async with entered(gateway, room["code"], "Ada") as ada:
        await text_of(ada, ada.session)
        async with gateway.parts.database.write() as unit:
            await unit.rooms.change(room["id"], expires_at=datetime.now(UTC) - timedelta(seconds=1))
        with pytest.raises(RoomOver):
            await text_of(ada, ada.session)
        with pytest.raises(RoomOver):
            await joins(gateway, room["code"], "Eve")
        assert len(await ada.call("GET", f"/api/chatbot/sessions/{ada.session}/messages")) == 2
        assert (await ada.call("GET", f"/api/rooms/{ada.room}"))["state"] == "over"
        await owner.call("PATCH", f"/api/rooms/{room['id']}", {"expires_at": soon()})
        assert await text_of(ada, ada.session)


async def test_a_room_whose_owner_is_gone_sends_nothing_more(scripted: ScriptedServer, tmp_path: Path) -> None:
    file = tmp_path / "lam.toml"
    file.write_text('[rooms]\nusers = ["teacher@example.org"]\n')
    async with gateway_with_rooms(tmp_path / "data", scripted.url, lam_config=file) as gateway:
        async with await gateway.user("teacher@example.org") as teacher:
            room = await open_room(teacher)
            async with entered(gateway, room["code"], "Ada") as ada:
                await teacher.call("DELETE", "/api/auth/account", {"password": "correct horse"})
                with pytest.raises((RoomOver, LamError)):
                    await text_of(ada, ada.session)
        await Keeper(gateway.parts.database, gateway.parts.rooms).tidy(datetime.now(UTC))
        assert await counts(gateway) == {"rooms": 0, "guests": 0, "sessions": 0}


async def test_a_removal_that_was_interrupted_is_finished(gateway: Gateway, owner: Client) -> None:
    room = await open_room(owner)
    async with entered(gateway, room["code"], "Ada") as ada, entered(gateway, room["code"], "Bob"):
        async with gateway.parts.database.write() as unit:
            await unit.sessions.delete(ada.session)
        await owner.call("DELETE", f"/api/rooms/{room['id']}")
    assert await counts(gateway) == {"rooms": 0, "guests": 0, "sessions": 0}


async def test_no_guest_has_the_name_of_somebody_who_is_signed_in_or_of_the_owner(gateway: Gateway, owner: Client) -> None:
    room = await open_room(owner)
    async with await gateway.user("pupil@example.org") as pupil:
        await pupil.call("POST", "/api/rooms/join", {"code": room["code"]})
    for name in ("Pupil", "LOCAL"):
        with pytest.raises(Invalid, match="nickname"):
            await joins(gateway, room["code"], name)
    await joins(gateway, room["code"], "Ada")


async def test_a_guest_who_is_removed_is_out_at_once_and_stays_out(
    gateway: Gateway, owner: Client, scripted: ScriptedServer
) -> None:
    room = await open_room(owner, shows_others=True)
    path = f"/api/rooms/{room['id']}"
    async with entered(gateway, room["code"], "Ada") as ada, entered(gateway, room["code"], "Bob") as bob:
        scripted.reply = Reply(("a", "b"), hold=True)
        people = {one["name"]: one for one in await owner.call("GET", f"{path}/participants")}
        await owner.call("POST", f"{path}/project", {"session_id": ada.session})
        async with raw_stream(ada, ada.session) as stream, listening(ada, ada.room) as hears, listening(bob, bob.room) as others:
            await stream.until(Metadata)
            await owner.call("POST", f"{path}/lock", None)
            for _ in range(2):  # asked once more it is the same
                await owner.call("DELETE", f"{path}/participants/{people['Ada']['user_id']}")
            assert (await hears.next("closed"))["reason"] == "removed"
            while (await others.next("participant"))["participant"]["state"] != "removed":
                pass
            assert (await others.next("project"))["session_id"] is None
            done = (await stream.rest())[-1]
            assert isinstance(done, Done)
            assert done.finish_reason == "cancelled"
            async with asyncio.timeout(60):
                while await hears._response.content.readany():
                    pass
        with pytest.raises(Unauthorized):
            await ada.call("GET", path)
        with pytest.raises(NotAllowed):
            await ada.call("POST", "/api/rooms/join", {"code": room["code"], "nickname": "Ada again"})
        listed = await owner.call("GET", f"{path}/participants")
        assert [(one["name"], one["state"]) for one in listed] == [("Ada", "removed"), ("Bob", "left")]
        assert [one["name"] for one in await bob.call("GET", f"{path}/participants")] == ["Bob"]
        assert (await owner.call("GET", path))["participants"] == 1
        said = await owner.call("GET", f"/api/chatbot/sessions/{ada.session}/messages")
        assert [message["role"] for message in said] == ["user", "assistant"], "what was said stays with the room"
        await owner.call("PATCH", path, {"expires_at": soon(days=20)})
        with pytest.raises(Unauthorized):  # a longer life of the room revives nobody
            await ada.call("GET", path)


async def test_a_signed_in_person_who_is_removed_keeps_what_they_wrote_without_the_rooms_prompt(
    gateway: Gateway, owner: Client
) -> None:
    template = await owner.call("POST", "/api/templates", {"title": "T", "content": "the room's secret"})
    room = await open_room(owner, template_id=template["id"])
    async with await gateway.user("pupil@example.org") as pupil, await gateway.user("other@example.org") as other:
        session = (await pupil.call("POST", "/api/rooms/join", {"code": room["code"]}))["session_id"]
        await collect(pupil, session)
        user = (await pupil.call("GET", "/api/auth/me"))["id"]
        for somebody in (other, pupil):
            with pytest.raises(NotFound):
                await somebody.call("DELETE", f"/api/rooms/{room['id']}/participants/{user}")
        await owner.call("DELETE", f"/api/rooms/{room['id']}/participants/{user}")
        with pytest.raises(NotFound):
            await pupil.call("GET", f"/api/rooms/{room['id']}")
        mine = await pupil.call("GET", f"/api/chatbot/sessions/{session}")
        assert (mine["role"], mine["room_id"], mine["system_prompt"], mine["message_count"]) == ("owner", None, None, 2)
        with pytest.raises(NotFound):
            await owner.call("GET", f"/api/chatbot/sessions/{session}")
        assert await owner.call("GET", f"/api/rooms/{room['id']}/participants") == []
        with pytest.raises(NotFound):
            await owner.call("DELETE", f"/api/rooms/{room['id']}/participants/{user}")


async def test_a_guest_plays_the_rooms_maze_on_the_rooms_terms_and_nothing_else_of_it(
    scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.reply = lambda body: Reply(('{"action": "move", "direction": "right", "say": "On"}',))
    async with gateway_with_rooms(tmp_path / "data", scripted.url) as gateway, gateway.client() as owner:
        model = "scripted"
        room = await open_room(owner, task={"kind": "maze", "set": "practice"}, models=[model], budget={"requests_per_minute": 1})
        plain_room = await open_room(owner)
        path = f"/api/rooms/{room['id']}"
        async with (
            entered(gateway, room["code"], "Ada") as ada,
            entered(gateway, room["code"], "Bob") as bob,
            entered(gateway, plain_room["code"], "Eve") as eve,
        ):
            new = {"mode": "manual", "set": "practice", "maze": 2}
            game = await ada.call("POST", f"/api/maze/games?room={room['id']}", new)
            assert (game["set"], game["maze"], game["model"], game["mine"]) == ("practice", 2, model, True)
            of_game = f"/api/maze/games/{game['id']}"
            for refused in (new | {"set": "small"}, {"mode": "manual", "seed": 1}, new | {"model": "another"}):
                with pytest.raises((NotAllowed, UnknownModel)):
                    await ada.call("POST", "/api/maze/games", refused)
            with pytest.raises(NotAllowed):
                await eve.call("POST", "/api/maze/games", new)
            moved = await ada.call("POST", f"{of_game}/act", {"after": 0, "actions": [{"action": "wait"}]})
            assert len(moved["actions"]) == 1
            await early_in_a_minute()
            async with ada._http.post(f"{gateway.url}{of_game}/hint", json={}) as response:
                assert '"done"' in await response.text()
            stored = await ada.call("GET", f"{of_game}/replay")
            assert len(stored["hints"]) == 1
            with pytest.raises(BudgetExceeded):  # the room's, which counts the hint and every message alike
                await ada.call("POST", f"{of_game}/hint", {})
            async with gateway.parts.database.write() as unit:
                await unit.games.change(game["id"], status="won", score=77)
            for method, address in (("GET", of_game), ("GET", f"{of_game}/replay"), ("POST", f"{of_game}/finish")):
                with pytest.raises(NotFound):
                    await bob.call(method, address, {} if method == "POST" else None)
            for address in (of_game, f"{of_game}/replay"):
                with pytest.raises(NotFound):  # it is on no board that people with an account see
                    await owner.call("GET", address)
            for method, address in (
                ("DELETE", of_game),
                ("GET", "/api/maze/leaderboard?set=practice"),
                ("GET", f"{of_game}/hints/1"),
            ):
                with pytest.raises(Unauthorized):
                    await ada.call(method, address)
            assert [one["id"] for one in await ada.call("GET", "/api/maze/games")] == [game["id"]]
            board = await bob.call("GET", f"{path}/leaderboard")
            assert [(row["name"], row["score"], row["is_me"]) for row in board] == [("Ada", 77, False)]
            assert await owner.call("GET", "/api/maze/leaderboard?set=practice&mode=manual") == [], "guests are in the room alone"
            other = await ada.call("POST", "/api/maze/games", new)
            await owner.call("POST", f"{path}/pause", None)
            for action, body in (("act", {"after": 0, "actions": [{"action": "wait"}]}), ("hint", {})):
                with pytest.raises(RoomPaused):
                    await ada.call("POST", f"/api/maze/games/{other['id']}/{action}", body)
            with pytest.raises(RoomPaused):
                await ada.call("POST", "/api/maze/games", new)


async def test_the_end_of_a_room_ends_the_hints_of_its_guests(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(("Hm", "m"), hold=True)
    async with gateway_with_rooms(tmp_path / "data", scripted.url) as gateway, gateway.client() as owner:
        room = await open_room(owner, task={"kind": "maze", "set": "practice"})
        async with entered(gateway, room["code"], "Ada") as ada:
            game = await ada.call("POST", f"/api/maze/games?room={room['id']}", {"mode": "manual", "set": "practice"})
            async with ada._http.post(f"{gateway.url}/api/maze/games/{game['id']}/hint", json={}) as response:
                assert response.status == 200
                await scripted.arrival()
                await owner.call("DELETE", f"/api/rooms/{room['id']}")
                assert gateway.parts.supervisor.running() == []
                await until(lambda: not scripted.active)
                await response.read()
        async with gateway.parts.database.write() as unit:
            assert await unit.runs.take_over("whoever looks") == [], "no row of it stays"


async def test_a_set_of_the_lab_is_ranked_by_the_share_that_was_solved(
    gateway: Gateway, owner: Client, scripted: ScriptedServer
) -> None:
    def answer(body: dict[str, Any]) -> Reply:
        """A template that says how is followed."""
        knows = "Italy" in body["messages"][-1]["content"] and body["messages"][0]["content"] == "Well"
        return Reply(("Rome" if knows else "Paris",))

    scripted.reply = answer
    cases = [
        {"name": name, "input": f"Capital of {name}?", "judge": {"type": "contains", "value": city}}
        for name, city in (("France", "Paris"), ("Italy", "Rome"))
    ]
    tasks = await owner.call("POST", "/api/lab/sets", {"title": "Capitals", "cases": cases})
    room = await open_room(owner, task={"kind": "lab", "set": tasks["id"]})
    path = f"/api/rooms/{room['id']}"
    async with await gateway.user("ada@example.org") as ada, await gateway.user("bob@example.org") as bob:

        async def tries(client: Client, template: str, **fields: Any) -> int:
            body = {"set": {"title": "Mine", "cases": cases}, "templates": [{"title": "T", "content": template}]} | fields
            run = await client.call("POST", "/api/lab/runs", body)

            async def is_done() -> bool:
                return bool((await client.call("GET", f"/api/lab/runs/{run['id']}"))["status"] == "done")

            await until(is_done)
            made: int = run["id"]
            return made

        await tries(bob, "Well")  # before he came
        for client in (ada, bob):
            await client.call("POST", "/api/rooms/join", {"code": room["code"]})
        await tries(ada, "Badly")
        await tries(ada, "Well")
        await tries(bob, "Badly")
        easier = await tries(bob, "Well", set={"title": "Easier", "cases": cases[:1]})  # of another set
        board = await ada.call("GET", f"{path}/leaderboard")
        await owner.call("PUT", f"/api/lab/sets/{tasks['id']}", {"title": "Capitals", "cases": cases[:1]})
        async with gateway.parts.database.write() as unit:
            await unit.lab.change_run(easier, spec='{"tasks": 1}')  # of another release
        assert await ada.call("GET", f"{path}/leaderboard") == board
        await owner.call("DELETE", f"/api/lab/sets/{tasks['id']}")
        assert await ada.call("GET", f"{path}/leaderboard") == board
    assert [(row["rank"], row["name"], row["score"], row["tries"], row["is_me"]) for row in board] == [
        (1, "ada", 100, 2, True),
        (2, "bob", 50, 1, False),
    ]
