"""Rooms for a class or an event, and the sessions in them"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rooms",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(8), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("template_id", sa.Integer()),
        sa.Column("template_version", sa.Integer()),
        sa.Column("system_prompt", sa.Text()),
        sa.Column("models", sa.JSON(), nullable=False),
        sa.Column("budget", sa.JSON(none_as_null=True)),
        sa.Column("seconds", sa.Integer()),
        sa.Column("task", sa.JSON(none_as_null=True)),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.Column("shows_others", sa.Boolean(), nullable=False),
        sa.Column("message", sa.Text()),
        sa.Column("projected_id", sa.Integer()),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.Column("media_mb", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("warned_at", sa.DateTime()),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_rooms_user_id_users", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], name="fk_rooms_template_id_templates", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_rooms"),
        sa.UniqueConstraint("code", name="uq_rooms_code"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_rooms_user_id", "rooms", ["user_id"])
    op.create_index("ix_rooms_template_id", "rooms", ["template_id"])
    op.create_index("ix_rooms_expires_at", "rooms", ["expires_at"])
    op.add_column("sessions", sa.Column("room_id", sa.Integer(), nullable=True))
    op.create_index("ix_sessions_room_id", "sessions", ["room_id", "user_id"], unique=True)
