"""The public names of the package, and its import."""

from __future__ import annotations

import ast
import builtins
import collections.abc
import datetime as dt
import inspect
import os
import re
import subprocess
import sys
import typing
from dataclasses import is_dataclass
from importlib import metadata
from typing import TYPE_CHECKING

import pyspark.sql
import pytest
import typing_extensions
from typing_extensions import is_typeddict

import shopsmart_etl
import shopsmart_etl.typing

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.smoke

# Modules whose types signatures may name.
FOREIGN = [typing, typing_extensions, collections.abc, dt, os, pyspark.sql, pyspark.sql.types]
# Only the package's own functions make a step.
INTERNAL = {("__init__", "Step")}
# The conditions of ready-made rules, which only ``rules`` makes.
UNNAMED = {"ReadyCondition"}


def test_every_error_is_a_subclass_of_shopsmart_error() -> None:
    errors = [name for name in shopsmart_etl.__all__ if name.endswith("Error")]
    assert all(issubclass(getattr(shopsmart_etl, name), shopsmart_etl.ShopSmartError) for name in errors)


def test_dir_lists_only_the_public_names() -> None:
    assert dir(shopsmart_etl) == sorted([*shopsmart_etl.__all__, "__version__"])


def test_the_version_is_that_of_the_distribution() -> None:
    assert shopsmart_etl.__version__ == metadata.version("shopsmart-etl")


def annotated(name: str) -> Iterator[object]:
    """Yield what has the annotations of a public name: functions, methods and properties, and classes with fields."""
    public = getattr(shopsmart_etl, name)
    if inspect.ismodule(public):
        yield from (getattr(public, key) for key in public.__all__)
    if inspect.isfunction(public):
        yield public
    if inspect.isclass(public) and typing.get_origin(public) is None:  # Python 3.10 takes an alias for a class
        if is_typeddict(public) or is_dataclass(public):
            yield public
        for key, member in vars(public).items():
            own = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
            is_called = key in ("__init__", "__call__") and not is_dataclass(public)
            if inspect.isfunction(own) and (is_called or not key.startswith("_")) and (key, name) not in INTERNAL:
                yield own


def names_in(annotation: object) -> set[str]:
    """Return the names in the text of an annotation."""
    text = annotation.__name__ if isinstance(annotation, type) else getattr(annotation, "__forward_arg__", annotation)
    assert isinstance(text, str), "annotations are text: from __future__ import annotations"
    unquoted = re.sub(r"Literal\[.*?\]", "Literal", text)
    return {node.id for node in ast.walk(ast.parse(unquoted, mode="eval")) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("name", shopsmart_etl.__all__)
def test_the_type_hints_of_every_signature_can_be_resolved(name: str) -> None:
    for documented in annotated(name):
        assert typing.get_type_hints(documented)


@pytest.mark.parametrize("name", [name for name in shopsmart_etl.__all__ if not name.endswith("Error")])
def test_every_type_in_a_public_signature_is_exported(name: str) -> None:
    exported = {*shopsmart_etl.__all__, *shopsmart_etl.typing.__all__, "None"}
    for documented in annotated(name):
        for annotation in inspect.get_annotations(documented).values():  # type: ignore[arg-type]
            others = names_in(annotation) - exported - {*vars(builtins)}
            assert {one for one in others if not any(hasattr(module, one) for module in FOREIGN)} <= UNNAMED


def test_the_import_without_pyspark_explains_how_to_install_it() -> None:
    code = "import sys; sys.modules['pyspark'] = None; import shopsmart_etl"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.returncode == 1
    assert process.stderr.splitlines()[-1] == (
        "ImportError: shopsmart_etl needs PySpark 3.5 or newer: pip install 'pyspark>=3.5,<5' "
        "(on Databricks nothing is needed: the cluster brings its own)"
    )
