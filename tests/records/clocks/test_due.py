"""What is due: undelivered answers first, then the nearest end; whose it is; and the feed, which names nobody."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.records.clocks import Deadline, Ends, Reach, Silence, due, feed, next_change, seen_by

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)


def deadline(case: str, hours: float, **more: object) -> Deadline:
    """A deadline that ends in `hours`, of a period of ten days."""
    at = NOW + timedelta(hours=hours)
    given = {
        "act": "Reply to an application",
        "started": at - timedelta(days=10),
        "ends": Ends(at, at, date(2026, 11, 25), "Europe/Belgrade"),
        "unit": "readmission",
        "officer": "ana",
        "silence": Silence.ACCEPTED,
        **more,
    }
    return Deadline(case, **given)  # type: ignore[arg-type]


def test_undelivered_answers_near_their_end_come_first_then_the_nearest_end() -> None:
    given = [
        deadline("2026-0005", 200),
        deadline("2026-0001", 10),
        deadline("2026-0002", 47, undelivered=True),
        deadline("2026-0003", 49, undelivered=True),
        deadline("2026-0004", -3),
        deadline("2026-0006", 10, ours=False),
        deadline("2026-0007", 5, ours=False, undelivered=True),
        deadline("2026-0008", -1, undelivered=True),
    ]
    found = due(given, NOW)
    assert [one.deadline.case for one in found] == [
        "2026-0008", "2026-0002", "2026-0004", "2026-0007", "2026-0001", "2026-0006", "2026-0003", "2026-0005",
    ]  # fmt: skip
    assert [one.first for one in found] == [True, True, *[False] * 6]
    assert [one.deadline.case for one in found if one.over] == ["2026-0008", "2026-0004"]
    assert found[2].left == timedelta(hours=-3)


def test_near_is_two_days_to_the_instant() -> None:
    given = [deadline("2026-0001", 48, undelivered=True), deadline("2026-0002", 48.001, undelivered=True)]
    assert [one.first for one in due(given, NOW)] == [True, False]


def test_of_two_possible_ends_the_earlier_counts() -> None:
    span = Ends(NOW + timedelta(hours=1), NOW + timedelta(hours=90), date(2026, 11, 29), "Europe/Belgrade")
    found = due([deadline("2026-0001", 2), deadline("2026-0002", 90, ends=span)], NOW)
    assert [one.deadline.case for one in found] == ["2026-0002", "2026-0001"]


@settings(deadline=None)
@given(st.permutations([deadline(f"2026-000{n}", hours) for n, hours in enumerate((5, 5, 5, -1, 30, 70))]))
def test_the_order_depends_on_nothing_but_the_deadlines(given: list[Deadline]) -> None:
    assert due(given, NOW) == due(sorted(given, key=lambda one: one.case), NOW)


HALF, THREE_QUARTERS = 120.0, 60.0  # hours left of ten days


@pytest.mark.parametrize(
    ("left", "more", "reach"),
    [
        (1, {}, Reach.OFFICER),
        (HALF + 0.1, {"opened": False}, Reach.OFFICER),
        (HALF, {"opened": False}, Reach.TEAM),
        (THREE_QUARTERS + 0.1, {"opened": False}, Reach.TEAM),
        (THREE_QUARTERS, {"opened": False}, Reach.HEAD),
        (-50, {"opened": False}, Reach.HEAD),
        # An officer who is away, or none: the team's at once.
        (239, {"officer": "ivo"}, Reach.TEAM),
        (239, {"officer": None}, Reach.TEAM),
        (HALF, {"officer": "ivo"}, Reach.HEAD),
        (HALF, {"officer": None, "opened": False}, Reach.HEAD),
        # What the other side owes is nobody's fault here.
        (1, {"ours": False, "opened": False}, Reach.OFFICER),
        (1, {"ours": False, "officer": "ivo"}, Reach.TEAM),
    ],
)
def test_what_nobody_looks_at_goes_to_the_team_then_to_its_head(
    left: float, more: dict[str, object], reach: Reach
) -> None:
    (found,) = due([deadline("2026-0001", left, **more)], NOW, absent={"ivo"})
    assert found.reach is reach


def test_each_sees_the_own_the_team_what_went_to_it_and_the_head_all() -> None:
    given = [
        deadline("2026-0001", 100, officer="ana"),
        deadline("2026-0002", 90, officer="mia"),
        deadline("2026-0003", 80, officer="mia", opened=False),
        deadline("2026-0004", 70, officer=None),
        deadline("2026-0005", 60, unit="visa"),
    ]
    found = due(given, NOW)

    def cases(*arguments: str, head: bool = False) -> list[str]:
        return [one.deadline.case[-1] for one in seen_by(found, *arguments, head=head)]

    assert cases("readmission", "ana") == ["4", "3", "1"]
    assert cases("readmission", "mia") == ["4", "3", "2"]
    assert cases("readmission") == ["4", "3"]
    assert cases("readmission", head=True) == ["4", "3", "2", "1"]
    assert cases("visa", "ana") == ["5"]
    assert cases("other") == []


def test_the_next_moment_at_which_something_changes() -> None:
    given = [deadline("2026-0001", 100), deadline("2026-0002", 300)]
    # Of the first: three quarters (60 hours left), near (48), over; of the second: half (120), three quarters ….
    moments = []
    at: datetime | None = NOW
    while (at := next_change(given, at)) is not None:
        moments.append((at - NOW).total_seconds() / 3600)
    assert moments == [40, 52, 100, 180, 240, 252, 300]
    assert next_change([], NOW) is None


def unfolded(text: str) -> list[str]:
    assert text.endswith("\r\n")
    lines = text[:-2].split("\r\n")
    assert all(len(line.encode()) <= 75 for line in lines)
    assert not re.search(r"(?<!\r)\n|\r(?!\n)", text)
    return "\r\n".join(lines).replace("\r\n ", "").split("\r\n")


def test_the_feed_holds_case_number_act_and_time_only() -> None:
    given = due([deadline("2026-0417", 14, act="Reply, “long” ; – " + "ш" * 60 + "\nend")], NOW)
    lines = unfolded(feed(given, NOW))
    uid = next(line for line in lines if line.startswith("UID:"))
    assert lines == [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Depesha//What is due//EN", "CALSCALE:GREGORIAN",
        "BEGIN:VEVENT", uid, "DTSTAMP:20261125T090000Z", "DTSTART:20261125T230000Z",
        "SUMMARY:2026-0417: Reply\\, “long” \\; – " + "ш" * 60 + "\\nend", "TRANSP:TRANSPARENT", "END:VEVENT",
        "END:VCALENDAR",
    ]  # fmt: skip
    assert not re.search("readmission|ana|2026-0417", uid)


def test_an_end_by_our_own_rule_does_not_look_like_a_legal_one() -> None:
    given = due([deadline("2026-0417", 14), deadline("2026-0418", 15, own_rule=True)], NOW)
    assert [line for line in unfolded(feed(given, NOW)) if line.startswith("SUMMARY:")] == [
        "SUMMARY:2026-0417: Reply to an application",
        "SUMMARY:2026-0418: Reply to an application (by our own rule\\, no legal period)",
    ]


def test_an_event_keeps_its_id_when_its_end_moves_and_others_have_others() -> None:
    def uids(*given: Deadline) -> list[str]:
        return re.findall("UID:(.+)\r", feed(due(given, NOW), NOW))

    later = Ends(NOW + timedelta(hours=90), NOW + timedelta(hours=90), date(2026, 11, 29), "Europe/Belgrade")
    first = deadline("2026-0001", 50)
    moved = deadline("2026-0001", 50, ends=later)
    assert uids(first) == uids(moved)
    assert len(set(uids(first, deadline("2026-0002", 50), deadline("2026-0001", 50, act="Confirm a transfer")))) == 3


def test_an_empty_feed_is_a_calendar() -> None:
    assert unfolded(feed([], NOW))[-1] == "END:VCALENDAR"


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_text_breaks_the_feed(text: str) -> None:
    lines = unfolded(feed(due([deadline("2026-0001", 14, act=text)], NOW), NOW))
    assert [line for line in lines if line.startswith(("BEGIN", "END"))] == [
        "BEGIN:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT", "END:VCALENDAR",
    ]  # fmt: skip
    assert len(lines) == 12
