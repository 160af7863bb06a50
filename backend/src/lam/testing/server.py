"""A scripted OpenAI-compatible server: any text at any rate, and every fault that a model server was ever seen to have.

In a test it runs inside the process (`async with ScriptedServer() as server`), and `server.reply` decides the next answers. As a
program, `python -m lam.testing.server --port 8080 --rate 50`, it is controlled over HTTP: `POST /script` takes a `Reply` as JSON,
`POST /cues` a list of `Cue`, `POST /sight` `{"sees": true}`; `POST /step` lets replies with `hold` go on, `POST /rush` lets those
that run end at once; `GET /log` returns the requests, how many pieces each got and whether its client left early.

It must not import an engine: it is the other side.
"""

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from lam.testing.http_server import HttpServer, answer_bytes, json_bytes, read_body, read_head
from lam.testing.replies import Cue, Reply, ReplyStream, Request, usage

__all__ = ["Cue", "Reply", "Request", "ScriptedServer", "pictures_in"]

Plan = Callable[[dict[str, Any]], Reply]


class ScriptedServer(HttpServer[Request]):
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
        super().__init__(port=port)
        self.reply: Reply | Plan = reply or Reply()
        self.cues: tuple[Cue, ...] = ()
        self.slots = slots
        self.n_ctx = n_ctx
        self.llama = llama
        self.model = model
        self.questions = Counter[str]()  # number of requests per path, apart from chat requests
        self.frozen_slots = 0  # slots that always report busy
        self.lists_models = True
        self.capabilities: dict[str, bool] = {}  # of its template, as /props says
        self.embeds = False  # makes embeddings
        self.sees = False  # takes pictures, and says so
        self.lists_sight = True  # says whether it does; False leaves it open
        self.prefills = True  # continues an assistant's turn at the end; False refuses, as when a template opens reasoning
        self.continues_forms = True  # goes on in the middle of a forced form; False begins it anew
        self.refuses_all = False  # as with a wrong key: 401 to every request
        self.wrong_key = False  # 401 to every request except the models, as llama.cpp answers
        self.answers: dict[str, tuple[int, str, dict[str, str]]] = {}  # status, body and headers of a GET, by path
        self.hangs: set[str] = set()  # paths that never answer
        self.ends_thinking = True  # has llama.cpp's control of running replies
        self.loads = False  # 503 to every request, as llama.cpp answers while it loads its model
        self.base = "/v1"  # where the API is; the paths of llama.cpp stay beside it
        self.targets: list[str] = []  # of all requests, with their queries
        self._faults = 0
        self._streams: dict[str, ReplyStream] = {}  # of the running replies, by id

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        method, target, headers = await read_head(reader)
        target = target.removeprefix(self.url)  # a proxy passes on the whole URL
        self.targets.append(target)
        path = self._path(target.partition("?")[0])
        body = await read_body(reader, headers)
        if path in ("/v1/chat/completions", "/v1/completions"):
            return await self._chat(json.loads(body), headers, reader, writer, plain=path == "/v1/completions")
        if path in self.hangs:
            await asyncio.sleep(3600)
        if method == "GET" and path in self.answers:
            answer = self.answers[path]
            writer.write(answer_bytes(answer[0], "application/json", answer[1].encode(), answer[2]))
            await writer.drain()
            return True
        status, answer = self._answer(method, path, body)
        writer.write(json_bytes(status, answer))
        await writer.drain()
        return True

    def rush(self) -> None:
        """The replies that run send the pieces that are left without pauses, whatever their rate or `hold` says."""
        for stream in self._streams.values():
            stream.rush.set()

    def _path(self, path: str) -> str:
        """Returns the path as a server with its API at `/v1` has it."""
        if self.base == "/v1" or not path.startswith((self.base + "/", "/v1/")):
            return path
        return "/v1" + path.removeprefix(self.base) if path.startswith(self.base + "/") else "/nowhere" + path

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
        if path == "/sight" and method == "POST":
            self.sees = json.loads(body)["sees"]
            return 200, {}
        if path == "/log":
            return 200, msgspec.to_builtins(self.requests)
        if path == "/step" and method == "POST":
            self.step(json.loads(body or b"{}").get("pieces", 1))
            return 200, {}
        if path == "/rush" and method == "POST":
            self.rush()
            return 200, {}
        if path == "/v1/models" and self.lists_models:
            entry: dict[str, Any] = {"id": self.model, "object": "model"}
            if self.lists_sight and not self.llama:
                entry["architecture"] = {"input_modalities": ["text", "image"] if self.sees else ["text"]}
            return 200, {"object": "list", "data": [entry]}
        if path == "/v1/embeddings" and self.embeds:
            return self._embedded(json.loads(body))
        return self._llama_answer(path, body) if self.llama else (404, {"error": {"message": "not found", "code": 404}})

    def _llama_answer(self, path: str, body: bytes) -> tuple[int, Any]:
        if path == "/health":
            return 200, {"status": "ok"}
        if path == "/v1/chat/completions/control" and self.ends_thinking:
            return self._control(json.loads(body))
        if path == "/props":
            sight = {"modalities": {"vision": self.sees, "audio": False}} if self.lists_sight else {}
            caps = {"chat_template_caps": self.capabilities} if self.capabilities else {}
            return 200, {"total_slots": self.slots, "default_generation_settings": {"n_ctx": self.n_ctx}} | sight | caps
        if path == "/slots":
            busy = max(self.active, self.frozen_slots)
            return 200, [{"id": i, "is_processing": i < busy} for i in range(self.slots)]
        if path == "/apply-template":
            asked = json.loads(body)
            return self._rendered(asked["messages"], asked.get("tools"))
        if path == "/tokenize":  # one token per word
            return 200, {"tokens": list(range(len(json.loads(body)["content"].split())))}
        return 404, {"error": {"message": "not found", "code": 404}}

    def _embedded(self, body: dict[str, Any]) -> tuple[int, Any]:
        """Returns a vector for each text: its length, and how many words it has."""
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        vectors = [
            {"object": "embedding", "index": index, "embedding": [float(len(text)), float(len(text.split()))]}
            for index, text in enumerate(texts)
        ]
        usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
        return 200, {"object": "list", "data": vectors, "model": self.model, "usage": usage}

    def _control(self, order: dict[str, Any]) -> tuple[int, Any]:
        """Ends the thinking of a running reply, with llama.cpp's answers."""
        if not order.get("id") or order.get("action") != "reasoning_end":
            message = "unknown control action" if order.get("id") else "missing completion id"
            return 400, {"error": {"code": 400, "message": message, "type": "invalid_request_error"}}
        stream = self._streams.get(order["id"])
        if stream is None:
            return 200, {"success": False, "message": "no active completion for this id"}
        if not next(request for request in self.requests if request.id == order["id"]).body.get("reasoning_control"):
            return 200, {"success": False, "message": "reasoning control not enabled for this completion"}
        stream.answer_now.set()
        return 200, {"success": True}

    def _rendered(self, turns: list[dict[str, str]], tools: Any = None) -> tuple[int, Any]:
        """Returns the prompt as llama.cpp's template renders it: an assistant's turn at the end stays open."""
        if turns[-1]["role"] == "assistant" and not self.prefills:
            message = "Assistant response prefill is incompatible with enable_thinking."
            return 400, {"error": {"code": 400, "message": message, "type": "invalid_request_error"}}
        parts = [f"<tools> {json.dumps(tools)}"] if tools else []
        parts += [f"<{turn['role']}> {turn['content'] or ''}" for turn in turns]
        return 200, {"prompt": " </s> ".join(parts) + ("" if turns[-1]["role"] == "assistant" else " </s> ")}

    # Replies

    async def _chat(
        self,
        body: dict[str, Any],
        headers: dict[str, str],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        plain: bool,
    ) -> bool:
        if body.get("stream") is False:  # the test of a forced form
            answer = {"role": "assistant", "content": "1}" if self.continues_forms else '{"n": 1}'}
            writer.write(json_bytes(200, {"choices": [{"index": 0, "message": answer, "finish_reason": "stop"}]}))
            await writer.drain()
            return True
        reply = self._reply_to(body)
        request = Request(body=body, headers=headers, id=f"chatcmpl-{len(self.requests) + 1}")
        self.requests.append(request)
        if await self._refused_pictures(body, writer) or await self._refused(reply, writer):
            request.ended = True
            await writer.drain()
            return True
        stream = ReplyStream(reply, request, writer, model=self.model, steps=self._steps, plain=plain)
        self._streams[request.id] = stream
        try:
            request.ended = await self._while_connected(request, reader, stream.write())
        finally:
            del self._streams[request.id]
        return request.ended

    def _reply_to(self, body: dict[str, Any]) -> Reply:
        said = "\n".join([*(str(turn.get("content")) for turn in body.get("messages") or ()), str(body.get("prompt") or "")])
        for cue in self.cues:
            if cue.text in said:
                return cue.reply
        return self.reply if isinstance(self.reply, Reply) else self.reply(body)

    async def _refused_pictures(self, body: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        """Answers as llama.cpp without eyes does, or to an address instead of a picture. Returns whether it did."""
        found = pictures_in(body)
        if not found or (self.sees and all(url.startswith("data:image/") for url in found)):
            return False
        message = (
            "image_url must be a data URI"
            if self.sees
            else "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"
        )
        writer.write(json_bytes(500, {"error": {"code": 500, "message": message, "type": "server_error"}}))
        return True

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
            writer.write(answer_bytes(reply.status, "application/json", reply.body.encode(), reply.headers))
            return True
        if reply.fault in ("loading", "overloaded"):
            self._faults += 1
            if self._faults > reply.times:
                return False
        if reply.fault in errors:
            if reply.hold:
                await self._steps.acquire()
            status, answer = errors[reply.fault]
            whole = json_bytes(status, answer)
            size = reply.slice or len(whole)
            for start in range(0, len(whole), size):
                writer.write(whole[start : start + size])
                await writer.drain()
                await asyncio.sleep(0.001 if reply.slice else 0)
        elif reply.fault in ("html", "html_error"):
            page = b"<html><body>Bad gateway</body></html>"
            writer.write(answer_bytes(502 if reply.fault == "html_error" else 200, "text/html", page))
        elif reply.fault == "json":
            choice = {"index": 0, "message": {"role": "assistant", "content": "".join(reply.pieces)}, "finish_reason": "stop"}
            writer.write(json_bytes(200, {"choices": [choice], "usage": usage(len(reply.pieces))}))
        else:
            return False
        return True


def pictures_in(body: dict[str, Any]) -> list[str]:
    """Returns the addresses of the pictures in a request, in order."""
    contents = [turn.get("content") for turn in body.get("messages") or ()]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return [part["image_url"]["url"] for part in parts if part.get("type") == "image_url"]


async def _run(args: argparse.Namespace) -> None:
    pieces = tuple(f"word{i} " for i in range(args.tokens)) if args.text is None else tuple(args.text.split(" "))
    async with ScriptedServer(Reply(pieces, rate=args.rate), port=args.port, slots=args.slots) as server:
        server.sees = args.sees
        print(server.url, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="A scripted OpenAI-compatible server; POST /script changes what it replies.")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--rate", type=float, default=50, help="pieces a second; 0: as fast as they are taken")
    parser.add_argument("--tokens", type=int, default=100, help="pieces in a reply")
    parser.add_argument("--text", help="the reply's text, one piece a word")
    parser.add_argument("--slots", type=int, default=1000)
    parser.add_argument("--sees", action="store_true", help="takes pictures")
    try:
        asyncio.run(_run(parser.parse_args()))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
