"""The tables. `migrations/` creates them; a test compares the two.

It must not contain a query.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """A column of times: aware in Python, plain UTC in the database, the same in every database."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _owned_by(table: str, *, nullable: bool = False) -> Column[int]:
    name = f"{table.removesuffix('s')}_id"
    return Column(name, Integer, ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=nullable)


_PLACE = ("user_id", "last_used_at", "id")  # of a session in the list

users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("email", String(254), nullable=False, unique=True),
    Column("password_hash", String(255)),
    Column("is_admin", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("nickname", String(32)),  # of a guest
    Column("folded", String(128)),  # the nickname without differences of case
    Column("scope", String(32)),  # where a guest may be: `s12`, the session 12. Null: a person
    Index("ix_users_scope_folded", "scope", "folded", unique=True),
    sqlite_autoincrement=True,  # ids are never reused
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    _owned_by("users"),
    Column("hash", String(64), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("last_used_at", UtcDateTime, nullable=False),
    Column("device", String(200)),  # the program's description of itself at the log-in
    Index(None, "user_id"),
    sqlite_autoincrement=True,
)

templates = Table(
    "templates",
    metadata,
    Column("id", Integer, primary_key=True),
    _owned_by("users"),
    Column("title", String(200), nullable=False),
    Column("description", Text),
    Column("content", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("is_public", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index(None, "user_id"),
    sqlite_autoincrement=True,
)

template_versions = Table(
    "template_versions",
    metadata,
    Column("id", Integer, primary_key=True),
    _owned_by("templates"),
    Column("version", Integer, nullable=False),
    Column("content", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("template_id", "version"),
)

folders = Table(
    "folders",
    metadata,
    Column("id", Integer, primary_key=True),
    _owned_by("users"),
    Column("name", String(80), nullable=False),
    Column("folded", String(320), nullable=False),  # the name without differences of case
    Column("system_prompt", Text),
    Column("model", String(255)),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("user_id", "folded"),
    sqlite_autoincrement=True,
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Integer, primary_key=True),
    _owned_by("users"),
    Column("session_key", String(64), nullable=False, unique=True),
    Column("title", String(200), nullable=False),
    Column("title_pending", Boolean, nullable=False),  # the title is automatic: a better one may replace it
    Column("template_id", Integer, ForeignKey("templates.id", ondelete="SET NULL")),
    Column("template_version", Integer),
    Column("system_prompt", Text),
    Column("temperature", Float),
    Column("top_p", Float),
    Column("max_tokens", Integer),
    Column("sampling", JSON(none_as_null=True)),  # the settings without a column of their own, by name
    Column("model", String(255)),
    Column("message_count", Integer, nullable=False),
    Column("leaf_id", Integer),  # the newest message of the active path; no foreign key: messages refer to sessions, too
    Column("unread", Boolean, nullable=False),
    Column("pinned", Boolean, nullable=False, server_default=false()),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("last_used_at", UtcDateTime, nullable=False),
    Column("folder_id", Integer),  # no foreign key: SQLite cannot add one, and whoever deletes a folder empties it first
    Column("room_id", Integer),  # no foreign key either: whoever deletes a room deletes its sessions first
    Index(None, "user_id", "last_used_at"),
    # The pages of a folder, of what is outside of folders (PostgreSQL reads no order behind IS NULL), and the pinned sessions.
    Index(None, "folder_id", "last_used_at", "id"),
    Index("ix_sessions_room_id", "room_id", "user_id", unique=True),  # each person has one session in a room
    Index("ix_sessions_outside", *_PLACE, sqlite_where=text("folder_id IS NULL"), postgresql_where=text("folder_id IS NULL")),
    Index("ix_sessions_pinned", *_PLACE, sqlite_where=text("pinned = 1"), postgresql_where=text("pinned")),
    sqlite_autoincrement=True,
)

messages = Table(
    "messages",
    metadata,
    Column("id", Integer, primary_key=True),
    _owned_by("sessions"),
    Column("parent_id", Integer, ForeignKey("messages.id")),
    Column("continues_id", Integer),  # the reply that this one continues and replaces
    Column("role", String(16), nullable=False),
    Column("content", Text, nullable=False),
    Column("thinking", Text),
    Column("parts", JSON(none_as_null=True)),  # null: `protocol.parts.older_parts` makes the parts from the content
    Column("status", String(16), nullable=False),
    Column("metadata", JSON(none_as_null=True)),
    Column("usage", JSON(none_as_null=True)),
    Column("timings", JSON(none_as_null=True)),
    Column("error", JSON(none_as_null=True)),
    Column("request_id", String(200)),
    Column("stream_id", String(64), unique=True),
    Column("rating", String(8)),
    Column("created_at", UtcDateTime, nullable=False),
    # Who wrote a turn; null: the session's owner. No foreign key: SQLite cannot add one, and a turn outlives its author's account.
    Column("author_id", Integer),
    Index(None, "session_id"),
    Index(None, "parent_id"),
    Index(None, "continues_id"),
    sqlite_autoincrement=True,
)

waiting_messages = Table(
    "waiting_messages",
    metadata,
    Column("id", Integer, primary_key=True),  # the order in which they are sent
    _owned_by("sessions"),
    Column("content", Text, nullable=False),
    Column("parts", JSON(none_as_null=True)),  # as in `messages`
    Column("request_id", String(200)),
    Column("held", JSON(none_as_null=True)),  # why it is not sent by itself; null: it is
    Column("editing", Boolean, nullable=False),  # somebody changes its text
    Column("created_at", UtcDateTime, nullable=False),
    Column("author_id", Integer),  # as in `messages`
    UniqueConstraint("session_id", "request_id"),
    sqlite_autoincrement=True,
)

pictures = Table(
    "pictures",
    metadata,
    Column("sha256", String(64), primary_key=True),  # of the bytes: the same picture is stored once, whoever has it
    Column("type", String(32), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("thumb", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),  # last: reading the other columns does not pass over it
)

media = Table(
    "media",
    metadata,
    Column("id", String(32), primary_key=True),  # random: it says nothing about the picture, nor who else has it
    _owned_by("users"),
    Column("sha256", String(64), ForeignKey("pictures.sha256"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),  # of the upload, or when it was taken out of a waiting message
    Index(None, "user_id"),
    Index(None, "sha256"),
    Index(None, "created_at"),
)

# Which messages show which pictures. Repositories derive the rows from the parts of a message.
message_media = Table(
    "message_media",
    metadata,
    Column("message_id", Integer, ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("media_id", String(32), ForeignKey("media.id", ondelete="CASCADE"), primary_key=True),
    Index(None, "media_id"),
)

waiting_media = Table(
    "waiting_media",
    metadata,
    Column("waiting_id", Integer, ForeignKey("waiting_messages.id", ondelete="CASCADE"), primary_key=True),
    Column("media_id", String(32), ForeignKey("media.id", ondelete="CASCADE"), primary_key=True),
    Index(None, "media_id"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", String(64), primary_key=True),  # the id of its stream
    Column("kind", String(32), nullable=False),
    Column("key", String(64), unique=True),  # at most one open run per key
    _owned_by("users"),
    Column("owner", String(64), nullable=False),  # the gateway that runs it
    Column("epoch", Integer, nullable=False),  # grows whenever another gateway takes the run over
    Column("attempts", Integer, nullable=False),
    Column("on_disconnect", String(16), nullable=False),
    Column("request", Text, nullable=False),  # JSON that its kind wrote
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "user_id"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", String(64), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("since", Integer, nullable=False),  # the events after this one
    Column("number", Integer, nullable=False),  # up to this one
    Column("events", Text, nullable=False),  # a JSON array, neighbours of a kind joined
    Column("pieces", Integer, nullable=False, server_default="0"),  # how many they were before that
    Column("saved_at", Float),  # seconds since 1970, by the database's clock
    Index(None, "run_id"),
)

requests = Table(
    "requests",
    metadata,
    Column("id", Integer, primary_key=True),
    _owned_by("users"),
    Column("client_request_id", String(200), nullable=False),
    _owned_by("sessions"),
    Column("content_hash", String(64), nullable=False),
    Column("stream_id", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("user_id", "client_request_id"),
    Index(None, "created_at"),
)

program_requests = Table(
    "program_requests",
    metadata,
    Column("id", Integer, primary_key=True),
    _owned_by("users"),
    Column("key_hash", String(64), nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("user_id", "key_hash"),
    Index(None, "created_at"),
)

costs = Table(
    "generations",  # its name in the first release
    metadata,
    Column("id", Integer, primary_key=True),
    _owned_by("users"),
    Column("session_id", Integer, ForeignKey("sessions.id", ondelete="SET NULL")),
    Column("kind", String(16), nullable=False),
    Column("model", String(255)),
    Column("status", String(16), nullable=False),
    Column("code", String(64)),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("cached_tokens", Integer),
    Column("queued_ms", Integer),
    Column("first_token_ms", Integer),
    Column("total_ms", Integer),
    Column("tokens_per_second", Float),
    Column("created_at", UtcDateTime, nullable=False),
    Column("key_id", Integer),  # of the program that asked; no foreign key: SQLite cannot add one, and used keys are kept
    Column("estimated", Boolean, nullable=False, server_default=false()),  # the tokens, because the server reported none
    Index(None, "user_id", "created_at"),
    Index(None, "created_at"),
    Index(None, "session_id"),
)

games = Table(
    "games",
    metadata,
    Column("id", Integer, primary_key=True),
    _owned_by("users"),
    Column("mode", String(16), nullable=False),  # who moves: `manual` or `lam`
    Column("maze_set", String(64)),
    Column("maze", Integer),  # its number in the set
    Column("seed", BigInteger, nullable=False),
    Column("rules", Integer, nullable=False),  # the version of the rules
    Column("settings", JSON, nullable=False),
    Column("template_id", Integer, ForeignKey("templates.id", ondelete="SET NULL")),
    Column("template_version", Integer),
    Column("prompt", Text, nullable=False),  # what the model is told, with its variables filled
    Column("model", String(255)),
    Column("forcing", String(16), nullable=False),
    Column("sampling", JSON, nullable=False),
    Column("actions", JSON, nullable=False),  # the log of the game, from which everything is computed
    Column("status", String(16), nullable=False),
    Column("score", Integer),  # null while it is played
    Column("steps", Integer, nullable=False),
    Column("shortest", Integer, nullable=False),
    Column("illegal", Integer, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Index(None, "user_id"),
    Index(None, "maze_set", "mode", "status"),
    Index(None, "template_id"),
    sqlite_autoincrement=True,
)

hints = Table(
    "hints",
    metadata,
    Column("id", Integer, primary_key=True),
    _owned_by("games"),
    Column("number", Integer, nullable=False),
    Column("after", Integer, nullable=False),  # how many actions came before it
    Column("stream_id", String(64), nullable=False, unique=True),
    Column("status", String(16), nullable=False),
    Column("sent", JSON, nullable=False),  # the turns that the model got
    Column("answer", Text, nullable=False),
    Column("thinking", Text),
    Column("reading", String(16)),  # how the answer was read; null until it is
    Column("say", Text),
    Column("action", JSON(none_as_null=True)),
    Column("legal", Boolean),
    Column("metadata", JSON(none_as_null=True)),
    Column("usage", JSON(none_as_null=True)),
    Column("timings", JSON(none_as_null=True)),
    Column("error", JSON(none_as_null=True)),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("game_id", "number"),
    sqlite_autoincrement=True,
)

lab_sets = Table(
    "lab_sets",
    metadata,
    Column("id", Integer, primary_key=True),
    _owned_by("users"),
    Column("title", String(200), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("content", Text, nullable=False),  # JSON that the lab wrote: the mazes or the cases
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index(None, "user_id"),
    sqlite_autoincrement=True,
)

lab_runs = Table(
    "lab_runs",
    metadata,
    Column("id", Integer, primary_key=True),
    _owned_by("users"),
    Column("title", String(200), nullable=False),
    Column("status", String(16), nullable=False),
    Column("spec", Text, nullable=False),  # JSON that the lab wrote: all that is needed to repeat it
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Index(None, "user_id"),
    sqlite_autoincrement=True,
)

lab_cells = Table(
    "lab_cells",
    metadata,
    Column("id", Integer, primary_key=True),
    _owned_by("lab_runs"),
    Column("number", Integer, nullable=False),
    Column("template", Integer, nullable=False),  # this and the next four: indices into the spec
    Column("model", Integer, nullable=False),
    Column("setting", Integer, nullable=False),
    Column("task", Integer, nullable=False),
    Column("repeat", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failures", Integer, nullable=False),  # attempts that failed in a way that may pass
    Column("given_up", Integer, nullable=False),  # attempts whose place somebody else needed
    Column("stream_id", String(64), unique=True),  # of the newest attempt
    Column("passed", Boolean),
    Column("result", JSON(none_as_null=True)),
    Column("transcript", Text),  # JSON that the lab wrote; last, because lists leave it out
    UniqueConstraint("lab_run_id", "number"),
    Index(None, "status", "lab_run_id", "model"),
    sqlite_autoincrement=True,
)

keys = Table(
    "keys",
    metadata,
    Column("id", Integer, primary_key=True),
    _owned_by("users"),
    Column("name", String(80), nullable=False),
    Column("prefix", String(32), nullable=False),  # the first characters of the secret, which its owner may see again
    Column("hash", String(64), nullable=False, unique=True),
    Column("scopes", JSON, nullable=False),
    Column("models", JSON(none_as_null=True)),  # null: all
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),  # a used key stays for the figures
    Index(None, "user_id"),
    sqlite_autoincrement=True,
)

# The owner of a budget, of what was used of it, and of a reservation: `key:5`, `user:3` or `group:NAME`.
budgets = Table(
    "budgets",
    metadata,
    Column("owner", String(255), primary_key=True),
    _owned_by("users"),
    Column("requests_per_minute", BigInteger),
    Column("tokens_per_minute", BigInteger),
    Column("tokens_per_day", BigInteger),
    Column("runs", BigInteger),
    Index(None, "user_id"),
)

spending = Table(
    "spending",
    metadata,
    Column("owner", String(255), primary_key=True),
    _owned_by("users", nullable=True),  # null: a group
    Column("at", BigInteger, nullable=False),  # the largest time seen, in seconds; the counts are of its minute and day
    Column("minute_requests", BigInteger, nullable=False),
    Column("minute_tokens", BigInteger, nullable=False),
    Column("day_tokens", BigInteger, nullable=False),
    Index(None, "user_id"),
)

reservations = Table(
    "reservations",
    metadata,
    Column("run_id", String(80), primary_key=True),
    Column("owner", String(255), primary_key=True),
    _owned_by("users"),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),  # those of the prompt included
    Column("minute", BigInteger, nullable=False),  # in which it counts, and the day
    Column("day", BigInteger, nullable=False),
    Column("is_run", Boolean, nullable=False),  # it counts as a run; what the gateway does by itself does not
    Index(None, "owner"),
    Index(None, "user_id"),
)

# The people of a session that is shared. Its owner has a row, too, but who owns it says `sessions.user_id`.
members = Table(
    "members",
    metadata,
    Column("session_id", Integer, ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", Integer, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("role", String(8), nullable=False),
    Column("colour", Integer, nullable=False),
    Column("read_id", Integer),  # the last message that they have read
    Column("wants_to_steer", Boolean, nullable=False),
    Column("joined_at", UtcDateTime, nullable=False),
    Index(None, "user_id"),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", Integer, primary_key=True),
    _owned_by("sessions"),
    Column("hash", String(64), nullable=False, unique=True),
    Column("role", String(8), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("uses_left", Integer, nullable=False),
    Column("created_by", Integer, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "session_id"),
    Index(None, "created_by"),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    _owned_by("sessions"),
    Column("user_id", Integer),  # who did it; no foreign key: the entry outlives the account
    Column("action", String(32), nullable=False),
    Column("detail", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "session_id"),
    sqlite_autoincrement=True,
)

publications = Table(
    "publications",
    metadata,
    Column("id", Integer, primary_key=True),
    _owned_by("sessions"),
    Column("hash", String(64), nullable=False, unique=True),
    Column("title", String(200), nullable=False),
    Column("choices", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("html", Text, nullable=False),  # last, because lists leave it out
    Index(None, "session_id"),
    sqlite_autoincrement=True,
)

reactions = Table(
    "reactions",
    metadata,
    Column("message_id", Integer, ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", Integer, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("emoji", String(64), primary_key=True),
    Index(None, "user_id"),
)

rooms = Table(
    "rooms",
    metadata,
    Column("id", Integer, primary_key=True),
    _owned_by("users"),
    Column("code", String(8), nullable=False, unique=True),  # not hashed: its owner shows it to the class again and again
    Column("title", String(200), nullable=False),
    Column("template_id", Integer, ForeignKey("templates.id", ondelete="SET NULL")),
    Column("template_version", Integer),
    Column("system_prompt", Text),  # what each session of the room starts with
    Column("models", JSON, nullable=False),  # those that may be used; empty: all
    Column("budget", JSON(none_as_null=True)),  # of each participant
    Column("seconds", Integer),  # how long each participant may write
    Column("task", JSON(none_as_null=True)),
    Column("state", String(8), nullable=False),
    Column("locked", Boolean, nullable=False),  # nobody new
    Column("shows_others", Boolean, nullable=False),
    Column("message", Text),  # to everybody
    Column("projected_id", Integer),  # the session that everybody is shown
    Column("most", Integer, nullable=False),  # participants
    Column("media_mb", Integer, nullable=False),  # all pictures of its guests together
    Column("expires_at", UtcDateTime, nullable=False),
    Column("warned_at", UtcDateTime),  # when its owner was told that it ends
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "user_id"),
    Index(None, "template_id"),
    Index(None, "expires_at"),
    sqlite_autoincrement=True,
)

gateways = Table(
    "gateways",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("version", String(32), nullable=False),
    Column("started_at", Float, nullable=False),  # these two: seconds since 1970, by the database's clock
    Column("beat_at", Float, nullable=False),
    Column("draining", Boolean, nullable=False),  # it takes nothing new
)

duties = Table(
    "duties",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("owner", String(64), nullable=False),  # the gateway that has it
    Column("epoch", Integer, nullable=False),  # grows whenever another gateway gets it
    Column("until", Float, nullable=False),  # seconds since 1970, by the database's clock
)
