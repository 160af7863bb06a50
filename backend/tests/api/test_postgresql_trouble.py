"""What happens to a PostgreSQL database while a gateway runs on it."""

from pathlib import Path

import pytest

from lam.errors import StorageUnavailable
from lam.gateway import Bounds
from lam.storage.readiness import Belief
from lam.testing.server import ScriptedServer

from .. import databases
from ..cli.test_commands import environment, run
from ..running import running_gateway

pytestmark = pytest.mark.postgresql

READ_ONLY = ("ALTER DATABASE {} SET default_transaction_read_only = on", "ALTER DATABASE {} RESET default_transaction_read_only")
RENAMED = ("ALTER TABLE {} RENAME TO elsewhere", "ALTER TABLE elsewhere RENAME TO {}")


def sql(data: Path, statement: str) -> None:
    assert databases.postgresql is not None
    databases.postgresql.sql(name(data), statement)


DOUBTFUL = Bounds(readiness=Belief(good=0, bad=0))


def name(data: Path) -> str:
    return databases.url_for(data).rpartition("/")[2]


def let_go(data: Path) -> None:
    """Ends the gateway's connections, so that new ones begin with the database's settings."""
    sql(data, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'lam-gateway'")


@pytest.mark.parametrize("table", ["sessions", "messages", "templates", "alembic_version"])
async def test_a_missing_table_is_no_passing_trouble_and_heals_when_it_is_back(
    scripted: ScriptedServer, tmp_path: Path, table: str
) -> None:
    data = tmp_path / "data"
    async with running_gateway(data, bounds=DOUBTFUL, llm_server_url=scripted.url) as gateway, gateway.client() as client:
        assert (await client.call("GET", "/api/health"))["ready"] is True
        sql(data, RENAMED[0].format(table))
        answer = await client.call("GET", "/api/health")
        assert (answer["ready"], answer["database"]) == (False, "unavailable")
        assert "lacks a part" in answer["database_detail"]
        if table == "sessions":
            with pytest.raises(StorageUnavailable) as caught:
                await client.create_session()
            assert (caught.value.code, caught.value.retryable) == ("storage_damaged", False)
        sql(data, RENAMED[1].format(table))
        assert (await client.call("GET", "/api/health"))["ready"] is True
        await client.create_session()


@pytest.mark.parametrize(
    "statement", ["DROP TABLE checkpoints", "ALTER TABLE sessions DROP COLUMN unread", "DELETE FROM alembic_version"]
)
async def test_a_start_on_an_incomplete_database_stops_with_a_sentence(
    scripted: ScriptedServer, tmp_path: Path, statement: str
) -> None:
    data = tmp_path / "data"
    async with running_gateway(data, llm_server_url=scripted.url):
        pass
    sql(data, statement)
    given = environment(data, llm_server_url=scripted.url, database_url=databases.url_for(data))
    ran = await run("serve", "--port", "0", env=given)
    assert (ran.code, ran.err.count("\n")) == (1, 1), ran.err
    assert "The database cannot be used" in ran.err


async def test_a_read_only_database_is_not_ready_and_acknowledges_nothing(scripted: ScriptedServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with running_gateway(data, bounds=DOUBTFUL, llm_server_url=scripted.url) as gateway, gateway.client() as client:
        sql(data, READ_ONLY[0].format(name(data)))
        let_go(data)
        answer = await client.call("GET", "/api/health")
        assert answer["ready"] is False
        assert "read-only" in answer["database_detail"]
        with pytest.raises(StorageUnavailable, match="read-only"):
            await client.create_session()
        assert await client.call("GET", "/api/chatbot/sessions") == []
        assert databases.postgresql is not None
        databases.postgresql.sql("postgres", READ_ONLY[1].format(name(data)))
        let_go(data)
        assert (await client.call("GET", "/api/health"))["ready"] is True
        assert await client.create_session()


async def test_a_full_disk_is_told(scripted: ScriptedServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with running_gateway(data, llm_server_url=scripted.url) as gateway, gateway.client() as client:
        async with databases.full(data, gateway.parts.database):
            with pytest.raises(StorageUnavailable, match="disk that holds the database is full"):
                await client.create_session()
        assert await client.create_session()
