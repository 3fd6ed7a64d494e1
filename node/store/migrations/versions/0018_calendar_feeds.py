"""Addresses that give what is due to calendar programs, by a secret of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "calendar_feed",
        sa.Column("handle", sa.String(), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("account", sa.String(), nullable=True),
        sa.Column("unit", sa.String(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("removed_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("handle", name="pk_calendar_feed"),
    )
    op.create_index("ix_calendar_feed_secret_sha256", "calendar_feed", ["secret_sha256"], unique=True)
