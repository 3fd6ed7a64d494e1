"""How a case stands by its procedure, kept with it for lists and for what is due."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("exchange_case", sa.Column("standing", sa.String(), nullable=True))
    op.add_column("exchange_case", sa.Column("standing_by", sa.String(), nullable=True))
    op.add_column("exchange_case", sa.Column("standing_at", sa.BigInteger(), nullable=True))
