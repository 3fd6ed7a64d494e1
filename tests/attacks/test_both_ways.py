"""The recogniser of our own envelopes and the parser agree on every attack, in verdict and in all that a refusal says.

A running node takes whichever way fits; here each attack goes both ways, as it is and written in the form that the
recogniser knows.
"""

import pytest

from tests.as4.surgery import Surgery
from tests.as4.test_recogniser import agree, in_our_form, opening
from tests.attacks import test_keys, test_mime
from tests.attacks.catalogue import Catalogue
from tests.attacks.families import FAMILIES
from tests.attacks.target import valid

# of another suite, and those that leave the envelope alone
LEFT_OUT = (test_keys.p256, test_mime.compression)
CATALOGUES = {
    catalogue.family: catalogue
    for catalogue, _ in FAMILIES
    if catalogue not in LEFT_OUT and any(attack.changes for attack in catalogue.attacks.values())
}


def attacked(catalogue: Catalogue, name: str) -> Surgery:
    """A message under that attack."""
    attack = catalogue.attacks[name]
    patient = valid()
    attack.change(patient)
    if attack.actor == "partner":
        patient.resign()
    return patient


@pytest.mark.parametrize("family", CATALOGUES)
def test_every_attack_ends_alike(family: str) -> None:
    catalogue = CATALOGUES[family]
    for name, attack in catalogue.attacks.items():
        if not attack.changes:
            continue
        patient = attacked(catalogue, name)
        first = agree(opening(patient.content_type, patient.body()))
        patient.raw.append(in_our_form)
        second = agree(opening(patient.content_type, patient.body()))
        # a class where it is refused; the agreement refuses what the library takes: From, To, Service and the like
        assert isinstance(second[0], type) == isinstance(first[0], type), name


def test_the_form_that_the_recogniser_knows_is_taken_both_ways() -> None:
    """Else the attacks above would not reach it."""
    patient = valid()
    patient.raw.append(in_our_form)
    opened, contents = agree(opening(patient.content_type, patient.body()))
    assert len(contents) == len(opened.parts) == 2
