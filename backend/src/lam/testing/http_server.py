"""The part of HTTP that the scripted servers share: connections, heads and bodies, and work that ends when its client leaves.

It must not know what is asked.
"""

import asyncio
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Mapping
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import msgspec
from msgspec import Struct


class Received(Struct, kw_only=True):
    """A received request, and what became of it."""

    headers: dict[str, str]
    left_early: bool = False
    ended: bool = False
    closed_at: float | None = None


R = TypeVar("R", bound=Received)


async def close(server: asyncio.Server) -> None:
    """Closes a server. What it has just accepted begins first: in Python 3.11 a connection that begins later is never closed."""
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener.fileno())
    for _ in range(2):
        await asyncio.sleep(0)
    server.close()


class HttpServer(ABC, Generic[R]):
    """A server on loopback, as an async context manager. `requests`: those that it keeps. `active`: how many are being answered."""

    def __init__(self, *, port: int = 0) -> None:
        self.port = port
        self.tls: ssl.SSLContext | None = None
        self.requests: list[R] = []
        self.active = 0
        self._steps = asyncio.Semaphore(0)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.vanish()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, backlog=4096, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def vanish(self) -> None:
        """Behaves as if the process were killed: refuses new connections and cuts the open ones."""
        if self._server is not None:
            await close(self._server)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def step(self, pieces: int = 1) -> None:
        """Lets an answer with `hold` send its next pieces."""
        for _ in range(pieces):
            self._steps.release()

    async def arrival(self, count: int = 1) -> R:
        """Waits for that many requests and returns the last of them."""
        while len(self.requests) < count:
            await asyncio.sleep(0.005)
        return self.requests[count - 1]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    @abstractmethod
    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answers one request. Returns whether the connection goes on."""

    async def _while_connected(self, request: R, reader: asyncio.StreamReader, answer: Coroutine[Any, Any, bool]) -> bool:
        """Writes the answer. Returns its result; False when the client left before its end."""
        self.active += 1
        work = asyncio.create_task(answer)
        gone = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            # a client that leaves may fail our next write before its end is read
            request.left_early = not work.done() or isinstance(work.exception(), ConnectionError)
        finally:
            self.active -= 1
            request.closed_at = time.monotonic()
            for task in (work, gone):
                task.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)
        return not request.left_early and work.result()


async def read_head(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str]]:
    """Returns the method, the target and the headers of the next request; their names in lower case."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ", 2)
    pairs = (line.partition(":") for line in head[1:])
    return method, target, {name.lower(): value.strip() for name, _, value in pairs if name}


async def read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    """Returns the body, of a known length or in chunks."""
    if headers.get("transfer-encoding", "") != "chunked":
        return await reader.readexactly(int(headers.get("content-length", "0")))
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body


def chunk(data: bytes) -> bytes:
    """Returns a piece of a body in chunks; the empty piece ends it."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def answer_bytes(status: int, kind: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    """Returns a whole answer."""
    more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    head = f"HTTP/1.1 {status} Scripted\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode("latin-1") + body


def json_bytes(status: int, answer: Any) -> bytes:
    """Returns a whole answer with a JSON document."""
    return answer_bytes(status, "application/json", msgspec.json.encode(answer))
