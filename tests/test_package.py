"""The public names of the package, and its import."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from importlib import metadata

import pytest

import shopsmart_etl

pytestmark = pytest.mark.smoke


def test_every_error_is_a_subclass_of_shopsmart_error() -> None:
    errors = [name for name in shopsmart_etl.__all__ if name.endswith("Error")]
    assert all(issubclass(getattr(shopsmart_etl, name), shopsmart_etl.ShopSmartError) for name in errors)


def test_dir_lists_only_the_public_names() -> None:
    assert dir(shopsmart_etl) == sorted([*shopsmart_etl.__all__, "__version__"])


def test_the_version_is_that_of_the_distribution() -> None:
    assert shopsmart_etl.__version__ == metadata.version("shopsmart-etl")


@pytest.mark.parametrize(
    "name", [name for name in shopsmart_etl.__all__ if name not in ("MISSING_AMOUNTS", "Transform")]
)
def test_the_type_hints_of_every_signature_can_be_resolved(name: str) -> None:
    public = getattr(shopsmart_etl, name)
    methods = [method for key, method in vars(public).items() if not key.startswith("_") and inspect.isfunction(method)]
    functions = [getattr(public, key) for key in public.__all__] if inspect.ismodule(public) else [public]
    for function in methods if inspect.isclass(public) else functions:
        assert typing.get_type_hints(function)


def test_the_import_without_pyspark_explains_how_to_install_it() -> None:
    code = "import sys; sys.modules['pyspark'] = None; import shopsmart_etl"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.returncode == 1
    assert process.stderr.splitlines()[-1] == (
        "ImportError: shopsmart_etl needs PySpark 3.5 or newer: pip install 'pyspark>=3.5,<5' "
        "(on Databricks nothing is needed: the cluster brings its own)"
    )
