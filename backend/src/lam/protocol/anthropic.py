"""A request in the form of Anthropic's messages, as the turns of a conversation. Pure; it knows no run and no reply.

What cannot be done here is refused with a sentence that names the field, so that nobody takes silence for consent: tools that run
at Anthropic, files by their ids, pictures by their addresses. What only makes a request cheaper there (`cache_control`,
`metadata`, `service_tier`) changes nothing here.
"""

import base64
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from lam.errors import Invalid
from lam.protocol.chat import Picture, Turn, thinking_on
from lam.protocol.programs import ProgramRequest
from lam.protocol.sampling import Choices, JsonSchema, ResponseFormat
from lam.protocol.text import valid_json
from lam.protocol.tools import Call, Tool, ToolChoice

Json = dict[str, Any]
_C = TypeVar("_C", bound="Counted")


class _Source(Struct):
    """Where a picture or a document is. `url`, `file_id`: at another place, which this gateway does not ask."""

    type: str
    media_type: str = ""
    data: str = ""
    content: "str | list[_Block]" = ""


class _TextBlock(Struct, tag_field="type", tag="text"):
    text: str


class _ImageBlock(Struct, tag_field="type", tag="image"):
    source: _Source


class _DocumentBlock(Struct, tag_field="type", tag="document"):
    source: _Source
    title: str | None = None
    context: str | None = None


class _SearchResultBlock(Struct, tag_field="type", tag="search_result"):
    content: list[_TextBlock]
    source: str = ""
    title: str = ""


class _ThinkingBlock(Struct, tag_field="type", tag="thinking"):
    thinking: str = ""


class _RedactedBlock(Struct, tag_field="type", tag="redacted_thinking"):
    pass


class _ToolUseBlock(Struct, tag_field="type", tag="tool_use"):
    id: str
    name: str
    input: msgspec.Raw = msgspec.Raw(b"{}")  # as the client wrote it


class _ToolResultBlock(Struct, tag_field="type", tag="tool_result"):
    tool_use_id: str
    content: "str | list[_Block] | None" = None
    is_error: bool | None = None


_Block = (
    _TextBlock
    | _ImageBlock
    | _DocumentBlock
    | _SearchResultBlock
    | _ThinkingBlock
    | _RedactedBlock
    | _ToolUseBlock
    | _ToolResultBlock
)


class _Message(Struct):
    role: Literal["user", "assistant", "system"]
    content: str | list[_Block]


class _Tool(Struct, kw_only=True):
    name: Annotated[str, Meta(min_length=1, max_length=128)]
    type: str | None = None
    description: str | None = None
    input_schema: Json | None = None
    strict: bool | None = None


class _ToolChoice(Struct):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class _Thinking(Struct):
    type: str
    budget_tokens: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None


class _Format(Struct):
    type: Literal["json_schema"]
    schema: Json


class _OutputConfig(Struct):
    effort: str | None = None
    format: _Format | None = None


class Counted(Struct, kw_only=True):
    """What both requests have: to write a message, and to count its prompt."""

    model: Annotated[str, Meta(min_length=1, max_length=200)]
    messages: Annotated[list[_Message], Meta(min_length=1)]
    system: str | list[_TextBlock] | None = None
    tools: list[_Tool] | None = None
    tool_choice: _ToolChoice | None = None
    thinking: _Thinking | None = None
    output_config: _OutputConfig | None = None
    output_format: _Format | None = None  # its name before `output_config`
    mcp_servers: list[Any] | None = None


class Asked(Counted, kw_only=True):
    """A request for a message."""

    max_tokens: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    stream: bool | None = None
    stop_sequences: list[Annotated[str, Meta(min_length=1, max_length=200)]] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None


_asked: Final = msgspec.json.Decoder(Asked)
_counted: Final = msgspec.json.Decoder(Counted)
_MOST_STOPS: Final = 4  # what servers take
_NO_ADDRESSES: Final = "takes its data as base64 alone: this gateway fetches nothing from other places."


def read_asked(body: bytes) -> Asked:
    """Returns the request for a message. Raises Invalid."""
    return _read(_asked, body)


def read_counted(body: bytes) -> Counted:
    """Returns the request to count a prompt. Raises Invalid."""
    return _read(_counted, body)


def program_request(asked: Counted) -> ProgramRequest:
    """Returns the request for a run, or what of it makes the prompt. Raises Invalid."""
    if asked.mcp_servers:
        raise Invalid("mcp_servers: servers of tools are not called from here; offer their tools in `tools`.")
    reading = _Reading()
    turns = [Turn("system", _texts(asked.system))] if asked.system else []
    for number, message in enumerate(asked.messages):
        turns += reading.turns(message, f"messages.{number}")
    if not turns or turns[-1].role == "system":
        raise Invalid("messages: there is nothing to answer; the last message must be of the user or the assistant, with a text.")
    choice = asked.tool_choice
    return ProgramRequest(
        turns=thinking_on(turns),
        choices=_choices(asked),
        model=asked.model,
        tools=tuple(_tools(asked.tools or ())),
        tool_choice=_tool_choice(choice, asked.tools or ()),
        parallel_tools=False if choice and choice.disable_parallel_tool_use else None,
        files=reading.files,
    )


def wants_thoughts(asked: Counted) -> bool:
    """Whether the client asked the model to think: only such a client expects blocks of thoughts."""
    return asked.thinking is not None and asked.thinking.type != "disabled"


class _Reading:
    """The messages as they are read. `files`: the bytes of their pictures by name."""

    def __init__(self) -> None:
        self.files = dict[str, bytes]()

    def turns(self, message: _Message, where: str) -> Iterator[Turn]:
        """Yields the turns of one message: answers of tools first, each a turn of its own, then what else it says."""
        text, calls, pictures, thoughts = list[str](), list[Call](), list[Picture](), list[str]()
        blocks = [_TextBlock(message.content)] if isinstance(message.content, str) else message.content
        for number, block in enumerate(blocks):
            place = f"{where}.content.{number}"
            match block:
                case _ToolResultBlock() if message.role == "user":
                    yield self._result(block, place)
                case _ToolUseBlock() if message.role == "assistant":
                    calls.append(Call(block.id, block.name, _object(block.input, f"{place}.input")))
                case _ThinkingBlock() if message.role == "assistant":
                    thoughts.append(block.thinking)
                case _RedactedBlock() if message.role == "assistant":
                    pass
                case _TextBlock() | _ImageBlock() | _DocumentBlock() | _SearchResultBlock() if message.role == "user":
                    self._add(block, place, text, pictures)
                case _TextBlock():
                    text.append(block.text)
                case _:
                    raise Invalid(f"{place}: a block of this type cannot stand in a message of the {message.role}.")
        content = "".join(text)
        if content or calls or pictures:
            yield Turn(message.role, content, tuple(pictures), tuple(calls), thinking="".join(thoughts) if calls else "")

    def _result(self, block: _ToolResultBlock, place: str) -> Turn:
        text, pictures = list[str](), list[Picture]()
        blocks = [_TextBlock(block.content)] if isinstance(block.content, str) else block.content or []
        for number, part in enumerate(blocks):
            self._add(part, f"{place}.content.{number}", text, pictures)
        content = "".join(text)
        if block.is_error and not content:
            content = "The tool failed."
        return Turn("tool", content, tuple(pictures), call_id=block.tool_use_id)

    def _add(self, block: _Block, place: str, text: list[str], pictures: list[Picture]) -> None:
        match block:
            case _TextBlock():
                text.append(block.text)
            case _SearchResultBlock():
                text.append("\n".join(filter(None, (block.title, block.source, *(part.text for part in block.content)))))
            case _ImageBlock():
                name = f"file-{len(self.files)}"
                self.files[name] = _bytes(block.source, f"{place}.source")
                pictures.append(
                    Picture(sha256="", id=name, type=block.source.media_type, width=0, height=0, size=0, at=len("".join(text)))
                )
            case _DocumentBlock(source=_Source(type="text")):
                text.append(_document(block, block.source.data))
            case _DocumentBlock(source=_Source(type="content", content=str(content))):
                text.append(_document(block, content))
            case _DocumentBlock(source=_Source(type="content")):
                assert not isinstance(block.source.content, str)
                text.append(_document(block, ""))
                for number, part in enumerate(block.source.content):
                    self._add(part, f"{place}.source.content.{number}", text, pictures)
            case _DocumentBlock():
                raise Invalid(f"{place}.source: only documents of plain text are read here; send the text of this one.")
            case _:
                raise Invalid(f"{place}: a block of this type cannot stand here.")


def _read(decoder: "msgspec.json.Decoder[_C]", body: bytes) -> "_C":
    try:
        return decoder.decode(valid_json(body))  # some programs write lone surrogates
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `")
        where = path.rstrip("`").removeprefix("$").removeprefix(".").replace("[", ".").replace("]", "")
        raise Invalid(f"{where}: {what}" if where else what) from error
    except (ValueError, RecursionError) as error:
        raise Invalid("The body is not JSON in UTF-8.") from error


def _object(written: msgspec.Raw, place: str) -> str:
    """Returns an object as its JSON. Raises Invalid for another value."""
    text = bytes(written).decode().strip()
    if not text.startswith("{"):
        raise Invalid(f"{place}: this must be an object.")
    return text


def _texts(system: str | Sequence[_TextBlock]) -> str:
    return system if isinstance(system, str) else "\n\n".join(block.text for block in system)


def _choices(asked: Counted) -> Choices:
    wanted = (asked.output_config.format if asked.output_config else None) or asked.output_format
    chosen: Json = {"response_format": _format(wanted) if wanted else None, "reasoning": _reasoning(asked.thinking)}
    if isinstance(asked, Asked):
        stops = asked.stop_sequences
        if stops and len(stops) > _MOST_STOPS:
            raise Invalid(f"stop_sequences: up to {_MOST_STOPS} are taken.")
        chosen |= {
            "max_tokens": asked.max_tokens,
            "temperature": asked.temperature,
            "top_p": asked.top_p or None,
            "top_k": asked.top_k,
            "stop": tuple(stops) if stops else None,
        }
    return Choices(**chosen)


def _format(wanted: _Format) -> ResponseFormat:
    try:
        return ResponseFormat(type="json_schema", json_schema=JsonSchema(schema=wanted.schema))
    except ValueError as error:
        raise Invalid(f"output_config.format.schema: {error}.") from error


def _reasoning(thinking: _Thinking | None) -> str | int | None:
    if thinking is None:
        return None
    if thinking.type == "disabled":
        return "off"
    return thinking.budget_tokens or "auto"


def _tools(tools: Sequence[_Tool]) -> Iterator[Tool]:
    for number, tool in enumerate(tools):
        if tool.type not in (None, "custom"):
            raise Invalid(f"tools.{number}: tools of the type `{tool.type}` run at Anthropic, not here.")
        if tool.input_schema is None:
            raise Invalid(f"tools.{number}.input_schema is missing.")
        yield Tool(name=tool.name, description=tool.description, parameters=tool.input_schema, strict=tool.strict)


def _tool_choice(choice: _ToolChoice | None, tools: Sequence[_Tool]) -> ToolChoice | None:
    if choice is None:
        return None
    if choice.type == "tool":
        if choice.name is None or all(tool.name != choice.name for tool in tools):
            raise Invalid("tool_choice.name must be the name of one of the tools.")
        return ToolChoice("required", choice.name)
    if choice.type == "any":
        if not tools:
            raise Invalid("tool_choice: there are no tools to choose from.")
        return ToolChoice("required")
    return ToolChoice(choice.type)


def _bytes(source: _Source, place: str) -> bytes:
    if source.type != "base64":
        raise Invalid(f"{place} {_NO_ADDRESSES}")
    try:
        return base64.b64decode(source.data, validate=True)
    except ValueError as error:
        raise Invalid(f"{place}.data is not base64.") from error


def _document(block: _DocumentBlock, content: str) -> str:
    return "\n".join(filter(None, (block.title, block.context, content))) + "\n"
