"""How a route is declared, and what every route does before and after its own work.

Whoever comes this far was let in by `door`. Then, in this order: the act that the route is, and its scope; what of the
answer is accepted; what the request carries (media type, size, parameters); its idempotency key; its conditions. What a
route raises becomes a problem here.
"""

import json
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial, wraps
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope as AsgiScope

from node.access import Act, allowed
from node.access.programs import Program, Scope
from node.api import keyed
from node.api.conditions import is_known, require_unchanged, tag_of
from node.api.context import ApiContext
from node.api.problems import Refusal, invalid, refusal_of

JSON_LIMIT = 256 * 1024
"""A card with certificates has some kilobytes."""
JSON = "application/json"
FORM = "multipart/form-data"
_FIRST_PRINTABLE, _DELETE = " ", "\x7f"
_condition: ContextVar[Callable[[], None]] = ContextVar("condition")


class Takes(StrEnum):
    """What the body of a request is."""

    NOTHING = "nothing"
    JSON = JSON
    FORM = FORM


@dataclass(frozen=True, slots=True)
class Declared:
    """One address and method: who may, and how it answers.

    `act` and `scope` decide who may use it; `current` gives what If-Match is compared with; `tagged` that the answer
    has an entity tag of what it says; `keys` that it sees to idempotency keys by itself, `kept` makes of an
    answer what is kept of it for a key.
    """

    method: str
    path: str
    act: Act
    scope: Scope | None
    run: Callable[..., Any]
    summary: str
    tag: str
    answer: Any = None
    status: int = 200
    takes: Takes = Takes.NOTHING
    gives: str | None = JSON
    tagged: bool = False
    current: Callable[[Program, Mapping[str, Any]], Any] | None = None
    keys: bool = False
    kept: Callable[[Response], Response] | None = None
    may_refuse: tuple[int, ...] = ()
    documented: Mapping[str, Any] = field(default_factory=dict)


class Guarded(APIRoute):
    """A route as it was declared."""

    def __init__(self, context: ApiContext, declared: Declared, **described: Any) -> None:
        self.context = context
        self.declared = declared
        self.below: Sequence[re.Pattern[str]] = ()
        """Of a path that ends with an id that may hold slashes: the addresses that stand below it."""
        super().__init__(
            declared.path,
            _if_unchanged(declared.run) if declared.current is not None else declared.run,
            response_model=declared.answer,
            methods=[declared.method],
            status_code=declared.status,
            summary=declared.summary,
            tags=[declared.tag],
            **described,
        )

    def matches(self, scope: AsgiScope) -> tuple[Match, AsgiScope]:
        """As every route; an address that stands below this one in the table is that one's, whatever the method."""
        found, child = super().matches(scope)
        if found is not Match.NONE and self.below:
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            if any(regex.match(path) for regex in self.below):
                return Match.NONE, {}
        return found, child

    @property
    def shows_a_state(self) -> bool:
        """Whether it answers with an entity tag."""
        return self.declared.method == "GET" and (self.declared.tagged or self.declared.gives is None)

    @property
    def is_conditional(self) -> bool:
        """Whether it does what it does only if If-Match lets it."""
        return self.declared.current is not None or 412 in self.declared.may_refuse

    def _require_unchanged(self, request: Request, program: Program) -> None:
        if self.declared.current is not None and "if-match" in request.headers:
            require_unchanged(request, tag_of(self.declared.current(program, request.path_params)))

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await self._enter(request, inner)
            except Exception as error:
                return refusal_of(error).answer()

        return handle

    async def _enter(self, request: Request, inner: Callable[[Request], Awaitable[Response]]) -> Response:
        declared, program = self.declared, request.state.program
        _require_allowed(program, declared)
        _require_accepted(request, declared.gives)
        _require_media_type(request, declared.takes)
        _require_known_parameters(request, {one.alias for one in self.dependant.query_params})
        if declared.takes is not Takes.FORM:
            await _read_body(request, JSON_LIMIT)
        text = keyed.key_in(request) if declared.method == "POST" else None
        if text is None or declared.keys:
            return await self._answer(request, inner, program)
        return await self._once(request, inner, program, text)

    async def _once(
        self, request: Request, inner: Callable[[Request], Awaitable[Response]], program: Program, text: str
    ) -> Response:
        """Answer under an idempotency key."""
        url = request.url
        told = (request.method.encode(), url.path.encode(), url.query.encode(), await request.body())
        key = keyed.key_of(program.handle, text, *told)
        return await keyed.once(
            self.context.node, key, partial(self._answer, request, inner, program), self.declared.kept
        )

    async def _answer(
        self, request: Request, inner: Callable[[Request], Awaitable[Response]], program: Program
    ) -> Response:
        if self.is_conditional:
            _condition.set(partial(self._require_unchanged, request, program))
        answer = await inner(request)
        if self.declared.tagged and "etag" not in answer.headers:
            answer.headers["etag"] = tag_of(json.loads(bytes(answer.body)))
        tag = answer.headers.get("etag")
        if self.shows_a_state and tag is not None and is_known(request, tag):
            return Response(None, 304, {"etag": tag})
        return answer


def _if_unchanged(run: Callable[..., Any]) -> Callable[..., Any]:
    """Judge the condition last, when everything else of the request is known to be right (RFC 9110, 13.2.1)."""

    @wraps(run)
    def judged(*arguments: Any, **named: Any) -> Any:
        _condition.get()()
        return run(*arguments, **named)

    return judged


def _require_allowed(program: Program, declared: Declared) -> None:
    if not allowed(program.role, declared.act):
        raise Refusal(403, "not-allowed", f"The role {program.role} may not {declared.act}.")
    if not program.has_scope(declared.scope):
        raise Refusal(403, "not-allowed", f"The program is not given the scope {declared.scope}.")


def _require_accepted(request: Request, gives: str | None) -> None:
    accepted = request.headers.get("accept", "*/*")
    if gives is None:
        return
    group = gives.partition("/")[0] + "/*"
    for one in accepted.split(","):
        name, *parameters = (part.strip().lower() for part in one.split(";"))
        if name in (gives, group, "*/*") and not any(_is_zero(parameter) for parameter in parameters):
            return
    raise Refusal(406, "not-acceptable", f"It is given as {gives}.")


def _is_zero(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name == "q" and value.strip("0. ") == ""


def _require_media_type(request: Request, takes: Takes) -> None:
    if takes is Takes.NOTHING:
        return
    found = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found != takes:
        accept = {"accept-post": str(takes)}
        raise Refusal(415, "media-type", f"Content-Type: expected {takes}.", headers=accept)


def _require_known_parameters(request: Request, known: set[str]) -> None:
    """Nothing that was mistyped is passed over; control characters stand in no name of ours."""
    seen: set[str] = set()
    for name, value in request.query_params.multi_items():
        if name not in known:
            expected = ", ".join(sorted(known)) or "no parameter"
            raise invalid(
                name, name, f"one of: {expected}" if known else expected, "Correct the name, or leave it out."
            )
        if name in seen:
            raise invalid(name, value, "one value", "Give it once.")
        if has_controls(value):
            raise invalid(name, ascii(value), "printable characters")
        seen.add(name)
    if any(has_controls(str(value)) for value in request.path_params.values()):
        raise Refusal(404, "not-found", "No name here has control characters.")


def has_controls(text: str) -> bool:
    """Whether a text has characters that are no part of any name or note."""
    return any(letter < _FIRST_PRINTABLE or letter == _DELETE for letter in text)


async def _read_body(request: Request, limit: int) -> None:
    """Read the whole body, no larger than `limit`; the request keeps it for whoever asks."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            raise Refusal(413, "too-large", f"At most {limit} bytes are taken here.", headers={"connection": "close"})
    request._body = bytes(body)
