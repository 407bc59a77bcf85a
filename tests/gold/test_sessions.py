"""The funnel: sessions end with a pause, and steps count in order."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from engines import RESERVED_WORDS, configured
from hypothesis import given
from hypothesis import strategies as st
from strategies import batches, few_batches

from shopsmart_etl import ColumnNotFoundError, ColumnTypeError, InvalidArgumentError, session_funnel

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
FUNNEL = session_funnel("view", "cart", "buy", user="user", timestamp="at", event="event")


def logs(spark: SparkSession, *rows: tuple[str | None, int | None, str | None]) -> DataFrame:
    """Make logs of users, minutes and events."""
    moments = [(user, None if at is None else START + timedelta(minutes=at), event) for user, at, event in rows]
    return spark.createDataFrame(moments, "user string, at timestamp, event string")


def sessions(df: DataFrame) -> list[int]:
    return [row["sessions"] for row in df.orderBy("step").collect()]


def test_a_pause_longer_than_the_gap_begins_a_session(spark: SparkSession) -> None:
    df = logs(spark, ("ada", 0, "view"), ("ada", 30, "cart"), ("ada", 61, "buy"))
    assert sessions(df.transform(FUNNEL)) == [1, 1, 0]
    longer = session_funnel("view", "buy", user="user", timestamp="at", event="event", gap=timedelta(minutes=31))
    assert sessions(df.transform(longer)) == [1, 1]


def test_other_events_lie_between_and_keep_a_session_going(spark: SparkSession) -> None:
    df = logs(spark, ("ada", 0, "view"), ("ada", 25, "search"), ("ada", 50, None), ("ada", 75, "cart"))
    assert sessions(df.transform(FUNNEL)) == [1, 1, 0]


def test_steps_count_in_their_order_only(spark: SparkSession) -> None:
    df = logs(spark, ("ada", 0, "buy"), ("ada", 1, "cart"), ("ada", 2, "view"), ("ada", 3, "buy"), ("ada", 4, "cart"))
    assert sessions(df.transform(FUNNEL)) == [1, 1, 0]


def test_rows_without_user_are_in_no_session_where_user_is_a_reserved_word(spark: SparkSession) -> None:
    df = logs(spark, (None, 0, "view"), ("ada", 0, "view"))
    with configured(spark, RESERVED_WORDS):
        assert sessions(df.transform(FUNNEL)) == [1, 0, 0]


def test_steps_of_one_moment_count_in_order_and_users_apart(spark: SparkSession) -> None:
    df = logs(spark, ("ada", 0, "buy"), ("ada", 0, "cart"), ("ada", 0, "view"), ("bob", 0, "cart"))
    assert sessions(df.transform(FUNNEL)) == [1, 1, 1]


def test_rows_without_user_or_time_are_in_no_session(spark: SparkSession) -> None:
    funnel = logs(spark, (None, 0, "view"), ("ada", None, "view")).transform(FUNNEL)
    assert [tuple(row) for row in funnel.orderBy("step").collect()] == [
        (1, "view", 0, None),
        (2, "cart", 0, None),
        (3, "buy", 0, None),
    ]
    assert funnel.dtypes == [
        ("step", "int"),
        ("event", "string"),
        ("sessions", "bigint"),
        ("conversion", "decimal(5,4)"),
    ]


def test_a_session_counts_on_the_day_that_it_began_on_in_the_zone(spark: SparkSession) -> None:
    df = logs(spark, ("ada", 23 * 60 + 50, "view"), ("ada", 24 * 60 + 10, "cart"), ("bob", 24 * 60, "view"))
    daily = session_funnel("view", "cart", user="user", timestamp="at", event="event", period="day")
    rows = df.transform(daily).orderBy("day", "step").collect()
    assert [(str(row["day"]), row["step"], row["sessions"], row["conversion"]) for row in rows] == [
        ("2026-01-01", 1, 1, Decimal("1.0000")),
        ("2026-01-01", 2, 1, Decimal("1.0000")),
        ("2026-01-02", 1, 1, Decimal("1.0000")),
        ("2026-01-02", 2, 0, Decimal("0.0000")),
    ]
    tokyo = session_funnel("view", user="user", timestamp="at", event="event", period="day", timezone="Asia/Tokyo")
    assert [tuple(map(str, row)) for row in df.transform(tokyo).collect()] == [
        ("2026-01-02", "1", "view", "2", "1.0000")
    ]


def walked_through(rows: list[Any]) -> list[int]:
    """Count the sessions that reach each step, row by row."""
    way = ["view", "cart", "buy"]
    counted = [0, 0, 0]
    for user in "ab":
        there = [
            (at, way.index(event) if event in way else 9) for one, at, event in rows if one == user and at is not None
        ]
        reached, before = 0, None
        for at, step in sorted(there):
            if before is not None and at - before > 30:
                reached = 0
            if step == reached:
                counted[step] += 1
                reached += 1
            before = at
    return counted


# Of few moments, so that many pauses are as long as the gap exactly.
LOGS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", None]),
        st.sampled_from([*range(0, 120, 5), None]),
        st.sampled_from(["view", "cart", "buy", "other", None]),
    ),
    max_size=30,
)


@few_batches
@given(batches(LOGS, size=40))
def test_the_sessions_are_those_walked_through_one_by_one(spark: SparkSession, cases: list[list[Any]]) -> None:
    # Each case is on a day of its own.
    rows = [
        (user, None if at is None else 24 * 60 * day + at, event)
        for day, case in enumerate(cases)
        for user, at, event in case
    ]
    df = logs(spark, *rows)
    daily = session_funnel("view", "cart", "buy", user="user", timestamp="at", event="event", period="day")
    found = {day: [0, 0, 0] for day in range(len(cases))}
    for row in df.transform(daily).collect():
        found[(row["day"] - START.date()).days][row["step"] - 1] = row["sessions"]
    expected = {day: walked_through(case) for day, case in enumerate(cases)}
    assert found == expected
    assert sessions(df.transform(FUNNEL)) == [sum(counts) for counts in zip(*expected.values(), strict=True)]


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ({"user": "usr"}, ColumnNotFoundError, "did you mean 'user'"),
        ({"timestamp": "user"}, ColumnTypeError, "column 'user': expected a timestamp; got string"),
        ({"timestamp": "day"}, ColumnTypeError, "column 'day': expected a timestamp; got date"),
        ({"event": "at"}, ColumnTypeError, "column 'at': expected a string; got timestamp"),
    ],
)
def test_a_wrong_column_is_named(
    spark: SparkSession, columns: dict[str, str], error: type[Exception], message: str
) -> None:
    df = logs(spark).selectExpr("*", "to_date(at) AS day")
    with pytest.raises(error, match=message):
        df.transform(session_funnel("view", **({"user": "user", "timestamp": "at", "event": "event"} | columns)))  # type: ignore[arg-type]


def test_a_wrong_argument_is_refused_where_the_step_is_built() -> None:
    wrong: list[Any] = [(), ("view", "view"), (["view", "cart"],)]
    for steps in wrong:
        with pytest.raises(InvalidArgumentError, match="steps: expected the events of the funnel"):
            session_funnel(*steps, user="u", timestamp="at", event="e")
    for gap in (timedelta(0), timedelta.max):
        with pytest.raises(InvalidArgumentError, match="gap: expected a positive timedelta of at most 365,000 days"):
            session_funnel("view", user="u", timestamp="at", event="e", gap=gap)
    with pytest.raises(InvalidArgumentError, match="period: expected a period, since timezone is given"):
        session_funnel("view", user="u", timestamp="at", event="e", timezone="Europe/London")
