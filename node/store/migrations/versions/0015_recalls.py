"""Recalls of what was sent to the wrong party, what was erased for them, and breaches."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger()
WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPEN_RECALL = sa.text("answered_at IS NULL")
OPEN_BREACH = sa.text("closed_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "recall",
        sa.Column("id", WIDE, autoincrement=False, nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("message", WIDE, nullable=False),
        sa.Column("request", WIDE, nullable=False),
        sa.Column("case_id", WIDE, nullable=False),
        sa.Column("peer", sa.String(), nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("answered_at", INSTANT, nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("confirmation", WIDE, nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["exchange_case.id"], name="fk_recall_case_id"),
        sa.PrimaryKeyConstraint("id", name="pk_recall"),
        sa.UniqueConstraint("message", name="uq_recall_message"),
    )
    op.create_index("ix_recall_request", "recall", ["request"])
    op.create_index("ix_recall_open", "recall", ["id"], sqlite_where=OPEN_RECALL, postgresql_where=OPEN_RECALL)
    op.create_table(
        "erased_record",
        sa.Column("message", WIDE, autoincrement=False, nullable=False),
        sa.Column("case_id", WIDE, nullable=False),
        sa.Column("erased_at", INSTANT, nullable=False),
        sa.Column("erased_by", sa.String(), nullable=False),
        sa.Column("acts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["exchange_case.id"], name="fk_erased_record_case_id"),
        sa.PrimaryKeyConstraint("message", name="pk_erased_record"),
    )
    op.create_table(
        "breach",
        sa.Column("id", WIDE, autoincrement=False, nullable=False),
        sa.Column("recall", WIDE, nullable=False),
        sa.Column("case_id", WIDE, nullable=False),
        sa.Column("aware_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("opened_by", sa.String(), nullable=False),
        sa.Column("alarm", WIDE, nullable=True),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("closed_by", sa.String(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("notified_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["recall"], ["recall.id"], name="fk_breach_recall"),
        sa.ForeignKeyConstraint(["case_id"], ["exchange_case.id"], name="fk_breach_case_id"),
        sa.PrimaryKeyConstraint("id", name="pk_breach"),
        sa.UniqueConstraint("recall", name="uq_breach_recall"),
    )
    op.create_index("ix_breach_open", "breach", ["ends_at"], sqlite_where=OPEN_BREACH, postgresql_where=OPEN_BREACH)
