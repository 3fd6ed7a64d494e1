"""Messages that are submitted together share one commit; what is wrong with one of them is its own."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from node.exchange import submission
from node.exchange.contents import answer_of
from node.exchange.judgement import SubmissionRefused
from node.exchange.submission import Submission, Submissions, Submitted, submit_many
from node.store.database import Database
from node.store.trouble import StoreUnavailable, Trouble
from tests.exchange.conftest import Stage, StageMaker, WorldMaker
from tests.exchange.offices import ACTION, APPLICATION, RECORDS, SERVICE, Office, text_part


def wanted(to: str = "theirs", text: str = "x", **more: Any) -> Submission:
    return Submission(peer=to, parts=[text_part(text)], **{"service": SERVICE, "action": ACTION, **more})


def together(office: Office, *requests: Submission) -> list[Submitted | Exception]:
    return submit_many(office.node, office.directory.snapshot(), requests)


def queued(outcome: Submitted | Exception) -> Submitted:
    assert isinstance(outcome, Submitted)
    return outcome


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The submissions that were committed."""
    passed: list[str] = []
    monkeypatch.setattr(submission, "crash_point", passed.append)
    return passed


@pytest.fixture
async def resting(make_stage: StageMaker) -> Stage:
    """Our office does not send."""
    return await make_stage(send=False)


async def test_concurrent_callers_share_a_commit_and_all_is_delivered(
    make_world: WorldMaker, commits: list[str]
) -> None:
    world = await make_world(depesha=True)
    ours = world.ours
    submissions = Submissions(ours.node, ours.directory, ours.courier.wake)
    outcomes = await asyncio.gather(*(submissions.submit(wanted(text=str(n))) for n in range(10)))
    await submissions.close()
    assert commits == ["submission: before commit", "submission: after commit"]
    assert [outcome.opened for outcome in outcomes] == [True] * 10
    assert len({outcome.case for outcome in outcomes}) == 10
    assert [int(outcome.number.partition("-")[2]) for outcome in outcomes] == [*range(1, 11)]
    for n, outcome in enumerate(outcomes, start=1):
        await ours.reaches(outcome.id, "delivered")
        row = ours.row(outcome.id, "out")
        assert (row["sequence"], row["seen"]) == (n, 0)
        assert answer_of(ours.node, row["id"])
        assert world.theirs.row(outcome.id, "in")["state"] == "received"


async def test_those_of_one_case_go_in_the_order_in_which_they_were_submitted(make_stage: StageMaker) -> None:
    stage = await make_stage(send=False)
    first = queued(together(stage.ours, wanted())[0])
    rest = together(stage.ours, *(wanted(text=str(n), case=first.number) for n in range(4)), wanted(text="other"))
    ids = [queued(outcome).id for outcome in rest]
    assert {queued(outcome).case for outcome in rest[:4]} == {first.case}
    assert [queued(outcome).opened for outcome in rest] == [False] * 4 + [True]
    async with stage.ours.sending():
        for message in (first.id, *ids):
            await stage.ours.reaches(message, "delivered")
    of_case = [message for message in stage.peer.ids() if message != ids[4]]
    assert of_case == [first.id, *ids[:4]]


async def test_one_that_is_refused_takes_no_other_down(resting: Stage, commits: list[str]) -> None:
    ours = resting.ours
    outcomes = together(
        ours,
        wanted("nobody"),
        wanted(text="a"),
        wanted(service=RECORDS, action=APPLICATION),
        wanted(case="1999-0001"),
        wanted(text="b"),
    )
    told = [str(outcome) for outcome in outcomes if isinstance(outcome, SubmissionRefused)]
    assert ["no peer 'nobody'" in told[0], "There is no case 1999-0001" in told[2], len(told)] == [True, True, 3]
    good = [queued(outcomes[1]).id, queued(outcomes[4]).id]
    assert {row["id"] for row in ours.listed()} == {*good}
    assert len(commits) == 4, "taken apart: each of the two by a commit of its own"


async def test_two_that_name_the_same_new_case_share_it(resting: Stage) -> None:
    outcomes = [queued(one) for one in together(resting.ours, wanted(case="a case"), wanted(case="a case"))]
    assert [one.opened for one in outcomes] == [True, False]
    assert outcomes[0].number == outcomes[1].number


async def test_when_the_store_fails_nothing_is_queued_and_all_hear_of_it(
    resting: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = resting.ours
    submissions = Submissions(ours.node, ours.directory)

    @contextlib.contextmanager
    def full(self: Database) -> Iterator[Any]:
        raise StoreUnavailable(Trouble.FULL, "no space left")
        yield

    with monkeypatch.context() as patch:
        patch.setattr(Database, "write", full)
        outcomes = await asyncio.gather(*(submissions.submit(wanted()) for _ in range(3)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
        with pytest.raises(StoreUnavailable):
            together(ours, wanted(), wanted())
    assert ours.listed() == []
    assert (await submissions.submit(wanted())).state == "queued"
    await submissions.close()
