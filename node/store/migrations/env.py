"""What alembic runs: the steps, on the connection and within the transaction that `upgrade` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
