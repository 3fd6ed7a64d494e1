"""Lists of messages, however long."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert

from node.exchange import listing
from node.exchange.contents import PART
from node.exchange.listing import NotFound, list_messages, show_message
from node.exchange.settlement import MESSAGE
from node.store.database import Database

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def rows(count: int) -> list[dict[str, object]]:
    return [
        {
            "id": n, "message_id": f"m{n}", "direction": "out" if n % 2 else "in", "peer": "peer", "state": "delivered",
            "service": "s", "action": "a", "case_id": 1, "conversation_id": "c", "timestamp": NOW, "time": NOW,
            "digests": bytes(32),
        }
        for n in range(1, count + 1)
    ]  # fmt: skip


def part(message: int) -> dict[str, object]:
    return {
        "message": message, "n": 1, "content_id": "c", "media_type": "text/plain", "compressed": True,
        "size": message, "sha256": bytes(32), "signed_size": 1, "signed_sha256": bytes(32),
    }  # fmt: skip


def test_a_list_is_whole_however_many_statements_it_takes(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "AT_ONCE", 3)
    with database.write() as connection:
        connection.execute(insert(MESSAGE), rows(110))
        connection.execute(insert(PART), [part(n) for n in range(1, 111)])
    with database.read() as connection:
        listed = list_messages(connection, limit=1000)
        assert [row["id"] for row in listed] == [f"m{n}" for n in range(1, 111)]
        assert [row["parts"][0]["size"] for row in listed] == list(range(1, 111))
        assert [row["id"] for row in list_messages(connection, limit=2, after="m7")] == ["m8", "m9"]
        assert len(list_messages(connection)) == 100


def test_an_id_that_two_senders_used_shows_the_newest(database: Database) -> None:
    first, second = rows(2)
    with database.write() as connection:
        connection.execute(
            insert(MESSAGE), [first | {"message_id": "m"}, second | {"message_id": "m", "peer": "other"}]
        )
    with database.read() as connection:
        assert show_message(connection, "m")["peer"] == "other"
        assert len(list_messages(connection, peer="peer")) == 1
        with pytest.raises(NotFound, match="There is no peer 'nobody'"):
            list_messages(connection, peer="nobody")
