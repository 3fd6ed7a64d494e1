"""Two administrations with a case between them, whose machines' clocks tests set: what runs of them goes by these."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from node.exchange.case_ends import recorded_ends
from node.exchange.case_marks import CASE, TOUCHED
from node.exchange.listing import find_case
from node.exchange.listing import show_message as message_shown
from node.exchange.node import utc_now
from node.exchange.settlement import LOG_ENTRY
from node.exchange.terms_drafts import change_terms
from tests.exchange.case_steps import ACCEPTED, EXAMPLE_ID, SCHEMAS, TERMS
from tests.faults.clocks import COMPILER, SKIPPED, MachineClock
from tests.faults.homes import Running, until
from tests.faults.records import SERVICE
from tests.faults.relayed import RelayedHome
from tests.left_out import leave_out

SEED = 20261127
HOURS = 6
# Both clocks stand so far ahead from the start: what is behind the other's is never before the keys were made.
BEGIN = timedelta(hours=1)
EXAMPLES = SCHEMAS / "returns" / "1" / "examples" / "good"


class ClockedHome(RelayedHome):
    """A home whose processes go by a machine's clock of its own, `apart` from the right time that tests speak of."""

    def __init__(self, folder: Path, party: str, seed: int, apart: timedelta = timedelta()) -> None:
        super().__init__(folder, party, seed)
        self._apart = apart
        self._clock = MachineClock(folder.parent, party)
        self._ahead = BEGIN
        self.serving: Running | None = None

    def own_clock(self) -> None:
        """From here on its processes, and the node as this process opens it, go by its machine's clock."""
        self.environment = self._clock.environment
        self.set_ahead(BEGIN)
        self.node.__dict__["now"] = lambda: utc_now() + self._ahead + self._apart

    def pass_time(self, span: timedelta) -> None:
        """Move its machine's clock forward."""
        self.set_ahead(self._ahead + span)

    def set_ahead(self, ahead: timedelta) -> None:
        """Set its machine's clock: so far from the right time, and its own difference besides."""
        self._ahead = ahead
        self._clock.set(ahead + self._apart)

    def begin(self) -> None:
        """Serve."""
        self.serving = self.serve_ready()

    def stop(self) -> None:
        """End the serving process well."""
        assert self.serving is not None
        self.serving.stop()
        self.serving = None

    def standing(self, case: str) -> dict[str, Any]:
        """The case as a person is shown it by `case show`."""
        shown: dict[str, Any] = self.do("case", "show", case)["procedure"]
        return shown

    def ends(self, case: str) -> list[dict[str, Any]]:
        """The ends of periods that are recorded of the case."""
        with self.node.database.read() as connection:
            return recorded_ends(connection, find_case(connection, case)["id"])

    def entries(self, kind: str) -> int:
        """How many entries of the kind the log has."""
        with self.node.database.read() as connection:
            return len(connection.execute(select(LOG_ENTRY.c.id).where(LOG_ENTRY.c.type == kind)).all())

    def kept(self, case: str) -> dict[str, Any] | None:
        """How the case stands as it is kept with its row, and when its clock runs out; None until it is looked at."""
        with self.node.database.read() as connection:
            row = find_case(connection, case)
            columns = connection.execute(select(CASE.c.standing, CASE.c.clock_at).where(CASE.c.id == row["id"])).one()
        if columns.clock_at is not None and columns.clock_at <= TOUCHED:
            return None
        return {"clock_at": columns.clock_at, "standing": json.loads(columns.standing)}

    def message(self, message_id: str) -> dict[str, Any]:
        """A message as `message show` has it."""
        with self.node.database.read() as connection:
            return message_shown(connection, message_id)

    def sends(self, record: str, to: str, *more: str) -> dict[str, Any]:
        """A record queued by the command line, after the second look that it asks for; what that printed."""
        path = self.folder.parent / f"{self.party}.xml"
        path.write_text(record, encoding="utf-8")
        words = ("send", str(path), "--to", to, *more, "--json")
        asked = self.run(*words)
        answer: dict[str, Any] = json.loads(asked.text().splitlines()[0])
        if asked.process.poll() == 0:
            return answer
        sent: dict[str, Any] = self.do(*words[:-1], "--confirm", *(one["code"] for one in answer["findings"]))
        return sent


@dataclass(frozen=True)
class Applied:
    """An application that both have: its id, its case, and the end of the time to answer it."""

    message: str
    case: str
    end: datetime


@dataclass
class Pair:
    """Two administrations; ours applies, theirs answers."""

    ours: ClockedHome
    theirs: ClockedHome

    @property
    def both(self) -> tuple[ClockedHome, ClockedHome]:
        return self.ours, self.theirs

    def set_time(self, now: datetime) -> None:
        """Set both clocks in the same moment: they keep their distance, however long a process takes to start."""
        ahead = now - utc_now()
        for home in self.both:
            home.set_ahead(ahead)

    def apply(self) -> Applied:
        """Ours applies, while both serve."""
        text = (EXAMPLES / "minimal-application.xml").read_text(encoding="utf-8")
        text = text.replace("<InterviewRequested>true", "<InterviewRequested>false")
        sent = self.ours.sends(text, "theirs", "--wait")
        receipt = datetime.fromisoformat(self.ours.message(sent["id"])["receipt_time"])
        return Applied(sent["id"], sent["case"], receipt + timedelta(hours=HOURS))

    def answer(self, application: Applied) -> str:
        """Theirs queues its acceptance; the message's id."""
        text = (EXAMPLES / "reply.xml").read_text(encoding="utf-8").replace(EXAMPLE_ID, application.message)
        assert ACCEPTED in text
        sent: str = self.theirs.sends(text, "ours", "--case", application.case)["id"]
        return sent


@contextmanager
def clocked_pair(
    folder: Path,
    figures: Sequence[str],
    apart: timedelta = timedelta(),
    urls: tuple[str | None, str | None] = (None, None),
) -> Iterator[Pair]:
    """Two that know each other by their cards and have the same terms, `figures` set in them; nothing runs yet.
    Their clock stands `apart` from ours."""
    if COMPILER is None:
        leave_out(SKIPPED)
    pair = Pair(ClockedHome(folder / "ours", "ours", SEED), ClockedHome(folder / "theirs", "theirs", SEED + 1, apart))
    try:
        for home, url in zip(pair.both, urls, strict=True):
            home.make(url)
        terms = replace(TERMS, set=[*TERMS.set, *figures])
        for home, peer in (pair.both, pair.both[::-1]):
            home.know_by_card(peer)
            home.do("agreement", "unilateral", "--peer", peer.party, "--service", SERVICE, "--action", "Reply")
            assert change_terms(home.node, peer.party, "returns", terms, "test")["waiting"] == {}
        for home in pair.both:
            home.own_clock()
        yield pair
    finally:
        for home in pair.both:
            home.end()


def kinds(standing: dict[str, Any]) -> set[str]:
    """The kinds of findings of a case as `case show` prints it."""
    return {one["kind"] for one in standing["findings"]}


def compared(pair: Pair, case: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The case as both show it and the ends that both have recorded, once both have looked at it anew; fails where they
    differ in anything that has an effect, computed or stored."""
    until(lambda: all(home.kept(case) for home in pair.both), lambda: "both have looked at the case")
    ours, theirs = (home.standing(case) for home in pair.both)
    same = ("state", "agreed", "persons", "steps")
    assert [ours[key] for key in same] == [theirs[key] for key in same]
    ends = [[(one["period"], one["start"], one["end"]) for one in shown["deadlines"]] for shown in (ours, theirs)]
    assert ends[0] == ends[1]
    kept = [_without_roles(home.kept(case)) for home in pair.both]
    assert kept[0] == kept[1]
    assert (kept[0]["state"], kept[0]["deemed"]) == (ours["state"], ours["state"] == "deemed-accepted")
    recorded = [
        [{key: one[key] for key in ("period", "effect", "at")} for one in home.ends(case) if one["undone"] is None]
        for home in pair.both
    ]
    assert recorded[0] == recorded[1]
    return ours, recorded[0]


def _without_roles(kept: dict[str, Any] | None) -> dict[str, Any]:
    """What is kept, without whose turn it is, which each says from its own side."""
    assert kept is not None
    text = re.sub(r'"(awaits|ours)": ?("[a-z]*"|true|false)', r'"\1": null', json.dumps(kept["standing"]))
    standing: dict[str, Any] = json.loads(text)
    return {**standing, "clock_at": kept["clock_at"]}
