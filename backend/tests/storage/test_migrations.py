"""Expand, then contract: gateways of the last release go on while a newer one changes the database (docs/guides/scaling.md)."""

import asyncio
import io
import re
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import lam.storage.migrations
from lam.errors import ConfigError
from lam.protocol.events import Done, Metadata
from lam.storage.database import Database
from lam.testing.server import Reply, ScriptedServer

from .. import databases
from ..redis_server import RedisServer
from ..running import collect, raw_stream
from ..several import running_gateways

MIGRATIONS = Path(lam.storage.migrations.__file__).parent
FIRST_BESIDE = 20
"""The first migration that may run while an older gateway does: before it, one gateway had the database for itself."""
ADDITIONS = (
    r"CREATE TABLE \w+ \(",
    r"CREATE (UNIQUE )?INDEX \w+ ON \w+",
    r"ALTER TABLE \w+ ADD COLUMN \w+ (?!.*NOT NULL)",
    r"ALTER TABLE \w+ ADD COLUMN \w+ .*DEFAULT .*NOT NULL",
)


NEWER = (
    "CREATE TABLE moods (id integer PRIMARY KEY, mood text NOT NULL)",
    *(f"ALTER TABLE {name} ADD COLUMN mood text" for name in ("users", "tokens", "sessions", "messages", "checkpoints")),
    *(f"ALTER TABLE {name} ADD COLUMN mood text NOT NULL DEFAULT 'good'" for name in ("runs", "generations", "gateways")),
    "CREATE INDEX ix_messages_mood ON messages (mood)",
    "UPDATE alembic_version SET version_num = '9999'",
)


def statements(revision: str) -> list[str]:
    """What a migration executes on PostgreSQL."""
    written = io.StringIO()
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    context = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True, "output_buffer": written})
    with Operations.context(context):
        ScriptDirectory.from_config(config).get_revision(revision).module.upgrade()
    return [" ".join(one.split()) for one in written.getvalue().split(";") if one.strip()]


def numbers() -> list[str]:
    names = [path.name[:4] for path in MIGRATIONS.glob("versions/[0-9]*.py")]
    return sorted(name for name in names if int(name) >= FIRST_BESIDE)


@pytest.mark.sqlite
@pytest.mark.parametrize("revision", numbers())
def test_a_migration_only_adds(revision: str) -> None:
    for statement in statements(revision):
        assert any(re.match(one, statement) for one in ADDITIONS), f"an older gateway may not survive: {statement}"


@pytest.mark.parametrize(
    ("statement", "adds"),
    [
        ("CREATE TABLE moods (id INTEGER NOT NULL, PRIMARY KEY (id))", True),
        ("ALTER TABLE runs ADD COLUMN mood VARCHAR(8)", True),
        ("ALTER TABLE runs ADD COLUMN mood VARCHAR(8) DEFAULT 'good' NOT NULL", True),
        ("ALTER TABLE runs ADD COLUMN mood VARCHAR(8) NOT NULL", False),
        ("ALTER TABLE runs DROP COLUMN request", False),
        ("ALTER TABLE runs RENAME request TO asked", False),
        ("ALTER TABLE runs ALTER COLUMN kind SET NOT NULL", False),
        ("DROP TABLE checkpoints", False),
    ],
)
@pytest.mark.sqlite
def test_the_rule_tells_what_adds_from_what_takes_away(statement: str, adds: bool) -> None:
    assert any(re.match(one, statement) for one in ADDITIONS) is adds


@pytest.mark.live
@pytest.mark.postgresql
async def test_gateways_go_on_while_a_newer_release_adds_to_their_tables(
    scripted: ScriptedServer, redis: RedisServer, tmp_path: Path
) -> None:
    assert databases.postgresql is not None
    url = databases.url_for(tmp_path)
    scripted.reply = Reply(("An", " answer"), hold=True)
    async with running_gateways(2, tmp_path, redis, llm_server_url=scripted.url) as (here, there):
        async with here.client() as client, there.client() as other:
            session = (await client.create_session())["id"]
            async with raw_stream(client, session) as stream:
                await stream.until(Metadata)
                for statement in NEWER:
                    databases.postgresql.sql(url.rpartition("/")[2], statement)
                scripted.step(2)
                assert isinstance((await stream.rest())[-1], Done)
            scripted.reply = Reply(("Yes",))
            assert isinstance((await collect(other, (await other.create_session())["id"]))[-1], Done)
            messages = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
            assert [one["content"] for one in messages] == ["Hello", "An answer"]
            assert (await other.call("GET", "/api/health"))["database"] == "ready"
    database = Database(url)
    with pytest.raises(ConfigError, match="newer version"):
        await database.upgrade()
    await database.close()


@pytest.mark.live
@pytest.mark.postgresql
async def test_gateways_that_start_at_once_migrate_one_after_the_other(tmp_path: Path) -> None:
    url = databases.url_for(tmp_path, empty=True)
    starting = [Database(url) for _ in range(4)]
    try:
        await asyncio.gather(*(one.upgrade() for one in starting))
        assert await asyncio.gather(*(one.pending() for one in starting)) == [0] * 4
    finally:
        for one in starting:
            await one.close()
