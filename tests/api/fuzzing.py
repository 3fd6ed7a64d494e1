"""Schemathesis on the running interface: its settings, how it is run, and what it does before each call.

`make api-fuzz` and the tests run it in a process of its own, which loads this file for its hook.
"""

import contextlib
import json
import os
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from tests.api.conftest import ROOT, Site

ACCEPTED = ["2xx", "304", "401", "403", "404", "409", "412"]
# A form says nothing of its fields' types; a record, card, words or names of any letters are right by their schema, and
# so are a thirteenth month, a change of terms that changes nothing, the handle of an officer who is none, and an
# address of both an officer and a unit.
SETTINGS = f"""
[auth.openapi.bearer]
bearer = "${{TOKEN}}"

[checks.positive_data_acceptance]
expected-statuses = {json.dumps(ACCEPTED)}

[[operations]]
include-name = ["POST /messages", "POST /records/check", "POST /cases/{{id}}/on-paper",
  "POST /tables/{{domain}}/{{record}}", "POST /tables/{{domain}}/{{record}}/check"]
checks.positive_data_acceptance.expected-statuses = {json.dumps([*ACCEPTED, "422"])}
checks.negative_data_rejection.enabled = false

[[operations]]
include-name = [
  "POST /partners", "POST /partners/on-paper", "POST /partners/as-given", "POST /partners/{{party}}/confirm",
  "POST /persons/find", "POST /persons/links", "POST /persons/mrz",
  "POST /breaches/{{id}}/close", "POST /messages/{{id}}/recall",
  "POST /officers/{{handle}}/away", "POST /feeds", "POST /partners/{{party}}/terms/{{domain}}",
  "GET /due", "GET /due.ics", "GET /cases",
]
checks.positive_data_acceptance.expected-statuses = {json.dumps([*ACCEPTED, "422"])}
"""
SECONDS = 3600


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """A key of its own for each request: one that was used for another is refused, as it should be."""
    key = (case.headers or {}).get("Idempotency-Key")
    if key and key.isascii() and key.isprintable() and " " not in key and len(key) <= 255:
        case.headers["Idempotency-Key"] = str(uuid.uuid4())


def fuzz_here(site: Site, role: str, examples: int) -> None:
    """Run a little of it in this process, right and wrong requests to every operation. Raises what it found."""
    description = json.loads(site.ask("GET", "/openapi.json", role).content)
    config = schemathesis.Config.from_dict(tomllib.loads(SETTINGS.replace("${TOKEN}", site.tokens[role])))
    schema = schemathesis.openapi.from_dict(description, config=config)
    for operation in (found.ok() for found in schema.get_all_operations()):
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(
                max_examples=examples, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
                suppress_health_check=[*HealthCheck],
            )  # fmt: skip
            def ask(case: Any) -> None:
                case.call_and_validate(
                    base_url=site.base, headers={"Authorization": f"Bearer {site.tokens[role]}"}, timeout=SECONDS
                )

            with contextlib.suppress(Unsatisfiable):  # nothing of such an operation can be wrong
                ask()


def fuzz(site: Site, role: str, folder: Path, *options: str) -> None:
    """Run it as a program of that role. Raises AssertionError with what it found."""
    settings, description = folder / "schemathesis.toml", folder / "openapi.json"
    settings.write_text(SETTINGS)
    description.write_bytes(site.ask("GET", "/openapi.json", role).content)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(settings), "run", str(description)]
    environment = os.environ | {
        "TOKEN": site.tokens[role], "SCHEMATHESIS_HOOKS": "tests.api.fuzzing", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    ended = subprocess.run(
        [*command, "--url", site.base, "--no-color", "--warnings", "off", *options],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout[-20_000:] + ended.stderr[-2_000:]
    assert "passed" in ended.stdout
