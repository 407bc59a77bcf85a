"""Gold updated from the affected partitions alone is gold rebuilt from all of silver."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import functions as F
from strategies import few_batches

from shopsmart_etl import (
    ColumnNotFoundError,
    ColumnTypeError,
    InvalidArgumentError,
    UnsupportedError,
    active_users,
    daily_revenue,
    estimate_users,
    filter_affected,
    order_metrics,
    pipeline,
    sketch_users,
    top_products,
    write_partitioned,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame, SparkSession

SCHEMA = "n int, country string, user string, amount decimal(10, 2)"
ROW = st.tuples(
    st.none() | st.integers(0, 19),
    st.none() | st.sampled_from(["GB", "IE", "DE", "FR"]),
    st.none() | st.sampled_from("abcde"),
    st.none() | st.decimals(-99, 99, places=2),
)
METRICS = order_metrics(order="user", amount="amount", timestamp="day", by=["country"])
# The bytes of a sketch depend on the order of its rows.
SKETCHES = pipeline(sketch_users(user="user", timestamp="day"), estimate_users())
TOP = top_products(1, product="user", amount="amount", by=["country"])
# Gold steps, each with the column that its table is partitioned by.
GOLD = [(METRICS, "day"), (SKETCHES, "day"), (TOP, "country")]


def silver_of(spark: SparkSession, rows: list[Any]) -> DataFrame:
    return spark.createDataFrame(rows, SCHEMA).selectExpr(
        "date_add(DATE'2026-01-01', n) AS day", "country", "user", "amount"
    )


def table(df: DataFrame) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in df.collect()), key=repr)


@pytest.mark.heavy
@few_batches
@given(st.lists(ROW, min_size=20, max_size=60), st.lists(ROW, min_size=1, max_size=6))
def test_rebuilding_affected_groups_is_rebuilding_all(spark: SparkSession, before: list[Any], late: list[Any]) -> None:
    old, new = silver_of(spark, before), silver_of(spark, late)
    silver, late_rows = old.union(new), new.collect()
    affected = {by: filter_affected(new, by=by) for by in ("day", "country")}
    for step, by in GOLD:
        tables = {
            "old": old.transform(step),
            "again": silver.transform(pipeline(affected[by], step)),
            "whole": silver.transform(step),
        }
        marked = [df.selectExpr(f"'{name}' AS made", "*") for name, df in tables.items()]
        gold: dict[str, list[dict[str, Any]]] = {name: [] for name in tables}
        for made, *values in marked[0].union(marked[1]).union(marked[2]).collect():
            gold[made].append(dict(zip(tables["whole"].columns, values, strict=True)))
        again = {row[by] for row in gold["again"]}
        assert again == {row[by] for row in late_rows}
        kept = [row for row in gold["old"] if row[by] not in again]
        assert sorted(map(repr, kept + gold["again"])) == sorted(map(repr, gold["whole"])), (step, by)


@pytest.mark.exhaustive
def test_gold_written_by_partition_is_updated(spark: SparkSession, new_path: Callable[[], str]) -> None:
    path = new_path()
    keys = [(0, "GB", "a"), (1, "GB", "a"), (1, "IE", "b"), (None, "IE", "b"), (3, None, "c"), (4, "DE", "d")]
    before = [(*key, Decimal(number)) for number, key in enumerate(keys)]
    late = [(1, "GB", "b", Decimal(7)), (None, None, "a", Decimal(8)), (5, "IE", "c", None)]
    write = write_partitioned(f"{path}/gold", by="day", if_exists="replace_partitions")
    silver = silver_of(spark, before).transform(write_partitioned(f"{path}/silver", by=["day", "country"]))
    silver.transform(pipeline(METRICS, write))
    new = silver_of(spark, late)
    silver = new.transform(write_partitioned(f"{path}/silver", by=["day", "country"], if_exists="append"))
    gold = silver.transform(pipeline(filter_affected(new, by="day"), METRICS, write))
    assert table(gold) == table(silver.transform(METRICS).select(gold.columns))


def test_only_affected_partitions_are_read(spark: SparkSession, new_path: Callable[[], str]) -> None:
    path = new_path()
    rows = [(0, "GB", "a", None), (1, "GB", "b", None), (1, None, "c", None), (8, "GB", "d", None)]
    silver = silver_of(spark, rows).transform(write_partitioned(path, by=["day", "country"]))
    for unaffected in ("day=2026-01-01/country=GB", "day=2026-01-02/country=GB", "day=2026-01-09/country=GB"):
        for file in (Path(path) / unaffected).glob("*.parquet"):
            file.write_bytes(b"not to be read")
            (file.parent / f".{file.name}.crc").unlink(missing_ok=True)
    new = silver_of(spark, [(1, None, "d", None), (1, None, "e", None)])
    kept = silver.transform(filter_affected(new, by=["day", "country"]))
    assert [row["user"] for row in kept.collect()] == ["c"]
    with pytest.raises(Exception, match=r"(?i)parquet"):
        silver.transform(filter_affected(new, by="day")).collect()


def test_whole_weeks_are_kept_for_weekly_tables(spark: SparkSession) -> None:
    silver = silver_of(spark, [(0, "GB", "a", None), (3, "GB", "b", None), (4, "GB", "c", None)])
    new = silver_of(spark, [(3, "GB", "b", None)])
    # The first of January 2026 is a Thursday.
    users = active_users(user="user", timestamp="day", period="week")
    weekly = silver.transform(pipeline(filter_affected(new, by="day", period="week"), users))
    assert [tuple(map(str, row)) for row in weekly.collect()] == [("2025-12-29", "2")]


def test_days_of_timestamps_are_those_of_the_time_zone(spark: SparkSession) -> None:
    silver = spark.sql("""SELECT id, TIMESTAMP(at) AS at FROM VALUES (1, '2026-01-01 14:59:59Z'),
        (2, '2026-01-01 15:00:00Z'), (3, '2026-01-02 14:59:59Z') AS t (id, at)""")
    affected = filter_affected(silver.where("id = 3"), by="at", period="day", timezone="Asia/Tokyo")
    assert [row["id"] for row in silver.transform(affected).orderBy("id").collect()] == [2, 3]


@pytest.mark.exhaustive
def test_gold_of_another_time_zone_than_silver_is_updated(spark: SparkSession, new_path: Callable[[], str]) -> None:
    # 15:00 UTC is midnight in Tokyo: silver's day of the 1st has rows of two of gold's days, and the 2nd of both has.
    silver = spark.sql("""SELECT DATE(at) AS day, TIMESTAMP(at || 'Z') AS at, amount FROM VALUES
        ('2026-01-01 14:00:00', 1), ('2026-01-01 16:00:00', 2), ('2026-01-02 14:00:00', 4), ('2026-01-02 16:00:00', 8)
        AS t (at, amount)""")
    revenue = daily_revenue(amount="amount", timestamp="at", timezone="Asia/Tokyo")
    write = write_partitioned(new_path(), by="day", if_exists="replace_partitions")
    silver.transform(pipeline(revenue, write))
    late = silver.where("amount = 4").withColumn("amount", F.lit(16))
    silver = silver.union(late)
    affected = filter_affected(late, by="at", period="day", timezone="Asia/Tokyo")
    gold = silver.transform(pipeline(affected, revenue, write))
    assert table(gold) == table(silver.transform(revenue).select(gold.columns))


def test_integers_of_any_size_are_the_same_groups(spark: SparkSession) -> None:
    silver = spark.sql("SELECT CAST(id AS INT) AS year FROM range(2025, 2027)")
    new = spark.sql("SELECT 2026L AS year")
    assert [row["year"] for row in silver.transform(filter_affected(new, by="year")).collect()] == [2026]


def test_a_column_of_another_type_in_the_new_rows_is_refused(spark: SparkSession) -> None:
    silver = silver_of(spark, [(4, "GB", "a", None)])
    new = silver.withColumn("day", F.lit("2026-1-5"))
    with pytest.raises(ColumnTypeError, match="'day': expected date in the new rows too; got string"):
        silver.transform(filter_affected(new, by=["country", "day"]))
    moments = silver.withColumn("day", F.col("day").cast("timestamp"))
    assert silver.transform(filter_affected(moments, by="day", period="day")).count() == 1


def test_not_every_combination_of_affected_values_is_affected(spark: SparkSession) -> None:
    silver = silver_of(spark, [(day, country, "a", None) for day in (0, 1, None) for country in ("GB", "IE", None)])
    new = silver_of(spark, [(0, "GB", "b", None), (None, "IE", "b", None), (1, None, "b", None)])
    kept = silver.transform(filter_affected(new, by=["day", "country"]))
    assert table(kept.selectExpr("CAST(day AS STRING)", "country")) == [
        ("2026-01-01", "GB"),
        ("2026-01-02", None),
        (None, "IE"),
    ]


def test_no_new_rows_affect_no_group(spark: SparkSession) -> None:
    silver = silver_of(spark, [(0, "GB", "a", None)])
    assert silver.transform(filter_affected(silver.where("false"), by=["day", "country"])).count() == 0


def test_affected_groups_are_found_once(spark: SparkSession, new_path: Callable[[], str]) -> None:
    path = new_path()
    silver_of(spark, [(0, "GB", "a", None)]).write.parquet(path)
    affected = filter_affected(spark.read.parquet(path), by="day")
    silver = silver_of(spark, [(0, "GB", "a", None), (1, "GB", "b", None)])
    assert silver.transform(affected).count() == 1
    for file in Path(path).iterdir():
        file.unlink()
    assert silver.transform(affected).count() == 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"by": "contry"}, ColumnNotFoundError, "did you mean 'country'"),
        (
            {"by": "country", "period": "week"},
            ColumnTypeError,
            "a date or a timestamp, since period='week' is given",
        ),
        ({"by": "at"}, ColumnTypeError, "expected a date; got timestamp. Use period='day'"),
        ({"by": "day", "period": "day", "timezone": "Asia/Tokyo"}, ColumnTypeError, "Leave timezone out"),
        ({"by": "tags"}, ColumnTypeError, "expected a date, a string, a number or a boolean; got array<string>"),
        ({"by": "key"}, ColumnTypeError, "'key': expected a date, a string, .* got binary"),
    ],
)
def test_a_wrong_column_is_named(
    spark: SparkSession, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    silver = silver_of(spark, []).selectExpr("*", "TIMESTAMP(day) AS at", "array(user) AS tags", "X'00' AS key")
    with pytest.raises(error, match=message):
        silver.transform(filter_affected(silver, **options))


def test_a_wrong_argument_is_refused_where_the_step_is_built(spark: SparkSession) -> None:
    silver = silver_of(spark, [])
    with pytest.raises(InvalidArgumentError, match=r"by: expected the name of a column, or .*, at least one"):
        filter_affected(silver, by=[])
    with pytest.raises(InvalidArgumentError, match="period: expected a period, since timezone is given"):
        filter_affected(silver, by="day", timezone="Asia/Tokyo")
    stream = spark.readStream.format("rate").load()
    with pytest.raises(UnsupportedError, match="new_rows: expected a batch; got a stream"):
        filter_affected(stream, by="value")


def test_a_step_of_equal_arguments_is_equal_and_hashes_alike(spark: SparkSession) -> None:
    new = silver_of(spark, [])
    step, same = (filter_affected(new, by="day") for _ in range(2))
    assert (step, hash(step)) == (same, hash(same))
    assert step not in (filter_affected(new, by="country"), filter_affected(silver_of(spark, []), by="day"))


def test_a_step_can_be_copied_and_its_dataframe_not_pickled(spark: SparkSession) -> None:
    step = filter_affected(silver_of(spark, []), by="day")
    assert copy.deepcopy(step) == copy.copy(step) == step
    with pytest.raises(UnsupportedError, match=r"^filter_affected\(DataFrame, by='day'\) cannot be pickled"):
        pickle.dumps(pipeline(step))


def test_a_preview_has_the_columns_of_silver_and_runs_no_job(spark: SparkSession) -> None:
    silver = silver_of(spark, [(0, "GB", "a", None)])
    failing = silver.selectExpr("CAST(raise_error('a job ran') AS DATE) AS day")
    step = filter_affected(failing, by="day")
    assert step.preview(silver.schema).rows == tuple((name, name, of) for name, of in silver.dtypes)
    with pytest.raises(Exception, match="a job ran"):
        silver.transform(step)


@pytest.mark.parametrize("argument", ["new_rows", "by", "period", "timezone"])
def test_an_argument_of_the_wrong_type_is_refused(spark: SparkSession, argument: str) -> None:
    given: dict[str, Any] = {"new_rows": silver_of(spark, []), "by": "day", "period": "day", "timezone": "UTC"}
    for wrong in (None, 1, True, object(), [], [1], b"x", ""):
        if wrong is not None or argument != "timezone":
            with pytest.raises(InvalidArgumentError, match=rf"^{argument}: expected"):
                filter_affected(**(given | {argument: wrong}))
