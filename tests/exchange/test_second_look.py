"""What a record says of persons is looked at again: before it is sent, and by whoever reads the case on either side."""

from dataclasses import replace
from typing import Any

import pytest

from node.exchange.case_second_look import looked_at_again
from node.exchange.judgement import ConfirmationNeeded
from node.exchange.listing import find_case
from node.records.crossing_points import NOT_AGREED
from tests.exchange.case_steps import TERMS, example, with_terms
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import RECORDS, Office

ACTION = "ReadmissionApplication"
LINES = "".join(
    f"<MachineReadableLine>{line.replace('<', '&lt;')}</MachineReadableLine>"
    for line in ("P<UTOERIKSSON<<ANNA<MARIA" + "<" * 19, "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
)
EVIDENCE = f"""<MeansOfEvidence>
<Document occurred="2009-04-16" recorded="2026-11-25T08:40:00Z"><Person>p1</Person><Kind>passport</Kind>
<Evidence>passport</Evidence><Number>L898902C4</Number><IssuedOn>2009-04-16</IssuedOn>
<Authority>Passport Office</Authority><IssuingState>UTO</IssuingState>{LINES}
<Original><HeldBy>none</HeldBy></Original></Document>
<OtherEvidence occurred="2026-11-24" recorded="2026-11-25T09:00:00Z"><Person>p1</Person>
<Evidence>fingerprints</Evidence><Description>Specimen.</Description></OtherEvidence></MeansOfEvidence>"""


@pytest.fixture
async def agreed(make_world: WorldMaker) -> World:
    return with_terms(await make_world(they_send=True, depesha=True))


def looked(office: Office, case: str) -> dict[str, Any]:
    with office.node.database.read() as connection:
        return looked_at_again(office.node, connection, find_case(connection, case))


async def test_both_sides_are_shown_what_contradicts_itself_and_how_evidence_counts(agreed: World) -> None:
    application = example("minimal-application.xml", ("<MeansOfEvidence/>", EVIDENCE))
    with pytest.raises(ConfirmationNeeded) as needed:
        agreed.ours.submitted("theirs", application, service=RECORDS, action=ACTION)
    asked = {one.problem.rule: one.code for one in needed.value.findings}
    assert {"mrz-other-number", "mrz-other-name", "evidence-not-counted"} <= set(asked)
    sent = agreed.ours.submitted("theirs", application, service=RECORDS, action=ACTION, confirmed=list(asked.values()))
    await agreed.ours.reaches(sent.id, "delivered")
    for office in (agreed.ours, agreed.theirs):
        shown = looked(office, sent.case)
        assert {one["rule"] for one in shown["second_look"]} == set(asked)
        counted = {one["code"]: (one["strength"], one["about"], one["persons"]) for one in shown["evidence"]}
        assert counted == {"passport": ("proof", "nationality", ["p1"]), "fingerprints": (None, None, ["p1"])}


async def test_a_place_of_transfer_that_the_terms_do_not_name_is_asked_about_and_shown(make_world: WorldMaker) -> None:
    protocol = replace(
        TERMS, template="switzerland-kosovo", places=["ours=Europe/Zurich", "theirs=Europe/Belgrade"],
        countries=["ours=CHE", "theirs=XKX"], drop=[],
    )  # fmt: skip
    world = with_terms(await make_world(they_send=True, depesha=True), opened=["TransferNotice"], terms=protocol)
    stops = (("Paris, airport", "FRA", "Zurich Kloten", "CHE"), ("Zenith, airport", "UTO", "Prizren", "XKX"))
    changes = [
        (f"<At>{at}</At>\n      <State>{of}</State>", f"<At>{place}</At>\n      <State>{state}</State>")
        for at, of, place, state in stops
    ]
    record = example("transfer-notice.xml", *changes)
    with pytest.raises(ConfirmationNeeded) as needed:
        world.ours.submitted("theirs", record, service=RECORDS, action="TransferNotice")
    asked = {one.problem.rule: one for one in needed.value.findings}
    assert asked[NOT_AGREED].problem.found == "Prizren"
    codes = [one.code for one in needed.value.findings]
    sent = world.ours.submitted("theirs", record, service=RECORDS, action="TransferNotice", confirmed=codes)
    await world.ours.reaches(sent.id, "delivered")
    for office in (world.ours, world.theirs):
        shown = looked(office, sent.case)["second_look"]
        assert [one["found"] for one in shown if one["rule"] == NOT_AGREED] == ["Prizren"]
