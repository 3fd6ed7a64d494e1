"""Two honest nodes and the network between them: cases, lists of several cases, acts on paper, days off published."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from random import Random

from node.records.procedure_events import PENDING, SETTLED, UNDONE, Event, Span
from node.records.procedure_paper import without_told
from node.records.procedure_view import CaseView, Possible, view
from node.records.procedures import REQUESTED, REQUESTING, ROLES, Procedure, other_role
from tests.records.procedure_terms import DAYS, PlainTerms

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
TERMS = PlainTerms(
    days={
        **DAYS,
        "data": 14,
        "submission-after-obstacles": 60,
        "consultation": 7,
        "transit-reply": 5,
        "transit-consent": 30,
        "transit-submission": 2,
    },
    parties={"travel-document": REQUESTED, "travel-document-instead": REQUESTING},
)
PERSONS = ("p1", "p2", "p3")
CASES = ("one", "two")
FAR = T0 + timedelta(days=2000)
MISTAKES = ("invalidate", "consent", "decline")
WEIGHT = {REQUESTING: 1, REQUESTED: 3}


@dataclass(frozen=True)
class Message:
    """What one side sends: acts of one or more cases, or its days off (how many more days every period then takes)."""

    sequence: int
    acts: tuple[tuple[str, Event], ...] = ()
    days_off: int | None = None


@dataclass
class Side:
    """What one node holds: its events by case, message and act, what it recorded by hand, days off that both know."""

    role: str
    events: dict[str, dict[tuple[str, str, int], Event]] = field(default_factory=lambda: {case: {} for case in CASES})
    by_hand: dict[str, list[Event]] = field(default_factory=lambda: {case: [] for case in CASES})
    untold: list[tuple[str, Event]] = field(default_factory=list)
    calendars: dict[str, list[tuple[datetime, int]]] = field(default_factory=lambda: {role: [] for role in ROLES})
    sent: int = 0
    seen: int = 0

    def take(self, case: str, event: Event) -> None:
        self.events[case][event.key] = event

    def all_events(self, case: str) -> list[Event]:
        found = list(self.events[case].values())
        return [*found, *without_told(self.by_hand[case], found)]

    def terms(self, instant: datetime | None = None) -> PlainTerms:
        """As `case_terms`: what held at the instant; the newest without one, the first where there was none yet."""
        more = 0
        for role, known in self.calendars.items():
            held = [days for since, days in known if instant is None or since <= instant]
            more += WEIGHT[role] * (held[-1] if held else known[0][1] if known else 0)
        return replace(TERMS, days={name: days + more for name, days in TERMS.days.items()})

    def kept(self, procedure: Procedure, case: str) -> Mapping[tuple[str, str], PlainTerms]:
        latest = self.terms()
        found = {}
        for event in self.all_events(case):
            own = self.terms(event.sent if event.received is None else event.received.earliest)
            if own != latest:
                found |= {(period, event.id): own for period in procedure.periods}
        return found

    def look(
        self,
        procedure: Procedure,
        case: str,
        at: datetime,
        events: list[Event] | None = None,
        *,
        from_both: bool = False,
    ) -> CaseView:
        """The case as this node shows it, by what it holds or by these events; `from_both`: by the messages alone."""
        given = self.all_events(case) if events is None else events
        own = None if from_both else self.role
        kept = self.kept(procedure, case)
        return view(procedure, self.terms(), given, at, own=own, kept=kept, held=self.terms)


@dataclass
class World:
    """Messages of one direction stay in order, receipts come when they come."""

    procedure: Procedure
    random: Random
    now: datetime = T0
    sides: dict[str, Side] = field(default_factory=lambda: {role: Side(role) for role in ROLES})
    under_way: dict[str, list[Message]] = field(default_factory=lambda: {role: [] for role in ROLES})
    receipts: list[tuple[str, Message]] = field(default_factory=list)
    received_at: dict[tuple[str, int], datetime] = field(default_factory=dict)

    @property
    def moving(self) -> set[str]:
        """Acts that change a state or a clock: the others are many, and would crowd them out."""
        return {one.act for one in self.procedure.transitions if one.moves or one.opens or one.answers}

    def possible(self, role: str, case: str) -> list[Possible]:
        return list(self.sides[role].look(self.procedure, case, self.now).possible)

    def _chosen(self, found: list[Possible]) -> Possible:
        asking = [one for one in found if one.consent or one.act in MISTAKES]
        if asking and self.random.random() < 0.4:
            return self.random.choice([one for one in asking if one.act == "consent"] or asking)
        moving = [one for one in found if one.act in self.moving] or found
        return self.random.choice(moving if self.random.random() < 0.9 else found)

    def _event(self, role: str, case: str, chosen: Possible, number: int, index: int) -> Event:
        persons = chosen.persons or PERSONS[: self.random.randint(1, 3)]
        acts = self.sides[role].events[case].values()
        opened = next((one.id for one in acts if self.procedure.acts[one.act].declares), None)
        return Event(
            id=f"{role}-{number}", act=chosen.act, actor=chosen.who, sent=self.now, index=index, sequence=number,
            seen=self.sides[role].seen,
            persons=frozenset(self.random.sample(persons, self.random.randint(1, len(persons)))),
            concerning=self.random.choice(chosen.of) if chosen.of else opened,
            until=date(2026, 3, 14) + timedelta(days=self.random.randint(0, 200)), status=PENDING,
            day=f"{date(2025, 3, 1) + timedelta(days=self.random.randint(0, 500))}",
            hindered=f"{date(2026, 1, 1) + timedelta(days=self.random.randint(0, 90))}",
        )  # fmt: skip

    def send(self, role: str, *acts: tuple[str, Event], days_off: int | None = None) -> None:
        side = self.sides[role]
        for case, event in acts:
            side.take(case, event)
        self.under_way[role].append(Message(side.sent, acts, days_off))

    def act(self, role: str) -> None:
        """One side acts; now and then by one record in both cases, or twice in one of them."""
        case, other = self.random.sample(CASES, 2)
        found = [one for one in self.possible(role, case) if one.who == role]
        if not found:
            return
        chosen = self._chosen(found)
        number = self.sides[role].sent = self.sides[role].sent + 1
        acts = [(case, self._event(role, case, chosen, number, 0))]
        if self.random.random() < 0.3:
            same = [one for one in self.possible(role, other) if one.who == role and one.act == chosen.act]
            acts += [(other, self._event(role, other, one, number, index)) for index, one in enumerate(same, 1)]
            acts += [(case, self._event(role, case, chosen, number, len(acts)))]
        self.send(role, *acts)

    def take_back_with_consent(self) -> None:
        """Something that only the other side's consent undoes is done, invalidated and, mostly, consented to."""
        undoing = [one for one in self.procedure.transitions if one.consent and one.of]
        done = {act for one in undoing for act in one.of}
        where = {state for one in undoing for state in one.sources}
        acted_on = {one.act for one in self.procedure.transitions if one.target in where} - {*done, "invalidate"}
        for wanted in (done, acted_on, {"invalidate"}, {"consent"}):
            for role, case in product(ROLES, CASES):
                found = [one for one in self.possible(role, case) if one.who == role and one.act in wanted]
                if wanted == {"invalidate"}:
                    found = [one for one in found if one.consent]
                if found and self.random.random() < 0.9:
                    number = self.sides[role].sent = self.sides[role].sent + 1
                    self.send(role, (case, self._event(role, case, self.random.choice(found), number, 0)))
            self._cross()

    def _cross(self) -> None:
        self.now += timedelta(hours=self.random.choice((1, 5, 20)))
        for role in ROLES:
            self.deliver(role)
            self.bring_receipt()

    def publish(self, role: str) -> None:
        """Its days off, as they are from their receipt on."""
        self.sides[role].sent += 1
        self.send(role, days_off=self.random.randint(0, 4))

    def on_paper(self, role: str) -> None:
        """One side records an act that either did on paper."""
        case = self.random.choice(CASES)
        found = self.possible(role, case)
        if found:
            drafted = self._event(role, case, self._chosen(found), 0, 0)
            done = self.now - timedelta(hours=self.random.choice((0, 2, 30)))
            came = None if self.random.random() < 0.5 else Span.at(done + timedelta(minutes=self.random.randint(0, 9)))
            self._note(role, case, replace(drafted, sent=done, received=came))

    def _note(self, role: str, case: str, event: Event) -> None:
        side = self.sides[role]
        number = sum(len(notes) for notes in side.by_hand.values()) + 1
        noted = replace(
            event, id=f"hand-{role}-{number}", index=0, sequence=None, seen=None, status=SETTLED, channel="fax",
            stated_by=role,
        )  # fmt: skip
        side.by_hand[case].append(noted)
        side.untold.append((case, noted))

    def tell(self, role: str) -> None:
        """It tells the other side of an act on paper."""
        side = self.sides[role]
        if side.untold:
            case, noted = side.untold.pop(0)
            side.sent += 1
            self.send(role, (case, replace(noted, id=f"{role}-{side.sent}", status=PENDING)))

    def say_the_same(self, role: str) -> None:
        """It records whatever the other side alone has stated, some minutes off."""
        side = self.sides[role]
        for case in CASES:
            shown = side.look(self.procedure, case, self.now)
            alone = {one.event for one in shown.findings if one.kind == "one-sided" and one.reason != role}
            for event in [one for one in side.all_events(case) if one.id in alone and one.stated_by != role]:
                self._note(role, case, replace(event, sent=event.sent + timedelta(minutes=self.random.randint(-9, 0))))

    def deliver(self, role: str) -> None:
        """The next message of `role` arrives and is receipted; the receipt is under way."""
        if self.under_way[role]:
            message = self.under_way[role].pop(0)
            came = replace(message, acts=tuple((case, self._receipted(event)) for case, event in message.acts))
            other = self.sides[other_role(role)]
            self._taken(other, role, came, self.now)
            other.seen = max(other.seen, message.sequence)
            self.receipts.append((role, came))
            self.received_at[role, message.sequence] = self.now

    def _receipted(self, event: Event) -> Event:
        """What tells of an act on paper keeps the times of the paper."""
        received = event.received if event.on_paper else Span.at(self.now)
        return replace(event, status=SETTLED, received=received)

    def _taken(self, side: Side, role: str, message: Message, at: datetime) -> None:
        for case, event in message.acts:
            side.take(case, event)
        if message.days_off is not None:
            side.calendars[role] = sorted([*side.calendars[role], (at, message.days_off)])

    def bring_receipt(self) -> None:
        if self.receipts:
            role, message = self.receipts.pop(self.random.randrange(len(self.receipts)))
            self._taken(self.sides[role], role, message, self.received_at[role, message.sequence])

    def refuse(self, role: str) -> None:
        """The last message of `role` that is still under way is taken back."""
        if self.under_way[role]:
            message = self.under_way[role].pop()
            for case, event in message.acts:
                self.sides[role].take(case, replace(event, status=UNDONE))
                if event.on_paper:
                    self.sides[role].untold += [
                        (case, one) for one in self.sides[role].by_hand[case] if one.sent == event.sent
                    ]

    def run(self, steps: list[int]) -> None:
        """Each step is one of 0 … 19. Before them both sides act in turn for a while, each message at once receipted:
        so cases come as far as to where something is taken back with consent."""
        self.act(REQUESTING)
        for turn in range(self.random.randint(0, 12)):
            self.act(ROLES[(turn + 1) % 2])
            self._cross()
            if turn == 0 and self.random.random() < 0.5:
                self.take_back_with_consent()
        for step in steps:
            self.now += timedelta(hours=self.random.choice((0, 1, 5, 20, 60)))
            role = ROLES[step % 2]
            if step < 8:
                self.act(role)
            elif step < 12:
                for _ in range(self.random.randint(1, 4)):
                    self.deliver(role)
            elif step < 14:
                self.bring_receipt()
            elif step < 15:
                self.refuse(self.random.choice(ROLES))
            elif step < 16:
                self.publish(self.random.choice(ROLES))
            elif step < 18:
                self.on_paper(role)
            else:
                self.tell(role)

    def settle(self) -> None:
        """All that is under way arrives, and all that was recorded by hand is told."""
        while any(self.under_way.values()) or self.receipts or any(side.untold for side in self.sides.values()):
            self.now += timedelta(hours=1)
            for role in ROLES:
                self.tell(role)
                self.deliver(role)
            self.bring_receipt()
