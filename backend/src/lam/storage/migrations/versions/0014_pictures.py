"""Pictures, stored once by hash, under ids of their owners, and the messages that show them"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pictures",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("thumb", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_pictures"),
    )
    op.create_table(
        "media",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_media_user_id_users", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["sha256"], ["pictures.sha256"], name="fk_media_sha256_pictures"),
        sa.PrimaryKeyConstraint("id", name="pk_media"),
    )
    for column in ("user_id", "sha256", "created_at"):
        op.create_index(f"ix_media_{column}", "media", [column])
    for table, owner, owners in (
        ("message_media", "message_id", "messages"),
        ("waiting_media", "waiting_id", "waiting_messages"),
    ):
        op.create_table(
            table,
            sa.Column(owner, sa.Integer(), nullable=False),
            sa.Column("media_id", sa.String(32), nullable=False),
            sa.ForeignKeyConstraint([owner], [f"{owners}.id"], name=f"fk_{table}_{owner}_{owners}", ondelete="CASCADE"),
            sa.ForeignKeyConstraint(["media_id"], ["media.id"], name=f"fk_{table}_media_id_media", ondelete="CASCADE"),
            sa.PrimaryKeyConstraint(owner, "media_id", name=f"pk_{table}"),
        )
        op.create_index(f"ix_{table}_media_id", table, ["media_id"])
