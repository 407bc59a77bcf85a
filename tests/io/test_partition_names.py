"""Partition columns and values of any name: written, read back and written again, or refused."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from shopsmart_etl import (
    FileOptions,
    InvalidArgumentError,
    PartitionError,
    TargetMismatchError,
    write_partitioned,
    write_table,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

pytestmark = pytest.mark.exhaustive

# Among them those that Spark or Hadoop gives a meaning.
NAMES = [["rows", "bytes", "files", "small"], ["0", "_c", "a b"], ["a`b", "a=b", "wanted"]]


@pytest.mark.parametrize("names", NAMES)
def test_a_table_partitioned_by_columns_of_any_name_is_read_back(
    spark: SparkSession, tmp_path: Path, names: list[str]
) -> None:
    path = str(tmp_path / "t")
    values = [f"concat('v', id % 2) AS `{name.replace('`', '``')}`" for name in names]
    rows = spark.range(0, 4, 1, 1).selectExpr("id", *values)
    for if_exists in ("error", "append"):
        table = rows.transform(
            write_partitioned(path, by=names, if_exists=if_exists, files=FileOptions(max_partitions=None))
        )
    assert sorted(map(tuple, table.collect())) == sorted([(n, *[f"v{n % 2}"] * len(names)) for n in range(4)] * 2)


# Typed values, of which Spark would infer other types from the names of folders.
TYPED = {
    "i=": "CAST(id AS INT)",
    "=d": "DATE'2026-01-31'",
    "m%3D": "CAST(1.5 AS DECIMAL(4, 2))",
    "b=1/#": "id = 0",
    "n: a=b": "TIMESTAMP_NTZ'2026-01-31 10:11:12.5'",
}


def test_partition_columns_of_any_type_may_have_special_signs_in_their_names(
    spark: SparkSession, tmp_path: Path
) -> None:
    rows = spark.range(0, 2, 1, 1).selectExpr("id", *(f"{sql} AS `{name}`" for name, sql in TYPED.items()))
    expected = sorted(map(tuple, rows.collect()))
    for if_exists, times in (("error", 1), ("append", 2), ("replace_partitions", 1)):
        write: Any = write_partitioned(tmp_path / "t", by=list(TYPED), if_exists=if_exists)  # type: ignore[arg-type]
        table = rows.transform(write)
        assert sorted(map(tuple, table.collect())) == sorted(expected * times)
        assert table.dtypes == rows.dtypes


@pytest.mark.parametrize("name", [".", ".c", "..", ".c.d"])
def test_a_column_whose_folders_spark_does_not_read_is_refused(spark: SparkSession, tmp_path: Path, name: str) -> None:
    rows = spark.range(3).toDF(name).selectExpr("1 AS id", f"`{name}`")
    for by in (name, ["id", name]):
        with pytest.raises(InvalidArgumentError, match="by: expected names that begin with no dot"):
            rows.selectExpr("*", "2 AS other").transform(write_partitioned(str(tmp_path / "t"), by=by))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("by", [["country"], ["country", "kind"], ["kind", "country"]])
def test_a_value_whose_folder_spark_does_not_read_is_refused(
    spark: SparkSession, tmp_path: Path, by: list[str]
) -> None:
    rows = spark.createDataFrame([(1, "GB", "a"), (2, "x._COPYING_", "a")], "id int, country string, kind string")
    with pytest.raises(PartitionError, match=r"whose folders Spark reads; got one that ends with \._COPYING_"):
        rows.transform(write_partitioned(str(tmp_path / "t"), by=by))
    assert not list((tmp_path / "t").glob("*=*"))


# Each case is five writes: `make test-heavy` runs those that differ in the names alone.
@pytest.mark.parametrize(
    "folder",
    [
        "kind=a",
        "a b/country",
        *(pytest.param(name, marks=pytest.mark.heavy) for name in ("kind", "country=GB", "country=GB/kind=a")),
    ],
)
def test_a_folder_named_like_a_column_or_a_partition_is_no_partition_of_the_table_in_it(
    spark: SparkSession, tmp_path: Path, folder: str
) -> None:
    rows = spark.createDataFrame([(1, "GB", "a"), (2, "IE", "b")], "id int, country string, kind string")
    steps: dict[str, Any] = {"t": partial(write_partitioned, by="kind"), "p": write_table}
    for name, step in steps.items():
        path = f"{tmp_path}/{name}/{folder}"
        for if_exists in ("error", "append"):
            table = rows.transform(step(path, if_exists=if_exists))
        assert table.count() == 4
    again = rows.transform(write_partitioned(f"file:{tmp_path}/t/{folder}", by="kind", if_exists="replace_partitions"))
    assert again.count() == 2


def test_a_path_may_lead_upwards(spark: SparkSession, tmp_path: Path) -> None:
    # The JVM's folder is that of the tests' start.
    path = f"{os.path.relpath(tmp_path)}/deeper/../t"
    rows = spark.createDataFrame([(1, "GB"), (2, "IE")], "id int, country string")
    for if_exists in ("error", "append", "replace_partitions"):
        table = rows.transform(write_partitioned(path, by="country", if_exists=if_exists))
    assert table.count() == 2
    with pytest.raises(TargetMismatchError, match=r"partition columns: the table has \(country\), the rows \(\)"):
        rows.transform(write_table(path, if_exists="append"))
