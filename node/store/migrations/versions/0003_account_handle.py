"""A random handle for each account, by which the log names it: the log holds no name of a person."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nullable: SQLite adds no column that must have a value. Whoever makes an account gives it one.
    op.add_column("account", sa.Column("handle", sa.String(), nullable=True))
    account = sa.table("account", sa.column("name"), sa.column("handle"))
    connection = op.get_bind()
    for name in connection.scalars(sa.select(account.c.name)).all():
        given = f"account-{secrets.token_hex(8)}"
        connection.execute(sa.update(account).where(account.c.name == name).values(handle=given))
    op.create_index("ix_account_handle", "account", ["handle"], unique=True)
