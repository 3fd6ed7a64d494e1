"""Each case's row says whose turn it is and how much nobody has read, whatever happens to its messages."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, update

from node.exchange.cases import CASE, NewCase, open_cases
from node.exchange.handling import resend_message, withdraw_message
from node.exchange.opening import mark_opened
from node.exchange.settlement import MESSAGE
from node.exchange.turns import NewMessage, message_read, messages_came, states_changed, turn_of
from node.store.database import Database
from tests.exchange.conftest import Stage, WorldMaker
from tests.exchange.offices import Office, text_part
from tests.exchange.scripted import error_of, http
from tests.exchange.turns import Turn, as_told, by_messages

NOW = datetime(2026, 11, 25, 13, 0, tzinfo=UTC)
SERVICE, NOTICE = "urn:example:service", "urn:depesha:notice:1"


def turns(office: Office) -> list[tuple[str, int]]:
    """Turn and unread messages of each case, the oldest first; as told, and as its messages have it."""
    with office.node.database.read() as connection:
        told = as_told(connection)
        assert told == by_messages(connection)
    return [(told[case].turn, told[case].unread) for case in sorted(told)]


class Cases:
    """A database with one case, into which messages are put by hand."""

    def __init__(self, database: Database) -> None:
        self.database = database
        with database.write() as connection:
            [self.case] = open_cases(connection, [NewCase("ours", "c", ("ours", "theirs"), NOW)])

    def write(self, row_id: int, direction: str, state: str, service: str = SERVICE) -> None:
        with self.database.write() as connection:
            connection.execute(
                insert(MESSAGE).values(
                    id=row_id, message_id=f"m{row_id}", direction=direction, peer="theirs", state=state,
                    service=service, action="a", case_id=self.case, conversation_id="c", timestamp=NOW, time=NOW,
                    digests=bytes(32),
                )
            )  # fmt: skip
            came = NewMessage(self.case, row_id, direction, state, service == NOTICE)
            messages_came(connection, [came], NOW + timedelta(seconds=row_id))

    def change(self, row_id: int, **values: object) -> None:
        with self.database.write() as connection:
            connection.execute(update(MESSAGE).where(MESSAGE.c.id == row_id).values(values))
            states_changed(connection, [row_id])

    def turn(self) -> Turn:
        with self.database.read() as connection:
            told = as_told(connection)
            assert told == by_messages(connection)
        return told[self.case]


@pytest.fixture
def cases(database: Database) -> Cases:
    return Cases(database)


def test_a_case_without_messages_is_nobody_s_turn(cases: Cases) -> None:
    assert cases.turn() == Turn(None, "nobody", 0)


def test_the_turn_goes_with_the_newest_message(cases: Cases) -> None:
    cases.write(1, "out", "queued")
    assert cases.turn() == Turn(1, "theirs", 0)
    cases.write(2, "in", "received")
    assert cases.turn() == Turn(2, "ours", 1)
    cases.write(3, "in", "rejected")
    assert cases.turn() == Turn(3, "trouble", 1)


def test_a_notice_takes_no_turn_and_is_not_to_be_read(cases: Cases) -> None:
    cases.write(1, "out", "delivered")
    cases.write(2, "in", "received", NOTICE)
    assert cases.turn() == Turn(1, "theirs", 0)
    with cases.database.read() as connection:
        changed = connection.scalar(CASE.select().with_only_columns(CASE.c.changed_at))
    assert changed == NOW + timedelta(seconds=2), "it changes the case all the same"


def test_a_message_that_was_made_before_and_committed_later_takes_no_turn(cases: Cases) -> None:
    cases.write(5, "out", "queued")
    cases.write(4, "in", "received")
    assert cases.turn() == Turn(5, "theirs", 1)


def test_the_state_of_an_older_message_changes_no_turn(cases: Cases) -> None:
    cases.write(1, "out", "queued")
    cases.write(2, "out", "queued")
    cases.change(1, state="given-up")
    assert cases.turn() == Turn(2, "theirs", 0)
    cases.change(2, state="refused", error_detail="no such code")
    assert cases.turn() == Turn(2, "trouble", 0)
    cases.change(2, state="delivered", error_detail=None)
    assert cases.turn() == Turn(2, "theirs", 0)


def test_messages_of_a_group_are_told_together(cases: Cases) -> None:
    cases.write(1, "in", "received")
    with cases.database.write() as connection:
        message_read(connection, cases.case)
        connection.execute(update(MESSAGE).values(opened_at=NOW))
    assert cases.turn() == Turn(1, "ours", 0)


@pytest.mark.parametrize(
    ("direction", "state", "detail", "turn"),
    [
        ("in", "received", None, "ours"),
        ("in", "rejected", "rule", "trouble"),
        ("out", "sending", None, "theirs"),
        ("out", "unconfirmed", "duplicate", "theirs"),
        ("out", "stale", "revoked", "trouble"),
        ("out", "refused", "rule", "trouble"),
        ("out", "refused", "withdrawn by a person; before: rule", "ours"),
        ("out", "given-up", "withdrawn by a person", "trouble"),
    ],
)
def test_python_and_sql_say_the_same(cases: Cases, direction: str, state: str, detail: str | None, turn: str) -> None:
    cases.write(1, direction, state)
    cases.change(1, error_detail=detail)
    assert turn_of(direction, state, detail) == turn
    with cases.database.read() as connection:
        assert as_told(connection)[cases.case].turn == turn


async def test_refused_sent_again_given_up_and_taken_back(stage: Stage) -> None:
    stage.peer.script = [error_of("EBMS:0010", "not yet"), http(502)]
    sent = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.reaches(sent, "refused")
    assert turns(stage.ours) == [("trouble", 0)]
    resend_message(stage.ours.node, stage.ours.directory.snapshot(), sent, "test")
    assert turns(stage.ours) == [("theirs", 0)]
    stage.ours.courier.wake()
    await stage.ours.attempted(sent, 2)
    withdraw_message(stage.ours.node, sent, "test")
    assert turns(stage.ours) == [("ours", 0)]


async def test_both_sides_of_a_message_that_is_received_and_opened(make_world: WorldMaker) -> None:
    world = await make_world(depesha=True)
    sent = world.ours.submit("theirs", text_part("x"))
    await world.ours.reaches(sent, "delivered")
    assert turns(world.ours) == [("theirs", 0)]
    assert turns(world.theirs) == [("ours", 1)]
    mark_opened(world.theirs.node, world.theirs.directory, world.theirs.row(sent)["id"], "account-1")
    mark_opened(world.theirs.node, world.theirs.directory, world.theirs.row(sent)["id"], "account-2")
    assert turns(world.theirs) == [("ours", 0)]
