"""A sound as an answer: written while it is made, and ended when its client leaves. A plain ASGI callable.

It must not know which server makes the sound.
"""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeVar

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lam.api.event_stream import disconnected
from lam.engines.voice_servers import Sound
from lam.errors import LamError

log = logging.getLogger(__name__)

T = TypeVar("T")
_UNBUFFERED: Final = [(b"x-accel-buffering", b"no")]


class AudioStream(Response):
    """Enters `sound` and writes its pieces. A failure before the first piece is an error answer; after it the connection is cut, so
    that nobody takes half a sound for a whole one."""

    def __init__(self, sound: AbstractAsyncContextManager[Sound]) -> None:
        self.status_code = 200
        self.background = None
        self.body = b""
        self._sound = sound
        self._began = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await while_connected(receive, self._write(send))
        except ClientDisconnect:
            pass
        except LamError as error:
            if not self._began:
                raise
            log.warning("A sound was cut off: %s", error.message)
            scope["state"]["link"].abort()

    async def _write(self, send: Send) -> None:
        async with self._sound as sound:
            headers = [(b"content-type", sound.type.encode("latin-1")), *_UNBUFFERED]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            self._began = True
            async for piece in sound.pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Returns what the work returns. When the client leaves, the work is cancelled, and ClientDisconnect raised.

    Nothing else may read from `receive` meanwhile; the request's body has been read.
    """
    working = asyncio.create_task(work, name="voice")
    gone = asyncio.create_task(disconnected(receive), name="disconnected")
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        gone.cancel()
        await asyncio.gather(working, gone, return_exceptions=True)
