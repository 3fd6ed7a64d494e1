"""Which acts a record holds, read by the paths of the procedure from the domain's own examples."""

from datetime import UTC, date, datetime

import pytest

from node.records import CheckedRecord, Domain, Domains, check
from node.records.procedure_acts import ActInRecord, StatedAct, acts_in, stated_in
from node.records.procedures import Procedure

APPLICATION = "2f0c7f0e-7d3a-4c55-9b1e-1f0a3f6f2c11@fra.example"


def acts(returns: Domain, domains: Domains, name: str) -> list[ActInRecord]:
    record = check(returns.files[f"examples/good/{name}.xml"], domains)
    assert isinstance(record, CheckedRecord)
    return list(acts_in(record, returns))


def test_an_application_declares_all_who_are_applied_for(returns: Domain, domains: Domains) -> None:
    record = check(returns.files["examples/good/full-application.xml"], domains)
    assert isinstance(record, CheckedRecord)
    found = acts(returns, domains, "full-application")
    assert [one.act for one in found] == ["apply-accelerated", "request-interview"]
    declared = {str(one) for one in record.root.xpath("//@id")}
    assert found[0].persons == found[1].persons
    assert {"p1"} <= found[0].persons < declared, "not those who are only named"
    assert found[0].concerning is None
    assert [one.act for one in acts(returns, domains, "application")] == ["apply"]


def test_an_application_states_when_the_stay_became_known_and_when_obstacles_ended(domains: Domains) -> None:
    returns = domains.named("returns")
    assert returns is not None
    text = returns.files["examples/good/full-application.xml"]
    ordinary = text.replace(b"<AcceleratedProcedure>true", b"<AcceleratedProcedure>false")
    record = check(ordinary, domains)
    assert isinstance(record, CheckedRecord)
    applied = next(one for one in acts_in(record, returns) if one.act == "apply")
    assert (applied.day, applied.hindered) == ("2026-11-24", "2026-11-25")


def test_a_reply_holds_an_act_for_each_answer(returns: Domain, domains: Domains) -> None:
    assert acts(returns, domains, "reply-for-each-person") == [
        ActInRecord("accept", frozenset({"p1"}), APPLICATION),
        ActInRecord("refuse", frozenset({"p2"}), APPLICATION),
        ActInRecord("extend", frozenset({"p3"}), APPLICATION, date(2026, 12, 11)),
    ]


def test_a_transfer_notice_holds_an_act_for_each_case(returns: Domain, domains: Domains) -> None:
    first, second = acts(returns, domains, "transfer-notice")
    assert (first.act, first.persons, second.persons) == ("announce-transfer", {"p1", "p3"}, {"p1"})
    assert first.case != second.case
    assert {one.act for one in acts(returns, domains, "transfer-outcome")} == {"report-arrival", "report-no-arrival"}


def test_a_travel_document_tells_until_when_it_is_valid(returns: Domain, domains: Domains) -> None:
    (issued,) = acts(returns, domains, "travel-document")
    assert (issued.act, issued.until) == ("issue-document", date(2027, 5, 30))
    (instead,) = acts(returns, domains, "travel-document-instead")
    assert instead.act == "issue-instead"


def test_records_of_the_shared_set_are_acts_of_any_procedure(returns: Domain, domains: Domains) -> None:
    shared = domains.named("administrative")
    assert shared is not None
    assert isinstance(returns.procedure, Procedure)
    shown = {}
    for path, content in shared.files.items():
        if path.startswith("examples/good/"):
            record = check(content, domains)
            assert isinstance(record, CheckedRecord)
            shown.update({one.act: one for one in acts_in(record, returns)})
            assert acts_in(record, shared) == (), "the set itself runs no case"
    assert set(shown) == {name for name, act in returns.procedure.acts.items() if act.shared}
    assert shown["invalidate"].concerning == APPLICATION
    assert shown["close-request"].persons == {"p2"}


def test_an_act_on_paper_is_told_by_a_record(domains: Domains) -> None:
    shared = domains.named("administrative")
    assert shared is not None
    record = check(shared.files["examples/good/act-on-paper.xml"], domains)
    assert isinstance(record, CheckedRecord)
    assert stated_in(record) == StatedAct(
        ActInRecord("accept", frozenset({"p1"}), APPLICATION), "requested", "fax",
        datetime(2026, 11, 29, 8, 10, tzinfo=UTC), datetime(2026, 11, 29, 8, 12, tzinfo=UTC),
    )  # fmt: skip
    days = b"</Concerning>\n  <Day>2026-11-24</Day><HinderedUntil>2026-11-25</HinderedUntil>"
    dated = check(shared.files["examples/good/act-on-paper.xml"].replace(b"</Concerning>", days), domains)
    assert isinstance(dated, CheckedRecord)
    told = stated_in(dated)
    assert told is not None
    assert (told.act.day, told.act.hindered) == ("2026-11-24", "2026-11-25")
    other = check(shared.files["examples/good/reminder.xml"], domains)
    assert isinstance(other, CheckedRecord)
    assert stated_in(other) is None


@pytest.mark.parametrize("name", ["notice"])
def test_a_record_of_another_domain_holds_none(returns: Domain, domains: Domains, name: str) -> None:
    other = domains.named(name)
    assert other is not None
    record = check(other.files["examples/good/opened.xml"], domains)
    assert isinstance(record, CheckedRecord)
    assert acts_in(record, returns) == ()
    assert acts_in(record, other) == ()


def test_every_act_on_the_wire_has_an_example(returns: Domain, domains: Domains) -> None:
    procedure = returns.procedure
    assert procedure is not None
    shown = {
        one.act
        for path in returns.files
        if path.startswith("examples/good/")
        for one in acts(returns, domains, path.removeprefix("examples/good/").removesuffix(".xml"))
    }
    own = {name for name, act in procedure.acts.items() if act.sources}
    assert shown == own
