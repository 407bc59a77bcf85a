"""Run all examples, from simulated web servers to reports, in one process, so that they share one warm JVM.

Running the printed commands one by one gives the same result.
"""

from __future__ import annotations

import argparse
import os
import runpy
import shlex
import sys
import threading
import time
from pathlib import Path

from pyspark.sql import SparkSession

EXAMPLES = Path(__file__).parent
# For a JVM that runs for a minute: full compilation and a concurrent collector cost 40 s more CPU than they save.
JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


def steps(output: str) -> dict[str, list[list[str]]]:
    """Return the commands of each title."""
    bronze = f"{output}/bronze"
    orders = ["--input", f"{bronze}/payloads/pages", "--records", "data", "--output", f"{output}/orders"]

    def report(name: str, title: str) -> list[str]:
        gold, audit = f"{output}/{name}/gold", f"{output}/{name}/audit"
        return ["report.py", "--gold", gold, "--audit", audit, "--title", title, "--output", f"{output}/{name}.html"]

    return {
        "Simulating web servers": [["simulate.py", "--output", bronze, "--days", "120", "--servers", "2"]],
        "CSV logs: read, impute, partition by country, gold": [
            ["shopsmart_pipeline.py", "--input", f"{bronze}/logs", "--output", f"{output}/logs"]
        ],
        "JSON orders: read, flatten, explode, impute, partition by country, gold": [["nested_json_parser.py", *orders]],
        "Reports, to open in a browser": [report("orders", "JSON orders"), report("logs", "CSV logs")],
    }


def start_spark() -> None:
    """Start the Spark session that the scripts use. On a terminal, show the elapsed time."""
    started, start = threading.Event(), time.monotonic()

    def show() -> None:
        while not started.wait(1):
            print(f"\r{time.monotonic() - start:.0f} s", end="", flush=True)
        print("\r", end="")

    terminal = sys.stdout.isatty()
    print("Starting Spark", flush=True)
    if terminal:
        threading.Thread(target=show, daemon=True).start()
    spark = SparkSession.builder.config("spark.ui.showConsoleProgress", str(terminal).lower()).getOrCreate()
    spark.range(1).selectExpr("id + 1").collect()  # the first query loads Spark's parser, optimizer and compiler
    started.set()


def main() -> None:
    """Print and run the commands."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--output", required=True, help="a folder that does not exist yet")
    options = parser.parse_args()
    os.environ.setdefault("PYSPARK_SUBMIT_ARGS", f"--driver-java-options '{JVM}' pyspark-shell")
    start_spark()
    for title, commands in steps(options.output).items():
        print(f"== {title}", flush=True)
        for command in commands:
            print(f"   python examples/{shlex.join(command)}", flush=True)
            sys.argv = command
            runpy.run_path(str(EXAMPLES / command[0]), run_name="__main__")


if __name__ == "__main__":
    main()
