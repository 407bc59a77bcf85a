"""The structure of the package: which modules may import which, and what they are named."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import shopsmart_etl

PACKAGE = Path(str(shopsmart_etl.__file__)).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
AREAS = {"cleaning", "gold", "io", "nested", "quality"}
# Each may import itself, and those before it.
LAYERS = [{"errors", "typing"}, {"_core"}, AREAS, {"compose"}, {"__init__"}]


def part(path: Path) -> str:
    """Return the area, or the module at the top level, that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def layer(name: str) -> int:
    return next(number for number, names in enumerate(LAYERS) if name in names)


def imported(path: Path) -> set[str]:
    """List the package's modules that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add(node.module or "")
    return {name for name in found if name.partition(".")[0] == "shopsmart_etl"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path: Path) -> None:
    own = part(path)
    for name in imported(path):
        other = name.split(".")[1] if "." in name else "__init__"
        assert other == own or layer(other) < layer(own), f"{own} imports {name}"


def test_every_module_is_in_a_layer() -> None:
    assert {part(path) for path in MODULES} == set.union(*LAYERS)


def test_no_module_is_hidden_by_a_name_of_its_package() -> None:
    for package in [PACKAGE, *(PACKAGE / area for area in AREAS)]:
        public = ast.parse((package / "__init__.py").read_text(encoding="utf-8"))
        names = {
            alias.asname or alias.name
            for node in ast.walk(public)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        assert not names & {path.stem for path in package.iterdir()}, package


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 301
