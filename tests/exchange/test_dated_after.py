"""A message is dated, and stands in the log, after all that it says it had seen."""

from sqlalchemy import Connection, select

from node.exchange.settlement import LOG_ENTRY, MESSAGE
from node.exchange.submission import Submission, submit
from tests.exchange.conftest import WorldMaker
from tests.exchange.offices import ACTION, SERVICE, text_part


async def test_what_waits_for_its_turn_is_dated_when_that_comes(make_world: WorldMaker) -> None:
    """Another process holds the database for a while, and commits a message of the peer's meanwhile."""
    world = await make_world(depesha=True, send=False)
    office, turn = world.ours, []

    def after_a_while(connection: Connection) -> None:
        world.clock.advance(minutes=5)
        turn.append(world.clock())

    request = Submission(peer="theirs", service=SERVICE, action=ACTION, parts=[text_part("x")])
    sent = submit(office.node, office.directory.snapshot(), request, along=after_a_while)
    with office.node.database.read() as connection:
        row = connection.execute(select(MESSAGE).where(MESSAGE.c.message_id == sent.id)).mappings().one()
        logged = connection.execute(select(LOG_ENTRY).where(LOG_ENTRY.c.message == row["id"])).mappings().one()
    assert row["timestamp"] >= turn[0]
    assert row["time"] >= turn[0]
    assert logged["time"] >= turn[0]
