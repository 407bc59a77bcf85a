"""Daily figures: every day and group stays, money is exact."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from chispa import assert_df_equality
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import functions as F

from shopsmart_etl import (
    ColumnClashError,
    ColumnNotFoundError,
    ColumnTypeError,
    InvalidArgumentError,
    daily_active_users,
    daily_revenue,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SCHEMA = "user string, at timestamp, country string, amount decimal(10, 2)"


@pytest.fixture
def logs(spark: SparkSession) -> DataFrame:
    rows = [
        ("ada", "2026-01-01 00:00:00", "EIRE", "0.10"),
        ("ada", "2026-01-01 23:59:59", "EIRE", "0.20"),
        ("bob", "2026-01-01 12:00:00", None, None),
        (None, "2026-01-02 12:00:00", "EIRE", None),
        ("ada", None, "EIRE", "-5.00"),
    ]
    return spark.createDataFrame(rows, "user string, at string, country string, amount string").select(
        "user", F.col("at").cast("timestamp"), "country", F.col("amount").cast("decimal(10, 2)")
    )


def table(df: DataFrame) -> list[tuple[Any, ...]]:
    return sorted(((str(row[0]), *row[1:]) for row in df.collect()), key=str)


def test_users_are_counted_once_a_day_and_no_day_vanishes(logs: DataFrame) -> None:
    users = logs.transform(daily_active_users(user="user", at="at"))
    assert table(users) == [("2026-01-01", 2), ("2026-01-02", 0), ("None", 1)]
    assert [(field.name, field.dataType.simpleString(), field.nullable) for field in users.schema.fields] == [
        ("day", "date", True),
        ("active_users", "bigint", False),
    ]


def test_null_is_a_group_of_its_own(logs: DataFrame) -> None:
    users = logs.transform(daily_active_users(user="user", at="at", by=["country"]))
    assert table(users) == [
        ("2026-01-01", "EIRE", 1),
        ("2026-01-01", None, 1),
        ("2026-01-02", "EIRE", 0),
        ("None", "EIRE", 1),
    ]


def test_revenue_is_exact_and_unknown_amounts_add_nothing(spark: SparkSession, logs: DataFrame) -> None:
    revenue = logs.transform(daily_revenue(amount="amount", at="at"))
    rows = [("2026-01-01", "0.30"), ("2026-01-02", "0.00"), (None, "-5.00")]
    expected = spark.createDataFrame(rows, "day string, revenue string").select(
        F.col("day").cast("date"),
        F.coalesce(F.col("revenue").cast("decimal(20, 2)"), F.expr("0E-2BD")).alias("revenue"),
    )
    assert_df_equality(revenue, expected, ignore_row_order=True)


@given(st.lists(st.tuples(st.integers(1, 3), st.none() | st.decimals(-(10**6), 10**6, places=2)), max_size=20))
def test_revenue_is_the_sum_of_the_amounts(spark: SparkSession, rows: list[Any]) -> None:
    df = spark.createDataFrame(rows, "n int, amount decimal(12, 2)").selectExpr("*", "date_add(DATE'2026-01-01', n) at")
    sums: dict[int, Decimal] = {}
    for day, amount in rows:
        sums[day] = sums.get(day, Decimal(0)) + (amount or 0)
    found = df.transform(daily_revenue(amount="amount", at="at")).collect()
    assert {row["day"].day - 1: row["revenue"] for row in found} == sums


def test_integer_amounts_sum_to_a_long(spark: SparkSession) -> None:
    df = spark.sql("SELECT 5 AS cents, DATE'2026-01-01' AS at")
    assert df.transform(daily_revenue(amount="cents", at="at")).dtypes == [("day", "date"), ("revenue", "bigint")]


@pytest.mark.parametrize("ansi", ["true", "false"])
def test_a_sum_too_large_for_its_type_fails_and_is_not_zero(spark: SparkSession, ansi: str) -> None:
    df = spark.sql("SELECT CAST(repeat('9', 38) AS DECIMAL(38, 0)) AS amount, DATE'2026-01-01' AS at FROM range(2)")
    spark.conf.set("spark.sql.ansi.enabled", ansi)
    try:
        with pytest.raises(Exception, match=r"(?i)too large|overflow|out of range|cannot be represented"):
            df.transform(daily_revenue(amount="amount", at="at")).collect()
    finally:
        spark.conf.unset("spark.sql.ansi.enabled")


def test_days_are_cut_in_the_sessions_zone(spark: SparkSession, logs: DataFrame) -> None:
    spark.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    try:
        days = {str(row["day"]) for row in logs.transform(daily_active_users(user="user", at="at")).collect()}
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")
    assert days == {"2026-01-01", "2026-01-02", "None"}


def test_names_with_dots_are_columns(spark: SparkSession) -> None:
    df = spark.sql("SELECT 'a' AS `u.id`, DATE'2026-01-01' AS `t.at`, 'x' AS `g.g`")
    users = df.transform(daily_active_users(user="u.id", at="t.at", by=["g.g"]))
    assert users.columns == ["day", "g.g", "active_users"]
    assert users.count() == 1


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (daily_active_users(user="usr", at="at"), ColumnNotFoundError, "no column 'usr'; did you mean 'user'"),
        (daily_active_users(user="user", at="user"), ColumnTypeError, "column 'user': wanted a timestamp or a date"),
        (daily_revenue(amount="d", at="at"), ColumnTypeError, "wanted a decimal or an integer; found double. Cast it"),
        (daily_revenue(amount="amount", at="at", by=["cuntry"]), ColumnNotFoundError, "did you mean 'country'"),
        (daily_revenue(amount="amount", at="at", by=["Revenue"]), ColumnClashError, "named 'Revenue'"),
    ],
)
def test_a_wrong_column_is_named(logs: DataFrame, step: Any, error: type[Exception], message: str) -> None:
    df = logs.selectExpr("*", "1D AS d", "1 AS Revenue")
    with pytest.raises(error, match=message):
        df.transform(step)


def test_by_is_a_sequence_of_names() -> None:
    with pytest.raises(InvalidArgumentError, match=r"by: wanted a sequence of columns, say by=\['country'\]"):
        daily_revenue(amount="a", at="at", by="country")
    with pytest.raises(InvalidArgumentError, match="by: wanted a sequence"):
        daily_active_users(user="a", at="at", by="country")
