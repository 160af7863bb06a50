"""Raw connections to a gateway: what is refused, what is waited for and how long, and what waiting never touches."""

import asyncio
import contextlib
import inspect
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from lam.api.connections import Patience
from lam.api.http_protocol import HttpProtocol
from lam.client.client import Client
from lam.gateway import Bounds
from lam.protocol.events import Done
from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway, running_gateway

HEALTH = b"GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n"
LOGIN = b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BRIEF = Patience(head=0.3, idle=0.3, body=0.3, silence=0.3, drain=0.3, linger=0.3, unread=2, look=0.02, tokens=0.02)


class Raw:
    """A connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes, step: int = 1 << 30) -> None:
        """In parts of so many bytes, until the other side takes no more."""
        with contextlib.suppress(ConnectionError):
            for start in range(0, len(data), step):
                self.writer.write(data[start : start + step])
                await self.writer.drain()
                if step < 1 << 20:
                    await asyncio.sleep(0)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer's status, headers and body."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return int(first.split(" ")[1]), headers, await self.reader.readexactly(int(headers.get("content-length", "0")))

    async def status(self) -> int:
        return (await self.answer())[0]

    async def closed(self) -> bytes:
        """What still comes until the other side closes."""
        with contextlib.suppress(ConnectionError):
            return await self.reader.read()
        return b""


@contextlib.asynccontextmanager
async def connection(gateway: Gateway, **options: int) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rsplit(":", 1)[1]), **options)
    try:
        yield Raw(reader, writer)
    finally:
        writer.transport.abort()


@pytest.fixture
async def hasty(scripted: ScriptedServer, tmp_path: Path) -> AsyncIterator[Gateway]:
    """A gateway without patience."""
    async with running_gateway(
        tmp_path / "data", bounds=Bounds(connections=BRIEF), llm_server_url=scripted.url, lam_max_reply_chars=10_000_000
    ) as gateway:
        yield gateway


@contextlib.asynccontextmanager
async def known(hasty: Gateway, before: bytes) -> AsyncIterator[Raw]:
    """A connection on which this request has succeeded; where the machine paused in it, another one."""
    async with contextlib.AsyncExitStack() as stack:
        while True:
            raw = await stack.enter_async_context(connection(hasty))
            if not before:
                break
            await raw.send(before)
            if (status := await raw.status()) == 200:
                break
            assert status == 408
        yield raw


ENDLESS = {
    "a header's value": (b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000, 431),
    "a header's name": (b"GET / HTTP/1.1\r\n" + b"a" * 200_000, 431),
    "an address": (b"GET /" + b"a" * 200_000, 414),
    "headers": (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 40_000, 431),
    "large headers": (b"GET / HTTP/1.1\r\n" + (b"A: " + b"b" * 8000 + b"\r\n") * 20, 431),
    "empty lines": (b"\r\n" * 40_000, 400),
    "trailers": (LOGIN + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 40_000, 431),
    "a trailer": (LOGIN + b"Transfer-Encoding: chunked\r\n\r\n0\r\nA: " + b"b" * 200_000, 431),
    "a chunk's extension": (LOGIN + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"a" * 200_000, 431),
    "chunks' extensions": (LOGIN + b"Transfer-Encoding: chunked\r\n\r\n" + (b"1;" + b"a" * 4000 + b"\r\nx\r\n") * 20, 431),
    "a chunk's size": (LOGIN + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 200_000, 431),
    "an upgrade": (b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX: " + b"a" * 200_000, 431),
    "no HTTP at all": (b"\x16\x03\x01" + b"\0" * 200_000, 400),
    "a line without HTTP": (b"hello\r\n" * 40_000, 400),
}


@pytest.mark.parametrize("before", [b"", HEALTH], ids=["at once", "after a good request"])
async def test_whatever_has_no_end_is_refused_and_the_connection_closed(gateway: Gateway, before: bytes) -> None:
    for what, (data, status) in ENDLESS.items():
        async with connection(gateway) as raw:
            if before:
                await raw.send(before)
                assert await raw.status() == 200
            await raw.send(data)
            found, headers, body = await raw.answer()
            assert (found, headers["connection"]) == (status, "close"), what
            assert set(json.loads(body)) == {"detail", "code"}
            assert await raw.closed() == b""


async def test_a_refusal_does_not_depend_on_how_the_bytes_were_cut(gateway: Gateway) -> None:
    for what in ("a header's value", "an address", "headers", "a chunk's extension", "trailers"):
        data, status = ENDLESS[what]
        async with connection(gateway) as raw:
            answered = asyncio.create_task(raw.status())  # read at once: a refused connection is not held open for a slow sender
            await raw.send(data[:20_000], step=1)
            assert await answered == status, what


async def test_requests_sent_ahead_are_answered_in_order_one_after_the_other(gateway: Gateway) -> None:
    chunked = LOGIN + b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\nX: y\r\n\r\n"
    ahead = (HEALTH + chunked + LOGIN + b"Content-Length: 2\r\n\r\n{}" + b"\r\n" + HEALTH) * 20
    for step in (1 << 20, 97):
        async with connection(gateway) as raw:
            sending = asyncio.create_task(raw.send(ahead, step))
            assert [await raw.status() for _ in range(80)] == [200, 422, 422, 200] * 20
            await sending


async def test_a_refusal_waits_for_the_answers_before_it(gateway: Gateway) -> None:
    async with connection(gateway) as raw:
        await raw.send(HEALTH * 3 + b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000)
        assert [await raw.status() for _ in range(4)] == [200, 200, 200, 431]


async def test_thousands_of_requests_in_one_read_are_kept_as_bytes_until_their_turn(gateway: Gateway) -> None:
    small = b"GET /api/x HTTP/1.1\r\n\r\n"
    async with connection(gateway) as raw:
        await raw.send(small * 2000)
        assert [await raw.status() for _ in range(2000)] == [404] * 2000


async def test_a_body_behind_an_upgrade_is_the_body(gateway: Gateway) -> None:
    """As Java's HttpClient sends it, and curl --http2."""
    body = b'{"email": "a@b.example", "password": "x"}'
    head = LOGIN + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAA\r\n"
    async with connection(gateway) as raw:
        await raw.send(head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body) + HEALTH)
        assert [await raw.status(), await raw.status()] == [401, 200]


async def test_unusual_but_valid_requests_get_an_answer_of_the_gateway(gateway: Gateway) -> None:
    for first in (
        b"GET /api/health HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"GET http://x/api/health HTTP/1.1",
        b"GET // HTTP/1.1",
        b"HEAD / HTTP/1.0",
    ):
        async with connection(gateway) as raw:
            await raw.send(first + b"\r\nHost: x\r\n\r\n")
            assert int((await raw.reader.readuntil(b"\r\n")).split(b" ")[1]) < 500, first


# Time


SILENT = {
    "nothing": b"",
    "half a line": b"GET / HT",
    "half a head": b"GET / HTTP/1.1\r\nHost: x\r\n",
    "an empty line": b"\r\n",
    "half a body": LOGIN + b"Content-Length: 100\r\n\r\nhello",
    "no body at all": LOGIN + b"Content-Length: 100\r\n\r\n",
    "half a chunk": LOGIN + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
    "no last chunk": LOGIN + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "no end of the trailers": LOGIN + b"Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n",
    "an expectation": LOGIN + b"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n",
}


@pytest.mark.parametrize("before", [b"", HEALTH], ids=["at once", "after a good request"])
async def test_whoever_falls_silent_is_let_go(hasty: Gateway, before: bytes) -> None:
    async def silence(what: str) -> None:
        async with known(hasty, before) as raw:
            await raw.send(SILENT[what])
            rest = (await raw.closed()).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
            assert rest == b"" or rest.startswith(b"HTTP/1.1 408 "), what

    async with asyncio.timeout(60):
        await asyncio.gather(*map(silence, SILENT))
        while hasty.parts.connections.count:
            await asyncio.sleep(0.01)


async def test_empty_lines_now_and_then_gain_no_time(hasty: Gateway) -> None:
    async with known(hasty, HEALTH) as raw:
        end = asyncio.create_task(raw.closed())
        lines = 0
        while not end.done():
            await raw.send(b"\r\n"[lines % 2 : lines % 2 + 1])
            lines += 1
            await asyncio.sleep(0.05)
        assert end.result() == b""
        assert lines < 200  # the end came by the clock, not by their number


async def test_whoever_waits_to_be_asked_for_a_body_is_not_late(hasty: Gateway) -> None:
    """An upload that waits for its turn: the client sends nothing before `100 Continue`."""
    async with contextlib.AsyncExitStack() as stack, connection(hasty) as raw:
        user = (await hasty.parts.accounts.identify(hasty.token)).user.id
        await stack.enter_async_context(hasty.parts.documents.turn(user))
        head = f"POST /api/chatbot/upload-document HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {hasty.token}\r\n"
        await raw.send(
            f"{head}Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        first = asyncio.create_task(raw.reader.readuntil(b"\r\n\r\n"))
        async with connection(hasty) as later:  # whoever falls silent after it is let go before it
            await later.send(LOGIN + b"Content-Length: 9\r\n\r\n")
            assert await later.status() == 408
        assert not first.done()
        await stack.aclose()
        assert (await first).startswith(b"HTTP/1.1 100 ")


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\nX: ", LOGIN + b"Content-Length: 16000\r\n\r\n"], ids=["head", "body"])
async def test_a_byte_now_and_then_gains_no_time(hasty: Gateway, start: bytes) -> None:
    async with connection(hasty) as raw:
        await raw.send(start)
        answer = asyncio.create_task(raw.status())
        while not answer.done():
            await raw.send(b"a")
            await asyncio.sleep(0.05)
        assert answer.result() == 408


async def test_a_slow_upload_that_goes_on_is_waited_for(scripted: ScriptedServer, tmp_path: Path) -> None:
    patience = Patience(body=0.2, body_rate=1000, silence=10, look=0.02)
    async with running_gateway(tmp_path / "data", bounds=Bounds(connections=patience), llm_server_url=scripted.url) as gateway:
        async with connection(gateway) as raw:
            await raw.send(LOGIN + b"Content-Length: 16000\r\n\r\n" + b" " * 4000)  # which may take four seconds
            for _ in range(60):  # for three times the 0.2 s and more, faster than the rate
                await raw.send(b" " * 200)
                await asyncio.sleep(0.02)  # Time itself: the pace of the upload
            assert await raw.status() == 422


async def test_a_body_that_nobody_wants_is_not_read_for_ever(hasty: Gateway) -> None:
    async with connection(hasty) as raw:
        await raw.send(LOGIN + b"Content-Length: 1000000000\r\n\r\n")
        assert await raw.status() == 413
        closed = asyncio.create_task(raw.closed())
        while not closed.done():
            await raw.send(b"a" * 1000)
            await asyncio.sleep(0.01)


async def test_a_stream_and_a_long_wait_are_never_cut(hasty: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("one", "two"), hold=True)
    async with hasty.client() as client:
        sessions = [(await client.create_session())["id"] for _ in range(2)]
        events = asyncio.create_task(ending(client, sessions[0]))
        waiting = asyncio.create_task(client.call("POST", "/api/chatbot/messages", {"session_id": sessions[1], "content": "hi"}))
        await scripted.arrival(2)
        async with connection(hasty) as later:
            await later.send(b"GET / HTTP/1.1\r\n")
            assert await later.status() == 408
        assert not events.done()
        assert not waiting.done()
        scripted.step(4)
        assert (await events).full_content == "onetwo"
        assert (await waiting)["assistant_message"]["content"] == "onetwo"


async def ending(client: Client, session: int) -> Done:
    (done,) = [event async for event in client.send(session, "hi") if isinstance(event, Done)]
    return done


@pytest.mark.sse
async def test_a_reader_that_takes_nothing_is_let_go_and_one_that_takes_little_is_not(
    scripted: ScriptedServer, tmp_path: Path
) -> None:
    """Also where one event is larger than what it takes in that time."""
    scripted.reply = Reply(("x" * 900_000,) * 4)
    bounds = Bounds(connections=replace(BRIEF, unread=10))  # longer than a pause of the machine
    async with (
        running_gateway(tmp_path / "data", bounds=bounds, llm_server_url=scripted.url, lam_max_reply_chars=10_000_000) as gateway,
        gateway.client() as client,
    ):
        session = (await client.create_session())["id"]
        done = await ending(client, session)
        message = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
        assert len(done.full_content) == 3_600_000
        gateway.parts.streams._shelf.clear()  # rebuilt, the text is one event
        request = (
            f"GET /api/chatbot/streams/{message[-1]['stream_id']} HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {gateway.token}\r\n\r\n"
        ).encode()
        async with connection(gateway, limit=512) as slow, connection(gateway, limit=512) as silent:
            for raw in (slow, silent):
                await raw.send(request)
                await raw.reader.readuntil(b"\r\n")
            opened = gateway.parts.open_streams
            while opened.count == 2:  # one of them goes
                await slow.reader.read(1 << 15)
                await asyncio.sleep(0.01)
            end = b""
            while not end.endswith(b"\r\n0\r\n\r\n"):
                piece = await slow.reader.read(1 << 15)
                assert piece, "the slow reader was let go"
                await asyncio.sleep(0.02)
                end = (end + piece)[-16:]


# What the subclass relies on


def test_the_methods_that_are_overridden_and_the_names_that_are_read_are_uvicorns() -> None:
    """An upgrade that renames one of them fails here, and not in silence."""
    overridden = {
        "__init__": ["self", "config", "server_state", "app_state", "_loop"],
        "connection_made": ["self", "transport"],
        "connection_lost": ["self", "exc"],
        "data_received": ["self", "data"],
        "on_message_begin": ["self"],
        "on_headers_complete": ["self"],
        "on_message_complete": ["self"],
        "on_response_complete": ["self"],
    }
    for name, parameters in overridden.items():
        assert name in vars(HttpProtocol)
        assert list(inspect.signature(getattr(HttpToolsProtocol, name)).parameters) == parameters, name
    inherited = {name for name in vars(HttpProtocol) if name in vars(HttpToolsProtocol) and not name.startswith("__")}
    assert inherited == set(overridden) - {"__init__"}
    for owner, names in {
        HttpToolsProtocol.__init__: ("parser", "flow", "cycle", "transport", "loop"),
        HttpToolsProtocol.on_response_complete: ("_unset_keepalive_if_required", "is_closing", "resume_reading"),
        RequestResponseCycle.__init__: (
            "response_complete",
            "response_started",
            "disconnected",
            "message_event",
            "scope",
            "waiting_for_100_continue",
            "transport",
        ),
        FlowControl.__init__: ("read_paused", "write_paused"),
    }.items():
        used = {*owner.__code__.co_names, *owner.__code__.co_varnames}
        assert used >= set(names), owner.__qualname__
