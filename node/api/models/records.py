"""Records that are checked or begun, and the domains."""

from pydantic import BaseModel

from node.api.models.values import example


class Finding(BaseModel):
    """Something that is wrong with a record."""

    model_config = example(
        {
            "file": "application.xml", "line": 12, "field": "Person/DateOfBirth", "found": "1974-13-12",
            "expected": "a date", "remedy": "Write it as YYYY-MM-DD.",
        }
    )  # fmt: skip
    file: str
    line: int
    field: str
    found: str
    expected: str
    remedy: str


class Domain(BaseModel):
    """A domain that this node has, with the records that can be exchanged in it."""

    model_config = example(
        {
            "name": "example", "version": "1", "service": "urn:depesha:example:1", "title": "An example",
            "digest": "9f" * 32, "records": ["Application", "Answer"],
        }
    )  # fmt: skip
    name: str
    version: str
    service: str
    title: str
    digest: str
    records: list[str]


class NewRecord(BaseModel):
    """An empty record to fill, as XML."""

    model_config = example({"domain": "example", "record": "Answer", "content": '<?xml version="1.0" …'})
    domain: str
    record: str
    content: str
