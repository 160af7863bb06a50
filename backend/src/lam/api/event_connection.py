"""Event connections: one person's changes and the runs they follow, merged into one stream of frames; and a registry by id.

It owns which runs a connection follows and up to which number. It must not know how changes arise, nor how bytes are sent: it is a
`Source` that a `LogWriter` reads.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import msgspec
from msgspec import Struct

from lam.chat.changes import Change, Changes, Feed
from lam.chat.presence import Presence
from lam.chat.sink import session_of
from lam.chat.streams import Following, Streams
from lam.errors import Invalid, LeaseLost, NotFound, ShuttingDown, TooManyStreams, Unreachable
from lam.protocol import sse
from lam.storage.repositories.users import session_scope
from lam.streams.log import has_ended
from lam.streams.memory_log import MemoryLog

MOST_PER_USER: Final = 16
AGAIN_SECONDS: Final = 2.0
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
    """One reader's connection. While it is `open`, it counts as a reader of each run that it follows. `scope`: of a guest."""

    def __init__(self, instance: str, user_id: int, scope: str | None = None) -> None:
        self.id = f"{instance}-{secrets.token_urlsafe(12)}"
        self.user_id = user_id
        self.scope = scope
        self.closed = False
        self.revocations = 0  # when it was prepared
        self.described_at = 0  # the number of the newest change then
        self._instance = instance
        self._feed = Feed(0)
        self._position = 0  # in the feed
        self._sessions: frozenset[int] = frozenset()
        self._rooms: frozenset[int] = frozenset()
        self._runs: dict[str, _Run] = {}
        self._is_open = False
        self._waiting: list[tuple[str, int, dict[str, Any]]] = []
        self._frames: deque[Frame] = deque()  # frames that may not have been sent yet
        self._last = 0
        self._wake_reader: Callable[[], None] = _nothing

    # Following

    @property
    def sessions(self) -> frozenset[int]:
        """The visible sessions."""
        return self._sessions

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

    def watch_rooms(self, rooms: Collection[int]) -> frozenset[int]:
        """Sets the visible rooms and returns the new ones: the caller must `describe_room` or `refuse_room` each of them."""
        fresh = frozenset(rooms) - self._rooms
        self._rooms = frozenset(rooms)
        return fresh

    def describe_room(self, room_id: int) -> None:
        """Says that a room is visible from now on: whoever shows it reads it anew, since what changed before had no frame here."""
        self._say("room", 0, {"type": "followed", "room_id": room_id})

    def refuse_room(self, room_id: int) -> None:
        self._say("room", 0, {"type": "closed", "room_id": room_id, "reason": "not_found"})

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

    def revoke(self, session_id: int) -> None:
        """Stops following the session's running reply: it is no longer this reader's to see."""
        for stream_id, followed in list(self._runs.items()):
            run = followed.following.run
            if run is not None and session_of(run) == session_id:
                self._leave(stream_id)
                self._say(stream_id, 0, {"type": "closed", "reason": "not_found"})

    def watched_sessions(self) -> set[int]:
        """Returns the sessions whose running replies this connection follows, and the session of its guest."""
        runs = (followed.following.run for followed in self._runs.values())
        ids = {session_id for run in runs if run is not None and (session_id := session_of(run)) is not None}
        return ids | {session_id for session_id in self._sessions if self.scope == session_scope(session_id)}

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
        if self.closed:
            self._wake_reader()  # ends, after a last frame

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
                # The run goes on elsewhere: the reader connects again and asks for its next events.
                self.closed = self.closed or not has_ended(run.following.log)

    def _pull_changes(self) -> None:
        if self._position < self._feed.floor:
            self._position = self._feed.floor
            self._greet("reset")
        for change in self._feed.since(self._position):
            self._position = change.number
            if self._sees(change):
                self._make(change.stream, change.number, _json(change.event))

    def _sees(self, change: Change) -> bool:
        if change.stream == "room":
            return change.event["room_id"] in self._rooms
        return change.stream != "session" or change.session_id in self._sessions

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
    """All event connections of the gateway `owner`, whose name is new at each start. The end of the name is in the id of each
    connection, and in each cursor, because the numbers of other gateways mean nothing here."""

    def __init__(self, changes: Changes, streams: Streams, presence: Presence, owner: str) -> None:
        self._presence = presence
        self.instance = _instance(owner)
        self._changes = changes
        self._streams = streams
        self._open: dict[str, EventConnection] = {}
        self._closed = False
        self.revocations = 0
        """How often somebody was removed from a session."""

    def prepare(self, user_id: int, scope: str | None = None) -> EventConnection:
        """Returns a connection without a reader yet. Raises TooManyStreams, ShuttingDown."""
        if self._closed:
            raise ShuttingDown
        if sum(one.user_id == user_id for one in self._open.values()) >= MOST_PER_USER:
            raise TooManyStreams(f"You have {MOST_PER_USER} event connections open, as many as this gateway allows; close one.")
        connection = EventConnection(self.instance, user_id, scope)
        connection.revocations = self.revocations
        with self._changes.reading(user_id):  # from here on changes are kept: what is described meanwhile may be older
            connection.described_at = self._changes.last
        return connection

    @contextmanager
    def open(self, connection: EventConnection, cursor: str | None) -> Iterator[None]:
        """Registers a connection while it is read. It continues after `cursor`, the id of the reader's last frame."""
        number = self._number(cursor)
        resumes = number is not None and self._changes.knows(connection.user_id, number)
        is_fresh = cursor is None and self._changes.knows(connection.user_id, connection.described_at)
        if not resumes or number is None:
            number = connection.described_at if is_fresh else self._changes.last
        self._open[connection.id] = connection
        self._presence.connected(connection.id, connection.user_id, connection.sessions)
        try:
            with (
                self._changes.reading(connection.user_id) as feed,
                connection.open(feed, number, complete=resumes or is_fresh),
            ):
                if connection.revocations != self.revocations:
                    connection.close()  # it may follow what is no longer this reader's: they connect again
                yield
        finally:
            del self._open[connection.id]
            self._presence.disconnected(connection.id)

    def get(self, connection_id: str, user_id: int) -> EventConnection:
        """Returns the person's connection. Raises NotFound, also for another person's."""
        connection = self._open.get(connection_id)
        if connection is None or connection.user_id != user_id:
            raise NotFound("There is no such event connection.")
        return connection

    def gateway_of(self, connection_id: str, gateways: Collection[str]) -> str | None:
        """Returns which of these other gateways has the connection, None when none of them has it."""
        instance = connection_id.partition("-")[0]
        return next((gateway for gateway in gateways if _instance(gateway) == instance), None)

    def readers(self) -> set[tuple[int, int]]:
        """Returns pairs of a session and a person: whose running replies are followed by whom, and the sessions of guests."""
        return {
            (session_id, connection.user_id) for connection in self._open.values() for session_id in connection.watched_sessions()
        }

    def revoke(self, session_id: int, user_id: int) -> None:
        """Ends what somebody follows of a session that is no longer theirs to see; the connections of its guest end."""
        self.revocations += 1
        self._presence.forget(session_id, user_id)
        for connection in list(self._open.values()):
            if connection.user_id == user_id:
                connection.revoke(session_id)
                if connection.scope == session_scope(session_id):
                    connection.close()

    def hide(self, sessions: Mapping[int, int], shown: int | None) -> None:
        """Ends what these people, each with a session of their own, follow of each other's sessions, but for the one `shown`."""
        self.revocations += 1
        for connection in list(self._open.values()):
            mine = sessions.get(connection.user_id)
            if mine is not None and connection.followed:
                for session_id in sessions.values():
                    if session_id not in (mine, shown):
                        connection.revoke(session_id)

    async def find(
        self, user_id: int, wishes: Sequence[Wish], followed: Collection[str] = ()
    ) -> dict[str, Following | Refused | None]:
        """Returns the argument for `EventConnection.follow`. Who is removed from a session meanwhile finds nothing of it."""
        while True:
            before = self.revocations
            found = {
                wish.stream_id: None if wish.after is None and wish.stream_id in followed else await self._find(user_id, wish)
                for wish in wishes
            }
            if self.revocations == before:
                return found

    async def _find(self, user_id: int, wish: Wish) -> Following | Refused:
        try:
            following = await self._streams.find(wish.stream_id, user_id, wish.after or 0)
        except NotFound:
            return Refused(wish.stream_id, "not_found")
        except Invalid:
            return Refused(wish.stream_id, "invalid")
        except (LeaseLost, Unreachable):
            return Following(stream_id=wish.stream_id, log=_empty_log(wish.after or 0), after=wish.after or 0)
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


def _instance(gateway: str) -> str:
    """Returns the end of a gateway's name, which is new at each start."""
    return gateway.rpartition("-")[2]


def _empty_log(after: int) -> MemoryLog:
    """Returns the log of a run that cannot be read here now. It is closed after two seconds, and the connection with it: then its
    reader asks again."""
    log = MemoryLog(after)
    asyncio.get_running_loop().call_later(AGAIN_SECONDS, log.close)
    return log


def _nothing() -> None:
    """The callback until somebody listens."""
