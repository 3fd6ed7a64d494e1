"""Persons in records: machine-readable lines, names in two scripts, partial dates, codes of States, search, evidence.

Pure functions on values, with tables as data; nothing here knows a domain or touches a database.
"""

from node.records.persons.evidence import EvidenceError, Means, Weight, means_of, read_evidence, weigh
from node.records.persons.folding import may_be_found, name_grams, query_grams, same_name, spells
from node.records.persons.mrz import Mrz, MrzError, MrzProblem, check_digit, read_mrz
from node.records.persons.mrz_names import read_names, write_names
from node.records.persons.partial_dates import PartialDate, PartialDateError, read_partial_date
from node.records.persons.search_keys import birth_keys, birth_query, number_key
from node.records.persons.state_codes import StateCode, nationalities, record_code, state_code
from node.records.persons.transliteration import Proposal, propose

__all__ = [
    "EvidenceError",
    "Means",
    "Mrz",
    "MrzError",
    "MrzProblem",
    "PartialDate",
    "PartialDateError",
    "Proposal",
    "StateCode",
    "Weight",
    "birth_keys",
    "birth_query",
    "check_digit",
    "may_be_found",
    "means_of",
    "name_grams",
    "nationalities",
    "number_key",
    "propose",
    "query_grams",
    "read_evidence",
    "read_mrz",
    "read_names",
    "read_partial_date",
    "record_code",
    "same_name",
    "spells",
    "state_code",
    "weigh",
    "write_names",
]
