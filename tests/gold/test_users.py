"""Active users: every period and group is returned, and a user is new once."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import batches, few_batches

from shopsmart_etl import (
    ColumnClashError,
    ColumnNotFoundError,
    ColumnTypeError,
    active_users,
    daily_active_users,
    new_and_returning_users,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@pytest.fixture
def logs(spark: SparkSession) -> DataFrame:
    return spark.sql("""
        SELECT user, TIMESTAMP(at) AS at, country FROM VALUES
            ('ada', '2026-01-01 00:00:00', 'EIRE'), ('ada', '2026-01-01 23:59:59', 'EIRE'),
            ('bob', '2026-01-01 12:00:00', NULL), (NULL, '2026-01-02 12:00:00', 'EIRE'),
            ('ada', NULL, 'EIRE'), ('ada', '2026-01-05 00:00:00', NULL), ('eve', '2026-02-01 00:00:00', 'EIRE')
        AS t (user, at, country)""")


def table(df: DataFrame) -> list[tuple[Any, ...]]:
    return sorted(((str(row[0]), *row[1:]) for row in df.collect()), key=str)


def columns(df: DataFrame) -> list[tuple[str, str, bool]]:
    return [(field.name, field.dataType.simpleString(), field.nullable) for field in df.schema.fields]


def test_users_are_counted_once_a_day_and_no_day_vanishes(logs: DataFrame) -> None:
    users = logs.transform(daily_active_users(user="user", timestamp="at"))
    assert table(users) == [("2026-01-01", 2), ("2026-01-02", 0), ("2026-01-05", 1), ("2026-02-01", 1), ("None", 1)]
    assert columns(users) == [("day", "date", True), ("active_users", "bigint", False)]


def test_null_is_a_group_of_its_own(logs: DataFrame) -> None:
    users = logs.transform(daily_active_users(user="user", timestamp="at", by=["country"]))
    assert table(users) == [
        ("2026-01-01", "EIRE", 1),
        ("2026-01-01", None, 1),
        ("2026-01-02", "EIRE", 0),
        ("2026-01-05", None, 1),
        ("2026-02-01", "EIRE", 1),
        ("None", "EIRE", 1),
    ]


def test_a_week_begins_on_monday_and_counts_a_user_of_several_days_once(logs: DataFrame) -> None:
    users = logs.transform(active_users(user="user", timestamp="at", period="week"))
    assert table(users) == [("2025-12-29", 2), ("2026-01-05", 1), ("2026-01-26", 1), ("None", 1)]
    assert columns(users) == [("week", "date", True), ("active_users", "bigint", False)]


def test_a_month_counts_a_user_of_several_weeks_once(logs: DataFrame) -> None:
    users = logs.transform(active_users(user="user", timestamp="at", period="month", by=["country"]))
    assert table(users) == [
        ("2026-01-01", "EIRE", 1),
        ("2026-01-01", None, 2),
        ("2026-02-01", "EIRE", 1),
        ("None", "EIRE", 1),
    ]
    assert columns(users)[0] == ("month", "date", True)


def test_a_user_is_new_on_their_first_day_whatever_the_group(logs: DataFrame) -> None:
    users = logs.transform(new_and_returning_users(user="user", timestamp="at", by=["country"]))
    assert table(users) == [
        ("2026-01-01", "EIRE", 1, 0),
        ("2026-01-01", None, 1, 0),
        ("2026-01-02", "EIRE", 0, 0),
        ("2026-01-05", None, 0, 1),
        ("2026-02-01", "EIRE", 1, 0),
        ("None", "EIRE", 0, 0),
    ]
    assert columns(users) == [
        ("day", "date", True),
        ("country", "string", True),
        ("new_users", "bigint", False),
        ("returning_users", "bigint", False),
    ]


def test_a_user_who_comes_back_within_a_month_is_new_in_it(logs: DataFrame) -> None:
    users = logs.transform(new_and_returning_users(user="user", timestamp="at", period="month"))
    assert table(users) == [("2026-01-01", 2, 0), ("2026-02-01", 1, 0), ("None", 0, 0)]


@few_batches
@given(batches(st.lists(st.tuples(st.none() | st.sampled_from("abc"), st.integers(0, 20)), max_size=12)))
def test_new_and_returning_users_add_up_to_the_active_and_each_is_new_once(
    spark: SparkSession, cases: list[list[tuple[str | None, int]]]
) -> None:
    # Each case has users of its own.
    visits = [
        (number, user and f"{user}{number}", date(2026, 1, 1) + timedelta(days=day))
        for number, case in enumerate(cases)
        for user, day in case
    ]
    users = spark.createDataFrame(visits, "case int, user string, at date").transform(
        new_and_returning_users(user="user", timestamp="at", period="week", by=["case"])
    )
    weeks: dict[tuple[date, int], set[str | None]] = {}
    for number, user, day in visits:
        weeks.setdefault((day - timedelta(days=day.weekday()), number), set()).add(user)
    known: set[str | None] = {None}
    expected = []
    for (week, number), there in sorted(weeks.items()):
        expected.append((week, number, len(there - known), len(there & known - {None})))
        known |= there
    assert sorted(tuple(row) for row in users.collect()) == expected


def test_a_late_row_counts_on_the_day_it_is_of(spark: SparkSession, logs: DataFrame) -> None:
    late = spark.sql("SELECT 'joe' AS user, TIMESTAMP'2026-01-02 09:00:00' AS at, 'EIRE' AS country")
    users = logs.unionByName(late).transform(daily_active_users(user="user", timestamp="at"))
    assert ("2026-01-02", 1) in table(users)


def test_names_with_dots_are_columns(spark: SparkSession) -> None:
    df = spark.sql("SELECT 'a' AS `u.id`, DATE'2026-01-01' AS `t.at`, 'x' AS `g.g`")
    for step in (daily_active_users, new_and_returning_users):
        users = df.transform(step(user="u.id", timestamp="t.at", by=["g.g"]))
        assert users.columns[:2] == ["day", "g.g"]
        assert users.count() == 1


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (daily_active_users(user="usr", timestamp="at"), ColumnNotFoundError, "no column 'usr'; did you mean 'user'"),
        (
            daily_active_users(user="user", timestamp="user"),
            ColumnTypeError,
            "column 'user': expected a timestamp or a date",
        ),
        (active_users(user="user", timestamp="at", period="week", by=["week"]), ColumnClashError, "the result's week"),
        (
            active_users(user="user", timestamp="at", period="month", by=["cuntry"]),
            ColumnNotFoundError,
            "mean 'country'",
        ),
        (new_and_returning_users(user="user", timestamp="at", by=["New_Users"]), ColumnClashError, "named 'New_Users'"),
    ],
)
def test_a_wrong_column_is_named(logs: DataFrame, step: Any, error: type[Exception], message: str) -> None:
    df = logs.selectExpr("*", "1 AS week", "1 AS New_Users")
    with pytest.raises(error, match=message):
        df.transform(step)


@pytest.mark.parametrize("build", [daily_active_users, active_users, new_and_returning_users])
def test_one_group_column_can_be_named_alone(logs: DataFrame, build: Any) -> None:
    alone, listed = (build(user="user", timestamp="at", by=by) for by in ("country", ["country"]))
    assert table(logs.transform(alone)) == table(logs.transform(listed))
