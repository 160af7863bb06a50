"""People of a shared session, each with a client of their own: who is logged in with a token, a guest with a cookie."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import aiohttp

from lam.client.client import Client
from lam.client.guest import Guest
from lam.protocol.sse import Decoder

from .running import Gateway
from .waiting import within


class Someone:
    """One of the people, by HTTP alone. `frames`: of their event connection, as far as it was read."""

    def __init__(self, http: aiohttp.ClientSession, name: str) -> None:
        self.http = http
        self.name = name
        self.frames: list[dict[str, Any]] = []
        self.connection = ""
        self.is_closed = False
        self._news = asyncio.Condition()

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status and the answer."""
        async with self.http.request(method, path, json=body) as response:
            text = await response.read()
            kind = response.content_type
            return response.status, json.loads(text) if text and kind == "application/json" else text.decode()

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer of a request that succeeds."""
        status, answer = await self.ask(method, path, body)
        assert status < 400, (status, answer)
        return answer

    @contextlib.asynccontextmanager
    async def connected(self, session: int, *, run: str | None = None, room: int | None = None) -> AsyncIterator[None]:
        """While the context is open, frames of an event connection that follows the session arrive."""
        query = f"?session={session}" + (f"&run={run}" if run else "") + (f"&room={room}" if room else "")
        async with self.http.get(f"/api/events{query}", timeout=aiohttp.ClientTimeout(total=None)) as response:
            assert response.status == 200, await response.text()
            reading = asyncio.create_task(self._read(response))
            try:
                await self.until(lambda frame: frame["event"]["type"] in ("open", "reset"))
                yield
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)

    async def _read(self, response: aiohttp.ClientResponse) -> None:
        decoder = Decoder(limit=1 << 24)
        with contextlib.suppress(aiohttp.ClientError):
            while piece := await response.content.readany():
                async with self._news:
                    for arrived in decoder.feed(piece):
                        frame = json.loads(arrived.data)
                        if frame["event"]["type"] in ("open", "reset"):
                            self.connection = frame["event"]["id"]
                        self.frames.append(frame)
                    self._news.notify_all()
        async with self._news:
            self.is_closed = True
            self._news.notify_all()

    async def until(self, is_it: Callable[[dict[str, Any]], bool], seconds: float = 60) -> dict[str, Any]:
        """The first frame like that, which may have come already."""
        async with within(seconds), self._news:
            await self._news.wait_for(lambda: any(map(is_it, self.frames)))
        return next(filter(is_it, self.frames))

    async def hears(self, kind: str, seconds: float = 60, **fields: Any) -> dict[str, Any]:
        """The event of the first frame of this type with these fields."""
        wanted = {"type": kind, **fields}
        frame = await self.until(lambda one: wanted.items() <= one["event"].items(), seconds)
        event: dict[str, Any] = frame["event"]
        return event

    async def participant(self, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first participant of a room in the frames like that."""
        frame = await self.until(lambda one: one["event"]["type"] == "participant" and is_it(one["event"]["participant"]))
        described: dict[str, Any] = frame["event"]["participant"]
        return described

    async def until_closed(self, seconds: float) -> None:
        async with within(seconds), self._news:
            await self._news.wait_for(lambda: self.is_closed)


@contextlib.asynccontextmanager
async def person(gateway: Gateway, name: str | None = None) -> AsyncIterator[Someone]:
    """Somebody with an account; without a name the local account, an admin."""
    client: Client = gateway.client() if name is None else await gateway.user(f"{name}@example.org")
    headers = {"Authorization": client._headers["Authorization"]}
    async with aiohttp.ClientSession(gateway.url, headers=headers) as http:
        yield Someone(http, name or "local")


@contextlib.asynccontextmanager
async def person_at(gateways: Sequence[Gateway], name: str) -> AsyncIterator[list[Someone]]:
    """Somebody with a new account and one login, once at each of several gateways."""
    async with contextlib.AsyncExitStack() as stack:
        client: Client = await gateways[0].user(f"{name}@example.org")
        headers = {"Authorization": client._headers["Authorization"]}
        yield [Someone(await stack.enter_async_context(aiohttp.ClientSession(one.url, headers=headers)), name) for one in gateways]


@contextlib.asynccontextmanager
async def of_guest(guest: Guest) -> AsyncIterator[Someone]:
    """A guest of a room."""
    async with aiohttp.ClientSession(guest.url, headers=guest._headers) as http:
        yield Someone(http, "guest")


@contextlib.asynccontextmanager
async def browser(gateway: Gateway, name: str) -> AsyncIterator[Someone]:
    """Somebody without an account, in a browser that keeps cookies."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(gateway.url, headers={"Origin": gateway.url}, cookie_jar=jar) as http:
        yield Someone(http, name)


async def link(owner: Someone, session: int, role: str = "watch", **more: Any) -> str:
    made = await owner.call("POST", f"/api/chatbot/sessions/{session}/invitations", {"role": role} | more)
    secret: str = made["secret"]
    return secret


async def enter(someone: Someone, secret: str, nickname: str | None = None) -> int:
    """Comes in by a link. Returns the session."""
    entered = await someone.call("POST", "/api/invitations/accept", {"secret": secret, "nickname": nickname or someone.name})
    session: int = entered["session_id"]
    return session


async def members_of(someone: Someone, session: int) -> dict[str, dict[str, Any]]:
    found = await someone.call("GET", f"/api/chatbot/sessions/{session}/members")
    return {one["name"]: one for one in found["members"]}
