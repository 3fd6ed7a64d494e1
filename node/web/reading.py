"""The `CaseReader` over the node's own tables. It reads only: what it shows was made true by others."""

from collections.abc import Iterator, Sequence
from typing import Literal

from sqlalchemy import Connection, RowMapping

from node.access import Act, Person, allowed
from node.records import Domains
from node.store.blobs import BlobStore
from node.store.database import Database
from node.store.payloads import Kind
from node.store.sealing import KeyEncryptionKey
from node.web import queries
from node.web.case_lists import list_cases
from node.web.contents import Contents
from node.web.language import Language
from node.web.views import (
    CaseList,
    CasePage,
    CaseRow,
    Download,
    MessagePage,
    Name,
    ProofMark,
    Subject,
    TimelineItem,
    View,
)
from node.web.words import Words, has_failed

PAGE_ROWS = 50


class StoredCases:
    """Reads cases for pages; safe to share between threads."""

    def __init__(
        self,
        database: Database,
        kek: KeyEncryptionKey,
        blobs: BlobStore,
        domains: Domains,
        language: Language,
        own: str,
    ) -> None:
        self._database = database
        self._contents = Contents(kek, blobs, domains, language)
        self._language = language
        self._words = Words(language)
        self._own = own
        self._notices = [domain.namespace for domain in domains if domain.purpose == "notices"]
        """Services whose messages report on others: no turn in a case, nothing to be read."""

    def cases(self, person: Person, view: View, party: str | None, after: int | None) -> CaseList:
        start = max(after or 0, 0)
        with self._database.read() as connection:
            listed = list_cases(connection, person, view, party, start, PAGE_ROWS)
            return CaseList(
                view=view,
                party=party,
                rows=tuple(self._case_rows(connection, person, listed.rows)),
                counts=listed.numbers,
                partners=queries.partners_with_cases(connection),
                after=start + PAGE_ROWS if listed.more else None,
            )

    def _case_rows(self, connection: Connection, person: Person, cases: Sequence[RowMapping]) -> Iterator[CaseRow]:
        last_ids = [row["last_message"] for row in cases if row["last_message"] is not None]
        last = queries.messages_by_id(connection, last_ids)
        positions = queries.log_positions(connection, last_ids)
        ids = [row["id"] for row in cases]
        first_of = queries.first_messages(connection, ids, self._notices)
        partners = queries.partners_of(connection, self._own, ids)
        readable = allowed(person.role, Act.READ_PERSONS)
        records = self._contents.records(connection, first_of.values()) if readable else {}
        for row in cases:
            newest = last.get(row["last_message"])
            unread = row["unread"] > 0
            first = first_of.get(row["id"])
            record = records.get(first["id"]) if first is not None else None
            marks: tuple[ProofMark, ...] = ()
            if newest is not None:
                marks = self._words.marks(newest, *positions.get(newest["id"], (None, False)))
            closed = row["closed_at"] is not None
            yield CaseRow(
                alias=queries.alias_of(row),
                title=self._contents.title(first) if first is not None else "",
                persons=record.subject_names() if record is not None else (),
                partners=partners.get(row["id"], ()),
                state=self._words.case_tag(newest, closed, unread),
                next_action=self._words.next_action(newest, closed, unread),
                last_message=self._contents.title(newest) if newest is not None else "",
                last_time=row["changed_at"] if newest is None else newest["time"],
                marks=marks,
                proof=self._words.proof_words(newest) if newest is not None else "",
            )

    def case(self, person: Person, alias: str) -> CasePage | None:
        with self._database.read() as connection:
            found = queries.find_case(connection, person, alias)
            if found is None:
                return None
            messages = queries.messages_of(connection, found["id"])
            partners = queries.partners(connection, self._own, found["id"])
            items = list(self._timeline(connection, person, messages))
            own_turns = [row for row in messages if row["service"] not in self._notices]
            unread = next((item.message for item in items if item.unread), None)
            newest = own_turns[-1] if own_turns else None
            failed = newest is not None and has_failed(newest)
            closed = found["closed_at"] is not None
            return CasePage(
                alias=alias,
                title=self._contents.title(own_turns[0]) if own_turns else "",
                partners=partners,
                state=self._words.case_tag(newest, closed, unread is not None),
                next_action=self._words.next_action(newest, closed, unread is not None),
                since=found["created_at"],
                subjects=self._subjects(connection, own_turns) if allowed(person.role, Act.READ_PERSONS) else (),
                timeline=tuple(reversed(items)),
                unilateral=any(row["unilateral"] for row in messages),
                failed=list(messages).index(newest) + 1 if newest is not None and failed else None,
                unread=unread,
                read_persons=allowed(person.role, Act.READ_PERSONS),
                read_records=allowed(person.role, Act.READ_RECORDS),
            )

    def _subjects(self, connection: Connection, messages: Sequence[RowMapping]) -> tuple[Subject, ...]:
        """The persons of a case, from the first record that names any."""
        for row in messages:
            record, _reason = self._contents.record(connection, row)
            if record is not None and (subjects := record.subjects()):
                return subjects
        return ()

    def _names(self, connection: Connection, messages: Sequence[RowMapping]) -> dict[str, Name]:
        """What the persons of the case are called, by their ids: later records name only the ids."""
        known: dict[str, Name] = {}
        for row in messages:
            record, _reason = self._contents.record(connection, row)
            if record is not None:
                known = record.names | known
        return known

    def _timeline(
        self, connection: Connection, person: Person, messages: Sequence[RowMapping]
    ) -> Iterator[TimelineItem]:
        positions = queries.log_positions(connection, [row["id"] for row in messages])
        names = {p.party: p.name for p in queries.named(connection, sorted({row["peer"] for row in messages}))}
        readable = allowed(person.role, Act.READ_RECORDS)
        numbers = {row["message_id"]: n for n, row in enumerate(messages, start=1)}
        for n, row in enumerate(messages, start=1):
            notice = row["service"] in self._notices
            unread = queries.is_unread(row, self._notices)
            record = self._contents.record(connection, row)[0] if readable and not notice else None
            parts = self._contents.parts(connection, row, record, readable) if readable and not notice else ()
            yield TimelineItem(
                way=_way(row),
                title=self._heading(row, names[row["peer"]]),
                time=row["time"],
                body=self._body(row, unread, numbers.get(row["ref_to_message_id"]) if notice else None),
                marks=() if notice else self._words.marks(row, *positions.get(row["id"], (None, False))),
                message=n,
                ours=row["direction"] == "out",
                unread=unread,
                parts=tuple(part for part in parts if part.picture != "record"),
            )

    def _heading(self, row: RowMapping, partner: str) -> str:
        say = self._words.notice_heading if row["service"] in self._notices else self._words.heading
        return say(row, self._contents.title(row), partner)

    def _body(self, row: RowMapping, unread: bool, about: int | None) -> str:
        _ = self._language.gettext
        if about is not None:
            return _("About message %(n)s.", n=about)
        if unread:
            return _("Nobody here has opened it.")
        if row["disputed_time"]:
            return _("Disputed time: the time in their receipt does not fit the exchange.")
        return ""

    def message(self, person: Person, alias: str, n: int) -> MessagePage | None:
        with self._database.read() as connection:
            found = queries.find_case(connection, person, alias)
            messages = queries.messages_of(connection, found["id"]) if found is not None else ()
            if not 1 <= n <= len(messages):
                return None
            row = messages[n - 1]
            readable = allowed(person.role, Act.READ_RECORDS)
            (partner,) = queries.named(connection, [row["peer"]])
            position = queries.log_positions(connection, [row["id"]]).get(row["id"], (None, False))
            known = self._names(connection, messages) if readable else {}
            record, unreadable = self._contents.record(connection, row, known) if readable else (None, None)
            title = self._contents.title(row)
            return MessagePage(
                row_id=row["id"],
                alias=alias,
                n=n,
                of=len(messages),
                title=title,
                heading=self._heading(row, partner.name),
                partner=partner,
                way="in" if row["direction"] == "in" else "out",
                time=row["time"],
                state=self._words.message_tag(row),
                marks=() if row["service"] in self._notices else self._words.marks(row, *position),
                facts=self._words.facts(row, partner.name, partner.party, self._own),
                parts=self._contents.parts(connection, row, record, readable),
                sections=record.sections() if record is not None else (),
                unreadable=unreadable,
                refusal=self._words.refusal(row, partner.name),
                unopened=queries.is_unread(row, self._notices),
                has_envelope=self._contents.is_kept(connection, row, "envelope"),
                has_response=self._contents.is_kept(connection, row, "response"),
                read_records=readable,
                unilateral=row["unilateral"],
                disputed_time=row["disputed_time"],
            )

    def part(self, person: Person, alias: str, n: int, k: int) -> Download | None:
        with self._database.read() as connection:
            row = self._readable(connection, person, alias, n)
            return None if row is None else self._contents.part(connection, row, k, f"{alias}-{n}-{k}")

    def envelope(self, person: Person, alias: str, n: int) -> Download | None:
        return self._signed(person, alias, n, "envelope", "signed")

    def response(self, person: Person, alias: str, n: int) -> Download | None:
        return self._signed(person, alias, n, "response", "answer")

    def _signed(self, person: Person, alias: str, n: int, kind: Kind, called: str) -> Download | None:
        with self._database.read() as connection:
            row = self._readable(connection, person, alias, n)
            return None if row is None else self._contents.signed(connection, row, kind, f"{alias}-{n}-{called}")

    def _readable(self, connection: Connection, person: Person, alias: str, n: int) -> RowMapping | None:
        """The n-th message of the case, if this person may read what it says."""
        if not allowed(person.role, Act.READ_RECORDS):
            return None
        found = queries.find_case(connection, person, alias)
        messages = queries.messages_of(connection, found["id"]) if found is not None else ()
        return messages[n - 1] if 1 <= n <= len(messages) else None


def _way(row: RowMapping) -> Literal["in", "out", "trouble"]:
    if has_failed(row):
        return "trouble"
    return "in" if row["direction"] == "in" else "out"
