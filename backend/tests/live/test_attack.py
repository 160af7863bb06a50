"""A stranger on the same machine does what it can, and ten people's replies go on. Figures are printed; outcomes are asserted."""

import asyncio
import contextlib
import json
import os
import resource
import statistics
import sys
import time
from pathlib import Path

import aiohttp
import pytest

from lam.client.client import Client
from lam.protocol.events import Chunk, Done
from lam.testing.server import Reply, ScriptedServer

from .. import attacker
from ..running import LAM, gateway_process

pytestmark = [pytest.mark.live, pytest.mark.sqlite, pytest.mark.timeout(400)]

SECONDS = float(os.environ.get("ATTACK_SECONDS", "15"))
PEOPLE = 10
RATE = 20


async def gaps_of(client: Client, session: int) -> list[float]:
    """Seconds between the pieces of a reply, all of which must come."""
    gaps, text, last = [], "", time.monotonic()
    async for event in client.send(session, "hi"):
        if isinstance(event, Chunk):
            now = time.monotonic()
            gaps.append(now - last)
            last, text = now, text + event.content
    assert isinstance(event, Done)
    assert event.full_content == text
    return gaps[1:]


@pytest.mark.parametrize("most", [0, 960], ids=["with descriptors for all", "with fewer descriptors than attackers"])
async def test_ten_replies_go_on_while_a_stranger_attacks_and_afterwards_all_is_well(
    scripted: ScriptedServer, tmp_path: Path, most: int
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < attacker.HALF_OPEN + 1000:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, attacker.HALF_OPEN + 1000), hard))
    scripted.slots = 2 * PEOPLE
    scripted.reply = Reply(tuple(f"{number} " for number in range(int(RATE * (SECONDS + 2)))), rate=RATE)
    settings = {"llm_server_url": scripted.url, "lam_max_connections": most, "lam_metrics": "on"}
    async with (
        gateway_process(tmp_path / "data", program=LAM, **settings) as (process, gateway),
        contextlib.AsyncExitStack() as stack,
    ):
        assert process.stderr
        log = asyncio.create_task(process.stderr.read())
        arriving = asyncio.gather(*(gateway.user(f"person{number}@example.org") for number in range(PEOPLE)))
        people = [await stack.enter_async_context(person) for person in await arriving]
        sessions = [(await person.create_session())["id"] for person in people]
        before = most_memory(process.pid)  # the hashes of passwords take it too, with or without a stranger
        known = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)))
        assert await log_in(known, gateway.url) == 200
        replies = [asyncio.create_task(gaps_of(*pair)) for pair in zip(people, sessions, strict=True)]
        attack = await asyncio.create_subprocess_exec(
            sys.executable, attacker.__file__, gateway.url.rsplit(":", 1)[1], str(SECONDS), stdout=asyncio.subprocess.PIPE
        )
        assert attack.stdout
        report = asyncio.create_task(attack.stdout.read())
        calls: list[float] = []
        logins: list[int] = []
        while not report.done():
            if len(calls) % 25 == 0:  # 5 a minute
                logins.append(await log_in(known, gateway.url))
            began = time.monotonic()
            assert (await people[0].call("GET", "/api/auth/me"))["email"] == "person0@example.org"
            calls.append(time.monotonic() - began)
            await asyncio.sleep(0.2)
        gaps = [gap for reply in await asyncio.gather(*replies) for gap in reply]
        newcomer = await stack.enter_async_context(Client(gateway.url))
        while await connections(newcomer) > 2 * PEOPLE:  # it heals by itself
            await asyncio.sleep(0.2)
        growth = most_memory(process.pid) - before
        process.terminate()
        said = await log
    print(f"\nthe stranger: {json.loads(report.result())}")
    print(f"gaps: p50 {statistics.median(gaps):.3f} s, p99 {statistics.quantiles(gaps, n=100)[98]:.3f} s, most {max(gaps):.3f} s")
    print(f"calls of somebody known: {len(calls)}, most {max(calls):.3f} s; logins of a known device: {logins}")
    print(f"memory grew by {growth:.0f} MiB; the log has {len(said)} bytes")
    assert set(logins) == {200}
    assert growth < 100
    assert b"Traceback" not in said
    assert len(said) < 100_000  # attempts to log in are logged, what is refused before that is not


def most_memory(pid: int) -> float:
    """The most that the process ever had, in MiB: Linux keeps it (proc(5), VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


async def log_in(browser: aiohttp.ClientSession, url: str) -> int:
    """The status; the browser keeps the cookies."""
    account = {"email": "person0@example.org", "password": "correct horse"}
    async with browser.post(url + "/api/auth/login", json=account) as response:
        return response.status


async def connections(client: Client) -> float:
    async with client._http.get(client.url + "/metrics") as response:
        lines = (await response.text()).splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("lam_connections "))
