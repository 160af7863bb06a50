"""How model servers answer: bodies of a chat completion as they were seen or may be expected, and what each of them says.

One table, for the decoder alone and for both transports. `ending`: the finish reason, else the code of the error.
"""

import json
from typing import Any

from msgspec import Struct

from lam.errors import GenerationError
from lam.protocol.events import EngineEvent, Finished
from lam.protocol.snapshot import Snapshot

Calls = tuple[tuple[str | None, str], ...]


class Shape(Struct, frozen=True):
    name: str
    body: bytes
    text: str = ""
    thoughts: str = ""
    ending: str = "stop"
    calls: Calls = ()
    content_type: str = "text/event-stream"


class Answer(Struct, frozen=True):
    """What a reader is left with."""

    text: str
    thoughts: str
    ending: str
    calls: Calls


def answer_of(events: list[EngineEvent], failure: GenerationError | None) -> Answer:
    snapshot = Snapshot()
    for event in events:
        snapshot.add(event)
    last = events[-1] if events else None
    ending = failure.code if failure else last.finish_reason if isinstance(last, Finished) else "none"
    calls = tuple((call.name, call.arguments) for call in snapshot.calls)
    return Answer(snapshot.text, snapshot.thinking, ending, calls)


def expected(shape: Shape) -> Answer:
    return Answer(shape.text, shape.thoughts, shape.ending, shape.calls)


DONE = "data: [DONE]\n\n"
STOP = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USAGE = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}}


def piece(content: Any = None, reason: Any = None, **delta: Any) -> dict[str, Any]:
    fields = ({"content": content} if content is not None else {}) | delta
    return {"id": "x", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": fields, "finish_reason": reason}]}


def sse(*documents: Any, end: str = DONE) -> bytes:
    lines = (document if isinstance(document, str) else json.dumps(document, ensure_ascii=False) for document in documents)
    return ("".join(f"data: {line}\n\n" for line in lines) + end).encode("utf-8", "surrogatepass")


def whole(message: dict[str, Any], reason: Any = "stop", **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"role": "assistant"} | message, "finish_reason": reason}]} | fields


A, B = piece("Once"), piece(" upon")
TALE = "Once upon"
SHAPES: list[Shape] = []


def add(name: str, body: bytes, text: str = "", **fields: Any) -> None:
    SHAPES.append(Shape(name, body, text, **fields))


# Framing
PLAIN = sse(A, B, STOP, USAGE)
add("as llama.cpp writes it", PLAIN, TALE)
add("CRLF line ends", PLAIN.replace(b"\n", b"\r\n"), TALE)
add("CR line ends", PLAIN.replace(b"\n", b"\r"), TALE)
add("a byte order mark", b"\xef\xbb\xbf" + PLAIN, TALE)
add("blank lines in front", b"\n\n\n" + PLAIN, TALE)
add("comments between events", PLAIN.replace(b"data:", b": ping\n\ndata:"), TALE)
add("no space after the colon", PLAIN.replace(b"data: ", b"data:"), TALE)
add("three spaces after the colon", PLAIN.replace(b"data: ", b"data:   "), TALE)
add("single newlines between events", PLAIN.replace(b"\n\n", b"\n"), TALE)
add("single CRLF between events", PLAIN.replace(b"\n\n", b"\r\n"), TALE)
add("no blank line at the end", PLAIN.rstrip(b"\n"), TALE)
add("no [DONE]", sse(A, B, STOP, end=""), TALE)
add("no [DONE] and no last newline", sse(A, B, STOP, end="").rstrip(b"\n"), TALE)
add("id and event fields", b"".join(b"id: 7\nevent: message\n" + part + b"\n\n" for part in PLAIN.strip().split(b"\n\n")), TALE)
add("retry fields", b"retry: 3000\n\n" + PLAIN, TALE)
add("an event split over data lines", b'data: {"choices":\ndata: [{"delta": {"content": "Once upon"}}]}\n\n' + sse(STOP), TALE)
for word in ("", "ping", "null", "[PING]", "keepalive", "true", '""', " "):
    add(
        f"data: {word!r} as a ping", f"data: {word}\n\n".encode() + sse(A)[:-14] + f"data: {word}\n\n".encode() + sse(B, STOP), TALE
    )
for word in ("[done]", " [DONE] ", '"[DONE]"'):
    add(f"{word!r} as the end", sse(A, B, STOP, end=f"data: {word}\n\n"), TALE)
for kind in (
    "application/json",
    "text/plain",
    "application/octet-stream",
    "",
    "text/event-stream;charset=UTF-8",
    "application/x-ndjson",
):
    add(f"a stream labelled {kind!r}", PLAIN, TALE, content_type=kind)
add(
    "one document a line",
    b"".join(json.dumps(part).encode() + b"\n" for part in (A, B, STOP)),
    TALE,
    content_type="application/x-ndjson",
)
add("one document a line, then [DONE]", b"".join(json.dumps(part).encode() + b"\n" for part in (A, B, STOP)) + DONE.encode(), TALE)
add("lines without their field's name among events", sse(A, end="") + json.dumps(B).encode() + b"\n\n" + sse(STOP), TALE)
add("one bad byte", PLAIN.replace(b"upon", b"up\xffon"), "Once up\ufffdon")
add("a character cut in its middle", PLAIN.replace(b"upon", "up\u00e9".encode()[:-1] + b"on"), "Once up\ufffdon")
add("latin-1", PLAIN.replace(b"upon", "café".encode("latin-1")), "Once caf\ufffd")
add("NUL and lone surrogates", sse('{"choices": [{"delta": {"content": "a\\u0000\\ud800b"}}]}', STOP), "a\ufffd\ufffdb")
add("a surrogate pair in two escapes", sse('{"choices": [{"delta": {"content": "\\ud83d\\ude42"}}]}', STOP), "🙂")
add("a surrogate pair cut between chunks", sse(A, '{"choices": [{"delta": {"content": "\\ud83d"}}]}', STOP), "Once\ufffd")
add("line separators in the text", sse(piece("a\u2028b\u2029c\u0085d\x0be\x0cf"), STOP), "a\u2028b\u2029c\u0085d\x0be\x0cf")
add("emoji and scripts", sse(piece("漢字 👩‍👩‍👧‍👦 "), piece("שלום"), STOP), "漢字 👩‍👩‍👧‍👦 שלום")

# One document
add("a JSON answer", json.dumps(whole({"content": TALE})).encode(), TALE, content_type="application/json")
add("a JSON answer labelled as a stream", json.dumps(whole({"content": TALE})).encode(), TALE)
add("a JSON answer over many lines", json.dumps(whole({"content": TALE}), indent=2).encode(), TALE, content_type="application/json")
add("a JSON answer with a newline at its end", json.dumps(whole({"content": TALE})).encode() + b"\n", TALE)
add("a JSON answer with blank lines in front", b"\r\n\r\n" + json.dumps(whole({"content": TALE})).encode(), TALE)
add("a JSON answer without a finish reason", json.dumps(whole({"content": TALE}, None)).encode(), TALE, ending="interrupted")
add("a JSON answer that lacks the field", b'{"choices": [{"message": {"content": "Once upon"}}]}', TALE, ending="interrupted")
add("a JSON answer cut in its middle", json.dumps(whole({"content": TALE})).encode()[:-9], ending="llm_error")
add("a JSON answer with reasoning", json.dumps(whole({"content": "Yes", "reasoning_content": "hm"})).encode(), "Yes", thoughts="hm")
add("a JSON answer with tags", json.dumps(whole({"content": "<think>hm</think>Yes"})).encode(), "Yes", thoughts="hm")
add("a JSON answer that is cut off", json.dumps(whole({"content": TALE}, "length")).encode(), TALE, ending="length")
add("a whole message as the only event", sse(whole({"content": TALE})), TALE)
add("an empty JSON answer", json.dumps(whole({"content": ""})).encode())
call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
add(
    "a JSON answer with a tool call",
    json.dumps(whole({"content": None, "tool_calls": [call]}, "tool_calls")).encode(),
    ending="tool_calls",
    calls=(("f", '{"a": 1}'),),
)

# Finish reasons
for reason in ("", "null", None, False, 0, "none", "NULL", " ", "undefined"):
    add(f"{reason!r} is no finish reason", sse(piece("Once", reason), piece(" upon", reason), STOP), TALE)
for reason in ("", "null"):
    add(f"{reason!r} alone, cut off", sse(piece("Once", reason), piece(" upon", reason), end=""), TALE, ending="interrupted")
add("stop on every chunk", sse(piece("Once", "stop"), piece(" upon", "stop")), TALE)
add("stop on every chunk, no [DONE]", sse(piece("Once", "stop"), piece(" upon", "stop"), end=""), TALE)
add("length on every chunk but the last", sse(piece("Once", "length"), piece(" upon", "length"), STOP), TALE)
add("text after the finish chunk", sse(A, STOP, B), TALE)
add("text after two finish chunks", sse(piece("On"), STOP, piece("ce"), STOP, B), TALE)
add("the last reason is the ending", sse(A, STOP, B, piece(reason="length")), TALE, ending="length")
add("thoughts after the finish chunk", sse(A, STOP, piece(reasoning_content="hm")), "Once", thoughts="hm")
add("the reason beside the last text", sse(A, piece(" upon", "stop")), TALE)
REASONS = {
    "stop": "stop eos eos_token end_turn STOP stop_sequence COMPLETE finished unknown_reason",
    "length": "length max_tokens MAX_TOKENS model_length model_context_window_exceeded max_new_tokens "
    "max_output_tokens token_limit ERROR_LIMIT",
    "tool_calls": "tool_calls function_call tool_use TOOL_CALL",
    "content_filter": "content_filter SAFETY content_filtered sensitive PROHIBITED_CONTENT BLOCKLIST SPII RECITATION refusal "
    "guardrail_intervened",
    "interrupted": "error ERROR abort aborted network_error cancelled canceled timeout insufficient_system_resource "
    "MALFORMED_FUNCTION_CALL context_canceled UNEXPECTED_TOOL_CALL out_of_memory oom killed deadline_exceeded "
    "engine_overloaded FINISH_REASON_UNSPECIFIED OTHER server_error",
}
for ending, names in REASONS.items():
    for name in names.split():
        add(f"finish reason {name}", sse(A, B, piece(reason=name)), TALE, ending=ending)
for name in ("content_filter", "SAFETY", "refusal", "sensitive"):
    add(f"{name} before any text", sse(piece("", None, role="assistant"), piece(reason=name)), ending="content_filtered")
add(
    "filtered while it thought",
    sse(piece(reasoning_content="hm"), piece(reason="content_filter")),
    thoughts="hm",
    ending="content_filtered",
)
add("no finish reason at all", sse(A, B, end=""), TALE, ending="interrupted")
add("[DONE] without a finish reason", sse(A, B), TALE, ending="llm_error")
add("nothing at all", b"", ending="interrupted")
add("[DONE] alone", DONE.encode(), ending="llm_error")

# Repeated and parallel text
add("a last message repeats the reply", sse(A, B, whole({"content": TALE})), TALE)
add(
    "a last message beside an empty delta",
    sse(A, B, {"choices": [{"index": 0, "delta": {}, "message": {"content": TALE}, "finish_reason": "stop"}]}),
    TALE,
)
add("a last message says more", sse(A, whole({"content": TALE})), TALE)
add("a last message without the leading space", sse(piece(" Once"), B, whole({"content": TALE})), " " + TALE)
add("growing messages", sse(*(whole({"content": TALE[:n]}, None) for n in range(1, 10)), STOP), TALE)
add("a last message that says something else", sse(A, B, whole({"content": "Another tale"})), TALE)
add(
    "a last message repeats thoughts too",
    sse(piece(reasoning_content="hm"), A, whole({"content": "Once", "reasoning_content": "hm"})),
    "Once",
    thoughts="hm",
)
add(
    "a last message repeats a tool call",
    sse(piece(tool_calls=[call | {"index": 0}]), whole({"content": None, "tool_calls": [call]}, "tool_calls")),
    ending="tool_calls",
    calls=(("f", '{"a": 1}'),),
)
two = {"choices": [{"index": 0, "delta": {"content": "Once"}}, {"index": 1, "delta": {"content": "Long ago"}}]}
add("two choices in a chunk", sse(two, B, STOP), TALE)
add(
    "two choices in turns",
    sse(
        A,
        {"choices": [{"index": 1, "delta": {"content": "Long"}}]},
        B,
        {"choices": [{"index": 1, "delta": {}, "finish_reason": "length"}]},
        STOP,
    ),
    TALE,
)
add(
    "two choices in a document",
    json.dumps(
        {"choices": [*whole({"content": TALE})["choices"], {"index": 1, "message": {"content": "x"}, "finish_reason": "length"}]}
    ).encode(),
    TALE,
)
add("choices without an index", sse({"choices": [{"delta": {"content": "Once"}}, {"delta": {"content": "x"}}]}, B, STOP), TALE)
add(
    "choices that count from one",
    sse(*({"choices": [{"index": 1} | part["choices"][0] | {"index": 1}]} for part in (A, B, STOP))),
    TALE,
)
add("completions: text", sse({"choices": [{"text": "Once"}]}, {"choices": [{"text": " upon", "finish_reason": "stop"}]}), TALE)
add("completions: a document", json.dumps({"choices": [{"text": TALE, "finish_reason": "stop"}]}).encode(), TALE)
add("a refusal", sse(piece(refusal="I can"), piece(refusal="not"), STOP), "I cannot")
add("a refusal in a document", json.dumps(whole({"content": None, "refusal": "I cannot"})).encode(), "I cannot")

# Odd fields
ODD = {
    "index null": piece("Once") | {"choices": [{"index": None, "delta": {"content": "Once"}}]},
    "index as text": {"choices": [{"index": "0", "delta": {"content": "Once"}}]},
    "usage with floats": A | {"usage": {"prompt_tokens": 3.0, "completion_tokens": 1.0, "total_tokens": 4.0}},
    "usage as text": A | {"usage": {"prompt_tokens": "3"}},
    "usage as a list": A | {"usage": []},
    "an empty error": A | {"error": ""},
    "error null": A | {"error": None},
    "error as the text null": A | {"error": "null"},
    "an error that is none": A | {"error": {"code": 0, "message": "ok"}},
    "an error of nulls": A | {"error": {"code": None, "message": None}},
    "a speed with 400 digits": A | {"timings": {"predicted_per_second": 10**400}},
    "error {}": A | {"error": {}},
    "error false": A | {"error": False},
    "tool_calls {}": piece("Once", tool_calls={}),
    "tool_calls []": piece("Once", tool_calls=[]),
    "tool_calls null": piece("Once", tool_calls=None),
    "tool_calls as text": piece("Once", tool_calls=""),
    "model as a number": A | {"model": 4},
    "timings as text": A | {"timings": "fast"},
    "a speed without end": A | {"timings": {"predicted_per_second": "inf"}},
    "prompt_progress null": A | {"prompt_progress": None},
    "prompt_progress with floats": A | {"prompt_progress": {"total": 4.0, "processed": 2.5, "cache": None}},
    "reasoning as an object": piece("Once", reasoning={"summary": []}),
    "reasoning_content as a number": piece("Once", reasoning_content=3),
    "finish_reason as an object": piece("Once", {"type": "none"}),
    "unknown fields": A | {"nvext": {"x": [1]}, "system_fingerprint": None},
    "a choice that is null": {"choices": [A["choices"][0], None]},
    "choices as an object": {"choices": A["choices"][0]},
    "role null": piece("Once", role=None),
    "function_call null": piece("Once", function_call=None),
    "logprobs": {"choices": [A["choices"][0] | {"logprobs": {"content": [{"token": "Once", "logprob": -0.1}]}}]},
    "detail null": A | {"detail": None},
}
for name, document in ODD.items():
    add(f"odd field: {name}", sse(document, B, STOP), TALE)
add("an odd usage after the end", sse(A, B, STOP, {"choices": [], "usage": {"total_tokens": None, "prompt_tokens": -1}}), TALE)
add("usage in huge numbers", sse(A, B, STOP, {"choices": [], "usage": {"prompt_tokens": 10**30}}), TALE)
add("chunks without choices", sse({"id": "x"}, {}, A, {"choices": None}, B, STOP), TALE)
add("a list of chunks", sse([A, B], STOP), TALE)
add("Azure's first chunk", sse({"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}, A, B, STOP), TALE)

# Content in parts
add(
    "Magistral's parts",
    sse(
        piece([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]), piece([{"type": "text", "text": "Yes"}]), STOP
    ),
    "Yes",
    thoughts="hm",
)
add("parts of text", sse(piece([{"type": "text", "text": "Once"}, {"type": "text", "text": " upon"}]), STOP), TALE)
add("a part alone", sse(piece({"type": "text", "text": TALE}), STOP), TALE)
add("texts in a list", sse(piece(["Once", " upon"]), STOP), TALE)
add("output_text parts", json.dumps(whole({"content": [{"type": "output_text", "text": TALE}]})).encode(), TALE)
add(
    "a thinking part in a message",
    json.dumps(whole({"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Yes"}]})).encode(),
    "Yes",
    thoughts="hm",
)
add(
    "a part of an unknown kind beside text",
    sse(piece([{"type": "image", "data": "x"}, {"type": "text", "text": TALE}]), STOP),
    TALE,
)
add("an empty list", sse(piece([]), A, B, STOP), TALE)

# Reasoning
for field in ("reasoning_content", "reasoning"):
    add(f"{field}", sse(piece(**{field: "h"}), piece(**{field: "m"}), piece("Yes"), STOP), "Yes", thoughts="hm")
add(
    "both fields with the same thoughts",
    sse(piece(reasoning_content="hm", reasoning="hm"), piece("Yes"), STOP),
    "Yes",
    thoughts="hm",
)
add("think tags", sse(piece("<thi"), piece("nk>hm</th"), piece("ink>Yes"), STOP), "Yes", thoughts="hm")
add("thinking tags", sse(piece("<thinking>hm</thinking>Yes"), STOP), "Yes", thoughts="hm")
add("[THINK]", sse(piece("[THINK]hm[/THINK]"), piece("Yes"), STOP), "Yes", thoughts="hm")
add("◁think▷", sse(piece("◁think▷hm◁/think▷Yes"), STOP), "Yes", thoughts="hm")
add("seed:think", sse(piece("<seed:think>hm</seed:think>Yes"), STOP), "Yes", thoughts="hm")
add(
    "Cohere's blocks",
    sse(piece("<|START_THINKING|>hm<|END_THINKING|><|START_RESPONSE|>Yes<|END_RESPONSE|>"), STOP),
    "Yes",
    thoughts="hm",
)
add(
    "harmony channels",
    sse(piece("<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>"), piece("Yes"), STOP),
    "Yes",
    thoughts="hm",
)
add("only a closing tag", sse(piece("hm\n"), piece("</think>"), piece("\nYes"), STOP), "\nYes", thoughts="hm\n")
add("only a closing tag, [/THINK]", sse(piece("hm\n[/THI"), piece("NK]Yes"), STOP), "Yes", thoughts="hm\n")
add("a closing tag at once", sse(piece("</think>\n\nYes"), STOP), "\n\nYes")
add(
    "a reply about the tag",
    sse(piece("Use `</think>`, as in\n```\n</think>\n```\n"), STOP),
    "Use `</think>`, as in\n```\n</think>\n```\n",
)
add("a reply about both tags", sse(piece("First <think>\nthen\n</think>\nok"), STOP), "First <think>\nthen\n</think>\nok")
add(
    "a tag after separated reasoning",
    sse(piece(reasoning_content="hm"), piece("It ends with\n</think>\nthere"), STOP),
    "It ends with\n</think>\nthere",
    thoughts="hm",
)
add("thoughts that were cut", sse(piece("<think>hm"), piece(reason="length")), thoughts="hm", ending="length")
add("text that could become a tag, cut off", sse(piece("<thi"), end=""), "<thi", ending="interrupted")

# Tool calls
named = {"name": "f", "arguments": ""}
add(
    "a streamed tool call",
    sse(
        piece(tool_calls=[{"index": 0, "id": "a", "function": named}]),
        *(piece(tool_calls=[{"index": 0, "function": {"arguments": part}}]) for part in ("{", "}")),
        piece(reason="tool_calls"),
    ),
    ending="tool_calls",
    calls=(("f", "{}"),),
)
add(
    "two calls without an index",
    sse(
        piece(
            tool_calls=[
                {"id": "a", "function": {"name": "f", "arguments": "{}"}},
                {"id": "b", "function": {"name": "g", "arguments": "[]"}},
            ]
        ),
        piece(reason="tool_calls"),
    ),
    ending="tool_calls",
    calls=(("f", "{}"), ("g", "[]")),
)
add(
    "two calls without index and id",
    sse(
        piece(tool_calls=[{"function": {"name": "f", "arguments": "{}"}}]),
        piece(tool_calls=[{"function": {"name": "g", "arguments": "[]"}}]),
        piece(reason="tool_calls"),
    ),
    ending="tool_calls",
    calls=(("f", "{}"), ("g", "[]")),
)
add(
    "pieces without an index",
    sse(
        piece(tool_calls=[{"id": "a", "function": {"name": "f", "arguments": "{"}}]),
        piece(tool_calls=[{"function": {"arguments": "}"}}]),
        piece(reason="tool_calls"),
    ),
    ending="tool_calls",
    calls=(("f", "{}"),),
)
add(
    "two calls under one index",
    sse(
        piece(tool_calls=[{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}]),
        piece(tool_calls=[{"index": 0, "id": "b", "function": {"name": "g", "arguments": "{}"}}]),
        piece(reason="tool_calls"),
    ),
    ending="tool_calls",
    calls=(("f", "{}"), ("g", "{}")),
)
add(
    "calls in turns",
    sse(
        *(
            piece(
                tool_calls=[
                    {
                        "index": n % 2,
                        "id": f"c{n % 2}" if n < 2 else None,
                        "function": {"name": "fg"[n % 2] if n < 2 else None, "arguments": "{}"[n // 2]},
                    }
                ]
            )
            for n in range(4)
        ),
        piece(reason="tool_calls"),
    ),
    ending="tool_calls",
    calls=(("f", "{}"), ("g", "{}")),
)
add(
    "index null twice",
    sse(
        piece(tool_calls=[{"index": None, "id": "a", "function": {"name": "f", "arguments": "{}"}}]),
        piece(tool_calls=[{"index": None, "id": "b", "function": {"name": "f", "arguments": "{}"}}]),
        piece(reason="tool_calls"),
    ),
    ending="tool_calls",
    calls=(("f", "{}"), ("f", "{}")),
)
add(
    "arguments as an object",
    sse(
        piece(tool_calls=[{"index": 0, "id": "a", "function": {"name": "f", "arguments": {"a": "é"}}}]), piece(reason="tool_calls")
    ),
    ending="tool_calls",
    calls=(("f", '{"a": "é"}'),),
)
add(
    "a function_call",
    sse(
        piece(function_call={"name": "f", "arguments": "{"}), piece(function_call={"arguments": "}"}), piece(reason="function_call")
    ),
    ending="tool_calls",
    calls=(("f", "{}"),),
)
add(
    "text and a call",
    sse(A, piece(tool_calls=[call | {"index": 0}]), piece(reason="tool_calls")),
    "Once",
    ending="tool_calls",
    calls=(("f", '{"a": 1}'),),
)
add("a call as an object", sse(piece(tool_calls=call), piece(reason="tool_calls")), ending="tool_calls", calls=(("f", '{"a": 1}'),))
add(
    "a call that is filtered",
    sse(piece(tool_calls=[call | {"index": 0}]), piece(reason="content_filter")),
    ending="content_filter",
    calls=(("f", '{"a": 1}'),),
)

# Errors
ERRORS: dict[str, Any] = {
    "an object": {"error": {"message": "boom", "code": 500}},
    "a text": {"error": "boom"},
    "a flat object": {"object": "error", "message": "boom", "code": 500},
    "Anthropic's": {"type": "error", "error": {"type": "overloaded", "message": "boom"}},
    "detail": {"detail": "boom"},
    "a list of details": {"detail": [{"loc": ["body"], "msg": "boom"}]},
    "a list": [{"error": {"message": "boom", "code": 500}}],
    "beside an empty choice": {
        "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
        "error": {"message": "boom"},
    },
}
for name, document in ERRORS.items():
    add(f"in mid-stream an error: {name}", sse(A, document, end=""), "Once", ending="llm_error")
    add(f"as the whole answer an error: {name}", json.dumps(document).encode(), ending="llm_error", content_type="application/json")
add("an event named error", sse(A, end="") + b'event: error\ndata: {"message": "boom"}\n\n', "Once", ending="llm_error")
add("a line named error", sse(A, end="") + b'error: {"code": 500, "message": "boom"}\n\n', "Once", ending="llm_error")
add("an error after the end", sse(A, B, STOP, {"error": "too late"}, end=""), TALE)
add("an error while every chunk says stop", sse(piece("Once", "stop"), {"error": "boom"}, end=""), "Once", ending="llm_error")
add(
    "too long, said in the stream",
    sse({"error": {"message": "This model's maximum context length is 4096 tokens."}}, end=""),
    ending="context_exceeded",
)
add(
    "filtered, said in the stream",
    sse({"error": {"code": "content_filter", "message": "blocked"}}, end=""),
    ending="content_filtered",
)
add("words in the place of a stream", b"Internal Server Error", ending="llm_error", content_type="text/plain")
add("words in a data line", b"data: upstream request timed out\n\n", ending="llm_error")
add("a web page", b"<!DOCTYPE html><html>Bad gateway</html>", ending="llm_error")
add("a stream labelled as a web page", PLAIN, TALE, content_type="text/html")
add("a web page labelled as such", b"<html>Login</html>", ending="llm_error", content_type="text/html")
add("half a document", sse(A, '{"choices": [', end=""), "Once", ending="llm_error")
add("garbage", sse(A, "{nope}", end=""), "Once", ending="llm_error")
add("a text as a document", sse(A, '"a text with {braces}"', B, STOP), TALE)
add("a list of words as a document", sse(A, '["x"]', B, STOP), TALE)
add("a long word as a document", sse(A, "x" * 250, B, STOP), TALE)
add("a ping with a quote", sse(A, 'heartbeat "1"', B, STOP), TALE)
add("a flat message in mid-stream", sse(A, {"message": "boom", "code": 500}, end=""), "Once", ending="llm_error")
add("a status and a msg in mid-stream", sse(A, {"status": "error", "msg": "boom"}, end=""), "Once", ending="llm_error")
add(
    "MiniMax's base_resp",
    json.dumps({"base_resp": {"status_code": 1004, "status_msg": "bad key"}, "choices": None}).encode(),
    ending="llm_error",
)
add("an event named error with words", sse(A, end="") + b"event: error\ndata: CUDA out of memory\n\n", "Once", ending="llm_error")
add("an error beside text", sse(A, {"error": "boom", "choices": B["choices"]}, end=""), TALE, ending="llm_error")
add(
    "a last delta and message repeat the reply",
    sse(A, B, {"choices": [{"index": 0, "delta": {"content": TALE}, "message": {"content": TALE}, "finish_reason": "stop"}]}),
    TALE,
)
add(
    "two calls under one index without ids",
    sse(
        piece(tool_calls=[{"index": 0, "function": {"name": "f", "arguments": "{}"}}]),
        piece(tool_calls=[{"index": 0, "function": {"name": "g", "arguments": "{}"}}]),
        piece(reason="tool_calls"),
    ),
    ending="tool_calls",
    calls=(("f", "{}"), ("g", "{}")),
)
add(
    "two calls without arguments",
    sse(
        piece(tool_calls=[{"function": {"name": "f"}}]), piece(tool_calls=[{"function": {"name": "g"}}]), piece(reason="tool_calls")
    ),
    ending="tool_calls",
    calls=(("f", ""), ("g", "")),
)
add("a reason that is an object", sse(A, B, piece(reason={"type": "length", "length": 9})), TALE, ending="length")
add(
    "an answer in XML",
    sse(piece('<review>\n<reason code="1">\nGood\n</reason>\n</review>'), STOP),
    '<review>\n<reason code="1">\nGood\n</reason>\n</review>',
)
add("an answer that is an element", sse(piece("<reason>\nGood\n</reason>"), STOP), "<reason>\nGood\n</reason>")
add("white space without end", sse(*(piece(" " * 100) for _ in range(20)), A, STOP), " " * 2000 + "Once")
add("nested beyond reason", sse(A, '{"a":' * 5000, end=""), "Once", ending="llm_error")
