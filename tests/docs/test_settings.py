"""The reference of the settings lists every setting with its default and what the program says of it."""

import re

from pydantic.fields import FieldInfo

from node.config import OTHER_VARIABLES, Settings
from tests.docs.console import ROOT

PAGE = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
ROWS = {name: (default, said) for name, default, said in re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", PAGE, re.M)}


def default_of(setting: FieldInfo) -> str:
    """As the page writes it."""
    if setting.is_required():
        return "needed"
    if setting.default in (None, ()):
        return "none"
    return str(setting.default).lower() if isinstance(setting.default, bool) else f"`{setting.default}`"


def test_the_page_lists_the_settings_in_order() -> None:
    assert list(ROWS) == list(Settings.model_fields)


def test_defaults_and_descriptions_are_those_of_the_program() -> None:
    for name, setting in Settings.model_fields.items():
        default, said = ROWS[name]
        assert default == default_of(setting), name
        assert setting.description is None or said == setting.description, name


def test_variables_that_are_no_settings_are_named_too() -> None:
    assert set(re.findall(r"`(DEPESHA_\w+)`", PAGE)) >= OTHER_VARIABLES
