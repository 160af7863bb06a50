"""Event connections: one person's changes and the runs they follow, merged into one stream of frames; and a registry by id.

It owns which runs a connection follows and up to which number. It must not know how changes arise, nor how bytes are sent: it is a
`Source` that a `LogWriter` reads.
"""

import secrets
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import msgspec
from msgspec import Struct

from lam.chat.changes import Changes, Feed
from lam.chat.streams import Following, Streams
from lam.errors import Invalid, NotFound, ShuttingDown, TooManyStreams
from lam.protocol import sse

MOST_PER_USER: Final = 16
PULL_BYTES: Final = 65536
"""Size of the frames built ahead; everything else stays in the logs."""


class Frame(Struct, frozen=True, gc=False):
    number: int
    frame: bytes


class Wish(Struct, frozen=True):
    """A run to follow, from the event after `after`. None: from this connection's position, or the first event."""

    stream_id: str
    after: int | None = None


class Refused(Struct, frozen=True):
    """A run that cannot be followed. `reason`: `ended` (nothing is left to read), `not_found`, `invalid` (no such event)."""

    stream_id: str
    reason: str
    last: int = 0


class EventConnection:
    """One reader's connection. While it is `open`, it counts as a reader of each run that it follows."""

    def __init__(self, instance: str, user_id: int) -> None:
        self.id = secrets.token_urlsafe(12)
        self.user_id = user_id
        self.closed = False
        self._instance = instance
        self._feed = Feed(0)
        self._position = 0  # in the feed
        self._sessions: frozenset[int] = frozenset()
        self._runs: dict[str, _Run] = {}
        self._is_open = False
        self._waiting: list[tuple[str, int, dict[str, Any]]] = []
        self._frames: deque[Frame] = deque()  # frames that may not have been sent yet
        self._last = 0
        self._wake_reader: Callable[[], None] = _nothing

    # Following

    @property
    def followed(self) -> Collection[str]:
        return self._runs.keys()

    def _greet(self, kind: str) -> None:
        """Adds the first frame, `open`. Adds `reset` instead, or later, when the reader may have missed changes."""
        self._make("connection", 0, _json({"type": kind, "id": self.id}))

    def watch(self, sessions: Collection[int]) -> frozenset[int]:
        """Sets the visible sessions and returns the new ones: the caller must `describe` or `refuse` each of them.

        Watching another person's session reveals nothing: changes come from the reader's own feed.
        """
        fresh = frozenset(sessions) - self._sessions
        self._sessions = frozenset(sessions)
        return fresh

    def describe(self, session_id: int, leaf_id: int | None, stream_id: str | None) -> None:
        """Adds the state of a newly visible session: its newest message and its running stream."""
        event = {"type": "followed", "session_id": session_id, "active_message_id": leaf_id, "stream_id": stream_id}
        self._say("session", 0, event)

    def refuse(self, session_id: int) -> None:
        self._say("session", 0, {"type": "closed", "session_id": session_id, "reason": "not_found"})

    def follow(self, runs: Mapping[str, Following | Refused | None]) -> None:
        """Sets the runs to follow. None: a run that is followed already and continues."""
        for stream_id in [known for known in self._runs if known not in runs]:
            self._leave(stream_id)
        for stream_id, run in runs.items():
            if isinstance(run, Refused):
                self._leave(stream_id)
                self._say(stream_id, run.last, {"type": "closed", "reason": run.reason})
            elif run is not None:
                self._enter(run)
        self._wake_reader()

    def _say(self, stream: str, number: int, event: dict[str, Any]) -> None:
        if self._is_open:
            self._make(stream, number, _json(event))
            self._wake_reader()
        else:
            self._waiting.append((stream, number, event))  # after the first frame

    def _enter(self, following: Following) -> None:
        before = self._runs.get(following.stream_id)
        if before is not None and before.following.log is following.log:
            before.after = following.after
            return
        self._leave(following.stream_id)
        run = self._runs[following.stream_id] = _Run(following)
        if self._is_open:
            run.begin(self._on_change)

    def _leave(self, stream_id: str) -> None:
        if (run := self._runs.pop(stream_id, None)) is not None:
            run.end(self._on_change)

    @contextmanager
    def open(self, feed: Feed, position: int, *, complete: bool) -> Iterator[None]:
        """Reads changes after number `position` while the context is open. `complete`: the reader has missed none before that."""
        self._is_open = True
        self._feed, self._position = feed, position
        self._greet("open" if complete else "reset")
        for stream, number, event in self._waiting:
            self._make(stream, number, _json(event))
        feed.listen(self._on_change)
        for run in self._runs.values():
            run.begin(self._on_change)
        try:
            yield
        finally:
            self._is_open = False
            self._feed.unlisten(self._on_change)
            for stream_id in list(self._runs):
                self._leave(stream_id)

    def close(self) -> None:
        self.closed = True
        self._wake_reader()

    # Reading: the methods of a `Source`

    def listen(self, callback: Callable[[], None]) -> None:
        self._wake_reader = callback

    def unlisten(self, callback: Callable[[], None]) -> None:
        self._wake_reader = _nothing

    def since(self, after: int) -> Sequence[Frame]:
        """Returns up to 64 KiB of frames with higher numbers; frames up to `after` count as sent."""
        while self._frames and self._frames[0].number <= after:
            self._frames.popleft()
        self._pull()
        return list(self._frames)

    def _on_change(self) -> None:
        self._wake_reader()

    def _pull(self) -> None:
        size = sum(len(frame.frame) for frame in self._frames)
        self._pull_changes()
        for run in list(self._runs.values()):
            for record in run.following.log.since(run.after):
                # After a single large frame the writer would not check for more.
                if size >= PULL_BYTES and len(self._frames) > 1:
                    return
                run.after = record.number
                size += self._make(run.following.stream_id, record.number, sse.data_of(record.frame))
            if run.following.log.closed and run.after >= run.following.log.last:
                self._leave(run.following.stream_id)

    def _pull_changes(self) -> None:
        if self._position < self._feed.floor:
            self._position = self._feed.floor
            self._greet("reset")
        for change in self._feed.since(self._position):
            self._position = change.number
            if change.stream != "session" or change.session_id in self._sessions:
                self._make(change.stream, change.number, _json(change.event))

    def _make(self, stream: str, number: int, data: bytes) -> int:
        self._last += 1
        frame = sse.enveloped(f"{self._instance}-{self._position}", stream, number, data)
        self._frames.append(Frame(self._last, frame))
        return len(frame)


class _Run:
    """A followed run, and the number of its last event that became a frame."""

    def __init__(self, following: Following) -> None:
        self.following = following
        self.after = following.after
        self._reading = ExitStack()

    def begin(self, callback: Callable[[], None]) -> None:
        self.following.log.listen(callback)
        if self.following.run is not None:
            self._reading.enter_context(self.following.run.reading())

    def end(self, callback: Callable[[], None]) -> None:
        self.following.log.unlisten(callback)
        self._reading.close()


class EventConnections:
    """All event connections of this gateway. Each cursor contains the gateway's `instance`: another gateway's numbers mean
    nothing here."""

    def __init__(self, changes: Changes, streams: Streams) -> None:
        self.instance = secrets.token_hex(4)
        self._changes = changes
        self._streams = streams
        self._open: dict[str, EventConnection] = {}
        self._closed = False

    def prepare(self, user_id: int) -> EventConnection:
        """Returns a connection without a reader yet. Raises TooManyStreams, ShuttingDown."""
        if self._closed:
            raise ShuttingDown
        if sum(one.user_id == user_id for one in self._open.values()) >= MOST_PER_USER:
            raise TooManyStreams(f"You have {MOST_PER_USER} event connections open, as many as this gateway allows; close one.")
        return EventConnection(self.instance, user_id)

    @contextmanager
    def open(self, connection: EventConnection, cursor: str | None) -> Iterator[None]:
        """Registers a connection while it is read. It continues after `cursor`, the id of the reader's last frame."""
        number = self._number(cursor)
        resumes = number is not None and self._changes.knows(connection.user_id, number)
        position = number if resumes and number is not None else self._changes.last
        self._open[connection.id] = connection
        try:
            with (
                self._changes.reading(connection.user_id) as feed,
                connection.open(feed, position, complete=resumes or cursor is None),
            ):
                yield
        finally:
            del self._open[connection.id]

    def get(self, connection_id: str, user_id: int) -> EventConnection:
        """Returns the person's connection. Raises NotFound, also for another person's."""
        connection = self._open.get(connection_id)
        if connection is None or connection.user_id != user_id:
            raise NotFound("There is no such event connection.")
        return connection

    async def find(
        self, user_id: int, wishes: Sequence[Wish], followed: Collection[str] = ()
    ) -> dict[str, Following | Refused | None]:
        """Returns the argument for `EventConnection.follow`."""
        return {
            wish.stream_id: None if wish.after is None and wish.stream_id in followed else await self._find(user_id, wish)
            for wish in wishes
        }

    async def _find(self, user_id: int, wish: Wish) -> Following | Refused:
        try:
            following = await self._streams.find(wish.stream_id, user_id, wish.after or 0)
        except NotFound:
            return Refused(wish.stream_id, "not_found")
        except Invalid:
            return Refused(wish.stream_id, "invalid")
        return Refused(wish.stream_id, "ended", following.after) if following.at_end else following

    def close(self) -> None:
        """Ends all connections and accepts no new ones: the gateway stops."""
        self._closed = True
        for connection in self._open.values():
            connection.close()

    def _number(self, cursor: str | None) -> int | None:
        """Returns the number in a cursor of this gateway, None for any other."""
        instance, _, number = (cursor or "").partition("-")
        is_ours = instance == self.instance and number.isascii() and number.isdigit() and len(number) < 20
        return int(number) if is_ours else None


def _json(event: dict[str, Any]) -> bytes:
    return sse.one_line(msgspec.json.format(msgspec.json.encode(event), indent=0))


def _nothing() -> None:
    """The callback until somebody listens."""
