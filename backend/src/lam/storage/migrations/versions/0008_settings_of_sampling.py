"""One column for the settings of sampling that have none of their own, as JSON by name"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("sampling", sa.JSON(none_as_null=True), nullable=True))
