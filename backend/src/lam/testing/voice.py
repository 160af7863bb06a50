"""A scripted server of voices: speaks and listens as OpenAI's API does, and has every fault that such a server may have.

In a test it runs inside the process (`async with ScriptedVoice() as voice`); `voice.speech` and `voice.transcription` decide the
next answers. As a program, `python -m lam.testing.voice --port 8081`, it answers each text with a tone of its length and each
recording with the same words.

It must not import an engine: it is the other side.
"""

import argparse
import asyncio
import json
import math
import struct
from typing import Any, Final, Literal

from msgspec import Struct

from lam.testing.http_server import HttpServer, Received, chunk, read_body, read_head

RATE: Final = 16_000
SECONDS_A_CHARACTER: Final = 0.06
HEARD: Final = "Tell me a short story."


def tone(seconds: float, rate: int = RATE) -> bytes:
    """Returns a WAV file: a quiet 440 Hz."""
    count = int(seconds * rate)
    samples = struct.pack(f"<{count}h", *(int(3000 * math.sin(2 * math.pi * 440 * at / rate)) for at in range(count)))
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    return b"RIFF" + struct.pack("<I", 36 + len(samples)) + b"WAVE" + form + b"data" + struct.pack("<I", len(samples)) + samples


class Answer(Struct, frozen=True, kw_only=True):
    """`pieces`: of the body; None is a tone, or the words. `hold`: each piece waits for `step()`. `fault`, after the pieces: the
    connection is cut, nothing more comes (`silent`); `hang`: not even the head comes. `encoded`: how the body's end is marked."""

    status: int = 200
    type: str = ""
    pieces: tuple[bytes, ...] | None = None
    headers: dict[str, str] = {}
    hold: bool = False
    fault: Literal["none", "cut", "silent", "hang"] = "none"
    encoded: Literal["chunks", "length", "close"] = "chunks"


class Request(Received, kw_only=True):
    """A received request."""

    path: str
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ScriptedVoice(HttpServer[Request]):
    """The server. `base`: where its API is."""

    def __init__(self, *, port: int = 0, base: str = "/v1") -> None:
        super().__init__(port=port)
        self.speech = Answer()
        self.transcription = Answer()
        self.base = base
        self.most_active = 0

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        _, target, headers = await read_head(reader)
        request = Request(path=target, headers=headers, body=await read_body(reader, headers))
        self.requests.append(request)
        self.most_active = max(self.most_active, self.active + 1)
        goes_on = await self._while_connected(request, reader, self._answer(request, writer))
        request.ended = not request.left_early
        return goes_on

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Writes the answer. Returns whether the connection goes on."""
        path = request.path.partition("?")[0]
        if path == f"{self.base}/audio/speech":
            answer, usual = self.speech, ("audio/wav", lambda: tone(SECONDS_A_CHARACTER * len(request.json["input"])))
        elif path == f"{self.base}/audio/transcriptions":
            answer, usual = self.transcription, ("application/json", lambda: json.dumps({"text": HEARD}).encode())
        else:
            lost = (b'{"error": {"message": "Not Found", "type": "not_found"}}',)
            answer, usual = Answer(status=404, type="application/json", pieces=lost, encoded="length"), ("", bytes)
        if answer.fault == "hang":
            await asyncio.sleep(3600)
        pieces = (usual[1](),) if answer.pieces is None else answer.pieces
        size = sum(map(len, pieces))
        ways = {"chunks": "Transfer-Encoding: chunked", "length": f"Content-Length: {size}", "close": "Connection: close"}
        extra = "".join(f"\r\n{name}: {value}" for name, value in answer.headers.items())
        head = (
            f"HTTP/1.1 {answer.status} Status\r\nContent-Type: {answer.type or usual[0]}\r\n{ways[answer.encoded]}{extra}\r\n\r\n"
        )
        writer.write(head.encode("latin-1"))
        for piece in pieces:
            if answer.hold:
                await self._steps.acquire()
            if piece:
                writer.write(chunk(piece) if answer.encoded == "chunks" else piece)
            await writer.drain()
        if answer.fault == "silent":
            await asyncio.sleep(3600)
        if answer.fault == "cut":
            return False
        writer.write(chunk(b"") if answer.encoded == "chunks" else b"")
        await writer.drain()
        return answer.encoded != "close"


async def _serve(port: int) -> None:
    async with ScriptedVoice(port=port) as voice:
        print(f"A scripted server of voices: {voice.url}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(_serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
