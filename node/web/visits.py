"""A visit: one request with the person behind it. Cookies, form tokens, and the door that every route passes.

The session cookie is `__Host-` by https, HttpOnly and SameSite=Strict: a link in a mail or on a foreign site brings
nobody's session along, so no foreign page can make an officer "open" a message. Who follows such a link while signed in
sees the sign-in page with a link to go on, which is then a request of our own site. The cookie's name holds a digest of
the party id, because browsers do not keep the cookies of two nodes on one host apart by port.
"""

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from node.access import SESSION_LIFETIME, Act, Person, allowed, session_account
from node.store.trouble import StoreUnavailable
from node.web.context import Context
from node.web.queries import count_alarms

FORM_LIMIT = 8192
"""Our forms hold a token or two, and a note of 500 letters, each of at most 9 characters when it is sent."""
_FORM_TYPE = "application/x-www-form-urlencoded"


class Forbidden(Exception):
    """A form came without the token that its page had, or from another site. Nothing was done."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request; `person` and `session` (the token) are None for whoever is not signed in.

    `alarms` is how many are open that the person may see.
    """

    request: Request
    context: Context
    person: Person | None
    session: str | None
    form: dict[str, str]
    alarms: int = 0

    @property
    def form_token(self) -> str:
        """The token that this session's forms carry; made from the session's, which the page itself never shows."""
        return _form_token(self.session or "")

    @property
    def signed_in(self) -> Person:
        """The person, on routes that have an act."""
        if self.person is None:
            raise HTTPException(404)
        return self.person

    @property
    def may_see_alarms(self) -> bool:
        """Whether the menu leads to them."""
        return self.may(Act.LIST_ALARMS)

    def may(self, act: Act) -> bool:
        return self.person is not None and allowed(self.person.role, act)


Page = Callable[[Visit], Response]


def cookie_name(party: str, secure: bool, use: str = "") -> str:
    """`__Host-depesha-1a2b3c4d` by https, without the prefix on loopback; `use` sets another cookie apart."""
    node = hashlib.sha256(party.encode()).hexdigest()[:8]
    return f"{'__Host-' if secure else ''}depesha-{node}{use}"


def read_cookie(request: Request, context: Context, use: str = "") -> str | None:
    """One of our cookies, as the browser sent it."""
    settings = context.settings
    return request.cookies.get(cookie_name(settings.party, settings.secure_cookies, use))


def set_cookie(response: Response, context: Context, value: str, use: str = "", seconds: int | None = None) -> None:
    """Set one of our cookies; an empty value takes it away."""
    lifetime = int(SESSION_LIFETIME.total_seconds()) if seconds is None else seconds
    response.set_cookie(
        cookie_name(context.settings.party, context.settings.secure_cookies, use),
        value,
        max_age=lifetime if value else 0,
        path="/",
        secure=context.settings.secure_cookies,
        httponly=True,
        samesite="strict",
    )


def door(
    context: Context, act: Act | None, page: Page, on_fault: Callable[[Request, Exception], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of a route: it lets in who may do `act` (None: everybody), and forms only from our own pages.

    Who is not signed in is led to the sign-in page; who may not do the act is told the same as when nothing were there.
    What no one foresaw becomes the answer of `on_fault` here, before a server could print its text, which may quote.
    """

    async def endpoint(request: Request) -> Response:
        try:
            return await enter(request)
        except (HTTPException, Forbidden, StoreUnavailable):
            raise
        except Exception as error:
            return await on_fault(request, error)

    async def enter(request: Request) -> Response:
        form = await _read_form(request) if request.method == "POST" else {}
        visit = await visit_of(request, context, form)
        if act is not None and visit.person is None:
            if request.method not in ("GET", "HEAD"):
                raise HTTPException(404)
            return RedirectResponse("/sign-in?next=" + quote(request.url.path, safe=""), 303)
        if act is not None and not visit.may(act):
            raise HTTPException(404)
        if request.method == "POST":
            _check_origin(request)
            if visit.session is not None and act is not None:
                _check_token(visit.form_token, form)
        return await run_in_threadpool(page, visit)

    return endpoint


async def visit_of(request: Request, context: Context, form: dict[str, str]) -> Visit:
    """Find out who asks, once a request; error pages ask again. Raises StoreUnavailable."""
    found: Visit | None = getattr(request.state, "visit", None)
    if found is None:
        found = await run_in_threadpool(_visit, request, context, form)
        request.state.visit = found
    return found


def check_session_form(visit: Visit) -> None:
    """For public routes whose form belongs to a session. Raises Forbidden."""
    _check_token(visit.form_token, visit.form)


def new_double_token() -> str:
    """A token for a form that is shown before there is a session: the same value in a cookie and in the form."""
    return secrets.token_urlsafe(24)


def check_double_token(visit: Visit, use: str) -> None:
    """The form's token must be the cookie's. Raises Forbidden."""
    cookie = read_cookie(visit.request, visit.context, use)
    if not cookie:
        raise Forbidden
    _check_token(cookie, visit.form)


def own_address(text: str | None) -> str | None:
    """The address if it is a plain path on this site, else None: never sends anyone elsewhere."""
    if text is None or len(text) > 200 or not text.startswith("/") or text.startswith("//"):
        return None
    return text if all(c.isascii() and (c.isalnum() or c in "/-._") for c in text) else None


def _visit(request: Request, context: Context, form: dict[str, str]) -> Visit:
    token = read_cookie(request, context)
    person, alarms = None, 0
    if token:
        with context.database.read() as connection:
            person = session_account(connection, token, context.clock())
            if person is not None and allowed(person.role, Act.LIST_ALARMS):
                alarms = count_alarms(connection, person)
    return Visit(request, context, person, token if person else None, form, alarms)


async def _read_form(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM_TYPE:
        raise HTTPException(415)
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > FORM_LIMIT:
            raise HTTPException(413)
    try:
        return dict(parse_qsl(body.decode("ascii"), strict_parsing=True, max_num_fields=16))
    except ValueError:
        raise HTTPException(400) from None


def _check_origin(request: Request) -> None:
    # Origin itself is "null" under our no-referrer policy; Sec-Fetch-Site cannot be set by a page.
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden


def _check_token(expected: str, form: dict[str, str]) -> None:
    if not hmac.compare_digest(expected.encode(), form.get("form_token", "").encode()):
        raise Forbidden


def _form_token(session: str) -> str:
    return hmac.new(session.encode(), b"depesha/form/v1", hashlib.sha256).hexdigest()
