"""A reader: follows a stream's log over one HTTP connection, and notices when the client has left. A plain ASGI callable.

It must not write to a log or end a run.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Protocol, Self

from msgspec import Struct
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lam.accounts.accounts import Identity
from lam.api.connections import Patience
from lam.api.log_writer import LogWriter, Source
from lam.background import Background
from lam.chat.sink import session_of
from lam.chat.streams import Following
from lam.errors import LamError

log = logging.getLogger(__name__)

REMEMBERED_SECONDS: Final = 2.0
"""How long a request on its way may take from the question whether somebody may read until it reads."""
HEADERS: Final = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


Good = Callable[[Collection[int]], Awaitable[set[int]]]


class Link(Protocol):
    """The transport of a stream, if it can report progress."""

    @property
    def progress_at(self) -> float:
        """The time when the client last took a byte, by the event loop's clock."""
        ...

    def hold_head(self) -> None:
        """Writes the head of the present answer together with its first bytes, which must follow at once."""
        ...


class Reader(Struct, frozen=True):
    """Who reads a run of a session."""

    user_id: int
    session_id: int


class Connection:
    """One open stream: the token or the key that opened it, its writer, and whether it should end: then `end` is called.

    `reader`: of a stream that ends when its reader is no longer one of the session's people.
    """

    __slots__ = ("closing", "end", "key_id", "link", "reader", "token_id", "writer")

    def __init__(
        self, token_id: int | None, link: Link | None = None, *, key_id: int | None = None, reader: Reader | None = None
    ) -> None:
        self.token_id = token_id
        self.key_id = key_id
        self.link = link
        self.reader = reader
        self.writer: LogWriter | None = None  # set once the answer has begun
        self.closing = asyncio.Event()
        self.end: Callable[[], object] = lambda: None

    def close(self) -> None:
        self.closing.set()
        self.end()

    @property
    def waiting_since(self) -> float | None:
        """The time since when the client has taken nothing of what was sent."""
        since = self.writer.waiting_since if self.writer else None
        if since is None or self.link is None:
            return since
        return max(since, self.link.progress_at)  # a large event is one write, which a slow line takes in parts


class OpenStreams:
    """All open event streams. One task closes those whose token or key has ended, and those whose reader has stopped taking bytes.

    `good_tokens`, `good_keys`: return which of these ids are still good.
    """

    def __init__(self, good_tokens: Good, good_keys: Good, patience: Patience | None = None) -> None:
        self._good_tokens = good_tokens
        self._good_keys = good_keys
        self.patience = patience or Patience()
        self._open: set[Connection] = set()
        self._revoked: set[Reader | None] = set()

    async def __aenter__(self) -> Self:
        self._tasks = Background()
        self._tasks.keep("open-streams", self._keep_watch)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()

    @property
    def count(self) -> int:
        return len(self._open)

    def readers(self) -> set[tuple[int, int]]:
        """Returns pairs of a session and a person who reads its running reply."""
        return {(one.reader.session_id, one.reader.user_id) for one in self._open if one.reader is not None}

    def enter(
        self, token_id: int | None, link: Link | None = None, *, key_id: int | None = None, reader: Reader | None = None
    ) -> Connection:
        connection = Connection(token_id, link, key_id=key_id, reader=reader)
        if reader in self._revoked:  # between the question whether they may and this step
            connection.close()
        self._open.add(connection)
        return connection

    def leave(self, connection: Connection) -> None:
        self._open.discard(connection)

    def revoke(self, session_id: int, user_id: int) -> None:
        """Ends the streams of a session that this person reads."""
        reader, loop = Reader(user_id, session_id), asyncio.get_running_loop()
        self._revoked.add(reader)
        loop.call_later(REMEMBERED_SECONDS, self._revoked.discard, reader)
        for connection in list(self._open):
            if connection.reader == reader:
                connection.close()

    async def _keep_watch(self) -> None:
        while True:
            await asyncio.sleep(self.patience.tokens)
            self.close_stalled(asyncio.get_running_loop().time())
            try:
                await self.close_revoked()
            except LamError as error:
                log.warning("Tokens of open streams could not be checked: %s", error.message)
            except Exception:
                log.exception("Tokens of open streams could not be checked")

    def close_stalled(self, now: float) -> None:
        for connection in self._open:
            if connection.waiting_since is not None and now - connection.waiting_since >= self.patience.unread:
                connection.close()

    async def close_revoked(self) -> None:
        tokens = {connection.token_id for connection in self._open if connection.token_id is not None}
        keys = {connection.key_id for connection in self._open if connection.key_id is not None}
        ended_tokens = tokens - await self._good_tokens(tokens) if tokens else tokens
        ended_keys = keys - await self._good_keys(keys) if keys else keys
        for connection in list(self._open):
            if connection.token_id in ended_tokens or connection.key_id in ended_keys:
                connection.close()


class SourceStream(Response):
    """Writes a source until it is closed; if we close the stream first, it ends in mid-source.

    `reading`: a context that is entered while somebody reads.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        source: Source,
        after: int,
        reading: AbstractContextManager[object],
        open_streams: OpenStreams,
        token_id: int | None,
        *,
        key_id: int | None = None,
        reader: Reader | None = None,
    ) -> None:
        self._reader = reader
        self.status_code = 200
        self.background = None
        self.raw_headers = list(HEADERS)
        self.body = b""
        self._source = source
        self._after = after
        self._reading = reading
        self._open_streams = open_streams
        self._token_id = token_id
        self._key_id = key_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.setdefault("state", {})
        connection = self._open_streams.enter(self._token_id, state.get("link"), key_id=self._key_id, reader=self._reader)
        state["event_stream"] = True  # it never makes room for a new connection (api/connections.py)
        try:
            with self._reading:
                writer = asyncio.create_task(self._write(send, connection), name="writer")
                gone = asyncio.create_task(disconnected(receive), name="disconnected")
                connection.end = writer.cancel
                if connection.closing.is_set():
                    writer.cancel()
                try:
                    await asyncio.wait({writer, gone}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    writer.cancel()
                    gone.cancel()
                    await asyncio.gather(writer, gone, return_exceptions=True)
                if not writer.cancelled():
                    writer.result()
                elif connection.closing.is_set() and connection.waiting_since is None:
                    await self._end_early(send, connection)
        finally:
            self._open_streams.leave(connection)

    async def _end_early(self, send: Send, connection: Connection) -> None:
        """Ends the answer in mid-source, because its token or key has ended."""
        if connection.writer is not None:
            await send({"type": "http.response.body", "body": b""})

    async def _write(self, send: Send, connection: Connection) -> None:
        if connection.link is not None and self._source.since(self._after):
            connection.link.hold_head()
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        seconds = self._open_streams.patience.comment
        connection.writer = LogWriter(self._source, self._after, send, comment_seconds=seconds, rest=self._rest)
        await connection.writer.run()

    def _rest(self) -> bytes:
        """Returns the last bytes of the answer, after those of the source."""
        return b""


class EventStream(SourceStream):
    """Follows one run until its last event, and counts as a reader."""

    def __init__(self, following: Following, open_streams: OpenStreams, caller: Identity) -> None:
        reader = reader_of(following, caller)
        super().__init__(following.log, following.after, following.reading(), open_streams, caller.token_id, reader=reader)


def reader_of(following: Following, caller: Identity) -> Reader | None:
    """Returns the reader of a session's run, None of any other stream."""
    session_id = session_of(following.run) if following.run is not None else None
    return None if session_id is None else Reader(caller.user.id, session_id)


async def disconnected(receive: Receive) -> None:
    """Waits until the client has closed its connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
