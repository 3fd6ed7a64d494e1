"""XSD and Schematron of one domain version, compiled once and lent to one thread at a time.

libxslt and libxml2 keep their findings in the compiled object, so an object in use belongs to its user; the pool grows
to as many as ever ran at once. Rules are ISO Schematron (ISO/IEC 19757-3) with the XSLT 1.0 query binding.
"""

import itertools
import re
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lxml import etree, isoschematron  # type: ignore[attr-defined]  # the stubs lack it

from node.records.code_patterns import with_code_patterns
from node.records.marks import XS
from node.records.reading import line_of

SCHEMATRON = "http://purl.oclc.org/dsdl/schematron"
_XSLT = "http://www.w3.org/1999/XSL/Transform"
_PREDICATE = re.compile(r"\[[^\[\]]*\]")
SVRL = "http://purl.oclc.org/dsdl/svrl"
# More findings help nobody, and each costs a walk to its place in the record.
MAX_FINDINGS = 100
_NOT_LOADED = etree.ErrorTypes.SCHEMAP_SRC_INCLUDE
# Of many threads that parse at once hardly one loses the loader of another, see `_compile`.
_MOST_ATTEMPTS = 20
ASK = "ask"
"""The role of an assertion that asks the sender and never refuses: `role="ask"`."""


class CompileError(Exception):
    """The schema or the rules are wrong; `file` and `line` say where."""

    def __init__(self, file: str, line: int, text: str) -> None:
        super().__init__(f"{file}: line {line}: {text}")
        self.file = file


@dataclass(frozen=True, slots=True)
class SchemaFinding:
    """One finding of the XSD, as libxml2 gives it; the message may quote values and stays here."""

    line: int
    kind: str
    path: str
    message: str


@dataclass(frozen=True, slots=True)
class RuleFinding:
    """One failed assertion: its id, its words, and an XPath to the place."""

    rule: str
    text: str
    location: str
    asks: bool


def _rule_finding(failed: etree._Element) -> RuleFinding:
    words = " ".join("".join(str(text) for text in failed.itertext()).split())
    return RuleFinding(failed.get("id", ""), words, failed.get("location", ""), failed.get("role") == ASK)


class _Files(etree.Resolver):
    """Gives included schema files from memory and nothing else: a schema fetches nothing."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__()
        self._files = files
        self.asked: set[str] = set()

    def resolve(self, url: str | None, public_id: str | None, context: Any) -> Any:  # type: ignore[override]  # stubs err
        name = f"records/{(url or '').rpartition('records/')[2]}"
        self.asked.add(name)
        content = self._files.get(name)
        return self.resolve_string(content if content is not None else b"<missing/>", context, base_url=name)


class _LoaderLost(Exception):
    """Another thread took lxml's loader of documents away while a schema compiled."""


def compile_schema(namespace: str, files: Mapping[str, bytes]) -> etree.XMLSchema:
    """The XSD of all `records/*.xsd` among `files`. Raises CompileError. Any other thread may parse meanwhile."""
    for _ in range(_MOST_ATTEMPTS):
        try:
            return _compile(namespace, files)
        except _LoaderLost:
            continue
    raise CompileError("records/", 1, "other threads kept libxml2 from loading the files; try again")


def _compile(namespace: str, files: Mapping[str, bytes]) -> etree.XMLSchema:
    """The same once. Raises _LoaderLost when libxml2 asked its own loader for an included file, instead of ours.

    Before version 7 lxml sets libxml2's one loader of external documents whenever it parses or compiles, without its
    interpreter's lock, and then puts back what it found: a parse that ends while this compiles takes the loader away.
    """
    names = sorted(path for path in files if path.startswith("records/") and path.endswith(".xsd"))
    includes = "".join(f'<xs:include schemaLocation="{name.removeprefix("records/")}"/>' for name in names)
    parser = etree.XMLParser(no_network=True, resolve_entities=False)
    given = _Files(files)
    parser.resolvers.add(given)
    driver = etree.fromstring(
        f'<xs:schema xmlns:xs="{XS}" targetNamespace="{namespace}">{includes}</xs:schema>'.encode(),
        parser,
        base_url="records/",
    )
    try:
        return etree.XMLSchema(driver)
    except etree.XMLSchemaParseError as error:
        entries: Any = error.error_log  # iterable, though the stubs do not say so
        if not given.asked.issuperset(names) and any(entry.type == _NOT_LOADED for entry in entries):
            raise _LoaderLost from error
        last = error.error_log.last_error
        if last is None:
            raise CompileError("records/", 1, str(error)) from error
        raise CompileError(f"records/{last.filename.rpartition('/')[2]}", last.line, last.message) from error


def compile_rules(file: str, content: bytes) -> etree.XSLT:
    """The transformation of a Schematron file into one that reports. Raises CompileError."""
    try:
        root = etree.fromstring(content, etree.XMLParser(no_network=True, resolve_entities=False, remove_comments=True))
    except etree.XMLSyntaxError as error:
        raise CompileError(file, error.lineno or 1, f"it is not well-formed: {error.msg}") from error
    seen: set[str] = set()
    for node in root.iter(f"{{{SCHEMATRON}}}assert", f"{{{SCHEMATRON}}}report"):
        name = node.get("id", "")
        if node.tag.endswith("report"):
            raise CompileError(file, line_of(node), "write an assert: it says what is expected, a report does not")
        if not name or name in seen:
            raise CompileError(file, line_of(node), f"the assert's id '{name}' is missing or used twice")
        if node.find(f"{{{SCHEMATRON}}}value-of") is not None:
            raise CompileError(file, line_of(node), "a message may not quote values: it is sent to the peer")
        seen.add(name)
    for rule in root.iter(f"{{{SCHEMATRON}}}rule"):
        if "@" in _PREDICATE.sub("", rule.get("context", "")):
            raise CompileError(file, line_of(rule), "a rule's context is an element; test its attributes in the assert")
    try:
        included = isoschematron.iso_dsdl_include(root)
        expanded = isoschematron.iso_abstract_expand(included)
        return etree.XSLT(_lighten(isoschematron.iso_svrl_for_xslt1(expanded).getroot()))
    except (etree.XSLTParseError, etree.XSLTApplyError) as error:
        raise CompileError(file, 1, f"the rules do not compile: {error}") from error


def _lighten(stylesheet: etree._Element) -> etree._Element:
    """Leave out what nobody reads: the walk over attributes, the list of rules that applied, and what the report says
    of the rules themselves. Half of the time."""
    for node in stylesheet.iter(f"{{{_XSLT}}}apply-templates"):
        if node.get("select") == "@*|*|comment()|processing-instruction()":
            node.set("select", "*")
    for node in list(stylesheet.iter(f"{{{SVRL}}}fired-rule")):
        parent = node.getparent()
        if parent is not None:
            parent.remove(node)
    _leave_patterns_alone(stylesheet)
    _list_elements(stylesheet)
    return stylesheet


def _list_elements(stylesheet: etree._Element) -> None:
    """Let each pattern go through one list of all elements, instead of from each element to its children by the
    pattern's templates: the same elements in the same order, in three quarters of the time."""
    templates: dict[str, list[etree._Element]] = {}
    for template in stylesheet.iterchildren(f"{{{_XSLT}}}template"):
        templates.setdefault(template.get("mode", ""), []).append(template)
    for start in stylesheet.iter(f"{{{_XSLT}}}apply-templates"):
        of_pattern = templates.get(start.get("mode", ""), [])
        if start.get("select") != "/" or not of_pattern:
            continue
        steps = [_step_onwards(template) for template in of_pattern if template.get("match") != "text()"]
        if None in steps:
            continue  # a rule for the document itself, or one that goes on in its own way
        for template in of_pattern:
            if (step := _step_onwards(template)) is not None:
                template.remove(step)
        start.set("select", "//*")


def _step_onwards(template: etree._Element) -> etree._Element | None:
    """What leads from an element that the template matched to its children, if that is how the template ends."""
    last = template[-1] if len(template) else None
    if last is None or last.tag != f"{{{_XSLT}}}apply-templates" or last.get("select") != "*" or last.tail:
        return None
    alternatives = [one.strip() for one in template.get("match", "").split("|")]
    return None if "/" in alternatives or last.get("mode") != template.get("mode") else last


def _leave_patterns_alone(stylesheet: etree._Element) -> None:
    """Let the report hold nothing but what the patterns find.

    With each pattern the generated stylesheet walks through the record by its templates without a mode too. Where those
    are only its root and one that drops texts, as always unless rules bring templates of their own, that gives nothing.
    """
    without_mode = [one for one in stylesheet.iterchildren(f"{{{_XSLT}}}template") if one.get("mode") is None]
    if {one.get("match"): len(one) for one in without_mode} != {"/": 1, "text()": 0}:
        return
    for report in stylesheet.iterfind(f"{{{_XSLT}}}template[@match='/']/{{{SVRL}}}schematron-output"):
        if next(report.iter(f"{{{_XSLT}}}variable"), None) is not None:
            return
        report[:] = [walk for walk in report.iter(f"{{{_XSLT}}}apply-templates") if walk.get("mode") is not None]


class Validator:
    """Judges parsed records of one domain version. Safe to use from several threads."""

    def __init__(self, namespace: str, files: Mapping[str, bytes]) -> None:
        self._namespace = namespace
        self._files = files
        self._schemas: deque[etree.XMLSchema] = deque([compile_schema(namespace, files)])
        # Made when the first record is judged: most commands judge none.
        self._quick: deque[etree.XMLSchema] = deque()
        rules = files.get("rules.sch")
        self._has_rules = rules is not None
        self._rules: deque[etree.XSLT] = deque()
        self._lock = threading.Lock()
        if rules is not None:
            self._rules.append(compile_rules("rules.sch", rules))

    def judge_schema(self, root: etree._Element) -> Sequence[SchemaFinding]:
        """What the XSD finds, in document order; nothing where the record is valid."""
        with self._lent(self._quick, self._quick_files) as schema:
            if schema.validate(root):
                return ()
        with self._lent(self._schemas, self._files) as schema:
            if schema.validate(root):
                return ()
            entries: Any = schema.error_log  # iterable, though the stubs do not say so
            first = itertools.islice(entries, MAX_FINDINGS)
            return tuple(SchemaFinding(entry.line, entry.type_name, entry.path or "", entry.message) for entry in first)

    def judge_rules(self, root: etree._Element) -> Sequence[RuleFinding]:
        """Which assertions fail; only for records that the XSD found valid.

        At most MAX_FINDINGS that refuse, and all that ask: neither may hide the other, nor a question go unasked.
        """
        if not self._has_rules:
            return ()
        with self._transformation() as transformation:
            report = transformation(root)
        failed = [_rule_finding(one) for one in report.getroot().iter(f"{{{SVRL}}}failed-assert")]
        refusing = itertools.islice((one for one in failed if not one.asks), MAX_FINDINGS)
        return (*refusing, *(one for one in failed if one.asks))

    @cached_property
    def _quick_files(self) -> Mapping[str, bytes]:
        return with_code_patterns(self._files)

    @contextmanager
    def _lent(self, schemas: deque[etree.XMLSchema], files: Mapping[str, bytes]) -> Iterator[etree.XMLSchema]:
        try:
            schema = schemas.pop()
        except IndexError:
            with self._lock:
                schema = compile_schema(self._namespace, files)
        try:
            yield schema
        finally:
            schemas.append(schema)

    @contextmanager
    def _transformation(self) -> Iterator[etree.XSLT]:
        try:
            transformation = self._rules.pop()
        except IndexError:
            with self._lock:
                transformation = compile_rules("rules.sch", self._files["rules.sch"])
        try:
            yield transformation
        finally:
            self._rules.append(transformation)
