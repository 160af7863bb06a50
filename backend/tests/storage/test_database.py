import asyncio
import gc
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy import text as sql
from sqlalchemy.exc import DBAPIError

from lam.chat.sink import Replies
from lam.chat.titles import TitleKind
from lam.errors import ConfigError, Conflict, StorageUnavailable
from lam.generation.checkpoint import checkpoint
from lam.generation.recovery import recover
from lam.generation.run import Run
from lam.protocol.documents import Document
from lam.protocol.events import Chunk, Metadata, Progress, Relabel, SavedEvent, Timings, Usage
from lam.protocol.facts import Facts
from lam.protocol.parts import Image, Text, ToolCall, ToolResult
from lam.protocol.runs import Checkpoint, Lease, OpenRun
from lam.storage.database import Database, migrations
from lam.storage.lock import exclusive
from lam.storage.models import Ending, SentRequest, User
from lam.storage.repositories.messages import TIDY_EVERY
from lam.storage.run_store import RunStore
from lam.storage.schema import metadata
from lam.streams.memory_log import MemoryLog

from .. import databases

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(databases.migrated(tmp_path))
    yield opened
    await opened.close()


A_SESSION = (
    "INSERT INTO users (id, email, is_admin, created_at) VALUES (1, 'a@b', false, '2026-11-01 00:00:00')",
    "INSERT INTO sessions"
    " (id, user_id, session_key, title, title_pending, message_count, unread, created_at, updated_at, last_used_at)"
    " VALUES (1, 1, 'k', 't', false, 0, false, '2026-11-01 00:00:00', '2026-11-01 00:00:00', '2026-11-01 00:00:00')",
)
A_STREAMING_MESSAGE = (
    "INSERT INTO messages (id, session_id, role, content, status, stream_id, created_at)"
    " VALUES (1, 1, 'assistant', '', 'streaming', 's', '2026-11-01 00:00:00')"
)


async def streaming_message(database: Database) -> int:
    async with database.write() as unit:
        user = await unit.users.add("a@b", None, is_admin=False, now=NOW)
        settings: dict[str, Any] = dict.fromkeys(
            ("template_id", "template_version", "system_prompt", "temperature", "top_p", "max_tokens", "model", "leaf_id")
        )
        session = await unit.sessions.add(
            **settings,
            user_id=user.id,
            session_key="k",
            title="t",
            title_pending=False,
            message_count=0,
            unread=False,
            created_at=NOW,
            updated_at=NOW,
            last_used_at=NOW,
        )
        return await unit.messages.add(session_id=session.id, role="assistant", status="streaming", created_at=NOW, stream_id="s")


async def test_the_migrations_make_the_tables_of_the_schema(database: Database) -> None:
    def is_table_of_ours(thing: Any, name: str | None, kind: str, reflected: bool, _other: Any) -> bool:
        """The search index is made by hand in the migration: SQLAlchemy cannot say it."""
        return not (reflected and kind in ("table", "index") and str(name).startswith(("message_search", "ix_message_search")))

    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"include_object": is_table_of_ours})
        return list(compare_metadata(context, metadata))

    async with database._engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_what_an_earlier_version_stored_is_upgraded_with_its_data(database: Database) -> None:
    """Back to the first tables, as a gateway of the first version left them, and forward again."""
    config = migrations()
    template = {"title": "T", "content": "C", "is_active": True, "is_public": False, "user_id": 1}

    def first_version(connection: Connection) -> None:
        config.attributes["connection"] = connection
        for name in (
            "message_search",
            "message_search_pending",
            "template_versions",
            "generations",
            "alembic_version",
            *reversed(metadata.tables),
        ):
            connection.execute(sql(f"DROP TABLE IF EXISTS {name} {'CASCADE' if connection.dialect.name == 'postgresql' else ''}"))
        command.upgrade(config, "0001")
        for statement in (
            "INSERT INTO users (email, is_admin, created_at) VALUES ('a@b', TRUE, '2026-11-01 00:00:00')",
            "INSERT INTO templates (user_id, title, content, is_active, is_public, version, created_at, updated_at)"
            " VALUES (1, 'T', 'C', TRUE, FALSE, 3, '2026-11-01 00:00:00', '2026-11-02 00:00:00')",
            *(
                "INSERT INTO sessions (user_id, session_key, title, message_count, unread, created_at, updated_at, last_used_at)"
                f" VALUES (1, '{title}', '{title}', 1, FALSE, '2026-11-01 00:00:00', '2026-11-01 00:00:00', '2026-11-01 00:00:00')"
                for title in ("New Chat", "Named")
            ),
            "INSERT INTO messages (session_id, role, content, status, created_at)"
            " VALUES (1, 'user', 'a needle', 'complete', '2026-11-01 00:00:00')",
        ):
            connection.execute(sql(statement))

    async with database._connect_to_write() as connection, connection.begin():
        await connection.run_sync(first_version)
    await database.upgrade()
    async with database.read() as unit:
        found = await unit.templates.find(1, 1, "read")
        assert found is not None
        assert {name: getattr(found, name) for name in template} == template
        assert [(version.version, version.content) for version in await unit.templates.versions(1)] == [(3, "C")]
        assert [(await unit.sessions.find(number, 1, "read")).title_pending for number in (1, 2)] == [True, False]  # type: ignore[union-attr]
        assert [message.content for message in await unit.search.messages(1, ["needle"], 9)] == ["a needle"]


async def test_times_come_back_as_they_went_in(database: Database) -> None:
    async with database.write() as unit:
        await unit.users.add("a@b", None, is_admin=False, now=NOW)
    async with database.read() as unit:
        found = await unit.users.by_email("a@b")
    assert found is not None
    assert found.created_at == NOW


async def test_a_unit_of_work_that_fails_changes_nothing(database: Database) -> None:
    async def twice() -> None:
        async with database.write() as unit:
            await unit.users.add("a@b", None, is_admin=False, now=NOW)
            await unit.users.add("a@b", None, is_admin=False, now=NOW)

    with pytest.raises(Conflict):
        await twice()
    async with database.read() as unit:
        assert await unit.users.all() == []


async def open_run(database: Database, owner: str = "one", key: str | None = "session:1") -> OpenRun:
    """A run that a gateway has begun, of the only user."""
    run = OpenRun(id="stream", kind="reply", key=key, user_id=1, owner=owner)
    async with database.write() as unit:
        await unit.runs.add(run, NOW)
    return run


async def test_it_closes_after_a_unit_of_work_that_was_cancelled_just_before(tmp_path: Path) -> None:
    database = Database(databases.migrated(tmp_path))
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def work(database: Database) -> None:
        async with database.read() as unit:
            await unit.try_out()
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                await may_end.wait()  # as a handler that unwinds while the web server has given it up

    task = asyncio.create_task(work(database))
    await begun.wait()
    task.cancel()
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0.05)  # Time itself: nothing else tells that it would have closed by now
    assert not closing.done()
    may_end.set()
    await closing
    with pytest.raises(asyncio.CancelledError):
        await task
    del database, task, closing
    gc.collect()  # a connection that stayed open complains now


async def test_a_message_ends_once(database: Database) -> None:
    message = await streaming_message(database)
    async with database.write() as unit:
        assert await unit.messages.finish(message, Ending(status="complete", parts=(Text("Once upon"),)), NOW)
        assert not await unit.messages.finish(message, Ending(status="cancelled", parts=(Text("Once"),)), NOW)
    async with database.read() as unit:
        stored = await unit.messages.by_id(message)
    assert stored is not None
    assert (stored.status, stored.content) == ("complete", "Once upon")


async def test_checkpoints_go_with_their_run_and_no_late_one_comes_after(database: Database) -> None:
    await streaming_message(database)
    run = await open_run(database)
    events: list[Any] = [Chunk("Once"), Relabel("thinking"), Chunk("Yes")]
    async with database.write() as unit:
        await unit.runs.checkpoint(
            [
                Checkpoint(lease=run.lease, since=2, number=3, events=events[:2]),
                Checkpoint(lease=Lease("unknown", "one"), since=8, number=9, events=[Chunk("x")]),
            ]
        )
        await unit.runs.checkpoint([Checkpoint(lease=run.lease, since=3, number=4, events=events[2:])])
        assert await unit.runs.progress(run.id) == events
    async with database.write() as unit:
        assert await unit.runs.close(run.lease)
        assert not await unit.runs.close(run.lease)
        await unit.runs.checkpoint([Checkpoint(lease=run.lease, since=8, number=9, events=[Chunk("late")])])
        assert await unit.runs.progress(run.id) == []


async def test_what_an_owner_writes_counts_only_until_another_takes_the_run_over(database: Database) -> None:
    await streaming_message(database)
    run = await open_run(database)
    store = RunStore(database)
    await store.checkpoint([Checkpoint(lease=run.lease, since=0, number=1, events=[Chunk("Once")])])
    (taken,) = await store.take_over("two")
    assert (taken.owner, taken.epoch, taken.attempts) == ("two", 2, 2)
    await store.checkpoint([Checkpoint(lease=run.lease, since=1, number=2, events=[Chunk("woken")])])
    await store.checkpoint([Checkpoint(lease=taken.lease, since=1, number=2, events=[Chunk(" upon")])])
    assert await store.progress(run.id) == [Chunk("Once"), Chunk(" upon")]
    async with database.write() as unit:
        assert not await unit.runs.close(run.lease)
        assert not await unit.runs.close(Lease(run.id, "two", 1))
        assert await unit.runs.close(taken.lease)


async def test_a_checkpoint_whose_answer_was_lost_counts_once(database: Database) -> None:
    await streaming_message(database)
    run = await open_run(database)
    store = RunStore(database)
    await store.checkpoint([Checkpoint(lease=run.lease, since=1, number=4, events=[Chunk("Once")])])
    await store.checkpoint([Checkpoint(lease=run.lease, since=4, number=6, events=[Chunk(" upon")])])
    await store.checkpoint([Checkpoint(lease=run.lease, since=4, number=9, events=[Chunk(" upon a time")])])
    assert await store.progress(run.id) == [Chunk("Once"), Chunk(" upon a time")]


async def test_what_cannot_be_read_of_a_run_keeps_no_other_from_being_recovered(database: Database) -> None:
    message = await streaming_message(database)
    await open_run(database)
    async with database.write() as unit:
        await unit._connection.execute(sql("UPDATE runs SET id = 's'"))
        for name, kind in (("odd", "title"), ("unknown", "from-tomorrow")):
            run = OpenRun(id=name, kind=kind, key=None, user_id=1, owner="one", request=b'{"of": "tomorrow"}')
            await unit.runs.add(run, NOW)
        events = '[{"type":"chunk","content":"Once"},{"type":"hologram","of":"tomorrow"}]'
        await unit._connection.execute(
            sql("INSERT INTO checkpoints (run_id, since, number, events) VALUES ('s', 0, 2, :e)"), {"e": events}
        )
    assert await recover(RunStore(database), [Replies(database), TitleKind(database)], "two") == 3
    async with database.write() as unit:
        assert await unit.runs.take_over("three") == []
        stored = await unit.messages.by_id(message)
    assert stored is not None
    assert (stored.status, stored.content) == ("interrupted", "Once")


async def test_a_key_has_one_open_run(database: Database) -> None:
    await streaming_message(database)
    await open_run(database)

    async def second() -> None:
        async with database.write() as unit:
            await unit.runs.add(OpenRun(id="other", kind="reply", key="session:1", user_id=1, owner="one"), NOW)

    with pytest.raises(Conflict):
        await second()
    async with database.write() as unit:
        for name in ("a", "b"):  # what has no key may run as often as it likes
            await unit.runs.add(OpenRun(id=name, kind="title", key=None, user_id=1, owner="one"), NOW)


async def test_what_cannot_be_stored_is_a_mistake_and_not_an_absence(database: Database) -> None:
    async def add(email: Any) -> None:
        async with database.write() as unit:
            await unit.users.add(email, None, is_admin=False, now=NOW)

    with pytest.raises(DBAPIError):
        await add(object() if databases.postgresql is None else "nul\0")
    await add("a@b")


async def test_a_long_conversation_can_be_walked_and_deleted(database: Database) -> None:
    await streaming_message(database)
    async with database.write() as unit:
        parent = None
        for number in range(2000):
            parent = await unit.messages.add(
                session_id=1, role="user", parts=(Text(str(number)),), status="complete", created_at=NOW, parent_id=parent
            )
    async with database.read() as unit:
        path = await unit.messages.path(parent)
        assert [message.content for message in path] == [str(number) for number in range(2000)]
        assert await unit.messages.path(parent, 3) == path[-3:]
    async with database.write() as unit:
        await unit.sessions.delete(1)
    async with database.read() as unit:
        assert await unit.messages.path(parent) == []


async def test_a_users_request_ids_are_remembered_up_to_a_bound(database: Database) -> None:
    await streaming_message(database)
    async with database.write() as unit:
        ada = (await unit.users.add("ada@example.org", None, is_admin=False, now=NOW)).id
        await unit.requests.add(ada, "ada's", SentRequest(1, "h", "s"), NOW, most=5)
        for number in range(TIDY_EVERY):
            await unit.requests.add(1, f"id {number}", SentRequest(1, "h", "s"), NOW, most=5)
    async with database.read() as unit:
        kept = [number for number in range(TIDY_EVERY) if await unit.requests.find(1, f"id {number}", NOW)]
        assert 5 <= len(kept) < TIDY_EVERY
        assert kept == list(range(TIDY_EVERY - len(kept), TIDY_EVERY)), "the newest"
        assert await unit.requests.find(ada, "ada's", NOW), "of another user"


async def test_writers_take_turns_with_a_pool_of_one(tmp_path: Path) -> None:
    database = Database(databases.url_for(tmp_path), pool_size=1)
    await database.upgrade()

    async def add(number: int) -> None:
        async with database.write() as unit:
            await unit.users.add(f"{number}@b", None, is_admin=False, now=NOW)

    await asyncio.gather(*(add(number) for number in range(50)))
    async with database.read() as unit:
        assert len(await unit.users.all()) == 50
    await database.close()


async def test_a_locked_database_is_unavailable_for_writers_and_serves_readers(tmp_path: Path) -> None:
    database = Database(databases.url_for(tmp_path), lock_seconds=0.1)
    await database.upgrade()

    async def add() -> None:
        async with database.write() as unit:
            await unit.users.add("a@b", None, is_admin=False, now=NOW)

    with databases.locked(tmp_path):
        with pytest.raises(StorageUnavailable):
            await add()
        async with database.read() as unit:
            assert await unit.users.all() == []
    await add()
    await database.close()


async def test_checkpoints_that_could_not_be_saved_are_not_forgotten(database: Database) -> None:
    await streaming_message(database)
    record = await open_run(database)
    log = MemoryLog()
    run = Run(record, None, log, detach_seconds=3600)  # type: ignore[arg-type]  # nobody ends it
    run.open([Metadata(1, 1, "k")])
    run.write([Chunk("text")])
    closed = Database("sqlite+aiosqlite:////nowhere/at/all.db")
    with pytest.raises(StorageUnavailable):
        await checkpoint(RunStore(closed), [run])
    store = RunStore(database)
    for _ in range(2):
        await checkpoint(store, [run])
    assert await store.progress(run.id) == [Chunk("text")]


@pytest.mark.sqlite
async def test_a_file_that_is_not_ours_stops_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is not a database, and it is long enough to be sure of that" * 20)
    newer = sqlite3.connect(tmp_path / "newer.db")
    newer.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    newer.execute("INSERT INTO alembic_version VALUES ('9999')")
    newer.commit()
    newer.close()
    for name, words in (("text.db", "cannot be used"), ("newer.db", "newer version")):
        database = Database(f"sqlite+aiosqlite:///{tmp_path / name}")
        with pytest.raises(ConfigError, match=words):
            await database.upgrade()
        await database.close()


async def test_only_one_gateway_holds_the_lock(tmp_path: Path) -> None:
    url = databases.url_for(tmp_path)

    async def second() -> None:
        async with exclusive(url, wait_seconds=0.2):
            pass

    async with exclusive(url):
        with pytest.raises(ConfigError, match="Another gateway"):
            await second()
    await second()


async def test_checkpoints_of_the_first_release_are_kept(tmp_path: Path) -> None:
    """A gateway of that release died in mid-reply; the next one to start is of this release."""
    database = Database(databases.url_for(tmp_path, empty=True))

    def first_release(connection: Connection) -> None:
        config = migrations()
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")

    async with database._connect_to_write() as connection, connection.begin():
        await connection.run_sync(first_release)
    async with database._connect_to_write() as connection, connection.begin():
        for statement in (*A_SESSION, A_STREAMING_MESSAGE):
            await connection.execute(sql(statement))
        for number, (content, thinking) in enumerate([("", "hm, "), ("Once", "yes"), (" upon \U0001f642", "")]):
            row = {"id": 1, "number": number, "content": content, "thinking": thinking}
            insert = "INSERT INTO checkpoints (message_id, number, content, thinking) VALUES (:id, :number, :content, :thinking)"
            await connection.execute(sql(insert), row)
    await database.upgrade()
    assert await recover(RunStore(database), [Replies(database)], "two") == 1
    async with database.read() as unit:
        stored = await unit.messages.by_id(1)
    assert stored is not None
    assert (stored.status, stored.content, stored.thinking) == ("interrupted", "Once upon \U0001f642", "hm, yes")
    await database.close()


async def test_messages_of_the_first_release_have_parts_and_facts(tmp_path: Path) -> None:
    """As that release stored them: documents in the text, tool calls in the metadata."""
    mark = '<document name="a.txt" characters="1">\nx\n</document>\n\n'
    call = '{"id": "c", "name": "look", "arguments": "{}"}'
    add = (
        "INSERT INTO messages (session_id, role, content, status, metadata, usage, timings, error, created_at)"
        " VALUES (1, :role, :content, :status, :metadata, :usage, :timings, :error, '2026-11-01 00:00:00')"
    )
    known = dict.fromkeys(("metadata", "usage", "timings", "error"))
    rows: list[dict[str, Any]] = [
        {"role": "user", "content": mark + "What?", "status": "complete"},
        {"role": "assistant", "content": mark + "What?", "status": "failed"}
        | {"metadata": f'{{"mode": "sse", "model": "m", "simulated": null, "finish_reason": null, "tool_calls": [{call}]}}'}
        | {"error": '{"code": "context_exceeded", "message": "Too long.", "retryable": false, "limit": 7}'},
        {"role": "assistant", "content": "Hi", "status": "complete"}
        | {"metadata": '{"mode": "sse", "model": "m", "simulated": false, "finish_reason": "stop"}'}
        | {"usage": '{"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "cached_tokens": null, "estimated": true}'}
        | {"timings": '{"queued_ms": 0, "first_token_ms": null, "total_ms": 5, "tokens_per_second": 3.5}'},
    ]
    database = Database(databases.url_for(tmp_path, empty=True))

    def first_release(connection: Connection) -> None:
        config = migrations()
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        for statement in A_SESSION:
            connection.execute(sql(statement))
        for row in rows:
            connection.execute(sql(add), known | row)

    async with database._connect_to_write() as connection, connection.begin():
        await connection.run_sync(first_release)
    await database.upgrade()
    async with database.read() as unit:
        asked, failed, answered = await unit.messages.all(1)
    await database.close()
    assert asked.parts == (Document("a.txt", "x"), Text("What?"))
    assert failed.parts == (Text(mark + "What?"), ToolCall("c", "look", "{}"))
    assert failed.facts.failure is not None
    assert (failed.facts.failure.code, failed.facts.failure.limit) == ("context_exceeded", 7)
    assert (failed.metadata or {})["tool_calls"] == [{"id": "c", "name": "look", "arguments": "{}"}]
    assert (answered.facts.usage, answered.facts.timings) == (Usage(1, 2, 3, estimated=True), Timings(0, None, 5, 3.5))
    assert answered.metadata == {"mode": "sse", "model": "m", "simulated": False, "finish_reason": "stop"}


async def test_parts_and_facts_come_back_as_they_went_in(database: Database) -> None:
    await streaming_message(database)
    facts = Facts(mode="mqtt", server="s", model="m", finish_reason="tool_calls", usage=Usage(1, 2, 3), other={"later": [1]})
    stored = {
        "user": (Document('a "b".txt', "x"), Image("m1", 3, None), Text("<document>")),
        "assistant": (Text("Look"), ToolCall("c", "look", '{"at": "\u2028'), ToolResult("c", "a cat")),
    }
    async with database.write() as unit:
        ids = [
            await unit.messages.add(parts, facts, session_id=1, role=role, status="complete", created_at=NOW)
            for role, parts in stored.items()
        ]
        rows = [{"parts": parts, "facts": facts, "role": role, "session_id": 1} for role, parts in stored.items()]
        ids += await unit.messages.add_tree(
            [row | {"status": "complete", "created_at": NOW} for row in rows], [None, 0], [None, None]
        )
        assert await unit.messages.finish(1, Ending(status="complete", parts=stored["assistant"], facts=facts), NOW)
    async with database.read() as unit:
        found = [await unit.messages.by_id(message) for message in (*ids, 1)]
    expected = [*stored.values(), *stored.values(), stored["assistant"]]
    assert [(message.parts, message.facts) for message in found if message] == [(parts, facts) for parts in expected]


async def test_a_run_says_how_far_its_checkpoints_reach_and_how_old_they_are(database: Database) -> None:
    await streaming_message(database)
    run = await open_run(database)
    store = RunStore(database)
    begun = await store.reached(run.id)
    assert (begun.number, begun.pieces, begun.events) == (0, 0, [])
    places: list[SavedEvent] = [Progress("recovering", reason="interrupted"), Chunk(" upon")]
    await store.checkpoint([Checkpoint(lease=run.lease, since=1, number=4, events=[Chunk("Once")], pieces=3)])
    await store.checkpoint([Checkpoint(lease=run.lease, since=4, number=6, events=places, pieces=1)])
    reached = await store.reached(run.id)
    assert (reached.number, reached.pieces, reached.events) == (6, 4, [Chunk("Once"), *places])
    assert 0 <= reached.seconds < 60
    assert begun.seconds > reached.seconds  # it began long ago, by the clock of the test


async def test_an_account_that_several_make_sure_of_at_once_is_one(database: Database) -> None:
    async def ensure() -> User:
        async with database.write() as unit:
            return await unit.users.ensure("local", is_admin=True, now=NOW)

    found = await asyncio.gather(*(ensure() for _ in range(8)))
    assert found == [found[0]] * 8
    async with database.read() as unit:
        assert await unit.users.all() == found[:1]
