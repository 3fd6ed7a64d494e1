"""The contracts on imports name every room and module of the package: one that they leave out could import anything."""

import tomllib

from tests.docs.console import ROOT

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
MODULES = {
    f"node.{path.stem}"
    for path in (ROOT / "node").iterdir()
    if path.name != "__init__.py" and (path.suffix == ".py" or (path / "__init__.py").exists())
}
WIRE = {"node.as4"}
"""Imports nothing of ours, and every room may import it."""


def test_every_module_has_its_layer() -> None:
    (layers,) = [contract["layers"] for contract in CONTRACTS if contract["type"] == "layers"]
    named = [name.strip() for layer in layers for name in layer.replace(":", "|").split("|")]
    assert sorted(named) == sorted(MODULES - WIRE | {"adapters"})


def test_the_wire_may_import_none_of_them() -> None:
    (forbidden,) = [contract["forbidden_modules"] for contract in CONTRACTS if contract["type"] == "forbidden"]
    assert sorted(forbidden) == sorted(MODULES - WIRE - {"node.__main__"})
