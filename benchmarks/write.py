"""write_partitioned against plain ways to write, over skewed rows: time, files and their sizes, in one run.

Ten million rows by default, 70 % of them in one country, 30 others, and nulls. Afterwards one small country is read:
the bytes of the files that Spark opens are compared with its share of the rows.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import shopsmart_etl as etl

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame

TARGET = 128 * 1024**2
SMALL = "Country 7"


def main() -> None:
    """Write in every way, in rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="timed rounds, interleaved (default: %(default)s)")
    parser.add_argument("--tasks", type=int, default=8, help="files of the source (default: %(default)s)")
    options = parser.parse_args()
    quiet = {"spark.log.level": "ERROR", "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
    spark = SparkSession.builder.master("local[2]").config(map=quiet).config("spark.driver.memory", "6g").getOrCreate()
    folder = Path(tempfile.mkdtemp())
    try:
        source = str(folder / "source")
        skewed(spark, options.rows, options.tasks).write.parquet(source)
        compare(spark.read.parquet(source), folder / "table", options.rounds)
    finally:
        spark.stop()
        shutil.rmtree(folder)


def skewed(spark: SparkSession, rows: int, tasks: int) -> DataFrame:
    """Make order lines: sequences, codes, times, amounts, and a token that does not compress."""
    country = """CASE WHEN d < 700 THEN 'United Kingdom' WHEN d < 710 THEN NULL
        ELSE concat('Country ', pmod(d, 30)) END"""
    return spark.range(0, rows, 1, tasks).selectExpr(
        "id AS line_id",
        "concat('o-', id div 3) AS order_id",
        "concat('u-', pmod(xxhash64(id, 1), 500000)) AS user",
        "timestamp_seconds(1767225600 + pmod(xxhash64(id, 2), 7776000)) AS at",
        "concat('sku-', pmod(xxhash64(id, 3), 20000)) AS sku",
        "CAST(pmod(xxhash64(id, 4), 12) + 1 AS INT) AS quantity",
        "CAST(pmod(xxhash64(id, 5), 50000) * 0.01BD AS DECIMAL(10, 2)) AS price",
        "md5(CAST(id AS STRING)) AS token",
        f"transform(array(pmod(xxhash64(id, 6), 1000)), d -> {country})[0] AS country",
    )


def compare(rows: DataFrame, table: Path, rounds: int) -> None:
    """Time each way in every round, one after the other, so that a slow minute is slow for all."""

    def plainly(arranged: DataFrame) -> None:
        arranged.write.partitionBy("country").option("compression", "zstd").parquet(str(table))

    ways: dict[str, Callable[[], object]] = {
        "plain partitionBy": lambda: plainly(rows),
        "repartition(by)": lambda: plainly(rows.repartition("country")),
        "repartition(by, salt)": lambda: plainly(rows.repartition("country", F.floor(F.rand(1) * 8))),
        "write_partitioned": lambda: rows.transform(etl.write_partitioned(str(table), by="country")),
        "the same, uncounted": lambda: rows.transform(
            etl.write_partitioned(str(table), by="country", files=etl.FileOptions(max_partitions=None))
        ),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):  # the first warms up
        for name, way in ways.items():
            shutil.rmtree(table, ignore_errors=True)
            start = time.monotonic()
            way()
            if turn:
                times[name].append(time.monotonic() - start)
            else:
                report(name, table)
    fastest = min(list(ways)[:3], key=lambda name: median(times[name]))
    print(f"\nseconds; the fastest of the plain ways is {fastest}")
    for name, taken in times.items():
        ratio = median(one / other for one, other in zip(taken, times[fastest], strict=True))
        print(f"{name:<24} {median(taken):7.1f} s   {ratio:5.2f} of {fastest}")
    read_one(rows.sparkSession.read.parquet(str(table)))


def report(name: str, table: Path) -> None:
    """Print what a way left behind."""
    files = list(table.rglob("*.parquet"))
    sizes = [file.stat().st_size for file in files]
    folders: dict[Path, int] = {}
    for file, size in zip(files, sizes, strict=True):
        folders[file.parent] = folders.get(file.parent, 0) + size
    ideal = sum(max(1, -(-size // TARGET)) for size in folders.values())
    print(
        f"{name:<24} {len(files):>4} files, {len(files) / ideal:4.2f} of the ideal {ideal}; "
        f"{min(sizes) / 1e6:.1f} to {max(sizes) / 1e6:.1f} MB ({max(sizes) / TARGET:.2f} targets), "
        f"{sum(sizes) / 1e6:.0f} MB"
    )


def read_one(table: DataFrame) -> None:
    """Read a small country, and say what that took."""
    files = table.select("_metadata.file_path", "_metadata.file_size")
    of_one = table.where(F.col("country") == SMALL)
    opened = of_one.select("_metadata.file_path", "_metadata.file_size").distinct()
    read, whole = (df.agg(F.sum("file_size")).collect()[0][0] for df in (opened, files.distinct()))
    share = whole * of_one.count() / table.count()
    print(f"reading {SMALL}: {read / 1e6:.2f} MB in {opened.count()} files, {read / share:.2f} of its share")


if __name__ == "__main__":
    main()
