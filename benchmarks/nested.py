"""Nested data against named alternatives: ratios measured in one run, never a limit that a test asserts.

``driver`` builds and resolves flattens of wide schemas; ``execution`` runs flatten, explode, flatten over simulated
orders, and compares the plans; ``relationalize`` writes every table of the orders.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import LongType, StructField, StructType

from shopsmart_etl import explode_arrays, flatten_struct, pipeline, relationalize

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame

ROOT = Path(__file__).parents[1]
ORDER = """order_id STRING, placed_at TIMESTAMP, customer STRUCT<id: STRING, name: STRING, address: STRUCT<
        city: STRING, country: STRING, geo: STRUCT<lat: DOUBLE, lon: DOUBLE>>>,
    items ARRAY<STRUCT<sku: STRING, quantity: INT, price: DECIMAL(10, 2), attributes: STRUCT<color: STRING,
        size: STRING>, discounts: ARRAY<STRUCT<code: STRING, amount: DECIMAL(10, 2)>>>>,
    payment STRUCT<method: STRING, currency: STRING, amount: DECIMAL(10, 2)>, tags ARRAY<STRING>"""
_TOO_LONG = 20  # seconds
CHAIN = pipeline(flatten_struct(), explode_arrays("items"), flatten_struct("items"))
PARENT = ["order_id", "placed_at", "customer.id", "customer.name", "customer.address.city", "customer.address.country"]
PARENT += ["customer.address.geo.lat", "customer.address.geo.lon"]
ITEM = ["sku", "quantity", "price", "attributes.color", "attributes.size", "discounts"]
PAYMENT = ["payment.method", "payment.currency", "payment.amount", "tags"]


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["driver", "execution", "relationalize"])
    parser.add_argument("--orders", type=int, default=100_000, help="simulated documents (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds, interleaved (default: %(default)s)")
    options = parser.parse_args()
    quiet = {"spark.log.level": "ERROR", "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
    spark = SparkSession.builder.master("local[2]").config(map=quiet).config("spark.driver.memory", "4g").getOrCreate()
    folder = tempfile.mkdtemp()
    try:
        if options.what == "driver":
            driver(spark, options.rounds)
        else:
            simulate(folder, options.orders)
            source = f"{folder}/raw/payloads/lines"
            (execution if options.what == "execution" else relational)(spark, folder, source, options.rounds)
    finally:
        spark.stop()
        shutil.rmtree(folder)


def driver(spark: SparkSession, rounds: int) -> None:
    """Time building a flatten until Spark has resolved its schema."""
    import flatten_spark_dataframe  # noqa: PLC0415 - starts a session of its own when it is imported
    import spark_json_flatten  # noqa: PLC0415
    from quinn.transformations import flatten_dataframe  # noqa: PLC0415

    ways: dict[str, Callable[[DataFrame], DataFrame]] = {
        "select of F.col": lambda df: df.select(*by_hand(df.schema)),
        "quinn": flatten_dataframe,
        "flatten-spark-dataframe": flatten_spark_dataframe.flatten,
        "spark-json-flatten": spark_json_flatten.flatten_recursive,
    }
    for leaves in (200, 2_000, 10_000):
        df = spark.createDataFrame([], wide(leaves))
        own = median(compared({"own": lambda df=df: df.transform(flatten_struct()).schema}, rounds)["own"])
        cells = []
        for way, flatten in list(ways.items()):
            # The peers print what they do.
            with redirect_stdout(StringIO()):
                took = median(compared({way: lambda df=df, flatten=flatten: flatten(df).schema}, 1)[way])
            cells.append(f"{way} {took:.2f} s ({took / own:.1f}x)")
            if took > _TOO_LONG:  # at five times the leaves it would be minutes
                ways.pop(way)
        print(f"{leaves:,} leaves: flatten_struct {own:.2f} s, {', '.join(cells)}", flush=True)


def execution(spark: SparkSession, folder: str, source: str, rounds: int) -> None:
    """Time the chain against the best Spark by hand, and compare the plans."""
    spark.read.schema(ORDER).json(source).write.parquet(f"{folder}/orders")
    for form, path in (("json", source), ("parquet", f"{folder}/orders")):
        raw = spark.read.schema(ORDER).format(form).load(path)
        frames = {"chain": raw.transform(CHAIN), "by hand": lines_by_hand(raw)}
        times = compared({name: lambda df=df: noop(df) for name, df in frames.items()}, rounds, warm=True)
        ratio = median(a / b for a, b in zip(times["chain"], times["by hand"], strict=True))
        print(
            f"{form}: chain {median(times['chain']):.2f} s, by hand {median(times['by hand']):.2f} s, ratio {ratio:.3f}"
        )
        print("  nodes:", {name: nodes(df) for name, df in frames.items()})
        if form == "parquet":
            one = {name: read_schema(df.select("items_price")) for name, df in frames.items()}
            print("  ReadSchema of one leaf:", one["chain"], "the same" if len(set(one.values())) == 1 else one)


def relational(spark: SparkSession, folder: str, source: str, rounds: int) -> None:
    """Time writing every table, from JSON to files, once for each way."""
    del rounds
    start = time.monotonic()
    spark.read.schema(ORDER).json(source).write.parquet(f"{folder}/orders")
    tables = relationalize(spark.read.parquet(f"{folder}/orders"), root="orders", key="order_id")
    for name, table in tables.items():
        table.write.parquet(f"{folder}/own/{name}")
    own = time.monotonic() - start
    rows = {name: spark.read.parquet(f"{folder}/own/{name}").count() for name in tables}
    print(f"relationalize: {own:.1f} s, rows {rows}", flush=True)
    spark.stop()
    for way, write in {"pandas.json_normalize": write_with_pandas, "dlt": write_with_dlt}.items():
        start = time.monotonic()
        counted = write(source, f"{folder}/{way}")
        took = time.monotonic() - start
        print(f"{way}: {took:.1f} s ({took / own:.1f}x), rows {counted}", flush=True)


def write_with_pandas(source: str, target: str) -> dict[str, int]:
    """Normalize the orders, their items and discounts with pandas."""
    import pandas as pd  # noqa: PLC0415

    Path(target).mkdir()
    orders = list(documents(source))
    for order in orders:
        order["items"] = order.get("items") or []
        for item in order["items"]:
            item["discounts"] = item.get("discounts") or []
    parts = {
        "orders": pd.json_normalize(orders),
        "orders_items": pd.json_normalize(orders, record_path="items", meta="order_id"),
        "orders_items_discounts": pd.json_normalize(orders, record_path=["items", "discounts"], meta="order_id"),
    }
    for name, part in parts.items():
        part.astype(str).to_parquet(f"{target}/{name}.parquet")
    return {name: len(part) for name, part in parts.items()}


def write_with_dlt(source: str, target: str) -> dict[str, int]:
    """Load the orders with dlt, whose normalizer makes the child tables."""
    import dlt  # noqa: PLC0415

    Path(target).mkdir()
    pipe = dlt.pipeline(
        "orders", pipelines_dir=f"{target}/work", destination=dlt.destinations.filesystem(target), dataset_name="orders"
    )
    pipe.run(documents(source), table_name="orders", loader_file_format="parquet")
    return {name: count for name, count in pipe.last_trace.last_normalize_info.row_counts.items() if name[0] != "_"}


def documents(source: str) -> list[dict[str, object]]:
    """Read the documents with Python."""
    return [json.loads(line) for file in sorted(Path(source).rglob("*.json")) for line in file.read_text().splitlines()]


def simulate(folder: str, orders: int) -> None:
    """Write orders one a line."""
    command = [sys.executable, str(ROOT / "examples" / "simulate.py"), "--output", f"{folder}/raw", "--rows", "1"]
    subprocess.run([*command, "--orders", str(orders)], check=True, stdout=subprocess.DEVNULL)  # noqa: S603


def wide(leaves: int) -> StructType:
    """Make a schema of structs of 10 structs of 10 leaves."""
    inner = StructType([StructField(f"leaf{number}", LongType()) for number in range(10)])
    middle = StructType([StructField(f"part{number}", inner) for number in range(10)])
    return StructType([StructField(f"column{number}", middle) for number in range(leaves // 100)])


def by_hand(schema: StructType, path: tuple[str, ...] = ()) -> list[object]:
    """Write the select that a user would: one F.col a leaf."""
    columns: list[object] = []
    for field in schema.fields:
        here = (*path, field.name)
        if isinstance(field.dataType, StructType):
            columns += by_hand(field.dataType, here)
        else:
            columns.append(F.col(".".join(here)).alias("_".join(here)))
    return columns


def lines_by_hand(raw: DataFrame) -> DataFrame:
    """Flatten, explode, flatten as an engineer would write it out."""
    exploded = raw.select(*flat(PARENT), F.explode_outer("items").alias("items"), *flat(PAYMENT))
    parent = [path.replace(".", "_") for path in PARENT]
    payment = [path.replace(".", "_") for path in PAYMENT]
    return exploded.select(*parent, *flat([f"items.{path}" for path in ITEM]), *payment)


def flat(paths: list[str]) -> list[object]:
    """Select paths under their flat names."""
    return [F.col(path).alias(path.replace(".", "_")) for path in paths]


def noop(df: DataFrame) -> None:
    """Compute every column and keep nothing."""
    df.write.format("noop").mode("overwrite").save()


def nodes(df: DataFrame) -> dict[str, int]:
    """Count the nodes of the physical plan that cost something."""
    plan = plan_text(df)
    return {node: len(re.findall(rf"\b{node}\b", plan)) for node in ("Generate", "Project", "Exchange")}


def read_schema(df: DataFrame) -> str:
    """Give what a scan reads."""
    found = re.search(r"ReadSchema: (.*)", plan_text(df))
    return found.group(1) if found else "?"


def plan_text(df: DataFrame) -> str:
    """Give the physical plan as text."""
    with redirect_stdout(StringIO()) as text:
        df.explain()
    return text.getvalue()


def compared(ways: dict[str, Callable[[], object]], rounds: int, *, warm: bool = False) -> dict[str, list[float]]:
    """Time each way in every round, one after the other, so that a slow minute is slow for all."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + warm):
        for name, way in ways.items():
            start = time.monotonic()
            way()
            if turn >= warm:
                times[name].append(time.monotonic() - start)
    return times


if __name__ == "__main__":
    main()
