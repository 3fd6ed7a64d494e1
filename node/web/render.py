"""Templates: the environment, and what every page gets. Values are escaped; nothing here marks foreign text as safe."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from node.access import Role
from node.web.context import Context, zone_of_country
from node.web.language import Language
from node.web.views import Fact, FieldRow
from node.web.visits import Visit

HERE = Path(__file__).parent


class Templates:
    """The templates of one node in its language."""

    def __init__(self, context: Context) -> None:
        settings = context.settings
        self.context = context
        self.language = Language.of(settings.language, settings.zone or zone_of_country(settings.country))
        self._environment = jinja2.Environment(
            loader=jinja2.ChoiceLoader(
                [
                    jinja2.FileSystemLoader(HERE / "templates"),
                    jinja2.PrefixLoader(
                        {"govuk_frontend_jinja": jinja2.PackageLoader("govuk_frontend_jinja")},
                    ),
                ]
            ),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        language = self.language
        self._environment.install_gettext_callables(  # type: ignore[attr-defined]
            language.catalogue.gettext, language.catalogue.ngettext, newstyle=True
        )
        self._environment.filters.update(
            moment=language.moment, short=language.short, exact=language.exact, size=language.size, iso=_iso
        )
        self._environment.globals.update(
            language=language, settings=settings, summary_rows=self._summary_rows, visit=None, here="", personal=False
        )
        # The kit's macros test for parameters that were not given; ours must not miss any.
        self._kit_undefined()

    def _kit_undefined(self) -> None:
        self._environment.undefined = _KitUndefined

    def page(self, template: str, visit: Visit | None, status: int = 200, **values: Any) -> HTMLResponse:
        """The template filled in."""
        now = self.context.clock()
        text = self._environment.get_template(template).render(
            visit=visit,
            now=now,
            path=visit.request.url.path if visit else "",
            role_name=self.role_name(visit.person.role) if visit and visit.person else "",
            **values,
        )
        return HTMLResponse(text, status)

    def role_name(self, role: Role) -> str:
        _ = self.language.gettext
        names = {
            Role.OFFICER: _("officer"),
            Role.IT: _("IT staff"),
            Role.AUDITOR: _("auditor"),
            Role.HEAD: _("head of unit"),
        }
        return names[role]

    def facts(self, facts: Iterable[Fact]) -> list[FieldRow]:
        """Facts as rows, moments written out."""
        return [
            FieldRow(
                f.label, self.language.precise(f.value) if isinstance(f.value, datetime) else f.value, None, f.code
            )
            for f in facts
        ]

    @staticmethod
    def _summary_rows(rows: Iterable[FieldRow], classes: str) -> dict[str, Any]:
        """Parameters of the kit's summary list."""
        return {
            "classes": classes,
            "rows": [{"key": {"text": row.label}, "value": _value(row)} for row in rows],
        }


class _KitUndefined(jinja2.Undefined):
    """Lenient about a missing attribute or key of a parameter (the kit's way), strict about unknown variables."""

    def _lenient(self) -> bool:
        return self._undefined_obj is not jinja2.utils.missing

    def __str__(self) -> str:
        return "" if self._lenient() else str(self._fail_with_undefined_error())

    def __iter__(self) -> Any:
        return iter(()) if self._lenient() else self._fail_with_undefined_error()


def _value(row: FieldRow) -> dict[str, Any]:
    text = Markup("<br>").join(row.value.splitlines()) if "\n" in row.value else escape(row.value)
    if row.code:
        text = Markup('<code class="brk">{}</code>').format(text)
    if row.lang:
        text = Markup('<span lang="{}">{}</span>').format(row.lang, text)
    return {"html": text}


def _iso(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
