"""An index of cases by ConversationId alone: a message names nothing else of its case."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_exchange_case_conversation_id", "exchange_case", ["conversation_id"])
