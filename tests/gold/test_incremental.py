"""Gold brought up to date from the touched partitions alone is gold made from all of silver."""

from __future__ import annotations

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
    daily_revenue,
    estimate_users,
    keep_touched,
    order_figures,
    pipeline,
    sketch_users,
    top_products,
    weekly_active_users,
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
FIGURES = order_figures(order="user", amount="amount", at="day", by=["country"])
# The bytes of a sketch depend on the order of its rows.
SKETCHES = pipeline(sketch_users(user="user", at="day"), estimate_users())
TOP = top_products(1, product="user", amount="amount", by=["country"])
# Gold steps, each with the column that its table is partitioned by.
GOLD = [(FIGURES, "day"), (SKETCHES, "day"), (TOP, "country")]


def silver_of(spark: SparkSession, rows: list[Any]) -> DataFrame:
    return spark.createDataFrame(rows, SCHEMA).selectExpr(
        "date_add(DATE'2026-01-01', n) AS day", "country", "user", "amount"
    )


def table(df: DataFrame) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in df.collect()), key=repr)


@pytest.mark.heavy
@few_batches
@given(st.lists(ROW, min_size=20, max_size=60), st.lists(ROW, min_size=1, max_size=6))
def test_touched_groups_made_again_are_the_whole_made_again(
    spark: SparkSession, before: list[Any], late: list[Any]
) -> None:
    old, new = silver_of(spark, before), silver_of(spark, late)
    silver, late_rows = old.union(new), new.collect()
    touched = {by: keep_touched(new, by=by) for by in ("day", "country")}
    for step, by in GOLD:
        tables = {
            "old": old.transform(step),
            "again": silver.transform(pipeline(touched[by], step)),
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


def test_gold_written_by_partition_is_brought_up_to_date(spark: SparkSession, new_path: Callable[[], str]) -> None:
    path = new_path()
    keys = [(0, "GB", "a"), (1, "GB", "a"), (1, "IE", "b"), (None, "IE", "b"), (3, None, "c"), (4, "DE", "d")]
    before = [(*key, Decimal(number)) for number, key in enumerate(keys)]
    late = [(1, "GB", "b", Decimal(7)), (None, None, "a", Decimal(8)), (5, "IE", "c", None)]
    write = write_partitioned(f"{path}/gold", by="day", if_exists="replace_partitions")
    silver = silver_of(spark, before).transform(write_partitioned(f"{path}/silver", by=["day", "country"]))
    silver.transform(pipeline(FIGURES, write))
    new = silver_of(spark, late)
    silver = new.transform(write_partitioned(f"{path}/silver", by=["day", "country"], if_exists="append"))
    gold = silver.transform(pipeline(keep_touched(new, by="day"), FIGURES, write))
    assert table(gold) == table(silver.transform(FIGURES).select(gold.columns))


def test_only_touched_partitions_are_opened(spark: SparkSession, new_path: Callable[[], str]) -> None:
    path = new_path()
    rows = [(0, "GB", "a", None), (1, "GB", "b", None), (1, None, "c", None), (8, "GB", "d", None)]
    silver = silver_of(spark, rows).transform(write_partitioned(path, by=["day", "country"]))
    for untouched in ("day=2026-01-01/country=GB", "day=2026-01-02/country=GB", "day=2026-01-09/country=GB"):
        for file in (Path(path) / untouched).glob("*.parquet"):
            file.write_bytes(b"not to be read")
            (file.parent / f".{file.name}.crc").unlink(missing_ok=True)
    new = silver_of(spark, [(1, None, "d", None), (1, None, "e", None)])
    kept = silver.transform(keep_touched(new, by=["day", "country"]))
    assert [row["user"] for row in kept.collect()] == ["c"]
    with pytest.raises(Exception, match=r"(?i)parquet"):
        silver.transform(keep_touched(new, by="day")).collect()


def test_whole_weeks_are_kept_for_weekly_tables(spark: SparkSession) -> None:
    silver = silver_of(spark, [(0, "GB", "a", None), (3, "GB", "b", None), (4, "GB", "c", None)])
    new = silver_of(spark, [(3, "GB", "b", None)])
    # The first of January 2026 is a Thursday.
    weekly = silver.transform(
        pipeline(keep_touched(new, by="day", every="week"), weekly_active_users(user="user", at="day"))
    )
    assert [tuple(map(str, row)) for row in weekly.collect()] == [("2025-12-29", "2")]


def test_days_of_timestamps_are_those_of_the_zone(spark: SparkSession) -> None:
    silver = spark.sql("""SELECT id, TIMESTAMP(at) AS at FROM VALUES (1, '2026-01-01 14:59:59Z'),
        (2, '2026-01-01 15:00:00Z'), (3, '2026-01-02 14:59:59Z') AS t (id, at)""")
    touched = keep_touched(silver.where("id = 3"), by="at", every="day", zone="Asia/Tokyo")
    assert [row["id"] for row in silver.transform(touched).orderBy("id").collect()] == [2, 3]


def test_gold_cut_in_another_zone_than_silver_is_brought_up_to_date(
    spark: SparkSession, new_path: Callable[[], str]
) -> None:
    # 15:00 UTC is midnight in Tokyo: silver's day of the 1st has rows of two of gold's days, and the 2nd of both has.
    silver = spark.sql("""SELECT DATE(at) AS day, TIMESTAMP(at || 'Z') AS at, amount FROM VALUES
        ('2026-01-01 14:00:00', 1), ('2026-01-01 16:00:00', 2), ('2026-01-02 14:00:00', 4), ('2026-01-02 16:00:00', 8)
        AS t (at, amount)""")
    revenue = daily_revenue(amount="amount", at="at", zone="Asia/Tokyo")
    write = write_partitioned(new_path(), by="day", if_exists="replace_partitions")
    silver.transform(pipeline(revenue, write))
    late = silver.where("amount = 4").withColumn("amount", F.lit(16))
    silver = silver.union(late)
    touched = keep_touched(late, by="at", every="day", zone="Asia/Tokyo")
    gold = silver.transform(pipeline(touched, revenue, write))
    assert table(gold) == table(silver.transform(revenue).select(gold.columns))


def test_integers_of_any_size_tell_the_same_groups(spark: SparkSession) -> None:
    silver = spark.sql("SELECT CAST(id AS INT) AS year FROM range(2025, 2027)")
    new = spark.sql("SELECT 2026L AS year")
    assert [row["year"] for row in silver.transform(keep_touched(new, by="year")).collect()] == [2026]


def test_a_column_of_another_type_in_the_new_rows_is_refused_and_touches_not_nothing(spark: SparkSession) -> None:
    silver = silver_of(spark, [(4, "GB", "a", None)])
    new = silver.withColumn("day", F.lit("2026-1-5"))
    with pytest.raises(ColumnTypeError, match="'day': wanted date in the new rows too; found string"):
        silver.transform(keep_touched(new, by=["country", "day"]))
    moments = silver.withColumn("day", F.col("day").cast("timestamp"))
    assert silver.transform(keep_touched(moments, by="day", every="day")).count() == 1


def test_not_every_combination_of_touched_values_is_touched(spark: SparkSession) -> None:
    silver = silver_of(spark, [(day, country, "a", None) for day in (0, 1, None) for country in ("GB", "IE", None)])
    new = silver_of(spark, [(0, "GB", "b", None), (None, "IE", "b", None), (1, None, "b", None)])
    kept = silver.transform(keep_touched(new, by=["day", "country"]))
    assert table(kept.selectExpr("CAST(day AS STRING)", "country")) == [
        ("2026-01-01", "GB"),
        ("2026-01-02", None),
        (None, "IE"),
    ]


def test_no_new_rows_touch_nothing(spark: SparkSession) -> None:
    silver = silver_of(spark, [(0, "GB", "a", None)])
    assert silver.transform(keep_touched(silver.where("false"), by=["day", "country"])).count() == 0


def test_what_is_touched_is_found_once(spark: SparkSession, new_path: Callable[[], str]) -> None:
    path = new_path()
    silver_of(spark, [(0, "GB", "a", None)]).write.parquet(path)
    touched = keep_touched(spark.read.parquet(path), by="day")
    silver = silver_of(spark, [(0, "GB", "a", None), (1, "GB", "b", None)])
    assert silver.transform(touched).count() == 1
    for file in Path(path).iterdir():
        file.unlink()
    assert silver.transform(touched).count() == 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"by": "contry"}, ColumnNotFoundError, "did you mean 'country'"),
        ({"by": "country", "every": "week"}, ColumnTypeError, "wanted a date or timestamp, to keep every week"),
        ({"by": "at"}, ColumnTypeError, "wanted a date; found timestamp. Say every='day'"),
        ({"by": "day", "every": "day", "zone": "Asia/Tokyo"}, ColumnTypeError, "leave zone out"),
        ({"by": "tags"}, ColumnTypeError, "wanted a date, a string, .* to tell groups; found array<string>"),
        ({"by": "key"}, ColumnTypeError, "'key': wanted a date, a string, .* found binary"),
    ],
)
def test_a_wrong_column_is_named(
    spark: SparkSession, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    silver = silver_of(spark, []).selectExpr("*", "TIMESTAMP(day) AS at", "array(user) AS tags", "X'00' AS key")
    with pytest.raises(error, match=message):
        silver.transform(keep_touched(silver, **options))


def test_a_wrong_argument_is_refused_where_the_step_is_built(spark: SparkSession) -> None:
    silver = silver_of(spark, [])
    with pytest.raises(InvalidArgumentError, match="by: wanted the columns that tell the groups"):
        keep_touched(silver, by=[])
    with pytest.raises(InvalidArgumentError, match="every: wanted the periods to cut in the zone"):
        keep_touched(silver, by="day", zone="Asia/Tokyo")
    stream = spark.readStream.format("rate").load()
    with pytest.raises(UnsupportedError, match="call it for each batch, in foreachBatch"):
        keep_touched(stream, by="value")
