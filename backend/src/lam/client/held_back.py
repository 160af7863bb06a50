"""Whether an event stream arrives as the gateway sends it, or something in between holds it back.

Judged by order, not by time. On another connection the gateway is asked how far the run is; what it had sent by one answer must
have arrived by the next one. Behind a proxy that gathers the stream into blocks it mostly has not; on an open way it has, but for
an accident now and then.
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
TOO_LATE: Final = 4  # held back: one look in four, or more, came too early for the event it looked for
PAUSE: Final = 0.01
END_SECONDS: Final = 2
AT_MOST_SECONDS: Final = 20  # a slow model may take longer to say so much: then fewer looks must do


class Verdict(Struct, frozen=True):
    """`held_back`: None where the reply was too short to tell. `encoding`: what the stream was compressed with on the way."""

    held_back: bool | None
    encoding: str | None


class _Arrivals:
    """What has come of one stream. `task` ends with it, and raises what it failed with."""

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
    """Has the model talk until that can be told, and leaves no session behind. Raises LamError, also what the reply ended with."""
    session_id = (await client.create_session(title="lam doctor"))["id"]
    arrivals = _Arrivals(client, session_id)
    try:
        held_back = await _judge(client, session_id, arrivals)
    finally:
        try:
            await client.call("DELETE", f"/api/chatbot/sessions/{session_id}")  # which stops the model
            await asyncio.wait({arrivals.task}, timeout=END_SECONDS)  # and lets go of what was held back
        finally:
            arrivals.task.cancel()
            await asyncio.gather(arrivals.task, return_exceptions=True)
    return Verdict(held_back, arrivals.encoding)


async def _judge(client: Client, session_id: int, arrivals: _Arrivals) -> bool | None:
    clock = asyncio.get_running_loop().time
    deadline = clock() + AT_MOST_SECONDS
    looks = late = sent = seen = 0
    while looks < LOOKS and clock() < deadline and not arrivals.task.done():
        running = await client.call("GET", f"/api/chatbot/sessions/{session_id}/stream")
        if sent > seen:  # an event that no look has found yet
            looks += 1
            if arrivals.last < sent:
                late += 1
            else:
                seen = sent
        if running is None and sent:
            break
        sent = running["last_event_id"] if running else sent
        await asyncio.sleep(PAUSE)
    if arrivals.task.done():
        arrivals.task.result()
    return late * TOO_LATE >= looks if looks >= ENOUGH else None
