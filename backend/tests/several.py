"""Several gateways for tests: on one database and one redis-server, inside this process or as processes of their own.

Each gateway has its own data folder, as on a machine of its own. They share what several gateways of `lam serve` share:
DATABASE_URL, LAM_REDIS_URL and SECRET_KEY.
"""

import asyncio
import contextlib
import itertools
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from lam.client.client import Client, raise_for
from lam.errors import LamError
from lam.gateway import Bounds
from lam.protocol.events import TERMINAL, Event, Metadata
from lam.protocol.sse import Decoder, decode

from . import databases
from .forked import Forked
from .redis_server import RedisServer
from .running import Gateway, gateway_process, running_gateway
from .waiting import until

SILENCE_SECONDS = 4  # after which a client asks another gateway
FOR_NOW = ("storage_unavailable", "unreachable", "lease_lost", "shutting_down")  # another gateway may answer otherwise
PAUSE_SECONDS = 0.2
SECRET = "the-same-on-each-of-these-gateways"
NAMES = "abcdefgh"


def shared(data: Path, redis: RedisServer, name: str) -> dict[str, Any]:
    """The settings of one of several gateways, whose folders are in `data`."""
    return {
        "database_url": databases.url_for(data),
        "lam_redis_url": redis.url_for(data),
        "secret_key": SECRET,
        "mqtt_client_id": name,
    }


@contextlib.asynccontextmanager
async def running_gateways(
    count: int, data: Path, redis: RedisServer, *, bounds: Bounds | None = None, **settings: Any
) -> AsyncIterator[list[Gateway]]:
    """Gateways inside this process, each on a real port. They start one after the other, and end in reverse order."""
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                running_gateway(data / name, bounds=bounds, **(shared(data, redis, name) | settings)),
            )
            for name in NAMES[:count]
        ]


@contextlib.asynccontextmanager
async def gateway_of_several(data: Path, redis: RedisServer, name: str, **settings: Any) -> AsyncIterator[tuple[Forked, Gateway]]:
    """One of several gateways as a process of `lam serve`, to kill, freeze or drain. The same name starts again on the same
    folder."""
    async with gateway_process(data / name, **(shared(data, redis, name) | settings)) as running:
        yield running


async def clients_of_account(gateways: Sequence[Gateway], email: str) -> list[Client]:
    """Clients of a new account, one for each gateway, with one login."""
    async with await gateways[0].user(email) as first:
        token = first._headers["Authorization"].removeprefix("Bearer ")
    return [gateway.client(token) for gateway in gateways]


class Member:
    """One of the gateways: a process that is there again after each death."""

    def __init__(self, data: Path, redis: RedisServer, name: str, settings: dict[str, Any]) -> None:
        self.name = name
        self.gateway: Gateway | None = None
        self.process: Forked | None = None
        self._open = lambda: gateway_of_several(data, redis, name, **settings)
        self._log = data / f"{name}.log"

    async def keep(self) -> None:
        while True:
            async with self._open() as (self.process, self.gateway):
                with self._log.open("ab") as log:
                    while piece := await self.process.stderr.read(65536):  # until it is gone
                        log.write(piece)
                self.gateway = None
                await self.process.wait()

    def send(self, number: signal.Signals) -> bool:
        """Sends a signal. Returns False where the process is gone already."""
        assert self.process
        try:
            self.process.send_signal(number)
        except ProcessLookupError:
            return False
        return True


class RoundRobin:
    """A client of all gateways: each request goes to the next one, and a stream is read on wherever it can be."""

    def __init__(self, members: list[Member]) -> None:
        self._members = itertools.cycle(members)
        self._count = len(members)
        self.token = ""
        self.changes = 0  # of the gateway, in the middle of a stream

    async def __aenter__(self) -> "RoundRobin":
        limits = aiohttp.ClientTimeout(total=None, sock_connect=SILENCE_SECONDS, sock_read=SILENCE_SECONDS)
        self._http = aiohttp.ClientSession(timeout=limits, connector=aiohttp.TCPConnector(limit=0, force_close=True))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    @contextlib.asynccontextmanager
    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> AsyncIterator[aiohttp.ClientResponse]:
        for member in itertools.islice(self._members, self._count):
            if (gateway := member.gateway) is not None:
                break
        else:
            raise ConnectionError("no gateway runs at this moment")
        headers |= {"Authorization": f"Bearer {self.token}"}
        async with self._http.request(method, gateway.url + path, json=body, headers=headers) as response:
            if response.status == 500 and response.content_type == "text/plain":
                raise ConnectionError("the web server stopped before the answer was there")
            await raise_for(response)
            yield response

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        while True:
            try:
                async with self.ask(method, path, body) as response:
                    return await response.json()
            except (aiohttp.ClientError, TimeoutError, ConnectionError):
                await asyncio.sleep(PAUSE_SECONDS)  # Time itself: of a client that asks again
            except LamError as error:
                if error.code not in FOR_NOW:
                    raise
                await asyncio.sleep(PAUSE_SECONDS)  # Time itself: of a client that asks again

    async def reply(
        self, session: int, prompt: str, read: Callable[[list[Event]], Awaitable[None]] | None = None, **options: Any
    ) -> list[Event]:
        """The events of a reply, from the last ones that say that they begin anew. `read`: is told those so far. `options`: of the
        request; without a name of its own (`client_request_id`) it is named after its prompt."""
        body = {"session_id": session, "content": prompt, "client_request_id": prompt, "on_disconnect": "continue"} | options
        events, last, stream_id = list[Event](), 0, None
        while True:
            path = "messages/stream" if stream_id is None else f"streams/{stream_id}"
            resuming: dict[str, str] = {} if stream_id is None else {"Last-Event-ID": str(last)}
            method, sent = ("POST", body) if stream_id is None else ("GET", None)
            try:
                async with self.ask(method, f"/api/chatbot/{path}", sent, **resuming) as response:
                    decoder = Decoder(limit=1 << 20)
                    while piece := await response.content.readany():
                        for arrived in decoder.feed(piece):
                            event = decode(arrived.data)
                            assert event is not None
                            if isinstance(event, Metadata):
                                events, stream_id = [], event.stream_id
                            events.append(event)
                            last = int(arrived.id)
                            if read is not None:
                                await read(events)
                            if isinstance(event, TERMINAL):
                                return events
            except (aiohttp.ClientError, TimeoutError, ConnectionError):
                pass
            except LamError as error:
                if error.code not in FOR_NOW:
                    raise
            self.changes += 1
            await asyncio.sleep(PAUSE_SECONDS)  # Time itself: of a client that asks again


@contextlib.asynccontextmanager
async def keeping(members: list[Member]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(member.keep()) for member in members]
        for member in members:
            await until(lambda member=member: member.gateway)
        yield
        for task in tasks:
            task.cancel()


async def account(member: Member) -> str:
    """The token of a new account."""
    assert member.gateway
    async with await member.gateway.user("ada@example.org") as client:
        return client._headers["Authorization"].removeprefix("Bearer ")
