"""What happens between the look at a thing and what is then done with it: the later step looks again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lam.chat.messages import Send
from lam.errors import Forbidden, LamError, NotAllowed, NotFound, RoomOver, StorageUnavailable, Unauthorized, Unreachable
from lam.gateway import Bounds
from lam.lab.cells import Attempt
from lam.programs import programs
from lam.protocol.events import Done, Metadata
from lam.rooms.keeper import Keeper
from lam.storage.database import UnitOfWork
from lam.storage.repositories.runs import Runs
from lam.testing.server import Reply, ScriptedServer

from ..rooms_of import entered, gateway_with_rooms, open_room, soon
from ..running import Gateway, raw_stream, running_gateway
from ..together import enter, link, person
from ..waiting import until

ADA = {"email": "ada@example.org", "password": "correct horse"}
NEW = "battery staple"
HELD = Reply(("One ", "two ", "three"), hold=True)
Meanwhile = Callable[[], Awaitable[Any]]


@pytest.fixture
async def gateway(scripted: ScriptedServer, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway_with_rooms(tmp_path / "data", scripted.url) as gateway:
        yield gateway


def once(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, meanwhile: Meanwhile, *, before: bool = True) -> None:
    """The next call of `owner.name` has something happen just before it, or just after it."""
    usual = getattr(owner, name)

    async def call(*given: Any, **named: Any) -> Any:
        monkeypatch.setattr(owner, name, usual)
        if before:
            await meanwhile()
        result = await usual(*given, **named)
        if not before:
            await meanwhile()
        return result

    monkeypatch.setattr(owner, name, call)


async def id_of(gateway: Gateway, email: str) -> int:
    async with gateway.client() as admin:
        users = await admin.call("GET", "/api/admin/users")
    return int(next(user["id"] for user in users if user["email"] == email))


@pytest.mark.parametrize(
    ("path", "body", "refusal"),
    [
        ("/api/auth/login", ADA, Unauthorized),
        ("/api/auth/change-password", {"current_password": ADA["password"], "new_password": "correct horses"}, Forbidden),
        ("/api/auth/account", {"password": ADA["password"]}, Forbidden),
    ],
)
async def test_a_password_that_is_changed_while_it_is_verified_is_the_old_one(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, str], refusal: type[LamError]
) -> None:
    async with await gateway.user(ADA["email"]) as ada, gateway.client() as admin:
        user = await id_of(gateway, ADA["email"])

        async def change() -> None:
            await admin.call("PATCH", f"/api/admin/users/{user}", {"password": NEW})

        once(monkeypatch, gateway.parts.accounts._passwords, "verify", change, before=False)
        with pytest.raises(refusal):
            await ada.call("DELETE" if path.endswith("/account") else "POST", path, body)
        async with gateway.parts.database.read() as unit:
            assert await unit.tokens.of_user(user, datetime.now(UTC)) == []
        assert await admin.call("POST", "/api/auth/login", ADA | {"password": NEW})


async def test_what_a_removed_guest_sent_at_that_moment_is_refused(gateway: Gateway) -> None:
    async with gateway.client() as owner:
        room = await open_room(owner)
        async with entered(gateway, room["code"], "Ada") as ada:
            (one,) = await owner.call("GET", f"/api/rooms/{room['id']}/participants")
            await owner.call("DELETE", f"/api/rooms/{room['id']}/participants/{one['user_id']}")
            with pytest.raises(NotAllowed, match="removed"):
                await gateway.parts.messages.send(one["user_id"], Send(session_id=ada.session, content="Hello"))


@pytest.mark.parametrize("path", ["export", "export?format=markdown"])
async def test_an_export_has_the_reply_that_ends_meanwhile(
    gateway: Gateway, scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    scripted.reply = HELD
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            await stream.until(Metadata)

            async def finish() -> None:
                scripted.step(3)
                await stream.until(Done)

            once(monkeypatch, Runs, "progress", finish)
            whole = f"{gateway.url}/api/chatbot/sessions/{session}/{path}"
            async with client._http.get(whole, headers=client._headers) as answer:
                assert "One two three" in await answer.text()


async def test_a_session_that_became_somebody_elses_is_not_deleted(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    async with person(gateway, "ada") as ada, person(gateway, "ben") as ben:
        session = (await ada.call("POST", "/api/chatbot/sessions"))["id"]
        await enter(ben, await link(ada, session, "steer"))
        new_owner = (await ben.call("GET", "/api/auth/me"))["id"]

        async def hand_over() -> None:
            await ada.call("POST", f"/api/chatbot/sessions/{session}/members/{new_owner}/owner")

        once(monkeypatch, gateway.parts.supervisor, "end_key", hand_over)
        assert (await ada.ask("DELETE", f"/api/chatbot/sessions/{session}"))[0] in (403, 404)
        assert (await ben.call("GET", f"/api/chatbot/sessions/{session}"))["role"] == "owner"


async def test_a_members_reply_that_began_as_the_owners_account_was_deleted_ends(
    gateway: Gateway, scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.reply = HELD
    async with person(gateway, "ada") as ada, person(gateway, "ben") as ben:
        session = (await ada.call("POST", "/api/chatbot/sessions"))["id"]
        await enter(ben, await link(ada, session, "steer"))

        async def write() -> None:
            await ben.call("POST", f"/api/chatbot/sessions/{session}/waiting", {"content": "Hello"})
            await until(gateway.parts.supervisor.awaited)

        once(monkeypatch, gateway.parts.accounts, "_end_runs", write, before=False)
        await ada.call("DELETE", "/api/auth/account", {"password": "correct horse"})
        await until(lambda: not gateway.parts.supervisor.awaited())
        assert scripted.requests


async def test_a_waiting_message_that_somebody_begins_to_change_is_not_sent(
    gateway: Gateway, scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.reply = HELD
    async with gateway.client() as client:
        path = f"/api/chatbot/sessions/{(await client.create_session())['id']}"
        async with raw_stream(client, int(path.rpartition("/")[2])) as stream:
            await stream.until(Metadata)
            waiting = (await client.call("POST", f"{path}/waiting", {"content": "Tow"}))["waiting"]
            is_edited = asyncio.Event()

            async def begin() -> None:
                await client.call("PATCH", f"{path}/waiting/{waiting['id']}", {"editing": True})
                is_edited.set()

            once(monkeypatch, gateway.parts.messages, "send", begin)
            scripted.step(3)
            await stream.until(Done)
            await is_edited.wait()
            await until(lambda: not gateway.parts.waiting._tasks._tasks)
            await client.call("PATCH", f"{path}/waiting/{waiting['id']}", {"content": "Two", "editing": False})
        await until(lambda: len(scripted.requests) == 2)
        assert scripted.requests[-1].body["messages"][-1]["content"] == "Two"


async def test_who_is_removed_from_a_room_keeps_their_conversation_though_the_room_ends_at_that_moment(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateway.client() as owner, person(gateway, "ben") as ben:
        room = await open_room(owner)
        session = (await ben.call("POST", "/api/rooms/join", {"code": room["code"]}))["session_id"]
        (one,) = await owner.call("GET", f"/api/rooms/{room['id']}/participants")

        async def remove() -> None:
            await owner.call("DELETE", f"/api/rooms/{room['id']}/participants/{one['user_id']}")

        once(monkeypatch, gateway.parts.rooms, "_end_runs", remove)
        await owner.call("DELETE", f"/api/rooms/{room['id']}")
        assert (await ben.call("GET", f"/api/chatbot/sessions/{session}"))["role"] == "owner"


async def test_a_room_that_is_being_removed_is_changed_by_nobody_and_entered_by_nobody(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateway.client() as owner:
        room = await open_room(owner)
        path, refused = f"/api/rooms/{room['id']}", list[str]()

        async def try_all() -> None:
            for method, where, body in (
                ("PATCH", path, {"expires_at": soon(days=20)}),
                ("POST", f"{path}/unlock", None),
                ("POST", f"{path}/resume", None),
                ("POST", f"{path}/message", {"text": "Hello"}),
            ):
                with pytest.raises(NotFound):
                    await owner.call(method, where, body)
                refused.append(where)
            with pytest.raises(RoomOver):
                async with entered(gateway, room["code"], "Eve"):
                    pass

        once(monkeypatch, gateway.parts.rooms, "_end_runs", try_all)
        await owner.call("DELETE", path)
        assert len(refused) == 4
        with pytest.raises(NotFound):
            await owner.call("GET", path)


async def test_a_removal_that_was_broken_off_is_finished_and_one_that_cannot_end_keeps_no_other_room(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateway.client() as owner:
        first, second = [await open_room(owner) for _ in range(2)]
        parts = gateway.parts
        async with contextlib.AsyncExitStack() as stack:
            for room in (first, second):
                await stack.enter_async_context(entered(gateway, room["code"], "Ada"))

            async def fails() -> None:
                raise Unreachable("The gateway does not answer.")

            for room in (first, second):
                once(monkeypatch, parts.supervisor, "end_user", fails)
                with pytest.raises(Unreachable):
                    await owner.call("DELETE", f"/api/rooms/{room['id']}")
            assert [room["state"] for room in await owner.call("GET", "/api/rooms")] == ["over", "over"]
            once(monkeypatch, parts.supervisor, "end_user", fails)
            keeper = Keeper(parts.database, parts.rooms)
            await keeper.tidy(datetime.now(UTC) - timedelta(days=1))
            assert len(await owner.call("GET", "/api/rooms")) == 1
            await keeper.tidy(datetime.now(UTC) - timedelta(days=1))
            assert await owner.call("GET", "/api/rooms") == []


async def test_a_key_that_is_revoked_while_its_request_waits_starts_nothing(
    gateway: Gateway, scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "KNOWN_SECONDS", 0)
    async with gateway.client() as client:
        made = await client.call("POST", "/api/keys", {"name": "program"})
        async with gateway.client(made["secret"]) as program:

            async def revoke() -> None:
                await client.call("DELETE", f"/api/keys/{made['key']['id']}")

            asked = {"model": scripted.model, "messages": [{"role": "user", "content": "Hello"}]}
            assert (await program.call("POST", "/v1/chat/completions", asked))["choices"]
            once(monkeypatch, gateway.parts.programs, "_with_pictures", revoke)
            async with program._http.post(f"{gateway.url}/v1/chat/completions", json=asked, headers=program._headers) as answer:
                assert answer.status == 401
    assert len(scripted.requests) == 1


CASES = [{"name": str(number), "input": f"Capital {number}?"} for number in range(2)]
RUN = {"set": {"title": "Capitals", "cases": CASES}, "templates": [{"title": "Plain", "content": "Answer."}]}


async def test_a_run_of_the_lab_that_is_resumed_while_it_is_deleted_leaves_nothing_running(
    gateway: Gateway, scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.reply = HELD
    async with gateway.client() as client:
        path = f"/api/lab/runs/{(await client.call('POST', '/api/lab/runs', RUN))['id']}"
        await scripted.arrival()

        async def resume() -> None:
            before = len(scripted.requests)
            await client.call("POST", f"{path}/resume")
            await scripted.arrival(before + 1)

        once(monkeypatch, gateway.parts.lab, "_halt", resume, before=False)
        await client.call("DELETE", path)
        await until(lambda: not gateway.parts.supervisor.running())
        with pytest.raises(NotFound):
            await client.call("GET", path)


async def test_a_cell_that_makes_way_as_it_is_stopped_is_stopped(
    gateway: Gateway, scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.reply = HELD
    async with gateway.client() as client:
        run = await client.call("POST", "/api/lab/runs", RUN)
        await scripted.arrival()
        (first, *_) = (await client.call("GET", f"/api/lab/runs/{run['id']}"))["cells"]

        ways = [True]
        monkeypatch.setattr(Attempt, "makes_way", property(lambda _: bool(ways) and ways.pop()))
        stopped = await client.call("POST", f"/api/lab/runs/{run['id']}/cells/{first['number']}/stop")
        assert stopped["status"] == "stopped"


async def test_a_connection_hears_what_changed_while_its_session_was_described(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with person(gateway, "ada") as ada:
        session = (await ada.call("POST", "/api/chatbot/sessions"))["id"]

        async def rename() -> None:
            await ada.call("PATCH", f"/api/chatbot/sessions/{session}", {"title": "Bridges"})
            await until(lambda: any(feed.since(0) for feed in gateway.parts.events._changes._feeds.values()))

        once(monkeypatch, gateway.parts.wishes, "describe", rename, before=False)
        async with ada.connected(session):
            await ada.until(lambda frame: frame["event"].get("session", {}).get("title") == "Bridges")


async def test_a_run_whose_opening_was_stored_and_never_answered_is_ended(
    scripted: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a run that lives goes on, however old it is."""
    scripted.reply = HELD
    bounds = Bounds(forgotten=0.05)
    async with (
        running_gateway(tmp_path / "data", bounds=bounds, llm_server_url=scripted.url) as gateway,
        gateway.client() as client,
    ):
        database = gateway.parts.database
        usual, add = database.write, Runs.add
        opening: Any = None
        counts = list[int]()

        async def count() -> int:
            async with database.read() as unit:
                return int((await unit._connection.exec_driver_sql("SELECT count(*) FROM runs")).scalar_one())

        async def note(runs: Runs, *values: Any) -> None:
            nonlocal opening
            await add(runs, *values)
            opening = runs._connection

        @contextlib.asynccontextmanager
        async def write() -> AsyncIterator[UnitOfWork]:
            nonlocal opening
            async with usual() as unit:
                yield unit
            if unit._connection is opening:
                opening = None
                counts.append(await count())  # its claim is still held: nothing may end it yet
                monkeypatch.setattr(Runs, "add", add)
                monkeypatch.setattr(database, "write", usual)
                raise StorageUnavailable

        async def is_one() -> bool:
            return await count() == 1

        async with raw_stream(client, (await client.create_session())["id"]) as stream:
            await stream.until(Metadata)
            monkeypatch.setattr(Runs, "add", note)
            monkeypatch.setattr(database, "write", write)
            body = {"model": "scripted", "messages": [{"role": "user", "content": "hi"}]}
            async with client._http.post(f"{client.url}/v1/chat/completions", json=body) as answer:
                assert answer.status == 503
            assert counts == [2]
            await until(is_one)
            scripted.step(3)
            assert isinstance((await stream.rest())[-1], Done)
