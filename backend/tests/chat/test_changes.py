"""A person's changes: numbered, kept for those who come back soon, told to nobody else."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import ExitStack
from typing import Any

import pytest

from lam.chat.changes import KEEP_CHANGES, KEEP_SECONDS, RELOADS, Changes, Described
from lam.storage.access import Role

PEOPLE: dict[int, dict[int, Role]] = {1: {10: "owner"}, 2: {10: "owner"}, 3: {30: "owner"}, 4: {10: "owner", 30: "watch"}}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Describer:
    """Sessions with an owner each; the first `failures` questions are not answered."""

    def __init__(self) -> None:
        self.failures = 0
        self.meanwhile: Callable[[], None] | None = None
        self.asked: list[set[int]] = []

    async def __call__(self, session_ids: Collection[int]) -> list[Described]:
        self.asked.append(set(session_ids))
        if self.failures:
            self.failures -= 1
            raise OSError("the database is away")
        if (meanwhile := self.meanwhile) is not None:
            self.meanwhile = None
            meanwhile()
        return [Described(one, PEOPLE[one], lambda role, one=one: said(one, role)) for one in sorted(session_ids) if one in PEOPLE]


def said(session_id: int, role: Role) -> dict[str, Any]:
    return {"id": session_id} | ({} if role == "owner" else {"role": role})


async def people(session_ids: Collection[int]) -> dict[int, dict[int, Role]]:
    return {one: PEOPLE[one] for one in session_ids if one in PEOPLE}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def describer() -> Describer:
    return Describer()


@pytest.fixture
async def changes(clock: Clock, describer: Describer) -> AsyncIterator[Changes]:
    async with Changes(describer, people, clock=clock) as changes:
        yield changes


async def test_a_session_that_is_touched_is_described_to_its_owner_alone(changes: Changes) -> None:
    with changes.reading(10) as mine, changes.reading(30) as theirs:
        heard = asyncio.Event()
        mine.listen(heard.set)
        changes.sessions_touched({1: False}, {})
        await asyncio.wait_for(heard.wait(), 60)
        assert [change.event for change in mine.since(0)] == [{"type": "session", "session": {"id": 1}}]
        assert theirs.since(0) == []


async def test_changes_of_one_session_in_a_moment_are_one(changes: Changes, describer: Describer) -> None:
    with changes.reading(10) as feed:
        heard = asyncio.Event()
        feed.listen(heard.set)
        for messages in (False, True, False):
            changes.sessions_touched({1: messages, 2: False}, {})
        await asyncio.wait_for(heard.wait(), 60)
        assert [change.stream for change in feed.since(0)] == ["sessions", "session", "sessions"]
        assert describer.asked == [{1, 2}]


async def test_a_database_that_is_away_delays_changes_and_loses_none(changes: Changes, describer: Describer) -> None:
    describer.failures = 2
    with changes.reading(10) as feed:
        heard = asyncio.Event()
        feed.listen(heard.set)
        changes.sessions_touched({1: True}, {})
        await asyncio.wait_for(heard.wait(), 60)
        assert [change.event["type"] for change in feed.since(0)] == ["session", "messages"]


@pytest.mark.parametrize("leaves", ["the session", "the person"])
async def test_what_is_gone_while_it_is_described_does_not_come_back(changes: Changes, describer: Describer, leaves: str) -> None:
    def gone() -> None:
        if leaves == "the session":
            changes.sessions_touched({}, {4: [10, 30]})
            monkey.delitem(PEOPLE, 4)
        else:
            changes.person_removed(4, 30)
            monkey.setitem(PEOPLE, 4, {10: "owner"})

    describer.meanwhile = gone
    with pytest.MonkeyPatch.context() as monkey, changes.reading(30) as feed:
        described = len(describer.asked) + 2
        changes.sessions_touched({4: True}, {})
        while len(describer.asked) < described:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0)
        assert feed.since(0)[-1].event == {"type": "deleted", "session_id": 4}


async def test_nothing_is_described_while_nobody_is_connected(changes: Changes, describer: Describer) -> None:
    changes.sessions_touched({3: True}, {})
    with changes.reading(10) as feed:
        heard = asyncio.Event()
        feed.listen(heard.set)
        changes.sessions_touched({1: False}, {2: [10]})
        assert [change.event["type"] for change in feed.since(0)] == ["deleted"]
        heard.clear()
        await asyncio.wait_for(heard.wait(), 60)
        assert describer.asked == [{1}]


async def test_whoever_comes_back_soon_goes_on_where_it_was_and_later_not(changes: Changes, clock: Clock) -> None:
    with changes.reading(10):
        number = changes.last
    changes.sessions_touched({}, {2: [10]})
    clock.now = KEEP_SECONDS - 1
    assert changes.knows(10, number)
    with changes.reading(10) as feed:
        assert len(feed.since(number)) == 1
    clock.now += KEEP_SECONDS
    assert not changes.knows(10, number)
    with changes.reading(10) as feed:
        assert feed.since(0) == []
        assert not changes.knows(10, number)
        assert changes.knows(10, changes.last)


async def test_of_very_many_changes_the_oldest_go_and_whoever_lacks_them_is_not_known(changes: Changes) -> None:
    with changes.reading(10) as feed:
        for session in range(KEEP_CHANGES + 10):
            changes.sessions_touched({}, {session: [10]})
        assert len(feed.since(0)) == KEEP_CHANGES
        assert not changes.knows(10, 9)
        assert changes.knows(10, 10)
        assert not changes.knows(10, changes.last + 1)


async def test_no_session_is_told_as_it_was_before_its_folder_was_deleted(changes: Changes, describer: Describer) -> None:
    describer.meanwhile = lambda: changes.list_changed(10, {"type": "folder_deleted", "folder_id": 7})
    with changes.reading(10) as mine:
        told = asyncio.Event()
        mine.listen(lambda: told.set() if len(mine.since(0)) == 2 else None)
        changes.sessions_touched({1: False}, {})
        await asyncio.wait_for(told.wait(), 60)
        assert [change.event["type"] for change in mine.since(0)] == ["folder_deleted", "session"]
    assert describer.asked == [{1}, {1}]


async def test_not_all_people_load_anew_in_the_same_moment_after_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio.get_running_loop(), "call_later", lambda after, *call: later.append((after, call)))
    later = list[tuple[float, Any]]()
    changes = Changes(Describer(), people)
    with ExitStack() as reading:
        for person in range(2 * RELOADS + 1):
            reading.enter_context(changes.reading(person))
        changes.missed()
        delays = [after for after, _ in later]
        assert len(delays) == 2 * RELOADS + 1
        assert max(delays) <= 2
        assert max(delays) - min(delays) > 1
        assert changes.knows(1, 0)
        for _, (forget, feed) in later:
            forget(feed)
        assert not changes.knows(1, 0)
        assert changes.knows(1, changes.last)
