"""The list of cases, a case, a message, its parts and its signed form."""

from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response, StreamingResponse

from node.access import Act, Role
from node.web.contents import PICTURES
from node.web.headers import SANDBOXED
from node.web.render import Templates
from node.web.views import CaseList, CaseReader, Download, Fact, TimelineItem, View
from node.web.visits import Visit

_VIEWABLE = "text/plain; charset=utf-8"


class CasePages:
    def __init__(self, templates: Templates, reader: CaseReader) -> None:
        self._templates = templates
        self._reader = reader

    def home(self, visit: Visit) -> Response:
        return RedirectResponse("/cases", 303)

    def list(self, visit: Visit) -> Response:
        query = visit.request.query_params
        try:
            view = View(query.get("view", View.OPEN))
            after = int(query["after"]) if "after" in query else None
        except ValueError:
            raise HTTPException(404) from None
        cases = self._reader.cases(visit.signed_in, view, query.get("party") or None, after)
        t = self._templates
        _ = t.language.gettext
        views = self._views()
        return t.page(
            "cases.html",
            visit,
            here="cases",
            personal=visit.may(Act.READ_PERSONS),
            list=cases,
            views=views,
            address=_address,
            partner_items=[
                {"value": "", "text": _("All")},
                *(
                    {"value": partner.party, "text": partner.name, "selected": partner.party == cases.party}
                    for partner in cases.partners
                ),
            ],
            reads_persons=visit.may(Act.READ_PERSONS),
            more_persons=self._more_persons,
            command="" if cases.party or view is not View.OPEN else "depesha send RECORD.xml --to PARTY",
            summary=self._summary(cases),
            caption=_("Cases: %(view)s", view=dict(views)[view]),
            empty=self._empty(cases),
        )

    def case(self, visit: Visit) -> Response:
        page = self._reader.case(visit.signed_in, visit.request.path_params["alias"])
        if page is None:
            raise HTTPException(404)
        t = self._templates
        _ = t.language.gettext
        return t.page(
            "case.html",
            visit,
            here="case",
            personal=page.read_persons,
            page=page,
            marks_opened=visit.may(Act.MARK_OPENED),
            sends=visit.signed_in.role is not Role.AUDITOR,
            more_persons=self._more_persons,
            evidence_heading=self._evidence_heading,
            case_rows=t.facts(
                (
                    Fact(_("Number here"), page.alias),
                    *(Fact(_("Partner"), f"{partner.name} ({partner.party})") for partner in page.partners),
                    Fact(_("Began"), t.language.moment(page.since)),
                )
            ),
        )

    def message(self, visit: Visit) -> Response:
        """A message; that an officer looked at a received one is recorded before the page goes out."""
        alias, n = visit.request.path_params["alias"], visit.request.path_params["n"]
        page = self._reader.message(visit.signed_in, alias, n)
        if page is None:
            raise HTTPException(404)
        if page.unopened and visit.may(Act.MARK_OPENED) and _looked_at(visit):
            visit.context.mark_opened(page.row_id, visit.signed_in.handle)
            page = self._reader.message(visit.signed_in, alias, n) or page
        t = self._templates
        return t.page(
            "message.html", visit, here="case", personal=page.read_records, page=page, facts=t.facts(page.facts)
        )

    def part(self, visit: Visit) -> Response:
        found = self._part(visit)
        return _stream(found, found.media_type, attached=True)

    def picture(self, visit: Visit) -> Response:
        found = self._part(visit)
        if found.media_type not in PICTURES:
            raise HTTPException(404)
        return _stream(found, found.media_type, attached=False)

    def raw(self, visit: Visit) -> Response:
        p = visit.request.path_params
        found = self._reader.envelope(visit.signed_in, p["alias"], p["n"])
        if found is None:
            raise HTTPException(404)
        return _stream(found, _VIEWABLE, attached=False)

    def response(self, visit: Visit) -> Response:
        p = visit.request.path_params
        found = self._reader.response(visit.signed_in, p["alias"], p["n"])
        if found is None:
            raise HTTPException(404)
        return _stream(found, _VIEWABLE, attached=False)

    def _part(self, visit: Visit) -> Download:
        p = visit.request.path_params
        found = self._reader.part(visit.signed_in, p["alias"], p["n"], p["k"])
        if found is None:
            raise HTTPException(404)
        return found

    def _views(self) -> tuple[tuple[View, str], ...]:
        _ = self._templates.language.gettext
        return (
            (View.OPEN, _("Open")),
            (View.UNREAD, _("Not read yet")),
            (View.OURS, _("Waiting for us")),
            (View.THEIRS, _("Waiting for partners")),
            (View.TROUBLE, _("Not delivered")),
            (View.CLOSED, _("Closed")),
        )

    def _summary(self, cases: CaseList) -> str:
        language = self._templates.language
        of_view = cases.counts[cases.view]
        values = {"shown": language.number(len(cases.rows)), "total": language.number(of_view.n)}
        if of_view.more:
            return language.gettext("%(shown)s of more than %(total)s cases, newest change first.", **values)
        if of_view.n > len(cases.rows):
            return language.gettext("%(shown)s of %(total)s cases, newest change first.", **values)
        return language.ngettext("%(n)s case.", "%(n)s cases, newest change first.", of_view.n)

    def _empty(self, cases: CaseList) -> tuple[str, ...]:
        """Why there is nothing, and what to do next."""
        _ = self._templates.language.gettext
        if cases.party:
            return (
                _("No case with this partner here"),
                _("Take another partner or another view."),
            )
        match cases.view:
            case View.UNREAD:
                return (
                    _("Everything has been read"),
                    _("A case comes here when a partner sends a message and no officer has opened it."),
                )
            case View.OURS:
                return (
                    _("No partner waits for us"),
                    _("A case comes here when the last message in it is the partner’s."),
                )
            case View.THEIRS:
                return (
                    _("We wait for no partner"),
                    _("A case comes here when the last message in it is ours."),
                )
            case View.TROUBLE:
                return (
                    _("Every message has been delivered or is on its way"),
                    _("A case comes here when a message in it was refused or could not be delivered."),
                )
            case View.CLOSED:
                return (_("No case is closed"), _("Closed cases stay here until they are erased."))
            case View.OPEN:
                return (
                    _("There is no case yet"),
                    _("A case begins when a partner sends a first record, or when you send one."),
                )

    def _more_persons(self, n: int) -> str:
        return self._templates.language.ngettext("and %(n)s more person", "and %(n)s more persons", n)

    def _evidence_heading(self, item: TimelineItem) -> str:
        _ = self._templates.language.gettext
        if item.ours:
            return _("What you sent with message %(n)s", n=item.message)
        return _("What came with message %(n)s", n=item.message)


def _address(view: str, party: str | None = None, after: int | None = None) -> str:
    query = {"view": str(view), "party": party, "after": after}
    return "/cases?" + urlencode({name: value for name, value in query.items() if value is not None})


def _looked_at(visit: Visit) -> bool:
    """Whether a person sees the answer: browsers also fetch pages in advance and say so."""
    headers = visit.request.headers
    return visit.request.method == "GET" and "prefetch" not in headers.get("sec-purpose", headers.get("purpose", ""))


def _stream(found: Download, media_type: str, attached: bool) -> Response:
    disposition = "attachment" if attached else "inline"
    return StreamingResponse(
        found.octets,
        media_type=media_type,
        headers={
            "content-length": str(found.size),
            "content-disposition": f'{disposition}; filename="{found.file_name}"',
            "content-security-policy": SANDBOXED,
        },
    )
