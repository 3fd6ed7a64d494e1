"""The page of attacks says what the catalogues have, and every attack says where it was published."""

from tests.attacks.families import FAMILIES
from tests.attacks.page import PAGE, render
from tests.attacks.sources import SOURCES


def test_the_page_is_that_of_the_catalogues() -> None:
    """If not: `.venv/bin/python -m tests.attacks.page` writes it."""
    assert PAGE.read_text(encoding="utf-8") == render()


def test_every_source_is_known_and_used() -> None:
    used = {source for catalogue, _ in FAMILIES for attack in catalogue.attacks.values() for source in attack.sources}
    assert used == SOURCES.keys()


def test_every_family_has_attacks_by_an_outsider_and_by_a_partner() -> None:
    for catalogue, _ in FAMILIES:
        assert {attack.actor for attack in catalogue.attacks.values()} == {"outsider", "partner"}, catalogue.family
