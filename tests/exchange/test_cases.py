"""Cases: (opener, ConversationId), members, local numbers."""

from datetime import UTC, datetime

from node.exchange.cases import NewCase, alias, find_cases, members_of, open_cases, resolve_case
from node.store.database import Database

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def test_numbers_rise_within_the_year_and_start_anew_with_the_next(database: Database) -> None:
    with database.write() as connection:
        for n, year in enumerate((2026, 2026, 2027)):
            open_cases(connection, [NewCase("a", f"c{n}", ("a", "b"), NOW.replace(year=year))])
    with database.read() as connection:
        assert resolve_case(connection, "2026-0001")["conversation_id"] == "c0"  # type: ignore[index]
        assert resolve_case(connection, "2026-0002")["conversation_id"] == "c1"  # type: ignore[index]
        assert resolve_case(connection, "2027-0001")["conversation_id"] == "c2"  # type: ignore[index]
        assert resolve_case(connection, "2026-0003") is None


def test_a_stranger_who_repeats_a_conversation_id_does_not_find_the_case(database: Database) -> None:
    with database.write() as connection:
        [ours] = open_cases(connection, [NewCase("us", "c", ("us", "friend"), NOW)])
        [theirs] = open_cases(connection, [NewCase("stranger", "c", ("us", "stranger"), NOW)])
    with database.read() as connection:
        assert find_cases(connection, "us", "friend", ["c"]) == {"c": ours}
        assert find_cases(connection, "us", "stranger", ["c"]) == {"c": theirs}
        assert find_cases(connection, "us", "nobody", ["c"]) == {}
        assert members_of(connection, ours) == ["friend", "us"]


def test_a_case_that_we_opened_goes_before_one_of_the_same_id_that_the_peer_opened(database: Database) -> None:
    with database.write() as connection:
        open_cases(connection, [NewCase("peer", "c", ("us", "peer"), NOW)])
        [ours] = open_cases(connection, [NewCase("us", "c", ("us", "peer"), NOW)])
    with database.read() as connection:
        assert find_cases(connection, "us", "peer", ["c"]) == {"c": ours}


def test_numbers_are_written_with_four_digits_at_least() -> None:
    assert alias(2026, 417) == "2026-0417"
    assert alias(2026, 12345) == "2026-12345"
