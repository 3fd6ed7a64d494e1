"""A node notices that its database is behind what it kept beside its keys, and gives no number or position twice."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from node.audit.entry import append, entry
from node.audit.kept_head import FILE, Head, head_of, keep_head, read_head
from node.audit.verify import verify_log
from node.config import ConfigError
from node.exchange.alarms import list_alarms, settle_alarm
from node.exchange.behind import KIND, MORE_NUMBERS
from node.exchange.making import Identity, make_node
from node.exchange.node import KEYS, Node, open_node
from node.exchange.peers import PEER, add_peer
from node.exchange.settlement import LOG_ENTRY
from node.operations.own_log import OwnLog


@pytest.fixture
def node(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Node:
    """A node with three entries in its log, and a peer that was given seven numbers."""
    monkeypatch.setenv("DEPESHA_DATABASE_URL", database_url)
    make_node(tmp_path / "home", Identity("ours", "Office"))
    node = open_node(tmp_path / "home")
    with node.database.write() as connection:
        add_peer(
            connection, party="peer", party_type=None, name="Peer", kind="pinned", state="confirmed", url=None,
            suite=None, certificates=(), now=node.now(), depesha=True,
        )  # fmt: skip
        connection.execute(PEER.update().values(sequence_out=7))
    happens(node, 3)
    OwnLog(node).sequence()
    return node


def happens(node: Node, count: int) -> None:
    with node.database.write() as connection:
        append(connection, [entry("test", node.now(), "node", {"n": n}) for n in range(count)], node.kek)


def number(node: Node) -> int:
    with node.database.read() as connection:
        return int(connection.scalar(select(PEER.c.sequence_out)) or 0)


def types(node: Node) -> list[str]:
    with node.database.read() as connection:
        return list(connection.scalars(select(LOG_ENTRY.c.type).order_by(LOG_ENTRY.c.id)))


def alarms(node: Node) -> list[str]:
    return [alarm["kind"] for alarm in list_alarms(node)]


def test_what_was_sequenced_last_is_kept_beside_the_keys(node: Node) -> None:
    assert read_head(node.home / KEYS) == head_of(node.database)[0]
    own_log = OwnLog(node)
    own_log.sequence()
    assert not own_log.held
    happens(node, 2)
    own_log.sequence()
    kept = read_head(node.home / KEYS)
    assert kept == head_of(node.database)[0]
    assert kept is not None
    assert kept.size >= 5
    assert alarms(node) == []


def further(head: Head) -> Head:
    return Head(head.size + 10, bytes(32))


def another(head: Head) -> Head:
    return Head(head.size, bytes(32))


@pytest.mark.parametrize(("kept", "lost"), [(further, 10), (another, 0)], ids=["behind", "another tree"])
def test_a_database_that_is_behind_is_held_until_a_person_settles_the_alarm(
    node: Node, kept: Callable[[Head], Head], lost: int
) -> None:
    found = head_of(node.database)[0]
    keep_head(node.home / KEYS, kept(found))
    happens(node, 1)
    for own_log in (OwnLog(node), OwnLog(node)):  # the second is the next start
        own_log.sequence()
        assert own_log.held
        assert alarms(node) == [KIND]
        assert number(node) == 7 + lost + MORE_NUMBERS
        assert head_of(node.database) == (found, True), "no position is given"
    settle_alarm(node, list_alarms(node)[0]["id"], "the replica was promoted; compared with the peers", "IT")
    own_log.sequence()
    assert not own_log.held
    assert number(node) == 7 + lost + MORE_NUMBERS
    assert types(node)[-3:] == ["log.behind", "alarm.settled", "log.released"]
    assert read_head(node.home / KEYS) == head_of(node.database)[0]
    report = verify_log(node.database, node.kek)
    assert report.sound
    assert report.pending == 0
    again = OwnLog(node)
    again.sequence()
    assert not again.held


def test_a_database_that_goes_back_under_a_running_node_ends_it(node: Node) -> None:
    own_log = OwnLog(node)
    own_log.sequence()
    with node.database.write() as connection:
        size = head_of(node.database)[0].size
        connection.exec_driver_sql(f"UPDATE log_state SET size = {size - 1}")
    with pytest.raises(ConfigError, match="went back while this node ran"):
        own_log.sequence()
    assert alarms(node) == [KIND]


def test_a_damaged_file_is_named(node: Node) -> None:
    (node.home / KEYS / FILE).write_text('{"size": ')
    with pytest.raises(ConfigError, match=f"{FILE} cannot be read"):
        OwnLog(node)


def test_a_folder_that_cannot_be_written_stops_nothing(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys may lie on a medium that is only read: then the last head that was kept still tells."""
    own_log = OwnLog(node)
    folder = node.home / KEYS / f"{FILE}.new"
    folder.mkdir()  # root writes anywhere, but not over a folder
    happens(node, 2)
    own_log.sequence()
    assert not own_log.held
    assert verify_log(node.database, node.kek).pending == 0
