"""The wheel task of the bundle: build silver and gold from nested JSON orders, in the session of the job."""

from __future__ import annotations

import argparse

from nested_json_parser import run
from pyspark.sql import SparkSession


def main() -> None:
    """Read the task's parameters and run. Databricks stops the session, so this function does not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", required=True, help="a folder of JSON payloads")
    parser.add_argument("--output", required=True, help="a folder that does not exist yet")
    parser.add_argument("--records", help="the field of a paged envelope that holds the orders")
    options = parser.parse_args()
    run(SparkSession.builder.getOrCreate(), options.input, options.output, options.records)
