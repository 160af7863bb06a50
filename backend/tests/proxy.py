"""A small HTTP proxy: CONNECT for TLS, whole URLs for the rest, with a login if it wants one."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit


class Proxy:
    """`login`: `USER:PASSWORD`. `refuses`: the status of every answer, instead of a connection. `seen`: the first line of each
    request."""

    def __init__(self, login: str | None = None, refuses: int | None = None) -> None:
        self.login = login
        self.refuses = refuses
        self.seen: list[str] = []
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, _, rest = head.partition("\r\n")
        self.seen.append(first)
        method, target, version = first.split(" ")
        wanted = f"Basic {base64.b64encode(self.login.encode()).decode()}" if self.login else ""
        if self.refuses or wanted not in head:
            writer.write(f"HTTP/1.1 {self.refuses or 407} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
            return
        if method == "CONNECT":
            host, port = target.rsplit(":", 1)
        else:
            parts = urlsplit(target)
            host, port = str(parts.hostname), str(parts.port)
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            far_writer.write(
                f"{method} {parts.path}{'?' + parts.query if parts.query else ''} {version}\r\n{rest}".encode("latin-1")
            )
        both = [asyncio.create_task(_pass(*ends)) for ends in ((reader, far_writer), (far_reader, writer))]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            far_writer.transport.abort()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()


@contextlib.asynccontextmanager
async def running_proxy(login: str | None = None, refuses: int | None = None) -> AsyncIterator[Proxy]:
    proxy = Proxy(login, refuses)
    server = await asyncio.start_server(proxy._connected, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
