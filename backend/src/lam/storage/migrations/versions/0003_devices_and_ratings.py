"""Which device a token was given to, and what its reader thinks of a reply"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tokens", sa.Column("device", sa.String(length=200), nullable=True))
    op.add_column("messages", sa.Column("rating", sa.String(length=8), nullable=True))
