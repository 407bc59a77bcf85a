"""The bundle's wheel task: nested JSON orders to silver and gold, in the session that Databricks has made."""

from __future__ import annotations

import argparse

from nested_json_parser import run
from pyspark.sql import SparkSession


def main() -> None:
    """Read the task's parameters and run; the session is left running, since Databricks ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", required=True, help="a folder of JSON payloads")
    parser.add_argument("--output", required=True, help="a folder that does not exist yet")
    parser.add_argument("--records", help="the field of a paged envelope that holds the orders")
    options = parser.parse_args()
    run(SparkSession.builder.getOrCreate(), options.input, options.output, options.records)
