"""A record as a row of a table, and back: a column for each value, by its path in the record.

`Children/Child[2]/Name/Surname` is below the second Child; the first of several has no number. `…/@id` is an
attribute. An element that holds nothing, where that says something, has the value `true`. What the columns are follows
from the shape alone, so every record of every domain has its table; the nonce, which is random, is no column.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from lxml import etree

from node.records.example import new_nonce
from node.records.explain import local_name
from node.records.problems import Problem
from node.records.shape import Field, Shape

PRESENT, ABSENT = "true", "false"
MOST_ALIKE = 1000
"""More elements of one name beside each other are no table."""
_STEP = re.compile(r"(@?)([^\[\]/@]+?)(?:\[([1-9][0-9]{0,3})\])?")
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong in a row (numbered as in the table, its head is row 1): the column, what was found, what helps."""

    row: int
    column: str
    value: str
    expected: str
    remedy: str

    def in_words(self) -> str:
        at = f"row {self.row}, column {self.column}" if self.column else f"row {self.row}"
        return f"{at}: found {self.value}, expected {self.expected}. {self.remedy}"

    def as_row(self) -> dict[str, str | int]:
        """As commands print it with --json."""
        return {"row": self.row, "column": self.column, "value": self.value, "expected": self.expected,
                "remedy": self.remedy}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, the field that it holds, and the way to it, a number for each step."""

    name: str
    field: Field
    steps: tuple[tuple[str, int], ...]
    attribute: str | None


@dataclass(slots=True)
class _Node:
    """An element that is being put together."""

    text: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    children: dict[str, dict[int, "_Node"]] = field(default_factory=dict)


def all_columns(shape: Shape) -> list[Column]:
    """One column for each value that a record may have, each repeated element once, in the order of the record."""
    return [
        _column(shape, found) for found in shape.root.walk() if _holds_value(found) and not found.marks.has("nonce")
    ]


def column_named(shape: Shape, name: str) -> Column | str:
    """The column of that name; or what to do, where there is none."""
    texts = name.strip().split("/")
    steps: list[tuple[str, int]] = []
    attribute = None
    for n, text in enumerate(texts):
        step = _STEP.fullmatch(text)
        last = n == len(texts) - 1
        if step is None or (step[1] and not last) or int(step[3] or 1) > MOST_ALIKE:
            return _unknown(shape, name)
        if step[1]:
            attribute = step[2]
        else:
            steps.append((step[2], int(step[3] or 1)))
    path = "/".join([shape.name, *(step for step, _ in steps)]) + (f"/@{attribute}" if attribute else "")
    found = shape.fields.get(path)
    if found is None or not _holds_value(found):
        return _unknown(shape, name)
    return Column(name.strip(), found, tuple(steps), attribute)


def row_of(root: etree._Element, shape: Shape) -> dict[str, str]:
    """The values of a record by the names of their columns, in the order of the record."""
    return dict(_values(root, shape, shape.name, ""))


def in_order(shape: Shape, names: Sequence[str]) -> list[str]:
    """Names of columns of several records in the order of the shape, those of each repeated element together."""
    order = {path: n for n, path in enumerate(shape.fields)}

    def place(name: str) -> list[tuple[int, int]]:
        column = column_named(shape, name)
        if isinstance(column, str):
            return []
        way, path = [], shape.name
        for step, number in column.steps:
            path += f"/{step}"
            way.append((order[path], number))
        return way if column.attribute is None else [*way, (order[f"{path}/@{column.attribute}"], 0)]

    return sorted(dict.fromkeys(names), key=place)


def record_of(
    values: Mapping[str, str], columns: Mapping[str, Column], shape: Shape, row: int, nonce: str | None = None
) -> bytes | list[RowError]:
    """The record that a row makes, not checked yet; or what cannot be put into any record. Without a `nonce` (base64) a
    fresh one is drawn."""
    top = _Node()
    errors = []
    for name, value in values.items():
        value = value.strip()
        if not value:
            continue
        if _NO_XML.search(value):
            errors.append(RowError(row, name, ascii(value), "no control characters", "Take them out."))
            continue
        column = columns[name]
        if not _put(top, column, value):
            errors.append(RowError(row, name, value, f"{PRESENT}, or nothing", "Correct it, or empty the cell."))
    if errors:
        return errors
    own: dict[str | None, str] = {None: shape.namespace}
    root = etree.Element(f"{{{shape.namespace}}}{shape.name}", nsmap=own)  # type: ignore[arg-type]
    for one in shape.root.attributes:
        if one.marks.has("nonce"):
            root.set(one.name, new_nonce() if nonce is None else nonce)
    _write(root, shape.root, top, shape)
    etree.indent(root)
    return bytes(etree.tostring(root, encoding="UTF-8", xml_declaration=True)) + b"\n"


def row_error(problem: Problem, row: int) -> RowError:
    """A problem of the record that a row made, at the column that holds it, or the one that is nearest."""
    path = problem.path.replace("[1]", "")
    if problem.rule == "xsd:missing" and "@" not in path:
        path = _missing(problem, path)
    # The root, and groups that hold several values, are no column: say where in the record it would stand.
    named = path.partition("/")[2] or problem.field
    return RowError(row, named, problem.found, problem.expected, problem.remedy)


def _missing(problem: Problem, path: str) -> str:
    """The way to an element that is missing, the first where one of several is: the problem stands at the element that
    should hold it, or at the one that it should come before."""
    holder = path if problem.found == f"no {problem.expected}" else path.rpartition("/")[0]
    return f"{holder}/{problem.expected.partition(' or ')[0]}"


def _values(node: etree._Element, shape: Shape, path: str, name: str) -> Iterator[tuple[str, str]]:
    found = shape.fields[path]
    above = f"{name}/" if name else ""
    for one in found.attributes:
        value = node.get(one.name)
        if value is not None and not one.marks.has("nonce"):
            yield f"{above}@{one.name}", value
    children = list(node.iterchildren("{*}*"))
    if not children:
        text = (node.text or "").strip()
        if not found.is_group:
            yield name, text
        elif not node.attrib:
            yield name, PRESENT
        return
    seen: dict[str, int] = {}
    for child in children:
        step = local_name(child)
        seen[step] = number = seen.get(step, 0) + 1
        yield from _values(child, shape, f"{path}/{step}", above + (step if number == 1 else f"{step}[{number}]"))


def _holds_value(found: Field) -> bool:
    """Attributes, texts, and elements that may hold nothing."""
    return not found.is_group or all(child.minimum == 0 for child in found.children)


def _column(shape: Shape, found: Field) -> Column:
    name = found.path.removeprefix(shape.name).removeprefix("/")
    column = column_named(shape, name)
    assert isinstance(column, Column)
    return column


def _put(top: _Node, column: Column, value: str) -> bool:
    """Put a value where the column says; whether it can stand there."""
    is_element = column.field.is_group
    if is_element and value.lower() not in (PRESENT, ABSENT):
        return False
    if is_element and value.lower() == ABSENT:
        return True
    node = top
    for step, number in column.steps:
        node = node.children.setdefault(step, {}).setdefault(number, _Node())
    if column.attribute is not None:
        node.attributes[column.attribute] = value
    elif not is_element:
        node.text = value
    return True


def _write(element: etree._Element, found: Field, node: _Node, shape: Shape) -> None:
    for name, value in node.attributes.items():
        element.set(name, value)
    if not found.is_group:
        element.text = node.text
    for child in found.children:
        for _, below in sorted(node.children.get(child.name, {}).items()):
            _write(etree.SubElement(element, f"{{{shape.namespace}}}{child.name}"), child, below, shape)


def _unknown(shape: Shape, name: str) -> str:
    known = [one.name for one in all_columns(shape)]
    plain = re.sub(r"\[[0-9]+\]", "", name.strip())
    near = get_close_matches(plain, known, n=1)
    return f"Did you mean {near[0]}?" if near else f"`depesha table new` shows the columns of {shape.name}."
