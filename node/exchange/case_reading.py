"""One reading of stored cases: what several of them need is read, opened and judged once.

A list of cases with one partner rests on the same terms, calendars and lists of persons. Records of one case alone are
not kept: a list may be long.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Connection, select

from node.as4 import decompress
from node.exchange.contents import PART, ContentGone, sealed_octets
from node.exchange.node import Node
from node.records.check import CheckedRecord, check
from node.store.payloads import PayloadErased

_T = TypeVar("_T")


class CaseReading:
    """A node and the transaction in which its cases are read; to be thrown away with the transaction."""

    def __init__(self, node: Node, connection: Connection) -> None:
        self.node = node
        self.connection = connection
        self._known: dict[Hashable, Any] = {}

    def once(self, key: Hashable, find: Callable[[], _T]) -> _T:
        """What `find` gives the first time that it is asked for under this key."""
        if key not in self._known:
            self._known[key] = find()
        found: _T = self._known[key]
        return found

    def record(self, row: Mapping[str, Any]) -> CheckedRecord | None:
        """The record of a message (its row), from its first part; None where it is gone or none of a domain here."""
        first = select(PART.c.n, PART.c.compressed).where(PART.c.message == row["id"]).order_by(PART.c.n).limit(1)
        part = self.connection.execute(first).one_or_none()
        if part is None:
            return None
        try:
            octets = sealed_octets(self.node, row["id"], "part", part.n, self.connection)
            content = b"".join(decompress(octets) if part.compressed else octets)
        except (PayloadErased, ContentGone):
            return None
        record = check(content, self.node.domains, row["service"], row["action"])
        return record if isinstance(record, CheckedRecord) else None

    def shared_record(self, row: Mapping[str, Any]) -> CheckedRecord | None:
        """The same, of a message that several cases rest on."""
        return self.once(("record", row["id"]), lambda: self.record(row))
