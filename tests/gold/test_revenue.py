"""Revenue and orders: money is exact, every group is returned, and a refund is not an order."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from chispa import assert_df_equality
from engines import configured
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import functions as F
from strategies import batches, few_batches

from shopsmart_etl import (
    ColumnClashError,
    ColumnNotFoundError,
    ColumnTypeError,
    InvalidArgumentError,
    RowRefusedError,
    daily_revenue,
    order_metrics,
    revenue,
    translate_errors,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@pytest.fixture
def lines(spark: SparkSession) -> DataFrame:
    return spark.sql("""
        SELECT invoice, TIMESTAMP(at) AS at, country, CAST(amount AS DECIMAL(10, 2)) AS amount FROM VALUES
            ('1', '2026-01-01 00:00:00', 'EIRE', '0.10'), ('1', '2026-01-01 23:59:59', 'EIRE', '0.20'),
            ('2', '2026-01-01 12:00:00', NULL, NULL), (NULL, '2026-01-02 12:00:00', 'EIRE', NULL),
            ('C3', NULL, 'EIRE', '-5.00'), ('4', '2026-02-01 00:00:00', 'EIRE', '0.05'),
            ('5', '2026-02-02 00:00:00', 'EIRE', '0.10')
        AS t (invoice, at, country, amount)""")


def table(df: DataFrame) -> list[tuple[Any, ...]]:
    plain = [tuple(str(value) if value is not None else None for value in row) for row in df.collect()]
    return sorted(plain, key=str)


def columns(df: DataFrame) -> list[tuple[str, str, bool]]:
    return [(field.name, field.dataType.simpleString(), field.nullable) for field in df.schema.fields]


def test_revenue_is_exact_and_unknown_amounts_add_nothing(spark: SparkSession, lines: DataFrame) -> None:
    daily = lines.transform(daily_revenue(amount="amount", timestamp="at"))
    rows = [
        ("2026-01-01", "0.30"),
        ("2026-01-02", "0.00"),
        (None, "-5.00"),
        ("2026-02-01", "0.05"),
        ("2026-02-02", "0.10"),
    ]
    expected = spark.createDataFrame(rows, "day string, revenue string").select(
        F.col("day").cast("date"),
        F.coalesce(F.col("revenue").cast("decimal(20, 2)"), F.expr("0E-2BD")).alias("revenue"),
    )
    assert_df_equality(daily, expected, ignore_row_order=True)


@few_batches
@given(batches(st.lists(st.tuples(st.integers(1, 3), st.none() | st.decimals(-(10**6), 10**6, places=2)), max_size=20)))
def test_revenue_is_the_sum_of_the_amounts(spark: SparkSession, cases: list[list[Any]]) -> None:
    rows = [(number, *row) for number, case in enumerate(cases) for row in case]
    df = spark.createDataFrame(rows, "case int, n int, amount decimal(12, 2)").selectExpr(
        "*", "date_add(DATE'2026-01-01', n) at"
    )
    sums: dict[tuple[int, int], Decimal] = {}
    for number, day, amount in rows:
        sums[number, day] = sums.get((number, day), Decimal(0)) + (amount or 0)
    found = df.transform(daily_revenue(amount="amount", timestamp="at", by=["case"])).collect()
    assert {(row["case"], row["day"].day - 1): row["revenue"] for row in found} == sums


def test_integer_amounts_sum_to_a_long(spark: SparkSession) -> None:
    df = spark.sql("SELECT 5 AS cents, DATE'2026-01-01' AS at")
    assert df.transform(daily_revenue(amount="cents", timestamp="at")).dtypes == [
        ("day", "date"),
        ("revenue", "bigint"),
    ]


@pytest.mark.parametrize("ansi", ["true", "false"])
@pytest.mark.parametrize("largest", ["CAST(repeat('9', 38) AS DECIMAL(38, 0))", "9223372036854775807"])
def test_a_sum_too_large_for_its_type_fails_and_is_neither_zero_nor_wrapped(
    spark: SparkSession, largest: str, ansi: str
) -> None:
    df = spark.sql(f"SELECT {largest} AS amount, DATE'2026-01-01' AS at FROM range(2)")
    with (
        configured(spark, {"spark.sql.ansi.enabled": ansi}),
        pytest.raises(Exception, match="the sum is too large for its type"),
    ):
        df.transform(daily_revenue(amount="amount", timestamp="at")).collect()


def test_an_overflow_is_this_packages_error(spark: SparkSession) -> None:
    df = spark.sql("SELECT 9223372036854775807 AS amount, 'GB' AS country FROM range(2)")
    message = "column 'amount': the sum is too large for its type, bigint"
    with pytest.raises(RowRefusedError, match=f"^{message}$"), translate_errors():
        df.transform(revenue(amount="amount", by="country")).collect()


def test_revenue_over_all_time_keeps_the_group_of_null(lines: DataFrame) -> None:
    by_country = lines.transform(revenue(amount="amount", by="country"))
    assert table(by_country) == [("EIRE", "-4.55"), (None, "0.00")]
    assert columns(by_country) == [("country", "string", True), ("revenue", "decimal(20,2)", False)]


def test_revenue_of_weeks_and_months_adds_up_their_days(lines: DataFrame) -> None:
    monthly = lines.transform(revenue(amount="amount", timestamp="at", period="month"))
    assert table(monthly) == [("2026-01-01", "0.30"), ("2026-02-01", "0.15"), (None, "-5.00")]
    assert columns(monthly) == [("month", "date", True), ("revenue", "decimal(20,2)", False)]
    weekly = lines.transform(revenue(amount="amount", timestamp="at", period="week", by="country"))
    assert ("2026-01-26", "EIRE", "0.05") in table(weekly)


def test_revenue_of_days_is_daily_revenue(lines: DataFrame) -> None:
    days = lines.transform(revenue(amount="amount", timestamp="at", by=["country"]))
    assert table(days) == table(lines.transform(daily_revenue(amount="amount", timestamp="at", by="country")))


def test_an_order_counts_once_in_each_period_and_one_without_amount_counts_too(lines: DataFrame) -> None:
    metrics = lines.transform(order_metrics(order="invoice", amount="amount", timestamp="at"))
    assert table(metrics) == [
        ("2026-01-01", "2", "0.30", "0.15"),
        ("2026-01-02", "0", "0.00", None),
        ("2026-02-01", "1", "0.05", "0.05"),
        ("2026-02-02", "1", "0.10", "0.10"),
        (None, "1", "-5.00", "-5.00"),
    ]
    assert columns(metrics) == [
        ("day", "date", True),
        ("orders", "bigint", False),
        ("revenue", "decimal(20,2)", False),
        ("average_order_value", "decimal(20,2)", True),
    ]


def test_refunds_are_netted_and_are_no_orders(lines: DataFrame) -> None:
    metrics = order_metrics(order="invoice", amount="amount", by=["country"], refund="invoice LIKE 'C%'")
    assert lines.transform(metrics).columns == [
        "country",
        "orders",
        "gross_revenue",
        "refunds",
        "revenue",
        "average_order_value",
    ]
    assert table(lines.transform(metrics)) == [
        ("EIRE", "3", "0.45", "-5.00", "-4.55", "0.15"),
        (None, "1", "0.00", "0.00", "0.00", "0.00"),
    ]


def test_a_refund_can_be_told_by_a_column(lines: DataFrame) -> None:
    by_column = order_metrics(order="invoice", amount="amount", refund=F.col("amount") < 0)
    assert table(lines.transform(by_column)) == [("4", "0.45", "-5.00", "-4.55", "0.11")]


def test_months_and_weeks_begin_on_their_first_day(lines: DataFrame) -> None:
    monthly = lines.transform(order_metrics(order="invoice", amount="amount", timestamp="at", period="month"))
    assert [row[:3] for row in table(monthly)] == [
        ("2026-01-01", "2", "0.30"),
        ("2026-02-01", "2", "0.15"),
        (None, "1", "-5.00"),
    ]
    weekly = lines.transform(order_metrics(order="invoice", amount="amount", timestamp="at", period="week"))
    # The first of January 2026 is a Thursday, that of February a Sunday.
    assert [row[0] for row in table(weekly)] == ["2025-12-29", "2026-01-26", "2026-02-02", None]


def test_amounts_without_an_order_are_revenue_and_in_no_average(spark: SparkSession) -> None:
    df = spark.sql("SELECT * FROM VALUES ('1', 2.00BD), (NULL, 5.00BD) AS t (id, amount)")
    assert table(df.transform(order_metrics(order="id", amount="amount"))) == [("1", "7.00", "2.00")]


def test_no_rows_are_no_orders_over_all_time_and_no_days(lines: DataFrame) -> None:
    none = lines.where("false")
    assert table(none.transform(order_metrics(order="invoice", amount="amount"))) == [("0", "0.00", None)]
    assert table(none.transform(order_metrics(order="invoice", amount="amount", timestamp="at"))) == []


@few_batches
@given(
    batches(
        st.lists(
            st.tuples(st.none() | st.integers(0, 9), st.none() | st.decimals(-999, 999, places=2)),
            min_size=1,
            max_size=20,
        )
    )
)
def test_the_average_is_rounded_half_up_to_the_cent(spark: SparkSession, cases: list[list[Any]]) -> None:
    expected = []
    for number, case in enumerate(cases):
        orders = {order for order, _ in case if order is not None}
        paid = sum((amount or Decimal(0) for order, amount in case if order is not None), Decimal(0))
        average = (paid / len(orders)).quantize(Decimal("0.01"), ROUND_HALF_UP) if orders else None
        revenue = sum((amount or Decimal(0) for _, amount in case), Decimal(0))
        expected.append((number, len(orders), revenue, average))
    rows = [(number, *row) for number, case in enumerate(cases) for row in case]
    df = spark.createDataFrame(rows, "case int, id int, amount decimal(10, 2)")
    metrics = df.transform(order_metrics(order="id", amount="amount", by=["case"])).collect()
    assert sorted(tuple(row) for row in metrics) == expected


@pytest.mark.parametrize(
    ("amounts", "paid", "orders", "average"),
    [
        ("decimal(38, 2)", "50", 10_001, "0.00"),  # 0.0049995
        ("decimal(38, 2)", "-50", 10_001, "0.00"),
        ("decimal(38, 2)", "-50", 10_000, "-0.01"),
        ("decimal(20, 2)", "50", 10_000, "0.01"),
        ("decimal(27, 8)", "0.00050000", 100_001, "0.00000000"),  # 0.00000000499995
        ("decimal(38, 18)", "50", 3, "16.666666666666666667"),
    ],
)
def test_the_average_of_wide_amounts_is_rounded_once(
    spark: SparkSession, amounts: str, paid: str, orders: int, average: str
) -> None:
    df = spark.range(orders).selectExpr("id", f"CAST(if(id = 0, {paid}BD, 0) AS {amounts}) AS amount")
    metrics = df.transform(order_metrics(order="id", amount="amount"))
    assert [row["average_order_value"] for row in metrics.collect()] == [Decimal(average)]


def test_the_average_of_integer_amounts_is_an_integer_rounded_half_up(spark: SparkSession) -> None:
    df = spark.sql("SELECT * FROM VALUES (1, 2), (2, 3), (3, NULL), (4, 5) AS t (id, cents)")
    metrics = df.transform(order_metrics(order="id", amount="cents"))
    assert metrics.dtypes == [("orders", "bigint"), ("revenue", "bigint"), ("average_order_value", "bigint")]
    assert table(metrics) == [("4", "10", "3")]


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (
            daily_revenue(amount="d", timestamp="at"),
            ColumnTypeError,
            "a decimal or an integer; got double. Cast it",
        ),
        (
            daily_revenue(amount="amount", timestamp="invoice"),
            ColumnTypeError,
            "expected a timestamp or a date",
        ),
        (daily_revenue(amount="amount", timestamp="at", by=["cuntry"]), ColumnNotFoundError, "did you mean 'country'"),
        (daily_revenue(amount="amount", timestamp="at", by=["Revenue"]), ColumnClashError, "named 'Revenue'"),
        (revenue(amount="d", by="country"), ColumnTypeError, "got double"),
        (revenue(amount="amount", by=["country", "Country"]), ColumnClashError, "`country`"),
        (order_metrics(order="invoise", amount="amount"), ColumnNotFoundError, "did you mean 'invoice'"),
        (order_metrics(order="invoice", amount="d"), ColumnTypeError, "got double"),
        (order_metrics(order="invoice", amount="amount", by=["Revenue"]), ColumnClashError, "named 'Revenue'"),
    ],
)
def test_a_wrong_column_is_named(lines: DataFrame, step: Any, error: type[Exception], message: str) -> None:
    df = lines.selectExpr("*", "1D AS d", "1 AS Revenue")
    with pytest.raises(error, match=message):
        df.transform(step)


def test_a_wrong_argument_is_refused_where_the_step_is_built() -> None:
    with pytest.raises(InvalidArgumentError, match="by: expected at least one column, since timestamp is None"):
        revenue(amount="a")
    with pytest.raises(InvalidArgumentError, match="period: expected one of 'day', 'week', 'month'; got 'quarter'"):
        order_metrics(order="o", amount="a", timestamp="at", period="quarter")  # type: ignore[arg-type]
    for build in (partial(revenue, by="country"), partial(order_metrics, order="o")):
        for arguments in ({"period": "month"}, {"timezone": "Europe/London"}):
            with pytest.raises(InvalidArgumentError, match="timestamp: expected the name of a column, since period"):
                build(amount="a", **arguments)
