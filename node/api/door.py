"""The door of the programming interface: who asks, and what every answer carries.

A program shows its token or an assertion; cookies let nobody in, so that no browser can be made to ask for somebody.
Whoever is not let in is told nothing, not even which addresses there are.
"""

from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.access.assertions import AssertionRefused, NotProved, check_assertion, issuer_of, use_assertion
from node.access.programs import Program, find_program, program_of_token
from node.api.context import ApiContext
from node.api.problems import Refusal, log, refusal_of

REALM = 'Bearer realm="depesha"'
_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "referrer-policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class Door:
    """Lets programs in to `within`, an ASGI application that finds the program in the state of the request."""

    context: ApiContext
    within: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                message["headers"] = headers.raw
            await send(message)

        try:
            program = await run_in_threadpool(self._let_in, Headers(scope=scope))
        except Exception as error:
            await refusal_of(error).answer()(scope, receive, answer)
            return
        # The server leaves the body of an answer to HEAD out by itself: it has the scope as it came.
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        state = scope.get("state", {}) | {"program": program}
        await self.within({**scope, "method": method, "state": state}, receive, answer)

    def _let_in(self, headers: Headers) -> Program:
        """The program that asks. Raises Refusal (401)."""
        given = headers.getlist("authorization")
        kind, _, text = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        text = text.strip()
        if kind.lower() != "bearer" or not text:
            raise _not_let_in("Send Authorization: Bearer with a token, or with an assertion that your key signed.")
        node, now = self.context.node, self.context.node.now()
        if text.count(".") == 2:
            try:
                return self._by_assertion(text)
            except AssertionRefused as refused:
                log.info("assertion refused", reason=refused.why)
                raise _not_let_in(f"The assertion lets nobody in: {refused}.", "invalid_token") from None
        with node.database.read() as connection:
            program = program_of_token(connection, text, now)
        if program is None:
            log.info("token refused")
            detail = "The token is unknown, was removed, or has come to its end. `depesha token add` makes another."
            raise _not_let_in(detail, "invalid_token")
        return program

    def _by_assertion(self, text: str) -> Program:
        node, now = self.context.node, self.context.node.now()
        name = issuer_of(text)
        if "\x00" in name or not name.isprintable():
            raise NotProved("iss: no program has this name")
        with node.database.read() as connection:
            program = find_program(connection, name, now)
        if program is None:
            raise NotProved("iss: no program has this name")
        claims = check_assertion(program, text, node.party, self.context.addresses(), now)
        with node.database.write() as connection:
            use_assertion(connection, program, claims, now)
        return program


def _not_let_in(detail: str, error: str | None = None) -> Refusal:
    challenge = REALM if error is None else f'{REALM}, error="{error}"'
    return Refusal(401, "not-let-in", detail, headers={"www-authenticate": challenge})
