"""Signing in by link and signing out."""

from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from node.access import LinkError, link_account, redeem, sign_out
from node.audit.entry import append, entry
from node.web.render import Templates
from node.web.visits import (
    Visit,
    check_double_token,
    check_session_form,
    new_double_token,
    own_address,
    read_cookie,
    set_cookie,
)

_DOUBLE = "-form"
_DOUBLE_SECONDS = 900


class SignInPages:
    def __init__(self, templates: Templates) -> None:
        self._templates = templates

    def ask(self, visit: Visit) -> Response:
        """GET: with a good token the button that uses it up; looking uses up nothing."""
        token = visit.request.query_params.get("token", "")
        following = own_address(visit.request.query_params.get("next"))
        if visit.person is not None and not token:
            return RedirectResponse(following or "/cases", 303)
        if not token:
            return self._page(visit, following=following)
        try:
            with visit.context.database.read() as connection:
                link_account(connection, token, visit.context.clock())
        except LinkError:
            return self._page(visit, status=410, refused=True)
        double = new_double_token()
        page = self._page(visit, token=token, double=double)
        set_cookie(page, visit.context, double, _DOUBLE, _DOUBLE_SECONDS)
        return page

    def enter(self, visit: Visit) -> Response:
        """POST: use the link up and begin a session; one that this browser had before ends."""
        check_double_token(visit, _DOUBLE)
        try:
            with visit.context.database.write() as connection:
                session, person = redeem(connection, visit.form.get("token", ""), visit.context.clock())
                if visit.session is not None:
                    sign_out(connection, visit.session)
                    if visit.person is not None:
                        _log(visit, connection, "account.signed-out", visit.person.handle)
                _log(visit, connection, "account.signed-in", person.handle)
        except LinkError:
            return self._page(visit, status=410, refused=True)
        response = RedirectResponse("/cases", 303)
        set_cookie(response, visit.context, session)
        set_cookie(response, visit.context, "", _DOUBLE)
        return response

    def leave(self, visit: Visit) -> Response:
        """POST: end the session. Asked again, or without one, it is over all the same."""
        if visit.session is not None:
            check_session_form(visit)
            with visit.context.database.write() as connection:
                sign_out(connection, visit.session)
                if visit.person is not None:
                    _log(visit, connection, "account.signed-out", visit.person.handle)
        response = RedirectResponse("/sign-in", 303)
        if read_cookie(visit.request, visit.context) is not None:
            set_cookie(response, visit.context, "")
        return response

    def _page(
        self,
        visit: Visit,
        status: int = 200,
        following: str | None = None,
        token: str = "",
        double: str = "",
        refused: bool = False,
    ) -> Response:
        return self._templates.page(
            "sign_in.html",
            visit,
            status,
            next=following,
            token=token,
            double=double,
            refused=refused,
        )


def _log(visit: Visit, connection: Connection, what: str, account: str) -> None:
    """An entry of the log, in the transaction that begins or ends the session."""
    made = entry(type=what, at=visit.context.clock(), actor=account, facts={})
    append(connection, [made], visit.context.kek)
