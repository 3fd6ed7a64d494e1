"""Lists of codes written as patterns: the schema that tells soonest that a record is valid.

libxml2 compares a value with each value of an enumeration in turn, and a list of States has some two hundred and
fifty: that was half of the time that a schema took. A pattern of the same codes is a tree of their letters, which is
walked once. What such a pattern takes is always one of the codes, as it stands; a value that it does not take may
still be one (an integer written in another way), so that only the schema as it is written finds a record wrong.
"""

import re
from collections.abc import Iterable, Mapping

from lxml import etree

from node.records.marks import XS

# With fewer codes there is nothing to gain.
_LEAST = 16
# To compile a pattern takes the square of its length: two seconds for 5,000 codes.
_MOST = 1000
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
"""Letters that stand for themselves in a pattern of XML Schema."""

_Tree = dict[str, "_Tree"]


def with_code_patterns(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of a domain, with each long enumeration of its `records/*.xsd` as a pattern. They are well-formed."""
    return {
        path: _rewritten(content) if path.startswith("records/") and path.endswith(".xsd") else content
        for path, content in files.items()
    }


def _rewritten(schema: bytes) -> bytes:
    root = etree.fromstring(schema, etree.XMLParser(no_network=True, resolve_entities=False, load_dtd=False))
    for restriction in root.iter(f"{{{XS}}}restriction"):
        codes = [one.get("value", "") for one in restriction.iterchildren(f"{{{XS}}}enumeration")]
        # With a facet beside them, or a type within, the restriction says more than its codes.
        if _LEAST <= len(codes) == len(restriction) <= _MOST and all(map(_PLAIN.fullmatch, codes)):
            restriction[:] = [etree.Element(f"{{{XS}}}pattern", value=pattern_of(codes))]
    return etree.tostring(root)


def pattern_of(codes: Iterable[str]) -> str:
    """The pattern (XML Schema part 2, F) that takes these codes of plain letters and nothing else."""
    tree: _Tree = {}
    for code in codes:
        at = tree
        for letter in code:
            at = at.setdefault(letter, {})
        at[""] = {}
    return _written(tree)


def _written(tree: _Tree) -> str:
    endings = [letter + _written(after) for letter, after in sorted(tree.items()) if letter]
    if not endings:
        return ""
    return f"({'|'.join(endings)})" + ("?" if "" in tree else "")
