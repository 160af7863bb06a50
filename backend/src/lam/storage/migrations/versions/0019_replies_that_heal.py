"""How many pieces a checkpoint holds, and when it was saved, so that a reply can go on after it"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("checkpoints", sa.Column("pieces", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("checkpoints", sa.Column("saved_at", sa.Float()))
