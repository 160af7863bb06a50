"""The demo model at temperature 0 behind two llama.cpp servers and two gateways: the server or the gateway at work is killed at
random places of the text, which is that of an undisturbed reply all the same.

With LONG_TESTS set it is done more than fifty times. What it did is printed.
"""

import asyncio
import os
import random
import signal
from collections.abc import Iterable
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from lam.llama.model import NAME
from lam.protocol.events import Chunk, Done, Event
from lam.protocol.snapshot import Snapshot

from .. import databases
from ..ports import free_port
from ..programs import DemoServer, kept
from ..redis_server import RedisServer
from ..several import Member, RoundRobin, account, keeping
from .test_real_healing import ASKED, EXACT, FILE, LENGTH

IS_LONG = bool(os.environ.get("LONG_TESTS"))
THINGS = "a robot;rain;the sea;a bridge;bread;the moon;a clock;trees;a river;snow;iron;a market;birds;sand;a lamp;wool;the wind"
MORE = [f"What would you tell a child about {thing}?" for thing in THINGS.split(";")]
QUESTIONS = (*ASKED, *MORE) if IS_LONG else ASKED[:2]
KILLS = 3  # of one reply
REASONS = {"gateway_lost", "interrupted"}

pytestmark = [pytest.mark.live, pytest.mark.postgresql, pytest.mark.timeout(1800 if IS_LONG else 300)]


async def test_the_text_is_the_undisturbed_one(redis: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ports = {"first": free_port(), "second": free_port()}
    servers = {name: DemoServer(tmp_path / f"{name}.log", port, **EXACT) for name, port in ports.items()}
    config = tmp_path / "lam.toml"
    config.write_text(FILE.format(model=NAME, **ports))
    members = {name: Member(tmp_path, redis, name, {"lam_config": config}) for name in ("a", "b")}
    chance = random.Random(18)
    killed, healed = {"server": 0, "gateway": 0}, list[dict[str, Any]]()
    server, database = databases.postgresql, databases.url_for(tmp_path).rpartition("/")[2]
    assert server

    async def kill(snapshot: Snapshot) -> None:
        """Kills the server that writes, or the gateway that has the run."""
        assert snapshot.metadata
        name, what = snapshot.metadata.server, chance.choice(["server", "gateway"])
        owners = await asyncio.to_thread(server.sql, database, "SELECT owner FROM runs")
        if not owners:
            return  # the reply ended behind the reader
        if what == "server" and name:
            killed[what] += servers[name].strike()
        else:
            killed["gateway"] += members[owners.partition("-")[0]].send(signal.SIGKILL)

    async with kept(*servers.values()), keeping([*members.values()]), RoundRobin([*members.values()]) as client:
        client.token = await account(members["a"])

        async def answer(asked: str, places: Iterable[int] = ()) -> str:
            """The text of a reply. Something is killed where the text is as long as one of the `places` says."""
            left = sorted(places)

            async def read(events: list[Event]) -> None:
                snapshot = folded(events)
                if left and isinstance(events[-1], Chunk) and len(snapshot.text) >= left[0]:
                    left.pop(0)
                    await kill(snapshot)

            session = (await client.call("POST", "/api/chatbot/sessions", {}))["id"]
            options = {"client_request_id": str(session), "temperature": 0, "max_tokens": LENGTH}
            events = await client.reply(session, asked, read, **options)
            stored = (await client.call("GET", f"/api/chatbot/sessions/{session}/messages"))[-1]
            done = events[-1]
            assert isinstance(done, Done), done
            assert done.full_content == folded(events).text == stored["content"]
            healed.extend(stored["metadata"].get("healed") or [])
            return done.full_content

        for number, asked in enumerate(cycle(QUESTIONS)):
            # A gateway that dies before its next checkpoint leaves no word of a break, and a reply may end behind its reader.
            if number >= len(QUESTIONS) and ({heal["reason"] for heal in healed} >= REASONS if IS_LONG else healed):
                break
            undisturbed = await answer(asked)
            places = chance.sample(range(1, len(undisturbed) - 10), KILLS)
            before = dict(killed)
            text = await answer(asked, places)
            with capsys.disabled():
                kills = {what: number - before[what] for what, number in killed.items()}
                print(f"\n{asked} Killed {kills} at {sorted(places)}: {text == undisturbed}")
            assert text == undisturbed
    with capsys.disabled():
        print(f"\nKilled {killed}; went on {len(healed)} times")


def folded(events: list[Event]) -> Snapshot:
    snapshot = Snapshot()
    for event in events:
        snapshot.add(event)
    return snapshot
