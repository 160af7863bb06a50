"""A feed of numbered changes for each person who is connected, or was until a moment ago.

It owns the feeds and the task that describes changed sessions. It must not know how sessions are stored, nor who reads a feed:
storage and runs report changed sessions, and `describe` returns their present state.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Literal, Self

from msgspec import Struct

from lam.background import Background
from lam.chat.sink import REPLY
from lam.generation.run import Run

GATHER_SECONDS: Final = 0.05
"""Changes of one session within this time are merged."""
KEEP_SECONDS: Final = 300.0
"""How long a feed outlives its last reader, so that a reader that reconnects misses nothing."""
KEEP_CHANGES: Final = 1000


class Change(Struct, frozen=True):
    """A numbered change. `stream`: `sessions` for the list, `session` for what happens inside one session, `lab` for the lab."""

    number: int
    stream: Literal["sessions", "session", "lab"]
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

    def listen(self, callback: Callable[[], None]) -> None:
        """Calls `callback()` in the appender's own step. It must not raise or take long."""
        self._listeners[callback] = None

    def unlisten(self, callback: Callable[[], None]) -> None:
        self._listeners.pop(callback, None)


class Described(Struct, frozen=True):
    """A session as its owner's list has it."""

    owner: int
    session_id: int
    listed: dict[str, Any]


class Changes:
    """The feeds of all connected people. An async context manager: it owns the task that fills them, and costs nothing while
    nobody is connected."""

    def __init__(
        self,
        describe: Callable[[Collection[int]], Awaitable[Sequence[Described]]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`describe(ids)`: returns the present state of those sessions that exist."""
        self._describe = describe
        self._clock = clock
        self._feeds: dict[int, Feed] = {}
        self._last = 0
        self._touched: dict[int, bool] = {}  # session id: whether its messages changed, too
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

    def sessions_touched(self, touched: Mapping[int, bool], removed: Mapping[int, int]) -> None:
        """Reports changed sessions, each with whether its messages changed too, and the owners of removed ones."""
        if not self._feeds:
            return
        for session_id, owner in removed.items():
            self._tell(owner, "sessions", session_id, {"type": "deleted", "session_id": session_id})
        for session_id, messages in touched.items():
            self._touched[session_id] = self._touched.get(session_id, False) or messages
        if self._touched:
            self._wake.set()

    def listens(self, user_id: int) -> bool:
        """Returns whether the person is connected, or was until a moment ago."""
        return user_id in self._feeds

    def lab(self, user_id: int, event: dict[str, Any]) -> None:
        """Reports what changed in the person's lab."""
        self._tell(user_id, "lab", None, event)

    def run_started(self, run: Run) -> None:
        if (session_id := _session_of(run)) is not None:
            self._tell(run.user_id, "session", session_id, {"type": "run", "session_id": session_id, "stream_id": run.id})
            self.sessions_touched({session_id: True}, {})

    def run_ended(self, run: Run) -> None:
        if (session_id := _session_of(run)) is not None:
            self.sessions_touched({session_id: True}, {})

    def _tell(
        self, owner: int, stream: Literal["sessions", "session", "lab"], session_id: int | None, event: dict[str, Any]
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
            if not self._feeds:
                continue
            try:
                described = await self._describe(touched)
            except Exception:
                self._put_back(touched)
                raise  # `Background` restarts the task
            for one in described:
                self._tell(one.owner, "sessions", one.session_id, {"type": "session", "session": one.listed})
                if touched[one.session_id]:
                    self._tell(one.owner, "session", one.session_id, {"type": "messages", "session_id": one.session_id})

    def _put_back(self, touched: Mapping[int, bool]) -> None:
        for session_id, messages in touched.items():
            self._touched[session_id] = self._touched.get(session_id, False) or messages
        self._wake.set()

    def _forget(self) -> None:
        """Drops feeds without a reader for a while; a reader that comes back later loads anew."""
        now = self._clock()
        idle = [owner for owner, feed in self._feeds.items() if not feed.readers and now - feed.idle_since >= KEEP_SECONDS]
        for owner in idle:
            del self._feeds[owner]


def _session_of(run: Run) -> int | None:
    """Returns the session of a reply's run, None for another kind of run."""
    kind, _, session_id = (run.key or "").partition(":")
    return int(session_id) if run.kind == REPLY and kind == "session" else None
