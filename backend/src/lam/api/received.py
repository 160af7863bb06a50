"""Files that come as the body of a request: they are written to a temporary file, never held in memory."""

import asyncio
from typing import IO, Final

from starlette.requests import Request

from lam.errors import Invalid

PIECE: Final = 1 << 20


async def receive(request: Request, file: IO[bytes]) -> int:
    """Writes the body into a file, goes back to its beginning, and returns its size. Raises Invalid for an empty one."""
    pieces: list[bytes] = []
    size = whole = 0
    async for piece in request.stream():
        pieces.append(piece)
        size += len(piece)
        if size >= PIECE:
            await asyncio.to_thread(file.write, b"".join(pieces))
            whole, size, pieces = whole + size, 0, []
    await asyncio.to_thread(file.write, b"".join(pieces))
    if not whole + size:
        raise Invalid("The file is empty.")
    await asyncio.to_thread(file.seek, 0)
    return whole + size
