"""Notices: made from what the domain folder declares, read back, and of a role only."""

import shutil
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from node.records import (
    Domains,
    NoNoticesError,
    NotANoticeError,
    check,
    is_notice,
    load_domains,
    make_notice,
    read_notice,
)
from node.records.notices import HANDED_OVER, KINDS, OPENED, OUT_OF_STEP, REFUSED_LATER
from node.records.problems import PeerProblem

AT = datetime(2026, 11, 25, 9, 0, 0, 123000, tzinfo=UTC)
FINDING = PeerProblem("ReadmissionApplication/PersonalDetails/Birth/Date", "born-before", "A date of birth")
SCHEMAS = Path(__file__).parents[2] / "schemas"


@pytest.mark.parametrize("kind", KINDS)
def test_a_notice_comes_back_as_it_was_made(domains: Domains, kind: str) -> None:
    state = "accepted" if kind == OUT_OF_STEP else None
    findings = (FINDING,) if kind == REFUSED_LATER else ()
    service, action, content = make_notice(
        domains, kind, "id@host", "officer", AT, AT + timedelta(seconds=1), state=state, findings=findings
    )
    assert is_notice(domains, service)
    notice = read_notice(content, domains)
    assert (notice.kind, notice.message_id, notice.role) == (kind, "id@host", "officer")
    assert (notice.occurred, notice.recorded) == (AT, AT + timedelta(seconds=1))
    assert (notice.state, notice.findings) == (state, findings)
    assert not isinstance(check(content, domains, service, action), list)


def test_evidence_kinds_are_those_of_etsi_en_319_522(domains: Domains) -> None:
    events = {
        HANDED_OVER: "http://uri.etsi.org/19522/Event/ContentHandover",
        OPENED: "http://uri.etsi.org/19522/Event/ContentAccessTracking",
        REFUSED_LATER: "http://uri.etsi.org/19522/Event/ConsignmentRejection",
    }
    for kind, event in events.items():
        findings = (FINDING,) if kind == REFUSED_LATER else ()
        _, _, content = make_notice(domains, kind, "id@host", "node", AT, AT, findings=findings)
        assert read_notice(content, domains).event == event


def test_times_are_written_in_utc_whatever_the_zone(domains: Domains) -> None:
    local = AT.astimezone(timezone(timedelta(hours=1)))
    _, _, content = make_notice(domains, OPENED, "id@host", "officer", local, local)
    assert b'occurred="2026-11-25T09:00:00.123Z"' in content
    with pytest.raises(ValueError, match="zone"):
        make_notice(domains, OPENED, "id@host", "officer", AT.replace(tzinfo=None), AT)


def test_a_person_is_no_role(domains: Domains) -> None:
    with pytest.raises(ValueError, match="Role"):
        make_notice(domains, OPENED, "id@host", "Anna Maria Eriksson", AT, AT)


def test_a_refusal_needs_a_finding_and_cuts_long_ones(domains: Domains) -> None:
    with pytest.raises(ValueError, match="Finding"):
        make_notice(domains, REFUSED_LATER, "id@host", "node", AT, AT)
    long = PeerProblem("x" * 5000, "rule", "y")
    _, _, content = make_notice(domains, REFUSED_LATER, "id@host", "node", AT, AT, findings=[long])
    assert len(read_notice(content, domains).findings[0].path) == 1000


def test_another_record_is_no_notice(domains: Domains, application: bytes) -> None:
    with pytest.raises(NotANoticeError):
        read_notice(application, domains)
    with pytest.raises(NotANoticeError, match="xml:well-formed"):
        read_notice(b"<", domains)
    assert not is_notice(domains, "urn:depesha:returns:1")
    assert not is_notice(domains, "urn:depesha:none:1")


def test_without_the_folder_it_says_what_is_missing(domains: Domains, tmp_path: Path) -> None:
    shutil.copytree(SCHEMAS / "returns", tmp_path / "returns")
    with pytest.raises(NoNoticesError, match="purpose"):
        make_notice(load_domains([tmp_path]), OPENED, "id@host", "node", AT, AT)
    with pytest.raises(NoNoticesError, match="'answered'"):
        make_notice(domains, "answered", "id@host", "node", AT, AT)


def test_notices_under_another_name_work_as_well(tmp_path: Path) -> None:
    shutil.copytree(SCHEMAS / "notice", tmp_path / "signals")
    service, action, content = make_notice(load_domains([tmp_path]), OPENED, "id@host", "node", AT, AT)
    assert (service, action) == ("urn:depesha:signals:1", "Opened")
    assert read_notice(content, load_domains([tmp_path])).kind == OPENED
