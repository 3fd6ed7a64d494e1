"""What a node keeps, read as rows for `history`, with the receipts opened."""

import hashlib
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from node.as4 import SIGNAL_CONTENT_TYPE, read_response
from node.as4 import Receipt as ReceiptSignal
from node.exchange.contents import PART
from node.exchange.due import OUTBOX
from node.exchange.node import BLOBS, Node
from node.exchange.peers import PEER
from node.exchange.settlement import ALARM, LOG_ENTRY, MESSAGE, PAYLOAD, PAYLOAD_KEY
from node.store.columns import table_of
from node.store.payloads import find_payload, open_payload
from node.store.tables import LogState
from tests.faults.history import Kept, Receipt

LOG_STATE = table_of(LogState)


def kept(node: Node, accepted: frozenset[str] = frozenset()) -> Kept:
    """All that the check of the history wants to know of a node. `accepted`: ids that its sender was told of."""
    with node.database.read() as connection:

        def keys(*columns: ColumnElement[Any]) -> frozenset[Any]:
            return frozenset(tuple(row) for row in connection.execute(select(*columns)))

        def one(query: Select[Any]) -> frozenset[Any]:
            return frozenset(connection.scalars(query))

        messages = [dict(row) for row in connection.execute(select(MESSAGE)).mappings()]
        entries = select(LOG_ENTRY.c.id, LOG_ENTRY.c.position, LOG_ENTRY.c.time, LOG_ENTRY.c.type, LOG_ENTRY.c.message)
        receipts = {}
        for message in messages:
            stored = find_payload(connection, message["id"], "response", 0)
            if stored is not None and (receipt := _receipt(b"".join(open_payload(stored, node.kek, node.blobs)))):
                receipts[message["id"]] = receipt
        return Kept(
            party=node.party,
            messages=messages,
            entries=[dict(row) for row in connection.execute(entries).mappings()],
            log_size=connection.scalar(select(LOG_STATE.c.size)) or 0,
            numbers={
                row.party: (row.sequence_out, row.sequence_in)
                for row in connection.execute(select(PEER.c.party, PEER.c.sequence_out, PEER.c.sequence_in))
            },
            receipts=receipts,
            outbox=one(select(OUTBOX.c.message)),
            parts=keys(PART.c.message, PART.c.n),
            payloads=keys(PAYLOAD.c.message, PAYLOAD.c.kind, PAYLOAD.c.n),
            keys=keys(PAYLOAD_KEY.c.message, PAYLOAD_KEY.c.kind, PAYLOAD_KEY.c.n),
            named_blobs=one(select(PAYLOAD.c.blob).where(PAYLOAD.c.blob.is_not(None))),
            blobs=blob_files(node),
            accepted=accepted,
            alarmed=one(select(ALARM.c.message).where(ALARM.c.message.is_not(None))),
        )


def _receipt(octets: bytes) -> Receipt | None:
    signal = read_response(SIGNAL_CONTENT_TYPE, octets).signal
    if not isinstance(signal, ReceiptSignal):
        return None
    digests = hashlib.sha256(b"".join(reference.digest for reference in signal.references)).digest()
    return Receipt(octets, signal.timestamp, digests)


def blob_files(node: Node) -> frozenset[str]:
    """Names of all blob files, begun ones too."""
    return frozenset(path.name for path in (node.home / BLOBS).rglob("*") if path.is_file())
