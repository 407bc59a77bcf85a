"""Small files into few, with the same rows in the same partitions."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from pyspark.sql import functions as F

from shopsmart_etl import (
    FileOptions,
    InvalidArgumentError,
    SourceNotFoundError,
    TargetMismatchError,
    UnsupportedError,
    compact_partitions,
    write_partitioned,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType


def files(path: Path) -> dict[str, list[str]]:
    return {folder.name: sorted(one.name for one in folder.glob("*.parquet")) for folder in path.glob("country=*")}


@pytest.fixture(scope="module")
def written(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StructType]:
    """Write a table with many files in two partitions, and one in the others; an older part lacks a column."""
    path = tmp_path_factory.mktemp("written") / "t"
    rows = spark.range(3000).selectExpr(
        "id", "sha2(CAST(id AS STRING), 256) AS at", "map('a', id) AS map", "CAST(id % 2 AS STRING) AS country"
    )
    rows = rows.withColumn("country", F.expr("if(country = '1', '007', NULL)"))
    rows.write.partitionBy("country").option("maxRecordsPerFile", 300).parquet(str(path))
    others = rows.limit(3).withColumn("country", F.concat(F.lit("0"), F.col("id").cast("string")))
    more = others.union(rows.where("id < 20")).selectExpr("*", "id AS wanted")
    step = write_partitioned(str(path), by="country", if_exists="append", on_new_columns="add")
    return path, more.select("id", "at", "map", "wanted", "country").transform(step).schema


@pytest.fixture
def table(spark: SparkSession, written: tuple[Path, StructType], tmp_path: Path) -> DataFrame:
    """Copy the table to a folder of the test."""
    path, schema = written
    shutil.copytree(path, tmp_path / "t")
    return spark.read.schema(schema).parquet(str(tmp_path / "t"))


def test_small_files_become_few_and_the_rows_stay(spark: SparkSession, table: DataFrame, tmp_path: Path) -> None:
    before, rows = files(tmp_path / "t"), table.collect()
    done = compact_partitions(spark, str(tmp_path / "t"), by="country")
    assert done.partitions == 5
    assert done.compacted == {
        "country=007": (len(before["country=007"]), 1),
        "country=null": (len(before["country=__HIVE_DEFAULT_PARTITION__"]), 1),
    }
    after = files(tmp_path / "t")
    assert {name: len(found) for name, found in after.items()} == dict.fromkeys(before, 1)
    assert all(after[name] == before[name] for name in ("country=00", "country=01", "country=02"))
    again = spark.read.schema(table.schema).parquet(str(tmp_path / "t"))
    assert len(rows) == 3023
    assert again.schema == table.schema
    assert sorted(map(repr, again.collect())) == sorted(map(repr, rows))


def test_a_second_run_does_nothing(spark: SparkSession, table: DataFrame, tmp_path: Path) -> None:
    compact_partitions(spark, str(tmp_path / "t"), by="country")
    before = files(tmp_path / "t")
    assert repr(compact_partitions(spark, str(tmp_path / "t"), by="country")) == (
        "0 of 5 partitions compacted: 0 files are now 0"
    )
    assert files(tmp_path / "t") == before
    assert table.schema


def test_files_come_close_to_the_target_and_are_sorted(spark: SparkSession, table: DataFrame, tmp_path: Path) -> None:
    target = 20_000
    before = sum(file.stat().st_size for file in (tmp_path / "t" / "country=007").glob("*.parquet"))
    compact_partitions(spark, tmp_path / "t", by="country", files=FileOptions(target_file_size=target, sort_by="id"))
    sizes = [file.stat().st_size for file in (tmp_path / "t" / "country=007").glob("*.parquet")]
    assert len(sizes) > 1
    assert max(sizes) < 1.5 * target
    assert len(sizes) <= 1.3 * before / target + 1
    found: dict[str, list[int]] = {}
    rows = spark.read.parquet(str(tmp_path / "t" / "country=007")).select("_metadata.file_path", "id")
    for path, number in rows.collect():
        found.setdefault(path, []).append(number)
    assert len(found) == len(sizes)
    assert all(numbers == sorted(numbers) for numbers in found.values())
    assert table.schema


def test_what_is_no_such_table_is_refused(spark: SparkSession, table: DataFrame, tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="there is no table of Parquet files"):
        compact_partitions(spark, str(tmp_path / "nope"), by="country")
    with pytest.raises(TargetMismatchError, match=r"the table has \(country\), the call \(contry\)"):
        compact_partitions(spark, str(tmp_path / "t"), by="contry")
    with pytest.raises(InvalidArgumentError, match="files: expected a FileOptions; got 0"):
        compact_partitions(spark, str(tmp_path / "t"), by="country", files=0)  # type: ignore[arg-type]
    for log, message in [("_delta_log", "run OPTIMIZE delta."), ("_spark_metadata", "written by a stream")]:
        (tmp_path / log / log).mkdir(parents=True)
        with pytest.raises(UnsupportedError, match=message):
            compact_partitions(spark, str(tmp_path / log), by="country")
    assert table.schema
