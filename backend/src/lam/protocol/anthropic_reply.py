"""A reply in the form of Anthropic's messages, written from the events of its run: as a stream, or whole. And its errors.

A stream is `message_start`, one block after another (`content_block_start`, deltas, `content_block_stop`), `message_delta` with the
usage, `message_stop`; a failure is `error`, which is the last event. SDKs pass on events whose names they do not know, so what is
not Anthropic's travels in a `ping`, which they drop. Pure; it knows no request.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from lam.protocol.events import Chunk, Done, Error, Event, FinishReason, Metadata, Progress, Relabel, Thinking, ToolCall, Usage
from lam.protocol.snapshot import Snapshot
from lam.protocol.sse import one_line
from lam.protocol.text import utf16_prefix

Json = dict[str, Any]

STOPPED: Final = "The reply was stopped before it was complete."
PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'
_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
_REASONS: Final[dict[FinishReason, str]] = {  # a reply that was stopped is an error
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
_NO_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")
_encoder: Final = msgspec.json.Encoder()


def failure(status: int, message: str, request_id: str | None) -> Json:
    """Returns the body of an error, which is the data of an `error` event too. `status`: of an answer with it."""
    kind = _TYPES.get(status) or ("invalid_request_error" if status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}


class Answer(Struct, frozen=True, kw_only=True):
    """What a reply says about its run. `model`: as it was asked for. `prompt_tokens`: an estimate, for the start of a stream.
    `thoughts`: the client asked for what the model thinks; it is left out otherwise."""

    id: str
    model: str
    request_id: str | None = None
    prompt_tokens: int = 0
    thoughts: bool = False

    def message(self, content: list[Json], reason: str | None, usage: Usage | None) -> Json:
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": reason,
            "stop_sequence": None,
            "stop_details": _details(reason),
            "container": None,
            "diagnostics": None,
            "usage": _usage(usage, self.prompt_tokens) | _UNUSED,
        }


def models_page(names: Sequence[str]) -> Json:
    """Returns the list of models, all on one page."""
    ends = (names[0], names[-1]) if names else (None, None)
    return {"data": [model_info(name) for name in names], "first_id": ends[0], "has_more": False, "last_id": ends[1]}


def model_info(name: str) -> Json:
    """Returns one model. When it was made is unknown, which Anthropic says by the beginning of time."""
    return {"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z"} | _UNKNOWN


def whole(answer: Answer, reply: Snapshot, done: Done) -> Json:
    """Returns a whole reply."""
    content: list[Json] = []
    if answer.thoughts and reply.thinking:
        content.append({"type": "thinking", "thinking": reply.thinking, "signature": ""})
    if reply.text:
        content.append({"type": "text", "text": reply.text, "citations": None})
    for number, call in enumerate(reply.calls):
        content.append(_tool_use(answer, number, call.id, call.name) | {"input": _input(call.arguments)})
    return answer.message(content, _reason(done, bool(reply.calls)), done.usage)


class Stream:
    """Writes the events of a run in their order. `progress`: what the run waits for comes in pings. `status_of`: the HTTP status of
    an error's code."""

    def __init__(self, answer: Answer, *, statuses: Mapping[str, int], progress: bool = False) -> None:
        self._answer = answer
        self._statuses = statuses
        self._progress = progress
        self._index = -1  # of the last block
        self._open: str | None = None  # its type, while more of it may come
        self._call: int | None = None  # its number among the model's calls
        self._arguments = list[str]()  # what came of it, where it is a call
        self._closed = set[int]()  # calls
        self._held = list[ToolCall]()  # pieces of further calls, while the open one is incomplete
        self._thoughts = list[str]()  # all of them: they may turn out to be the answer

    def lines(self, events: Iterable[Event]) -> bytes:
        """Returns what the client reads of these events; neighbouring texts come as one delta."""
        out = list[bytes]()
        pieces = list[str]()
        for event in events:
            if type(event) is Chunk:
                pieces.append(event.content)
                continue
            if pieces:
                self._text(out, "text", "".join(pieces))
                pieces = []
            self._other(out, event)
        if pieces:
            self._text(out, "text", pieces[0] if len(pieces) == 1 else "".join(pieces))
        return b"".join(out)

    def _other(self, out: list[bytes], event: Event) -> None:
        match event:
            case Thinking():
                self._thoughts.append(event.content)
                if self._answer.thoughts:
                    self._text(out, "thinking", event.content)
            case ToolCall():
                self._piece(out, event)
            case Relabel(to="answer"):
                thoughts = "".join(self._thoughts)
                if text := thoughts[len(utf16_prefix(thoughts, event.start)) :]:
                    self._text(out, "text", text)
            case Metadata() | Progress() if self._progress:
                out.append(_frame("ping", {"lam": event}))
            case Done(finish_reason="cancelled"):
                out.append(_frame("error", failure(500, STOPPED, self._answer.request_id)))
            case Done():
                self._end(out, event)
            case Error():
                status = self._statuses.get(event.code, 500)
                out.append(_frame("error", failure(status, event.message, self._answer.request_id)))

    def _text(self, out: list[bytes], kind: str, text: str) -> None:
        if self._open != kind:
            self._begin(out, kind, {"type": kind, kind: ""} | ({"citations": None} if kind == "text" else {"signature": ""}))
        out.append(_text_delta(self._index, kind, text))

    def _piece(self, out: list[bytes], piece: ToolCall) -> None:
        """Blocks come one after the other, but a server may mix the pieces of its calls: further ones wait for the open one."""
        if piece.index in self._closed:
            return
        if self._open == "tool_use" and piece.index != self._call and not self._is_whole():
            self._held.append(piece)
            return
        if self._open != "tool_use" or piece.index != self._call:
            self._begin(out, "tool_use", _tool_use(self._answer, piece.index, piece.id, piece.name) | {"input": {}})
            self._call = piece.index
        if piece.arguments:
            self._arguments.append(piece.arguments)
            delta = {"type": "input_json_delta", "partial_json": piece.arguments}
            out.append(_frame("content_block_delta", {"index": self._index, "delta": delta}))
        self._release(out)

    def _is_whole(self) -> bool:
        """Returns whether the open call has all its arguments. One without any may get them yet."""
        return bool(self._arguments) and _is_whole("".join(self._arguments))

    def _release(self, out: list[bytes]) -> None:
        held, self._held = self._held, []
        for piece in held:
            self._piece(out, piece)

    def _begin(self, out: list[bytes], kind: str, block: Json) -> None:
        if self._index < 0:
            self._start(out)
        self._close(out)
        self._index += 1
        self._open = kind
        out.append(_frame("content_block_start", {"index": self._index, "content_block": block}))

    def _start(self, out: list[bytes]) -> None:
        out += (_frame("message_start", {"message": self._answer.message([], None, None)}), PING)

    def _close(self, out: list[bytes]) -> None:
        if self._open is not None:
            out.append(_frame("content_block_stop", {"index": self._index}))
        if self._call is not None:
            self._closed.add(self._call)
        self._open = self._call = None
        self._arguments = []

    def _end(self, out: list[bytes], done: Done) -> None:
        if self._index < 0:
            self._start(out)
        self._close(out)
        while self._held:  # the call before them never became whole
            self._release(out)
            self._close(out)
        reason = _reason(done, bool(self._closed))
        delta = {"stop_reason": reason, "stop_sequence": None, "stop_details": _details(reason), "container": None}
        out.append(_frame("message_delta", {"delta": delta, "usage": _usage(done.usage, self._answer.prompt_tokens)}))
        out.append(_frame("message_stop", {}))


_UNKNOWN: Final[Json] = {"capabilities": None, "max_input_tokens": None, "max_tokens": None}
# Fields of a usage that mean nothing here, and that SDKs expect.
_UNUSED: Final[Json] = {"cache_creation": None, "inference_geo": None, "service_tier": None, "speed": None}


def _usage(usage: Usage | None, prompt_tokens: int) -> Json:
    """Returns the counts. Anthropic's `input_tokens` are those that were not in the cache."""
    cached = (usage.cached_tokens or 0) if usage else 0
    return {
        "input_tokens": max(0, usage.prompt_tokens - cached) if usage else prompt_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": usage.completion_tokens if usage else 0,
        "output_tokens_details": None,
        "server_tool_use": None,
    }


def _reason(done: Done, has_calls: bool) -> str:
    """Returns why the reply ended. Some servers say `stop` after calls; programs go by this word."""
    return "tool_use" if has_calls and done.finish_reason == "stop" else _REASONS[done.finish_reason]


def _details(reason: str | None) -> Json | None:
    return {"type": "refusal", "category": None, "explanation": None} if reason == "refusal" else None


def _tool_use(answer: Answer, number: int, call_id: str | None, name: str | None) -> Json:
    """Returns the block of a call without its input. An id has Anthropic's characters alone, in the answer that comes back too."""
    known = _NO_ID.sub("_", call_id) if call_id else f"toolu_{answer.id.removeprefix('msg_')}_{number}"
    return {"type": "tool_use", "id": known, "name": name or "", "caller": {"type": "direct"}}


def _is_whole(arguments: str) -> bool:
    try:
        msgspec.json.decode(arguments)
    except (ValueError, RecursionError):
        return False
    return True


def _input(arguments: str) -> Json:
    """Returns the arguments of a call as the object that a block holds; what is none, as text under a name of its own."""
    try:
        found = msgspec.json.decode(arguments or "{}")
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"invalid_json": arguments}


def _frame(name: str, fields: Mapping[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), one_line(_encoder.encode({"type": name, **fields})))


def _text_delta(index: int, kind: str, text: str) -> bytes:
    """Returns the frame of a token: the result of `_frame`, at a third of the cost."""
    delta = b'{"type":"text_delta","text":' if kind == "text" else b'{"type":"thinking_delta","thinking":'
    start = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":%b%b}}\n\n'
    return start % (index, delta, one_line(_encoder.encode(text)))
