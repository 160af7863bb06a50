"""What the scripted model server says: a reply as a script, and the stream that it becomes, with every fault.

It must not know who asked.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Coroutine
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from lam.testing.http_server import Received, chunk

Fault = Literal[
    "none",
    "loading",  # 503 with llama.cpp's error object, `times` times
    "overloaded",  # 429, `times` times
    "server_error",  # 500 with an error object
    "bad_request",  # 400 with an error object
    "html_error",  # 502 with a web page
    "html",  # 200 with a web page
    "cut",  # the connection closes after `after` pieces
    "no_finish",  # the stream ends without a finish reason
    "done_without_finish",  # `[DONE]` without one
    "garbage",  # a data line that is not JSON
    "invalid_utf8",
    "error_data",  # `data: {"error": …}` in mid-stream
    "error_line",  # `error: {…}` in mid-stream, as older llama.cpp servers do
    "endless_line",  # a line that never ends
    "hang",  # only pings follow
    "silent",  # nothing more follows
    "json",  # the whole reply as a single JSON document
]


REFUSALS = ("none", "loading", "overloaded")  # after enough refusals the whole reply comes


class Reply(Struct, frozen=True):
    """The reply to a chat request. To a request that ends with the text of its first pieces comes the rest of them.

    `pieces`: one delta each; a data URI becomes a picture, as OpenRouter sends it. `rate`: pieces per second; 0 means as fast as
    the client takes them. `hold`: each piece, or the refusal, waits for `server.step()`. `progress`: number of prompt progress
    reports before the first piece, `wait` seconds apart; `wait` is also the time to the first byte. `after`: number of pieces
    before the fault. `slice`: bytes per write; 0 means a whole event. `finish_reason`: any text. `thinking`: thoughts before the
    pieces, which `POST /v1/chat/completions/control` ends.
    """

    pieces: tuple[str, ...] = ("Once", " upon", " a", " time")
    thinking: tuple[str, ...] = ()
    rate: float = 0
    hold: bool = False
    wait: float = 0
    progress: int = 0
    fault: Fault = "none"
    times: int = 1
    after: int = 0
    finish_reason: str = "stop"
    prompt_tokens: int = 10  # in the usage
    line_end: str = "\n"
    ping_every: int = 0
    slice: int = 0
    error_code: int | str | None = 400  # in the body of `bad_request`
    raw: tuple[str, ...] = ()  # data lines to send unchanged, instead of the pieces
    status: int = 200  # any other status refuses the request with `body`, unchanged
    body: str = ""
    headers: dict[str, str] = {}


class Cue(Struct, frozen=True):
    """A reply for requests whose turns contain the text; the first one that fits counts, before the script."""

    text: str
    reply: Reply


class Request(Received, kw_only=True):
    """A received chat request: its body, and how many pieces of the reply it got."""

    body: dict[str, Any]
    id: str = ""
    sent: int = 0
    began_at: float = field(default_factory=time.monotonic)


class ReplyStream:
    """One reply on its way. `steps`: of a reply with `hold`. `plain`: it answers a bare prompt.

    `answer_now`, once set, ends the thoughts; `rush` sends the pieces that are left without pauses.
    """

    def __init__(
        self,
        reply: Reply,
        request: Request,
        writer: asyncio.StreamWriter,
        *,
        model: str,
        steps: asyncio.Semaphore,
        plain: bool = False,
    ) -> None:
        self.answer_now = asyncio.Event()
        self.rush = asyncio.Event()
        self._plain = plain
        self._reply = reply
        self._request = request
        self._out = _EventWriter(writer, reply)
        self._model = model
        self._steps = steps
        self._begun = 0 if plain else begun(reply, request.body)

    async def write(self) -> bool:
        """Returns whether the connection can be reused."""
        reply, out = self._reply, self._out
        if reply.wait and not reply.progress:
            await asyncio.sleep(reply.wait)
        out.head()
        about = {"model": self._model, "id": self._request.id}
        await out.event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}], **about})
        for done in range(reply.progress):
            report = {"total": 100 * reply.progress, "cache": 0, "processed": 100 * (done + 1), "time_ms": 1}
            await out.event({"choices": [], **about, "prompt_progress": report})
            await asyncio.sleep(reply.wait)
        deltas = [{"reasoning_content": text} for text in reply.thinking] + [_delta(text) for text in reply.pieces]
        begun = len(reply.thinking) + self._begun if self._begun else 0
        start = time.monotonic() - (begun / reply.rate if reply.rate else 0)
        for number, delta in enumerate(deltas):
            if number < begun:
                continue
            if reply.fault not in REFUSALS and number == reply.after:
                return await self._fail()
            if "reasoning_content" in delta:
                if not self.answer_now.is_set():
                    await _first(self._turn(start, number), self.answer_now.wait())
                if self.answer_now.is_set():
                    start -= 1 / reply.rate if reply.rate else 0
                    continue
            else:
                await self._turn(start, number)
            if reply.ping_every and number % reply.ping_every == 0:
                await out.raw(":" + 2 * reply.line_end)
            said = {"text": delta.get("content")} if self._plain else {"delta": delta}
            await out.event({"choices": [{"index": 0, **said, "finish_reason": None}], **about})
            self._request.sent = number + 1
        for line in reply.raw:
            await out.raw(f"data: {line}" + 2 * reply.line_end)
        if reply.fault not in REFUSALS:
            return await self._fail()
        await out.event({"choices": [{"index": 0, "delta": {}, "finish_reason": reply.finish_reason}], **about})
        last = {
            "choices": [],
            **about,
            "usage": usage(len(deltas) - begun, reply.prompt_tokens + begun),
            "timings": {"predicted_per_second": 50.0},
        }
        await out.event(last)
        await out.raw("data: [DONE]" + 2 * reply.line_end)
        await out.end()
        return True

    async def _turn(self, start: float, number: int) -> None:
        """Waits until that piece is due."""
        reply = self._reply
        if self.rush.is_set():
            return
        if reply.hold:
            await _first(self._steps.acquire(), self.rush.wait())
        elif reply.rate and (ahead := start + number / reply.rate - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ahead):
                    await self.rush.wait()

    async def _fail(self) -> bool:
        reply, out = self._reply, self._out
        error = {"error": {"code": 500, "message": "the slot failed", "type": "server_error"}}
        match reply.fault:
            case "garbage":
                await out.raw("data: {this is not JSON" + 2 * reply.line_end)
            case "invalid_utf8":
                await out.raw(b'data: {"choices": [{"delta": {"content": "\xff\xfe"}}]}\n\n')
            case "error_data":
                await out.event(error)
            case "error_line":
                await out.raw(f"error: {json.dumps(error['error'])}" + 2 * reply.line_end)
            case "done_without_finish":
                await out.raw("data: [DONE]" + 2 * reply.line_end)
            case "endless_line":
                await out.raw("data: ")
                while True:
                    await out.raw("x" * 65536)
            case "hang":
                while True:
                    await out.raw(":" + 2 * reply.line_end)
                    await asyncio.sleep(0.05)
            case "silent":
                await asyncio.sleep(3600)
        if reply.fault == "cut":
            return False
        await out.end()
        return True


class _EventWriter:
    """Chunked transfer encoding around Server-Sent Events."""

    def __init__(self, writer: asyncio.StreamWriter, reply: Reply) -> None:
        self._writer = writer
        self._reply = reply

    def head(self) -> None:
        self._writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
        )

    async def event(self, value: Any) -> None:
        await self.raw(b"data: " + msgspec.json.encode(value) + 2 * self._reply.line_end.encode())

    async def raw(self, data: str | bytes) -> None:
        data = data.encode() if isinstance(data, str) else data
        size = self._reply.slice or len(data)
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            self._writer.write(chunk(piece))
            await self._writer.drain()
            if self._reply.slice:
                await asyncio.sleep(0)

    async def end(self) -> None:
        self._writer.write(chunk(b""))
        await self._writer.drain()


async def _first(*waits: Coroutine[Any, Any, Any]) -> None:
    """Waits for the first of these and cancels the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def begun(reply: Reply, body: dict[str, Any]) -> int:
    """Returns how many pieces of the reply the request to continue it ends with; 0 where it ends otherwise."""
    last = (body.get("messages") or [{}])[-1]
    text = last.get("content") if last.get("role") == "assistant" else None
    so_far = ""
    for number, piece in enumerate(reply.pieces, 1):
        so_far += piece
        if so_far == text:
            return number
    return 0


def _delta(piece: str) -> dict[str, Any]:
    if piece.startswith("data:image/"):
        return {"content": "", "images": [{"type": "image_url", "image_url": {"url": piece}, "index": 0}]}
    return {"content": piece}


def usage(tokens: int, prompt: int = 10) -> dict[str, Any]:
    """Returns the usage of a reply of that many tokens."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": tokens,
        "total_tokens": prompt + tokens,
        "prompt_tokens_details": {"cached_tokens": 3},
    }
