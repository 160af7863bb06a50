"""The honest floor of this technology: a gateway that only forwards. No log, no numbers, no resume, no database, no accounts.

Starlette on uvicorn with its fastest loop and parser, aiohttp upstream, orjson; one event out for each event in.
`python minimal.py PORT UPSTREAM`.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
UPSTREAM = sys.argv[2] + "/v1/chat/completions"


async def reply(request: Request) -> StreamingResponse:
    asked = orjson.loads(await request.body())
    body = orjson.dumps({"messages": [{"role": "user", "content": asked["content"]}], "stream": True})
    return StreamingResponse(events(request.state.http, body), headers=HEADERS, media_type="text/event-stream")


async def events(http: aiohttp.ClientSession, body: bytes) -> AsyncIterator[bytes]:
    text: list[str] = []
    async with http.post(UPSTREAM, data=body, headers={"Content-Type": "application/json"}) as response:
        async for line in response.content:
            if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
                continue
            part = orjson.loads(line[6:])
            content = part["choices"][0]["delta"].get("content") if part["choices"] else None
            if content:
                text.append(content)
                yield b"data: " + orjson.dumps({"type": "chunk", "content": content}) + b"\n\n"
    yield b"data: " + orjson.dumps({"type": "done", "full_content": "".join(text)}) + b"\n\n"


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[dict[str, aiohttp.ClientSession]]:
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as http:
        yield {"http": http}


app = Starlette(routes=[Route("/reply", reply, methods=["POST"])], lifespan=lifespan)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", http="httptools", log_level="error", access_log=False)
