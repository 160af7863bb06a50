"""Replies from two servers and from two workers at a broker, while gateways are killed, frozen and restarted, and servers, workers
and Redis are killed: every one ends as if nothing had happened, and is stored once.

With LONG_TESTS set it is done for half an hour. What it did is printed.
"""

import asyncio
import itertools
import os
import random
import re
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lam.protocol.events import Done, Error, Progress
from lam.protocol.snapshot import Snapshot
from lam.testing.server import Reply

from .. import databases
from ..brokers import Mosquitto
from ..ports import free_port
from ..programs import ModelServer, WorkerProgram, kept
from ..redis_server import RedisServer
from ..several import Member, RoundRobin, account, keeping
from ..waiting import until

IS_LONG = bool(os.environ.get("LONG_TESTS"))
STREAMS, REPLIES = (60, 3000) if IS_LONG else (12, 60)
PIECES, RATE = (80, 4) if IS_LONG else (40, 8)
LONG = {"kill": 100, "freeze": 10, "restart": 10, "kill of Redis": 20, "kill of a server": 50, "kill of a worker": 50}
SHORT = {"kill": 3, "freeze": 1, "restart": 2, "kill of Redis": 1, "kill of a server": 2, "kill of a worker": 2}
ACTS = LONG if IS_LONG else SHORT
PAUSES = (2, 6) if IS_LONG else (0.5, 1.5)  # seconds between two acts, from and to
FROZEN_SECONDS = 7  # longer than a lease
WHY = re.compile(r"was broken off [4-9] times|was begun 4 times|could not go on: ")  # a reply that ends before its end says so
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
        client.token = await account(members[0])

        async def talk() -> None:
            while (number := next(asked)) <= REPLIES:
                prompt = f"reply-{number}"
                sessions[prompt] = (await client.call("POST", "/api/chatbot/sessions", {}))["id"]
                events = await client.reply(sessions[prompt], prompt, model=MODELS[number % len(MODELS)])
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
    counts["changes of the gateway"] = client.changes
    wrong = dict[str, tuple[str, Any, Any]]()
    for prompt, messages in stored.items():
        question, reply = messages
        assert question["content"] == prompt
        if (reply["status"], reply["content"]) == ("complete", "".join(pieces(prompt))):
            continue
        reason = WHY.search((reply["error"] or {}).get("message", ""))
        counts[f"ended: {reason[0]}" if reason else "wrong"] += 1
        if reply["status"] == "complete" or reason is None:
            wrong[prompt] = reply["status"], reply["error"], reply["metadata"].get("healed", ())
        counts["given up"] += reply["status"] != "complete"
    with capsys.disabled():
        print("\nseveral gateways:", ", ".join(f"{name} {count}" for name, count in counts.items()))
    assert wrong == {}
    assert costs == counts["done"] + counts["given up"] == REPLIES
    assert counts["healed"]
