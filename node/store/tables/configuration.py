"""The version of peers and agreements: every change raises it, so that all processes load them anew."""

from node.store.tables.row import Row, row_id, wide


class Configuration(Row, table=True):
    """One row, id 1."""

    __tablename__ = "configuration"

    id: int = row_id()
    version: int = wide()
