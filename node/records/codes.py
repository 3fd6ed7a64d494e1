"""Code lists: one CSV a list with the columns `code`, labels by language tag, and what else the list needs; beside it
a TOML that names title, source, date and licence.

`python -m node.records.write_codes FOLDER` writes `records/codes.xsd` of a domain version anew from its lists, so that
anyone's validator knows the same codes; a folder whose two do not agree does not load.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from xml.sax.saxutils import escape, quoteattr

from node.records.marks import NAMESPACE, XS
from node.records.toml_file import TomlError, read_toml

_LANGUAGE = re.compile(r"^[a-z]{2,3}(-[A-Z][a-z]{3})?$")
ENUMERATIONS = "codes.xsd"
REQUIRED = ("title", "source", "date", "licence")


class CodeListError(Exception):
    """A code list that cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Code:
    code: str
    labels: Mapping[str, str]
    facts: Mapping[str, str]
    """The other columns: note, use_instead, strength, article …"""


@dataclass(frozen=True)
class CodeList:
    name: str
    title: str
    source: str
    date: str
    licence: str
    codes: Mapping[str, Code]

    @cached_property
    def meanings(self) -> Mapping[str, frozenset[str]]:
        """The codes in whose row a text stands, by the text without letter case: found at once, however long the list.

        Made when it is first asked for: records in which nothing is wrong never ask.
        """
        return _meanings(self.codes.values())

    def label(self, code: str, language: str = "en") -> str:
        """The code's label in a language, in English where there is none, else the code itself."""
        entry = self.codes.get(code)
        if entry is None:
            return code
        return entry.labels.get(language) or entry.labels.get("en") or code


def code_meant(text: str, name: str, lists: Mapping[str, CodeList]) -> Code | None:
    """The one code of the list `name` that a wrong value stands for, or None where there is none, or several.

    A value stands for a code by other letter case, by its label in any language, or by another column of its row: FR,
    fra and Frankreich for FRA. Where the list itself knows none, the other lists are asked for what their codes mean.
    """
    own = lists[name].codes
    wanted = text.strip().casefold()
    for group in ([lists[name]], [one for key, one in lists.items() if key != name]):
        found = {code for one in group for code in one.meanings.get(wanted, ()) if code in own}
        if found:
            return own[found.pop()] if len(found) == 1 else None
    return None


def read_code_list(name: str, table: str, about: str) -> CodeList:
    """Make a list of its CSV and TOML texts. Raises CodeListError."""
    try:
        header = read_toml(about.encode())
    except TomlError as error:
        raise CodeListError(f"the description is no TOML: {error}") from error
    missing = [key for key in REQUIRED if not header.get(key)]
    if missing:
        raise CodeListError(f"the description lacks {', '.join(missing)}")
    reader = csv.DictReader(io.StringIO(table), strict=True)
    columns = reader.fieldnames or []
    if "code" not in columns or "en" not in columns:
        raise CodeListError("the first line must name the columns, among them code and en")
    codes: dict[str, Code] = {}
    for row in reader:
        code = row["code"]
        if None in row or None in row.values():
            raise CodeListError(f"line {reader.line_num} has another number of cells than the first line")
        if not code or code in codes:
            raise CodeListError(f"line {reader.line_num}: code '{code}' is empty or occurs twice")
        if not row["en"]:
            raise CodeListError(f"line {reader.line_num}: code '{code}' has no English label")
        codes[code] = Code(
            code=code,
            labels={column: row[column] for column in columns if _LANGUAGE.match(column) and row[column]},
            facts={c: row[c] for c in columns if c != "code" and not _LANGUAGE.match(c) and row[c]},
        )
    if not codes:
        raise CodeListError("there is no code in it")
    title, source, date, licence = (str(header[key]) for key in REQUIRED)
    return CodeList(name, title, source, date, licence, codes)


def _meanings(codes: Iterable[Code]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for entry in codes:
        for said in (entry.code, *entry.labels.values(), *entry.facts.values()):
            found.setdefault(said.casefold(), set()).add(entry.code)
    return {said: frozenset(meant) for said, meant in found.items()}


def enumerations(namespace: str, lists: Mapping[str, CodeList]) -> str:
    """The XSD text with one simple type a list, named `code-<list>`."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<!-- Made from codes/*.csv by `python -m node.records.write_codes`: change the lists, then make it anew. -->",
        f'<xs:schema xmlns:xs="{XS}" xmlns:m="{NAMESPACE}" targetNamespace={quoteattr(namespace)}',
        '           elementFormDefault="qualified">',
    ]
    for name in sorted(lists):
        lines += [
            f'  <xs:simpleType name="code-{name}">',
            "    <xs:annotation>",
            f"      <xs:documentation>{escape(lists[name].title)}</xs:documentation>",
            f"      <xs:appinfo><m:codes>{name}</m:codes></xs:appinfo>",
            "    </xs:annotation>",
            '    <xs:restriction base="xs:token">',
            *(f"      <xs:enumeration value={quoteattr(code)}/>" for code in lists[name].codes),
            "    </xs:restriction>",
            "  </xs:simpleType>",
        ]
    return "\n".join([*lines, "</xs:schema>", ""])


def read_code_lists(files: Mapping[str, bytes]) -> dict[str, CodeList]:
    """All lists of a folder's files (relative path → content). Raises CodeListError whose text begins with the path."""
    lists: dict[str, CodeList] = {}
    for path in sorted(files):
        if not (path.startswith("codes/") and path.endswith(".csv")):
            continue
        name = path.removeprefix("codes/").removesuffix(".csv")
        about = files.get(f"codes/{name}.toml")
        if about is None:
            raise CodeListError(f"{path}: codes/{name}.toml with {', '.join(REQUIRED)} is missing beside it")
        try:
            lists[name] = read_code_list(name, files[path].decode(), about.decode())
        except (CodeListError, UnicodeDecodeError, csv.Error) as error:
            raise CodeListError(f"{path}: {error}") from error
    return lists
