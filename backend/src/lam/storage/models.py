"""What repositories give: frozen values without an identity of their own. Times are aware, in UTC."""

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from lam.protocol.events import FinishReason
from lam.protocol.facts import NOTHING, Facts, Failure
from lam.protocol.parts import Parts, ToolCall, calls_of, written
from lam.protocol.sampling import Choices

Status = Literal["streaming", "complete", "cancelled", "interrupted", "failed"]
Rating = Literal["good", "bad"]


class User(Struct, frozen=True, kw_only=True):
    id: int
    email: str
    password_hash: str | None
    is_admin: bool
    created_at: datetime


class ListedUser(Struct, frozen=True, kw_only=True):
    """An account as an admin sees it. `last_used_at`: when one of its logins was last used."""

    id: int
    email: str
    is_admin: bool
    created_at: datetime
    last_used_at: datetime | None
    sessions: int


class Token(Struct, frozen=True, kw_only=True):
    """A login. `hash` is all that is kept of the secret."""

    id: int
    user_id: int
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime
    device: str | None


class Template(Struct, frozen=True, kw_only=True):
    """A stored prompt. `version` grows with each change of `content`."""

    id: int
    user_id: int
    title: str
    description: str | None
    content: str
    is_active: bool
    is_public: bool
    version: int
    created_at: datetime
    updated_at: datetime


class TemplateVersion(Struct, frozen=True):
    """What a template said from `created_at` on."""

    version: int
    content: str
    created_at: datetime


class Session(Choices, frozen=True, kw_only=True):
    """With the settings of sampling that were chosen for it."""

    id: int
    user_id: int
    session_key: str
    title: str
    title_pending: bool
    template_id: int | None
    template_version: int | None
    system_prompt: str | None
    model: str | None
    message_count: int
    leaf_id: int | None
    unread: bool
    created_at: datetime
    updated_at: datetime
    last_used_at: datetime


class Message(Struct, frozen=True, kw_only=True):
    """`content`: its written form, `written(parts)`."""

    id: int
    session_id: int
    parent_id: int | None
    continues_id: int | None
    role: Literal["user", "assistant", "system"]
    content: str
    thinking: str | None
    parts: Parts
    status: Status
    facts: Facts
    request_id: str | None
    stream_id: str | None
    rating: Rating | None
    created_at: datetime

    @property
    def tool_calls(self) -> list[ToolCall]:
        return calls_of(self.parts)

    @property
    def metadata(self) -> dict[str, Any] | None:
        """The `metadata` of the contract: facts, and the tool calls too."""
        calls = [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in self.tool_calls]
        return (self.facts.metadata or {}) | {"tool_calls": calls} if calls else self.facts.metadata


class ReplyEnding(Struct, frozen=True):
    """What is known about a reply beside its path: how it ended, and whether there is text in it."""

    parent_id: int
    has_text: bool
    finish_reason: FinishReason | None
    failure: Failure | None


class Ending(Struct, frozen=True, kw_only=True):
    """The final write of a message: everything that is known once its run has ended."""

    status: Status
    parts: Parts = ()
    thinking: str | None = None
    facts: Facts = NOTHING
    unread: bool = False

    @property
    def content(self) -> str:
        return written(self.parts)


class Cost(Struct, frozen=True, kw_only=True):
    """What a run cost. None: the model's server did not say, or it never came to that."""

    user_id: int
    session_id: int | None
    kind: Literal["reply", "title"]
    model: str | None
    status: Status
    code: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    queued_ms: int | None
    first_token_ms: int | None
    total_ms: int | None
    tokens_per_second: float | None
    created_at: datetime


class SentRequest(Struct, frozen=True):
    """What a client_request_id stood for."""

    session_id: int
    content_hash: str
    stream_id: str


class UsageRow(Struct, frozen=True, kw_only=True):
    """Sums over some costs. `key`: what they have in common. `metered`: how many of them told their tokens."""

    key: tuple[Any, ...]
    generations: int
    complete: int
    cancelled: int
    interrupted: int
    failed: int
    metered: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    first_token_ms: float | None
    tokens_per_second: float | None


class FoundMessage(Struct, frozen=True, kw_only=True):
    """A message that a search found, with the title of its session."""

    id: int
    session_id: int
    role: Literal["user", "assistant", "system"]
    content: str
    created_at: datetime
    title: str


class PendingMessage(Struct, frozen=True):
    """A message that waits for the search index. `revision` grows with each change of its text."""

    id: int
    revision: int
    content: str
