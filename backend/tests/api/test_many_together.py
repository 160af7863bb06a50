"""Thirty who watch and three who steer, on one running reply: all have the same text, whatever happens to their connections."""

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from lam.gateway import Bounds
from lam.testing.server import Reply, ScriptedServer

from ..running import running_gateway
from ..together import Someone, browser, enter, link, members_of, person
from ..waiting import within

SESSIONS = "/api/chatbot/sessions"
PIECES = tuple(f"{number} ünï {chr(0x1F600 + number % 60)}\n" for number in range(900))
LOST, LATE, WATCHERS = 5, 3, 30
AWAY = 10  # seconds


class Watcher:
    """A reader that folds the reply as the page does: by the numbers of its events."""

    def __init__(self, someone: Someone, session: int, stream: str) -> None:
        self.someone = someone
        self._session = session
        self._stream = stream
        self._frame = 0
        self.last = 0
        self.text = ""
        self.final: str | None = None

    async def watch(self, *, until: Callable[["Watcher"], bool]) -> None:
        """Reads over one connection, from where it is."""
        run = f"{self._stream}@{self.last}"
        async with self.someone.connected(self._session, run=run):
            while not until(self) and not self.someone.is_closed:
                await self.someone.until(lambda _: len(self.someone.frames) > self._frame or self.someone.is_closed, 60)
                self._fold()

    def _fold(self) -> None:
        for frame in self.someone.frames[self._frame :]:
            if frame["stream"] == self._stream and frame["n"] > self.last:
                self.last = frame["n"]
                event = frame["event"]
                if event["type"] == "chunk":
                    self.text += event["content"]
                elif event["type"] == "done":
                    self.final = event["full_content"]
        self._frame = len(self.someone.frames)


def is_done(watcher: Watcher) -> bool:
    return watcher.final is not None


async def test_all_have_the_same_text_to_the_last_character(tmp_path: Path, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(PIECES, rate=60)
    async with AsyncExitStack() as stack:
        bounds = Bounds(presence_left=1.5)
        gateway = await stack.enter_async_context(running_gateway(tmp_path / "data", llm_server_url=scripted.url, bounds=bounds))
        steerers = [await stack.enter_async_context(person(gateway, name)) for name in ("ana", "ben", "cy")]
        guests = [await stack.enter_async_context(browser(gateway, f"Guest {number}")) for number in range(WATCHERS)]
        session: int = (await steerers[0].call("POST", SESSIONS, {}))["id"]
        steer = await link(steerers[0], session, "steer")
        for someone in steerers[1:]:
            await enter(someone, steer)
        watch = await link(steerers[0], session, uses=WATCHERS)
        await asyncio.gather(*(enter(guest, watch) for guest in guests))
        started = asyncio.create_task(steerers[1].call("POST", "/api/chatbot/messages", {"session_id": session, "content": "Go"}))
        while (answer := await steerers[2].ask("GET", f"{SESSIONS}/{session}/stream"))[0] != 200:
            await asyncio.sleep(0.01)
        stream = answer[1]["stream_id"]

        readers = [Watcher(one, session, stream) for one in (*steerers, *guests)]
        pace = readers[0]
        late, lost, revoked = readers[-LATE:], readers[5 : 5 + LOST], readers[10]
        steady = [one for one in readers if one not in (*late, *lost, revoked)]

        async def has(number: int) -> None:
            """Until the reply has come so far."""
            while pace.last < number:
                await asyncio.sleep(0.01)

        async def join_late(watcher: Watcher) -> None:
            await has(150)
            await watcher.watch(until=is_done)

        async def lose(watcher: Watcher) -> None:
            await watcher.watch(until=lambda one: one.last > 80)
            await asyncio.sleep(AWAY)  # Time itself: so long they are without their network, and the reply goes on
            assert pace.last > watcher.last
            await watcher.watch(until=is_done)

        async def revoke() -> None:
            await has(200)
            who = (await members_of(steerers[0], session))[revoked.someone.name]
            async with within(2):
                await steerers[0].call("DELETE", f"{SESSIONS}/{session}/members/{who['user_id']}")
                await revoked.someone.until_closed(2)

        async with asyncio.timeout(120):
            await asyncio.gather(
                revoke(),
                *(one.watch(until=is_done) for one in steady),
                *(join_late(one) for one in late),
                *(lose(one) for one in lost),
                revoked.watch(until=is_done),
            )
            answer = await started
        assert revoked.final is None
        assert len(revoked.text) < len("".join(PIECES))
        whole = "".join(PIECES)
        assert answer["assistant_message"]["content"] == whole
        for one in (*steady, *late, *lost):
            assert (one.text, one.final) == (whole, whole), one.someone.name
        stored = await guests[0].call("GET", f"{SESSIONS}/{session}/messages")
        assert stored[-1]["content"] == whole


async def test_a_killed_tab_is_gone_for_the_others_in_time(tmp_path: Path, scripted: ScriptedServer) -> None:
    bounds = Bounds(presence_left=1.0)
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, bounds=bounds) as gateway:
        async with person(gateway, "ana") as ana, browser(gateway, "Bo") as bo, ana_and_bo(ana, bo) as (session, me):
            async with ana.connected(session):
                async with bo.connected(session):
                    await ana.hears("presence", user_id=me, presence="here")
                    await bo.call("POST", f"/api/events/{bo.connection}", {"session": [session], "hidden": True})
                    await ana.hears("presence", user_id=me, presence="away")
                    assert (await members_of(ana, session))["Bo"]["presence"] == "away"
                await ana.hears("presence", 5, user_id=me, presence="left")
                assert (await members_of(ana, session))["Bo"]["presence"] == "left"
                assert (await members_of(ana, session))["ana"]["presence"] == "here"


@contextlib.asynccontextmanager
async def ana_and_bo(ana: Someone, bo: Someone) -> Any:
    """A session of the two, and Bo's id."""
    session = (await ana.call("POST", SESSIONS, {}))["id"]
    await enter(bo, await link(ana, session))
    yield session, (await members_of(ana, session))["Bo"]["user_id"]


async def test_stop_regenerate_and_send_in_one_instant_have_one_outcome(tmp_path: Path, scripted: ScriptedServer) -> None:
    """Ten times: whoever was first, one reply runs at a time, all see the same, and what could not be done says so."""
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway:
        async with person(gateway, "ana") as ana, person(gateway, "ben") as ben, browser(gateway, "Cy") as cy:
            session: int = (await ana.call("POST", SESSIONS, {}))["id"]
            steer = await link(ana, session, "steer")
            await enter(ben, steer)
            await enter(cy, steer)
            scripted.reply = Reply(("a", "b", "c"))
            body = {"session_id": session, "content": "Hello", "on_disconnect": "continue"}
            await ana.call("POST", "/api/chatbot/messages", body)
            for _ in range(10):
                scripted.reply = Reply(("a", "b", "c", "d"), rate=40)
                first = asyncio.create_task(ana.ask("POST", "/api/chatbot/messages", body))
                while (found := await ana.ask("GET", f"{SESSIONS}/{session}/stream"))[0] != 200:
                    if first.done():  # over between two looks
                        first = asyncio.create_task(ana.ask("POST", "/api/chatbot/messages", body))
                    await asyncio.sleep(0.005)
                stopped, again, sent = await asyncio.gather(
                    ana.ask("POST", f"/api/chatbot/streams/{found[1]['stream_id']}/stop"),
                    ben.ask(
                        "POST", "/api/chatbot/messages", {"session_id": session, "regenerate": True, "on_disconnect": "continue"}
                    ),
                    cy.ask("POST", "/api/chatbot/messages", body | {"content": "And I"}),
                )
                await first
                assert stopped[0] == 202
                assert {again[0], sent[0]} <= {200, 409}
                views = [await one.call("GET", f"{SESSIONS}/{session}/messages") for one in (ana, ben, cy)]
                assert views[0] == views[1] == views[2]
                assert not [one for one in views[0] if one["status"] == "streaming"]
