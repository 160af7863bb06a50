"""Games in the maze, and the hints in them"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "games",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("maze_set", sa.String(64)),
        sa.Column("maze", sa.Integer()),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("rules", sa.Integer(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("template_id", sa.Integer()),
        sa.Column("template_version", sa.Integer()),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("model", sa.String(255)),
        sa.Column("forcing", sa.String(16), nullable=False),
        sa.Column("sampling", sa.JSON(), nullable=False),
        sa.Column("actions", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("score", sa.Integer()),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("shortest", sa.Integer(), nullable=False),
        sa.Column("illegal", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime()),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_games_user_id_users", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], name="fk_games_template_id_templates", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_games"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_games_user_id", "games", ["user_id"])
    op.create_index("ix_games_maze_set_mode_status", "games", ["maze_set", "mode", "status"])
    op.create_index("ix_games_template_id", "games", ["template_id"])
    op.create_table(
        "hints",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("game_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("after", sa.Integer(), nullable=False),
        sa.Column("stream_id", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("sent", sa.JSON(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("thinking", sa.Text()),
        sa.Column("reading", sa.String(16)),
        sa.Column("say", sa.Text()),
        sa.Column("action", sa.JSON(none_as_null=True)),
        sa.Column("legal", sa.Boolean()),
        sa.Column("metadata", sa.JSON(none_as_null=True)),
        sa.Column("usage", sa.JSON(none_as_null=True)),
        sa.Column("timings", sa.JSON(none_as_null=True)),
        sa.Column("error", sa.JSON(none_as_null=True)),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["game_id"], ["games.id"], name="fk_hints_game_id_games", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_hints"),
        sa.UniqueConstraint("stream_id", name="uq_hints_stream_id"),
        sa.UniqueConstraint("game_id", "number", name="uq_hints_game_id_number"),
        sqlite_autoincrement=True,
    )
