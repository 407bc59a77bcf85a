"""Retention: every cohort has every month, also those in which nobody came."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

import pytest
from engines import RESERVED_WORDS, configured
from hypothesis import given
from hypothesis import strategies as st
from strategies import few_batches

from shopsmart_etl import ColumnNotFoundError, ColumnTypeError, InvalidArgumentError, cohort_retention

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)


@pytest.fixture
def orders(spark: SparkSession) -> DataFrame:
    return spark.sql("""SELECT user, TIMESTAMP(at) AS at FROM VALUES
        ('ada', '2026-01-31 23:30:00'), ('ada', '2026-01-02 12:00:00'), ('ada', '2026-03-01 00:00:00'),
        ('bob', '2026-01-01 00:00:00'), ('eve', '2026-02-28 23:59:59'), ('joe', '2026-01-05 10:00:00'),
        (NULL, '2026-01-01 00:00:00'), ('kim', NULL), ('joe', NULL) AS t (user, at)""")


def table(df: DataFrame) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in df.collect())


def test_a_user_is_in_the_cohort_of_their_first_month_and_months_of_nobody_stay(orders: DataFrame) -> None:
    retention = orders.transform(cohort_retention(user="user", timestamp="at"))
    assert table(retention) == [
        (JANUARY, 0, 3, 3, Decimal("1.0000")),
        (JANUARY, 1, 3, 0, Decimal("0.0000")),
        (JANUARY, 2, 3, 1, Decimal("0.3333")),
        (FEBRUARY, 0, 1, 1, Decimal("1.0000")),
        (FEBRUARY, 1, 1, 0, Decimal("0.0000")),
    ]
    assert retention.dtypes == [
        ("cohort", "date"),
        ("months_since", "int"),
        ("cohort_size", "bigint"),
        ("users", "bigint"),
        ("retention", "decimal(5,4)"),
    ]


def test_months_are_those_of_the_zone(orders: DataFrame) -> None:
    retention = orders.where("user = 'ada'").transform(
        cohort_retention(user="user", timestamp="at", timezone="Asia/Tokyo")
    )
    # The last of January, 23:30 in London, is February in Tokyo.
    assert [row[3] for row in table(retention)] == [1, 1, 1]


def test_no_orders_have_no_cohorts(orders: DataFrame) -> None:
    none = orders.where("user IS NULL OR at IS NULL")
    assert table(none.transform(cohort_retention(user="user", timestamp="at"))) == []


def test_orders_of_nobody_have_no_cohort_where_user_is_a_reserved_word(spark: SparkSession) -> None:
    # Not from SQL, which Spark Connect would parse under the settings.
    nobody = spark.createDataFrame([(None, date(2026, 1, 1))], "user string, at date")
    with configured(spark, RESERVED_WORDS):
        assert table(nobody.transform(cohort_retention(user="user", timestamp="at"))) == []


@few_batches
@given(
    st.lists(
        st.tuples(st.none() | st.sampled_from("abcdefghijkl"), st.none() | st.integers(0, 14)), min_size=30, max_size=80
    )
)
def test_the_cells_are_those_counted_one_by_one(spark: SparkSession, rows: list[tuple[str | None, int | None]]) -> None:
    def month(number: int) -> date:
        return date(2025 + number // 12, number % 12 + 1, 1)

    days = [(user, None if number is None else month(number).replace(day=28)) for user, number in rows]
    found = spark.createDataFrame(days, "user string, at date").transform(cohort_retention(user="user", timestamp="at"))
    known = {(user, number) for user, number in rows if user is not None and number is not None}
    first = {user: min(number for other, number in known if other == user) for user, _ in known}
    last = max((number for _, number in known), default=0)
    expected = []
    for cohort in set(first.values()):
        members = {user for user, number in first.items() if number == cohort}
        for since in range(last - cohort + 1):
            there = sum((user, cohort + since) in known for user in members)
            share = (Decimal(there) / len(members)).quantize(Decimal("0.0001"), ROUND_HALF_UP)
            expected.append((month(cohort), since, len(members), there, share))
    assert table(found) == sorted(expected)


def test_a_wrong_column_or_zone_is_named(orders: DataFrame) -> None:
    with pytest.raises(ColumnNotFoundError, match="did you mean 'user'"):
        orders.transform(cohort_retention(user="usr", timestamp="at"))
    with pytest.raises(ColumnTypeError, match="expected a timestamp or a date; got string"):
        orders.transform(cohort_retention(user="user", timestamp="user"))
    with pytest.raises(InvalidArgumentError, match="zone"):
        cohort_retention(user="user", timestamp="at", timezone="Mars/Olympus")
