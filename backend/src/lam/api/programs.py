"""Answers a program: the events of its run as the lines of another format, or the whole reply.

It must not know a format: that is what the caller's functions do. A program's connection is followed as the page's is
(`api/event_stream.py`).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import Header, Request
from msgspec import Struct
from starlette.responses import Response
from starlette.types import Receive, Send

from lam.accounts.programs import Program
from lam.api.budgets import rate_limits
from lam.api.event_stream import Connection, OpenStreams, SourceStream, disconnected
from lam.api.log_writer import Framed
from lam.api.services import Services
from lam.chat.streams import Following
from lam.errors import Interrupted, InvalidField, LamError, Stopped, StorageUnavailable, Unauthorized, Unreachable, from_code
from lam.protocol.events import Done, Error, Event, Metadata, Progress
from lam.protocol.runs import OnDisconnect
from lam.protocol.snapshot import Snapshot
from lam.streams.log import StreamLog, has_ended, wait_until_closed

EARLY_SECONDS: Final = 1
JSON: Final = "application/json"
Lines = Callable[[Sequence[Event]], bytes]

Events = Annotated[
    str | None, Header(alias="x-lam-events", description="`progress`: chunks without choices say what a run waits for.")
]


def caller_gone() -> Unauthorized:
    """Returns the failure of a reply whose caller is no longer known."""
    return Unauthorized("This key or login has ended while the reply ran.")


class Manners(Struct, frozen=True, kw_only=True):
    """What the headers of a request say about its run. `progress`: the stream says what the run waits for."""

    on_disconnect: OnDisconnect = "cancel"
    progress: bool = False
    idempotency_key: str | None = None


def _header(name: str, description: str, **schema: Any) -> dict[str, Any]:
    optional = {"anyOf": [schema | {"type": "string"}, {"type": "null"}], "description": description}
    return {"name": name, "in": "header", "required": False, "schema": optional, "description": description}


ON_DISCONNECT: Final = "x-lam-on-disconnect"
LONGEST_KEY: Final = 255  # characters
MANNERS: Final = {
    "parameters": [
        _header(ON_DISCONNECT, "What a closed connection does to the run.", enum=["cancel", "continue"]),
        _header("x-lam-events", "`progress`: chunks without choices say what a run waits for."),
        _header("idempotency-key", "The same key gets the same run, while it is kept.", maxLength=LONGEST_KEY),
    ]
}
"""How the headers are described that `manners_of` reads: the framework's own reading costs as much as two statements."""


def manners_of(request: Request) -> Manners:
    """Returns what the headers say. Raises InvalidField."""
    headers = request.headers
    on_disconnect = headers.get(ON_DISCONNECT, "cancel")
    if on_disconnect not in ("cancel", "continue"):
        raise InvalidField(f"{ON_DISCONNECT} must be `cancel` or `continue`.", param=ON_DISCONNECT)
    key = headers.get("idempotency-key")
    if key is not None and len(key) > LONGEST_KEY:
        raise InvalidField(f"idempotency-key may have up to {LONGEST_KEY} characters.", param="idempotency-key")
    return Manners(
        on_disconnect="continue" if on_disconnect == "continue" else "cancel",
        progress=headers.get("x-lam-events") == "progress",
        idempotency_key=key or None,
    )


class _Lines(Struct, gc=False):
    """The lines of all events up to `number`."""

    number: int
    frame: bytes


class Translated:
    """A `Source` for one writer: a log in another format. `lines(events)` is called once for each event, in order."""

    def __init__(self, log: StreamLog, lines: Lines) -> None:
        self._log = log
        self._lines = lines
        self._read = 0
        self._unwritten: Sequence[_Lines] = []

    @property
    def closed(self) -> bool:
        return self._log.closed

    def since(self, after: int) -> Sequence[Framed]:
        """This is the path of every token: keep it short."""
        records = self._log.since(self._read)
        if not records:
            return self._unwritten if self._unwritten and self._unwritten[-1].number > after else ()
        self._read = records[-1].number
        lines = self._lines((records[0].event,) if len(records) == 1 else [record.event for record in records])
        if self._unwritten and self._unwritten[-1].number > after:  # asked again before it was written
            self._unwritten = [*self._unwritten, _Lines(self._read, lines)] if lines else self._unwritten
        else:
            self._unwritten = [_Lines(self._read, lines)] if lines else []
        return self._unwritten

    def listen(self, callback: Callable[[], None]) -> None:
        self._log.listen(callback)

    def unlisten(self, callback: Callable[[], None]) -> None:
        self._log.unlisten(callback)


class ProgramStream(SourceStream):
    """Follows one run in another format until its last event, and counts as a reader.

    `refusal`: makes the answer to a run that fails before it said anything, with a status of its own: SDKs then raise what fits.
    They can only do so while the answer has not begun, so it begins with the first word, or after EARLY_SECONDS. None: at once.
    """

    def __init__(
        self,
        following: Following,
        lines: Lines,
        open_streams: OpenStreams,
        program: Program,
        headers: Mapping[str, str],
        refusal: Callable[[LamError], Response] | None = None,
    ) -> None:
        source = Translated(following.log, lines)
        super().__init__(source, 0, following.reading(), open_streams, program.token_id, key_id=program.key_id)
        self._lines = lines
        self.raw_headers += [(name.encode(), value.encode()) for name, value in headers.items()]
        self._log = following.log
        self._refusal = refusal

    async def _write(self, send: Send, connection: Connection) -> None:
        if self._refusal is not None and (failure := await early_failure(self._log, EARLY_SECONDS)) is not None:
            await _send_whole(self._refusal(failure), send)
            return
        await super()._write(send, connection)

    def _rest(self) -> bytes:
        if has_ended(self._log):
            return b""
        error = Unreachable()
        return self._lines([Error(error.message, error.code, retryable=True)])

    async def _end_early(self, send: Send, connection: Connection) -> None:
        """SDKs take a stream that only stops for a complete one."""
        if connection.writer is not None:
            error = Error(caller_gone().message, Unauthorized.code)
            await send({"type": "http.response.body", "body": self._lines([error])})
        elif self._refusal is not None:
            await _send_whole(self._refusal(caller_gone()), send)


async def _send_whole(answer: Response, send: Send) -> None:
    await send({"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers})
    await send({"type": "http.response.body", "body": answer.body})


async def early_failure(log: StreamLog, seconds: float) -> LamError | None:
    """Waits until the run says something, up to `seconds`. Returns its failure if that is the first thing that it says."""
    said = asyncio.Event()

    def look() -> None:
        if log.closed or any(not isinstance(record.event, Metadata | Progress) for record in log.since(0)):
            said.set()

    log.listen(look)
    look()
    try:
        async with asyncio.timeout(seconds):
            await said.wait()
    except TimeoutError:
        return None
    finally:
        log.unlisten(look)
    first = next((record.event for record in log.since(0) if not isinstance(record.event, Metadata | Progress)), None)
    return failure_of(first) if isinstance(first, Error) else None


def failure_of(ending: Error) -> LamError:
    """Returns the failure that ended a run."""
    return from_code(ending.code, ending.message, retryable=ending.retryable)


async def whole(following: Following, program: Program, open_streams: OpenStreams, receive: Receive) -> Snapshot:
    """Returns the fold of a run once it has ended, while it counts as a reader. Raises Interrupted when the program has left,
    Unauthorized when its login ended meanwhile, and Unreachable when the run goes on at another gateway."""
    log = following.log
    if not log.closed:
        connection = open_streams.enter(program.token_id, key_id=program.key_id)
        ended = asyncio.create_task(wait_until_closed(log), name="ended")
        gone = asyncio.create_task(disconnected(receive), name="disconnected")
        connection.end = ended.cancel
        try:
            with following.reading():
                await asyncio.wait({ended, gone}, return_when=asyncio.FIRST_COMPLETED)
                for task in (ended, gone):
                    task.cancel()
                await asyncio.gather(ended, gone, return_exceptions=True)
        finally:
            open_streams.leave(connection)
        if connection.closing.is_set():
            raise caller_gone()
        if not log.closed:
            raise Interrupted("The caller left before the reply was complete.")
    if not has_ended(log):
        raise Unreachable
    snapshot = Snapshot()
    for record in log.since(0):
        snapshot.add(record.event)
    return snapshot


async def answer(
    following: Following,
    program: Program,
    parts: Services,
    request: Request,
    *,
    lines: Lines | None,
    whole_reply: Callable[[Snapshot, Done], dict[str, Any]],
    refusal: Callable[[LamError], Response],
    headers: Mapping[str, str],
    at_once: bool = False,
) -> Response:
    """Returns the answer to a program whose run has begun, with the run's id and what is left of its budgets in the headers.

    `lines`: of a stream; None: the reply whole, in the format of `whole_reply`. `refusal`: makes the answer for a failure.
    `at_once`: a stream begins before the run has said anything.
    """

    def refused(error: LamError) -> Response:
        response = refusal(error)
        response.headers["x-lam-stream"] = following.stream_id
        return response

    if lines is not None:
        all_headers = {**headers, "x-lam-stream": following.stream_id, **await _limits(following, program, parts)}
        return ProgramStream(following, lines, parts.open_streams, program, all_headers, None if at_once else refused)
    try:
        reply = await whole(following, program, parts.open_streams, request.receive)
        if isinstance(reply.terminal, Error):
            raise failure_of(reply.terminal)
        if reply.terminal is None or reply.terminal.finish_reason == "cancelled":
            raise Stopped
    except LamError as error:
        return refused(error)
    all_headers = {**headers, "x-lam-stream": following.stream_id, **await _limits(following, program, parts)}
    return Response(msgspec.json.encode(whole_reply(reply, reply.terminal)), 200, all_headers, JSON)


async def _limits(following: Following, program: Program, parts: Services) -> dict[str, str]:
    if not following.limited:
        return {}
    now = datetime.now(UTC)
    try:
        return rate_limits(await parts.programs.standing(program, now), now)
    except StorageUnavailable:  # the run has begun: its answer is worth more than these headers
        return {}
