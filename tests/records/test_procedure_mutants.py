"""The procedures that come with the node, changed in one place each as by a slip of the hand: each such file is refused
in words that name the place, or it is a sound procedure.

A part of the changes is tried each time, the same ones; all of them by `pytest -m faults tests/records`.
"""

import re
import tomllib

import pytest

from node.records import Domain, Domains
from node.records.procedure_file import FILE, read_procedure
from node.records.procedures import Procedure, ProcedureError, SharedActs
from tests.records.procedure_mutants import Mutant, mutants, write_file
from tests.records.procedure_soundness import faults

EVERY = {"administrative": 13, "inquiry": 97, "returns": 499}
"""Of so many changes one is tried each time; the files are of different lengths."""
PLACE = re.compile(
    r"the file|title|per|start|precedence|exception( \d+)?|groups|state|act|period|transition|statement|shared"
    r"|(groups|state|act|period|statement|opens)\.\S.*|(transition|exception) \d+.*|statement, .*"
)


def look(domain: Domain, mutant: Mutant) -> list[str]:
    """What is wrong with how the node takes the changed file; empty where nothing is."""
    content = write_file(mutant.of(tomllib.loads(domain.files[FILE].decode())))
    try:
        found = read_procedure(content, domain.records)
    except ProcedureError as error:
        told = f"{error.place}: {error.reason}. {error.remedy}"
        named = PLACE.fullmatch(error.place) and error.reason and error.remedy.endswith((".", "?"))
        return [] if named and str(error) == told else [f"it says {told}"]
    if isinstance(found, SharedActs):
        return [] if found.acts and found.title else ["it is empty"]
    return faults(found)


def changes(domain: Domain) -> list[Mutant]:
    return list(mutants(tomllib.loads(domain.files[FILE].decode())))


@pytest.mark.parametrize("name", EVERY)
def test_the_file_written_anew_is_the_same_and_sound(domains: Domains, name: str) -> None:
    domain = domains.known(name)
    assert read_procedure(write_file(tomllib.loads(domain.files[FILE].decode())), domain.records) == domain.procedure
    assert not isinstance(domain.procedure, Procedure) or faults(domain.procedure) == []


def test_a_file_with_a_procedure_is_among_those_that_are_changed(domains: Domains) -> None:
    assert {domain.name for domain in domains if domain.procedure is not None} == set(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_a_slip_is_refused_or_makes_a_sound_procedure(domains: Domains, name: str) -> None:
    domain = domains.known(name)
    wrong = {one.said: told for one in changes(domain)[:: EVERY[name]] if (told := look(domain, one))}
    assert wrong == {}


@pytest.mark.faults
@pytest.mark.parametrize("name", EVERY)
def test_every_slip_is_refused_or_makes_a_sound_procedure(domains: Domains, name: str) -> None:
    domain = domains.known(name)
    wrong = {one.said: told for one in changes(domain) if (told := look(domain, one))}
    assert wrong == {}
