"""OpenAI's shapes: a request's body read into a `ProgramRequest`, and events written as chunks or as one completion. Pure.

The format is that of OpenAI's API reference, "Chat completions", with two additions that most servers have: `reasoning_content`
beside `content`, and samplers of llama.cpp and vLLM. Nothing else may know these shapes.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence, Set
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from lam.errors import InvalidField
from lam.protocol.chat import Picture, Role, Turn, thinking_on
from lam.protocol.events import Chunk, Done, Error, Event, Image, Metadata, Progress, Relabel, Thinking, ToolCall, Usage
from lam.protocol.parts import Image as ImagePart
from lam.protocol.programs import ProgramRequest
from lam.protocol.sampling import Choices, ResponseFormat
from lam.protocol.snapshot import Snapshot
from lam.protocol.text import utf16_prefix, valid_json
from lam.protocol.tokens import estimate_text
from lam.protocol.tools import Call, Tool, ToolChoice

# Settings of `Choices` that programs name as we do.
_SAME: Final = (
    *("temperature", "top_p", "top_k", "min_p", "typical_p", "seed", "presence_penalty", "frequency_penalty", "repeat_penalty"),
    "response_format",
)
# Fields that the model's server gets unchanged: of OpenAI's interface, of llama.cpp, of vLLM and its like.
PASSED_ON: Final = frozenset(
    {
        *("logit_bias", "verbosity", "reasoning_effort", "prediction", "web_search_options"),
        *("grammar", "json_schema", "cache_prompt", "samplers", "ignore_eos", "min_keep", "dynatemp_range", "dynatemp_exponent"),
        *("mirostat", "mirostat_tau", "mirostat_eta", "dry_multiplier", "dry_base", "dry_allowed_length", "dry_penalty_last_n"),
        *("dry_sequence_breakers", "xtc_probability", "xtc_threshold", "top_n_sigma", "repeat_last_n", "lora"),
        *("chat_template_kwargs", "thinking_budget_tokens"),
        *("repetition_penalty", "length_penalty", "min_tokens", "stop_token_ids", "include_stop_str_in_output", "bad_words"),
        *("guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs", "skip_special_tokens"),
        *("thinking", "reasoning", "enable_thinking", "top_a", "provider", "transforms", "plugins"),
        *("modalities", "image_config", "include_reasoning", "reasoning_format", "thinking_budget", "reasoning_split"),
        *("truncate_prompt_tokens", "allowed_token_ids", "mm_processor_kwargs", "tool_stream"),
    }
)
# Fields that mean nothing here: they are about OpenAI's own accounts and storage.
_IGNORED: Final = frozenset(
    {
        *("user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"),
        *("prompt_cache_options", "usage"),
        "stream_options",
    }
)
_GONE: Final = frozenset({"functions", "function_call", "audio"})  # some programs send null for them
B = TypeVar("B", bound=Struct)
_DATA_URI: Final = re.compile(r"data:(?P<type>[\w.+/-]*)(?:;[\w=.+-]+)*;base64,", re.ASCII)
_encode: Final = msgspec.json.Encoder().encode
_LARGEST_SEED: Final = 2**32 - 2
_SMALLEST_TOP_P: Final = 1e-6  # 0 means the likeliest word alone


class _Address(Struct):
    url: str


class _Text(Struct, tag_field="type", tag="text"):
    text: str


class _Refusal(Struct, tag_field="type", tag="refusal"):
    refusal: str


class _Picture(Struct, tag_field="type", tag="image_url"):
    image_url: _Address


class _Audio(Struct, tag_field="type", tag="input_audio"):
    pass


class _File(Struct, tag_field="type", tag="file"):
    pass


_Part = _Text | _Refusal | _Picture | _Audio | _File


class _Called(Struct):
    name: str
    arguments: str = ""


class _CallPart(Struct):
    function: _Called
    id: str = ""


class _Message(Struct, kw_only=True):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[_Part] | None = None
    tool_calls: list[_CallPart] | None = None
    tool_call_id: str | None = None
    reasoning_content: Any = None
    reasoning: Any = None


class _Function(Struct):
    name: Annotated[str, Meta(min_length=1, max_length=256)]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class _Tool(Struct, tag_field="type", tag="function"):
    function: _Function


class _Named(Struct):
    name: str


class _Chosen(Struct, tag_field="type", tag="function"):
    function: _Named


class _StreamOptions(Struct):
    include_usage: bool | None = None


class _Body(Struct, kw_only=True):
    model: str
    messages: Annotated[list[_Message], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    tools: list[_Tool] | None = None
    tool_choice: Literal["auto", "none", "required"] | _Chosen | None = None
    parallel_tool_calls: bool | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | list[str] | None = None
    n: int | None = None
    logprobs: bool | int | None = None
    top_logprobs: int | None = None


class _PromptBody(Struct, kw_only=True):
    """The body of the older `/v1/completions`."""

    prompt: str | list[str]
    model: str | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    stop: str | list[str] | None = None
    n: int | None = None
    best_of: int | None = None
    echo: bool | None = None
    suffix: str | None = None
    logprobs: bool | int | None = None
    top_logprobs: int | None = None


_Token = Annotated[int, Meta(ge=0)]


class _EmbeddingBody(Struct, kw_only=True):
    """The body of `/v1/embeddings`. `input`: texts, or their tokens."""

    input: str | list[str | _Token | Annotated[list[_Token], Meta(min_length=1)]]
    model: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    user: Any = None


_KNOWN_PROMPT: Final = frozenset(_PromptBody.__struct_fields__) | (set(_SAME) - {"response_format"}) | _IGNORED | PASSED_ON
_KNOWN: Final = frozenset(_Body.__struct_fields__) | set(_SAME) | _IGNORED | PASSED_ON


class Asked(Struct, frozen=True, kw_only=True):
    """A request as it was asked for. `stream`: as chunks. `include_usage`: the last chunk has the usage."""

    request: ProgramRequest
    stream: bool = False
    include_usage: bool = False


def read_chat(body: bytes) -> Asked:
    """Returns the request in the body of `/v1/chat/completions`. Raises InvalidField."""
    fields, read = _read(body, _Body, _KNOWN)
    _refuse(read, fields)
    turns, files = _turns(read.messages)
    return Asked(
        request=ProgramRequest(
            turns=turns,
            choices=_choices(fields, _first(read.max_completion_tokens, read.max_tokens), read.stop),
            model=read.model or None,
            tools=tuple(_tool(tool.function) for tool in read.tools or ()),
            tool_choice=_choice(read),
            parallel_tools=read.parallel_tool_calls if read.tools else None,
            extra={name: value for name, value in fields.items() if name in PASSED_ON and value is not None},
            files=files,
        ),
        stream=bool(read.stream),
        include_usage=bool(read.stream_options and read.stream_options.include_usage),
    )


def read_completion(body: bytes) -> Asked:
    """Returns the request in the body of `/v1/completions`. Raises InvalidField."""
    fields, read = _read(body, _PromptBody, _KNOWN_PROMPT)
    _refuse(read, fields)
    if read.best_of is not None and read.best_of != 1:
        raise InvalidField("This gateway gives one answer to a request; leave `best_of` out.", param="best_of")
    for name in ("echo", "suffix"):
        if getattr(read, name):
            raise InvalidField(f"`{name}` is not supported here.", param=name, reason="unsupported_parameter")
    prompts = [read.prompt] if isinstance(read.prompt, str) else read.prompt
    if len(prompts) != 1:
        raise InvalidField("Send one prompt in a request.", param="prompt")
    return Asked(
        request=ProgramRequest(
            turns=(Turn("user", prompts[0]),),
            choices=_choices(fields, read.max_tokens, read.stop),
            model=read.model or None,
            extra={name: value for name, value in fields.items() if name in PASSED_ON and value is not None},
            raw=True,
        ),
        stream=bool(read.stream),
        include_usage=bool(read.stream_options and read.stream_options.include_usage),
    )


class Vectors(Struct, frozen=True, kw_only=True):
    """A request for vectors. `fields`: those for the server, without the model. `tokens`: an estimate."""

    model: str | None
    fields: dict[str, Any]
    tokens: int


def read_embedding(body: bytes) -> Vectors:
    """Returns the request in the body of `/v1/embeddings`. Raises InvalidField."""
    fields, read = _read(body, _EmbeddingBody, frozenset(_EmbeddingBody.__struct_fields__))
    if not read.input:
        raise InvalidField("`input` is empty.", param="input")
    passed = ("input", "encoding_format", "dimensions")
    return Vectors(
        model=read.model or None,
        fields={name: fields[name] for name in passed if fields.get(name) is not None},
        tokens=_input_tokens(read.input),
    )


def _input_tokens(value: Any) -> int:
    """Returns an estimate of the tokens in an `input`: a text, a token, or a list of them."""
    if isinstance(value, list):
        return sum(map(_input_tokens, value))
    return estimate_text(value) if isinstance(value, str) else 1


def embedding_usage(answer: Mapping[str, Any]) -> Usage | None:
    """Returns what a server says that its vectors took, None when it says nothing."""
    usage = answer.get("usage")
    tokens = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return Usage(tokens, 0, tokens) if isinstance(tokens, int) and tokens >= 0 else None


def _read(body: bytes, kind: type[B], known: Set[str]) -> tuple[dict[str, Any], B]:
    fields = _decoded(body)
    unknown = next((name for name, value in fields.items() if name not in known and (name not in _GONE or value is not None)), None)
    if unknown is not None:
        raise InvalidField(_unknown_field(unknown), param=unknown[:100], reason="unknown_parameter")
    read: B = _converted({name: fields[name] for name in kind.__struct_fields__ if name in fields}, kind)
    return fields, read


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(valid_json(body))  # some programs write lone surrogates
    except (ValueError, RecursionError) as error:
        raise InvalidField(f"The body is not JSON: {error}.", reason="invalid_json") from error
    if not isinstance(fields, dict):
        raise InvalidField("The body must be a JSON object.", reason="invalid_json")
    return fields


def _converted(value: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        param = where.strip("`").removeprefix("$").removeprefix(".") or None
        missing = re.search(r"missing required field `(\w+)`", what)
        if missing:
            param = f"{param}.{missing[1]}" if param else missing[1]
        reason = "missing_required_parameter" if missing else "invalid_value"
        raise InvalidField(f"{param}: {what}." if param else f"{what}.", param=param, reason=reason) from error


def _unknown_field(name: str) -> str:
    if name in ("functions", "function_call"):
        return f"`{name}` is not supported any more; use `tools` and `tool_choice`."
    if name in ("models", "route"):
        return f"`{name}` would choose among models that this gateway does not know of; name one in `model`."
    if name == "audio":
        return "Replies are text; `audio` is not supported."
    return f"The field `{name[:100]}` is unknown here."


def _refuse(read: _Body | _PromptBody, fields: Mapping[str, Any]) -> None:
    """Raises InvalidField for what OpenAI's interface has and this gateway does not."""
    if read.n is not None and read.n != 1:
        raise InvalidField("This gateway gives one answer to a request; leave `n` out and ask again.", param="n")
    if read.logprobs or read.top_logprobs:
        raise InvalidField("This gateway gives no `logprobs`.", param="logprobs", reason="unsupported_parameter")
    modalities = fields.get("modalities")
    if modalities is not None and (not isinstance(modalities, list) or any(one not in ("text", "image") for one in modalities)):
        raise InvalidField("Replies are texts and pictures; `modalities` may name these alone.", param="modalities")


def _choices(fields: Mapping[str, Any], max_tokens: int | None, stop: str | list[str] | None) -> Choices:
    values: dict[str, Any] = {name: fields[name] for name in _SAME if fields.get(name) is not None}
    if isinstance(seed := values.get("seed"), int):
        values["seed"] = seed % (_LARGEST_SEED + 1)
    if values.get("top_p") == 0:
        values["top_p"] = _SMALLEST_TOP_P
    if max_tokens is not None:
        values["max_tokens"] = max_tokens
    if stop is not None:
        values["stop"] = [stop] if isinstance(stop, str) else stop
    if isinstance(wanted := values.get("response_format"), dict):
        values["response_format"] = _response_format(wanted)
    if fields.get("reasoning_effort") == "none":
        values["reasoning"] = "off"
    elif isinstance(template := fields.get("chat_template_kwargs"), dict) and isinstance(template.get("enable_thinking"), bool):
        values["reasoning"] = "auto" if template["enable_thinking"] else "off"
    choices: Choices = _converted(values, Choices)
    return choices


def _first(*values: int | None) -> int | None:
    """Returns the first value that is there."""
    return next((value for value in values if value is not None), None)


def _response_format(wanted: dict[str, Any]) -> ResponseFormat | dict[str, Any]:
    schema = wanted.get("json_schema")
    if isinstance(schema, dict):
        return wanted | {"json_schema": {name: value for name, value in schema.items() if value is not None}}
    return wanted


def _tool(function: _Function) -> Tool:
    return Tool(name=function.name, description=function.description, parameters=function.parameters, strict=function.strict)


def _choice(read: _Body) -> ToolChoice | None:
    names = [tool.function.name for tool in read.tools or ()]
    choice = read.tool_choice
    if isinstance(choice, _Chosen):
        if choice.function.name not in names:
            raise InvalidField(f"`tools` has no {choice.function.name!r}, which `tool_choice` names.", param="tool_choice")
        return ToolChoice("required", choice.function.name)
    if choice == "required" and not names:
        raise InvalidField("`tool_choice` is `required`, but there are no `tools`.", param="tool_choice")
    return ToolChoice(choice) if choice is not None and names else None


def _turns(messages: Sequence[_Message]) -> tuple[tuple[Turn, ...], dict[str, bytes]]:
    files: dict[str, bytes] = {}
    turns: list[Turn] = []
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        text, pictures = _content(message.content, f"{where}.content", files)
        role: Role = "system" if message.role == "developer" else message.role
        if pictures and role != "user":
            raise InvalidField("Only messages of the user may have pictures.", param=f"{where}.content")
        if role == "tool" and not message.tool_call_id:
            raise InvalidField(
                "A message of a tool needs the `tool_call_id` of the call that it answers.",
                param=f"{where}.tool_call_id",
                reason="missing_required_parameter",
            )
        calls = tuple(Call(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ())
        if calls and role != "assistant":
            raise InvalidField("Only messages of the assistant may have `tool_calls`.", param=f"{where}.tool_calls")
        call_id = message.tool_call_id if role == "tool" else None
        thinking = _thoughts(message) if calls else ""
        turns.append(Turn(role, text, pictures, calls=calls, call_id=call_id, thinking=thinking))
    while len(turns) > 1 and turns[-1].role == "assistant" and not turns[-1].content and not turns[-1].calls:
        turns.pop()  # the beginning of a reply that has not begun
    if not any(turn.content or turn.pictures or turn.calls or turn.role == "tool" for turn in turns):
        raise InvalidField("The messages are empty.", param="messages")
    return thinking_on(turns), files


def _thoughts(message: _Message) -> str:
    """Returns the thoughts that a program sends back with calls, under the names of DeepSeek and OpenRouter."""
    return next((text for text in (message.reasoning_content, message.reasoning) if isinstance(text, str) and text), "")


def _content(content: str | list[_Part] | None, where: str, files: dict[str, bytes]) -> tuple[str, tuple[Picture, ...]]:
    if content is None or isinstance(content, str):
        return content or "", ()
    text, pictures = "", []
    for number, part in enumerate(content):
        if isinstance(part, _Text):
            text += part.text
        elif isinstance(part, _Refusal):
            text += part.refusal
        elif isinstance(part, _Picture):
            name = f"picture-{len(files) + 1}"
            files[name] = read_data_uri(part.image_url.url, f"{where}[{number}].image_url.url")
            pictures.append(Picture(sha256="", id=name, type="", width=0, height=0, size=0, at=len(text)))
        else:
            kind = "Sound" if isinstance(part, _Audio) else "Files"
            raise InvalidField(f"{kind} cannot be sent here; texts and pictures can.", param=f"{where}[{number}]")
    return text, tuple(pictures)


def read_data_uri(address: str, param: str) -> bytes:
    """Returns the bytes in a data URI. Raises InvalidField for an address elsewhere: this gateway fetches nothing for anybody."""
    found = _DATA_URI.match(address)
    if found is None:
        raise InvalidField(
            "Send a picture as a data URI (data:image/png;base64,…); this gateway fetches no addresses.", param=param
        )
    try:
        return base64.b64decode(address[found.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidField("The data URI holds no valid base64.", param=param) from error


# Answers


class Answer(Struct, frozen=True, kw_only=True):
    """What every chunk and the completion say about a run. `created`: seconds since 1970. `model`: as it was asked for."""

    id: str
    created: int
    model: str


class Chunks:
    """Writes a run's events as the lines of a stream, in order. `include_usage`: as asked. `progress`: what the run waits for comes
    in chunks without choices."""

    def __init__(self, answer: Answer, *, include_usage: bool = False, progress: bool = False) -> None:
        self._answer = answer
        self._usage: dict[str, Any] = {"usage": None} if include_usage else {}
        self._progress = progress
        self._begun = False
        self._calls: set[int] = set()
        self._thoughts: list[str] = []
        self._images = 0
        self._heads()

    def _heads(self) -> None:
        """Prepares what surrounds the text of a usual chunk, so that a token costs the encoding of its text alone."""
        self._text = self._around("content")
        self._thought = self._around("reasoning_content")

    def _around(self, field: str) -> tuple[bytes, bytes]:
        before, _, after = self._chunk({field: "\x00"}).partition(b'"\\u0000"')
        return before, after

    def lines(self, events: Sequence[Event]) -> bytes:
        """Returns the lines for these events; neighbouring texts come as one chunk. This is the path of every token: keep it
        short."""
        first = events[0]
        if type(first) is Chunk and self._begun and len(events) == 1:
            before, after = self._text
            return before + _encode(first.content) + after
        out: list[bytes] = []
        pieces: list[str] = []
        kind: type[Event] | None = None
        for event in events:
            if type(event) is not kind and pieces:
                self._flush(out, kind, pieces)
            kind = type(event)
            if kind is Chunk or kind is Thinking:
                pieces.append(event.content)  # type: ignore[union-attr]  # `is` costs a third of isinstance here
            else:
                self._other(out, event)
        if pieces:
            self._flush(out, kind, pieces)
        return b"".join(out)

    def _flush(self, out: list[bytes], kind: type[Event] | None, pieces: list[str]) -> None:
        text = pieces[0] if len(pieces) == 1 else "".join(pieces)
        pieces.clear()
        if not self._begun:
            self._begin(out)
        if kind is Thinking:
            self._thoughts.append(text)
        before, after = self._thought if kind is Thinking else self._text
        out += (before, _encode(text), after)

    def _begin(self, out: list[bytes]) -> None:
        self._begun = True
        out.append(self._chunk({"role": "assistant", "content": ""}))

    def _other(self, out: list[bytes], event: Event) -> None:
        if isinstance(event, ToolCall):
            if not self._begun:
                self._begin(out)
            out.append(self._chunk({"tool_calls": [self._call(event)]}))
        elif isinstance(event, Relabel) and event.to == "answer":
            thoughts = "".join(self._thoughts)
            self._thoughts.clear()
            if text := thoughts[len(utf16_prefix(thoughts, event.start)) :]:
                out.append(self._chunk({"content": text}))
        elif isinstance(event, Image):
            self._image(out, event)
        elif isinstance(event, Done):
            self._end(out, event)
        elif isinstance(event, Error):
            out.append(_line({"error": error_object(event.message, event.code)}))
        elif isinstance(event, Metadata | Progress) and self._progress:
            out.append(_line(self._frame([]) | {"lam": event}))

    def _image(self, out: list[bytes], event: Image) -> None:
        if not self._begun:
            self._begin(out)
        out.append(self._chunk({"images": [_image(event.media, self._images)]}))
        self._images += 1

    def _call(self, event: ToolCall) -> dict[str, Any]:
        function: dict[str, Any] = {"arguments": event.arguments}
        if event.index in self._calls:
            return {"index": event.index, "function": function}
        self._calls.add(event.index)
        called = {"name": event.name or ""} | function
        return {"index": event.index, "id": event.id or _call_id(self._answer, event.index), "type": "function", "function": called}

    def _end(self, out: list[bytes], done: Done) -> None:
        if done.finish_reason == "cancelled":
            out.append(_line({"error": error_object("The reply was stopped before it was complete.", "stopped")}))
            return
        if not self._begun:
            self._begin(out)
        out.append(self._chunk({}, _reason(done, bool(self._calls))))
        if self._usage:
            out.append(_line(self._frame([]) | {"usage": usage_of(done.usage)}))
        out.append(b"data: [DONE]\n\n")

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return _line(self._frame([choice]) | self._usage)

    def _frame(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        answer = self._answer
        return {
            "id": answer.id,
            "object": "chat.completion.chunk",
            "created": answer.created,
            "model": answer.model,
            "choices": choices,
        }


class PromptChunks(Chunks):
    """Writes a run's events as the lines of a stream of `/v1/completions`: texts alone."""

    def _around(self, field: str) -> tuple[bytes, bytes]:
        if field != "content":
            return b"", b""
        return super()._around("text")

    def _flush(self, out: list[bytes], kind: type[Event] | None, pieces: list[str]) -> None:
        if kind is Thinking:
            pieces.clear()
        else:
            super()._flush(out, kind, pieces)

    def _begin(self, out: list[bytes]) -> None:
        self._begun = True

    def _image(self, out: list[bytes], event: Image) -> None:
        """A completion of a prompt has texts alone."""

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"text": delta.get("text", delta.get("content", "")), "index": 0, "logprobs": None, "finish_reason": reason}
        return _line(self._frame([choice]) | self._usage)

    def _frame(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return super()._frame(choices) | {"object": "text_completion"}


def prompt_completion(answer: Answer, reply: Snapshot, done: Done) -> dict[str, Any]:
    """Returns a whole reply to a prompt."""
    choice = {"text": reply.text, "index": 0, "logprobs": None, "finish_reason": _reason(done, False)}
    return {
        "id": answer.id,
        "object": "text_completion",
        "created": answer.created,
        "model": answer.model,
        "choices": [choice],
        "usage": usage_of(done.usage),
    }


def completion(answer: Answer, reply: Snapshot, done: Done) -> dict[str, Any]:
    """Returns a whole reply."""
    calls = [
        {
            "id": call.id or _call_id(answer, number),
            "type": "function",
            "function": {"name": call.name or "", "arguments": call.arguments},
        }
        for number, call in enumerate(reply.calls)
    ]
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or (None if calls else "")}
    message |= {"refusal": None, "annotations": []}
    if reply.thinking:
        message["reasoning_content"] = reply.thinking
    if images := [part for part in reply.parts if isinstance(part, ImagePart)]:
        message["images"] = [_image(image.id, number) for number, image in enumerate(images)]
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _reason(done, bool(calls))}
    return {
        "id": answer.id,
        "object": "chat.completion",
        "created": answer.created,
        "model": answer.model,
        "choices": [choice],
        "usage": usage_of(done.usage),
    }


def _image(uri: str, number: int) -> dict[str, Any]:
    """Returns a picture of a reply as OpenRouter writes it, and many clients read it: OpenAI's format has none."""
    return {"index": number, "type": "image_url", "image_url": {"url": uri}}


def usage_of(usage: Usage | None) -> dict[str, Any]:
    """Returns OpenAI's usage. `estimated`: the model's server counted nothing."""
    if usage is None:
        return {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "estimated": True}
    about: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
    if usage.cached_tokens is not None:
        about["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    return about | ({"estimated": True} if usage.estimated is True else {})


def model_object(name: str, created: int, owner: str, about: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a model of the list. `about`: further facts."""
    return {"id": name, "object": "model", "created": created, "owned_by": owner} | dict(about)


# Failures

_CODES: Final = {
    "unauthorized": "invalid_api_key",
    "unknown_model": "model_not_found",
    "context_exceeded": "context_length_exceeded",
    "content_filtered": "content_filter",
    "too_many_streams": "rate_limit_exceeded",
    "queue_full": "rate_limit_exceeded",
    "too_many_uploads": "rate_limit_exceeded",
    "too_many_attempts": "rate_limit_exceeded",
}
# Failures of a run that are about the request, not about the server.
OF_REQUEST: Final = frozenset(
    {
        *("context_exceeded", "content_filtered", "cannot_see", "cannot_use_tools", "picture_gone", "not_supported", "too_large"),
        "stopped",
        *("unauthorized", "forbidden", "not_allowed", "not_found", "not_offered", "unknown_model"),
    }
)


def error_object(
    message: str, code: str, *, param: str | None = None, status: int | None = None, reason: str | None = None
) -> dict[str, Any]:
    """Returns OpenAI's error. `code`: ours. `status`: of the answer, None in a stream. `reason`: OpenAI's code, if it is known."""
    if status is None:
        kind = "invalid_request_error" if code in OF_REQUEST else "server_error"
    elif status == 429:
        kind = "rate_limit_error"
    else:
        kind = "invalid_request_error" if status < 500 else "server_error"
    return {"message": message, "type": kind, "param": param, "code": reason or _CODES.get(code, code)}


def _reason(done: Done, has_calls: bool) -> str:
    return "tool_calls" if has_calls and done.finish_reason == "stop" else done.finish_reason


def _call_id(answer: Answer, number: int) -> str:
    """Returns an id for a call to which the model's server gave none."""
    return f"call_{answer.id.removeprefix('chatcmpl-')[:24]}_{number}"


def _line(value: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode(value)
