"""What pages show: states in words, proofs never before they are true, records by their shape, parts as they came."""

import gzip
import hashlib
import re
from datetime import timedelta

import pytest
from sqlalchemy import delete, insert, select, update

from node.access import find_user
from node.store.columns import new_row_id, table_of
from node.store.tables import ExchangeCase, LoggedEntry, Message, Part, PartScan, Payload
from node.web import case_lists
from tests.web.conftest import Site, SiteMaker
from tests.web.seed import FRANCE, NOW, OWN
from tests.web.specimens import DOCUMENT, PICTURE, application

MESSAGE = table_of(Message)


def _words(html: str) -> str:
    """The page's text without tags, spaces joined."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


class TestCases:
    def test_an_empty_list_says_what_to_do_next(self, make_site: SiteMaker) -> None:
        site = make_site(seeded=False)
        site.add_account("Ana Kostić", "officer", None)
        browser = site.signed_in_as("Ana Kostić")
        assert "depesha send RECORD.xml --to PARTY" in browser.get("/cases").text
        for view in ("unread", "waiting-for-us", "waiting-for-partners", "trouble", "closed"):
            text = browser.get(f"/cases?view={view}").text
            assert "<table" not in text
            assert "Look at all open cases" in text

    def test_a_view_holds_its_cases_and_its_number(self, site: Site) -> None:
        officer = site.signed_in("officer")
        for view, aliases in {
            "open": {417, 402, 388, 420, 421, 422, 423, 419},
            "unread": {417, 422},
            "waiting-for-us": {417, 419},
            "waiting-for-partners": {402, 420, 423},
            "trouble": {388, 421, 422},
            "closed": {371},
        }.items():
            text = officer.get(f"/cases?view={view}").text
            assert {int(found) for found in re.findall(r'href="/cases/2026-(\d{4})"', text)} == aliases, view
            current = re.search(r'aria-current="true">[^<]*<span class="num">(\d+)<', text)
            assert current is not None, view
            assert int(current[1]) == len(aliases), view

    def test_a_partner_s_cases_alone(self, site: Site) -> None:
        text = site.signed_in("officer").get("/cases?view=open&party=DEU-BAMF").text
        assert set(re.findall(r'href="/cases/(2026-\d{4})"', text)) == {"2026-0388", "2026-0420"}
        assert re.search(r'<option value="DEU-BAMF" selected>', text)

    @pytest.mark.parametrize("query", ["view=all", "after=x", "view=open&after=1e3"])
    def test_an_address_that_no_page_gave_is_not_there(self, site: Site, query: str) -> None:
        assert site.signed_in("officer").get(f"/cases?{query}").status == 404

    def test_more_cases_than_a_page_holds_are_on_the_next(self, site: Site) -> None:
        with site.database.write() as connection:
            for number in range(1000, 1060):
                connection.execute(
                    insert(table_of(ExchangeCase)).values(
                        id=new_row_id(NOW), opener=OWN, conversation_id=f"c-{number}", alias_year=2026,
                        alias_number=number, created_at=NOW, changed_at=NOW + timedelta(seconds=number),
                    )
                )  # fmt: skip
        browser = site.signed_in("officer")
        first = browser.get("/cases").text
        assert "50 of 68 cases" in first
        assert "No message yet" in first
        on_paper = _words(browser.get("/cases/2026-1059").text)
        assert "Acts on paper are shown by: depesha case show 2026-1059" in on_paper
        assert "· 2026-1059" not in on_paper, "nothing stands before the number of a case without a record"
        following = re.search(r'href="(/cases\?[^"]*after=50)"', first)
        assert following is not None
        second = browser.get(following[1].replace("&amp;", "&")).text
        seen = re.findall(r'href="/cases/(2026-\d{4})"', first + second)
        assert len(seen) == len(set(seen)) == 68
        assert "after=" not in second

    def test_a_number_that_nobody_works_through_is_shown_as_more_than_so_many(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(case_lists, "MANY", 2)
        text = site.signed_in("officer").get("/cases").text
        assert "8 of more than 2 cases" in text
        assert re.findall(r'<span class="num">([\d+]+)</span></a></li>', text) == ["2+", "2", "2", "2+", "2+", "1"]

    def test_the_next_action_follows_from_the_last_message(self, site: Site) -> None:
        text = _words(site.signed_in("officer").get("/cases").text)
        for said in (
            "On its way Nothing: it is being delivered",
            "Not delivered Correct the record and send it anew",
            "Not delivered Send it another way, or try again",
            "Their message was refused Wait for a corrected one, or ask",
            "New message Read the new message",
            "Withdrawn Send another, if it is still needed",
            "Waiting for partner Ask the partner whether they have it",
        ):
            assert said in text, said


class TestCase:
    def test_persons_by_family_name_first_and_in_their_own_script(self, site: Site) -> None:
        text = site.signed_in("officer").get("/cases/2026-0417").text
        assert "<h1>Eriksson, Anna Maria</h1>" in text
        assert '<span lang="und-Cyrl">Ерикссон, Анна Мария</span>' in text
        assert "12 August 1974" in text
        assert "L898902C3" in text
        assert "spectacles" not in text, "health is not on the case's page"

    def test_title_holds_no_person(self, site: Site) -> None:
        officer = site.signed_in("officer")
        for address in ("/cases", "/cases/2026-0417", "/cases/2026-0417/messages/1"):
            title = re.search("<title>(.*?)</title>", officer.get(address).text)
            assert title is not None
            assert "Eriksson" not in title[1]

    def test_the_timeline_runs_from_now_to_then(self, site: Site) -> None:
        text = _words(site.signed_in("officer").get("/cases/2026-0417").text)
        places = [
            text.index("Further particulars from France"),
            text.index("Further particulars, sent to France"),
            text.index("Readmission application from France"),
        ]
        assert places == sorted(places)

    def test_a_notice_says_what_it_tells_and_of_which_message(self, site: Site) -> None:
        officer = site.signed_in("officer")
        text = _words(officer.get("/cases/2026-0402").text)
        assert "Notice to France, Ministry of the Interior: Opened" in text
        assert "About message 1." in text
        assert "On its way" in text, "a notice is nobody's turn"
        page = officer.get("/cases/2026-0402/messages/3")
        assert 'class="marks"' not in page.text
        assert "content accessed by the recipient" in page.text

    def test_an_auditor_is_not_told_how_to_send(self, site: Site) -> None:
        assert "depesha send" in site.signed_in("officer").get("/cases/2026-0417").text
        assert "depesha send" not in site.signed_in("auditor").get("/cases/2026-0417").text

    def test_an_erased_case_says_so_and_still_shows_what_happened(self, site: Site) -> None:
        officer = site.signed_in("officer")
        text = officer.get("/cases/2026-0371").text
        assert "<h1>Case 2026-0371</h1>" in text
        assert "Readmission application from France" in text
        message = officer.get("/cases/2026-0371/messages/1")
        assert "was erased" in message.text
        assert "/raw" not in message.text
        for address in ("raw", "response", "parts/1", "parts/2"):
            assert officer.get(f"/cases/2026-0371/messages/1/{address}").status == 404

    @pytest.mark.parametrize("alias", ["2026-0001", "2025-0417", "2026-00417", "26-417", "2026-417", "x"])
    def test_no_other_case_answers(self, site: Site, alias: str) -> None:
        assert site.signed_in("officer").get(f"/cases/{alias}").status == 404


class TestProof:
    """Sent, Received, Read and Log proof, each only once it is true."""

    def _marks(self, site: Site, alias: str, n: int) -> dict[str, str]:
        text = site.signed_in("auditor").get(f"/cases/{alias}/messages/{n}").text
        found = re.findall(r'<li class="([ynx])"><svg.*?</svg><span><b>(.*?)</b>', text)
        return {label: state for state, label in found}

    def test_marks_of_each_state(self, site: Site) -> None:
        for alias, n, marks in (
            ("2026-0417", 2, "yyyn"),
            ("2026-0417", 3, "yynn"),
            ("2026-0420", 1, "yynn"),
            ("2026-0402", 2, "nnnn"),
            ("2026-0423", 1, "nnnn"),
            ("2026-0388", 2, "yxxn"),
            ("2026-0421", 1, "yxxn"),
            ("2026-0422", 2, "xxxn"),
            ("2026-0419", 2, "xxxn"),
        ):
            expected = dict(zip(("Sent", "Received", "Read", "Log proof"), marks, strict=True))
            assert self._marks(site, alias, n) == expected, (alias, n)

    def test_an_office_is_shown_only_where_one_was_named(self, site: Site) -> None:
        for sender, recipient in ((FRANCE, OWN), ("Prefecture of Lyon", "Consulate in Graz")):
            with site.database.write() as connection:
                values = {"original_sender": sender, "final_recipient": recipient}
                connection.execute(update(MESSAGE).where(MESSAGE.c.direction == "in").values(values))
            text = _words(site.signed_in("auditor").get("/cases/2026-0417/messages/1").text)
            named = sender != FRANCE
            assert (f"Their office {sender}" in text, f"For office {recipient}" in text) == (named, named)

    def test_a_person_who_can_do_nothing_is_offered_no_empty_list(self, site: Site) -> None:
        assert "What you can do" in site.signed_in("officer").get("/cases/2026-0420").text
        assert "What you can do" not in site.signed_in("auditor").get("/cases/2026-0420").text

    def test_without_a_receipt_time_nothing_counts_as_received(self, site: Site) -> None:
        with site.database.write() as connection:
            connection.execute(update(MESSAGE).where(MESSAGE.c.state == "delivered").values(receipt_time=None))
        assert self._marks(site, "2026-0420", 1)["Received"] == "n"

    def test_an_entry_that_waits_for_its_place_is_pending_and_a_placed_one_is_our_own_word(self, site: Site) -> None:
        auditor = site.signed_in("auditor")
        assert "pending" in _words(auditor.get("/cases/2026-0417/messages/3").text)
        assert "entry 44 of our own log, witnessed by nobody" in _words(auditor.get("/cases/2026-0417/messages/2").text)
        with site.database.write() as connection:
            connection.execute(delete(table_of(LoggedEntry)))
        assert "Log proof none" in _words(auditor.get("/cases/2026-0417/messages/2").text)


class TestMessage:
    def test_the_record_is_shown_by_its_shape(self, site: Site) -> None:
        text = _words(site.signed_in("officer").get("/cases/2026-0417/messages/1").text)
        for said in (
            "A. Personal details",
            "Eriksson, Anna Maria (p1)",
            "April 2007, day unknown",
            "Utopia (specimen documents only)",
            "P&lt;UTOERIKSSON&lt;&lt;ANNA&lt;MARIA",
            "Speaks the language of the requested State.",
        ):
            assert said in text, said
        assert "AAECAwQF" not in text, "the nonce tells a reader nothing"

    def test_health_is_folded(self, site: Site) -> None:
        text = site.signed_in("officer").get("/cases/2026-0417/messages/1").text
        folded = "".join(re.findall("<details.*?</details>", text, re.S))
        assert "Needs spectacles" in folded
        assert "Needs spectacles" not in text.replace(folded, "")

    def test_a_reply_calls_the_persons_of_the_case_by_name(self, site: Site) -> None:
        assert "Eriksson, Anna Maria (p1)" in site.signed_in("officer").get("/cases/2026-0388/messages/2").text

    def test_an_answer_without_content_is_still_shown(self, site: Site) -> None:
        assert "Accepted yes" in _words(site.signed_in("officer").get("/cases/2026-0402/messages/2").text)

    def test_a_refused_record_shows_even_what_its_shape_does_not_know(self, site: Site) -> None:
        text = _words(site.signed_in("officer").get("/cases/2026-0421/messages/1").text)
        assert "This node refused the message EBMS:0004" in text
        assert "expected one of F, M, X" in text
        assert "4. Sex W" in text

    def test_an_unknown_service_has_its_parts(self, site: Site) -> None:
        officer = site.signed_in("officer")
        text = officer.get("/cases/2026-0422/messages/1").text
        assert "no description of this kind of record" in text
        answer = officer.get("/cases/2026-0422/messages/1/parts/1")
        assert answer.body == b'{"specimen": true}'

    def test_values_are_escaped(self, site: Site) -> None:
        with site.database.write() as connection:
            hostile = "</p><script>alert(1)</script>"
            connection.execute(
                update(MESSAGE).where(MESSAGE.c.state == "refused").values(error_detail=hostile, agreement_ref=hostile)
            )
        text = site.signed_in("officer").get("/cases/2026-0388/messages/2").text
        assert "<script" not in text
        assert "&lt;script&gt;" in text

    def test_a_withdrawn_message_is_not_called_refused_by_the_partner(self, site: Site) -> None:
        text = _words(site.signed_in("officer").get("/cases/2026-0419/messages/2").text)
        assert "withdrawn by us" in text
        assert "refused by" not in text

    @pytest.mark.parametrize("n", [0, 4, 999999])
    def test_there_are_as_many_messages_as_there_are(self, site: Site, n: int) -> None:
        assert site.signed_in("officer").get(f"/cases/2026-0417/messages/{n}").status == 404


class TestParts:
    def test_a_part_comes_as_it_was_sent_under_a_name_of_numbers(self, site: Site) -> None:
        officer = site.signed_in("officer")
        for k, content, media_type, suffix in (
            (1, application(), "application/xml", "xml"),
            (2, PICTURE, "image/png", "png"),
            (3, DOCUMENT, "application/pdf", "pdf"),
        ):
            answer = officer.get(f"/cases/2026-0417/messages/1/parts/{k}")
            assert answer.body == content
            assert answer.headers["content-type"].partition(";")[0] == media_type
            assert answer.headers["content-disposition"] == f'attachment; filename="2026-0417-1-{k}.{suffix}"'

    def test_an_infected_part_is_named_and_not_handed_out(self, site: Site) -> None:
        officer = site.signed_in("officer")
        page = "/cases/2026-0417/messages/1"
        row = {"n": 2, "verdict": "infected", "found": "Specimen.Bad", "scanned_at": NOW, "attempts": 1}
        message = select(table_of(Part).c.message).where(table_of(Part).c.sha256 == hashlib.sha256(PICTURE).digest())
        with site.database.write() as connection:
            for one in set(connection.scalars(message)):
                connection.execute(insert(table_of(PartScan)).values(message=one, **row))
        assert "infected (Specimen.Bad): only IT staff hand it out" in officer.get(page).text
        for address in ("parts/2", "parts/2/picture"):
            assert officer.get(f"{page}/{address}").status == 404
        assert officer.get(f"{page}/parts/3").body == DOCUMENT

    def test_signed_forms_are_text_that_no_browser_interprets(self, site: Site) -> None:
        officer = site.signed_in("officer")
        for address in ("raw", "response"):
            answer = officer.get(f"/cases/2026-0417/messages/1/{address}")
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
            assert answer.body.startswith(b"<s:Envelope")

    def test_only_pictures_are_shown_as_pictures(self, site: Site) -> None:
        officer = site.signed_in("officer")
        assert officer.get("/cases/2026-0417/messages/1/parts/2/picture").headers["content-type"] == "image/png"
        for k in (1, 3, 4):
            assert officer.get(f"/cases/2026-0417/messages/1/parts/{k}/picture").status == 404

    def test_a_media_type_that_is_none_cannot_add_headers(self, site: Site) -> None:
        part = table_of(Part)
        with site.database.write() as connection:
            connection.execute(update(part).where(part.c.n == 2).values(media_type="text/html\r\nSet-Cookie: a=b"))
        answer = site.signed_in("officer").get("/cases/2026-0417/messages/1/parts/2")
        assert answer.headers["content-type"] == "application/octet-stream"

    def test_sealed_octets_that_were_changed_are_our_trouble_and_said_so(self, site: Site) -> None:
        payload = table_of(Payload)
        with site.database.write() as connection:
            row = connection.execute(
                select(payload.c.message, payload.c.inline)
                .join(MESSAGE, MESSAGE.c.id == payload.c.message)
                .where(payload.c.kind == "part", payload.c.n == 1, MESSAGE.c.message_id.like("m-0388-1@%"))
            ).one()
            changed = bytes(row.inline[:-1]) + bytes([row.inline[-1] ^ 1])
            which = (payload.c.message == row.message) & (payload.c.kind == "part") & (payload.c.n == 1)
            connection.execute(update(payload).where(which).values(inline=changed))
        answer = site.signed_in("officer").get("/cases/2026-0388/messages/1")
        assert answer.status == 503
        assert answer.headers["retry-after"] == "10"
        assert "Reference for IT" in answer.text

    def test_the_digest_on_the_page_is_that_of_the_download(self, site: Site) -> None:
        officer = site.signed_in("officer")
        body = officer.get("/cases/2026-0417/messages/1/parts/3").body
        assert hashlib.sha256(body).hexdigest() in officer.get("/cases/2026-0417/messages/1").text
        assert gzip.compress(body)[:2] != body[:2], "and it is not the compressed form"


class TestOpening:
    """An officer who opens a received message tells the partner, once, and nobody else does."""

    def test_an_officer_opens_and_the_page_says_so(self, site: Site) -> None:
        text = _words(site.signed_in("officer").get("/cases/2026-0417/messages/3").text)
        with site.database.read() as connection:
            handle = find_user(connection, "Ana Kostić").handle
        assert [account for _message, account in site.opened] == [handle]
        assert "Read 23 Nov" not in text
        assert "Read not opened yet" not in text
        site.signed_in("officer").get("/cases/2026-0417/messages/3")
        assert len(site.opened) == 1

    @pytest.mark.parametrize("role", ["it", "auditor", "head"])
    def test_others_only_look(self, site: Site, role: str) -> None:
        assert site.signed_in(role).get("/cases/2026-0417/messages/3").status == 200
        assert site.opened == []

    def test_a_page_fetched_in_advance_is_not_opened(self, site: Site) -> None:
        officer = site.signed_in("officer")
        officer.get("/cases/2026-0417/messages/3", sec_purpose="prefetch;prerender")
        officer.ask("HEAD", "/cases/2026-0417/messages/3")
        assert site.opened == []

    def test_our_own_and_refused_messages_are_not_opened(self, site: Site) -> None:
        officer = site.signed_in("officer")
        for address in ("2026-0417/messages/2", "2026-0421/messages/1", "2026-0420/messages/1"):
            assert officer.get(f"/cases/{address}").status == 200
        assert site.opened == []
