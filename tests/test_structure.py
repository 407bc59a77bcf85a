"""The structure of the package: imports, module names, and the length of modules and functions."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from pathlib import Path

import pytest

import shopsmart_etl

PACKAGE = Path(str(shopsmart_etl.__file__)).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
AREAS = {"cleaning", "gold", "io", "nested", "quality"}
# The maximum number of lines of modules that may be longer. All errors are in one module.
LONG = {"errors.py": 386}
# A module may import modules of its own area, and of the layers before it.
LAYERS = [{"_shown"}, {"errors", "typing"}, {"_core"}, AREAS, {"compose"}, {"__init__"}]


def part(path: Path) -> str:
    """Return the area of a file, or the name of a top-level module."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def layer(name: str) -> int:
    return next(number for number, names in enumerate(LAYERS) if name in names)


def imported(path: Path) -> set[str]:
    """Return the package's modules that a file imports."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            modules.add(node.module or "")
    return {name for name in modules if name.partition(".")[0] == "shopsmart_etl"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_its_own_area_and_lower_layers(path: Path) -> None:
    own = part(path)
    for name in imported(path):
        other = name.split(".")[1] if "." in name else "__init__"
        assert other == own or layer(other) < layer(own), f"{own} imports {name}"


def test_every_module_is_in_a_layer() -> None:
    assert {part(path) for path in MODULES} == set.union(*LAYERS)


def test_no_public_name_shadows_a_module() -> None:
    for package in [PACKAGE, *(PACKAGE / area for area in AREAS)]:
        public = ast.parse((package / "__init__.py").read_text(encoding="utf-8"))
        names = {
            alias.asname or alias.name
            for node in ast.walk(public)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        shared = names & {path.stem for path in package.iterdir()}
        module = import_module(".".join(["shopsmart_etl", *package.relative_to(PACKAGE).parts]))
        assert not [name for name in shared if not inspect.ismodule(getattr(module, name))], package


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_and_functions_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONG.get(str(path.relative_to(PACKAGE)), 300)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            documented = ast.get_docstring(node, clean=False) is not None
            first = node.body[1:2] if documented else node.body[:1]
            length = (node.end_lineno or 0) - first[0].lineno + 1 if first else 0
            assert length <= 40, f"{node.name}: {length} lines"
