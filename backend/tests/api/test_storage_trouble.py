"""What the disk does to a gateway: nothing that cannot be stored is acknowledged, and health says what is wrong."""

import asyncio
import contextlib
import os
import resource
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lam.client.client import Client
from lam.errors import StorageLost, StorageUnavailable
from lam.gateway import Bounds
from lam.generation.pump import Limits
from lam.generation.supervisor import Waits
from lam.protocol.events import Done, Error
from lam.storage.readiness import Belief
from lam.storage.sqlite import SqliteEngine
from lam.testing.server import ScriptedServer

from ..cli.test_commands import environment, run
from ..running import Gateway, collect, gateway_process, running_gateway, serve_with

pytestmark = pytest.mark.sqlite


async def health(client: Client) -> dict[str, Any]:
    answer: dict[str, Any] = await client.call("GET", "/api/health")
    return answer


def remove(data: Path) -> None:
    (data / "lam.db").unlink()


def move_away(data: Path) -> None:
    (data / "lam.db").rename(data / "elsewhere.db")


def replace_by_a_copy(data: Path) -> None:
    shutil.copy(data / "lam.db", data / "copy")
    (data / "copy").replace(data / "lam.db")


def replace_by_nothing(data: Path) -> None:
    (data / "lam.db").unlink()
    (data / "lam.db").touch()


def remove_the_log(data: Path) -> None:
    (data / "lam.db-wal").unlink()


def remove_the_index(data: Path) -> None:
    (data / "lam.db-shm").unlink()


def remove_the_folder(data: Path) -> None:
    shutil.rmtree(data)


def replace_the_folder(data: Path) -> None:
    data.rename(data.with_name("old"))
    shutil.copytree(data.with_name("old"), data)


def names(data: Path) -> set[str]:
    return {path.name for path in data.iterdir() if path.name.startswith("lam.db")}


LOSSES: list[Callable[[Path], None]] = [
    remove,
    move_away,
    replace_by_a_copy,
    replace_by_nothing,
    remove_the_log,
    remove_the_index,
    remove_the_folder,
    replace_the_folder,
]


@pytest.mark.parametrize("lose", LOSSES, ids=lambda lose: lose.__name__)
async def test_a_database_that_goes_away_takes_no_more_writes(
    scripted: ScriptedServer, tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    data = tmp_path / "data"
    async with running_gateway(data, llm_server_url=scripted.url) as gateway, gateway.client() as client:
        session = (await client.create_session())["id"]
        assert (await health(client))["ready"] is True
        lose(data)
        for method, path, body in (
            ("POST", "/api/chatbot/sessions", None),
            ("PATCH", f"/api/chatbot/sessions/{session}", {"title": "T"}),
            ("DELETE", f"/api/chatbot/sessions/{session}", None),
            ("POST", "/api/auth/register", {"email": "ada@example.org", "password": "correct horse"}),
            ("POST", "/api/chatbot/messages", {"session_id": session, "content": "hi"}),
        ):
            with pytest.raises(StorageLost, match="while the gateway ran"):
                await client.call(method, path, body)
        answer = await health(client)
        assert (answer["ready"], answer["database"]) == (False, "unavailable")
        assert "restart the gateway" in answer["database_detail"]
        assert await client.call("GET", "/api/chatbot/sessions"), "what was read before can still be saved elsewhere"
        async with client._http.get(gateway.url + "/api/health?ready=1") as response:
            assert response.status == 503


@pytest.mark.parametrize("lose", ["lam.db", "disk/real.db", "disk/real.db-wal"])
async def test_a_database_behind_a_link_is_watched_too(scripted: ScriptedServer, tmp_path: Path, lose: str) -> None:
    data = tmp_path / "data"
    (data / "disk").mkdir(parents=True)
    (data / "lam.db").symlink_to(data / "disk" / "real.db")
    async with running_gateway(data, llm_server_url=scripted.url) as gateway, gateway.client() as client:
        await client.create_session()
        (data / lose).unlink()
        with pytest.raises(StorageLost):
            await client.create_session()
        assert (await health(client))["ready"] is False


async def test_a_file_that_is_put_back_is_written_to_again(scripted: ScriptedServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with running_gateway(data, llm_server_url=scripted.url) as gateway, gateway.client() as client:
        move_away(data)
        with pytest.raises(StorageLost):
            await client.create_session()
        (data / "elsewhere.db").rename(data / "lam.db")
        assert (await health(client))["ready"] is True
        session = await client.create_session()
    async with running_gateway(data, llm_server_url=scripted.url) as gateway, gateway.client() as client:
        assert await client.call("GET", f"/api/chatbot/sessions/{session['id']}")


@pytest.mark.parametrize("lose", [remove, move_away, replace_by_a_copy, remove_the_log], ids=lambda lose: lose.__name__)
async def test_many_readers_of_a_lost_file_read_on_and_make_no_other_one(
    scripted: ScriptedServer, tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    data = tmp_path / "data"
    async with running_gateway(data, llm_server_url=scripted.url) as gateway, gateway.client() as client:
        kept = {(await client.create_session())["id"] for _ in range(3)}
        lose(data)
        left = names(data)
        lists = await asyncio.gather(*(client.call("GET", "/api/chatbot/sessions") for _ in range(40)))
        assert all({session["id"] for session in found} == kept for found in lists)
        with pytest.raises(StorageLost):
            await client.create_session()
        assert names(data) == left


async def take_all(engine: SqliteEngine, stack: contextlib.AsyncExitStack) -> None:
    while True:
        await stack.enter_async_context(engine.connect())


async def test_a_connection_that_is_opened_while_the_file_is_away_is_refused_and_leaves_its_log_alone(
    scripted: ScriptedServer, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    async with running_gateway(data, llm_server_url=scripted.url) as gateway, gateway.client() as client:
        session = (await client.create_session())["id"]
        engine = gateway.parts.database._engine
        assert isinstance(engine, SqliteEngine)
        move_away(data)
        before = (data / "lam.db-wal").read_bytes()
        async with contextlib.AsyncExitStack() as stack:
            with pytest.raises(StorageLost):
                await take_all(engine, stack)
        assert not (data / "lam.db").exists()
        assert (data / "lam.db-wal").read_bytes() == before
        (data / "elsewhere.db").rename(data / "lam.db")
        async with engine.connect() as connection:
            assert (await connection.exec_driver_sql("SELECT count(*) FROM sessions")).scalar() == 1
    async with running_gateway(data, llm_server_url=scripted.url) as gateway, gateway.client() as client:
        assert await client.call("GET", f"/api/chatbot/sessions/{session}")


async def test_what_was_acknowledged_before_the_log_was_removed_is_there_after_the_restart(
    scripted: ScriptedServer, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    async with gateway_process(data, llm_server_url=scripted.url) as (_, gateway), gateway.client() as client:
        kept = [(await client.create_session())["id"] for _ in range(20)]
        remove_the_log(data)
        with pytest.raises(StorageLost):
            await client.create_session()
    async with gateway_process(data, llm_server_url=scripted.url) as (_, gateway), gateway.client() as client:
        assert sorted(session["id"] for session in await client.call("GET", "/api/chatbot/sessions")) == kept


async def test_a_reply_that_cannot_be_stored_is_not_told_as_done(scripted: ScriptedServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with running_gateway(data, llm_server_url=scripted.url) as gateway, gateway.client() as client:
        session = (await client.create_session())["id"]
        assert isinstance((await collect(client, session))[-1], Done)
        remove(data)
        with pytest.raises(StorageLost):
            await collect(client, session)


@pytest.mark.parametrize("readable", [True, False])
async def test_a_folder_that_is_made_read_only_loses_nothing(scripted: ScriptedServer, tmp_path: Path, readable: bool) -> None:
    """The files are open, so writes go on; whatever is acknowledged is there afterwards."""
    data = tmp_path / "data"
    async with running_gateway(data, llm_server_url=scripted.url) as gateway, gateway.client() as client:
        data.chmod(0o500 if readable else 0o000)
        kept = []
        try:
            kept.append((await client.create_session())["id"])
        except StorageUnavailable:
            assert (await health(client))["ready"] is False
        finally:
            data.chmod(0o700)
    async with running_gateway(data, llm_server_url=scripted.url) as gateway, gateway.client() as client:
        assert [session["id"] for session in await client.call("GET", "/api/chatbot/sessions")] == kept


@pytest.mark.parametrize("size", [0, 100, 5000, 40_000])
async def test_a_file_that_is_cut_off_while_the_gateway_runs_takes_no_more_writes(
    scripted: ScriptedServer, tmp_path: Path, size: int
) -> None:
    data = tmp_path / "data"
    async with running_gateway(data, llm_server_url=scripted.url) as gateway, gateway.client() as client:
        await client.create_session()
        with sqlite3.connect(data / "lam.db") as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other.close()
        await client.create_session()
        os.truncate(data / "lam.db", size)
        with pytest.raises(StorageUnavailable) as caught:
            await client.create_session()
        assert caught.value.code in ("storage_damaged", "storage_lost")
        answer = await health(client)
        assert answer["ready"] is False
        assert "backup" in answer["database_detail"]


async def test_without_its_database_a_gateway_knows_who_was_signed_in_and_nobody_who_has_left(
    gateway: Gateway, tmp_path: Path
) -> None:
    async with await gateway.user("stays@example.org") as stays, await gateway.user("leaves@example.org") as leaves:
        for client in (stays, leaves):
            await client.call("GET", "/api/auth/me")
        await leaves.call("POST", "/api/auth/logout")
        await stays.call("GET", "/api/auth/me")
        os.truncate(tmp_path / "data" / "lam.db", 0)
        with pytest.raises(StorageUnavailable):
            await stays.create_session()
        assert (await health(stays))["database_detail"]
        assert (await health(leaves))["database_detail"] is None


async def test_a_file_that_another_program_tidies_up_is_fine(scripted: ScriptedServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with running_gateway(data, llm_server_url=scripted.url) as gateway, gateway.client() as client:
        sessions = [(await client.create_session(system_prompt="word " * 2000))["id"] for _ in range(30)]
        for session in sessions[1:]:
            await client.call("DELETE", f"/api/chatbot/sessions/{session}")
        other = sqlite3.connect(data / "lam.db", isolation_level=None)
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        before = (data / "lam.db").stat().st_size
        other.execute("VACUUM")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other.close()
        assert (data / "lam.db").stat().st_size < before
        assert await client.create_session()
        assert (await health(client))["ready"] is True


def overwrite(data: Path) -> None:
    path = data / "lam.db"
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))


def overwrite_the_header(data: Path) -> None:
    with (data / "lam.db").open("r+b") as file:
        file.write(b"nothing of the kind")


def cut_off(data: Path) -> None:
    os.truncate(data / "lam.db", 20_000)


def empty(data: Path) -> None:
    os.truncate(data / "lam.db", 0)


def drop(table: str) -> Callable[[Path], None]:
    def dropped(data: Path) -> None:
        with sqlite3.connect(data / "lam.db") as file:
            file.execute(f"DROP TABLE {table}")
        file.close()

    dropped.__name__ = f"drop {table}"
    return dropped


def drop_a_column(data: Path) -> None:
    with sqlite3.connect(data / "lam.db") as file:
        file.execute("ALTER TABLE sessions DROP COLUMN unread")
    file.close()


def forget_the_version(data: Path) -> None:
    with sqlite3.connect(data / "lam.db") as file:
        file.execute("DELETE FROM alembic_version")
    file.close()


DAMAGE = [
    overwrite,
    overwrite_the_header,
    cut_off,
    empty,
    drop("messages"),
    drop("requests"),
    drop("message_search"),
    drop("message_search_data"),
    drop_a_column,
    forget_the_version,
]


@pytest.mark.parametrize("hurt", DAMAGE, ids=lambda hurt: hurt.__name__)
async def test_a_damaged_database_stops_the_start_with_a_sentence_and_is_left_as_it_is(
    scripted: ScriptedServer, tmp_path: Path, hurt: Callable[[Path], None]
) -> None:
    data = tmp_path / "data"
    async with running_gateway(data, llm_server_url=scripted.url) as gateway, gateway.client() as client:
        await client.create_session()
    hurt(data)
    before = (data / "lam.db").read_bytes()
    given = environment(data, llm_server_url=scripted.url)
    given.pop("DATABASE_URL", None)
    ran = await run("serve", "--port", "0", env=given)
    assert (ran.code, ran.err.count("\n")) == (1, 1), ran.err
    assert "The database cannot be used" in ran.err
    assert "put a backup in its place" in ran.err
    assert (data / "lam.db").read_bytes() == before
    if hurt not in (empty, forget_the_version) and not hurt.__name__.startswith("drop"):
        ran = await run("doctor", env=given)
        assert ran.code == 1
        assert "damaged" in ran.out


async def test_a_large_database_is_looked_at_for_a_bounded_time(scripted: ScriptedServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with running_gateway(data, llm_server_url=scripted.url):
        pass
    with sqlite3.connect(data / "lam.db") as file:
        file.execute("CREATE TABLE filler (text)")
        file.executemany("INSERT INTO filler VALUES (?)", [("x" * 3000,)] * 40_000)
    file.close()
    async with (
        running_gateway(data, bounds=Bounds(database_check=0.001), llm_server_url=scripted.url) as gateway,
        gateway.client() as client,
    ):
        assert (await health(client))["ready"] is True


async def test_damage_that_is_met_later_is_no_passing_trouble(scripted: ScriptedServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with running_gateway(data, llm_server_url=scripted.url, database_pool_size=1) as gateway, gateway.client() as client:
        await client.create_session()
        other = sqlite3.connect(data / "lam.db")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages = other.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'templates' AND rootpage > 0").fetchall()
        other.close()
        with (data / "lam.db").open("r+b") as file:
            for (page,) in pages:
                file.seek((page - 1) * 4096)
                file.write(b"\xa5" * 4096)
        with sqlite3.connect(data / "lam.db") as other:  # a change, so that the gateway reads the pages again
            other.execute("UPDATE alembic_version SET version_num = version_num")
        other.close()
        with pytest.raises(StorageUnavailable) as caught:
            await client.call("GET", "/api/templates")
        assert (caught.value.code, caught.value.retryable) == ("storage_damaged", False)
        answer = await health(client)
        assert answer["ready"] is False
        assert "restore a backup" in answer["database_detail"]
        with pytest.raises(StorageUnavailable, match="damaged"):
            await client.create_session()


async def test_a_full_disk_is_told_and_heals(scripted: ScriptedServer, tmp_path: Path) -> None:
    data, program = tmp_path / "data", serve_with("Bounds(readiness=Belief(good=0, bad=0))")
    async with (
        gateway_process(data, program=program, llm_server_url=scripted.url) as (process, gateway),
        gateway.client() as client,
    ):
        assert (await health(client))["ready"] is True
        before = resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        kept = []

        async def fill() -> None:
            while True:
                kept.append((await client.create_session(system_prompt="word " * 2000))["id"])

        with pytest.raises(StorageUnavailable):
            await fill()
        while (answer := await health(client))["ready"]:
            await asyncio.sleep(0.2)
        assert answer["database_detail"]
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, before)
        while not (await health(client))["ready"]:
            await asyncio.sleep(0.2)
        kept.append((await client.create_session())["id"])
        assert sorted(session["id"] for session in await client.call("GET", "/api/chatbot/sessions")) == kept
    async with gateway_process(data, llm_server_url=scripted.url) as (_, gateway), gateway.client() as client:
        assert sorted(session["id"] for session in await client.call("GET", "/api/chatbot/sessions")) == kept


async def test_little_room_is_told_before_the_disk_is_full(scripted: ScriptedServer, tmp_path: Path) -> None:
    bounds = Bounds(readiness=Belief(least_free=2 * shutil.disk_usage(tmp_path).free))
    async with (
        running_gateway(tmp_path / "data", bounds=bounds, llm_server_url=scripted.url) as gateway,
        gateway.client() as client,
    ):
        answer = await health(client)
    assert answer["ready"] is False
    assert "full" in answer["database_detail"]
    assert "make room" in answer["database_detail"]


async def test_a_lost_reply_ends_with_the_reason(scripted: ScriptedServer, tmp_path: Path) -> None:
    """The database goes away in the middle of a reply."""
    from lam.testing.server import Reply

    scripted.reply = Reply(("word ",) * 20, hold=True)
    data, bounds = tmp_path / "data", Bounds(pump=Limits(commit=0.5), runs=Waits(save=0.1))
    async with running_gateway(data, bounds=bounds, llm_server_url=scripted.url) as gateway, gateway.client() as client:
        session = (await client.create_session())["id"]
        reply = asyncio.create_task(collect(client, session))
        await scripted.arrival()
        scripted.step(2)
        remove(data)
        scripted.step(18)
        last = (await reply)[-1]
        assert isinstance(last, Error)
        assert last.code.startswith("storage_")
