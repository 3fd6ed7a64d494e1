"""How each case stands, kept with it, and the indexes by which lists are read among a million messages."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPEN = "closed_at IS NULL"
CLOSED = "closed_at IS NOT NULL"
UNREAD = "closed_at IS NULL AND unread > 0"
# All notices that there were by then are of one domain.
NO_NOTICE = "message.service NOT LIKE 'urn:depesha:notice:%'"
LAST = f"SELECT max(message.id) FROM message WHERE message.case_id = exchange_case.id AND {NO_NOTICE}"  # noqa: S608
NOT_OPENED = "message.direction = 'in' AND message.state = 'received' AND message.opened_at IS NULL"
COUNT_UNREAD = f"SELECT count(*) FROM message WHERE message.case_id = exchange_case.id AND {NOT_OPENED} AND {NO_NOTICE}"  # noqa: S608
TURN = """
SELECT CASE
    WHEN message.state = 'refused' AND coalesce(message.error_detail, '') LIKE 'withdrawn by a person%' THEN 'ours'
    WHEN message.state IN ('refused', 'stale', 'given-up', 'rejected') THEN 'trouble'
    WHEN message.direction = 'in' THEN 'ours'
    ELSE 'theirs'
END FROM message WHERE message.id = exchange_case.last_message
"""


def upgrade() -> None:
    op.add_column("exchange_case", sa.Column("last_message", WIDE, nullable=True))
    op.add_column("exchange_case", sa.Column("turn", sa.String(), nullable=False, server_default="nobody"))
    op.add_column("exchange_case", sa.Column("unread", sa.Integer(), nullable=False, server_default="0"))
    op.execute(f"UPDATE exchange_case SET last_message = ({LAST}), unread = ({COUNT_UNREAD})")  # noqa: S608
    op.execute(f"UPDATE exchange_case SET turn = ({TURN}) WHERE last_message IS NOT NULL")  # noqa: S608
    _newest_first("ix_exchange_case_turn", OPEN, "turn")
    _newest_first("ix_exchange_case_unit_turn", OPEN, "unit", "turn")
    _newest_first("ix_exchange_case_unread", UNREAD)
    _newest_first("ix_exchange_case_unit_unread", UNREAD, "unit")
    _newest_first("ix_exchange_case_closed", CLOSED)
    op.create_index("ix_case_member_party_case_id", "case_member", ["party", "case_id"])
    op.create_index("ix_message_peer_id", "message", ["peer", "id"])


def _newest_first(name: str, condition: str, *before: str) -> None:
    where = sa.text(condition)
    columns = [*before, "changed_at", "id"]
    op.create_index(name, "exchange_case", columns, sqlite_where=where, postgresql_where=where)
