"""Versions of templates, branches, titles, search and usage"""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _folded_letters() -> tuple[str, str]:
    """Letters with accents, and the letters below them."""
    found = {}
    for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)):
        base = unicodedata.normalize("NFD", chr(code))
        if len(base) > 1 and all(map(unicodedata.combining, base[1:])):
            found[chr(code)] = base[0]
    return "".join(found), "".join(found.values())


# PostgreSQL: an index on the function that searches use. Signs become spaces and accents go, so that its parser sees only words and
# numbers, as SQLite's does; `left`, because a tsvector holds at most a megabyte.
_SIGNS = "!\"#$%&''()*+,-./:;<=>?@[\\]^_`{|}~"
_ACCENTED, _PLAIN = _folded_letters()
_POSTGRESQL_SEARCH = (
    f"""CREATE FUNCTION lam_words(content text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $lam$
        SELECT to_tsvector('simple', lower(translate(
            left(content, 100000), '{_SIGNS}{_ACCENTED}', '{" " * (len(_SIGNS) - 1)}{_PLAIN}'
        )))
    $lam$""",
    "CREATE INDEX ix_messages_search ON messages USING gin (lam_words(content))",
)

# SQLite: an index beside the table, holding no text of its own; triggers keep it, cascades included.
_SQLITE_SEARCH = (
    """CREATE VIRTUAL TABLE message_search USING fts5(
        content, content='messages', content_rowid='id', tokenize='unicode61 remove_diacritics 2'
    )""",
    "INSERT INTO message_search (rowid, content) SELECT id, content FROM messages WHERE content <> ''",
    """CREATE TRIGGER messages_search_insert AFTER INSERT ON messages WHEN new.content <> '' BEGIN
        INSERT INTO message_search (rowid, content) VALUES (new.id, new.content);
    END""",
    """CREATE TRIGGER messages_search_delete AFTER DELETE ON messages WHEN old.content <> '' BEGIN
        INSERT INTO message_search (message_search, rowid, content) VALUES ('delete', old.id, old.content);
    END""",
    """CREATE TRIGGER messages_search_update AFTER UPDATE OF content ON messages WHEN old.content <> new.content BEGIN
        INSERT INTO message_search (message_search, rowid, content) SELECT 'delete', old.id, old.content WHERE old.content <> '';
        INSERT INTO message_search (rowid, content) SELECT new.id, new.content WHERE new.content <> '';
    END""",
)


def upgrade() -> None:
    op.create_table(
        "template_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("template_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["template_id"], ["templates.id"], name="fk_template_versions_template_id_templates", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_template_versions"),
        sa.UniqueConstraint("template_id", "version", name="uq_template_versions_template_id_version"),
    )
    op.execute(
        "INSERT INTO template_versions (template_id, version, content, created_at)"
        " SELECT id, version, content, updated_at FROM templates"
    )
    op.add_column("sessions", sa.Column("title_pending", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute("UPDATE sessions SET title_pending = (title = 'New Chat')")
    op.add_column("sessions", sa.Column("template_version", sa.Integer(), nullable=True))
    op.add_column("messages", sa.Column("continues_id", sa.Integer(), nullable=True))
    op.create_index("ix_messages_continues_id", "messages", ["continues_id"], unique=False)
    op.create_table(
        "generations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("model", sa.String(length=255), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("prompt_tokens", sa.Integer(), nullable=True),
        sa.Column("completion_tokens", sa.Integer(), nullable=True),
        sa.Column("cached_tokens", sa.Integer(), nullable=True),
        sa.Column("queued_ms", sa.Integer(), nullable=True),
        sa.Column("first_token_ms", sa.Integer(), nullable=True),
        sa.Column("total_ms", sa.Integer(), nullable=True),
        sa.Column("tokens_per_second", sa.Float(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_generations_user_id_users", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_generations_session_id_sessions", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_generations"),
    )
    op.create_index("ix_generations_user_id_created_at", "generations", ["user_id", "created_at"], unique=False)
    op.create_index("ix_generations_created_at", "generations", ["created_at"], unique=False)
    op.create_index("ix_generations_session_id", "generations", ["session_id"], unique=False)
    postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in _POSTGRESQL_SEARCH if postgresql else _SQLITE_SEARCH:
        op.get_bind().exec_driver_sql(statement)
