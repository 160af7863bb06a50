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
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
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


users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("email", String(254), nullable=False, unique=True),
    Column("password_hash", String(255)),
    Column("is_admin", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
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
    Index(None, "user_id", "last_used_at"),
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
    Index(None, "session_id"),
    Index(None, "parent_id"),
    Index(None, "continues_id"),
    sqlite_autoincrement=True,
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
