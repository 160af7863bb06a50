"""Sessions as files: complete as JSON, which can be imported, and the active path as Markdown for reading.

It owns both formats. It must not know HTTP.
"""

import asyncio
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from lam.chat.sessions import new_key, require_room, require_session
from lam.chat.sink import so_far
from lam.chat.titles import DEFAULT_TITLE
from lam.errors import Interrupted, Invalid
from lam.protocol.chat import LONGEST_TEXT
from lam.protocol.events import FinishReason, Mode, Timings, Usage
from lam.protocol.facts import from_row
from lam.protocol.parts import (
    Part,
    Parts,
    ToolCall,
    documents_of,
    from_stored,
    older_parts,
    results_of,
    text_of,
    to_stored,
    written_form,
)
from lam.protocol.sampling import NAMES, Choices
from lam.protocol.text import valid, valid_json
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import Message, Rating, Session, Status

VERSION: Final = 1
MOST_MESSAGES: Final = 20_000
LONGEST_MESSAGE: Final = 1_000_000
FILE_BYTES: Final = 16 << 20

T = TypeVar("T")
_Text = Annotated[str, Meta(max_length=LONGEST_MESSAGE)]
_Time = Annotated[datetime, Meta(tz=True)]


class SessionPart(Choices, frozen=True, kw_only=True):
    """The session in a file, with its sampling settings. `active_message_id`: the newest message of the active path."""

    title: Annotated[str, Meta(max_length=200)] = DEFAULT_TITLE
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
    """The whole file, with messages of all branches in order of creation."""

    version: Literal[1] = VERSION
    session: SessionPart
    messages: Annotated[list[MessagePart], Meta(max_length=MOST_MESSAGES)]


_decoder: Final = msgspec.json.Decoder(SessionFile)


class Transfer:
    def __init__(self, database: Database, *, most_sessions: int) -> None:
        """`most_sessions`: sessions per user."""
        self._database = database
        self._most_sessions = most_sessions

    async def as_json(self, user_id: int, session_id: int) -> bytes:
        """Returns the whole session with all branches. A running reply counts as interrupted, with its stored text."""
        async with self._database.read() as unit:
            session = await require_session(unit, session_id, user_id, "read")
            messages = [await _with_checkpoints(unit, message) for message in await unit.messages.all(session_id)]
        part = SessionPart(
            title=session.title,
            system_prompt=session.system_prompt,
            model=session.model,
            active_message_id=session.leaf_id,
            created_at=session.created_at,
            **{name: getattr(session, name) for name in NAMES},
        )
        return await asyncio.to_thread(_encoded, part, messages)

    async def as_markdown(self, user_id: int, session_id: int) -> str:
        """Returns the active path for reading."""
        async with self._database.read() as unit:
            session = await require_session(unit, session_id, user_id, "read")
            messages = await unit.messages.path(session.leaf_id)
        return await asyncio.to_thread(markdown, session, messages)

    async def import_json(self, user_id: int, data: bytes) -> Session:
        """Creates a session from an exported file. Raises Invalid, TooManySessions; then nothing is stored."""
        now = datetime.now(UTC)
        file, rows = await asyncio.to_thread(_read, data, now)
        at = {message.id: position for position, message in enumerate(file.messages)}
        parents = [_position(at, message.parent_id) for message in file.messages]
        continued = [_position(at, message.continues_id) for message in file.messages]
        part = file.session
        async with self._database.write() as unit:
            await require_room(unit, user_id, self._most_sessions)
            session = await unit.sessions.add(
                user_id=user_id,
                session_key=new_key(user_id),
                title=valid(part.title) or DEFAULT_TITLE,
                title_pending=False,
                template_id=None,
                template_version=None,
                system_prompt=None if part.system_prompt is None else valid(part.system_prompt),
                model=None if part.model is None else valid(part.model),
                **{name: getattr(part, name) for name in NAMES},
                message_count=len(rows),
                leaf_id=None,
                unread=False,
                created_at=_moment(part.created_at, now),
                updated_at=now,
                last_used_at=now,
            )
            if not rows:
                return session
            ids = await unit.messages.add_tree([row | {"session_id": session.id} for row in rows], parents, continued)
            leaf = _position(at, part.active_message_id)
            leaf_id = ids[-1 if leaf is None else leaf]
            await unit.sessions.change(session.id, leaf_id=leaf_id)
        return msgspec.structs.replace(session, leaf_id=leaf_id)


async def _with_checkpoints(unit: UnitOfWork, message: Message) -> Message:
    """Returns a running reply with its stored text; any other message unchanged."""
    if message.status != "streaming":
        return message
    reply = await so_far(unit, message)
    return msgspec.structs.replace(message, content=reply.text, parts=reply.parts, thinking=reply.thinking or None)


def _encoded(part: SessionPart, messages: list[Message]) -> bytes:
    return msgspec.json.encode(SessionFile(session=part, messages=list(map(_part, messages))))


def markdown(session: Session, messages: Iterable[Message]) -> str:
    """Returns a conversation with a heading per speaker, quoted thoughts and documents, and errors."""
    parts = [f"# {session.title}"]
    if session.system_prompt:
        parts.append(_quoted(f"System prompt: {session.system_prompt}"))
    for message in messages:
        parts.append("## You" if message.role == "user" else "## Assistant")
        if message.thinking:
            parts.append(_quoted(message.thinking))
        parts.extend(f"**{document.name}**\n\n{_quoted(document.text)}" for document in documents_of(message.parts))
        if text := text_of(message.parts):
            parts.append(text)
        parts.extend(_tool_call(call) for call in message.tool_calls)
        parts.extend(f"Tool result:\n\n{_quoted(result.content)}" for result in results_of(message.parts))
        if message.status in ("cancelled", "interrupted", "failed"):
            failure = message.facts.failure
            parts.append(f"*{message.status}{': ' + failure.message if failure else ''}*")
    return "\n\n".join(parts) + "\n"


def _stored(kind: type[T], value: dict[str, Any] | None) -> T | None:
    return None if value is None else msgspec.convert(value, kind)


def _tool_call(call: ToolCall) -> str:
    return f"Tool call: `{call.name or 'unnamed'}`\n\n```json\n{call.arguments}\n```"


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def _part(message: Message) -> MessagePart:
    stored, error = to_stored(message.parts), message.facts.to_row()["error"]
    return MessagePart(
        id=message.id,
        role="user" if message.role == "user" else "assistant",
        content=message.content,
        parts=None if stored is None else list(message.parts),
        parent_id=message.parent_id,
        continues_id=message.continues_id,
        thinking=message.thinking,
        status="interrupted" if message.status == "streaming" else message.status,
        metadata=_stored(MetadataPart, message.metadata),
        usage=message.facts.usage,
        timings=message.facts.timings,
        error=_stored(ErrorPart, error),
        rating=message.rating,
        created_at=message.created_at,
    )


def _position(at: dict[int, int], name: int | None) -> int | None:
    return None if name is None else at[name]


def _read(data: bytes, now: datetime) -> tuple[SessionFile, list[dict[str, Any]]]:
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
        "created_at": _moment(message.created_at, now),
    }


def _parts(message: MessagePart, calls: list[dict[str, Any]] | None) -> Parts:
    """Returns a message's parts. A text edited by hand takes precedence: parts that no longer match it are ignored."""
    content = valid(message.content)
    if message.parts is not None and written_form(parts := from_stored(_plain(message.parts))) == content:
        return parts
    return older_parts(message.role, content, calls)


def _moment(value: datetime | None, now: datetime) -> datetime:
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
