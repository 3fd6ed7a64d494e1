"""A node that doubts its own clock: what begins the doubt, what it does meanwhile, what ends it and puts right."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from node.exchange.alarms import list_alarms, settle_alarm
from node.exchange.clock import ClockWatch
from node.exchange.settlement import ALARM, LOG_ENTRY
from node.operations import checks as checks_module
from node.operations.own_clock import OwnClock
from tests.exchange.clock import until
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import Office, text_part
from tests.exchange.wire import letter, post

DAY, YEAR = timedelta(days=1), timedelta(days=365)


@pytest.fixture(autouse=True)
def kernel(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the kernel says of its clock; a test may put something else there."""
    said = ["unsynchronised"]
    monkeypatch.setattr(checks_module, "kernel_clock", lambda: said[0])
    return said


class Watched:
    """Our office with a clock that can be set wrong, and the process's watch over it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.office: Office = world.ours
        self._ahead = timedelta(0)
        self._right = world.clock()
        self.office.node.__dict__["now"] = lambda: world.clock() + self._ahead
        self.begin()

    def begin(self) -> None:
        """A process begins."""
        watch = ClockWatch(self.office.node.now, lambda: (self.world.clock() - self._right).total_seconds())
        self.own = OwnClock(self.office.node, self.office.directory, watch)
        self.office.endpoint.clock = self.office.courier.clock = self.own

    def set(self, ahead: timedelta) -> None:
        """The clock stands so far ahead from now on."""
        self._ahead = ahead

    async def takes(self) -> bool:
        """Whether a message of the other office is taken in."""
        status = (await post(self.office, letter(self.world.theirs.node, self.office.node))).status
        assert status in (200, 503)
        return status == 200

    def alarms(self) -> list[tuple[str, str]]:
        """Kind and detail of open alarms, the machine's name left out."""
        return [(one["kind"], one["detail"].partition(": ")[2]) for one in list_alarms(self.office.node)]

    def log(self) -> list[str]:
        """Types of the log's entries."""
        with self.office.node.database.read() as connection:
            return list(connection.scalars(select(LOG_ENTRY.c.type).order_by(LOG_ENTRY.c.id)))


@pytest.mark.parametrize("jump", [timedelta(hours=1), -timedelta(hours=1), YEAR, -YEAR])
async def test_a_clock_that_is_set_is_doubted_at_once_and_a_peer_that_agrees_ends_it(
    make_world: WorldMaker, jump: timedelta
) -> None:
    watched = Watched(await make_world(send=False))
    assert await watched.takes()
    assert not (await watched.own.look()).doubted
    watched.set(jump)
    assert not await watched.takes(), "before anybody has looked"
    for _ in range(2):
        assert (await watched.own.look()).doubted
        assert not await watched.takes()
    ((kind, detail),) = watched.alarms()
    assert kind == "clock"
    assert "set forward by" in detail or "before what this node has recorded" in detail
    watched.set(timedelta(0))
    assert (await watched.own.look()).trusted
    assert watched.alarms() == []
    assert await watched.takes()
    assert [type_ for type_ in watched.log() if type_ != "message.received"] == ["clock.doubted", "alarm.settled"]


async def test_a_clock_behind_that_is_put_right_is_believed_once_a_peer_agrees(make_world: WorldMaker) -> None:
    watched = Watched(await make_world(send=False))
    assert await watched.takes()
    watched.set(-YEAR)
    watched.begin()
    assert (await watched.own.look()).doubted
    watched.set(timedelta(0))
    assert not await watched.takes(), "it was set, by a year, and nobody was asked yet"
    assert (await watched.own.look()).trusted
    assert await watched.takes()


async def test_a_doubt_outlives_the_process_and_a_message_of_our_own(make_world: WorldMaker) -> None:
    watched = Watched(await make_world(send=False))
    assert await watched.takes()
    watched.world.theirs.node.__dict__["now"] = lambda: watched.world.clock() + 2 * DAY  # it reassures nobody
    watched.set(-DAY)
    assert (await watched.own.look()).doubted
    for _ in range(2):
        watched.office.submit("theirs", text_part("x"))
        watched.begin()
        assert watched.own.doubted
        assert (await watched.own.look()).doubted
        assert not await watched.takes()
    assert len(watched.alarms()) == 1


async def test_a_person_may_say_that_the_clock_is_right(make_world: WorldMaker) -> None:
    watched = Watched(await make_world(send=False))
    watched.world.theirs.endpoint.stopping = True  # nobody can be asked
    watched.set(YEAR)
    assert (await watched.own.look()).doubted
    watched.office.submit("theirs", text_part("by a clock that stands ahead"))
    watched.set(timedelta(0))
    assert (await watched.own.look()).doubted
    (alarm,) = list_alarms(watched.office.node)
    settle_alarm(watched.office.node, alarm["id"], "compared with the radio", "command line")
    assert not (await watched.own.look()).doubted
    assert watched.alarms() == []
    assert await watched.takes()
    watched.begin()
    assert not watched.own.doubted, "nor does what was recorded before cast doubt again"


async def test_a_kernel_that_keeps_the_clock_ends_the_doubt_of_a_step(
    make_world: WorldMaker, kernel: list[str]
) -> None:
    watched = Watched(await make_world(send=False))
    watched.set(DAY)
    kernel[0] = "synchronised"
    assert (await watched.own.look()).trusted
    assert await watched.takes()


async def test_nothing_is_given_up_while_the_clock_is_doubted(make_world: WorldMaker) -> None:
    """A jump of a year ends no message's time."""
    world = await make_world(send=False)
    watched = Watched(world)
    world.theirs.endpoint.stopping = True
    both = [world.ours.submit("theirs", text_part(text)) for text in "xy"]
    async with world.ours.sending():
        for one in both:
            await world.ours.attempted(one, 1)
        watched.set(YEAR)
        world.ours.courier.wake()

        def tried_again() -> bool:
            """The peer is silent: one of them is its probe, either."""
            shown = [world.ours.shown(one) for one in both]
            return sum(one["attempts"] for one in shown) == 3 and all(one["state"] == "queued" for one in shown)

        await until(tried_again, "one of them is tried again, and none given up")
        assert (await watched.own.look()).doubted
        watched.set(timedelta(0))
        world.theirs.endpoint.stopping = False
        assert (await watched.own.look()).trusted
        world.ours.retry_now(seconds=700)
        for one in both:
            await world.ours.reaches(one, "delivered")
    with world.ours.node.database.read() as connection:
        assert set(connection.scalars(select(ALARM.c.kind))) == {"clock", "clock-right"}


async def test_what_waited_by_a_clock_behind_has_its_whole_time_once_it_is_right(
    make_world: WorldMaker, kernel: list[str]
) -> None:
    """What was tried for a moment only is not given up because the clock was put right by a year."""
    world = await make_world(send=False)
    watched = Watched(world)
    watched.set(-YEAR)
    watched.begin()
    world.theirs.endpoint.stopping = True
    sent = world.ours.submit("theirs", text_part("x"))
    async with world.ours.sending():
        await world.ours.attempted(sent, 1)
        watched.set(timedelta(0))
        assert watched.own.doubted
        kernel[0] = "synchronised"
        assert (await watched.own.look()).trusted
        world.ours.courier.wake()
        await world.ours.attempted(sent, 2)
        world.ours.retry_now(seconds=700)
        await world.ours.attempted(sent, 3)
    assert (world.ours.state(sent), watched.alarms()) == ("queued", [])


async def test_what_a_clock_ahead_gave_up_is_tried_again_once_it_is_right(make_world: WorldMaker) -> None:
    """It stood ahead when the process began: nothing told it so."""
    world = await make_world(send=False)
    watched = Watched(world)
    world.theirs.endpoint.stopping = True
    sent = world.ours.submit("theirs", text_part("x"))
    async with world.ours.sending():
        await world.ours.attempted(sent, 1)
        watched.set(YEAR)
        watched.begin()
        world.ours.courier.wake()
        await world.ours.reaches(sent, "given-up")
        assert [kind for kind, _ in watched.alarms()] == ["given-up"]
        watched.set(timedelta(0))
        watched.begin()
        assert watched.own.doubted
        world.theirs.endpoint.stopping = False
        assert (await watched.own.look()).trusted
        assert watched.alarms() == []
        world.ours.courier.wake()
        await world.ours.reaches(sent, "delivered")
    steps = [type_ for type_ in watched.log() if type_.startswith("message.")]
    assert steps == ["message.queued", "message.given-up", "message.requeued", "message.delivered"]
