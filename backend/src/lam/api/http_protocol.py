"""uvicorn's HTTP protocol with limits: what a connection may send before the parser gets it, and how long it may take.

It is passed to uvicorn as `Config(http=HttpProtocol)`. A test pins the methods that it overrides and the attributes that it reads.

It knows bytes, time and uvicorn, and no route.
"""

import asyncio
import contextlib
from typing import Any, Final, cast

import httptools
import msgspec
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from lam.api.connections import Connections, Patience, Waits
from lam.api.framing import Framing, Place, Refusal
from lam.api.services import Services

AHEAD_BYTES: Final = 64 << 10  # of later requests, which wait here until the earlier one is answered
DRAIN_BYTES: Final = 64 << 20  # of an unwanted body
LINGER_BYTES: Final = 1 << 20  # after a refusal
HEADERS: Final = (
    b"content-type: application/json\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n"
)


def web_server(app: Any, **options: Any) -> Config:
    """Returns uvicorn for the gateway; `options` are uvicorn's own. The protocol finds its Connections in the lifespan's state."""
    return Config(
        app,
        http=HttpProtocol,
        ws="none",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=4096,
        timeout_keep_alive=int(Patience().idle),
        **options,
    )


class _Head:
    """Stands in for the transport of an answer until its first bytes come."""

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._transport = cycle.transport
        self._head: bytes | None = None

    def write(self, data: bytes) -> None:
        if self._head is None:
            self._head = data
        else:
            self._cycle.transport = self._transport
            self._transport.write(self._head + data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class HttpProtocol(HttpToolsProtocol):
    """One connection. It parses one request at a time: what a client sends ahead waits as bytes, not as requests."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._connections: Connections = cast(Services, app_state["services"]).connections
        self._framing = Framing()
        self._parser_place = Place.START  # the parser's position: in a START, a HEAD or a BODY
        self._ahead = bytearray()
        self._is_over = False
        self._since = 0.0  # when the present wait began
        self._last_byte = 0.0  # time of the last byte of a body
        self._size = 0  # bytes of that body
        self._backlog = 0  # bytes of the answer in the kernel at the last check
        self.progress_at = 0.0  # when it was last seen to take some

    # Called by asyncio

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._since = self.loop.time()
        if not self._connections.enter(self, self._since):
            self._refuse(Refusal(503, "too_many_connections", "Too many connections are open; try again in a moment."))

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.leave(self)
        self._ahead.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._is_over:
            self._size += len(data)
            if self._size > LINGER_BYTES:
                self.flow.pause_reading()
        elif not self.transport.is_closing():
            self._feed(data)

    # Called by the parser

    def on_message_begin(self) -> None:
        self._parser_place = Place.HEAD
        super().on_message_begin()
        self.scope["state"]["link"] = self

    def on_headers_complete(self) -> None:
        self._parser_place = Place.BODY
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._parser_place = Place.START
        super().on_message_complete()

    # Called by the answer

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            return
        self._since, self._size = self.loop.time(), 0
        self._note()
        if self._ahead:
            ahead, self._ahead = bytes(self._ahead), bytearray()
            self._unset_keepalive_if_required()
            self._feed(ahead)

    def hold_head(self) -> None:
        """Keeps back the head of the present answer until its first bytes, so that both are one write. Call it only where these
        follow at once."""
        if self.cycle.scope["method"] != "HEAD":
            self.cycle.transport = cast("asyncio.Transport", _Head(self.cycle))

    # Called by Connections

    @property
    def descriptor(self) -> int:
        socket = self.transport.get_extra_info("socket")
        return -1 if socket is None else cast(int, socket.fileno())

    def overdue(self, now: float) -> str | None:
        patience = self._connections.patience
        if self._is_over:
            return "refused" if now - self._since >= patience.linger else None
        if self.transport.is_closing():
            return self._reader_problem(now)
        if self._framing.in_body:
            return self._body_problem(now)
        if self._answering:
            return self._reader_problem(now)
        if self.cycle is None or self._framing.in_head:
            return "head" if now - self._since >= patience.head else None
        return self._reader_problem(now) or ("idle" if now - self._since >= patience.idle else None)

    def _body_problem(self, now: float) -> str | None:
        patience = self._connections.patience
        if self.cycle.response_complete:
            return "drain" if now - self._since >= patience.drain else None
        if self.flow.read_paused or self.cycle.waiting_for_100_continue:  # the client is not the slow side
            self._since, self._last_byte, self._size = now, now, 0
        slow = now - self._since >= patience.body + self._size / patience.body_rate
        return "body" if slow or now - self._last_byte >= patience.silence else None

    def _reader_problem(self, now: float) -> str | None:
        unread = self.transport.get_write_buffer_size()
        if unread:
            unread += _in_kernel(self.descriptor)
        if not unread or not self._backlog or unread < self._backlog:
            self.progress_at = now
        self._backlog = unread
        return "unread" if unread and now - self.progress_at >= self._connections.patience.unread else None

    def blocked_since(self) -> float | None:
        streams = self._answering and self.cycle.scope["state"].get("event_stream")
        return self.progress_at if self._backlog and self.flow.write_paused and not streams else None

    def end(self, reason: str) -> None:
        if reason == "idle":
            self.transport.close()
        elif reason == "body" or (reason == "head" and self._framing.in_head):
            self._refuse(Refusal(408, "request_timeout", "The request did not arrive in time."))
        else:
            self.abort()

    def abort(self) -> None:
        self._is_over = True
        self._leave_answer()
        self.transport.abort()

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _note(self) -> None:
        waits = Waits.BODY if self._framing.in_body else Waits.REPLY if self._answering else Waits.REQUEST
        self._connections.note(self, waits)

    def _feed(self, data: bytes) -> None:
        before = self._framing.incomplete_bytes
        self._cut(data)
        if (before or self._framing.incomplete_bytes) and not self._is_over:
            self._connections.hold(self, self._framing.incomplete_bytes)

    def _cut(self, data: bytes) -> None:
        """Feeds the parser one request, piece by piece, and keeps later bytes until that request is answered."""
        start, now, framing = 0, self.loop.time(), self._framing
        while start < len(data):
            if framing.place is Place.START and self._answering:
                self._keep_ahead(data[start:])
                return
            began, body = framing.in_head, framing.in_body
            try:
                piece, start = framing.cut(data, start)
                if piece:
                    self._parse(piece)
            except Refusal as refusal:
                self._refuse(refusal)
                return
            if body:
                self._last_byte = now
                self._size += len(piece)
                if self._size > DRAIN_BYTES and self.cycle.response_complete:
                    self.abort()
                    return
            if framing.in_head and not began and self.cycle is not None:
                self._since = now  # for a new connection the time runs from its beginning
            elif framing.in_body is not body or (began and not framing.in_head):
                self._since, self._last_byte, self._size = now, now, 0
                self._note()

    def _parse(self, piece: bytes) -> None:
        """Feeds a piece to the parser. Raises Refusal, also when parser and framing disagree about the end of the request."""
        try:
            self.parser.feed_data(piece)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise Refusal(400, "bad_request", "This is not a valid HTTP/1.1 request.") from error
        place = self._framing.place
        if self._parser_place is not (Place.BODY if self._framing.in_body else place):
            raise Refusal(400, "bad_request", "The end of the request is ambiguous.")

    def _keep_ahead(self, data: bytes) -> None:
        self._ahead += data
        if len(self._ahead) > AHEAD_BYTES:
            self.flow.pause_reading()

    def _refuse(self, refusal: Refusal) -> None:
        """Answers, closes our side, and gives the client a moment to read why; whatever it still sends is dropped."""
        self._connections.on_end(refusal.code)
        self._is_over = True
        self._since, self._size = self.loop.time(), 0
        self._ahead.clear()
        self._connections.hold(self, 0)
        if self._answering and self.cycle.response_started:
            self.abort()
            return
        self._leave_answer()
        body = msgspec.json.encode({"detail": refusal.sentence, "code": refusal.code})
        retry = b"retry-after: 5\r\n" if refusal.status == 503 else b""
        length = b"content-length: %d\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[refusal.status] + HEADERS + retry + length + body)
        with contextlib.suppress(OSError, RuntimeError):  # the client may have left already
            self.transport.write_eof()
        self.flow.resume_reading()

    def _leave_answer(self) -> None:
        """Tells the task that prepares an answer that nobody waits for it."""
        if self._answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()


def _in_kernel(descriptor: int) -> int:
    """Returns the bytes in the kernel that the client has not taken; 0 when the system does not report them."""
    try:
        import fcntl
        import termios

        answer = fcntl.ioctl(descriptor, termios.TIOCOUTQ, b"\0\0\0\0")
    except (ImportError, OSError, ValueError):
        return 0
    return int.from_bytes(answer, "little")
