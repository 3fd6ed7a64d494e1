"""An empty record names what is still to be filled, one by one, until it is a record."""

import re
from datetime import UTC, datetime

import pytest
from lxml import etree

from node.records import CheckedRecord, Domains, NoExampleError, check, new_record, read_xml, sample
from node.records.explain import plain_path

ROOTS = [
    *(("returns", root) for root in (
        "ReadmissionApplication", "Acknowledgement", "Reply", "FurtherParticulars", "InterviewRequest",
        "InterviewResult", "TravelDocument", "TravelDocumentRequest", "TransferNotice", "TransferConfirmation",
        "TransferOutcome", "CostsPresented", "CostsReimbursed",
        "ObstacleBegins", "ObstacleEnds", "Withdrawal", "ErrorClaim", "TransitApplication",
        "TransitReply", "TransitNotice", "TransitObjection", "TransitOutcome", "ErrorReturn", "CorrectionNotice",
        "ErasureNotice", "DataConfirmation", "UseReport", "PassOnRequest", "PassOnReply",
    )),
    *(("administrative", root) for root in (
        "Reminder", "ReminderReply", "ClarificationRequest", "Clarification", "Invalidation", "Rejection", "Answer",
        "CloseRequest", "ReopenRequest", "Exception", "Update", "Forward", "ParticipantAdded", "ParticipantRemoved",
        "ParticipantChanged", "ActOnPaper",
    )),
    ("days-off", "Calendar"),
    *(("inquiry", root) for root in (
        "Inquiry", "InquiryReply", "DataRequest", "DataReply", "PriorConsultation", "ConsultationReply", "VisaNotice",
        "InquiryWithdrawn",
    )),
    *(("notice", root) for root in ("HandedOver", "Opened", "OutOfStep", "RefusedLater")),
]  # fmt: skip
# A value for each type; for codes the first of the list.
VALUES = {
    "amount": "1250.00", "currency": "EUR",
    "instant": "2026-11-25T09:00:00Z", "day": "2026-11-25", "partial-date": "1974", "when": "2026-11",
    "yes-or-no": "false", "line": "x", "free-text": "x", "text": "x", "file-number": "1", "message-id": "a@b",
    "latin-name": "ERIKSSON", "person-id": "p1", "document-number": "1", "conversation-id": "c", "count": "0",
    "party-id": "a", "record-name": "X", "act-name": "x",
}  # fmt: skip


def test_the_list_is_of_all_records(domains: Domains) -> None:
    assert sorted(ROOTS) == sorted((domain.name, root) for domain in domains for root in domain.records)


@pytest.mark.parametrize(("name", "root"), ROOTS)
def test_an_empty_record_is_filled_by_its_problems(domains: Domains, name: str, root: str) -> None:
    domain = domains.named(name)
    assert domain is not None
    content = new_record(domain, root)
    shape = domain.records[root]
    tree = read_xml(content)
    empty = [node for node in tree.iter("{*}*") if len(node) == 0 and not shape.fields[plain_path(node)].is_group]
    blank = sum(1 for node in tree.iter("{*}*") for value in node.attrib.values() if value == "")
    problems = check(content, domains)
    assert isinstance(problems, list)
    assert {problem.rule for problem in problems} == {"xsd:empty"}
    assert len(problems) == len(empty) + blank, "each empty field is named once"
    for problem in problems:
        target, _, attribute = problem.path.partition("/@")
        steps = "".join(f"/n:{step}" for step in target.split("/"))
        node = tree.getroottree().xpath(steps, namespaces={"n": shape.namespace})[0]
        field = shape.fields[plain_path(node) + (f"/@{attribute}" if attribute else "")]
        value = field.enumeration[0] if field.enumeration else VALUES[field.type]
        if attribute:
            node.set(attribute, value)
        else:
            node.text = value
    left = check(etree.tostring(tree), domains)
    expected = {
        **{root: {"two-states"} for name, root in ROOTS if name in ("returns", "inquiry")},
        "FurtherParticulars": {"two-states", "particulars-say-something"},
        "InterviewResult": {"two-states", "interview-ends-after-begin"},
        "TransitApplication": {"two-states", "leaves-after-entering", "transit-not-the-destination"},
        "TravelDocument": {"two-states", "travel-document-expiry"},
        "VisaNotice": {"two-states", "limited-to-somewhere"},
        "Update": {"new-version-somewhere"}, "ParticipantChanged": {"changed-from-whom"},
        "Opened": {"event-access"}, "OutOfStep": {"event-out-of-step"}, "RefusedLater": {"event-rejection"},
    }  # fmt: skip
    found = {problem.rule for problem in left} if isinstance(left, list) else set()
    assert found == expected.get(root, set()), "only what no single field can know is left"


def test_each_record_gets_a_nonce_of_its_own(domains: Domains) -> None:
    domain = domains.named("returns")
    assert domain is not None
    assert new_record(domain, "Reply") != new_record(domain, "Reply")
    fixed = new_record(domain, "Reply", random=bytes)
    assert b'nonce="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="' in fixed


def test_optional_fields_stand_in_comments_with_their_labels(domains: Domains) -> None:
    domain = domains.named("returns")
    assert domain is not None
    text = new_record(domain, "ReadmissionApplication").decode()
    for name in ("MaidenName", "AlsoKnownAs", "Health", "ParticularlyDangerous", "Interception", "Attachments"):
        assert re.search(rf"\n\s+<{name}[ >]", text), name
    albanian = new_record(domain, "ReadmissionApplication", "sq").decode()
    assert "Mbiemri" in albanian


@pytest.mark.parametrize("language", ["en", "sq"])
@pytest.mark.parametrize(("name", "root"), ROOTS)
def test_each_field_and_attribute_has_its_label_and_what_it_takes(
    domains: Domains, name: str, root: str, language: str
) -> None:
    domain = domains.named(name)
    assert domain is not None
    shape = domain.records[root]
    tree = etree.fromstring(new_record(domain, root, language))
    hints = [
        line.strip() for node in tree.getroottree().xpath("//comment()") for line in (node.text or "").splitlines()
    ]
    wanted: dict[str, int] = {}
    for field in shape.root.walk():
        if field.path != root:
            label = shape.label(field.path, language).replace("--", "- -")
            said = label if field.is_group else f"{label}: {field.expected().replace('--', '- -')}"
            wanted[said] = wanted.get(said, 0) + 1
    for said, times in wanted.items():
        assert sum(said in line for line in hints) >= times, said


def test_a_group_in_a_comment_is_used_by_taking_the_marks_away(domains: Domains) -> None:
    domain = domains.named("returns")
    assert domain is not None
    text = new_record(domain, "ReadmissionApplication").decode()
    found = list(re.finditer(r"^ *<!--\s(\s*<(\w+)[\s\S]*?)\s\s*-->$", text, re.M))
    assert {one[2] for one in found} > {"Address", "MaidenName", "Interception", "Attachments"}
    for one in found:
        used = text[: one.start()] + one[1] + text[one.end() :]
        problems = check(used.encode(), domains)
        assert isinstance(problems, list)
        assert {problem.rule for problem in problems} <= {"xsd:empty"}, one[2]


def test_a_record_that_there_is_not(domains: Domains) -> None:
    domain = domains.named("returns")
    assert domain is not None
    with pytest.raises(NoExampleError, match="it has Acknowledgement, CorrectionNotice, CostsPre"):
        new_record(domain, "Nothing")
    with pytest.raises(NoExampleError):
        sample(domain, "Nothing")


@pytest.mark.parametrize(("name", "root"), ROOTS)
def test_a_sample_is_valid_and_fresh(domains: Domains, name: str, root: str) -> None:
    domain = domains.named(name)
    assert domain is not None
    at = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
    first, second = sample(domain, root, at), sample(domain, root, at)
    assert first != second
    result = check(first, domains)
    assert isinstance(result, CheckedRecord)
    assert result.action == root
    assert result.root.get("occurred") == result.root.get("recorded") == "2026-11-30T12:00:00Z"


def test_a_sample_reply_answers_for_whom_the_sample_application_names(domains: Domains) -> None:
    domain = domains.named("returns")
    assert domain is not None
    application, reply = (read_xml(sample(domain, root)) for root in ("ReadmissionApplication", "Reply"))
    named = set(application.xpath("//*[local-name() = 'PersonalDetails']/@id"))
    answered = set(reply.xpath("//*[local-name() = 'Answer']/*[local-name() = 'Person']/text()"))
    assert answered == named != set()
