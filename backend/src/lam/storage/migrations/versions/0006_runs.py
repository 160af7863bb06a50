"""Open runs have rows of their own, and checkpoints belong to them"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("key", sa.String(64)),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("on_disconnect", sa.String(16), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_runs_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint("key", name="uq_runs_key"),
    )
    op.create_index("ix_runs_user_id", "runs", ["user_id"])
    connection = op.get_bind()
    # Replies that a gateway which died left behind. An older database may hold several of one session: the key is for new ones.
    connection.execute(
        sa.text(
            "INSERT INTO runs (id, kind, key, user_id, owner, epoch, attempts, on_disconnect, request, created_at)"
            " SELECT messages.stream_id, 'reply', NULL, sessions.user_id, '', 0, 1, 'cancel', '{}', messages.created_at"
            " FROM messages JOIN sessions ON sessions.id = messages.session_id"
            " WHERE messages.status = 'streaming' AND messages.stream_id IS NOT NULL"
        )
    )
    op.rename_table("checkpoints", "old_checkpoints")
    if connection.dialect.name == "postgresql":
        op.execute("ALTER TABLE old_checkpoints RENAME CONSTRAINT pk_checkpoints TO pk_old_checkpoints")
    op.create_table(
        "checkpoints",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("since", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_checkpoints_run_id_runs", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_checkpoints"),
    )
    op.create_index("ix_checkpoints_run_id", "checkpoints", ["run_id"])
    connection.execute(
        sa.text(
            "INSERT INTO checkpoints (run_id, since, number, events)"
            " SELECT runs.id, old_checkpoints.number, old_checkpoints.number, old_checkpoints.events FROM old_checkpoints"
            " JOIN messages ON messages.id = old_checkpoints.message_id JOIN runs ON runs.id = messages.stream_id"
            " ORDER BY old_checkpoints.id"
        )
    )
    op.drop_table("old_checkpoints")
    op.drop_index("ix_messages_status", "messages")
