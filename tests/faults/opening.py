"""A process that opens a received message as an officer's page does: `python -m tests.faults.opening HOME ROW`."""

import sys
from pathlib import Path

from node.exchange.directory import Directory
from node.exchange.node import open_node
from node.exchange.opening import mark_opened

if __name__ == "__main__":
    opened_by = open_node(Path(sys.argv[1]))
    mark_opened(opened_by, Directory(opened_by), int(sys.argv[2]), "officer")
