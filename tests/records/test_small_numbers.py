"""Small numbers of a table are hidden, and nothing that is shown gives them back."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from node.records.small_numbers import SMALLEST, Counted, hidden, is_small, size


def total(*parts: Counted) -> Counted:
    return Counted(sum(one.count for one in parts), sum(one.happened for one in parts), parts)


def leaf(numbers: tuple[int, int]) -> Counted:
    return Counted(numbers[0], min(numbers))


LEAVES = st.builds(leaf, st.tuples(st.integers(1, 12), st.integers(0, 12)))
TABLES = st.recursive(LEAVES, lambda parts: st.lists(parts, min_size=1, max_size=5).map(lambda some: total(*some)))


def test_a_small_number_takes_the_smallest_other_part_of_the_same_total_with_it() -> None:
    assert hidden(total(Counted(2), Counted(9), Counted(6))) == {1, 3}
    assert hidden(total(Counted(2), Counted(4), Counted(9))) == {1, 2}
    assert hidden(total(Counted(1), Counted(1), Counted(9), Counted(30))) == {1, 2, 3}, "1 and 1 leave 2 of the total"
    assert hidden(total(Counted(5), Counted(9))) == frozenset()
    assert hidden(Counted(4, parts=[Counted(1), Counted(3)])) == {0, 1, 2}


def test_to_few_or_to_all_but_few_is_hidden_alike() -> None:
    assert hidden(Counted(20, 2)) == {0}
    assert hidden(Counted(20, 18)) == {0}
    assert [hidden(Counted(20, n)) for n in (0, 5, 15, 20)] == [frozenset()] * 4


def test_of_a_hidden_part_all_its_own_parts_are_hidden() -> None:
    assert hidden(total(total(Counted(6), Counted(7)), total(Counted(2)), Counted(40))) == {1, 2, 3, 4, 5}


def test_what_is_hidden_for_another_reason_is_covered_too() -> None:
    assert hidden(total(Counted(8), Counted(9), Counted(7)), frozenset({1})) == {1, 3}


@given(TABLES)
def test_no_difference_of_shown_lines_is_a_small_number(table: Counted) -> None:
    away = hidden(table)
    for line, place in lines(table, 0):
        if place in away:
            continue
        assert not is_small(line.count)
        assert not is_small(line.happened)
        within = [(part, at) for part, at in parts_of(line, place) if at in away]
        if not within:
            continue
        assert len(within) > 1
        count = line.count - sum(part.count for part, at in parts_of(line, place) if at not in away)
        happened = line.happened - sum(part.happened for part, at in parts_of(line, place) if at not in away)
        assert count >= SMALLEST
        assert not is_small(happened)
        assert happened == 0 or not is_small(count - happened)


def lines(line: Counted, place: int) -> Iterator[tuple[Counted, int]]:
    yield line, place
    for part, at in parts_of(line, place):
        yield from lines(part, at)


def parts_of(line: Counted, place: int) -> Iterator[tuple[Counted, int]]:
    at = place + 1
    for part in line.parts:
        yield part, at
        at += size(part)
