"""Who may do what is asked in one place, and of every session, message, stream and template."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from sqlalchemy import literal, select

import lam.storage
from lam.storage import access
from lam.storage.access import ALLOWED, Action, Role
from lam.storage.database import Database, UnitOfWork
from lam.storage.schema import sessions

from .. import databases

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
ACTIONS: tuple[Action, ...] = get_args(Action)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(databases.migrated(tmp_path))
    yield opened
    await opened.close()


async def things_of(unit: UnitOfWork, email: str) -> dict[str, int]:
    """A user with a session, a message with a stream, and a template."""
    user = (await unit.users.add(email, None, is_admin=False, now=NOW)).id
    empty: dict[str, Any] = dict.fromkeys(("template_id", "template_version", "system_prompt", "model", "leaf_id"))
    times = {"created_at": NOW, "updated_at": NOW}
    session = await unit.sessions.add(
        **empty,
        **times,
        user_id=user,
        session_key=email,
        title="t",
        title_pending=False,
        message_count=0,
        unread=False,
        last_used_at=NOW,
    )
    message = await unit.messages.add(
        session_id=session.id, role="assistant", content="secret", status="complete", created_at=NOW, stream_id=f"stream of {email}"
    )
    template = await unit.templates.add(
        **times, user_id=user, title="t", description=None, content="c", is_active=True, is_public=True, version=1
    )
    return {"user": user, "session": session.id, "message": message, "template": template.id}


def test_every_action_has_its_roles_and_the_owner_may_do_everything() -> None:
    assert set(ALLOWED) == set(ACTIONS)
    assert all("owner" in roles <= set(get_args(Role)) for roles in ALLOWED.values())
    assert "watch" in ALLOWED["read"]
    assert not any("watch" in roles for action, roles in ALLOWED.items() if action != "read")


async def test_a_stranger_finds_nothing_whatever_the_action_and_the_owner_everything(database: Database) -> None:
    async with database.write() as unit:
        ada = await things_of(unit, "ada@example.org")
        eve = await things_of(unit, "eve@example.org")
    async with database.read() as unit:
        for action in ACTIONS:
            for user, is_owner in ((ada["user"], True), (eve["user"], False), (10_000, False)):
                found = (
                    await unit.sessions.find(ada["session"], user, action),
                    await unit.messages.find(ada["message"], user, action),
                    await unit.messages.by_stream("stream of ada@example.org", user, action),
                    await unit.templates.find(ada["template"], user, action),
                )
                assert [one is not None for one in found] == [is_owner] * 4, action
        assert [session.id for session, _ in await unit.sessions.newest(ada["user"])] == [ada["session"]]
        assert [template.id for template in await unit.templates.of_user(ada["user"])] == [ada["template"]]
        assert [session_id for session_id, _ in await unit.sessions.titles(eve["user"])] == [eve["session"]]


async def test_a_member_may_do_what_the_table_allows_the_role(database: Database) -> None:
    """With a holder for a role, as a table of members will give one, nothing but the table decides."""
    async with database.write() as unit:
        ada = await things_of(unit, "ada@example.org")
        eve = await things_of(unit, "eve@example.org")
    for role in ("steer", "watch"):
        holders = access.IN_SESSION | {role: lambda user: literal(eve["user"]) == user}
        for action in ACTIONS:
            query = select(sessions.c.id).where(access.role_condition(action, eve["user"], holders))
            async with database.read() as unit:
                ids = set((await unit._connection.execute(query)).scalars())
            assert (ada["session"] in ids) is (role in ALLOWED[action]), (role, action)


def test_whose_a_row_is_is_asked_nowhere_else() -> None:
    asked = re.compile(
        r"(sessions|templates|tokens|requests|generations|lab_\w+)\.c\.user_id\s*(==|!=)(?! *users\.c\.id)|\.in_\(.*user_id"
    )
    home = Path(lam.storage.__file__).parent
    found = [
        f"{path.name}: {line}"
        for path in sorted(home.rglob("*.py"))
        for line in path.read_text().splitlines()
        if asked.search(line)
    ]
    assert [line for line in found if not line.startswith("access.py")] == []
    assert found, "the pattern finds what it looks for"
