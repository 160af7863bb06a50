"""The pages of the list are read by an index, in its order, on every database."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, text

from lam.storage.database import Database
from lam.storage.schema import sessions

from .. import databases

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
MANY = 5_000
PAGES: dict[str, dict[str, Any]] = {
    "ix_sessions_user_id_last_used_at": {"limit": 50, "pinned": False},
    "ix_sessions_outside": {"limit": 50, "folder": "none", "pinned": False, "before": (NOW - timedelta(hours=1), 700)},
    "ix_sessions_folder_id_last_used_at_id": {"limit": 50, "folder": 1, "pinned": False, "before": (NOW, 1)},
    "ix_sessions_pinned": {"pinned": True},
}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(databases.migrated(tmp_path))
    yield opened
    await opened.close()


async def filled(database: Database) -> int:
    """Two people with many sessions each, a third of them in a folder, few of them pinned."""
    async with database.write() as unit:
        users = [(await unit.users.add(f"{name}@b", None, is_admin=False, now=NOW)).id for name in "ab"]
        common = {"title_pending": False, "message_count": 0, "unread": False, "created_at": NOW, "updated_at": NOW}
        for user in users:
            folder = await unit.folders.add(user_id=user, name="f", system_prompt=None, model=None, created_at=NOW)
            rows = [
                common
                | {"user_id": user, "session_key": f"{user} {number}", "title": f"{number}", "pinned": number % 100 == 0}
                | {"last_used_at": NOW - timedelta(minutes=number), "folder_id": folder.id if number % 3 == 0 else None}
                for number in range(MANY)
            ]
            await unit._connection.execute(insert(sessions), rows)
        await unit._connection.execute(text("ANALYZE"))
    return users[0]


@pytest.mark.parametrize("index", PAGES)
async def test_a_page_is_read_by_its_index_and_sorted_by_nothing_else(index: str, database: Database) -> None:
    user = await filled(database)
    asked: list[tuple[str, Any]] = []

    def keep(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    async with database.read() as unit:
        engine = database._engine.sync_engine
        event.listen(engine, "before_cursor_execute", keep)
        found = await unit.sessions.newest(user, **PAGES[index])
        event.remove(engine, "before_cursor_execute", keep)
        assert 0 < len(found) <= 50
        (statement, parameters), is_sqlite = asked[0], unit._connection.dialect.name == "sqlite"
        explained = await unit._connection.exec_driver_sql(f"EXPLAIN {'QUERY PLAN ' if is_sqlite else ''}{statement}", parameters)
        plan = "\n".join(str(row) for row in explained)
    assert f" {index} " in plan.replace("(", " ( "), plan
    assert "TEMP B-TREE" not in plan, plan
    assert not re.search(r"(?<!Incremental )Sort  \(", plan), plan
    assert not re.search("Seq Scan on (?!messages|members)", plan), plan  # these two are empty here
