"""A feed of numbered changes for each person who is connected, or was until a moment ago.

It owns the feeds and the task that describes changed sessions. It must not know how sessions are stored, nor who reads a feed:
storage and runs report changed sessions, and `describe` returns their present state.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Literal, Self

from msgspec import Struct

from lam.background import Background
from lam.chat.sink import session_of
from lam.generation.remote import AnyRun
from lam.protocol.runs import OpenRun
from lam.storage.access import Role

GATHER_SECONDS: Final = 0.05
"""Changes of one session within this time are merged."""
KEEP_SECONDS: Final = 300.0
"""How long a feed outlives its last reader, so that a reader that reconnects misses nothing."""
KEEP_CHANGES: Final = 1000
RELOADS: Final = 100
"""How many people a second load anew after a loss, so that not all of them ask at once."""


class Change(Struct, frozen=True):
    """A numbered change. `stream`: `sessions` for the list, `session` for what happens inside one session, `lab` for the lab,
    `room` for a room, whose id is in the event."""

    number: int
    stream: Literal["sessions", "session", "lab", "room"]
    session_id: int | None
    event: dict[str, Any]


class Feed:
    """One person's changes, oldest first. Numbers grow and may have gaps. It holds all changes after number `floor`."""

    def __init__(self, floor: int) -> None:
        self.floor = floor
        self.readers = 0
        self.idle_since: float = 0
        self._changes: deque[Change] = deque()
        self._listeners: dict[Callable[[], None], None] = {}

    def since(self, number: int) -> Sequence[Change]:
        newer: list[Change] = []
        for change in reversed(self._changes):
            if change.number <= number:
                break
            newer.append(change)
        newer.reverse()
        return newer

    def append(self, change: Change) -> None:
        self._changes.append(change)
        while len(self._changes) > KEEP_CHANGES:
            self.floor = self._changes.popleft().number
        for callback in tuple(self._listeners):
            callback()

    def forget(self, floor: int) -> None:
        """Drops all changes: a reader that is not at number `floor` yet loads anew."""
        self.floor = floor
        self._changes.clear()
        for callback in tuple(self._listeners):
            callback()

    def listen(self, callback: Callable[[], None]) -> None:
        """Calls `callback()` in the appender's own step. It must not raise or take long."""
        self._listeners[callback] = None

    def unlisten(self, callback: Callable[[], None]) -> None:
        self._listeners.pop(callback, None)


class Described(Struct, frozen=True):
    """A session as its people's lists have it: each person sees what their role allows."""

    session_id: int
    people: Mapping[int, Role]
    listed: Callable[[Role], dict[str, Any]]


class _Event(Struct, frozen=True):
    """What happened in a session, for all its people but one."""

    session_id: int
    event: dict[str, Any]
    but: int | None


class Changes:
    """The feeds of all connected people. An async context manager: it owns the task that fills them, and costs nothing while
    nobody is connected."""

    def __init__(
        self,
        describe: Callable[[Collection[int]], Awaitable[Sequence[Described]]],
        people: Callable[[Collection[int]], Awaitable[Mapping[int, Mapping[int, Role]]]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`describe(ids)`: returns the present state of those sessions that exist. `people(ids)`: who may read them."""
        self._describe = describe
        self._people = people
        self._events: list[_Event] = []
        self._clock = clock
        self._feeds: dict[int, Feed] = {}
        self._last = 0
        self._touched: dict[int, bool] = {}  # session id: whether its messages changed, too
        self._overtaken = False  # what is being described may be older than what was told meanwhile
        self._wake = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._tasks = Background()
        self._tasks.keep("changes", self._keep_describing)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()

    # Reading

    @property
    def last(self) -> int:
        """The number of the newest change of any person."""
        return self._last

    def knows(self, user_id: int, number: int) -> bool:
        """Returns whether the feed still holds everything this person may have missed since that number."""
        self._forget()
        feed = self._feeds.get(user_id)
        return feed is not None and feed.floor <= number <= self._last

    @contextmanager
    def reading(self, user_id: int) -> Iterator[Feed]:
        self._forget()
        feed = self._feeds.setdefault(user_id, Feed(self._last))
        feed.readers += 1
        try:
            yield feed
        finally:
            feed.readers -= 1
            feed.idle_since = self._clock()

    # Writing

    def sessions_touched(self, touched: Mapping[int, bool], removed: Mapping[int, Collection[int]]) -> None:
        """Reports changed sessions, each with whether its messages changed too, and the people of removed ones."""
        if not self._feeds:
            return
        for session_id, people in removed.items():
            self._overtaken = True
            for person in people:
                self._tell(person, "sessions", session_id, {"type": "deleted", "session_id": session_id})
        for session_id, messages in touched.items():
            self._touched[session_id] = self._touched.get(session_id, False) or messages
        if self._touched:
            self._wake.set()

    @property
    def is_read(self) -> bool:
        """Whether anybody is connected, or was until a moment ago."""
        return bool(self._feeds)

    def listens(self, user_id: int) -> bool:
        """Returns whether the person is connected, or was until a moment ago."""
        return user_id in self._feeds

    def lab(self, user_id: int, event: dict[str, Any]) -> None:
        """Reports what changed in the person's lab."""
        self._tell(user_id, "lab", None, event)

    def room(self, people: Iterable[int], room_id: int, event: dict[str, Any]) -> None:
        """Reports to these people what changed in a room, once to each."""
        for person in dict.fromkeys(people):
            self._tell(person, "room", None, event | {"room_id": room_id})

    def list_changed(self, user_id: int, event: dict[str, Any]) -> None:
        """Reports what else changed in the person's list than a session. No session is told afterwards as it was before."""
        self._overtaken = True
        self._tell(user_id, "sessions", None, event)

    def in_session(self, session_id: int, event: dict[str, Any], but: int | None = None) -> None:
        """Reports what happened in a session to all its people but one, who knows it. Adds the session's id to the event."""
        if self._feeds.keys() - {but}:
            self._events.append(_Event(session_id, {**event, "session_id": session_id}, but))
            self._wake.set()

    def to_person(self, user_id: int, session_id: int, event: dict[str, Any]) -> None:
        """Reports what happened in a session to one person, at once."""
        self._tell(user_id, "session", session_id, {**event, "session_id": session_id})

    def missed(self) -> None:
        """Makes every reader load anew, because changes may have been missed: at most `RELOADS` people a second."""
        loop = asyncio.get_running_loop()
        seconds = (len(self._feeds) - 1) / RELOADS
        for feed in self._feeds.values():
            loop.call_later(random.uniform(0, seconds), self._forget_all, feed)  # noqa: S311  # spreads requests, guards nothing

    def _forget_all(self, feed: Feed) -> None:
        self._last += 1
        feed.forget(self._last)

    def person_removed(self, session_id: int, user_id: int) -> None:
        """Reports to somebody that a session is no longer theirs to see."""
        self._overtaken = True
        self.to_person(user_id, session_id, {"type": "removed"})
        self._tell(user_id, "sessions", session_id, {"type": "deleted", "session_id": session_id})

    def run_started(self, run: AnyRun) -> None:
        if (session_id := session_of(run)) is not None:
            begun = {"type": "run", "stream_id": run.id}
            self.to_person(run.user_id, session_id, begun)
            self.in_session(session_id, begun, but=run.user_id)
            self.sessions_touched({session_id: True}, {})

    def run_ended(self, run: AnyRun | OpenRun) -> None:
        if (session_id := session_of(run)) is not None:
            self.sessions_touched({session_id: True}, {})

    def _tell(
        self, owner: int, stream: Literal["sessions", "session", "lab", "room"], session_id: int | None, event: dict[str, Any]
    ) -> None:
        if (feed := self._feeds.get(owner)) is not None:
            self._last += 1
            feed.append(Change(self._last, stream, session_id, event))

    async def _keep_describing(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._wake.clear()
            self._forget()
            touched, self._touched = self._touched, {}
            events, self._events = self._events, []
            if not self._feeds:
                continue
            self._overtaken = False
            try:
                people = await self._people({one.session_id for one in events}) if events else {}
                described = await self._describe(touched) if touched else ()
            except Exception:
                self._put_back(touched, events)
                raise  # `Background` restarts the task
            for happened in events:
                for person in people.get(happened.session_id, ()):
                    if person != happened.but:
                        self._tell(person, "session", happened.session_id, happened.event)
            if self._overtaken:
                self._put_back(touched, ())
                continue
            for one in described:
                self._tell_state(one, messages=touched[one.session_id])

    def _tell_state(self, one: Described, *, messages: bool) -> None:
        for person, role in one.people.items():
            if person in self._feeds:
                self._tell(person, "sessions", one.session_id, {"type": "session", "session": one.listed(role)})
                if messages:
                    self._tell(person, "session", one.session_id, {"type": "messages", "session_id": one.session_id})

    def _put_back(self, touched: Mapping[int, bool], events: Sequence[_Event]) -> None:
        for session_id, messages in touched.items():
            self._touched[session_id] = self._touched.get(session_id, False) or messages
        self._events[:0] = events
        self._wake.set()

    def _forget(self) -> None:
        """Drops feeds without a reader for a while; a reader that comes back later loads anew."""
        now = self._clock()
        idle = [owner for owner, feed in self._feeds.items() if not feed.readers and now - feed.idle_since >= KEEP_SECONDS]
        for owner in idle:
            del self._feeds[owner]
