"""Killed at random moments, runs of three kinds: each ends once, as its sink says, and none is left open. Replies go on after the
kill, and end with the text of an undisturbed one."""

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from lam.chat.titles import QUESTION
from lam.errors import StorageUnavailable
from lam.generation.pump import Limits
from lam.generation.recovery import recover
from lam.generation.run import Stop
from lam.generation.supervisor import Supervisor, Waits
from lam.storage.database import Database
from lam.storage.run_store import RunStore
from lam.streams.memory_log import Shelf
from lam.testing.server import Reply, ScriptedServer

from .. import databases
from ..counter import COUNT, PROGRAM, CountOrder, CountSink, counting, make_table
from ..counter import Counter as CountKind
from ..running import Gateway, gateway_process

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

ROUNDS = 10
CHATS, COUNTS = 8, 12
WORDS = tuple(f"{number} " for number in range(60))


def reply(body: dict[str, Any]) -> Reply:
    """Answers take half a second and more; titles are asked for after them, and take as long."""
    if body["messages"][-1]["content"] == QUESTION:
        return Reply(("A ", "found ", "title"), rate=6)
    asked = next(turn["content"] for turn in body["messages"] if turn["role"] == "user")
    return Reply(WORDS[: int(asked)], rate=30)


async def begin(gateway: Gateway, sessions: list[int]) -> None:
    """Chats and counts, each followed until it ends or the gateway dies."""

    async def chat(session: int) -> None:
        async with gateway.client() as client:
            async for _ in client.send(session, str(random.randint(2, len(WORDS))), on_disconnect="continue"):
                pass

    async def count() -> None:
        async with gateway.client() as client:
            path = f"{gateway.url}/test/count?to={random.randint(1, 40)}&pause=0.05"
            async with client._http.post(path) as answer:
                await answer.read()

    with contextlib.suppress(Exception):
        await asyncio.gather(*map(chat, sessions), *(count() for _ in range(COUNTS)), return_exceptions=True)


async def test_every_run_ends_once(tmp_path: Path, scripted: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
    scripted.reply, scripted.slots = reply, 64
    settings = {"llm_server_url": scripted.url, "lam_titles": True, "program": PROGRAM}
    env = {"PYTHONPATH": str(Path(__file__).parents[2])}
    data = tmp_path / "data"
    sent = 0
    left: list[str] = []
    for part in range(ROUNDS):
        async with gateway_process(data, **settings, **env) as (process, gateway):
            async with gateway.client() as client:
                sessions = [(await client.create_session())["id"] for _ in range(CHATS)]
            running = asyncio.create_task(begin(gateway, sessions))
            # Time itself: the moment is what is random here, one in each part of the time that all of them take
            await asyncio.sleep(0.05 + random.uniform(part, part + 1) * 2 / ROUNDS)
            process.kill()
            await process.wait()
            running.cancel()  # they would wait for the gateway
            await asyncio.wait([running])
        database = Database(databases.url_for(data))
        left += [kind for (kind,) in await rows(database, "SELECT kind FROM runs")]
        await database.close()
        sent += CHATS
    database = Database(databases.url_for(data))
    async with gateway_process(data, **settings, **env):
        while await rows(database, "SELECT * FROM runs"):
            await asyncio.sleep(0.05)
    assert await rows(database, "SELECT * FROM runs") == []
    assert await rows(database, "SELECT * FROM checkpoints") == []
    statuses = {status for (status,) in await rows(database, "SELECT DISTINCT status FROM messages")}
    assert statuses <= {"complete", "interrupted", "cancelled"}
    replies = (await rows(database, "SELECT count(*) FROM messages WHERE role = 'assistant'"))[0][0]
    asked = (await rows(database, "SELECT count(*) FROM messages WHERE role = 'user'"))[0][0]
    costs = (await rows(database, "SELECT count(*) FROM generations WHERE kind = 'reply'"))[0][0]
    assert 0 < asked <= sent
    assert replies == asked == costs
    answers = """SELECT reply.content, reply.status, asked.content FROM messages reply
        JOIN messages asked ON asked.id = reply.parent_id WHERE reply.role = 'assistant'"""
    ends: Counter[str] = Counter()
    for content, status, asked_for in await rows(database, answers):
        whole = "".join(WORDS[: int(asked_for)])
        assert content == whole if status == "complete" else whole.startswith(content), status
        ends[status] += 1
    with capsys.disabled():
        print(f"\n{dict(ends)}")
    assert ends["complete"] > ends["interrupted"], "most of them went on"
    titled = await rows(database, "SELECT session_id FROM generations WHERE kind = 'title'")
    assert len(titled) == len(set(titled)), "no session was given two titles"
    for content, status in await rows(database, "SELECT content, status FROM counts"):
        numbers = content.split()
        assert numbers == [str(number) for number in range(len(numbers))], status
    await database.close()
    assert {"reply", "count"} <= set(left), "it was killed in the middle of both"


async def rows(database: Database, query: str) -> list[Any]:
    async with database.read() as unit:
        return list(await unit._connection.execute(text(query)))


# An owner that slept


async def own(url: str) -> None:
    """One run, as a gateway of its own would drive it; without the lock that keeps two gateways apart."""
    database = Database(url)
    async with Supervisor(RunStore(database), Shelf(), owner="sleeper", most_per_user=9, limits=Limits(), waits=Waits()) as runs:
        order = CountOrder(1_000_000, 0.05)
        async with runs.claim(None, 1) as claim:
            record = runs.record(claim, COUNT, msgspec.json.encode(order), "continue")
            async with database.write() as unit:
                await unit.runs.add(record, datetime.now(UTC))
            run = runs.start(claim, record, counting(order), CountSink(order, record.id, 1, database))
        print(record.id, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        run.stop(Stop())
        assert await run.saved(60)
        print("ended", flush=True)
    await database.close()


async def test_an_owner_that_slept_and_woke_writes_nothing(tmp_path: Path) -> None:
    url = databases.url_for(tmp_path)
    database = Database(url)
    await database.upgrade()
    await make_table(database)
    async with database.write() as unit:
        await unit.users.add("a@b", None, is_admin=False, now=datetime.now(UTC))
    program = f"import asyncio; from tests.live.test_kill import own; asyncio.run(own({url!r}))"
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, env=env, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin
    assert process.stdout
    run_id = (await process.stdout.readline()).decode().strip()
    store = RunStore(database)
    while not await store.progress(run_id):
        await asyncio.sleep(0.05)
    process.send_signal(signal.SIGSTOP)
    counter = CountKind(database)
    async with asyncio.timeout(60):
        while True:
            try:
                assert await recover(store, [counter], "taker") == 1
                break
            except StorageUnavailable:  # it was stopped with SQLite's lock in its hand
                process.send_signal(signal.SIGCONT)
                await asyncio.sleep(0.05)  # Time itself: it goes on for so long, to give the lock back
                process.send_signal(signal.SIGSTOP)
    before = await rows(database, "SELECT * FROM counts")
    assert [row[2] for row in before] == ["interrupted"]
    process.send_signal(signal.SIGCONT)
    process.stdin.write(b"\n")
    assert await process.stdout.readline() == b"ended\n"
    assert await process.wait() == 0
    assert await rows(database, "SELECT * FROM counts") == before
    assert await rows(database, "SELECT * FROM checkpoints") == []
    await database.close()
