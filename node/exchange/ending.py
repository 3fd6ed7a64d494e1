"""Ending an agreement: what waits under it and was never sent ends with it, in the same transaction.

A message of which an attempt may have reached the peer goes on to its receipt or another final state: the peer may have
acted on it. What a process has just taken up, or queues at this moment, that process refuses by itself (`delivery`).
"""

from datetime import datetime

from sqlalchemy import Connection

from node.exchange import outbox
from node.exchange.agreements import end_agreement
from node.exchange.directory import Directory
from node.exchange.node import Node
from node.exchange.peers import configuration_version
from node.exchange.settlement import refuse_uncovered

_BATCH = 500


def end_with_what_waits(
    node: Node, directory: Directory, connection: Connection, agreement: int, now: datetime
) -> int:  # fmt: skip
    """End an agreement; returns how many waiting messages were refused by it, each with an alarm.

    Raises PeerRefused when the agreement is not in force.
    """
    end_agreement(connection, agreement, now)
    ended = directory.uncovered(connection, outbox.unsent(connection), configuration_version(connection))
    for start in range(0, len(ended), _BATCH):
        refuse_uncovered(node, connection, ended[start : start + _BATCH], now)
    return len(ended)
