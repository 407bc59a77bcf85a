"""Raise an ImportError that explains how to install PySpark if it is missing."""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("pyspark") is None:
    raise ImportError(
        "shopsmart_etl needs PySpark 3.5 or newer: pip install 'pyspark>=3.5,<5' "
        "(on Databricks nothing is needed: the cluster brings its own)"
    )
