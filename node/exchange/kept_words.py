"""What a person wrote about an act: kept here, sealed, erased by its key; the log holds a salted digest of it."""

import hashlib
import os

from sqlalchemy import Connection

from node.exchange.node import Node
from node.store.columns import table_of
from node.store.payloads import find_payload, open_payload, payload_rows, seal_payload
from node.store.rows import insert_rows
from node.store.tables import Payload, PayloadKey

SALT_BYTES = 32


def keep_words(node: Node, connection: Connection, about: int, n: int, words: str) -> str:
    """Keep these words as the n-th of the row `about`; returns their salted digest, in hex, for the log."""
    salted = os.urandom(SALT_BYTES) + words.encode()
    payload, key = payload_rows(about, "note", n, seal_payload(salted, node.kek, node.blobs))
    insert_rows(connection, table_of(Payload), [payload])
    insert_rows(connection, table_of(PayloadKey), [key])
    return hashlib.sha256(salted).hexdigest()


def kept_words(node: Node, connection: Connection, about: int, n: int) -> str | None:
    """The n-th words of the row `about`; None where there are none, or they were erased."""
    stored = find_payload(connection, about, "note", n)
    if stored is None or stored.wrapped_key is None:
        return None
    return b"".join(open_payload(stored, node.kek, node.blobs))[SALT_BYTES:].decode()
