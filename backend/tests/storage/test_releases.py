"""A real database of the first release, made with its code by `releases/make.py`: all of it is there after the migrations."""

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lam.errors import ConfigError
from lam.storage.database import Database

from ..running import running_gateway

FIRST = Path(__file__).parent / "releases" / "first.db.gz"
FIRST_REVISION = "0003"

pytestmark = pytest.mark.sqlite


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    (folder / "lam.db").write_bytes(gzip.decompress(FIRST.read_bytes()))
    return folder


def rows(file: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchall()


async def test_everything_is_there_and_works_after_the_migrations(data: Path) -> None:
    before = rows(data / "lam.db", "SELECT id, role, content, status, thinking, metadata FROM messages ORDER BY id")
    async with running_gateway(data) as gateway, gateway.client() as client:
        listed = await client.call("GET", "/api/chatbot/sessions")
        assert {session["title"] for session in listed} >= {"Stories"}
        stories = next(session for session in listed if session["title"] == "Stories")
        assert (stories["system_prompt"], stories["temperature"], stories["max_tokens"]) == ("Tell stories.", 0.5, 99)
        messages = await client.call("GET", f"/api/chatbot/sessions/{stories['id']}/messages")
        assert [message["content"] for message in messages] == [content for _, _, content, *_ in before[:4]]
        assert messages[1]["thinking"] == "hm"
        assert [part["type"] for part in messages[2]["parts"]] == ["document", "text"]
        other = next(session for session in listed if session["id"] != stories["id"])
        messages = await client.call("GET", f"/api/chatbot/sessions/{other['id']}/messages")
        assert [message["status"] for message in messages] == ["complete"] * 3 + ["failed", "complete", "cancelled"]
        assert [part["type"] for part in messages[0]["parts"]] == ["text"], "what only looks like a document is text"
        assert messages[0]["content"] == before[4][2]
        assert messages[1]["metadata"] == json.loads(before[5][5])
        found = await client.call("GET", "/api/chatbot/search?q=Sales")
        assert json.dumps(found).count("Sales") >= 1
        usage = await client.call("GET", "/api/usage")
        assert usage["total"]["generations"] == 5
        replay = [event async for _, event in client.follow(messages[5]["stream_id"])]
        assert getattr(replay[-1], "full_content", None) == "ab"
        async with await _login(gateway.url, "grace@example.org") as grace:
            (session,) = await grace.call("GET", "/api/chatbot/sessions")
            assert session["last_message_preview"] == "日本語の答え"
    after = rows(data / "lam.db", "SELECT id, role, content, status, thinking, metadata FROM messages ORDER BY id")
    assert [row[:5] for row in after] == [row[:5] for row in before]


async def _login(url: str, email: str) -> Any:
    from lam.client.client import Client

    async with Client(url) as nobody:
        login = await nobody.call("POST", "/api/auth/login", {"email": email, "password": "correct horse"})
    return Client(url, login["access_token"])


async def test_the_database_is_kept_as_it_was(data: Path) -> None:
    before = rows(data / "lam.db", "SELECT * FROM messages ORDER BY id")
    database = Database(f"sqlite+aiosqlite:///{data / 'lam.db'}")
    await database.upgrade()
    await database.upgrade()
    await database.close()
    copy = data / f"lam-{FIRST_REVISION}.db"
    assert rows(copy, "SELECT * FROM messages ORDER BY id") == before
    assert rows(copy, "SELECT version_num FROM alembic_version") == [(FIRST_REVISION,)]
    assert copy.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in data.glob("lam-*.db")) == [copy.name]


async def test_without_room_for_the_copy_nothing_is_changed(data: Path) -> None:
    (data / f"lam-{FIRST_REVISION}.db").mkdir()  # nothing can be written there
    database = Database(f"sqlite+aiosqlite:///{data / 'lam.db'}")
    with pytest.raises(ConfigError, match="no copy"):
        await database.upgrade()
    await database.close()
    assert rows(data / "lam.db", "SELECT version_num FROM alembic_version") == [(FIRST_REVISION,)]


async def test_a_new_database_needs_no_copy(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'lam.db'}")
    await database.upgrade()
    await database.close()
    assert list(tmp_path.glob("lam-*.db")) == []
