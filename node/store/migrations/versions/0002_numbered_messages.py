"""An index of numbered messages: the highest number of a peer, and whether the next one is there, at one look."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    numbered = sa.text("sequence IS NOT NULL")
    op.create_index(
        "ix_message_numbered",
        "message",
        ["peer", "direction", "sequence"],
        sqlite_where=numbered,
        postgresql_where=numbered,
    )
