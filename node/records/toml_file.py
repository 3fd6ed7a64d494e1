"""A TOML file of a domain's folder read into a table, and its values shown in the words of an error.

Whoever writes such a file may write anything: what cannot be read is one kind of error, and what is shown is short.
"""

import tomllib
from typing import Any

_SHOWN = 60
"""Characters of a text that an error repeats: enough to find it by, and the error stays one line."""
_NUMBER_BITS = 63
"""A number beyond that is told of and not written out: Python refuses to write very long ones."""


class TomlError(Exception):
    """A file that is no TOML; the text says why, and where the parser knows it, in which line."""


def read_toml(content: bytes) -> dict[str, Any]:
    """The table that the file is. Raises TomlError."""
    try:
        return tomllib.loads(content.decode())
    except RecursionError as error:
        raise TomlError("brackets stand within brackets too deep to be read") from error
    except ValueError as error:  # besides its own errors, those of numbers that are too long and of the encoding
        raise TomlError(str(error)) from error


def shown(value: Any) -> str:
    """A value of a TOML file as an error repeats it: as it stands in the file, or what kind of value it is."""
    if isinstance(value, str):
        return repr(value if len(value) <= _SHOWN else value[:_SHOWN] + "…")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value) if value.bit_length() <= _NUMBER_BITS else "a long number"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return str(value)
