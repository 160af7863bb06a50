"""The lab: sets of tasks, runs over them, and their cells"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lab_sets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_lab_sets_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_lab_sets"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_lab_sets_user_id", "lab_sets", ["user_id"])
    op.create_table(
        "lab_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime()),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_lab_runs_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_lab_runs"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_lab_runs_user_id", "lab_runs", ["user_id"])
    op.create_table(
        "lab_cells",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lab_run_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("template", sa.Integer(), nullable=False),
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("setting", sa.Integer(), nullable=False),
        sa.Column("task", sa.Integer(), nullable=False),
        sa.Column("repeat", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("given_up", sa.Integer(), nullable=False),
        sa.Column("stream_id", sa.String(64)),
        sa.Column("passed", sa.Boolean()),
        sa.Column("result", sa.JSON(none_as_null=True)),
        sa.Column("transcript", sa.Text()),
        sa.ForeignKeyConstraint(["lab_run_id"], ["lab_runs.id"], name="fk_lab_cells_lab_run_id_lab_runs", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_lab_cells"),
        sa.UniqueConstraint("lab_run_id", "number", name="uq_lab_cells_lab_run_id_number"),
        sa.UniqueConstraint("stream_id", name="uq_lab_cells_stream_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_lab_cells_status_lab_run_id_model", "lab_cells", ["status", "lab_run_id", "model"])
