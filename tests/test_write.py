"""Partitioned Parquet: nothing there is lost, nothing written comes back changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from chispa import assert_df_equality
from pyspark.sql import functions as F

from shopsmart_etl import (
    ColumnNotFoundError,
    ColumnTypeError,
    InvalidArgumentError,
    TargetExistsError,
    TargetMismatchError,
    UnsupportedError,
    write_partitioned,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession


@pytest.fixture
def logs(spark: SparkSession) -> DataFrame:
    rows = [("007", 1, [1]), ("01", 2, []), ("1", 3, None), (None, 4, [None]), ("a/b=c %2F ü\n..", 5, [5])]
    return spark.createDataFrame(rows, "country string, id int, tags array<int>")


def ids(df: DataFrame) -> list[tuple[Any, Any]]:
    return sorted(((row["country"], row["id"]) for row in df.collect()), key=str)


def test_the_table_comes_back_as_it_was_written(logs: DataFrame, tmp_path: Path) -> None:
    table = logs.transform(write_partitioned(str(tmp_path / "t"), by="country"))
    assert_df_equality(table, logs, ignore_row_order=True)


def test_a_filter_reads_one_partition_and_a_later_step_reads_the_table(logs: DataFrame, tmp_path: Path) -> None:
    table = logs.transform(write_partitioned(str(tmp_path / "t"), by="country"))
    text = table.where("country = '007'")._jdf.queryExecution().executedPlan().toString()  # noqa: SLF001 - no public text
    assert "PartitionFilters: [isnotnull(country" in text
    assert "FileScan parquet" in text
    assert len({file.rpartition("/")[0] for file in table.inputFiles()}) == 5


def test_each_small_partition_is_one_file(spark: SparkSession, tmp_path: Path) -> None:
    many = spark.range(0, 10_000, 1, 8).withColumn("country", F.expr("if(id % 10 < 7, 'UK', concat('c', id % 30))"))
    table = many.transform(write_partitioned(str(tmp_path / "t"), by="country"))
    assert len(table.inputFiles()) == table.select("country").distinct().count()
    assert table.count() == 10_000


def test_several_partition_columns_nest_in_the_order_given(logs: DataFrame, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    table = logs.transform(write_partitioned(path, by=["id", "country"]))
    assert_df_equality(table, logs, ignore_row_order=True)
    assert (tmp_path / "t" / "id=1" / "country=007").is_dir()


def test_a_table_that_is_there_is_left_alone(logs: DataFrame, tmp_path: Path) -> None:
    step = write_partitioned(str(tmp_path / "t"), by="country")
    table = logs.transform(step)
    before = table.inputFiles()
    with pytest.raises(TargetExistsError, match=r"already exists and nothing was written.*if_exists='append'"):
        logs.transform(step)
    assert sorted(table.inputFiles()) == sorted(before)


@pytest.mark.parametrize("if_exists", ["append", "replace_partitions"])
def test_a_table_that_is_not_there_is_made(logs: DataFrame, tmp_path: Path, if_exists: Any) -> None:
    table = logs.transform(write_partitioned(str(tmp_path / "t"), by="country", if_exists=if_exists))
    assert_df_equality(table, logs, ignore_row_order=True)


def test_append_adds_rows(logs: DataFrame, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    logs.transform(write_partitioned(path, by="country"))
    table = logs.transform(write_partitioned(path, by="country", if_exists="append"))
    assert ids(table) == sorted(ids(logs) * 2, key=str)


def test_replace_partitions_replaces_those_present_and_no_others(logs: DataFrame, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    logs.transform(write_partitioned(path, by="country"))
    new = logs.where("country = '01' OR country IS NULL").withColumn("id", F.col("id") + 10)
    step = write_partitioned(path, by="country", if_exists="replace_partitions")
    expected = [row for row in ids(logs) if row[0] not in ("01", None)] + [("01", 12), (None, 14)]
    assert ids(new.transform(step)) == sorted(expected, key=str)
    assert ids(new.transform(step)) == sorted(expected, key=str)


def test_replace_partitions_with_no_rows_changes_nothing(logs: DataFrame, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    logs.transform(write_partitioned(path, by="country"))
    table = logs.limit(0).transform(write_partitioned(path, by="country", if_exists="replace_partitions"))
    assert ids(table) == ids(logs)


def test_a_replace_that_fails_half_way_leaves_the_table_whole(logs: DataFrame, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    table = logs.transform(write_partitioned(path, by="country"))
    failing = logs.withColumn("id", F.expr("if(id = 5, raise_error('half-way'), id + 10)"))
    with pytest.raises(Exception, match="half-way"):
        failing.transform(write_partitioned(path, by="country", if_exists="replace_partitions"))
    assert ids(table) == ids(logs)


@pytest.mark.parametrize("value", ["", "__HIVE_DEFAULT_PARTITION__"])
def test_a_value_that_folders_cannot_tell_from_null_is_refused(
    spark: SparkSession, logs: DataFrame, tmp_path: Path, value: str
) -> None:
    path = str(tmp_path / "t")
    table = logs.transform(write_partitioned(path, by="country"))
    blank = spark.createDataFrame([("01", 9, None), (value, 9, None)], logs.schema)
    with pytest.raises(Exception, match="partition column 'country' holds an empty string or the text"):
        blank.transform(write_partitioned(path, by="country", if_exists="append"))
    assert ids(table) == ids(logs)


@pytest.mark.parametrize("if_exists", ["append", "replace_partitions"])
@pytest.mark.parametrize(
    ("rows", "by", "difference"),
    [
        ("country, CAST(id AS STRING) id, tags", "country", "column 'id' is int in the table and string in the rows"),
        ("country, id", "country", "column 'tags' (array<int>) is missing from the rows"),
        ("*, 1 AS extra", "country", "column 'extra' (int) is not in the table"),
        ("country, tags, id", "country", "the table's columns are in the order id, tags; the rows' are tags, id"),
        ("*", ["id", "country"], "partition columns: the table has (country), the rows (id, country)"),
        ("*", ["id"], "partition columns: the table has (country), the rows (id)"),
        ("country AS COUNTRY, id, tags", "COUNTRY", "partition columns: the table has (country), the rows (COUNTRY)"),
    ],
)
def test_rows_that_do_not_fit_are_refused_with_the_difference(
    logs: DataFrame, tmp_path: Path, rows: str, by: Any, difference: str, if_exists: Any
) -> None:
    path = str(tmp_path / "t")
    table = logs.transform(write_partitioned(path, by="country"))
    with pytest.raises(TargetMismatchError) as caught:
        logs.selectExpr(*rows.split(", ")).transform(write_partitioned(path, by=by, if_exists=if_exists))
    assert difference in caught.value.differences
    assert "nothing was written" in str(caught.value)
    assert ids(table) == ids(logs)


def test_the_session_is_left_as_it_was(spark: SparkSession, logs: DataFrame, tmp_path: Path) -> None:
    names = ["spark.sql.sources.partitionOverwriteMode", "spark.sql.parquet.compression.codec"]
    before = [spark.conf.get(name) for name in names]
    logs.transform(write_partitioned(str(tmp_path / "t"), by="country", if_exists="replace_partitions"))
    assert [spark.conf.get(name) for name in names] == before


@pytest.mark.parametrize(
    ("by", "error", "message"),
    [
        ("contry", ColumnNotFoundError, "no column 'contry'; did you mean 'country'"),
        ("tags", ColumnTypeError, "column 'tags': wanted a scalar to partition by; found array<int>"),
        (["country", "id", "tags"], ColumnTypeError, "column 'tags'"),
    ],
)
def test_a_wrong_partition_column_is_named(
    logs: DataFrame, tmp_path: Path, by: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        logs.transform(write_partitioned(str(tmp_path / "t"), by=by))
    assert not (tmp_path / "t").exists()


def test_partitioning_by_every_column_is_refused(logs: DataFrame, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="by: wanted at least one column left to write"):
        logs.select("country", "id").transform(write_partitioned(str(tmp_path / "t"), by=["country", "id"]))


def test_wrong_arguments_fail_where_the_step_is_built() -> None:
    with pytest.raises(InvalidArgumentError, match="by: wanted at least one partition column"):
        write_partitioned("t", by=[])
    with pytest.raises(InvalidArgumentError, match="if_exists: wanted one of error, append, replace_partitions"):
        write_partitioned("t", by="a", if_exists="overwrite")  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError, match=r"replace_all.*Write to a new path, or use if_exists"):
        write_partitioned("t", by="a", if_exists="replace_all")
