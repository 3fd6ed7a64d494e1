"""A process that stood still for longer than its claim lasts does nothing that another has done, or is doing, since."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from adapters.mail import send_waiting
from node.exchange.reminders import make_reminders
from node.exchange.webhooks import AT_ONCE, Claimed, announce, done, failed, failing, take_up, taken
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.mailbox import Mailbox, listening
from tests.exchange.offices import Office
from tests.exchange.test_reminders import COLLEAGUE, HEAD, HOOK, OFFICER, mail_check, set_on, world_with

pytestmark = pytest.mark.theirs_on_both_databases


@dataclass
class SlowMailbox(Mailbox):
    """Before it takes the first recipient, all that is in `meanwhile` happens."""

    meanwhile: list[Callable[[], object]] = field(default_factory=list)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        acts, self.meanwhile = self.meanwhile, []
        for act in acts:
            await asyncio.to_thread(act)
        return await super().handle_RCPT(server, session, envelope, address, options)


async def test_a_mail_that_another_process_has_sent_meanwhile_is_not_sent_again(make_world: WorldMaker) -> None:
    with listening(SlowMailbox()) as mailbox:
        world, theirs, _case = await world_with(make_world, mailbox)
        world.clock.advance(days=8)
        make_reminders(theirs.node)
        mailbox.meanwhile = [lambda: world.clock.advance(minutes=2), lambda: send_waiting(theirs.node)]
        assert await asyncio.to_thread(send_waiting, theirs.node) == 0, "the other has sent them"
        assert mailbox.new() == sorted([OFFICER, COLLEAGUE, HEAD])
        assert mail_check(theirs).ok


def claimed_by_one(office: Office, *events: str) -> Claimed:
    """These events wait for a receiver that one process has taken up."""
    node = office.node
    set_on(office, webhooks=(HOOK,))
    with node.database.write() as connection:
        for event in events:
            announce(node, connection, "case.due", {"case": event})
    claimed = take_up(node, HOOK)
    assert claimed is not None
    assert len(claimed.waiting) == len(events) <= AT_ONCE
    return claimed


async def test_a_receiver_that_another_process_has_taken_up_is_left_to_it(make_world: WorldMaker) -> None:
    world = await make_world(send=False)
    node = world.theirs.node
    first = claimed_by_one(world.theirs, "one", "two")
    world.clock.advance(minutes=2)
    second = take_up(node, HOOK)
    assert second is not None
    assert not taken(node, HOOK, first, first.waiting[0]), "it stops there"
    done(node, HOOK, first)
    assert take_up(node, HOOK) is None, "the other still delivers"
    assert failed(node, HOOK, first, "no answer") == 0
    with node.database.read() as connection:
        assert failing(connection) == {}
    assert taken(node, HOOK, second, second.waiting[1])
    done(node, HOOK, second)
    assert take_up(node, HOOK) is None, "nothing waits"


async def test_two_processes_meet_a_receiver_at_once(make_world: WorldMaker) -> None:
    world: World = await make_world(send=False)
    set_on(world.theirs, webhooks=(HOOK,))
    with ThreadPoolExecutor(8) as processes:
        found = list(processes.map(lambda _: take_up(world.theirs.node, HOOK), range(8)))
    assert sum(one is not None for one in found) == 1
