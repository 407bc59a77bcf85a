"""What docs/atomicity.md says of other readers: they see the table, and nothing that is not committed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pyarrow.dataset
import pytest

from shopsmart_etl import write_partitioned

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyspark.sql import SparkSession

READERS: dict[str, Callable[[Path], list[tuple[int, str]]]] = {
    "DuckDB": lambda path: duckdb.execute(
        f"SELECT id, country FROM read_parquet('{path}/country=*/*.parquet', hive_partitioning = true)"
    ).fetchall(),
    "Polars": lambda path: (
        pl.scan_parquet(f"{path}/country=*/*.parquet", hive_partitioning=True).select("id", "country").collect().rows()
    ),
    "pyarrow": lambda path: [
        (row["id"], row["country"])
        for row in pyarrow.dataset.dataset(path, partitioning="hive").to_table(["id", "country"]).to_pylist()
    ],
}


@pytest.fixture(scope="module")
def table(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a table, and files of writers that were killed before their commits."""
    path = tmp_path_factory.mktemp("readers") / "t"
    rows = spark.range(6).selectExpr("id", "concat('c', id % 2) AS country")
    rows.transform(write_partitioned(path, by="country"))
    for folder in (".spark-staging-1", "_temporary/7/task_1", "_temporary/7/_temporary/attempt_1"):
        rows.selectExpr("id + 10 AS id", "country").write.partitionBy("country").parquet(f"{path}/{folder}")
    return path


@pytest.mark.parametrize("reader", READERS)
def test_another_reader_sees_the_table_alone(table: Path, reader: str) -> None:
    assert sorted(READERS[reader](table)) == [(n, f"c{n % 2}") for n in range(6)]
