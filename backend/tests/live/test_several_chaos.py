"""Replies from two servers and from two workers at a broker, while gateways are killed, frozen and restarted, and servers, workers
and Redis are killed: every one ends as if nothing had happened, and is stored once.

With LONG_TESTS set it is done for half an hour. What it did is printed.
"""

import asyncio
import contextlib
import itertools
import os
import random
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lam.client.client import raise_for
from lam.engines.healing import MOST_HEALS
from lam.errors import LamError
from lam.protocol.events import TERMINAL, Done, Error, Event, Metadata, Progress
from lam.protocol.snapshot import Snapshot
from lam.protocol.sse import Decoder, decode
from lam.testing.server import Reply

from .. import databases
from ..brokers import Mosquitto
from ..ports import free_port
from ..programs import ModelServer, WorkerProgram, kept
from ..redis_server import RedisServer
from ..running import Gateway
from ..several import gateway_of_several
from ..waiting import until

IS_LONG = bool(os.environ.get("LONG_TESTS"))
STREAMS, REPLIES = (60, 3000) if IS_LONG else (12, 60)
PIECES, RATE = (80, 4) if IS_LONG else (40, 8)
LONG = {"kill": 100, "freeze": 10, "restart": 10, "kill of Redis": 20, "kill of a server": 50, "kill of a worker": 50}
SHORT = {"kill": 3, "freeze": 1, "restart": 2, "kill of Redis": 1, "kill of a server": 2, "kill of a worker": 2}
ACTS = LONG if IS_LONG else SHORT
PAUSES = (2, 6) if IS_LONG else (1, 3)  # seconds between two acts, from and to
FROZEN_SECONDS = 7  # longer than a lease
SILENCE_SECONDS = 4  # after which a client asks another gateway
FOR_NOW = ("storage_unavailable", "unreachable", "lease_lost", "shutting_down")  # another gateway may answer otherwise
PAUSE_SECONDS = 0.2
GIVE_UP_SECONDS = 3600 if IS_LONG else 240

MODELS = ("tunnel", "first", "second")
FILE = """
[[server]]
name = "first"
url = "http://127.0.0.1:{first}"
[[server]]
name = "second"
url = "http://127.0.0.1:{second}"
[[server]]
name = "tunnel"
kind = "mqtt"
broker = "127.0.0.1:{broker}"

[[model]]
name = "tunnel"
routes = ["tunnel/scripted", "first/scripted", "second/scripted"]
[[model]]
name = "first"
routes = ["first/scripted", "second/scripted"]
[[model]]
name = "second"
routes = ["second/scripted", "tunnel/scripted"]
"""
SERVER = """
import asyncio, os, sys
os.environ["LONG_TESTS"] = "{chaos}"
sys.path.insert(0, {folder!r})
from lam.testing.server import ScriptedServer
from tests.live.test_several_chaos import plan

async def main():
    async with ScriptedServer(plan, port={port}, slots=200) as server:
        print(server.url, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""

pytestmark = [pytest.mark.live, pytest.mark.postgresql, pytest.mark.timeout(GIVE_UP_SECONDS + 180)]


def pieces(prompt: str) -> tuple[str, ...]:
    """The text that belongs to this prompt and no other."""
    return tuple(f"{prompt}/{number} " for number in range(PIECES))


def plan(body: dict[str, Any]) -> Reply:
    *_, last = turns = body["messages"]
    said = last["content"] if last["role"] == "assistant" else ""
    whole = pieces(next(turn["content"] for turn in reversed(turns) if turn["role"] == "user"))
    rest = next((whole[at:] for at in range(len(whole) + 1) if "".join(whole[:at]) == said), ("not a whole piece",))
    return Reply(rest, rate=RATE)


class Member:
    """One of the gateways: a process that is there again after each death."""

    def __init__(self, data: Path, redis: RedisServer, name: str, settings: dict[str, Any]) -> None:
        self.name = name
        self.gateway: Gateway | None = None
        self.process: asyncio.subprocess.Process | None = None
        self._open = lambda: gateway_of_several(data, redis, name, **settings)
        self._log = data / f"{name}.log"

    async def keep(self) -> None:
        while True:
            async with self._open() as (self.process, self.gateway):
                assert self.process.stderr
                with self._log.open("ab") as log:
                    while piece := await self.process.stderr.read(65536):  # until it is gone
                        log.write(piece)
                self.gateway = None
                await self.process.wait()

    def send(self, number: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(number)


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

    async def reply(self, session: int, prompt: str, model: str) -> list[Event]:
        """The events of a reply, from the last ones that say that they begin anew."""
        body = {"session_id": session, "content": prompt, "client_request_id": prompt, "on_disconnect": "continue", "model": model}
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


async def account(members: list[Member]) -> str:
    gateway = members[0].gateway
    assert gateway
    async with await gateway.user("ada@example.org") as client:
        return client._headers["Authorization"].removeprefix("Bearer ")


async def test_whatever_dies_every_reply_is_whole_and_stored_once(
    mortal_redis: RedisServer, broker: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ports = {name: free_port() for name in ("first", "second", "behind")}
    here = str(Path(__file__).parents[2])
    servers = [ModelServer(SERVER.format(folder=here, port=port, chaos="1" if IS_LONG else "")) for port in ports.values()]
    behind = f"http://127.0.0.1:{ports['behind']}"
    workers = [WorkerProgram(behind, broker, f"worker-{number}", slots=STREAMS) for number in range(2)]
    config = tmp_path / "lam.toml"
    config.write_text(FILE.format(first=ports["first"], second=ports["second"], broker=broker.port))
    settings = {"lam_config": config, "lam_drain_seconds": 1, "lam_max_sessions_per_user": 100_000}
    members = [Member(tmp_path, mortal_redis, name, settings) for name in ("a", "b", "c")]
    chance, asked, counts = random.Random(3), itertools.count(1), Counter[str]()
    sessions: dict[str, int] = {}

    async with kept(*servers, *workers), keeping(members), RoundRobin(members) as client:
        client.token = await account(members)

        async def talk() -> None:
            while (number := next(asked)) <= REPLIES:
                prompt = f"reply-{number}"
                sessions[prompt] = (await client.call("POST", "/api/chatbot/sessions", {}))["id"]
                events = await client.reply(sessions[prompt], prompt, MODELS[number % len(MODELS)])
                snapshot = Snapshot()
                for event in events:
                    snapshot.add(event)
                end = events[-1]
                counts["healed"] += any(isinstance(event, Progress) and event.stage == "recovering" for event in events)
                if isinstance(end, Done):
                    assert end.full_content == snapshot.text == "".join(pieces(prompt))
                    counts["done"] += 1
                else:
                    assert isinstance(end, Error)
                    counts[end.code] += 1

        async def harm() -> None:
            acts = [act for act, times in ACTS.items() for _ in range(times)]
            chance.shuffle(acts)
            for act in acts:
                await asyncio.sleep(chance.uniform(*PAUSES))  # Time itself: chaos comes at any moment
                member = chance.choice(members)
                await until(lambda member=member: member.gateway)
                # never two at once, so that there is always a route
                await asyncio.gather(*(program.up() for program in (*servers, *workers)))
                if act == "kill":
                    member.send(signal.SIGKILL)
                elif act == "restart":
                    member.send(signal.SIGTERM)
                elif act == "freeze":
                    member.send(signal.SIGSTOP)
                    await asyncio.sleep(FROZEN_SECONDS)  # Time itself: longer than its lease
                    member.send(signal.SIGCONT)
                elif act == "kill of a server":
                    await chance.choice(servers).kill()
                elif act == "kill of a worker":
                    await chance.choice(workers).kill()
                else:
                    mortal_redis.kill()
                    await asyncio.sleep(chance.uniform(0, 2))  # Time itself: Redis is away so long
                    await asyncio.to_thread(mortal_redis.start)
                counts[act] += 1

        async with asyncio.timeout(GIVE_UP_SECONDS):
            await asyncio.gather(harm(), *(talk() for _ in range(STREAMS)))
            database = databases.url_for(tmp_path).rpartition("/")[2]
            server = databases.postgresql
            assert server
            await until(lambda: asyncio.to_thread(lambda: server.sql(database, "SELECT count(*) FROM runs") == "0"))
        stored = {
            prompt: await client.call("GET", f"/api/chatbot/sessions/{session}/messages") for prompt, session in sessions.items()
        }
        costs = int(server.sql(database, "SELECT count(*) FROM generations"))
        ids = server.sql(database, "SELECT session_id || ' ' || stream_id FROM messages WHERE role = 'assistant'")
    run_of = dict(line.split() for line in ids.splitlines())
    logs = "".join((tmp_path / f"{member.name}.log").read_text() for member in members)
    too_often = set(re.findall(r"The run (\S+) does not go on: it was begun", logs))
    counts["changes of the gateway"] = client.changes
    wrong = dict[str, tuple[str, Any, Any]]()
    for prompt, messages in stored.items():
        question, reply = messages
        assert question["content"] == prompt
        began_too_often = run_of[str(sessions[prompt])] in too_often
        counts["begun too often"] += began_too_often
        healed = reply["metadata"].get("healed", ())
        is_whole = (reply["status"], reply["content"]) == ("complete", "".join(pieces(prompt)))
        if not is_whole and len(healed) < MOST_HEALS and not began_too_often:
            wrong[prompt] = reply["status"], reply["error"], healed
        counts["given up"] += reply["status"] != "complete"  # broken off more often than the rules allow
    with capsys.disabled():
        print("\nseveral gateways:", ", ".join(f"{name} {count}" for name, count in counts.items()))
    assert wrong == {}
    assert costs == counts["done"] + counts["given up"] == REPLIES
    assert counts["healed"]
