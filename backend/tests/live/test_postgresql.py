"""PostgreSQL that is not there yet, goes away, comes back, refuses us, or belongs to somebody else."""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lam.errors import ConfigError, StorageUnavailable
from lam.gateway import Bounds
from lam.generation.pump import Limits
from lam.protocol.events import Chunk, Done, Error
from lam.storage.lock import exclusive
from lam.storage.postgresql import LOCK_KEY, Watch
from lam.testing.server import Reply, ScriptedServer

from ..conftest import find_program
from ..forked import Forked, forked
from ..postgresql import PostgreSQL, running_postgresql
from ..running import FOR_TESTS, SERVE, collect, gateway_process, raw_stream, running_gateway, serve_with

TAKE_LOCK = f"SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'; SELECT pg_advisory_lock({LOCK_KEY})"

pytestmark = [pytest.mark.live, pytest.mark.postgresql, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """One of its own for these tests: they stop it."""
    with running_postgresql(Path(find_program("initdb")).parent, durable=True) as running:
        yield running


@pytest.mark.parametrize(("away", "commit", "code"), [(2, 60, None), (6, 4, "storage_unavailable")])
async def test_a_reply_streams_on_while_the_database_is_away_and_is_saved_when_it_returns(
    away: float, commit: float, code: str | None, server: PostgreSQL, scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.reply = Reply(("word ",) * 60, rate=30)
    url, bounds = server.database(), Bounds(pump=Limits(commit=commit))
    async with (
        running_gateway(tmp_path / "data", bounds=bounds, llm_server_url=scripted.url, database_url=url) as gateway,
        gateway.client() as client,
    ):
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            await stream.until(Chunk)
            await asyncio.to_thread(server.stop)
            with pytest.raises(StorageUnavailable):
                await client.call("GET", "/api/chatbot/sessions")
            assert (await client.call("GET", "/api/health"))["ready"] is False
            while sum(isinstance(event, Chunk) for _, event in stream.events) < 60:
                assert await stream.read()
            await asyncio.sleep(away)  # Time itself: the database is away so long
            await asyncio.to_thread(server.start)
            end = (await stream.rest())[-1]
        if code is None:
            assert isinstance(end, Done)
        else:
            assert isinstance(end, Error)
            assert (end.code, end.retryable) == (code, True)
        while (message := (await client.call("GET", f"/api/chatbot/sessions/{session}/messages"))[-1])["status"] == "streaming":
            await asyncio.sleep(0.05)
        assert (message["status"], message["content"]) == ("complete" if code is None else "failed", "word " * 60)
        scripted.reply = Reply()
        assert isinstance((await collect(client, session, "again"))[-1], Done)


async def test_a_start_waits_for_the_database_with_a_sentence(server: PostgreSQL, scripted: ScriptedServer, tmp_path: Path) -> None:
    url = server.database()
    await asyncio.to_thread(server.stop)
    env = environment(tmp_path / "data", database_url=url, llm_server_url=scripted.url)
    process = await serve(env)
    assert process.stderr
    try:
        said = (await process.stderr.readline()).decode()
        assert f"Waiting for the database at 127.0.0.1:{server.port}" in said
        await asyncio.to_thread(server.start)
        assert "is there" in (await process.stderr.readline()).decode()
        while "serves http" not in (line := (await process.stderr.readline()).decode()):
            assert line
        process.terminate()
        assert await process.wait() == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql+asyncpg://lam@127.0.0.1:{port}/nothing", "refuses the gateway"),
        ("postgresql+asyncpg://nobody@127.0.0.1:{port}/postgres", "refuses the gateway"),
        ("mysql://lam@127.0.0.1:{port}/postgres", "DATABASE_URL: must be"),
        ("postgresql://lam@127.0.0.1:{port}/postgres?gssencmode=disable", "DATABASE_URL: has the option `gssencmode`"),
        ("postgres://nobody@127.0.0.1:{port}/postgres?sslmode=prefer", "refuses the gateway"),
        ("postgresql+asyncpg://lam@127.0.0.1:{port}/", "DATABASE_URL: must be"),
    ],
)
async def test_a_database_that_refuses_stops_the_start_with_a_sentence(
    url: str, sentence: str, server: PostgreSQL, scripted: ScriptedServer, tmp_path: Path
) -> None:
    process = await serve(environment(tmp_path / "data", database_url=url.format(port=server.port), llm_server_url=scripted.url))
    _, err = await process.communicate()
    assert process.returncode == 1
    assert sentence in err.decode()
    assert "Traceback" not in err.decode()


async def test_the_lock_is_taken_again_when_the_database_returns(server: PostgreSQL, caplog: pytest.LogCaptureFixture) -> None:
    url = server.database()
    async with exclusive(url, watch=Watch(every=0.05)) as lost:
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)
        while "is there" not in caplog.text and "was lost" not in caplog.text:
            await asyncio.sleep(0.01)
        while not await lock_is_held(server, url):
            await asyncio.sleep(0.05)
        with pytest.raises(ConfigError, match="Another gateway"):
            await second(url)
        assert not lost.is_set()
    await second(url, wait_seconds=20)


async def test_a_gateway_learns_that_another_one_took_its_database(server: PostgreSQL) -> None:
    url = server.database()
    async with exclusive(url, watch=Watch(every=0.3, regain=0.5)) as lost:
        with server.transaction(url, TAKE_LOCK):
            await asyncio.wait_for(lost.wait(), 20)


async def test_a_gateway_whose_database_was_taken_stops_with_a_sentence(
    server: PostgreSQL, scripted: ScriptedServer, tmp_path: Path
) -> None:
    url = server.database()
    program = serve_with("Bounds(lock=Watch(every=0.3, regain=0.5))")
    async with gateway_process(tmp_path / "data", program=program, llm_server_url=scripted.url, database_url=url) as (
        process,
        gateway,
    ):
        async with gateway.client() as client:
            await collect(client, (await client.create_session())["id"])
        with server.transaction(url, TAKE_LOCK):
            assert process.stderr
            said = (await asyncio.wait_for(process.stderr.read(), 120)).decode()
            assert await process.wait() == 1
    assert "Another gateway has taken the database" in said


async def lock_is_held(server: PostgreSQL, url: str) -> bool:
    query = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database WHERE locktype = 'advisory' AND datname = "
    return await asyncio.to_thread(server.sql, "postgres", f"{query} '{url.rpartition('/')[2]}'") == "1"


async def second(url: str, wait_seconds: float = 0.2) -> None:
    async with exclusive(url, wait_seconds=wait_seconds):
        pass


def environment(data: Path, **settings: Any) -> dict[str, str]:
    given = FOR_TESTS | {"lam_data_dir": data, "lam_port": 0} | settings
    return os.environ | {name.upper(): str(value) for name, value in given.items()}


async def serve(env: dict[str, str]) -> Forked:
    return await forked(SERVE, "serve", env=env)
