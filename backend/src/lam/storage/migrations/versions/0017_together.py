"""Guests, the people of a session, links into it, what they did, what was published, reactions, and who wrote what"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def _of(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}", ondelete="CASCADE")


def upgrade() -> None:
    op.add_column("users", sa.Column("nickname", sa.String(32), nullable=True))
    op.add_column("users", sa.Column("folded", sa.String(128), nullable=True))
    op.add_column("users", sa.Column("scope", sa.String(32), nullable=True))
    op.create_index("ix_users_scope_folded", "users", ["scope", "folded"], unique=True)
    op.add_column("messages", sa.Column("author_id", sa.Integer(), nullable=True))
    op.add_column("waiting_messages", sa.Column("author_id", sa.Integer(), nullable=True))
    op.create_table(
        "members",
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(8), nullable=False),
        sa.Column("colour", sa.Integer(), nullable=False),
        sa.Column("read_id", sa.Integer()),
        sa.Column("wants_to_steer", sa.Boolean(), nullable=False),
        sa.Column("joined_at", sa.DateTime(), nullable=False),
        _of("members", "session_id", "sessions"),
        _of("members", "user_id", "users"),
        sa.PrimaryKeyConstraint("session_id", "user_id", name="pk_members"),
    )
    op.create_index("ix_members_user_id", "members", ["user_id"])
    op.create_table(
        "invitations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("role", sa.String(8), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        _of("invitations", "session_id", "sessions"),
        _of("invitations", "created_by", "users"),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        sa.UniqueConstraint("hash", name="uq_invitations_hash"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_invitations_session_id", "invitations", ["session_id"])
    op.create_index("ix_invitations_created_by", "invitations", ["created_by"])
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        _of("audit", "session_id", "sessions"),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_session_id", "audit", ["session_id"])
    op.create_table(
        "publications",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        _of("publications", "session_id", "sessions"),
        sa.PrimaryKeyConstraint("id", name="pk_publications"),
        sa.UniqueConstraint("hash", name="uq_publications_hash"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_publications_session_id", "publications", ["session_id"])
    op.create_table(
        "reactions",
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("emoji", sa.String(64), nullable=False),
        _of("reactions", "message_id", "messages"),
        _of("reactions", "user_id", "users"),
        sa.PrimaryKeyConstraint("message_id", "user_id", "emoji", name="pk_reactions"),
    )
    op.create_index("ix_reactions_user_id", "reactions", ["user_id"])
