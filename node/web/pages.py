"""The pages of a node as one application: routes with their acts, errors, static files."""

import secrets
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from node.access import Act
from node.journal import journal
from node.store.trouble import StoreUnavailable
from node.web.alarm_pages import AlarmPages
from node.web.alarms import StoredAlarms
from node.web.case_pages import CasePages
from node.web.context import Context
from node.web.headers import SecurityHeaders
from node.web.reading import StoredCases
from node.web.render import HERE, Templates
from node.web.sign_in_pages import SignInPages
from node.web.views import CaseReader
from node.web.visits import Forbidden, Page, door, visit_of

_RETRY_SECONDS = 10
_STATIC_SECONDS = 3600


class _Alias(Convertor[str]):
    """A case's number as people see it, 2026-0417."""

    regex = "[0-9]{4}-[0-9]{4,9}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class _Number(Convertor[int]):
    """A message's or part's number; longer ones are nothing that a node ever gave."""

    regex = "[0-9]{1,6}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


class _RowId(_Number):
    """The id of an alarm: 63 bits."""

    regex = "[0-9]{1,19}"


register_url_convertor("alias", _Alias())
register_url_convertor("row", _RowId())
register_url_convertor("n", _Number())


@dataclass(frozen=True, slots=True)
class PageRoute:
    """One address; `act` None means that nobody needs to be signed in."""

    method: str
    path: str
    act: Act | None
    page: Page


def page_routes(sign_in: SignInPages, cases: CasePages, alarms: AlarmPages) -> tuple[PageRoute, ...]:
    """Every route with what one must be allowed to do; static files and nothing else stand beside them."""
    message = "/cases/{alias:alias}/messages/{n:n}"
    return (
        PageRoute("GET", "/sign-in", None, sign_in.ask),
        PageRoute("POST", "/sign-in", None, sign_in.enter),
        PageRoute("POST", "/sign-out", None, sign_in.leave),
        PageRoute("GET", "/", Act.LIST_CASES, cases.home),
        PageRoute("GET", "/cases", Act.LIST_CASES, cases.list),
        PageRoute("GET", "/cases/{alias:alias}", Act.LIST_CASES, cases.case),
        PageRoute("GET", message, Act.LIST_CASES, cases.message),
        PageRoute("GET", message + "/raw", Act.READ_RECORDS, cases.raw),
        PageRoute("GET", message + "/response", Act.READ_RECORDS, cases.response),
        PageRoute("GET", message + "/parts/{k:n}", Act.READ_RECORDS, cases.part),
        PageRoute("GET", message + "/parts/{k:n}/picture", Act.READ_RECORDS, cases.picture),
        PageRoute("GET", "/queue", Act.LIST_ALARMS, alarms.list),
        PageRoute("GET", "/queue/{id:row}", Act.LIST_ALARMS, alarms.alarm),
        PageRoute("POST", "/queue/{id:row}", Act.SETTLE_ALARM, alarms.settle),
    )


def create_pages(context: Context, reader: CaseReader | None = None) -> Starlette:
    """The application to mount at the root of the inside listener. Without `reader` it reads the node's own tables."""
    templates = Templates(context)
    errors = _ErrorPages(context, templates)
    stored = reader or StoredCases(
        context.database,
        context.kek,
        context.blobs,
        context.domains,
        templates.language,
        context.settings.party,
    )
    alarms = AlarmPages(templates, StoredAlarms(context, templates.language))
    routes = page_routes(SignInPages(templates), CasePages(templates, stored), alarms)
    return Starlette(
        routes=[
            *(Route(r.path, door(context, r.act, r.page, errors.broken), methods=[r.method]) for r in routes),
            Mount("/static", _Static(directory=HERE / "static")),
        ],
        exception_handlers={
            HTTPException: errors.refused,
            Forbidden: errors.forbidden,
            StoreUnavailable: errors.unavailable,
        },
        middleware=[Middleware(SecurityHeaders, secure=context.settings.secure_cookies)],
    )


class _Static(StaticFiles):
    """Stylesheets, fonts and the icon, which browsers may keep for an hour."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = f"public, max-age={_STATIC_SECONDS}"
        return response


class _ErrorPages:
    """Errors say what was not done and what to do; none says whether something exists that one may not see."""

    def __init__(self, context: Context, templates: Templates) -> None:
        self._context = context
        self._templates = templates
        self._journal = journal("web")

    async def refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        _ = self._templates.language.gettext
        if error.status_code == 404:
            return await self._page(
                request,
                404,
                _("There is nothing at this address"),
                texts=(
                    _(
                        "The address may be mistyped, or the case may have been erased when its time ran out. "
                        "Erased cases leave an entry in the log."
                    ),
                    _("If you think you should see it, you may not have the right to."),
                ),
            )
        response = await self._page(
            request,
            error.status_code,
            _("The node could not understand this request"),
            lead=_("Nothing was changed."),
            texts=(_("Go back, load the page anew and try again."),),
        )
        response.headers.update(error.headers or {})
        return response

    async def forbidden(self, request: Request, error: Exception) -> Response:
        _ = self._templates.language.gettext
        return await self._page(
            request,
            403,
            _("This form is too old, or came from another site"),
            lead=_("Nothing was changed."),
            texts=(_("You may have signed in anew since the page was loaded. Load it anew and try again."),),
        )

    async def unavailable(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, StoreUnavailable)
        reference = self._reference()
        self._journal.error("page_unavailable", reference=reference, reason=str(error.reason))
        _ = self._templates.language.gettext
        response = await self._page(
            request,
            503,
            _("The node cannot reach what it keeps"),
            lead=_("Nothing was changed, and nothing was lost."),
            texts=(_("Try again in a moment. If it stays so, tell your IT staff and give them the reference."),),
            reference=reference,
        )
        response.headers["retry-after"] = str(_RETRY_SECONDS)
        return response

    async def broken(self, request: Request, error: Exception) -> Response:
        reference = self._reference()
        # The kind of error and where it arose; its text might quote a record.
        place = _place(error)
        self._journal.error("page_broken", reference=reference, error=type(error).__name__, place=place)
        _ = self._templates.language.gettext
        return await self._page(
            request,
            500,
            _("The node could not show this page"),
            lead=_("Nothing was sent to any partner."),
            texts=(_("This is a fault of the software. Tell your IT staff and give them the reference."),),
            reference=reference,
        )

    async def _page(
        self,
        request: Request,
        status: int,
        heading: str,
        lead: str = "",
        texts: tuple[str, ...] = (),
        reference: str = "",
    ) -> Response:
        _ = self._templates.language.gettext
        try:
            visit = await visit_of(request, self._context, {})
        except StoreUnavailable:  # then the page stands without the person's name and menu
            visit = None
        return self._templates.page(
            "problem.html",
            visit,
            status,
            code=status,
            heading=heading,
            lead=lead,
            texts=texts,
            reference=reference,
            links=(("/cases", _("Look at the cases")),),
        )

    @staticmethod
    def _reference() -> str:
        text = secrets.token_hex(4).upper()
        return f"E-{text[:4]}-{text[4:]}"


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
