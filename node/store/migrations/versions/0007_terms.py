"""Local terms with peers, their drafts, and acts on paper."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger()
WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "terms_draft",
        sa.Column("peer", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("places", sa.JSON(), nullable=False),
        sa.Column("countries", sa.JSON(), nullable=False),
        sa.Column("confirmations", sa.JSON(), nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("peer", "service", name="pk_terms_draft"),
    )
    op.create_table(
        "local_terms",
        sa.Column("id", WIDE, autoincrement=False, nullable=False),
        sa.Column("peer", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_local_terms"),
    )
    op.create_index("ix_local_terms_peer_service_made_at", "local_terms", ["peer", "service", "made_at"])
    op.create_table(
        "paper_act",
        sa.Column("id", WIDE, autoincrement=False, nullable=False),
        sa.Column("case_id", WIDE, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["exchange_case.id"], name="fk_paper_act_case_id"),
        sa.PrimaryKeyConstraint("id", name="pk_paper_act"),
    )
    op.create_index("ix_paper_act_case_id_id", "paper_act", ["case_id", "id"])
