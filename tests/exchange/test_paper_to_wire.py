"""A case that began on paper goes on over the wire once the partner has a node: both sides then stand alike."""

from datetime import timedelta

import pytest

from node.exchange.cases import opened_by
from node.exchange.judgement import ConfirmationNeeded
from node.exchange.listing import find_case, instant_text
from node.exchange.paper_acts import ActOnPaper, record_on_paper
from node.exchange.parts_to_send import PartToSend
from node.exchange.peers import add_peer
from tests.exchange.case_steps import ACCEPTED, both_stand, open_records, reply, stands, with_terms
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import Office

SHARED = "urn:depesha:administrative:1"
STATED = """<ActOnPaper xmlns="{shared}" nonce="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" \
occurred="{done}" recorded="{done}">
  <Head><Date>2026-04-17</Date><Reference>A-1</Reference><From>One ministry</From><To>Another ministry</To>
  <Office>Registry</Office></Head>
  {case}<Act>apply</Act><By>requesting</By><Channel>mail</Channel><Done>{done}</Done><Received>{done}</Received>
  <Person>p1</Person><WhoSaysSo>Registry</WhoSaysSo>
</ActOnPaper>"""
CASE = "<Case><Service>{service}</Service><OpenedBy>{by}</OpenedBy></Case>"


@pytest.fixture
async def agreed(make_world: WorldMaker) -> World:
    world = with_terms(await make_world(they_send=True, depesha=True))
    for office, peer in ((world.ours, "theirs"), (world.theirs, "ours")):
        open_records(office, peer, SHARED, "ActOnPaper")
    world.ours.configured()
    return world


def stated(done: str, by: str | None, service: str = "urn:depesha:returns:1") -> PartToSend:
    case = "" if by is None else CASE.format(service=service, by=by)
    return PartToSend.of_bytes(STATED.format(shared=SHARED, done=done, case=case).encode(), "application/xml")


def tell(office: Office, to: str, case: str, part: PartToSend, **more: bool) -> str:
    return office.submitted(to, part, service=SHARED, action="ActOnPaper", case=case, **more).id


@pytest.mark.parametrize("by_us", [True, False], ids=["opened by us", "opened by them"])
async def test_it_goes_on_with_the_roles_and_the_clock_that_it_began_with(agreed: World, by_us: bool) -> None:
    ours, theirs = agreed.ours, agreed.theirs
    done = agreed.clock()
    told = ActOnPaper(
        act="apply", channel="mail", done=done, received=done, by_us=by_us, persons=["p1"], peer="theirs",
        domain="returns",
    )  # fmt: skip
    case = str(record_on_paper(ours.node, "new", told, "test")["case"])
    agreed.clock.advance(days=1)
    when, opener = str(instant_text(done)), "writer" if by_us else "addressee"
    for untold in (None, "addressee" if by_us else "writer"):
        with pytest.raises(ConfirmationNeeded, match=f"urn:depesha:returns:1, opened by the {opener}"):
            tell(ours, "theirs", case, stated(when, untold), ask_fit=True)

    message = tell(ours, "theirs", case, stated(when, opener), ask_fit=True)
    await ours.reaches(message, "delivered")
    assert (stands(ours, case)["state"], stands(theirs, case)["state"]) == ("applied", "draft")  # our word alone
    await theirs.reaches(tell(theirs, "ours", case, stated(when, None), ask_fit=True), "delivered")
    shown = both_stand(agreed, case)
    assert (shown["state"], len(shown["on_paper"])) == ("applied", 2)
    assert shown["deadlines"][0]["end"]["earliest"] == instant_text(done + timedelta(hours=240))

    answering, to = (theirs, "ours") if by_us else (ours, "theirs")
    await answering.reaches(reply(answering, case, to, message, ACCEPTED), "delivered")
    assert both_stand(agreed, case)["state"] == "accepted"


async def test_both_sides_agree_on_an_act_once_each_has_told_the_other_and_not_before(agreed: World) -> None:
    ours, theirs = agreed.ours, agreed.theirs
    done = agreed.clock()
    told = ActOnPaper(
        act="apply", channel="mail", done=done, received=done, persons=["p1"], peer="theirs", domain="returns"
    )
    case = str(record_on_paper(ours.node, "new", told, "test")["case"])
    agreed.clock.advance(days=1)
    when = str(instant_text(done))
    await ours.reaches(tell(ours, "theirs", case, stated(when, "writer")), "delivered")
    by_hand = ActOnPaper(act="apply", channel="mail", done=done, received=done, by_us=False, persons=["p1"])
    noted = record_on_paper(theirs.node, case, by_hand, "test")
    here, there = stands(ours, case), stands(theirs, case)
    assert (here["state"], there["state"]) == ("applied", "applied"), "each side goes by what it holds"
    assert (here["agreed"], there["agreed"]) == ("draft", "draft"), "we do not know that they say so too"
    assert [one["kind"] for one in here["findings"]] == ["one-sided"]
    assert [one["kind"] for one in there["findings"]] == ["untold"]
    assert [(one["stated_by"], one["told"]) for one in there["on_paper"]] == [("ours", "no"), ("theirs", "yes")]

    message = tell(theirs, "ours", case, stated(when, None))
    await theirs.reaches(message, "delivered")
    assert both_stand(agreed, case)["agreed"] == "applied"
    for office in (ours, theirs):
        shown = stands(office, case)
        assert shown["findings"] == []
        assert [one["told"] for one in shown["on_paper"]] == ["yes", "yes"]
    (mine,) = [one for one in stands(theirs, case)["on_paper"] if one["stated_by"] == "ours"]
    assert (mine["id"], mine["message"]) == (noted["id"], message), "what was recorded stays to be found"


async def test_nobody_takes_the_id_of_a_case_of_ours_by_saying_that_we_opened_it(agreed: World) -> None:
    """The pair (opener, ConversationId) is one case: what a party without a part in it says opens another."""
    ours, theirs = agreed.ours, agreed.theirs
    done = agreed.clock()
    told = ActOnPaper(act="apply", channel="mail", done=done, persons=["p1"], peer="elsewhere", domain="returns")
    with ours.node.database.write() as connection:
        add_peer(
            connection, party="elsewhere", party_type=None, name="Elsewhere", kind="paper", state="confirmed", url=None,
            suite=None, certificates=[], depesha=False, now=done,
        )  # fmt: skip
    case = str(record_on_paper(ours.node, "new", told, "test")["case"])
    agreed.clock.advance(days=1)
    part = stated(str(instant_text(done)), "addressee")
    await theirs.reaches(tell(theirs, "ours", case, part), "delivered")
    with ours.node.database.read() as connection:
        assert opened_by(connection, "ours", [case]) == opened_by(connection, "theirs", [case]) == {case}
        assert find_case(connection, case)["opener"] == "ours"


async def test_a_domain_that_is_not_here_leaves_the_case_without_procedure(agreed: World) -> None:
    ours, theirs = agreed.ours, agreed.theirs
    part = stated(str(instant_text(agreed.clock())), "writer", "urn:depesha:unheard-of:1")
    case = "5d1b0b5e-61c4-4b0b-9f1c-3f1c2a2f7a11"
    await theirs.reaches(tell(theirs, "ours", case, part), "delivered")
    with ours.node.database.read() as connection:
        assert find_case(connection, case)["domain"] == "administrative"
