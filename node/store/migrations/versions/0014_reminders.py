"""Whose case it is, who is away, and reminders by mail."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger()
WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("account", sa.Column("mail", sa.String(), nullable=True))
    op.add_column("account", sa.Column("away_from", INSTANT, nullable=True))
    op.add_column("account", sa.Column("away_until", INSTANT, nullable=True))
    op.add_column("exchange_case", sa.Column("officer", sa.String(), nullable=True))
    op.create_table(
        "reminder",
        sa.Column("id", WIDE, autoincrement=False, nullable=False),
        sa.Column("case_id", WIDE, nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("turn", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", INSTANT, nullable=False),
        sa.Column("failing_since", INSTANT, nullable=True),
        sa.Column("answer", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["exchange_case.id"], name="fk_reminder_case_id"),
        sa.PrimaryKeyConstraint("id", name="pk_reminder"),
        sa.UniqueConstraint(
            "case_id", "act", "ends_at", "turn", "account", name="uq_reminder_case_id_act_ends_at_turn_account"
        ),
    )
    op.create_index("ix_reminder_state_next_attempt_at", "reminder", ["state", "next_attempt_at"])
