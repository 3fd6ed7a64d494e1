"""The programming interface as one application, and its OpenAPI description."""

import json
import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp

from node.access import Act
from node.api.context import ApiContext, Caller
from node.api.door import Door
from node.api.keyed import LONGEST, PATTERN
from node.api.models import Problem
from node.api.problems import MEDIA_TYPE, Refusal, refusal_of
from node.api.routes import JSON, Declared, Guarded, Takes
from node.api.table import declared_routes
from node.operations.listening import INTERFACE

DESCRIPTION = (
    "What the pages and commands of a Depesha node do, for national systems: records out and in, cases, partners, "
    "alarms. A program is let in by `Authorization: Bearer` with its token, or with an assertion (JWT) that it signed; "
    "`depesha token add` makes either. Its role, unit and scopes decide what it may do. Refusals are problem details."
)
_TAG = '"6d5f0a0e7a4a4f2b8f1f0a7c9b1d2e3f"'
_REFUSED = {
    "400": "The body is no JSON.",
    "401": "The program is not let in.",
    "403": "Its role or scopes do not allow it.",
    "404": "It is not there, or not for this program.",
    "406": "The answer has none of the media types that are accepted.",
    "409": "The node does not do it as things stand, or a request with this key is under way.",
    "410": "The content is not kept any more.",
    "412": "It has changed meanwhile.",
    "413": "The body is too large.",
    "415": "The body has another media type.",
    "422": "Something in the request is wrong.",
    "500": "A fault of the software.",
    "503": "The node cannot reach what it keeps; ask again.",
}


def create_api(context: ApiContext) -> ASGIApp:
    """The application to mount at `INTERFACE`: the door, and the routes behind it."""
    return Door(context, routed(context))


def routed(context: ApiContext) -> FastAPI:
    """The routes behind the door."""
    app = FastAPI(
        title="Depesha",
        version="1",
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        exception_handlers={HTTPException: _refused},
    )
    app.router.redirect_slashes = False
    routes = _guarded(context)
    described = encoded_description(routes)

    def openapi(program: Caller) -> Response:
        """The OpenAPI description of this interface."""
        return Response(described, media_type=JSON)

    own = Declared("GET", "/openapi.json", Act.SEE_INTERFACE, None, openapi, "The description", "node")
    app.router.routes[:] = [*routes, Guarded(context, own, include_in_schema=False)]
    return app


def described_routes() -> list[Guarded]:
    """The routes as they are described, of no node in particular."""
    nobody: Any = None
    return _guarded(ApiContext(nobody, nobody, nobody, nobody))


def _guarded(context: ApiContext) -> list[Guarded]:
    routes = [Guarded(context, one) for one in declared_routes(context)]
    for route in routes:
        if route.path.endswith(":path}"):
            route.below = [other.path_regex for other in routes if other.path.startswith(route.path + "/")]
    return routes


def encoded_description(routes: list[Guarded]) -> bytes:
    """The OpenAPI description as JSON: the same octets each time."""
    described = get_openapi(
        title="Depesha", version="1", description=DESCRIPTION, routes=routes, servers=[{"url": INTERFACE}]
    )
    components = described.setdefault("components", {})
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "a token, or a signed assertion (JWT)"}
    }
    described["security"] = [{"bearer": []}]
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    for route in routes:
        _complete(described["paths"][route.path_format][route.declared.method.lower()], route)
    return json.dumps(described, ensure_ascii=False, indent=1).encode() + b"\n"


def _complete(operation: dict[str, Any], route: Guarded) -> None:
    """What the framework cannot know: refusals, conditions, keys, forms, who may."""
    declared = route.declared
    operation["operationId"] = _operation_id(declared)
    operation["x-act"] = str(declared.act)
    if declared.scope is not None:
        operation["x-scope"] = str(declared.scope)
    parameters = operation.setdefault("parameters", [])
    refused = {"401", "403", "406", "413", "422", "500", "503", *map(str, declared.may_refuse)}
    if declared.takes is Takes.JSON:
        refused |= {"400"}
    if declared.takes is not Takes.NOTHING:
        refused |= {"415"}
    if declared.method == "POST" and not (declared.takes is Takes.FORM and "409" not in refused):
        refused |= {"409"}
        parameters.append(
            _header(
                "Idempotency-Key",
                "the same key with the same request brings the first answer",
                PATTERN,
                "8e03978e-40d5-43e8-bc93-6894a57f9324",
                LONGEST,
            )
        )
    if route.is_conditional:
        refused |= {"412"}
        parameters.append(_header("If-Match", "do it only if the entity tag is still this one", None, _TAG))
    if declared.gives is None:
        refused -= {"406"}
    if "responses" in declared.documented:
        operation["responses"] = dict(declared.documented["responses"])
    if "requestBody" in declared.documented:
        operation["requestBody"] = declared.documented["requestBody"]
    responses = operation["responses"]
    done = responses[str(declared.status)]
    done["description"] = done["description"].replace("Successful Response", "Done.")
    if route.shows_a_state:
        parameters.append(_header("If-None-Match", "answer 304 if the entity tag is this one", None, _TAG))
        done["headers"] = {"ETag": {"description": "changes with what is said", "schema": {"type": "string"}}}
        responses["304"] = {"description": "It is still as it was."}
    problem = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for status in sorted(refused):
        responses[status] = {"description": _REFUSED[status], **problem}
    if not parameters:
        del operation["parameters"]


def _operation_id(declared: Declared) -> str:
    return f"{declared.tag}.{declared.run.__name__}"


def _header(
    name: str, description: str, pattern: str | None, example: str, longest: int | None = None
) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if pattern is not None:
        schema["pattern"] = pattern
    if longest is not None:
        schema["maxLength"] = longest
    return {
        "name": name, "in": "header", "required": False, "description": description, "schema": schema,
        "example": example,
    }  # fmt: skip


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    refusal = refusal_of(error)
    if refusal.status == 405:
        routes = [route for route in request.app.routes if isinstance(route, Guarded)]
        template = next(route.path for route in routes if route.matches(request.scope)[0] is not Match.NONE)
        methods = {method for route in routes if route.path == template for method in route.methods or ()}
        if "GET" in methods:
            methods.add("HEAD")
        refusal = Refusal(405, refusal.kind, refusal.detail, headers={"allow": ", ".join(sorted(methods))})
    return refusal.answer()


if __name__ == "__main__":
    # Writes the description for the reference: python -m node.api.application docs/reference/openapi.json
    Path(sys.argv[1]).write_bytes(encoded_description(described_routes()))
