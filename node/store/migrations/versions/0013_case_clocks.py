"""When each case's clock is to be looked at next, and the ends of periods that were recorded."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger()
WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    # Nought: every case that there is gets looked at once.
    op.add_column("exchange_case", sa.Column("clock_at", INSTANT, nullable=True, server_default="0"))
    op.add_column("exchange_case", sa.Column("clock_version", sa.Integer(), nullable=False, server_default="0"))
    where = sa.text("clock_at IS NOT NULL")
    op.create_index("ix_exchange_case_clock", "exchange_case", ["clock_at"], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "case_end",
        sa.Column("id", WIDE, autoincrement=False, nullable=False),
        sa.Column("case_id", WIDE, nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("effect", sa.String(), nullable=False),
        sa.Column("earliest", INSTANT, nullable=False),
        sa.Column("latest", INSTANT, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("undone_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["exchange_case.id"], name="fk_case_end_case_id"),
        sa.PrimaryKeyConstraint("id", name="pk_case_end"),
        sa.UniqueConstraint(
            "case_id",
            "period",
            "effect",
            "latest",
            "earliest",
            name="uq_case_end_case_id_period_effect_latest_earliest",
        ),
    )
