"""Tables without partitions, and what the three steps that write have in common."""

from __future__ import annotations

import itertools
import pickle
import typing
from typing import TYPE_CHECKING, Any

import pytest
from chispa import assert_df_equality
from pyspark.sql.types import ArrayType, DateType, IntegerType, LongType, StructField, StructType

from shopsmart_etl import (
    ColumnNotFoundError,
    FileOptions,
    InvalidArgumentError,
    TargetExistsError,
    TargetMismatchError,
    UnsupportedError,
    write_partitioned,
    write_stream,
    write_table,
)
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.step import plan_step

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

    from shopsmart_etl import Transform


@pytest.fixture(scope="module")
def sales(spark: SparkSession) -> DataFrame:
    rows = [(3, "GB", [1]), (1, None, []), (2, "IE", None)]
    return spark.createDataFrame(rows, "id int, country string, tags array<int>")


def test_little_data_is_one_file_and_comes_back_as_it_was_written(
    spark: SparkSession, sales: DataFrame, tmp_path: Path
) -> None:
    many = sales.unionAll(spark.range(10, 100, 1, 8).selectExpr("CAST(id AS INT)", "'DE'", "array()"))
    table = many.transform(write_table(tmp_path / "t"))
    assert_df_equality(table, many, ignore_row_order=True, ignore_nullable=True)
    assert len(table.inputFiles()) == 1


def test_much_data_is_written_by_several_tasks(spark: SparkSession, tmp_path: Path) -> None:
    name = "spark.sql.adaptive.advisoryPartitionSizeInBytes"
    before = spark.conf.get(name) or ""
    spark.conf.set(name, "200KB")
    try:
        rows = spark.range(0, 40_000, 1, 8).selectExpr("id", "sha2(CAST(id AS STRING), 256) AS text")
        table = rows.transform(write_table(tmp_path / "t"))
    finally:
        spark.conf.set(name, before)
    assert len({file.rpartition("part-")[2][:5] for file in table.inputFiles()}) > 4
    assert table.count() == 40_000


def test_a_file_is_cut_at_its_target_size(spark: SparkSession, tmp_path: Path) -> None:
    rows = spark.range(0, 4000, 1, 1)
    table = rows.transform(write_table(tmp_path / "t", files=FileOptions(target_file_size=4000)))
    assert len(table.inputFiles()) == 4


def test_rows_are_sorted_in_files(sales: DataFrame, tmp_path: Path) -> None:
    table = sales.transform(write_table(tmp_path / "t", files=FileOptions(sort_by="ID")))
    assert [row["id"] for row in table.collect()] == [1, 2, 3]
    with pytest.raises(ColumnNotFoundError, match="no column 'idd'; did you mean 'id'"):
        sales.transform(write_table(tmp_path / "u", files=FileOptions(sort_by=["idd"])))


def test_an_existing_table_is_kept_appended_to_or_widened(sales: DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "t"
    sales.transform(write_table(path, if_exists="append"))
    with pytest.raises(TargetExistsError, match=r"Choose another path, or set if_exists='append'$"):
        sales.transform(write_table(path))
    assert sales.transform(write_table(path, if_exists="append")).count() == 6
    wider = sales.selectExpr("*", "1 AS new")
    with pytest.raises(TargetMismatchError, match=r"column 'new' \(int\) is not in the table; on_new_columns='add'"):
        wider.transform(write_table(path, if_exists="append"))
    table = wider.transform(write_table(path, if_exists="append", on_new_columns="add"))
    assert (table.count(), table.where("new IS NULL").count()) == (9, 6)


def test_a_table_with_partitions_is_not_one_without(sales: DataFrame, tmp_path: Path) -> None:
    for name in ("t", "p"):
        plain, by_country = (
            write_table(tmp_path / name, if_exists="append"),
            write_partitioned(tmp_path / name, by="country", if_exists="append"),
        )
        first, other = (plain, by_country) if name == "t" else (by_country, plain)
        sales.transform(first)
        with pytest.raises(TargetMismatchError, match=r"the table has \((country)?\), the rows \((country)?\)"):
            sales.transform(other)


def test_folders_named_like_partitions_above_the_table_are_not_its_partitions(sales: DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "country=GB" / "id=7"
    sales.transform(write_table(path / "plain"))
    assert sales.transform(write_table(path / "plain", if_exists="append")).count() == 6
    sales.transform(write_partitioned(path / "t", by="country"))
    assert sales.transform(write_partitioned(path / "t", by="country", if_exists="append")).count() == 6


def test_a_stream_without_partitions_is_appended_once(sales: DataFrame, tmp_path: Path) -> None:
    sales.write.parquet(str(tmp_path / "source"))
    step = write_stream(tmp_path / "t", checkpoint=tmp_path / "checkpoint")
    for _ in range(2):
        stream = sales.sparkSession.readStream.schema(sales.schema).parquet(str(tmp_path / "source"))
        assert_df_equality(stream.transform(step), sales, ignore_row_order=True, ignore_nullable=True)


# --- Arguments ------------------------------------------------------------------------------------------------------


def test_outcomes_that_need_partitions_or_one_commit_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="if_exists: expected one of 'error', 'append', 'replace_all'; got"):
        write_table("t", if_exists="replace_partitions")
    with pytest.raises(UnsupportedError, match="Write to a new path, or use format='delta'"):
        write_table("t", if_exists="replace_all")
    assert write_table("t", format="delta", if_exists="replace_all")
    assert write_table(table="a.`b c`", if_exists="replace_all")


def test_options_of_files_are_values(tmp_path: Path) -> None:
    options = FileOptions(sort_by=["a", "b"], target_file_size=1, max_partitions=None)
    assert options == FileOptions(sort_by=("a", "b"), target_file_size=1, max_partitions=None)
    assert {options, pickle.loads(pickle.dumps(options))} == {options}  # noqa: S301 - made here
    assert FileOptions(sort_by="a") == FileOptions(sort_by=["a"])
    assert tmp_path


@pytest.mark.parametrize(
    ("argument", "values"),
    [
        ("sort_by", [None, 1, True, object(), "", [1], b"x", [""]]),
        ("target_file_size", [None, 0, -1, True, 1.5, "x", [], b"x", object()]),
        ("max_partitions", [0, -1, True, 1.5, "x", [], b"x", object()]),
    ],
)
def test_wrong_options_of_files_fail_where_they_are_built(argument: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(InvalidArgumentError, match=f"^{argument}: expected "):
            FileOptions(**{argument: value})


STEPS: dict[str, Callable[..., Transform]] = {
    "write_table": lambda **arguments: write_table(**{"path": "t", **arguments}),
    "write_partitioned": lambda **arguments: write_partitioned(**{"path": "t", "by": "country", **arguments}),
    "write_stream": lambda **arguments: write_stream(**{"path": "t", "checkpoint": "c", **arguments}),
}
OF_ALL = ["path", "table", "format", "on_new_columns", "files"]
WRONG = [1, True, object(), [1], b"x", ""]


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        *((name, argument) for name in STEPS for argument in OF_ALL),
        ("write_table", "if_exists"),
        ("write_partitioned", "if_exists"),
        ("write_partitioned", "by"),
        ("write_stream", "by"),
        ("write_stream", "checkpoint"),
    ],
)
def test_wrong_types_fail_where_the_step_is_built(name: str, argument: str) -> None:
    for value in WRONG + [None] * (argument not in ("table", "format")):
        given: dict[str, Any] = {argument: value, **({"path": None} if argument == "table" else {})}
        with pytest.raises(InvalidArgumentError, match=f"^{argument}: expected "):
            STEPS[name](**given)


@pytest.mark.parametrize("name", STEPS)
def test_equal_calls_are_equal_and_survive_pickle(name: str) -> None:
    step = STEPS[name](files=FileOptions(max_partitions=3))
    assert step == STEPS[name](files=FileOptions(max_partitions=3)) != STEPS[name]()
    again = pickle.loads(pickle.dumps(step))  # noqa: S301 - made here
    assert {step, again} == {step}
    assert repr(step).startswith(f"{name}(")
    assert "max_partitions=3" in repr(step)


def test_no_step_has_more_than_seven_parameters_and_their_types_can_be_looked_up() -> None:
    for step in (write_table, write_partitioned, write_stream):
        hints = typing.get_type_hints(step)
        assert len(hints) - 1 <= 7, hints


def test_a_preview_has_the_names_and_types_that_are_read_back(sales: DataFrame, tmp_path: Path) -> None:
    schema = StructType(
        [
            StructField("id", LongType(), nullable=False),
            StructField("a.b", ArrayType(IntegerType(), containsNull=False)),
            StructField("day", DateType()),
        ]
    )
    empty = sales.sparkSession.createDataFrame([], schema)
    for built in (write_table(tmp_path / "t"), write_partitioned(tmp_path / "p", by="DAY")):
        assert [row[1:] for row in built.preview(schema).rows] == [
            ("id", "bigint"),
            ("a.b", "array<int>"),
            ("day", "date"),
        ]
        planned = plan_step(built, Frame(schema)).schema
        assert empty.transform(built).schema == planned
    assert [row[1] for row in write_stream("t", checkpoint="c", by="day").preview(schema).rows] == ["id", "a.b", "day"]


# --- Cost -----------------------------------------------------------------------------------------------------------


@pytest.mark.exhaustive
@pytest.mark.needs("jobs to count")
def test_a_write_runs_few_jobs(spark: SparkSession, tmp_path: Path) -> None:
    rows = spark.range(0, 300, 1, 2).selectExpr("id", "date_add(DATE'2026-01-01', CAST(id % 4 AS INT)) AS day")
    uncounted = FileOptions(max_partitions=None)

    def jobs(write: Callable[[], object]) -> int:
        group = f"jobs {next(numbers)}"
        spark.sparkContext.setJobGroup(group, group)
        write()
        return len(spark.sparkContext.statusTracker().getJobIdsForGroup(group))

    numbers = itertools.count()
    path = tmp_path / "days"
    assert jobs(lambda: rows.write.partitionBy("day").parquet(str(tmp_path / "plain"))) == 1
    # One more for the shuffle, and two small ones that mark the folder of the unfinished files and remove it.
    assert jobs(lambda: rows.transform(write_table(tmp_path / "t"))) == 4
    assert jobs(lambda: rows.transform(write_partitioned(path, by="day", files=uncounted))) == 4
    # One more for the footers of the existing files.
    assert jobs(lambda: rows.transform(write_table(tmp_path / "t", if_exists="append"))) == 5
    for if_exists, count in (("append", 5), ("replace_partitions", 3)):
        given: Any = {"by": "day", "if_exists": if_exists}
        assert jobs(lambda given=given: rows.transform(write_partitioned(path, **given, files=uncounted))) == count  # type: ignore[misc]
        # Three more, of a small task each, for the count of the partitions.
        assert jobs(lambda given=given: rows.transform(write_partitioned(path, **given))) == count + 3  # type: ignore[misc]
