"""Labels by language from `labels/<language>.po` (gettext): msgctxt is the end of a field's path, msgstr its label.

The longest end that fits wins: `Spouse/FullName` before `FullName`, so that a shared part is translated once and
named otherwise where it must.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from babel.messages.pofile import PoFileError, read_po

FALLBACK = "en"


class LabelError(Exception):
    """A file of labels that cannot be read."""


@dataclass(frozen=True, slots=True)
class Labels:
    by_language: Mapping[str, Mapping[str, str]]

    def find(self, path: str, language: str) -> str | None:
        """The label of the field at `path` (steps joined by `/`), in English where `language` lacks it, or None."""
        for known in (self.by_language.get(language), self.by_language.get(FALLBACK)):
            if known is None:
                continue
            end = path
            while end:
                if end in known:
                    return known[end]
                end = end.partition("/")[2]
        return None


def read_labels(files: Mapping[str, bytes]) -> Labels:
    """All `labels/*.po` of a folder's files. Raises LabelError whose text begins with the path."""
    languages: dict[str, dict[str, str]] = {}
    for path in sorted(files):
        if not (path.startswith("labels/") and path.endswith(".po")):
            continue
        try:
            catalog = read_po(io.BytesIO(files[path]), abort_invalid=True, charset="utf-8")
        except (PoFileError, UnicodeDecodeError) as error:
            raise LabelError(f"{path}: {error}") from error
        labels: dict[str, str] = {}
        for message in catalog:
            if not message.id:
                continue
            if not message.context or not isinstance(message.string, str):
                raise LabelError(f"{path}: '{message.id}' has no msgctxt that says which field it names")
            if message.string:
                labels[message.context] = message.string
        languages[PurePosixPath(path).stem] = labels
    return Labels(languages)
