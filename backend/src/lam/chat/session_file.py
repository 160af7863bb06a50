"""The file format of a session: complete, with all branches. It decides what a valid file is.

It knows no database and no other program's format.
"""

import base64
import secrets
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from lam.chat import pictures
from lam.chat.imports.bounds import LONGEST_MESSAGE, LONGEST_TITLE, MOST_MESSAGES
from lam.chat.titles import DEFAULT_TITLE
from lam.errors import Interrupted, Invalid
from lam.protocol.chat import LONGEST_TEXT
from lam.protocol.events import FinishReason, Mode, Timings, Usage
from lam.protocol.facts import from_row
from lam.protocol.parts import Image, Part, Parts, from_stored, older_parts, written_form
from lam.protocol.places import Excerpt
from lam.protocol.sampling import Choices
from lam.protocol.text import valid, valid_json
from lam.storage.models import Rating, Status

VERSION: Final = 1
_Text = Annotated[str, Meta(max_length=LONGEST_MESSAGE)]
_Time = Annotated[datetime, Meta(tz=True)]


class SessionPart(Choices, frozen=True, kw_only=True):
    """The session in a file, with its sampling settings. `folder`: a name. `active_message_id`: the newest message of the active
    path."""

    title: Annotated[str, Meta(max_length=LONGEST_TITLE)] = DEFAULT_TITLE
    folder: str | None = None
    system_prompt: Annotated[str, Meta(max_length=LONGEST_TEXT)] | None = None
    model: Annotated[str, Meta(max_length=255)] | None = None
    active_message_id: int | None = None
    created_at: _Time | None = None


class MetadataPart(Struct, frozen=True, kw_only=True, omit_defaults=True):
    mode: Mode = "sse"
    server: str | None = None
    model: str | None = None
    simulated: bool | None = None
    finish_reason: FinishReason | None = None
    tool_calls: list[dict[str, str | None]] | None = None
    continues: Annotated[int, Meta(ge=0)] | None = None
    shown: list[Excerpt] | None = None
    program: str | None = None


class ErrorPart(Struct, frozen=True):
    code: str = Interrupted.code
    message: str = Interrupted.summary
    retryable: bool = True
    limit: int | None = None


class MessagePart(Struct, frozen=True, kw_only=True):
    """A message in a file. `id` is unique within the file; `parent_id` and `continues_id` refer to earlier messages.

    `parts`: only where the written form in `content` loses something. They count as long as they still match it.
    """

    id: int
    role: Literal["user", "assistant"]
    content: _Text
    parts: list[Part] | None = None
    parent_id: int | None = None
    continues_id: int | None = None
    thinking: _Text | None = None
    status: Status = "complete"
    metadata: MetadataPart | None = None
    usage: Usage | None = None
    timings: Timings | None = None
    error: ErrorPart | None = None
    rating: Rating | None = None
    created_at: _Time | None = None


class SessionFile(Struct, frozen=True, kw_only=True, tag_field="format", tag="lam-session"):
    """The whole file, with messages of all branches in order of creation. `pictures`: data URIs, by the ids in the messages' parts;
    they come last, so that they can be written one by one."""

    version: Literal[1] = VERSION
    session: SessionPart
    messages: Annotated[list[MessagePart], Meta(max_length=MOST_MESSAGES)]
    pictures: dict[str, str] = {}


_decoder: Final = msgspec.json.Decoder(SessionFile)


def read(data: bytes, now: datetime) -> tuple[SessionFile, list[dict[str, Any]]]:
    """Returns the file and its messages as rows. Raises Invalid."""
    try:
        file = _decoder.decode(valid_json(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"This is not an exported session: {error}.") from error
    before: dict[int, MessagePart] = {}
    for message in file.messages:
        _check(message, before)
        before[message.id] = message
    active = file.session.active_message_id
    if active is not None and active not in before:
        raise Invalid(f"session: the active message {active} is not in the file.")
    return file, [_row(message, now) for message in file.messages]


def _check(message: MessagePart, before: dict[int, MessagePart]) -> None:
    if message.id in before:
        raise Invalid(f"messages: two of them are called {message.id}.")
    for name in (message.parent_id, message.continues_id):
        if name is not None and name not in before:
            raise Invalid(f"messages: {message.id} refers to {name}, which does not come before it.")
    parent = None if message.parent_id is None else before[message.parent_id]
    if message.role == "assistant" and (parent is None or parent.role != "user"):
        raise Invalid(f"messages: the reply {message.id} answers no user's message.")
    if sum(isinstance(part, Image) for part in message.parts or ()) > pictures.MOST:
        raise Invalid(f"messages: {message.id} has more than {pictures.MOST} pictures.")


def _row(message: MessagePart, now: datetime) -> dict[str, Any]:
    reply = message.role == "assistant"
    status = "interrupted" if message.status == "streaming" else message.status
    failed = status in ("interrupted", "failed")
    metadata = _plain(message.metadata) or {}
    calls = metadata.pop("tool_calls", None)
    error = _plain(message.error or ErrorPart()) if reply and failed else None
    return {
        "role": message.role,
        "parts": _parts(message, calls),
        "facts": from_row(metadata or None, _plain(message.usage), _plain(message.timings), error),
        "thinking": valid(message.thinking) if message.thinking else None,
        "status": status if reply else "complete",
        "rating": message.rating if reply else None,
        "stream_id": secrets.token_urlsafe(18) if reply else None,
        "created_at": moment(message.created_at, now),
    }


def _parts(message: MessagePart, calls: list[dict[str, Any]] | None) -> Parts:
    """Returns a message's parts. A text edited by hand takes precedence: parts that no longer match it are ignored."""
    content = valid(message.content)
    if message.parts is not None and written_form(parts := from_stored(_plain(message.parts))) == content:
        return parts
    return older_parts(message.role, content, calls)


def picture_in(uri: str) -> bytes:
    """Returns the bytes in a data URI. Raises ValueError."""
    head, comma, data = uri.partition(",")
    if not comma or not head.startswith("data:image/") or not head.endswith(";base64"):
        raise ValueError("it is no data URI of a picture in base64")
    return base64.b64decode(data, validate=True)


def moment(value: datetime | None, now: datetime) -> datetime:
    try:
        return now if value is None else value.astimezone(UTC)
    except OverflowError as error:
        raise Invalid(f"created_at: {value} is beyond the calendar.") from error


def _plain(value: Any) -> Any:
    """Returns the value as plain JSON, with text that every database accepts."""
    if isinstance(value, str):
        return valid(value)
    if isinstance(value, dict):
        return {valid(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return _plain(msgspec.to_builtins(value)) if isinstance(value, Struct) else value
