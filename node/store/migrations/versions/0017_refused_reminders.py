"""Which alarm tells that a reminder was refused: what is due until somebody has settled it."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("reminder", sa.Column("alarm", WIDE, nullable=True))
