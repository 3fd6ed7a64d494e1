"""Every change of a valid message that the wire's own tests know is put to the running node too.

Those that a family names as published attacks are run there."""

import pytest

from tests.as4 import (
    test_refuses_algorithms,
    test_refuses_headers,
    test_refuses_packaging,
    test_refuses_signatures,
)
from tests.as4.surgery import Surgery
from tests.attacks.catalogue import endures
from tests.attacks.families import ALL
from tests.attacks.target import Target, valid

CORPORA = {
    "signatures": test_refuses_signatures.corpus,
    "algorithms": test_refuses_algorithms.corpus,
    "headers": test_refuses_headers.corpus,
    "packaging": test_refuses_packaging.corpus,
}


CHANGES = [(corpus, name) for corpus, known in CORPORA.items() for name in known.names() if name not in ALL]


@pytest.mark.parametrize(("corpus", "name"), CHANGES)
def test_is_refused_by_a_running_node(target: Target, corpus: str, name: str) -> None:
    code, signed, change = CORPORA[corpus].changes[name]
    patient: Surgery = valid()
    change(patient)
    if signed:
        patient.resign()
    endures(target, patient.content_type, patient.body(), "HTTP 400" if name in CORPORA[corpus].not_soap else code)
