"""The examples in docstrings run, and print the output in the docstring."""

from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

import shopsmart_etl

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

pytestmark = pytest.mark.smoke

MODULES = [
    import_module(module.name) for module in pkgutil.walk_packages(shopsmart_etl.__path__, prefix="shopsmart_etl.")
]
EXAMPLES = {test.name: test for module in MODULES for test in doctest.DocTestFinder().find(module) if test.examples}
NEEDS = {"expand_variant": pytest.mark.needs("variants"), "Audit": pytest.mark.needs("observations")}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=NEEDS.get(name.rpartition(".")[2], ())) for name in EXAMPLES]
)
def test_the_example_in_a_docstring_prints_its_output(
    name: str, spark: SparkSession, written: Callable[[list[str]], str], new_path: Callable[[], str]
) -> None:
    example = EXAMPLES[name]
    example.globs.update({public: getattr(shopsmart_etl, public) for public in shopsmart_etl.__all__})
    example.globs.update(spark=spark, written=written, new_path=new_path)
    report: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example, out=report.append)
    assert result.failed == 0, "".join(report)


def test_every_public_function_has_an_example() -> None:
    with_example = {name.rpartition(".")[2] for name in EXAMPLES}
    functions = {*(name for name in shopsmart_etl.__all__ if name.islower()), *shopsmart_etl.rules.__all__} - {"rules"}
    assert functions <= with_example
