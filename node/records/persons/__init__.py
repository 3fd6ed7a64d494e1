"""Persons in records: machine-readable lines, names in two scripts, partial dates, codes of States, search, evidence.

Pure functions on values, with tables as data; nothing here knows a domain or touches a database.
"""

from node.records.persons.mrz import Mrz, MrzError, MrzProblem, check_digit, read_mrz
from node.records.persons.mrz_names import read_names, write_names
from node.records.persons.partial_dates import PartialDate, PartialDateError, read_partial_date
from node.records.persons.state_codes import StateCode, nationalities, record_code, state_code

__all__ = [
    "Mrz",
    "MrzError",
    "MrzProblem",
    "PartialDate",
    "PartialDateError",
    "StateCode",
    "check_digit",
    "nationalities",
    "read_mrz",
    "read_names",
    "read_partial_date",
    "record_code",
    "state_code",
    "write_names",
]
