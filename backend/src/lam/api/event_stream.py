"""A reader: follows a stream's log over one HTTP connection, and notices when the client has left. A plain ASGI callable.

It must not write to a log or end a run.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Final, Protocol, Self

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lam.api.connections import Patience
from lam.api.log_writer import LogWriter, Source
from lam.background import Background
from lam.chat.streams import Following
from lam.errors import LamError

log = logging.getLogger(__name__)

HEADERS: Final = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


class Link(Protocol):
    """The transport of a stream, if it can report progress."""

    @property
    def progress_at(self) -> float:
        """The time when the client last took a byte, by the event loop's clock."""
        ...


class Connection:
    """One open stream: the token that opened it, its writer, and whether it should end: then `end` is called."""

    __slots__ = ("closing", "end", "link", "token_id", "writer")

    def __init__(self, token_id: int, link: Link | None = None) -> None:
        self.token_id = token_id
        self.link = link
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
    """All open event streams. One task closes those with an expired token, and those whose reader has stopped taking bytes."""

    def __init__(self, still_good: Callable[[Collection[int]], Awaitable[set[int]]], patience: Patience | None = None) -> None:
        self._still_good = still_good
        self.patience = patience or Patience()
        self._open: set[Connection] = set()

    async def __aenter__(self) -> Self:
        self._tasks = Background()
        self._tasks.keep("open-streams", self._keep_watch)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()

    @property
    def count(self) -> int:
        return len(self._open)

    def enter(self, token_id: int, link: Link | None = None) -> Connection:
        connection = Connection(token_id, link)
        self._open.add(connection)
        return connection

    def leave(self, connection: Connection) -> None:
        self._open.discard(connection)

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
        used = {connection.token_id for connection in self._open}
        if not used:
            return
        good = await self._still_good(used)
        for connection in self._open:
            if connection.token_id in used and connection.token_id not in good:
                connection.close()


class SourceStream(Response):
    """Writes a source until it is closed; if we close the stream first, it ends in mid-source.

    `reading`: a context that is entered while somebody reads.
    """

    media_type = "text/event-stream"

    def __init__(
        self, source: Source, after: int, reading: AbstractContextManager[object], open_streams: OpenStreams, token_id: int
    ) -> None:
        self.status_code = 200
        self.background = None
        self.raw_headers = list(HEADERS)
        self.body = b""
        self._source = source
        self._after = after
        self._reading = reading
        self._open_streams = open_streams
        self._token_id = token_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.setdefault("state", {})
        connection = self._open_streams.enter(self._token_id, state.get("link"))
        state["event_stream"] = True  # it never makes room for a new connection (api/connections.py)
        try:
            with self._reading:
                writer = asyncio.create_task(self._write(send, connection), name="writer")
                gone = asyncio.create_task(disconnected(receive), name="disconnected")
                connection.end = writer.cancel
                try:
                    await asyncio.wait({writer, gone}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    writer.cancel()
                    gone.cancel()
                    await asyncio.gather(writer, gone, return_exceptions=True)
                if not writer.cancelled():
                    writer.result()
                elif connection.closing.is_set() and connection.writer is not None and connection.waiting_since is None:
                    await send({"type": "http.response.body", "body": b""})
        finally:
            self._open_streams.leave(connection)

    async def _write(self, send: Send, connection: Connection) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        connection.writer = LogWriter(self._source, self._after, send, comment_seconds=self._open_streams.patience.comment)
        await connection.writer.run()
        await send({"type": "http.response.body", "body": b""})


class EventStream(SourceStream):
    """Follows one run until its last event, and counts as a reader."""

    def __init__(self, following: Following, open_streams: OpenStreams, token_id: int) -> None:
        reading = following.run.reading() if following.run is not None else nullcontext()
        super().__init__(following.log, following.after, reading, open_streams, token_id)


async def disconnected(receive: Receive) -> None:
    """Waits until the client has closed its connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
