"""An empty record to fill in, made from its shape, and a filled one from the domain's good examples."""

import base64
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from xml.sax.saxutils import quoteattr

from node.records.domains import Domain
from node.records.reading import read_xml
from node.records.shape import Field, Shape

NONCE_BYTES = 32


class NoExampleError(Exception):
    """The domain has no such record, or no good example of it."""


def new_nonce(random: Callable[[int], bytes] = os.urandom) -> str:
    """32 random bytes in base64: what keeps a record's digest from being guessed."""
    return base64.b64encode(random(NONCE_BYTES)).decode()


def new_record(domain: Domain, root: str, language: str = "en", random: Callable[[int], bytes] = os.urandom) -> bytes:
    """An empty record: every required field in order, empty, so that the check names what is still to be filled.

    Each field has its label and what it takes in a comment: beside it, for attributes before their element. Optional
    fields and the other branches of a choice stand in comments of their own, with nothing else in them, so that whoever
    needs one takes the two marks of the comment away; the comment before says what is in it. The nonce is fresh.
    Raises NoExampleError for a record that the domain does not have.
    """
    shape = domain.records.get(root)
    if shape is None:
        raise NoExampleError(f"{domain.name} has no record {root}; it has {', '.join(sorted(domain.records))}")
    writer = _Writer(shape, language, new_nonce(random))
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<!-- {_comment(shape.label(root, language))} -->"]
    lines += writer.element(shape.root, 0, True, f" xmlns={quoteattr(shape.namespace)}")
    return ("\n".join(lines) + "\n").encode()


class _Writer:
    def __init__(self, shape: Shape, language: str, nonce: str) -> None:
        self._shape = shape
        self._language = language
        self._nonce = nonce

    def element(self, field: Field, depth: int, commented_on: bool, more: str = "") -> list[str]:
        """The lines of one element. Within a comment every field is written out, since comments do not nest."""
        space = "  " * depth
        before = [f"{space}<!-- @{one.name}: {self._hint(one)} -->" for one in field.attributes] if commented_on else []
        attributes = more + "".join(
            f" {one.name}={quoteattr(self._nonce if one.marks.has('nonce') else '')}"
            for one in field.attributes
            if one.minimum
        )
        hint = f" <!-- {self._hint(field)} -->" if commented_on and depth else ""
        if not field.is_group:
            return [*before, f"{space}<{field.name}{attributes}></{field.name}>{hint}"]
        lines = [*before, f"{space}<{field.name}{attributes}>{hint}"]
        for child in field.children:
            if self._needed(child, field) or (not commented_on and child.choice is None):
                lines += self.element(child, depth + 1, commented_on)
            elif commented_on:
                lines += self._optional(child, depth + 1)
        return [*lines, f"{space}</{field.name}>"]

    def _needed(self, child: Field, parent: Field) -> bool:
        if child.choice is None:
            return child.minimum > 0
        return child.choice.required and child.choice.branch == 0 and child.minimum > 0

    def _optional(self, child: Field, depth: int) -> list[str]:
        space = "  " * depth
        why = "instead" if child.choice is not None else "optional"
        within = [f"{space}       {line}" for line in self._within(child, "")]
        hint, content = f"{space}<!-- {why}: {child.name}: {self._hint(child)}", self.element(child, depth, False)
        said = [hint, *within, f"{space}-->"] if within else [f"{hint} -->"]
        if len(content) == 1:
            return [*said, f"{space}<!-- {content[0].strip()} -->"]
        return [*said, f"{space}<!--", *content, f"{space}-->"]

    def _within(self, field: Field, above: str) -> Iterator[str]:
        """What is in a group that stands in a comment: a line for each attribute and field, by its path."""
        for one in field.attributes:
            yield f"{above}@{one.name}: {self._hint(one)}"
        for child in field.children:
            left_out = ""
            if not self._needed(child, field):
                left_out = ", may be left out" if child.choice is None else ", in place of another field"
            yield f"{above}{child.name}: {self._hint(child)}{left_out}"
            yield from self._within(child, f"{above}{child.name}/")

    def _hint(self, field: Field) -> str:
        label = self._shape.label(field.path, self._language)
        often = "" if field.maximum == 1 else ", may be repeated"
        if field.attribute:
            often = "" if field.minimum else ", may be left out"
        return _comment(f"{label}{often}" if field.is_group else f"{label}: {field.expected()}{often}")


def _comment(text: str) -> str:
    # In a comment nothing but its end need be written otherwise.
    return text.replace("--", "- -")


def sample(
    domain: Domain,
    root: str,
    occurred: datetime | None = None,
    random: Callable[[int], bytes] = os.urandom,
) -> bytes:
    """A filled record of fictitious persons: the first by name of examples/good with that root, with a fresh nonce.

    `occurred` (aware UTC), where given, becomes the act's time and the time of its recording. Raises NoExampleError.
    """
    # `reply` comes before `reply-for-each-person`, as the end of the names would not have it.
    for path, content in sorted(domain.files.items(), key=lambda file: file[0].removesuffix(".xml")):
        if path.startswith("examples/good/") and path.endswith(".xml"):
            found = read_xml(content)
            shape = domain.records.get(root)
            if shape is not None and found.tag == f"{{{shape.namespace}}}{root}":
                return _refreshed(content, shape, occurred, random)
    raise NoExampleError(f"{domain.name} has no good example of a record {root}")


def filled(domain: Domain, file: str, occurred: datetime, random: Callable[[int], bytes] = os.urandom) -> bytes:
    """The good example in this file (its name without ending), with a fresh nonce and the act's times at `occurred`.

    Raises NoExampleError.
    """
    content = domain.files.get(f"examples/good/{file}.xml")
    if content is None:
        raise NoExampleError(f"{domain.name} has no good example {file}")
    shape = domain.records[read_xml(content).tag.rpartition("}")[2]]
    return _refreshed(content, shape, occurred, random)


def _refreshed(content: bytes, shape: Shape, occurred: datetime | None, random: Callable[[int], bytes]) -> bytes:
    """`content` with another nonce and times, everything else as it is written."""
    root = read_xml(content)
    text = content.decode()
    start = text.index("<" + shape.name)
    end = text.index(">", start)
    head = text[start:end]
    for one in shape.root.attributes:
        old = root.get(one.name)
        new = None
        if one.marks.has("nonce"):
            new = new_nonce(random)
        elif occurred is not None and (one.marks.has("occurred") or one.marks.has("recorded")):
            new = occurred.strftime("%Y-%m-%dT%H:%M:%SZ")
        if old is not None and new is not None:
            head = head.replace(f'{one.name}="{old}"', f'{one.name}="{new}"')
    return (text[:start] + head + text[end:]).encode()
