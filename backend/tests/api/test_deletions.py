"""An account is deleted in the middle of all that it does, on a database where units of work run side by side."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from lam.client.client import Client
from lam.errors import Conflict, NotFound, StorageUnavailable, Throttled, Unauthorized
from lam.testing.server import Reply, ScriptedServer

from ..pictures import plain, upload
from ..running import Gateway, collect
from ..waiting import until

pytestmark = pytest.mark.postgresql

SESSIONS = "/api/chatbot/sessions"
PASSWORD = {"password": "correct horse"}
chance = random.Random(1)


async def until_gone(act: Callable[[], Awaitable[object]]) -> None:
    """Does it again and again; what is refused is asked again, as long as the account is there."""
    with contextlib.suppress(Unauthorized):
        while True:
            try:
                await act()
            except (Conflict, NotFound, StorageUnavailable, Throttled):
                await asyncio.sleep(0.01)  # Time itself: as people, it asks again a little later


def acts(ada: Client, sessions: list[int], games: list[int]) -> list[Callable[[], Awaitable[object]]]:
    """What people and programs do, each over and over."""
    picture = plain()

    def path() -> str:
        return f"{SESSIONS}/{chance.choice(sessions)}"

    async def post(address: str, body: object) -> None:
        async with ada._http.post(ada.url + address, json=body) as response:
            await response.read()
            if response.status == 401:
                raise Unauthorized

    async def show() -> None:
        if (await upload(ada, picture))[0] == 401:
            raise Unauthorized

    async def move() -> None:
        folder = await ada.call("POST", "/api/chatbot/folders", {"name": str(chance.random())})
        await ada.call("PATCH", path(), {"folder_id": folder["id"]})

    async def write() -> None:
        template = await ada.call("POST", "/api/templates", {"title": str(chance.random()), "content": "x"})
        await ada.call("PATCH", f"/api/templates/{template['id']}", {"content": "y"})

    async def come_and_go() -> None:
        session = (await ada.create_session())["id"]
        await ada.call("POST", f"{SESSIONS}/{session}/waiting", {"content": "later"})
        await ada.call("DELETE", f"{SESSIONS}/{session}")

    return [
        *(partial(collect, ada, session) for session in sessions[:2]),
        *(move, write, come_and_go, show),
        lambda: post(f"/api/maze/games/{chance.choice(games)}/hint", {}),
        lambda: post("/v1/chat/completions", {"model": "scripted", "messages": [{"role": "user", "content": "x"}]}),
        lambda: ada.call("POST", f"{path()}/waiting", {"content": "later"}),
        lambda: ada.call("POST", f"{path()}/invitations", {"role": "watch"}),
    ]


@pytest.mark.parametrize("rate", [0, 20, 60])
async def test_an_account_is_deleted_whatever_it_does_meanwhile(rate: float, gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.slots, scripted.reply = 8, Reply(("a", "b", "c", "d"), rate=rate)
    cases = [{"name": str(number), "input": f"Capital {number}?"} for number in range(50)]
    for person in range(3):
        async with await gateway.user(f"ada{person}@example.org") as ada, asyncio.timeout(60):
            run = {"set": {"title": "Many", "cases": cases}, "templates": [{"title": "Plain", "content": "Answer."}]}
            await ada.call("POST", "/api/lab/runs", run)
            sessions = [(await ada.create_session())["id"] for _ in range(3)]
            new = {"mode": "manual", "set": "practice", "maze": 1}
            games = [(await ada.call("POST", "/api/maze/games", new))["id"] for _ in range(2)]
            tasks = [asyncio.create_task(until_gone(act)) for act in acts(ada, sessions, games)]
            arrived = len(scripted.requests)
            await until(lambda arrived=arrived: len(scripted.requests) > arrived + 3)
            await ada.call("DELETE", "/api/auth/account", PASSWORD)
            await asyncio.gather(*tasks)
        await until(lambda: gateway.parts.supervisor.running() == [])
