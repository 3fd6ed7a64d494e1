"""Conditional requests (RFC 9110, 13): entity tags of what is shown, and what a request makes of them."""

import hashlib
import json
import re
from typing import Any

from starlette.requests import Request

from node.api.problems import Refusal

_TAG = re.compile(r'(W/)?"([!#-~]*)"')


def tag_of(value: Any) -> str:
    """The entity tag of a JSON value: the same as long as it says the same."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return f'"{hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]}"'


def is_known(request: Request, tag: str) -> bool:
    """Whether the caller says by If-None-Match that it has this already; compared weakly."""
    given = _given(request, "if-none-match")
    return given is not None and ("*" in given or tag in {one.removeprefix("W/") for one in given})


def require_unchanged(request: Request, tag: str) -> None:
    """Raise Refusal (412) where If-Match names another state than this one; compared strongly."""
    given = _given(request, "if-match")
    if given is not None and "*" not in given and tag not in given:
        raise Refusal(412, "changed", "Nothing was done. Read it anew, and judge again.", headers={"etag": tag})


def _given(request: Request, name: str) -> set[str] | None:
    values = request.headers.getlist(name)
    if not values:
        return None
    text = ", ".join(values).strip()
    # What is no entity tag is none that anything has: then nothing is known, and nothing is done.
    return {"*"} if text == "*" else {f'{weak}"{tag}"' for weak, tag in _TAG.findall(text)}
