"""Who may do what is asked in one place, and of every session, message, stream and template."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from sqlalchemy import join, literal, select, true

import lam.storage
from lam.protocol.chat import Picture
from lam.protocol.parts import Image
from lam.storage import access
from lam.storage.access import ALLOWED, MEANING, Action, Role
from lam.storage.database import Database, UnitOfWork
from lam.storage.schema import media, sessions, users

from .. import databases

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
ROOM: dict[str, Any] = dict.fromkeys(
    ("template_id", "template_version", "system_prompt", "budget", "seconds", "task", "message", "projected_id", "warned_at")
) | {
    "title": "t",
    "models": [],
    "state": "running",
    "locked": False,
    "most": 9,
    "media_mb": 9,
    "expires_at": NOW,
    "created_at": NOW,
}
ACTIONS: tuple[Action, ...] = get_args(Action)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(databases.migrated(tmp_path))
    yield opened
    await opened.close()


def picture(name: str) -> Picture:
    return Picture(sha256="same", id=name, type="image/png", width=1, height=1, size=4)


async def things_of(unit: UnitOfWork, email: str) -> dict[str, int]:
    """A user with a session, a message with a stream and a picture, a folder and a template. Two pictures: one is in no message."""
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
    for name in ("shown", "draft"):
        await unit.media.add(user, picture(f"{name} {email}"), b"data", b"thumb", NOW)
    message = await unit.messages.add(
        parts=(Image(f"shown {email}"),),
        session_id=session.id,
        role="assistant",
        status="complete",
        created_at=NOW,
        stream_id=f"stream of {email}",
    )
    folder = await unit.folders.add(user_id=user, name="f", system_prompt=None, model=None, created_at=NOW)
    template = await unit.templates.add(
        **times, user_id=user, title="t", description=None, content="c", is_active=True, is_public=True, version=1
    )
    return {"user": user, "session": session.id, "message": message, "template": template.id, "folder": folder.id}


def test_every_action_has_its_roles_and_the_owner_may_do_everything() -> None:
    assert set(ALLOWED) == set(ACTIONS)
    assert all("owner" in roles <= set(get_args(Role)) for roles in ALLOWED.values())
    assert set(MEANING) == set(ACTIONS)
    assert {action for action, roles in ALLOWED.items() if "watch" in roles} == {"read", "react", "ask"}
    assert all("steer" in roles for roles in ALLOWED.values() if "watch" in roles), "who steers may do all that who watches may"


async def test_a_stranger_finds_nothing_whatever_the_action_and_the_owner_everything(database: Database) -> None:
    async with database.write() as unit:
        ada = await things_of(unit, "ada@example.org")
        eve = await things_of(unit, "eve@example.org")
    async with database.read() as unit:
        for user, is_owner in ((ada["user"], True), (eve["user"], False), (10_000, False)):
            for name in ("shown ada@example.org", "draft ada@example.org"):
                assert (await unit.media.find(name, user) is not None) is is_owner
            assert bool(await unit.media.pictures(["shown ada@example.org"], owner=user)) is is_owner
        for action in ACTIONS:
            for user, is_owner in ((ada["user"], True), (eve["user"], False), (10_000, False)):
                found = (
                    await unit.sessions.find(ada["session"], user, action),
                    await unit.messages.find(ada["message"], user, action),
                    await unit.messages.by_stream("stream of ada@example.org", user, action),
                    await unit.templates.find(ada["template"], user, action),
                    await unit.folders.find(ada["folder"], user, action),
                )
                assert [one is not None for one in found] == [is_owner] * 5, action
        assert [session.id for session, _ in await unit.sessions.newest(ada["user"])] == [ada["session"]]
        assert [folder.id for folder in await unit.folders.of_user(ada["user"])] == [ada["folder"]]
        assert [template.id for template in await unit.templates.of_user(ada["user"])] == [ada["template"]]
        assert [session_id for session_id, *_ in await unit.sessions.titles(eve["user"])] == [eve["session"]]


async def test_a_member_may_do_what_the_table_allows_the_role(database: Database) -> None:
    async with database.write() as unit:
        ada = await things_of(unit, "ada@example.org")
        eve = await things_of(unit, "eve@example.org")
        bob = await things_of(unit, "bob@example.org")
        await unit.members.add(ada["session"], eve["user"], "steer", NOW)
        await unit.members.add(ada["session"], bob["user"], "watch", NOW)
        await unit.members.add(bob["session"], ada["user"], "watch", NOW)
    async with database.read() as unit:
        for user, role in ((eve["user"], "steer"), (bob["user"], "watch"), (ada["user"], "owner")):
            for action in ACTIONS:
                found = (
                    await unit.sessions.find(ada["session"], user, action),
                    await unit.messages.find(ada["message"], user, action),
                    await unit.messages.by_stream("stream of ada@example.org", user, action),
                )
                assert [one is not None for one in found] == [role in ALLOWED[action]] * 3, (role, action)
                if found[0] is not None:
                    assert found[0].role == role
            assert await unit.members.role(ada["session"], user) == role
        assert await unit.templates.find(ada["template"], eve["user"], "read") is None, "a session's people get nothing else"
        listed = await unit.sessions.newest(bob["user"])
        assert {(session.id, session.role) for session, _ in listed} == {(bob["session"], "owner"), (ada["session"], "watch")}
        assert await unit.sessions.find(bob["session"], eve["user"], "read") is None


async def test_one_question_about_many_readers_is_answered_as_one_about_each(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lam.storage.repositories.members.PAIRS", 7)
    async with database.write() as unit:
        ada, eve, bob, host = [await things_of(unit, f"{name}@example.org") for name in ("ada", "eve", "bob", "host")]
        await unit.members.add(ada["session"], eve["user"], "steer", NOW)
        await unit.members.add(bob["session"], ada["user"], "watch", NOW)
        for shows_others, guests in ((True, ("ann", "ben")), (False, ("cem", "dua"))):
            room = await unit.rooms.add(user_id=host["user"], shows_others=shows_others, **ROOM, code=f"{shows_others}")
            for name in guests:
                guest = await things_of(unit, f"{name}@example.org")
                await unit.sessions.change(guest["session"], room_id=room.id)
    async with database.read() as unit:
        rows = await unit._connection.execute(select(sessions.c.id, users.c.id).select_from(join(sessions, users, true())))
        pairs = [(session, person) for session, person in rows] + [(ada["session"], 10_000), (10_000, ada["user"])]
        each = {pair: await unit.members.role(*pair) for pair in pairs}
        assert set(each.values()) == {None, *get_args(Role)}
        assert await unit.members.readers(pairs) == {pair for pair, role in each.items() if role in ALLOWED["read"]}
        assert await unit.members.readers([]) == set()


async def test_another_persons_sessions_are_listed_in_their_order_and_in_no_folder(database: Database) -> None:
    async with database.write() as unit:
        ada = await things_of(unit, "ada@example.org")
        eve = await things_of(unit, "eve@example.org")
        ids = [ada["session"]]
        for number in range(6):
            owner = ada if number % 2 else eve
            values: dict[str, Any] = dict.fromkeys(("template_id", "template_version", "system_prompt", "model", "leaf_id"))
            added = await unit.sessions.add(
                **values,
                user_id=owner["user"],
                session_key=f"k{number}",
                title=f"t{number}",
                title_pending=False,
                message_count=0,
                unread=False,
                created_at=NOW,
                updated_at=NOW,
                last_used_at=NOW + timedelta(minutes=number + 1),
                folder_id=owner["folder"] if number < 4 else None,
                pinned=number == 2,
            )
            ids.append(added.id)
            if owner is eve:
                await unit.members.add(added.id, ada["user"], "steer", NOW)
    async with database.read() as unit:
        mine = [session.id for session, _ in await unit.sessions.newest(ada["user"])]
        assert mine == ids[::-1]
        paged: list[int] = []
        before = None
        while page := await unit.sessions.newest(ada["user"], limit=2, before=before):
            paged += [session.id for session, _ in page]
            before = (page[-1][0].last_used_at, page[-1][0].id)
        assert paged == mine
        outside = [session.id for session, _ in await unit.sessions.newest(ada["user"], folder="none")]
        assert outside == [one for one in mine if one not in (ids[2], ids[4])]
        assert [session.id for session, _ in await unit.sessions.newest(ada["user"], folder=eve["folder"])] == []
        assert [session.id for session, _ in await unit.sessions.newest(ada["user"], pinned=True)] == []
        assert {folder for _, _, folder in await unit.sessions.titles(ada["user"])} == {ada["folder"], None}


async def test_who_may_read_a_session_sees_the_pictures_in_it_and_no_others(database: Database) -> None:
    async with database.write() as unit:
        await things_of(unit, "ada@example.org")
        eve = await things_of(unit, "eve@example.org")
    holders = {"watch": lambda user: (sessions.c.session_key == "ada@example.org") & (literal(eve["user"]) == user)}
    for user, expected in (
        (eve["user"], {"shown ada@example.org", "shown eve@example.org", "draft eve@example.org"}),
        (10_000, set()),
    ):
        async with database.read() as unit:
            query = select(media.c.id).where(access.media_in_sight(user, holders))
            assert set((await unit._connection.execute(query)).scalars()) == expected


def test_whose_a_row_is_is_asked_nowhere_else() -> None:
    asked = re.compile(
        r"(sessions|folders|media|templates|tokens|requests|generations|lab_\w+)\.c\.user_id\s*(==|!=)(?! *users\.c\.id)"
        r"|\.in_\(.*user_id"
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
