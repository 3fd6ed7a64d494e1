"""What a record says of its persons, held against itself: for an officer to look at again, never a ground of refusal.

Machine-readable lines against their own check digits and the fields beside them (ICAO Doc 9303 parts 3 to 7), names in
Latin letters against what their own script gives by language, means of evidence against the lists of the terms.
Everything follows from marks; where a mark is not used there is nothing to find.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from lxml import etree

from node.records.explain import numbered_path
from node.records.marked import RecordFields, text_of
from node.records.persons import (
    Means,
    Mrz,
    MrzError,
    PartialDate,
    PartialDateError,
    Weight,
    number_key,
    propose,
    read_mrz,
    read_partial_date,
    same_name,
    weigh,
)
from node.records.problems import Problem
from node.records.reading import line_of

MRZ, TRANSLITERATION, NOT_COUNTED, UNCERTAIN = "mrz", "transliteration", "evidence-not-counted", "evidence-uncertain"
# A name whose language nobody named is read as one of these, or of none (the tables' own column).
_ANY_LANGUAGE = ("sr", "mk", "de", "")


@dataclass(frozen=True, slots=True)
class EvidenceLists:
    """By what evidence is weighed: rows of the domain, the lists that the terms name, what those call the requested
    party, the title of the terms."""

    means: tuple[Means, ...]
    lists: tuple[str, ...]
    requested: str
    terms: str


@dataclass(frozen=True, slots=True)
class WeighedEvidence:
    """One piece of evidence in a record, and how it counts: about what (None: it counts about nothing)."""

    path: str
    line: int
    persons: tuple[str, ...]
    code: str
    issued: str | None
    about: str | None
    weight: Weight


@dataclass(frozen=True, slots=True)
class _Person:
    names: tuple[tuple[str, str], ...]
    births: tuple[PartialDate, ...]


def person_findings(fields: RecordFields, today: date) -> list[Problem]:
    """What contradicts itself in lines and names, in document order. `today` decides the centuries of the lines."""
    persons = _persons(fields)
    found = [one for holder in fields.holders("mrz") for one in _of_lines(holder, fields, persons, today)]
    return found + [one for holder in fields.marked("person") for one in _of_names(holder, fields)]


def evidence_findings(fields: RecordFields, lists: EvidenceLists) -> list[Problem]:
    """The pieces of evidence that do not count under these lists, or only if something unknown is in their favour."""
    found: list[Problem] = []
    for one in weighed_evidence(fields, lists):
        said = one.code if one.issued is None else f"{one.code}, issued {one.issued}"
        if one.weight.at_best is None:
            found.append(
                Problem.at(
                    one.path,
                    one.line,
                    rule=NOT_COUNTED,
                    found=said,
                    expected=f"evidence that counts under {lists.terms} ({'; '.join(lists.lists)})",
                    remedy="Bring other evidence forward too, or send it as what it is.",
                )
            )
        elif one.weight.strength != one.weight.at_best:
            found.append(
                Problem.at(
                    one.path,
                    one.line,
                    rule=UNCERTAIN,
                    found=said,
                    expected=f"a date of issue by which it certainly counts as {one.weight.at_best}",
                    remedy=f"Under {lists.terms} {'; '.join(one.weight.doubts)}.",
                )
            )
    return found


def weighed_evidence(fields: RecordFields, lists: EvidenceLists) -> tuple[WeighedEvidence, ...]:
    """How each piece of evidence of the record counts under these lists, in document order; one for each thing that
    its code may be evidence of."""
    return tuple(one for node in fields.marked("evidence") for one in _weighed(node, fields, lists))


def has_evidence(fields: RecordFields) -> bool:
    """Whether the record has any piece of evidence."""
    return any(True for _ in fields.marked("evidence"))


def _weighed(node: etree._Element, fields: RecordFields, lists: EvidenceLists) -> Iterator[WeighedEvidence]:
    code = text_of(node)
    holder = node.getparent()
    around = node if holder is None else holder
    persons = tuple(fields.texts(around, "person-reference"))
    issued = next(iter(fields.texts(around, "issue-date")), None)
    about = dict.fromkeys(row.about for row in lists.means if row.code == code and row.list in lists.lists)
    weights = [(one, weigh(lists.means, code, one, lists.lists, lists.requested, _date(issued))) for one in about]
    counting: list[tuple[str | None, Weight]] = [(one, weight) for one, weight in weights if weight.at_best is not None]
    for one, weight in counting or [(None, Weight(None, None, ()))]:
        yield WeighedEvidence(numbered_path(around), line_of(node), persons, code, issued, one, weight)


def _of_lines(
    holder: etree._Element, fields: RecordFields, persons: dict[str, _Person], today: date
) -> Iterator[Problem]:
    """What is wrong with the lines of one document."""
    lines = fields.beside(holder, "mrz")

    def problem(rule: str, found: str, expected: str, remedy: str, at: int = 0) -> Problem:
        node = lines[min(at, len(lines) - 1)]
        return Problem.at(
            numbered_path(node), line_of(node), rule=f"{MRZ}-{rule}", found=found, expected=expected, remedy=remedy
        )

    try:
        mrz = read_mrz([text_of(node) for node in lines], today)
    except MrzError as error:
        wrong = error.problem
        yield problem(wrong.field, wrong.found, wrong.expected, wrong.remedy, wrong.line - 1)
        return
    # The last digit is over all the others: where one of them is wrong, it is too.
    digits = [one for one in mrz.problems if one.field != "composite"] or list(mrz.problems)
    for one in digits:
        yield problem(one.field, one.found, one.expected, one.remedy, one.line - 1)
    remedy = "Compare the record with the document: one of the two is wrong."
    numbers = fields.texts(holder, "document-number")
    if numbers and number_key(mrz.number) not in {number_key(number) for number in numbers}:
        yield problem("other-number", mrz.number, f"the document's number {' or '.join(numbers)}", remedy)
    concerned = [persons[one] for one in fields.texts(holder, "person-reference") if one in persons]
    births = [born for person in concerned for born in person.births]
    if births and not any(mrz.birth.may_be(born) for born in births):
        expected = f"the person's date of birth {' or '.join(map(str, births))}"
        yield problem("other-birth", str(mrz.birth), expected, remedy)
    names = [name for person in concerned for name in person.names]
    if names and not any(_same(mrz, *name) for name in names):
        expected = "a name of the person: " + " or ".join(", ".join(filter(None, name)) for name in names)
        yield problem("other-name", ", ".join(filter(None, (mrz.primary, mrz.secondary))), expected, remedy)


def _same(mrz: Mrz, primary: str, secondary: str) -> bool:
    """Whether the lines' name is this one, however transliterated; of a name that was cut, as far as it goes."""
    if not mrz.truncated:
        return _alike(mrz.primary, primary) and _alike(mrz.secondary, secondary)
    return _begins(primary, mrz.primary) and _begins(secondary, mrz.secondary)


def _alike(one: str, other: str) -> bool:
    return (not one and not other) or same_name(one, other)


def _begins(name: str, cut: str) -> bool:
    """Whether the words of `cut` begin those of the name, in order."""
    words = [propose(word, "").document for word in name.replace("-", " ").split()]
    cut_words = cut.split()
    return len(cut_words) <= len(words) and all(
        word.replace("'", "").startswith(part) or same_name(part, word)
        for part, word in zip(cut_words, words, strict=False)
    )


def _of_names(holder: etree._Element, fields: RecordFields) -> Iterator[Problem]:
    """Names of one person whose Latin letters are not those that their own script gives."""
    spoken = tuple(map(text_of, fields.own(holder, "language")))
    languages = spoken or _ANY_LANGUAGE
    for node in fields.own(holder, "person-name"):
        native = " ".join(fields.texts(node, "name-native"))
        if not native:
            continue
        written = " ".join(fields.texts(node, "name-primary") + fields.texts(node, "name-secondary"))
        proposals = list(dict.fromkeys(propose(native, language).document for language in languages))
        if any(_letters(written, language) in {_bare(one) for one in proposals} for language in languages):
            continue
        if any(propose(native, language).unknown for language in languages):
            continue  # of another script than the tables have: nothing is proposed
        yield Problem.at(
            numbered_path(node),
            line_of(node),
            rule=TRANSLITERATION,
            found=f"{written} for {native}",
            expected=" or ".join(proposals),
            remedy="Write the name as the travel document has it; if that is how it stands there, it is right.",
        )


def _letters(name: str, language: str) -> str:
    return _bare(propose(name, language).document)


def _bare(name: str) -> str:
    """The letters of a name alone."""
    return "".join(letter for letter in name if letter.isalpha())


def _persons(fields: RecordFields) -> dict[str, _Person]:
    """What the record says of each person that it describes, by id within the case."""
    names: dict[str, list[tuple[str, str]]] = {}
    births: dict[str, list[PartialDate]] = {}
    for holder in fields.marked("person"):
        name = fields.person_id(holder)
        if name is None:
            continue
        for node in fields.own(holder, "person-name"):
            primary, secondary = (" ".join(fields.texts(node, part)) for part in ("name-primary", "name-secondary"))
            names.setdefault(name, []).append((primary, secondary))
        for node in fields.own(holder, "date-of-birth"):
            if (born := _date(text_of(node))) is not None:
                births.setdefault(name, []).append(born)
    return {one: _Person(_with_surnames(names.get(one, [])), tuple(births.get(one, ()))) for one in {*names, *births}}


def _with_surnames(names: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The names; an earlier surname that stands without given names goes with those of the person's name too."""
    given = next((secondary for _, secondary in names if secondary), "")
    return tuple(dict.fromkeys([*names, *((primary, given) for primary, secondary in names if not secondary)]))


def _date(text: str | None) -> PartialDate | None:
    if text is None:
        return None
    try:
        return read_partial_date(text)
    except PartialDateError:
        return None
