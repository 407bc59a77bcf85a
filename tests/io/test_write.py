"""Partitioned Parquet: nothing there is lost, nothing written comes back changed."""

from __future__ import annotations

import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from chispa import assert_df_equality
from engines import plan_of
from pyspark.sql import functions as F

from shopsmart_etl import (
    ColumnNotFoundError,
    ColumnTypeError,
    FileOptions,
    InvalidArgumentError,
    PartitionError,
    TargetExistsError,
    TargetMismatchError,
    UnsupportedError,
    compact_table,
    conform,
    write_partitioned,
    write_stream,
    write_table,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame, SparkSession

    from shopsmart_etl.typing import IfExists


@pytest.fixture(scope="module")
def logs(spark: SparkSession) -> DataFrame:
    rows = [("007", 1, [1]), ("01", 2, []), ("1", 3, None), (None, 4, [None]), ("a/b=c %2F ü\n..", 5, [5])]
    return spark.createDataFrame(rows, "country string, id int, tags array<int>")


@pytest.fixture(scope="module")
def written_once(logs: DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("written") / "t"
    logs.transform(write_partitioned(str(path), by="country"))
    return path


def files(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


@pytest.fixture
def unchanged(written_once: Path) -> Iterator[str]:
    """Give the path of a table of the logs, in which nothing may change."""
    before = files(written_once)
    yield str(written_once)
    assert files(written_once) == before


@pytest.fixture
def path(written_once: Path, tmp_path: Path) -> str:
    """Give the path of a table of the logs that is the test's own."""
    shutil.copytree(written_once, tmp_path / "t")
    return str(tmp_path / "t")


def ids(df: DataFrame) -> list[tuple[Any, Any]]:
    return sorted(((row["country"], row["id"]) for row in df.collect()), key=str)


@pytest.mark.exhaustive
def test_the_table_comes_back_as_it_was_written(logs: DataFrame, tmp_path: Path) -> None:
    table = logs.transform(write_partitioned(str(tmp_path / "t"), by="country"))
    assert_df_equality(table, logs, ignore_row_order=True)


def test_a_filter_reads_one_partition_and_a_later_step_reads_the_table(logs: DataFrame, tmp_path: Path) -> None:
    table = logs.transform(write_partitioned(str(tmp_path / "t"), by="country"))
    text = plan_of(table.where("country = '007'"))
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


def test_a_table_that_is_there_is_left_alone(logs: DataFrame, unchanged: str) -> None:
    with pytest.raises(TargetExistsError, match=r"already exists and nothing was written.*if_exists='append'"):
        logs.transform(write_partitioned(unchanged, by="country"))


@pytest.mark.parametrize("if_exists", ["append", "replace_partitions"])
def test_a_table_that_is_not_there_is_made(logs: DataFrame, tmp_path: Path, if_exists: Any) -> None:
    table = logs.transform(write_partitioned(str(tmp_path / "t"), by="country", if_exists=if_exists))
    assert_df_equality(table, logs, ignore_row_order=True)


def test_append_adds_rows(logs: DataFrame, path: str) -> None:
    table = logs.transform(write_partitioned(path, by="country", if_exists="append"))
    assert ids(table) == sorted(ids(logs) * 2, key=str)


def test_replace_partitions_replaces_those_present_and_no_others(logs: DataFrame, path: str) -> None:
    new = logs.where("country = '01' OR country IS NULL").withColumn("id", F.col("id") + 10)
    step = write_partitioned(path, by="country", if_exists="replace_partitions")
    expected = [row for row in ids(logs) if row[0] not in ("01", None)] + [("01", 12), (None, 14)]
    assert ids(new.transform(step)) == sorted(expected, key=str)
    assert ids(new.transform(step)) == sorted(expected, key=str)


def test_replace_partitions_with_no_rows_changes_nothing(logs: DataFrame, path: str) -> None:
    table = logs.limit(0).transform(write_partitioned(path, by="country", if_exists="replace_partitions"))
    assert ids(table) == ids(logs)


def test_a_replace_that_fails_half_way_leaves_the_table_whole(logs: DataFrame, unchanged: str) -> None:
    failing = logs.withColumn("id", F.expr("if(id = 5, raise_error('half-way'), id + 10)"))
    with pytest.raises(Exception, match="half-way"):
        failing.transform(write_partitioned(unchanged, by="country", if_exists="replace_partitions"))


@pytest.mark.parametrize("value", ["", "__HIVE_DEFAULT_PARTITION__"])
def test_a_value_that_folders_cannot_tell_from_null_is_refused(
    spark: SparkSession, logs: DataFrame, unchanged: str, value: str
) -> None:
    blank = spark.createDataFrame([("01", 9, None), (value, 9, None)], logs.schema)
    with pytest.raises(
        PartitionError,
        match="partition column 'country': expected values that folders can tell from null; got an empty",
    ):
        blank.transform(write_partitioned(unchanged, by="country", if_exists="append"))


@pytest.mark.parametrize("if_exists", ["append", "replace_partitions"])
@pytest.mark.parametrize(
    ("rows", "by", "difference"),
    [
        ("country, CAST(id AS STRING) id, tags", "country", "column 'id' is int in the table and string in the rows"),
        ("country, id", "country", "column 'tags' (array<int>) is missing from the rows"),
        ("*, 1 AS extra", "country", "column 'extra' (int) is not in the table; on_new_columns='add' adds it"),
        ("country, tags, id", "country", "the table's columns are in the order id, tags; the rows' are tags, id"),
        ("*", ["id", "country"], "partition columns: the table has (country), the rows (id, country)"),
        ("*", ["id"], "partition columns: the table has (country), the rows (id)"),
        ("country AS COUNTRY, id, tags", "COUNTRY", "partition columns: the table has (country), the rows (COUNTRY)"),
    ],
)
def test_rows_that_do_not_fit_are_refused_with_the_difference(
    logs: DataFrame, unchanged: str, rows: str, by: Any, difference: str, if_exists: Any
) -> None:
    with pytest.raises(TargetMismatchError) as caught:
        logs.selectExpr(*rows.split(", ")).transform(write_partitioned(unchanged, by=by, if_exists=if_exists))
    assert difference in caught.value.differences
    assert "nothing was written" in str(caught.value)


def test_the_session_is_left_as_it_was(spark: SparkSession, logs: DataFrame, tmp_path: Path) -> None:
    before = spark.sql("SET").collect()
    step = write_partitioned(str(tmp_path / "t"), by="country", if_exists="replace_partitions")
    logs.transform(step)
    assert spark.sql("SET").collect() == before
    with pytest.raises(Exception, match="nothing was written"):
        logs.withColumn("country", F.lit("")).transform(step)
    assert spark.sql("SET").collect() == before


@pytest.mark.parametrize(
    ("by", "error", "message"),
    [
        ("contry", ColumnNotFoundError, "no column 'contry'; did you mean 'country'"),
        ("tags", ColumnTypeError, "column 'tags': expected a scalar to partition by; got array<int>"),
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
    with pytest.raises(InvalidArgumentError, match="by: expected at least one column left to write"):
        logs.select("country", "id").transform(write_partitioned(str(tmp_path / "t"), by=["country", "id"]))


def test_wrong_arguments_fail_where_the_step_is_built() -> None:
    with pytest.raises(
        InvalidArgumentError, match="by: expected the name of a column, or a sequence of them, at least one"
    ):
        write_partitioned("t", by=[])
    with pytest.raises(
        InvalidArgumentError, match="if_exists: expected one of 'error', 'append', 'replace_partitions'"
    ):
        write_partitioned("t", by="a", if_exists="overwrite")  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError, match=r"expected one of .*; got 'replace_all', .*Write to a new path"):
        write_partitioned("t", by="a", if_exists="replace_all")


# --- Layout ---------------------------------------------------------------------------------------------------------


@pytest.mark.exhaustive
def test_more_partitions_than_allowed_stop_the_job_before_it_writes(logs: DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "t"
    with pytest.raises(
        PartitionError,
        match=r"expected at most 4 partitions by country; got 5; nothing was written: .*max_partitions=None\)$",
    ):
        logs.transform(write_partitioned(str(path), by="country", files=FileOptions(max_partitions=4)))
    assert not list(path.glob("country=*"))
    assert logs.transform(write_partitioned(str(path), by="country", files=FileOptions(max_partitions=5))).count() == 5
    assert (
        logs.transform(
            write_partitioned(f"{path}2", by=["country", "id"], files=FileOptions(max_partitions=None))
        ).count()
        == 5
    )


@pytest.mark.exhaustive
@pytest.mark.needs("accumulators")
def test_the_source_is_read_once_though_partitions_are_counted(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark.sparkContext, "pythonExec", sys.executable)
    made = spark.sparkContext.accumulator(0)
    counted = F.udf(lambda value: (value, made.add(1))[0], "bigint")  # type: ignore[func-returns-value]
    # Maps and structs are what a count could leave out of its exchange, which would then be another one.
    rows = spark.range(0, 600, 1, 3).select(
        counted("id").alias("id"),
        F.expr("map('a', id) AS map"),
        F.expr("named_struct('x', id, 'y', array(id)) AS struct"),
        F.expr("concat('c', id % 7) AS country"),
    )
    table = rows.transform(write_partitioned(str(tmp_path / "t"), by="country"))
    assert (table.count(), made.value) == (600, 600)


def test_a_large_partition_is_split_and_small_ones_are_not(spark: SparkSession, tmp_path: Path) -> None:
    skewed = spark.range(40_000).selectExpr("id", "sha2(CAST(id AS STRING), 256) AS text", "id % 10 AS country")
    skewed = skewed.withColumn("country", F.expr("if(country < 7, 'UK', concat('c', country))"))
    table = skewed.transform(
        write_partitioned(str(tmp_path / "t"), by="country", files=FileOptions(target_file_size=200_000))
    )
    files = {folder.name: list(folder.glob("*.parquet")) for folder in (tmp_path / "t").glob("country=*")}
    assert {name: len(found) for name, found in files.items() if name != "country=UK"} == {
        f"country=c{number}": 1 for number in (7, 8, 9)
    }
    assert len(files["country=UK"]) > 1
    assert table.where("country = 'UK'").count() == 28_000


@pytest.mark.needs("columns in hints")
def test_adaptive_execution_splits_a_large_partition_over_several_tasks(spark: SparkSession, tmp_path: Path) -> None:
    name = "spark.sql.adaptive.advisoryPartitionSizeInBytes"
    before = spark.conf.get(name) or ""
    spark.conf.set(name, "200KB")
    try:
        rows = spark.range(0, 40_000, 1, 8).selectExpr("id", "sha2(CAST(id AS STRING), 256) AS text", "'UK' AS country")
        table = rows.transform(write_partitioned(str(tmp_path / "t"), by="country"))
    finally:
        spark.conf.set(name, before)
    tasks = {file.rpartition("part-")[2][:5] for file in table.inputFiles()}
    assert len(tasks) > 4
    assert table.count() == 40_000


def test_files_are_sorted_inside(spark: SparkSession, tmp_path: Path) -> None:
    rows = spark.range(0, 2000, 1, 4).selectExpr(
        "pmod(xxhash64(id), 1000) AS at", "id", "concat('c', id % 3) AS country"
    )
    rows.transform(write_partitioned(str(tmp_path / "t"), by="country", files=FileOptions(sort_by=["at", "id"])))
    found: dict[str, list[tuple[int, int]]] = {}
    for path, at, number in spark.read.parquet(str(tmp_path / "t")).select("_metadata.file_path", "at", "id").collect():
        found.setdefault(path, []).append((at, number))
    assert len(found) == len(list((tmp_path / "t").glob("country=*/*.parquet")))
    for written in found.values():
        assert written == sorted(written)
        assert len(written) > 100


def test_values_like_paths_stay_inside_the_table_and_come_back(spark: SparkSession, tmp_path: Path) -> None:
    values = ["../x", "a/b=c", "%2F", "con", " a ", "a\nb", ".", "..", "ü" * 40, "{[^]}", "*?"]
    expected = [(value, number) for number, value in enumerate(values)]
    rows = spark.createDataFrame(expected, "country string, id int")
    table = rows.transform(write_partitioned(str(tmp_path / "inside" / "t"), by="country"))
    assert sorted((tuple(row) for row in table.collect()), key=itemgetter(1)) == expected
    found = [
        table.where(F.col("country") == value).selectExpr(f"{number} AS wanted", "id") for value, number in expected
    ]
    filtered = reduce(lambda one, other: one.union(other), found)
    assert sorted(tuple(row) for row in filtered.collect()) == [(number, number) for _, number in expected]
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]
    assert [path.name for path in (tmp_path / "inside").iterdir()] == ["t"]


@pytest.mark.parametrize("value", ["x" * 300, "/" * 90, "ü" * 130])
def test_a_value_too_long_for_a_folder_is_refused(
    spark: SparkSession, logs: DataFrame, unchanged: str, value: str
) -> None:
    rows = spark.createDataFrame([("01", 9, None), (value, 9, None)], logs.schema)
    with pytest.raises(PartitionError, match=r"name of a folder \(255 bytes\); got a longer one; nothing was written"):
        rows.transform(write_partitioned(unchanged, by="country", if_exists="append"))


def test_the_longest_values_that_fit_are_written(spark: SparkSession, tmp_path: Path) -> None:
    rows = spark.createDataFrame([("x" * 247, 1), ("x" * 246, 2)], "country string, id int")
    assert rows.transform(write_partitioned(str(tmp_path / "t"), by="country")).count() == 2


@pytest.mark.parametrize("kind", ["TIMESTAMP", "BINARY"])
def test_types_that_folders_cannot_name_are_refused(spark: SparkSession, tmp_path: Path, kind: str) -> None:
    rows = spark.sql(f"SELECT 1 AS id, CAST(NULL AS {kind}) AS at")
    with pytest.raises(ColumnTypeError, match="column 'at': expected a type whose values can be the names of folders"):
        rows.transform(write_partitioned(str(tmp_path / "t"), by="at"))


# --- What is there --------------------------------------------------------------------------------------------------


def test_new_columns_are_added_and_null_in_older_rows(logs: DataFrame, path: str) -> None:
    wider = logs.selectExpr("*", "CAST(id AS STRING) AS text")
    step = write_partitioned(path, by="country", if_exists="append", on_new_columns="add")
    table = wider.transform(step)
    assert_df_equality(table, wider.union(logs.selectExpr("*", "CAST(NULL AS STRING)")), ignore_row_order=True)
    # Whichever file is looked at, the table has the column: rows without it are refused, rows with it are not.
    for _ in range(3):
        with pytest.raises(TargetMismatchError, match=r"column 'text' \(string\) is missing from the rows"):
            logs.transform(step)
    assert wider.transform(write_partitioned(path, by="country", if_exists="append")).count() == 15


def test_what_a_killed_first_write_left_is_no_table(logs: DataFrame, tmp_path: Path) -> None:
    # With a task of it that was done.
    task = tmp_path / "t" / "_temporary" / "0" / "task_202601010000000000000_0001_m_000000"
    logs.write.partitionBy("country").parquet(str(task))
    table = logs.transform(write_partitioned(str(tmp_path / "t"), by="country"))
    assert_df_equality(table, logs, ignore_row_order=True)


def test_a_difference_far_inside_a_struct_is_seen(spark: SparkSession, tmp_path: Path) -> None:
    fields = ", ".join(f"'a_field_with_a_long_name_{at}', {at}" for at in range(30))
    rows = spark.sql(f"SELECT named_struct({fields}) AS s, 'EIRE' AS country")
    other = spark.sql(f"SELECT named_struct({fields[:-2]}'29') AS s, 'EIRE' AS country")
    rows.transform(write_partitioned(str(tmp_path / "t"), by="country"))
    outcomes: list[IfExists] = ["append", "replace_partitions"]
    for if_exists in outcomes:
        with pytest.raises(TargetMismatchError, match="column 's' is struct"):
            other.transform(write_partitioned(str(tmp_path / "t"), by="country", if_exists=if_exists))


def test_partition_values_that_the_rows_type_does_not_have_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    path, by = str(tmp_path / "t"), ["zeros", "text", "fraction", "day"]
    there = spark.sql("SELECT 1 AS id, '007' AS zeros, 'abc' AS text, 1.5 AS fraction, '2026-1-2' AS day")
    there.transform(write_partitioned(path, by=by))
    rows = spark.sql("SELECT 2 AS id, INT(NULL) AS zeros, INT(NULL) AS text, INT(NULL) AS fraction, DATE(NULL) AS day")
    with pytest.raises(TargetMismatchError) as caught:
        rows.transform(write_partitioned(path, by=by, if_exists="replace_partitions"))
    assert list(caught.value.differences) == [
        "partition column 'zeros' is int in the rows, and the table has '007'",
        "partition column 'text' is int in the rows, and the table has 'abc'",
        "partition column 'fraction' is int in the rows, and the table has '1.5'",
        "partition column 'day' is date in the rows, and the table has '2026-1-2'",
    ]


@pytest.mark.exhaustive
def test_typed_partition_values_are_taken_again(spark: SparkSession, tmp_path: Path) -> None:
    by = ["number", "day", "flag", "amount", "moment"]
    rows = spark.sql("""SELECT 1 AS id, 7 AS number, DATE'2026-01-02' AS day, true AS flag, 1.50BD AS amount,
        TIMESTAMP_NTZ'2026-01-02 03:04:05.5' AS moment UNION ALL SELECT 2, NULL, NULL, NULL, NULL, NULL""")
    step = write_partitioned(str(tmp_path / "t"), by=by, if_exists="replace_partitions")
    rows.transform(step)
    assert_df_equality(rows.transform(step), rows, ignore_row_order=True, ignore_nullable=True)


@pytest.mark.parametrize("path", ["t/g[1]", "t*", "{a,b}", "a?", "a\\b"])
def test_a_path_that_is_a_pattern_is_refused(spark: SparkSession, path: str) -> None:
    with pytest.raises(InvalidArgumentError, match="path: expected a folder's name without"):
        write_partitioned(path, by="country")
    with pytest.raises(InvalidArgumentError, match="path: expected a folder's name without"):
        compact_table(spark, path)


def test_a_partition_column_is_named_once(logs: DataFrame, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="by: expected each partition column once"):
        logs.transform(write_partitioned(str(tmp_path / "t"), by=["country", "COUNTRY"]))


def test_a_delta_table_is_not_written_to_as_parquet(logs: DataFrame, tmp_path: Path) -> None:
    (tmp_path / "t" / "_delta_log").mkdir(parents=True)
    with pytest.raises(UnsupportedError, match="expected a Parquet table; got a Delta table"):
        logs.transform(write_partitioned(str(tmp_path / "t"), by="country", if_exists="append"))


@pytest.mark.parametrize("arguments", [{"format": "delta"}, {"format": "delta", "if_exists": "append"}])
def test_a_format_that_the_session_lacks_is_one_clear_line(
    logs: DataFrame, tmp_path: Path, arguments: dict[str, Any]
) -> None:
    with pytest.raises(UnsupportedError, match=r"this session has no such format; nothing was written.*jar"):
        logs.transform(write_partitioned(str(tmp_path / "t"), by="country", **arguments))
    assert not (tmp_path / "t").exists()


def test_two_writers_of_different_partitions_do_not_disturb_each_other(logs: DataFrame, path: str) -> None:
    step = write_partitioned(path, by="country", if_exists="replace_partitions")

    def replace(country: str) -> None:
        for _ in range(3):
            logs.where(F.col("country") == country).withColumn("id", F.col("id") + 10).transform(step)

    with ThreadPoolExecutor() as pool:
        list(pool.map(replace, ["007", "01"]))
    expected = [(country, number + 10 * (country in ("007", "01"))) for country, number in ids(logs)]
    assert ids(logs.sparkSession.read.schema(logs.schema).parquet(path)) == sorted(expected, key=str)


# --- Streams --------------------------------------------------------------------------------------------------------


def new_rows(spark: SparkSession, source: Path, first: int) -> None:
    rows = spark.range(first, first + 10).selectExpr("CAST(id AS INT) AS id", "concat('c', id % 3) AS country")
    rows.coalesce(1).write.mode("append").parquet(str(source))


def test_a_stream_writes_what_is_new_once(spark: SparkSession, tmp_path: Path) -> None:
    source, path = tmp_path / "source", str(tmp_path / "t")
    step = write_stream(path, by="country", checkpoint=tmp_path / "checkpoint")
    for first, total in [(0, 10), (10, 20)]:
        new_rows(spark, source, first)
        for _ in range(2):
            stream = spark.readStream.schema("id INT, country STRING").parquet(str(source))
            table = stream.transform(step)
            assert not table.isStreaming
            assert sorted(row["id"] for row in table.collect()) == list(range(total))
    batch = spark.read.schema("id INT, country STRING").parquet(str(source))
    with pytest.raises(UnsupportedError, match=r"was written by a stream.*would not read the rows of a batch"):
        batch.transform(write_partitioned(path, by="country", if_exists="append"))
    assert spark.read.parquet(path).count() == 20


def test_a_stream_that_was_killed_before_its_first_commit_can_be_run_again(spark: SparkSession, tmp_path: Path) -> None:
    source, path = tmp_path / "source", tmp_path / "t"
    new_rows(spark, source, 0)
    (path / "_spark_metadata").mkdir(parents=True)
    stream = spark.readStream.schema("id INT, country STRING").parquet(str(source))
    step = write_stream(path, by="country", checkpoint=tmp_path / "checkpoint")
    assert stream.transform(step).count() == 10


def test_a_stream_does_not_hide_the_rows_of_a_table_that_is_there(spark: SparkSession, tmp_path: Path) -> None:
    source, path = tmp_path / "source", str(tmp_path / "t")
    new_rows(spark, source, 0)
    spark.read.parquet(str(source)).transform(write_partitioned(path, by="country"))
    stream = spark.readStream.schema("id INT, country STRING").parquet(str(source))
    step = write_stream(path, by="country", checkpoint=tmp_path / "checkpoint")
    with pytest.raises(UnsupportedError, match="was not written by a stream"):
        stream.transform(step)
    assert spark.read.parquet(path).count() == 10


@pytest.mark.exhaustive
def test_a_stream_with_the_checkpoint_of_another_table_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    def write(table: str, checkpoint: str) -> DataFrame:
        stream = spark.readStream.schema("id INT, country STRING").parquet(str(tmp_path / "source"))
        return stream.transform(write_stream(tmp_path / table, by="country", checkpoint=tmp_path / checkpoint))

    new_rows(spark, tmp_path / "source", 0)
    assert write("one", "first").count() == 10
    new_rows(spark, tmp_path / "source", 10)
    with pytest.raises(UnsupportedError, match="the checkpoint are not of one stream"):
        write("one", "second")
    with pytest.raises(UnsupportedError, match="the checkpoint are not of one stream"):
        write("other", "first")
    assert write("one", "first").count() == 20


def test_a_stream_without_a_checkpoint_and_a_batch_with_one_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    new_rows(spark, tmp_path / "source", 0)
    stream = spark.readStream.schema("id INT, country STRING").parquet(str(tmp_path / "source"))
    with pytest.raises(
        UnsupportedError, match="write_partitioned: expected a batch; got a stream, which write_stream appends"
    ):
        stream.transform(write_partitioned(str(tmp_path / "t"), by="country"))
    step = write_stream(tmp_path / "t", by="country", checkpoint=tmp_path / "c")
    with pytest.raises(UnsupportedError, match="write_stream: expected a stream; got a batch"):
        spark.read.parquet(str(tmp_path / "source")).transform(step)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"path": None}, InvalidArgumentError, "path: expected a path, or table="),
        ({"path": None, "table": ""}, InvalidArgumentError, "table: expected a table's name, such as"),
        ({"path": None, "table": "a b"}, InvalidArgumentError, "table: expected a table's name, such as"),
        ({"path": None, "table": "a; DROP TABLE b"}, InvalidArgumentError, "table: expected a table's name, such as"),
        ({"table": "a.b"}, InvalidArgumentError, "path: expected either a path or table="),
        ({"format": "csv"}, InvalidArgumentError, "format: expected one of 'parquet', 'delta', 'iceberg'"),
        ({"format": "iceberg"}, UnsupportedError, "got 'iceberg', whose tables have names in a catalog"),
        ({"path": None, "table": "a.b", "format": "parquet"}, UnsupportedError, "cannot replace partitions safely"),
        ({"on_new_columns": "keep"}, InvalidArgumentError, "on_new_columns: expected one of 'error', 'add'"),
        ({"files": {"sort_by": "a"}}, InvalidArgumentError, "files: expected a FileOptions"),
    ],
)
def test_arguments_that_do_not_go_together_fail_where_the_step_is_built(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        write_partitioned(**{"path": "t", "by": "a", **arguments})


@pytest.mark.parametrize("inner", ["plain", "partitioned", "deep", "with an empty log", "with metadata", "other files"])
@pytest.mark.parametrize("step", ["write_partitioned", "write_table"])
def test_a_folder_with_another_table_inside_is_refused_before_the_write(
    logs: DataFrame, tmp_path: Path, inner: str, step: str
) -> None:
    lake = tmp_path / "my lake"
    orders = lake / "orders"
    orders.mkdir(parents=True)
    if inner == "plain":
        logs.write.mode("overwrite").parquet(str(orders))
    elif inner == "partitioned":
        logs.write.mode("overwrite").partitionBy("id").parquet(str(orders))
    elif inner == "deep":
        logs.write.parquet(str(orders / "2026" / "raw"))
    else:
        entries = {"with an empty log": "_delta_log/0.json", "with metadata": "metadata/v1.metadata.json"}
        file = entries.get(inner, "a.csv")
        (orders / file).parent.mkdir(exist_ok=True)
        (orders / file).write_text("{}")
    before = files(lake)
    write = write_partitioned(lake, by="country") if step == "write_partitioned" else write_table(lake)
    with pytest.raises(UnsupportedError) as caught:
        logs.transform(write)
    assert f"{str(orders)!r}" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files(lake) == before


def test_a_folder_beside_the_partitions_is_named(logs: DataFrame, path: str) -> None:
    logs.write.parquet(f"{path}/orders")
    before = files(Path(path))
    with pytest.raises(UnsupportedError, match="/orders', which is no partition; nothing was written"):
        logs.transform(write_partitioned(path, by="country", if_exists="append"))
    assert files(Path(path)) == before


def test_a_relative_path_finds_the_folder_inside(logs: DataFrame, tmp_path: Path) -> None:
    relative = os.path.relpath(tmp_path)
    logs.write.parquet(f"{tmp_path}/lake/orders")
    with pytest.raises(UnsupportedError, match=r"lake/orders', which is no partition"):
        logs.transform(write_table(f"{relative}/lake"))


def test_a_checkpoint_in_the_folder_of_the_table_is_no_other_table(logs: DataFrame, tmp_path: Path) -> None:
    lake = tmp_path / "t"
    for file in ("checkpoint/metadata", "checkpoint/offsets/0", "checkpoint/commits/0"):
        (lake / file).parent.mkdir(parents=True, exist_ok=True)
        (lake / file).write_text("{}")
    assert logs.transform(write_table(lake, if_exists="append")).count() == 5


@pytest.mark.parametrize("step", ["write_partitioned", "write_table"])
@pytest.mark.parametrize(
    ("void", "path", "got"),
    [
        ("NULL", "v", "void"),
        ("array()", "v", "array<void>"),
        ("map()", "v", "map<void,void>"),
        ("struct(1 AS a, struct(NULL AS c) AS b)", "v.b.c", "void"),
        ("array(map('k', struct(array(NULL) AS `a b`)))", "v.`a b`", "array<void>"),
        ("map('k', array(NULL))", "v", "map<string,array<void>>"),
    ],
)
def test_a_column_without_a_type_is_refused_before_the_write(
    spark: SparkSession, tmp_path: Path, step: str, void: str, path: str, got: str
) -> None:
    rows = spark.sql(f"SELECT 'EIRE' AS country, {void} AS v")
    path_to = tmp_path / "t"
    write = write_partitioned(path_to, by="country") if step == "write_partitioned" else write_table(path_to)
    with pytest.raises(ColumnTypeError, match="Nothing was written") as caught:
        rows.transform(write)
    assert (caught.value.column, caught.value.got) == (path, got)
    assert not path_to.exists()
    typed = {"v": "INT", "v.b.c": "STRUCT<a: INT, b: STRUCT<c: DATE>>"}
    if got == "void":
        typed_rows = rows.transform(conform(f"country STRING, v {typed[path]}"))
        assert_df_equality(typed_rows.transform(write), typed_rows, ignore_nullable=True)
