"""Tests whether an event stream arrives as the gateway sends it, or a proxy holds it back.

The test compares order, not time. On a second connection it asks the gateway how far the run is; events sent before one answer must
have arrived by the next. Behind a proxy that buffers the stream most have not; on an open path they have, apart from rare
accidents.

It uses the client as anybody would and needs nothing special from the gateway.
"""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Final

from msgspec import Struct

from lam.client.client import Client
from lam.errors import from_code
from lam.protocol.events import Error

PROMPT: Final = "Tell me a very long story about a lighthouse, in many chapters."
TOKENS: Final = 512
LOOKS: Final = 24
ENOUGH: Final = 3
TOO_LATE: Final = 4  # held back: at least one check in four came before the event it expected
PAUSE: Final = 0.01
END_SECONDS: Final = 2
AT_MOST_SECONDS: Final = 20  # a slow model may need longer for that much text: then fewer checks must do


class Verdict(Struct, frozen=True):
    """The result. `held_back`: None when the reply was too short to tell. `encoding`: the stream's compression on the way."""

    held_back: bool | None
    encoding: str | None


class _Arrivals:
    """The events received of one stream. `task` ends with the stream, and raises its failure."""

    def __init__(self, client: Client, session_id: int) -> None:
        self.last = 0
        self.encoding: str | None = None
        self.task = asyncio.create_task(self._read(client, session_id), name="arrivals")

    async def _read(self, client: Client, session_id: int) -> None:
        body = {"session_id": session_id, "content": PROMPT, "max_tokens": TOKENS}
        async with aclosing(client.events("POST", "/api/chatbot/messages/stream", body, opened=self._opened)) as events:
            async for number, event in events:
                self.last = number
                if isinstance(event, Error):
                    raise from_code(event.code, event.message, retryable=event.retryable)

    def _opened(self, headers: Mapping[str, str]) -> None:
        self.encoding = headers.get("Content-Encoding")


async def look(client: Client) -> Verdict:
    """Lets the model talk until there is a verdict, and removes the session. Raises LamError, including the reply's own error."""
    session_id = (await client.create_session(title="lam doctor"))["id"]
    arrivals = _Arrivals(client, session_id)
    try:
        held_back = await _judge(client, session_id, arrivals)
    finally:
        try:
            await client.call("DELETE", f"/api/chatbot/sessions/{session_id}")  # this stops the model
            await asyncio.wait({arrivals.task}, timeout=END_SECONDS)  # and releases what was held back
        finally:
            arrivals.task.cancel()
            await asyncio.gather(arrivals.task, return_exceptions=True)
    return Verdict(held_back, arrivals.encoding)


async def _judge(client: Client, session_id: int, arrivals: _Arrivals) -> bool | None:
    clock = asyncio.get_running_loop().time
    deadline = clock() + AT_MOST_SECONDS
    looks = late = sent = last_check = 0
    while looks < LOOKS and clock() < deadline and not arrivals.task.done():
        running = await client.call("GET", f"/api/chatbot/sessions/{session_id}/stream")
        if sent > last_check:  # an event that no check has covered yet
            looks += 1
            if arrivals.last < sent:
                late += 1
            else:
                last_check = sent
        if running is None and sent:
            break
        sent = running["last_event_id"] if running else sent
        await asyncio.sleep(PAUSE)
    if arrivals.task.done():
        arrivals.task.result()
    return late * TOO_LATE >= looks if looks >= ENOUGH else None
