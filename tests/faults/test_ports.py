"""Ports of test nodes belong to one process of the tests, also while nothing listens on them."""

import socket
import subprocess
import sys

import pytest

from tests.faults.homes import ROOT
from tests.interop import nodes
from tests.interop.nodes import free_port, port_mark

ELSEWHERE = """
from tests.interop import nodes
nodes.OWN_PORTS = ({first}, {first} + 4)
print(nodes.free_port())
"""


def test_a_port_is_given_once_in_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four ports this process takes three: another process gets the fourth, though nothing listens on any."""
    first = next(n for n in range(31_000, 32_000, 4) if all(is_unmarked(port) for port in range(n, n + 4)))
    monkeypatch.setattr(nodes, "OWN_PORTS", (first, first + 4))
    mine = {free_port() for _ in range(3)}
    assert len(mine) == 3
    words = [sys.executable, "-c", ELSEWHERE.format(first=first)]
    other = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert {int(other.stdout)} == set(range(first, first + 4)) - mine


def is_unmarked(port: int) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mark:
        try:
            mark.bind(port_mark(port))
        except OSError:
            return False
    return True
