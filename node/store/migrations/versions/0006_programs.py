"""Programs that use the programming interface: who they are, assertions that they used, answers kept for their keys."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "program",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("handle", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=True),
        sa.Column("scopes", sa.JSON(), nullable=True),
        sa.Column("token_sha256", sa.LargeBinary(), nullable=True),
        sa.Column("public_key", sa.String(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("removed_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_program"),
    )
    op.create_index("ix_program_handle", "program", ["handle"], unique=True)
    op.create_index("ix_program_token_sha256", "program", ["token_sha256"], unique=True)
    op.create_table(
        "assertion_use",
        sa.Column("program", sa.String(), nullable=False),
        sa.Column("jti", sa.String(), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("program", "jti", name="pk_assertion_use"),
    )
    op.create_index("ix_assertion_use_expires_at", "assertion_use", ["expires_at"])
    op.create_table(
        "keyed_answer",
        sa.Column("program", sa.String(), nullable=False),
        sa.Column("key_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("request_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", sa.JSON(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("program", "key_sha256", name="pk_keyed_answer"),
    )
    op.create_index("ix_keyed_answer_created_at", "keyed_answer", ["created_at"])
