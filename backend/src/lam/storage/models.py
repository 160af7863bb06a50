"""The values that repositories return: frozen, without identity. Times are aware, in UTC. They know no SQL."""

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from lam.protocol.events import FinishReason
from lam.protocol.facts import NOTHING, Facts, Failure
from lam.protocol.parts import Parts, ToolCall, calls_of, written_form
from lam.protocol.sampling import Choices
from lam.storage.access import Role

Status = Literal["streaming", "complete", "cancelled", "interrupted", "failed"]
Rating = Literal["good", "bad"]
CostKind = Literal["reply", "title", "hint", "cell", "api"]
GameMode = Literal["manual", "lam"]
Forcing = Literal["legal", "shape", "none"]
Reading = Literal["exact", "repaired", "illegal"]


class User(Struct, frozen=True, kw_only=True):
    """An account, or a guest: then `nickname` is its name, and `scope` says where it may be (`s12`: the session 12)."""

    id: int
    email: str
    password_hash: str | None
    is_admin: bool
    created_at: datetime
    nickname: str | None = None
    scope: str | None = None

    @property
    def name(self) -> str:
        """What others call this person: the nickname, or the address up to its @."""
        return self.nickname or self.email.partition("@")[0]


class ListedUser(Struct, frozen=True, kw_only=True):
    """An account in an admin's list. `last_used_at`: the last use of any of its logins."""

    id: int
    email: str
    is_admin: bool
    created_at: datetime
    last_used_at: datetime | None
    sessions: int


class Token(Struct, frozen=True, kw_only=True):
    """A login. Only the `hash` of its secret is stored."""

    id: int
    user_id: int
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime
    device: str | None


class Key(Struct, frozen=True, kw_only=True):
    """A program's key. Only the hash of its secret is stored. `prefix`: the secret's first characters. `models`: None means all."""

    id: int
    user_id: int
    name: str
    prefix: str
    scopes: list[str]
    models: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class Reservation(Struct, frozen=True, kw_only=True):
    """Tokens of a budget that a run may use, `prompt_tokens` of them for its prompt. `minute`, `day`: in which they count, by their
    numbers since 1970."""

    run_id: str
    owner: str
    user_id: int
    prompt_tokens: int
    tokens: int
    minute: int
    day: int
    is_run: bool = True


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
    """A template's content from `created_at` on."""

    version: int
    content: str
    created_at: datetime


class Folder(Struct, frozen=True, kw_only=True):
    """A folder of sessions. `system_prompt`, `model`: what a new session in it starts with."""

    id: int
    user_id: int
    name: str
    system_prompt: str | None
    model: str | None
    created_at: datetime


class Session(Choices, frozen=True, kw_only=True):
    """A session with the sampling settings chosen for it. `role`: of the person who asked. `is_shared`: whether others are in it;
    only lists set it."""

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
    pinned: bool = False
    folder_id: int | None = None
    room_id: int | None = None
    role: Role = "owner"
    is_shared: bool = False


RoomState = Literal["open", "paused", "ending"]


class Room(Struct, frozen=True, kw_only=True):
    """A room for a class or an event, of the person who opened it.

    `system_prompt`: what each session in it starts with. `models`: those that may be used; empty: all. `budget`: of each
    participant, as stored. `seconds`: how long each of them may write. `task`: as stored. `projected_id`: the session that all are
    shown. `state`: `ending` from when it is being removed. `most`: participants. `media_mb`: of all its guests together.
    `warned_at`: when its owner was told that it ends.
    """

    id: int
    user_id: int
    code: str
    title: str
    template_id: int | None
    template_version: int | None
    system_prompt: str | None
    models: list[str]
    budget: dict[str, Any] | None
    seconds: int | None
    task: dict[str, Any] | None
    state: RoomState
    locked: bool
    shows_others: bool
    message: str | None
    projected_id: int | None
    most: int
    media_mb: int
    expires_at: datetime
    warned_at: datetime | None
    created_at: datetime


class Participant(Struct, frozen=True, kw_only=True):
    """Somebody in a room. `nickname`: of a guest. `tokens`: of all their replies. `last`: the end of the newest message.
    `is_removed`: whether they are a guest who may not come in again."""

    session_id: int
    room_id: int
    user_id: int
    email: str
    nickname: str | None
    messages: int
    tokens: int
    last: str
    joined_at: datetime
    is_removed: bool = False

    @property
    def name(self) -> str:
        return self.nickname or self.email.partition("@")[0]


class Message(Struct, frozen=True, kw_only=True):
    """A message. `content`: its written form, `written_form(parts)`."""

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
    author_id: int | None = None  # of a turn; None: the session's owner

    @property
    def tool_calls(self) -> list[ToolCall]:
        return calls_of(self.parts)

    @property
    def metadata(self) -> dict[str, Any] | None:
        """The contract's `metadata`: the facts and the tool calls."""
        calls = [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in self.tool_calls]
        return (self.facts.metadata or {}) | {"tool_calls": calls} if calls else self.facts.metadata


class Hold(Struct, frozen=True):
    """Why a waiting message is not sent by itself: how the reply before it ended, or `refused`. `message`: the refusal."""

    reason: Literal["cancelled", "interrupted", "failed", "refused"]
    message: str | None = None


class WaitingMessage(Struct, frozen=True, kw_only=True):
    """A message of a person that is sent once the session's reply is complete. `editing`: not while somebody changes it."""

    id: int
    session_id: int
    parts: Parts
    request_id: str | None
    held: Hold | None
    editing: bool
    created_at: datetime
    author_id: int | None = None

    @property
    def content(self) -> str:
        return written_form(self.parts)


class Media(Struct, frozen=True, kw_only=True):
    """A picture of one person, by its random `id`. `size`: bytes."""

    id: str
    user_id: int
    sha256: str
    type: str
    width: int
    height: int
    size: int
    created_at: datetime


class ReplyEnding(Struct, frozen=True):
    """The ending of a reply, and whether it has text."""

    parent_id: int
    has_text: bool
    finish_reason: FinishReason | None
    failure: Failure | None


class Ending(Struct, frozen=True, kw_only=True):
    """The final write of a message: everything known once its run has ended."""

    status: Status
    parts: Parts = ()
    thinking: str | None = None
    facts: Facts = NOTHING
    unread: bool = False

    @property
    def content(self) -> str:
        return written_form(self.parts)


class Cost(Struct, frozen=True, kw_only=True):
    """The cost of a run. None: the model's server reported nothing, or the model never ran. `key_id`: of the program that asked.
    `estimated`: the tokens are, because the server reported none."""

    user_id: int
    session_id: int | None
    kind: CostKind
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
    key_id: int | None = None
    estimated: bool = False


class SentRequest(Struct, frozen=True):
    """The request behind a client_request_id."""

    session_id: int
    content_hash: str
    stream_id: str


class ProgramRequestRow(Struct, frozen=True):
    """The request behind an Idempotency-Key: a hash of what was asked, and the run that answered."""

    content_hash: str
    run_id: str


class UsageRow(Struct, frozen=True, kw_only=True):
    """Sums over a group of costs. `key`: the group. `metered`: how many of them have token counts, `estimated` ones included."""

    key: tuple[Any, ...]
    generations: int
    complete: int
    cancelled: int
    interrupted: int
    failed: int
    metered: int
    estimated: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    first_token_ms: float | None
    tokens_per_second: float | None


class FoundMessage(Struct, frozen=True, kw_only=True):
    """A search result, with the title and the folder of its session."""

    id: int
    session_id: int
    role: Literal["user", "assistant", "system"]
    content: str
    created_at: datetime
    title: str
    folder_id: int | None


class PendingMessage(Struct, frozen=True):
    """A message that is not indexed yet. `revision` grows with each change of its text."""

    id: int
    revision: int
    content: str


class Game(Struct, frozen=True, kw_only=True):
    """A game in the maze. `actions`: its log, from which the other figures were computed. `steps`: ticks of the world. `tokens` and
    `seconds`: of the model, in all hints. `template_title`, `name`: of its template and its player."""

    id: int
    user_id: int
    mode: GameMode
    maze_set: str | None
    maze: int | None
    seed: int
    rules: int
    settings: dict[str, Any]
    template_id: int | None
    template_version: int | None
    prompt: str
    model: str | None
    forcing: Forcing
    sampling: dict[str, Any]
    actions: list[dict[str, Any]]
    status: str
    score: int | None
    steps: int
    shortest: int
    illegal: int
    tokens: int
    seconds: float
    created_at: datetime
    ended_at: datetime | None


class Hint(Struct, frozen=True, kw_only=True):
    """The model's answer to one state of a game. `after`: how many actions came before it. `reading`: how its action was found in
    `answer`; None until the run has ended well."""

    id: int
    game_id: int
    number: int
    after: int
    stream_id: str
    status: Status
    sent: list[dict[str, Any]]
    answer: str
    thinking: str | None
    reading: Reading | None
    say: str | None
    action: dict[str, Any] | None
    legal: bool | None
    facts: Facts
    created_at: datetime


class BoardEntry(Struct, frozen=True, kw_only=True):
    """A game on a leaderboard. The template is None unless it is public, or the reader's own."""

    game_id: int
    maze: int
    email: str
    template_id: int | None
    template_title: str | None
    score: int
    steps: int
    shortest: int
    illegal: int
    tokens: int
    seconds: float
    created_at: datetime


class LabSet(Struct, frozen=True, kw_only=True):
    """A person's own set of tasks. `content`: JSON that the lab wrote."""

    id: int
    user_id: int
    title: str
    kind: Literal["maze", "cases"]
    content: str
    created_at: datetime
    updated_at: datetime


LabStatus = Literal["running", "stopped", "done"]
CellStatus = Literal["waiting", "running", "complete", "failed", "stopped"]


class LabRun(Struct, frozen=True, kw_only=True):
    """A run over a set of tasks. `spec`: JSON that the lab wrote: all that is needed to repeat it."""

    id: int
    user_id: int
    title: str
    status: LabStatus
    spec: str
    created_at: datetime
    ended_at: datetime | None


class LabCell(Struct, frozen=True, kw_only=True):
    """One trial: a template, a model, a setting and a task, as indices into the spec, and how often before (`repeat`).

    `attempts`: how often it was started. `failures`, `given_up`: how many of them failed in a way that may pass, or lost their
    place to somebody. `stream_id`: of the newest attempt.
    """

    id: int
    lab_run_id: int
    number: int
    template: int
    model: int
    setting: int
    task: int
    repeat: int
    status: CellStatus
    attempts: int
    failures: int
    given_up: int
    stream_id: str | None
    passed: bool | None
    result: dict[str, Any] | None


class WaitingCell(Struct, frozen=True):
    """The first cell that waits in a run for one of its models."""

    id: int
    lab_run_id: int
    user_id: int
    model: int


class Person(Struct, frozen=True, kw_only=True):
    """Somebody as the others of a session see them. `colour`: 0 to 7, None for one who is not a member. `scope`: of a guest."""

    user_id: int
    email: str
    nickname: str | None
    scope: str | None
    colour: int | None

    @property
    def name(self) -> str:
        return self.nickname or self.email.partition("@")[0]


class Member(Person, frozen=True, kw_only=True):
    """One of the people of a shared session. `read_id`: the last message that they have read."""

    role: Role
    read_id: int | None
    wants_to_steer: bool
    joined_at: datetime


class Invitation(Struct, frozen=True, kw_only=True):
    """A link into a session. Only the hash of its secret is stored. `created_by`: who made it."""

    id: int
    session_id: int
    role: Role
    expires_at: datetime
    uses_left: int
    created_by: int
    created_at: datetime


class AuditEntry(Struct, frozen=True, kw_only=True):
    """What somebody did in a session."""

    id: int
    session_id: int
    user_id: int | None
    action: str
    detail: dict[str, Any]
    created_at: datetime


class Reaction(Struct, frozen=True):
    """How many people reacted to a message with this emoji, and whether the reader is one of them."""

    emoji: str
    count: int
    mine: bool


class Publication(Struct, frozen=True, kw_only=True):
    """A published page of a session. Only the hash of its secret is stored. `choices`: what is in it, as `chat` wrote it."""

    id: int
    session_id: int
    title: str
    choices: dict[str, Any]
    created_at: datetime
