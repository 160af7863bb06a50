"""Folders of sessions, and the order of each page of the list"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "folders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("folded", sa.String(length=320), nullable=False),
        sa.Column("system_prompt", sa.Text(), nullable=True),
        sa.Column("model", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_folders_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_folders"),
        sa.UniqueConstraint("user_id", "folded", name="uq_folders_user_id_folded"),
        sqlite_autoincrement=True,
    )
    op.add_column("sessions", sa.Column("folder_id", sa.Integer(), nullable=True))
    op.create_index("ix_sessions_folder_id_last_used_at_id", "sessions", ["folder_id", "last_used_at", "id"])
    outside = sa.text("folder_id IS NULL")
    op.create_index(
        "ix_sessions_outside", "sessions", ["user_id", "last_used_at", "id"], sqlite_where=outside, postgresql_where=outside
    )
    op.create_index(
        "ix_sessions_pinned",
        "sessions",
        ["user_id", "last_used_at", "id"],
        sqlite_where=sa.text("pinned = 1"),
        postgresql_where=sa.text("pinned"),
    )
