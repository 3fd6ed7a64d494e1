"""The sealed index of records that persons are found by, and what people have said of persons of two cases."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger()
WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "search_row",
        sa.Column("message", WIDE, autoincrement=False, nullable=False),
        sa.Column("case_id", WIDE, nullable=False),
        sa.Column("terms", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("message", name="pk_search_row"),
    )
    op.create_index("ix_search_row_case_id", "search_row", ["case_id"])
    op.create_table(
        "person_link",
        sa.Column("id", WIDE, autoincrement=False, nullable=False),
        sa.Column("first_case", WIDE, nullable=False),
        sa.Column("first_person", sa.String(), nullable=False),
        sa.Column("second_case", WIDE, nullable=False),
        sa.Column("second_person", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["first_case"], ["exchange_case.id"], name="fk_person_link_first_case"),
        sa.ForeignKeyConstraint(["second_case"], ["exchange_case.id"], name="fk_person_link_second_case"),
        sa.PrimaryKeyConstraint("id", name="pk_person_link"),
        sa.UniqueConstraint(
            "first_case",
            "first_person",
            "second_case",
            "second_person",
            name="uq_person_link_pair",
        ),
    )
    op.create_index("ix_person_link_second_case", "person_link", ["second_case"])
