"""What people exchange: domains read from `schemas/`, their shapes, checks, code lists, labels and examples.

A record comes in as bytes and is checked here (`check`), by XSD and then by the domain's own rules; what it holds is
read through its shape (`read_fields`, `person_names`), which is data, so that no code names a domain. Nothing here
touches the database or the network. Below it, pure functions too: `clocks` (periods, terms, deadlines) and `persons`
(what documents say of a person, how names are found). May import `audit`, `trust`, `store` and `config`; needs none
of them today.
"""

from node.records.check import CheckedRecord, check, check_files, questions
from node.records.codes import CodeList
from node.records.domains import Domain, Domains, load_domains, schemas_directory
from node.records.example import NoExampleError, new_record, sample
from node.records.fields import (
    Attachment,
    FieldValue,
    PersonName,
    attachments,
    compare_attachments,
    forbidden_fields,
    person_names,
    read_fields,
    searchable_values,
    second_look,
    with_digests,
)
from node.records.marks import Marks
from node.records.notices import NoNoticesError, NotANoticeError, Notice, is_notice, make_notice, read_notice
from node.records.problems import PeerProblem, Problem
from node.records.reading import UnreadableError, read_xml
from node.records.shape import Field, Shape

__all__ = [
    "Attachment",
    "CheckedRecord",
    "CodeList",
    "Domain",
    "Domains",
    "Field",
    "FieldValue",
    "Marks",
    "NoExampleError",
    "NoNoticesError",
    "NotANoticeError",
    "Notice",
    "PeerProblem",
    "PersonName",
    "Problem",
    "Shape",
    "UnreadableError",
    "attachments",
    "check",
    "check_files",
    "compare_attachments",
    "forbidden_fields",
    "is_notice",
    "load_domains",
    "make_notice",
    "new_record",
    "person_names",
    "questions",
    "read_fields",
    "read_notice",
    "read_xml",
    "sample",
    "schemas_directory",
    "searchable_values",
    "second_look",
    "with_digests",
]
