"""Sending by the interface: what is queued, what is asked again, keys that let nothing be sent twice."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from node.exchange import submission
from node.exchange.judgement import SECOND_LOOK
from node.exchange.settlement import LOG_ENTRY
from node.store.columns import table_of
from node.store.tables import KeyedAnswer
from tests.api.conftest import ATTACHED, PEER, RECORD, Site
from tests.exchange.offices import ACTION, SERVICE
from tests.records.test_attached_files import segment

KEY = {"Idempotency-Key": "6f0f7f3e-9a3c-4a55-8f5e-1d7a3a1f0c11"}


def test_a_record_is_queued_with_its_attachments_and_read_back(site: Site) -> None:
    answer = site.send()
    assert answer.status_code == 201, answer.text
    sent = answer.json()
    assert (sorted(sent), sent["state"]) == (["case", "id", "state"], "queued")
    assert answer.headers["location"] == f"/api/v1/messages/{sent['id']}"
    shown = site.ask("GET", f"/messages/{sent['id']}").json()
    assert shown == site.office.shown(sent["id"])
    assert shown["action"] == "ReadmissionApplication"
    for n, (name, content, media_type) in enumerate([("application.xml", RECORD, "application/xml"), *ATTACHED], 1):
        part = site.ask("GET", f"/messages/{sent['id']}/parts/{n}")
        assert (part.content, part.headers["content-type"]) == (content, media_type), name
        assert part.headers["etag"] == f'"{shown["parts"][n - 1]["sha256"]}"'
    raw = site.ask("GET", f"/messages/{sent['id']}/raw")
    assert sent["id"].encode() in raw.content
    assert raw.headers["content-type"] == "application/soap+xml"
    case = site.ask("GET", f"/cases/{sent['case']}").json()
    assert [one["id"] for one in case["messages"]] == [sent["id"]]
    assert site.ask("GET", f"/messages/{sent['id']}/response").status_code == 404


def test_other_parts_go_under_a_service_and_action_large_ones_too(site: Site) -> None:
    large = bytes(range(256)) * 4000
    answer = site.ask(
        "POST", "/messages", data={"to": PEER, "service": SERVICE, "action": ACTION},
        files=[("part", ("a.txt", b"one", "text/plain")), ("part", ("b.bin", large, "application/octet-stream"))],
    )  # fmt: skip
    assert answer.status_code == 201, answer.text
    assert site.ask("GET", f"/messages/{answer.json()['id']}/parts/2").content == large
    kept = len(site.office.blob_files())
    refused = site.ask(
        "POST", "/messages", data={"to": "nobody", "service": SERVICE, "action": ACTION},
        files=[("part", ("b.bin", large, "application/octet-stream"))],
    )  # fmt: skip
    assert refused.status_code == 409
    assert len(site.office.blob_files()) == kept, "of what was refused nothing stays"


def test_a_record_that_is_wrong_names_file_line_and_field_and_queues_nothing(site: Site) -> None:
    wrong = RECORD.replace(b"1974-08-12", b"1974-13-12")
    assert wrong != RECORD
    answer = site.send(wrong)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    problem = answer.json()
    assert problem["type"] == "urn:depesha:problem:record-refused"
    [error] = problem["errors"]
    assert (error["file"], error["found"], error["code"]) == ("application.xml", "1974-13-12", None)
    assert {"line", "field", "expected", "remedy", "rule"} <= set(error)
    assert "1974" not in problem["detail"]
    checked = site.ask("POST", "/records/check", files=[("record", ("application.xml", wrong))])
    keys = ("file", "line", "field", "found", "expected", "remedy")
    assert checked.json() == [{key: error[key] for key in keys}]
    assert site.ask("POST", "/records/check", files=[("record", ("application.xml", RECORD))]).json() == []
    assert site.office.listed() == []


def test_a_question_is_confirmed_by_its_code(site: Site) -> None:
    record = RECORD.replace(b"<Place>Zenith", b"<Place>asked for asylum in Zenith")
    assert record != RECORD
    asked = site.send(record)
    problem = asked.json()
    assert (asked.status_code, problem["type"]) == (422, "urn:depesha:problem:confirmation-needed")
    assert {one["rule"] for one in problem["errors"]} == {SECOND_LOOK}
    codes = [one["code"] for one in problem["errors"]]
    assert site.send(record, fields={"confirm": ["000000000000"]}).status_code == 409
    assert site.send(record, fields={"confirm": codes}).status_code == 201


def test_images_go_without_metadata_where_the_form_says_so(site: Site) -> None:
    (name, photograph, media_type), passport = ATTACHED
    loud = photograph[:2] + segment(0xFE, b"made by somebody") + photograph[2:]
    old, new = (hashlib.sha256(one).hexdigest().encode() for one in (photograph, loud))
    record, attached = RECORD.replace(old, new), [(name, loud, media_type), passport]
    for said, kept in (("true", photograph), ("false", loud)):
        sent = site.send(record, attached, fields={"strip_metadata": said})
        assert sent.status_code == 201, sent.text
        assert site.ask("GET", f"/messages/{sent.json()['id']}/parts/2").content == kept
    assert site.send(record, attached, fields={"strip_metadata": "perhaps"}).status_code == 422


class TestKeys:
    def test_the_same_again_brings_the_first_answer_and_another_request_is_refused(self, site: Site) -> None:
        first = site.send(headers=KEY)
        again = site.send(headers=KEY)
        assert (first.status_code, again.status_code) == (201, 201)
        assert again.content == first.content
        assert again.headers["location"] == first.headers["location"]
        other = site.send(headers=KEY, fields={"unit": "Lyon"})
        assert (other.status_code, other.json()["type"]) == (422, "urn:depesha:problem:key-reused")
        assert len(site.office.listed()) == 1
        elsewhere = site.program("other", "officer")
        assert site.send(headers=KEY, token=elsewhere).json()["id"] != first.json()["id"], "keys are a program's own"
        site.office.clock.advance(hours=49)
        assert site.send(headers=KEY).json()["id"] != first.json()["id"], "and kept two days"

    def test_many_at_once_send_one_message(self, site: Site) -> None:
        with ThreadPoolExecutor(8) as pool:
            answers = [*pool.map(lambda _: site.send(headers=KEY), range(8))]
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert len(site.office.listed()) == 1

    def test_what_was_refused_leaves_the_key_free(self, site: Site) -> None:
        assert site.send(headers=KEY, attached=[]).status_code == 422
        assert site.send(headers=KEY).status_code == 201

    @pytest.mark.parametrize("place", ["submission: before commit", "submission: after commit"])
    def test_a_crash_never_lets_it_be_sent_twice(self, site: Site, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
        def crash(point: str) -> None:
            if point == place:
                raise RuntimeError("the process ends here")

        with monkeypatch.context() as patch:
            patch.setattr(submission, "crash_point", crash)
            broken = site.send(headers=KEY)
            assert (broken.status_code, broken.json()["type"]) == (500, "urn:depesha:problem:fault")
            assert "process ends" not in broken.text
        queued = len(site.office.listed())
        assert queued == (1 if place == "submission: after commit" else 0)
        answer = site.send(headers=KEY)
        assert answer.status_code == 201
        assert [one["id"] for one in site.office.listed()] == [answer.json()["id"]]

    def test_other_acts_are_done_once(self, site: Site) -> None:
        message = site.send().json()["id"]
        first = site.ask("POST", f"/messages/{message}/withdraw", headers=KEY)
        again = site.ask("POST", f"/messages/{message}/withdraw", headers=KEY)
        assert (first.status_code, again.status_code, again.content) == (200, 200, first.content)
        assert [row["type"] for row in site.office.rows(LOG_ENTRY)].count("message.withdrawn") == 1
        assert site.ask("POST", f"/messages/{message}/resend", headers=KEY).status_code == 422

    def test_an_act_that_was_cut_off_is_not_repeated(self, site: Site) -> None:
        message = site.send().json()["id"]
        site.ask("POST", f"/messages/{message}/withdraw", headers=KEY)
        answers = table_of(KeyedAnswer)
        with site.office.node.database.write() as connection:
            connection.execute(answers.update().values(status=None))
        cut_off = site.ask("POST", f"/messages/{message}/withdraw", headers=KEY)
        assert (cut_off.status_code, cut_off.json()["type"]) == (409, "urn:depesha:problem:under-way")

    def test_kept_answers_are_sealed(self, site: Site) -> None:
        message = site.send(headers=KEY).json()["id"]
        [row] = site.office.rows(table_of(KeyedAnswer))
        assert message.encode() not in bytes(row["sealed"])
        assert KEY["Idempotency-Key"] not in str(row)
