"""The OpenAPI description: the file is what a node gives, its examples are right, and it says who may."""

import json
from typing import Any

from pydantic import BaseModel, TypeAdapter

from node.access import Act
from node.api import models
from node.api.application import described_routes
from tests.api.conftest import ROOT, Site

FILE = ROOT / "docs/reference/openapi.json"
PAGE = (ROOT / "docs/reference/api.md").read_text(encoding="utf-8")


def operations(described: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }


def test_the_file_is_what_a_node_gives(sqlite_site: Site) -> None:
    answer = sqlite_site.ask("GET", "/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == FILE.read_bytes(), "write it anew: .venv/bin/python -m node.api.application FILE"


def test_every_operation_says_who_may_and_stands_on_the_page() -> None:
    described = json.loads(FILE.read_bytes())
    acts = {str(act) for act in Act}
    for (method, path), operation in operations(described).items():
        assert operation["x-act"] in acts
        scope = f" `{operation['x-scope']}` |" if "x-scope" in operation else " |"
        assert f"| `{method} {path}` | {operation['x-act']} |{scope}" in PAGE
        assert {"401", "403", "422", "500", "503"} <= set(operation["responses"])
    assert len(operations(described)) == len(described_routes())


def test_examples_are_right() -> None:
    for name, model in vars(models).items():
        if isinstance(model, type) and issubclass(model, BaseModel) and model is not BaseModel:
            extra: Any = model.model_config.get("json_schema_extra") or {}
            for example in extra.get("examples", []):
                TypeAdapter(model).validate_python(example, strict=True)
                known = {field.alias or own for own, field in model.model_fields.items()}
                assert set(example) <= known, name
