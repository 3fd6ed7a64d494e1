"""What a virus scanner said of parts that were received."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger()
WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
AGAIN = sa.text("again_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "part_scan",
        sa.Column("message", WIDE, autoincrement=False, nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("found", sa.String(), nullable=True),
        sa.Column("scanned_at", INSTANT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("again_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("message", "n", name="pk_part_scan"),
    )
    op.create_index("ix_part_scan_again_at", "part_scan", ["again_at"], sqlite_where=AGAIN, postgresql_where=AGAIN)
