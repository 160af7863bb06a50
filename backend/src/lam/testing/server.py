"""A scripted OpenAI-compatible server: any text at any rate, and every fault that a model server was ever seen to have.

In a test it runs inside the process (`async with ScriptedServer() as server`), and `server.reply` decides the next answers. As a
program, `python -m lam.testing.server --port 8080 --rate 50`, it is controlled over HTTP: `POST /script` takes a `Reply` as JSON,
`POST /cues` a list of `Cue`; `GET /log` returns the requests, how many pieces each got and whether its client left early.

It must not import an engine: it is the other side.
"""

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Literal, Self

import msgspec
from msgspec import Struct, field

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
    """The reply to a chat request.

    `pieces`: one delta each. `rate`: pieces per second; 0 means as fast as the client takes them. `hold`: each piece waits for
    `server.step()`. `progress`: number of prompt progress reports before the first piece, `wait` seconds apart; `wait` is also the
    time to the first byte. `after`: number of pieces before the fault. `slice`: bytes per write; 0 means a whole event.
    `finish_reason`: any text.
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


class Request(Struct, kw_only=True):
    """A received chat request: its body, the reply, and what became of it."""

    body: dict[str, Any]
    headers: dict[str, str]
    sent: int = 0
    left_early: bool = False
    ended: bool = False
    began_at: float = field(default_factory=time.monotonic)
    closed_at: float | None = None


Plan = Callable[[dict[str, Any]], Reply]


class ScriptedServer:
    """The server. `reply`: a Reply for every request, or a function of the request's body. `llama`: whether it presents itself
    as llama.cpp."""

    def __init__(
        self,
        reply: Reply | Plan | None = None,
        *,
        port: int = 0,
        slots: int = 4,
        n_ctx: int = 4096,
        llama: bool = True,
        model: str = "scripted",
    ) -> None:
        self.reply: Reply | Plan = reply or Reply()
        self.cues: tuple[Cue, ...] = ()
        self.requests: list[Request] = []
        self.slots = slots
        self.n_ctx = n_ctx
        self.llama = llama
        self.model = model
        self.active = 0
        self.questions = Counter[str]()  # number of requests per path, apart from chat requests
        self.frozen_slots = 0  # slots that always report busy
        self.lists_models = True
        self.prefills = True  # continues an assistant's turn at the end; False refuses, as when a template opens reasoning
        self.refuses_all = False  # as with a wrong key: 401 to every request
        self.wrong_key = False  # 401 to every request except the models, as llama.cpp answers
        self.answers: dict[str, tuple[int, str, dict[str, str]]] = {}  # status, body and headers of a GET, by path
        self.hangs: set[str] = set()  # paths that never answer
        self.loads = False  # 503 to every request, as llama.cpp answers while it loads its model
        self.port = port
        self._faults = 0
        self._steps = asyncio.Semaphore(0)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.vanish()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, backlog=4096)
        self.port = self._server.sockets[0].getsockname()[1]

    async def vanish(self) -> None:
        """Behaves as if the process were killed: refuses new connections and cuts the open ones."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def step(self, pieces: int = 1) -> None:
        """Lets a reply with `hold` send its next pieces."""
        for _ in range(pieces):
            self._steps.release()

    async def arrival(self, count: int = 1) -> Request:
        """Waits for that many chat requests and returns the last of them."""
        while len(self.requests) < count:
            await asyncio.sleep(0.005)
        return self.requests[count - 1]

    # The needed part of HTTP

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

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:]) if name}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if path.endswith("/chat/completions"):
            return await self._chat(json.loads(body), headers, reader, writer)
        if path in self.hangs:
            await asyncio.sleep(3600)
        if method == "GET" and path in self.answers:
            answer = self.answers[path]
            _send(writer, answer[0], "application/json", answer[1].encode(), answer[2])
            await writer.drain()
            return True
        status, answer = self._answer(method, path, body)
        _send_json(writer, status, answer)
        await writer.drain()
        return True

    def _answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        self.questions[path] += 1
        if self.refuses_all or (self.wrong_key and path != "/v1/models"):
            return 401, {"error": {"code": 401, "message": "Invalid API Key", "type": "authentication_error"}}
        if self.loads:
            return 503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}
        if path == "/script" and method == "POST":
            self.reply = msgspec.json.decode(body, type=Reply)
            self._faults = 0
            return 200, {}
        if path == "/cues" and method == "POST":
            self.cues = msgspec.json.decode(body, type=tuple[Cue, ...])
            return 200, {}
        if path == "/log":
            return 200, msgspec.to_builtins(self.requests)
        if path == "/step" and method == "POST":
            self.step()
            return 200, {}
        if path == "/v1/models" and self.lists_models:
            return 200, {"object": "list", "data": [{"id": self.model, "object": "model"}]}
        return self._llama_answer(path, body) if self.llama else (404, {"error": {"message": "not found", "code": 404}})

    def _llama_answer(self, path: str, body: bytes) -> tuple[int, Any]:
        if path == "/health":
            return 200, {"status": "ok"}
        if path == "/props":
            return 200, {"total_slots": self.slots, "default_generation_settings": {"n_ctx": self.n_ctx}}
        if path == "/slots":
            busy = max(self.active, self.frozen_slots)
            return 200, [{"id": i, "is_processing": i < busy} for i in range(self.slots)]
        if path == "/apply-template":
            turns = json.loads(body)["messages"]
            return self._rendered(turns)
        if path == "/tokenize":  # one token per word
            return 200, {"tokens": list(range(len(json.loads(body)["content"].split())))}
        return 404, {"error": {"message": "not found", "code": 404}}

    def _rendered(self, turns: list[dict[str, str]]) -> tuple[int, Any]:
        """Returns the prompt as llama.cpp's template renders it: an assistant's turn at the end stays open."""
        if turns[-1]["role"] == "assistant" and not self.prefills:
            message = "Assistant response prefill is incompatible with enable_thinking."
            return 400, {"error": {"code": 400, "message": message, "type": "invalid_request_error"}}
        parts = [f"<{turn['role']}> {turn['content']}" for turn in turns]
        return 200, {"prompt": " </s> ".join(parts) + ("" if turns[-1]["role"] == "assistant" else " </s> ")}

    # Replies

    async def _chat(
        self, body: dict[str, Any], headers: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        reply = self._reply_to(body)
        request = Request(body=body, headers=headers)
        self.requests.append(request)
        if await self._refused(reply, writer):
            request.ended = True
            await writer.drain()
            return True
        self.active += 1
        work = asyncio.create_task(self._stream(reply, request, writer))
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
        if request.left_early or not work.result():
            return False
        request.ended = True
        return True

    def _reply_to(self, body: dict[str, Any]) -> Reply:
        said = "\n".join(str(turn.get("content")) for turn in body.get("messages") or ())
        for cue in self.cues:
            if cue.text in said:
                return cue.reply
        return self.reply if isinstance(self.reply, Reply) else self.reply(body)

    async def _refused(self, reply: Reply, writer: asyncio.StreamWriter) -> bool:
        """Answers with an HTTP error when the script says so. Returns whether it did."""
        errors: dict[str, tuple[int, Any]] = {
            "loading": (503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}),
            "overloaded": (429, {"error": {"code": 429, "message": "Too many requests", "type": "rate_limit"}}),
            "server_error": (500, {"error": {"code": 500, "message": "CUDA out of memory", "type": "server_error"}}),
            "bad_request": (
                400,
                {"error": {"code": reply.error_code, "message": "unknown sampler", "type": "invalid_request_error"}},
            ),
        }
        if reply.status != 200:
            _send(writer, reply.status, "application/json", reply.body.encode(), reply.headers)
            return True
        if reply.fault in ("loading", "overloaded"):
            self._faults += 1
            if self._faults > reply.times:
                return False
        if reply.fault in errors:
            status, answer = errors[reply.fault]
            whole = _answer_bytes(status, "application/json", msgspec.json.encode(answer))
            size = reply.slice or len(whole)
            for start in range(0, len(whole), size):
                writer.write(whole[start : start + size])
                await writer.drain()
                await asyncio.sleep(0.001 if reply.slice else 0)
        elif reply.fault in ("html", "html_error"):
            page = b"<html><body>Bad gateway</body></html>"
            _send(writer, 502 if reply.fault == "html_error" else 200, "text/html", page)
        elif reply.fault == "json":
            choice = {"index": 0, "message": {"role": "assistant", "content": "".join(reply.pieces)}, "finish_reason": "stop"}
            _send_json(writer, 200, {"choices": [choice], "usage": _usage(len(reply.pieces))})
        else:
            return False
        return True

    async def _stream(self, reply: Reply, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Writes the reply. Returns whether the connection can be reused."""
        out = _EventWriter(writer, reply)
        if reply.wait and not reply.progress:
            await asyncio.sleep(reply.wait)
        out.head()
        await out.event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}], "model": self.model})
        for done in range(reply.progress):
            report = {"total": 100 * reply.progress, "cache": 0, "processed": 100 * (done + 1), "time_ms": 1}
            await out.event({"choices": [], "model": self.model, "prompt_progress": report})
            await asyncio.sleep(reply.wait)
        deltas = [{"reasoning_content": text} for text in reply.thinking] + [{"content": text} for text in reply.pieces]
        start = time.monotonic()
        for number, delta in enumerate(deltas):
            if reply.fault not in REFUSALS and number == reply.after:
                return await self._fail(reply, out)
            if reply.hold:
                await self._steps.acquire()
            elif reply.rate and (ahead := start + number / reply.rate - time.monotonic()) > 0:
                await asyncio.sleep(ahead)
            if reply.ping_every and number % reply.ping_every == 0:
                await out.raw(":" + 2 * reply.line_end)
            await out.event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}], "model": self.model})
            request.sent = number + 1
        for line in reply.raw:
            await out.raw(f"data: {line}" + 2 * reply.line_end)
        if reply.fault not in REFUSALS:
            return await self._fail(reply, out)
        await out.event({"choices": [{"index": 0, "delta": {}, "finish_reason": reply.finish_reason}], "model": self.model})
        last = {"choices": [], "model": self.model, "usage": _usage(len(deltas)), "timings": {"predicted_per_second": 50.0}}
        await out.event(last)
        await out.raw("data: [DONE]" + 2 * reply.line_end)
        await out.end()
        return True

    async def _fail(self, reply: Reply, out: "_EventWriter") -> bool:
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
            self._writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await self._writer.drain()
            if self._reply.slice:
                await asyncio.sleep(0)

    async def end(self) -> None:
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()


def _usage(tokens: int) -> dict[str, Any]:
    return {
        "prompt_tokens": 10,
        "completion_tokens": tokens,
        "total_tokens": 10 + tokens,
        "prompt_tokens_details": {"cached_tokens": 3},
    }


def _send_json(writer: asyncio.StreamWriter, status: int, answer: Any) -> None:
    _send(writer, status, "application/json", msgspec.json.encode(answer))


def _send(writer: asyncio.StreamWriter, status: int, kind: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
    writer.write(_answer_bytes(status, kind, body, headers))


def _answer_bytes(status: int, kind: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    head = f"HTTP/1.1 {status} Scripted\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


async def _run(args: argparse.Namespace) -> None:
    pieces = tuple(f"word{i} " for i in range(args.tokens)) if args.text is None else tuple(args.text.split(" "))
    async with ScriptedServer(Reply(pieces, rate=args.rate), port=args.port, slots=args.slots) as server:
        print(server.url, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="A scripted OpenAI-compatible server; POST /script changes what it replies.")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--rate", type=float, default=50, help="pieces a second; 0: as fast as they are taken")
    parser.add_argument("--tokens", type=int, default=100, help="pieces in a reply")
    parser.add_argument("--text", help="the reply's text, one piece a word")
    parser.add_argument("--slots", type=int, default=1000)
    try:
        asyncio.run(_run(parser.parse_args()))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
