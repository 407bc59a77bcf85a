"""Partition columns and values of any name: written, read back and compacted, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shopsmart_etl import InvalidArgumentError, PartitionError, compact_partitions, write_partitioned

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

# Among them those that a compaction counts, and those that Spark or Hadoop gives a meaning.
NAMES = ["rows", "bytes", "files", "small", "wanted", "0", "_c", "a b", "a`b", "a=b"]


def test_a_table_partitioned_by_a_column_of_any_name_is_read_back_and_compacted(
    spark: SparkSession, tmp_path: Path
) -> None:
    quoted = [f"`{name.replace('`', '``')}`" for name in NAMES]
    values = [f"concat('v', id % 2) AS {name}" for name in quoted]
    for number, name in enumerate(NAMES):
        path = str(tmp_path / str(number))
        rows = spark.range(0, 4, 1, 1).selectExpr("id", values[number])
        for if_exists in ("error", "append", "append"):
            table = rows.transform(write_partitioned(path, by=name, if_exists=if_exists, max_partitions=None))
        compacted = compact_partitions(spark, path, by=name)
        assert set(compacted.compacted) == {f"{name}=v0", f"{name}=v1"}, name
        again = spark.read.schema(table.schema).parquet(path)
        assert sorted(map(tuple, again.collect())) == sorted([(n, f"v{n % 2}") for n in range(4)] * 3), name


@pytest.mark.parametrize("name", [".", ".c", "..", ".c.d"])
def test_a_column_whose_folders_spark_does_not_read_is_refused(spark: SparkSession, tmp_path: Path, name: str) -> None:
    rows = spark.range(3).toDF(name).selectExpr("1 AS id", f"`{name}`")
    for by in (name, ["id", name]):
        with pytest.raises(InvalidArgumentError, match="by: wanted names that begin with no dot"):
            rows.selectExpr("*", "2 AS other").transform(write_partitioned(str(tmp_path / "t"), by=by))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("by", [["country"], ["country", "kind"], ["kind", "country"]])
def test_a_value_whose_folder_spark_does_not_read_is_refused(
    spark: SparkSession, tmp_path: Path, by: list[str]
) -> None:
    rows = spark.createDataFrame([(1, "GB", "a"), (2, "x._COPYING_", "a")], "id int, country string, kind string")
    with pytest.raises(PartitionError, match=r"a value that ends with \._COPYING_, whose folder Spark does not read"):
        rows.transform(write_partitioned(str(tmp_path / "t"), by=by))
    assert not list((tmp_path / "t").glob("*=*"))
