"""Checkpoints hold events instead of text"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("checkpoints", sa.Column("events", sa.Text(), nullable=False, server_default="[]"))
    checkpoints = sa.table("checkpoints", *map(sa.column, ("id", "content", "thinking", "events")))
    connection = op.get_bind()
    for row in connection.execute(sa.select(checkpoints)).all():  # of replies that a gateway which died left behind
        events = [{"type": kind, "content": text} for kind, text in (("thinking", row.thinking), ("chunk", row.content)) if text]
        changed = sa.update(checkpoints).where(checkpoints.c.id == row.id).values(events=json.dumps(events))
        connection.execute(changed)
    with op.batch_alter_table("checkpoints") as batch:
        batch.drop_column("content")
        batch.drop_column("thinking")
