"""The readers against plain spark.read with the same schema: ratios measured in one run, never a limit of a test.

``csv`` reads transaction logs of 10 typed columns; ``json`` reads nested orders, one a line; ``wide`` reads documents
with 1,000 keys. Every way writes all of its columns to Spark's noop sink. The package's readers also add their columns
for corrupt records and files.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from gold import compared, noop
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import shopsmart_etl as etl

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from nested_json_parser import ORDER
from simulate import PRODUCTS, Draws, order

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame

    from shopsmart_etl.io.read_options import JsonOptions

SEED = 1
DAYS = 90
FILES = 4
KEYS = 1_000
LOG = """transaction_id STRING, placed_at TIMESTAMP, user STRING, sku STRING, description STRING, quantity INT,
    price DECIMAL(10, 2), discount DECIMAL(10, 2), is_member BOOLEAN, country STRING"""
WIDE_TYPES = ["STRING", "DECIMAL(12, 2)", "INT", "DOUBLE", "TIMESTAMP"]
WIDE = {f"field_{number:04}": WIDE_TYPES[number % len(WIDE_TYPES)] for number in range(KEYS)}
# The calls of read_json_payloads to compare, by the name to print: a line adds one.
JSON_OPTIONS: dict[str, JsonOptions] = {
    "read_json_payloads": {},
    "... assume_canonical": {"assume_canonical": True},
}


class Case(NamedTuple):
    """What to read: how many rows by default, their schema, and how to generate them from numbered rows."""

    rows: int
    schema: str
    generate: Callable[[DataFrame], DataFrame]


def main() -> None:
    """Generate the files of one case, and read them in every way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=list(CASES))
    parser.add_argument("--rows", type=int, help="lines or documents (default: 400,000; wide: 1,000)")
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds, interleaved (default: %(default)s)")
    options = parser.parse_args()
    session = SparkSession.builder.master("local[2]").config(
        map={"spark.log.level": "ERROR", "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
    )
    session = session.config("spark.sql.session.timeZone", "UTC").config("spark.driver.memory", "4g")
    spark = session.getOrCreate()
    folder = tempfile.mkdtemp()
    try:
        path = f"{folder}/{options.what}"
        write_files(spark, options.what, options.rows or CASES[options.what].rows, path)
        ways = readers(spark, options.what, path)
        compare_values(ways)
        report(compared({name: partial(run, read) for name, read in ways.items()}, options.rounds))
    finally:
        spark.stop()
        shutil.rmtree(folder)


def write_files(spark: SparkSession, what: str, rows: int, path: str) -> None:
    """Write the rows of a case as CSV or JSON."""
    files = CASES[what].generate(spark.range(0, rows, 1, FILES)).write
    if what == "csv":
        files.csv(path, header=True, escape='"', timestampFormat="yyyy-MM-dd HH:mm:ss")
    else:
        files.json(path)
    sizes = [file.stat().st_size for file in Path(path).glob("part-*")]
    print(f"{rows:,} rows in {len(sizes)} files, {sum(sizes) / 1e6:.1f} MB")


def logs(ids: DataFrame) -> DataFrame:
    """Make transactions, some without a user or a discount, with quotes and commas in descriptions."""
    draw = Draws("id", SEED)
    return ids.selectExpr(
        "concat('t-', id) AS transaction_id",
        f"{draw.moment(DAYS)} AS placed_at",
        f"{draw.mostly(draw.popular('u', 5000, 'user'), 50, 'user')} AS user",
        f"{draw.popular('S', 8000, 'sku')} AS sku",
        f"{draw.one_of(PRODUCTS, 'product')} AS description",
        f"CAST({draw.below(12, 'quantity')} + 1 AS INT) AS quantity",
        f"{draw.amount(5000, 'price')} AS price",
        f"{draw.mostly(draw.amount(300, 'discount'), 600, 'discount')} AS discount",
        f"{draw.below(3, 'member')} = 0 AS is_member",
        f"{draw.country()} AS country",
    )


def orders(ids: DataFrame) -> DataFrame:
    """Make the orders of the examples."""
    return ids.selectExpr(f"{order('id', days=DAYS, seed=SEED)} AS document").select("document.*")


def wide(ids: DataFrame) -> DataFrame:
    """Make documents that have every key, with a different value for each."""
    columns = []
    for number, (name, data_type) in enumerate(WIDE.items()):
        draw = Draws(f"id * {KEYS} + {number}", SEED)
        values = {
            "STRING": draw.code("value ", 1_000_000, "text"),
            "DECIMAL(12, 2)": f"{draw.below(1_000_000_000, 'cents')} * 0.01BD",
            "INT": draw.below(1_000_000, "count"),
            "DOUBLE": f"{draw.below(1_000_000, 'measure')} / 1000D",
            "TIMESTAMP": draw.moment(DAYS),
        }
        columns.append(f"CAST({values[data_type]} AS {data_type}) AS {name}")
    return ids.selectExpr(*columns)


CASES = {
    "csv": Case(400_000, LOG, logs),
    "json": Case(400_000, ORDER, orders),
    "wide": Case(1_000, ", ".join(f"{name} {data_type}" for name, data_type in WIDE.items()), wide),
}


def readers(spark: SparkSession, what: str, path: str) -> dict[str, Callable[[], DataFrame]]:
    """Return the ways to read a case, by name; the first is Spark's own."""
    schema = CASES[what].schema
    if what == "csv":
        return {
            "spark.read.csv": lambda: spark.read.schema(schema).csv(path, header=True, escape='"'),
            "read_csv_logs": lambda: etl.read_csv_logs(spark, path, schema=schema),
        }
    ways: dict[str, Callable[[], DataFrame]] = {"spark.read.json": lambda: spark.read.schema(schema).json(path)}
    for name, options in JSON_OPTIONS.items():
        ways[name] = partial(etl.read_json_payloads, spark, path, schema=schema, **options)
    return ways


def run(read: Callable[[], DataFrame]) -> None:
    """Build a DataFrame and compute all of its columns: the time includes analysis and planning."""
    noop(read())


def compare_values(ways: dict[str, Callable[[], DataFrame]]) -> None:
    """Print whether every way reads the rows of the first, by their count and the sum of their hashes."""
    base, *others = ways
    columns = ways[base]().columns
    total = F.sum(F.xxhash64(*columns).cast("decimal(20)"))
    found = {name: read().agg(F.count(F.lit(1)), total).first() for name, read in ways.items()}
    for name in others:
        print(f"{name}: {'the same' if found[name] == found[base] else 'DIFFERENT'} rows as {base}")


def report(times: dict[str, list[float]]) -> None:
    """Print each way's median and minimum, and their ratios to those of the first."""
    base = next(iter(times))
    for name, taken in times.items():
        figures = [
            f"{how.__name__} {how(taken):7.2f} s, ratio {how(taken) / how(times[base]):6.3f}" for how in (median, min)
        ]
        print(f"{name:<20} {'   '.join(figures)}   of {base}")


if __name__ == "__main__":
    main()
