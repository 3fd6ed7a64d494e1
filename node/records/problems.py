"""What is wrong with a record: once for whoever holds it, once, without any value, for the peer who sent it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class PeerProblem:
    """What an authenticated peer may be told: where, which rule, what was expected. Never the value that was found."""

    path: str
    rule: str
    expected: str

    def __str__(self) -> str:
        return f"{self.path}: {self.rule}: expected {self.expected}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding.

    `field` is the place in short (the last steps, with the number among equals), `path` the whole way from the root;
    `found` holds the value and is for local use only: it goes to no peer, log, metric or error detail.
    """

    file: str
    line: int
    field: str
    path: str
    found: str
    expected: str
    remedy: str
    rule: str

    @classmethod
    def at(cls, path: str, line: int, *, rule: str, found: str, expected: str, remedy: str) -> "Problem":
        """A finding at `path`, in a record that no file is known of yet; its field is the path without the root."""
        field = path.partition("/")[2] or path
        return cls(file="", line=line, field=field, path=path, found=found, expected=expected, remedy=remedy, rule=rule)

    def for_peer(self) -> PeerProblem:
        return PeerProblem(path=self.path, rule=self.rule, expected=self.expected)

    def in_file(self, file: str) -> "Problem":
        return replace(self, file=file)

    def in_words(self) -> str:
        """The finding in a line for its holder."""
        return words_of(self.as_row())

    def as_row(self) -> dict[str, str | int]:
        """The row that `record check --json` prints."""
        return {
            "file": self.file,
            "line": self.line,
            "field": self.field,
            "found": self.found,
            "expected": self.expected,
            "remedy": self.remedy,
        }


def words_of(row: Mapping[str, object]) -> str:
    """A finding (as `Problem.as_row` gives it) in a line: file, line, field, found, expected, remedy.

    Line and field are left out where it is about the file as a whole (line 0, field `/`).
    """
    place = f"{row['file']}:{row['line']}" if row["line"] else row["file"]
    field = "" if row["field"] == "/" else f"{row['field']}: "
    return f"{place}: {field}found {row['found']}, expected {row['expected']}. {row['remedy']}"
