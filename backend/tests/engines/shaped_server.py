"""A model server that answers each chat with the body of a shape: the one whose name is the newest message."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .shapes import SHAPES, Shape

_BY_NAME = {shape.name: shape for shape in SHAPES}


@asynccontextmanager
async def shaped_server(*, slice_bytes: int = 0) -> AsyncIterator[str]:
    """Its address. `slice_bytes`: the body goes out in pieces of that size, each a write of its own."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = next((int(line.split(":")[1]) for line in head.lower().split("\r\n") if line.startswith("content-length")), 0)
            body = await reader.readexactly(length)
            if "/chat/completions" in head:
                await _answer(_BY_NAME[json.loads(body)["messages"][-1]["content"]], writer)
            else:
                models = b'{"data": [{"id": "shaped"}]}'
                found = "/v1/models" in head
                status = "200 OK" if found else "404 Not Found"
                writer.write(
                    f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(models)}\r\n\r\n".encode()
                )
                writer.write(models)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(shape: Shape, writer: asyncio.StreamWriter) -> None:
        label = f"Content-Type: {shape.content_type}\r\n" if shape.content_type else ""
        writer.write(f"HTTP/1.1 200 OK\r\n{label}Content-Length: {len(shape.body)}\r\nConnection: close\r\n\r\n".encode())
        size = slice_bytes or len(shape.body) or 1
        for start in range(0, len(shape.body), size):
            writer.write(shape.body[start : start + size])
            await writer.drain()
            if slice_bytes:
                await asyncio.sleep(0)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
