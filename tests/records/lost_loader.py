"""A schema compiles while another thread ends a parse: `python -m tests.records.lost_loader`, in a process of its own.

The order of the two is fixed, by what each of them asks its resolver for: the parse begins first, and ends while the
schema's first file is loaded. libxml2's loader is then its own again, and knows nothing of the second file. Afterwards
lxml's loader stays for ever, which is why no other test may have parsed in this process.
"""

import threading
from typing import Any

from lxml import etree

from node.records.marks import XS
from node.records.validator import compile_schema

BACKSTOP_SECONDS = 60
parsing, compiling = threading.Event(), threading.Event()


class Waiting(etree.Resolver):
    """Lets the parse wait until the schema compiles."""

    def resolve(self, url: str | None, public_id: str | None, context: Any) -> Any:  # type: ignore[override]  # stubs err
        parsing.set()
        assert compiling.wait(BACKSTOP_SECONDS)
        return self.resolve_string("", context)


def parse() -> None:
    """Ends when the schema compiles."""
    parser = etree.XMLParser(load_dtd=True)
    parser.resolvers.add(Waiting())
    etree.fromstring(b'<!DOCTYPE a SYSTEM "a.dtd"><a/>', parser)


parse_thread = threading.Thread(target=parse, daemon=True)


class Files(dict[str, bytes]):
    """Says which files were asked for; when the first one is, the parse ends."""

    def get(self, name: str, default: Any = None) -> Any:
        """The file."""
        print(name, flush=True)
        compiling.set()
        parse_thread.join(BACKSTOP_SECONDS)
        return super().get(name, default)


def schema(element: str) -> bytes:
    """With one element."""
    return f'<xs:schema xmlns:xs="{XS}" targetNamespace="urn:t"><xs:element name="{element}"/></xs:schema>'.encode()


def main() -> None:
    """Compile, and judge by what both files say."""
    parse_thread.start()
    assert parsing.wait(BACKSTOP_SECONDS)
    compiled = compile_schema("urn:t", Files({"records/a.xsd": schema("A"), "records/b.xsd": schema("B")}))
    for element in ("A", "B"):
        assert compiled.validate(etree.fromstring(f'<{element} xmlns="urn:t"/>')), compiled.error_log


if __name__ == "__main__":
    main()
