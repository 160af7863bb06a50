"""Messages made of parts, beside their written form; those of earlier releases are taken apart as they are read"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("parts", sa.JSON(none_as_null=True), nullable=True))
