"""Persons of cases: finding them, remembering who is the same, another, or a twin, and reading what documents say."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from node.access.programs import Program
from node.api.context import ApiContext, Caller, case_for
from node.api.models import MrzLines, NameInScript, PersonsAsked, PersonsLinked
from node.api.problems import invalid
from node.exchange.person_find import find_person
from node.exchange.person_links import LinkRefused, PersonPlace, find_place, link_persons, split_place
from node.records.person_query import QueryRefused
from node.records.persons.mrz import MrzError
from node.records.persons.told import tell_latin, tell_mrz


@dataclass(frozen=True, slots=True)
class Persons:
    """The routes of persons."""

    context: ApiContext

    def find(self, asked: PersonsAsked, program: Caller) -> Any:
        """Find persons by name, document or file number, date of birth or case number, in cases of the program's unit
        and of none. Each search is logged. What is looked for stands in the body, so that no address holds a name."""
        try:
            return find_person(self.context.node, asked.text, program.handle, program.unit)
        except QueryRefused as error:
            raise invalid("text", "", "a name of three letters or more, a number or a date", str(error)) from error

    def link(self, linked: PersonsLinked, program: Caller) -> Any:
        """Remember that two persons are the same, another, or twins; the last word holds, and no partner is told."""
        with self.context.node.database.read() as connection:
            one = self._place(connection, program, "one", linked.one)
            other = self._place(connection, program, "other", linked.other)
        try:
            return link_persons(self.context.node, one, other, linked.kind, program.handle)
        except LinkRefused as error:
            raise invalid("other", linked.other, "another person than `one`", str(error)) from error

    def mrz(self, given: MrzLines, program: Caller) -> Any:
        """Read and check the machine-readable lines of a travel document or visa. Nothing is kept or looked up; what
        does not agree is listed. The lines stand in the body, so that no address holds them."""
        try:
            return tell_mrz(given.lines, self.context.node.now().date())
        except MrzError as error:
            one = error.problem
            place = f"lines[{one.line - 1}]" if one.line <= len(given.lines) else "lines"
            raise invalid(place, one.found, one.expected, one.remedy) from error

    def latin(self, given: NameInScript, program: Caller) -> Any:
        """Propose Latin letters for a name in its own script; a person decides. Nothing is kept."""
        return tell_latin(given.name, given.language)

    def _place(self, connection: Connection, program: Program, field: str, text: str) -> PersonPlace:
        """The person, of a case that the program's unit sees."""
        try:
            case, _ = split_place(text)
            case_for(connection, program, case)
            return find_place(self.context.node, connection, text)
        except LinkRefused as error:
            raise invalid(field, text, "a case and a person of it, as 2026-0417/p1", str(error)) from error
