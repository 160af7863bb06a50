"""What repositories give: frozen values without an identity of their own. Times are aware, in UTC."""

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

Status = Literal["streaming", "complete", "cancelled", "interrupted", "failed"]


class User(Struct, frozen=True):
    id: int
    email: str
    password_hash: str | None
    is_admin: bool
    created_at: datetime


class Token(Struct, frozen=True):
    """A login. `hash` is all that is kept of the secret."""

    id: int
    user_id: int
    expires_at: datetime | None
    last_used_at: datetime


class Template(Struct, frozen=True):
    """A stored prompt."""

    id: int
    title: str
    content: str


class Session(Struct, frozen=True):
    id: int
    user_id: int
    session_key: str
    title: str
    template_id: int | None
    system_prompt: str | None
    temperature: float | None
    top_p: float | None
    max_tokens: int | None
    model: str | None
    message_count: int
    leaf_id: int | None
    unread: bool
    created_at: datetime
    updated_at: datetime
    last_used_at: datetime


class Message(Struct, frozen=True):
    id: int
    session_id: int
    parent_id: int | None
    role: Literal["user", "assistant", "system"]
    content: str
    thinking: str | None
    status: Status
    metadata: dict[str, Any] | None
    usage: dict[str, Any] | None
    timings: dict[str, Any] | None
    error: dict[str, Any] | None
    request_id: str | None
    stream_id: str | None
    created_at: datetime


class Ending(Struct, frozen=True):
    """The final write of a message: everything that is known once its run has ended."""

    status: Status
    content: str
    thinking: str | None = None
    metadata: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    timings: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    unread: bool = False


class Checkpoint(Struct, frozen=True):
    """Text of a running message since its last checkpoint; `number` is the event it reaches."""

    message_id: int
    number: int
    content: str
    thinking: str


class SentRequest(Struct, frozen=True):
    """What a client_request_id stood for."""

    session_id: int
    content_hash: str
    stream_id: str
