"""A valid record of a domain that comes with the node: for traffic that is judged by schema and rules."""

import re

from node.records.domains import Domain
from node.records.example import sample

SERVICE = "urn:depesha:returns:1"
ACTION = "ReadmissionApplication"
# The files that the example names are not sent with it.
_FILES = re.compile(r"\s*<(Attachments|Photograph|Copy)>.*?</\1>", re.S)


def valid_record(domain: Domain) -> bytes:
    """The domain's example without the files that it names, with a nonce of its own: no two are the same."""
    return _FILES.sub("", sample(domain, ACTION).decode()).encode()
