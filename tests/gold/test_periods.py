"""Periods are those of the time zone in the call, whatever the session's."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import functions as F

from shopsmart_etl import ColumnTypeError, InvalidArgumentError, daily_active_users, daily_revenue, order_metrics
from shopsmart_etl.gold._periods import first_day

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pyspark.sql import SparkSession

ZONES = ["UTC", "Europe/London", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]
SPAN = datetime(1975, 1, 1), datetime(2037, 1, 1)  # noqa: DTZ001 - UTC is added
FALL = datetime(2026, 11, 1, 3), datetime(2026, 11, 1, 8)  # noqa: DTZ001 - likewise
STARTS = {
    "day": lambda day: day,
    "week": lambda day: day - timedelta(days=day.weekday()),
    "month": lambda day: day.replace(day=1),
}


@contextmanager
def session_zone(spark: SparkSession, zone: str) -> Iterator[None]:
    spark.conf.set("spark.sql.session.timeZone", zone)
    try:
        yield
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")


def test_days_are_cut_in_the_sessions_zone_where_none_is_named(spark: SparkSession) -> None:
    df = spark.sql("SELECT 'a' AS user, TIMESTAMP'2026-01-01 03:00:00Z' AS at")
    with session_zone(spark, "America/New_York"):
        unnamed = df.transform(daily_active_users(user="user", timestamp="at")).collect()
        named = df.transform(daily_active_users(user="user", timestamp="at", timezone="Europe/London")).collect()
    assert [str(row["day"]) for row in (*unnamed, *named)] == ["2025-12-31", "2026-01-01"]


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2026-03-28 23:30:00Z", "2026-03-28"),  # 23:30, an hour before the clocks go forward
        ("2026-03-29 23:30:00Z", "2026-03-30"),  # 00:30 in summer time
        ("2026-10-24 23:30:00Z", "2026-10-25"),  # 00:30 in summer time, for the last day
        ("2026-10-25 23:30:00Z", "2026-10-25"),  # 23:30 of a day of 25 hours
    ],
)
def test_a_day_of_london_has_23_or_25_hours_where_the_clocks_change(
    spark: SparkSession, instant: str, day: str
) -> None:
    df = spark.sql(f"SELECT 1 AS amount, TIMESTAMP'{instant}' AS at")
    revenue = df.transform(daily_revenue(amount="amount", timestamp="at", timezone="Europe/London"))
    assert [str(row["day"]) for row in revenue.collect()] == [day]


@given(
    # The hours that New York's clocks show twice are among them.
    st.lists(st.datetimes(*SPAN) | st.datetimes(*FALL), min_size=1, max_size=30),
    st.sampled_from(ZONES),
    st.sampled_from(["day", "week", "month"]),
)
def test_a_period_is_that_of_a_calendar_in_the_zone(
    spark: SparkSession, moments: list[datetime], zone: str, period: Any
) -> None:
    instants = [one.replace(tzinfo=timezone.utc) for one in moments]
    df = spark.createDataFrame(list(enumerate(instants)), "id int, at timestamp")
    with session_zone(spark, "America/New_York"):
        cut = df.select("id", first_day(F.col("at"), period=period, timezone=zone).alias("day")).orderBy("id").collect()
    assert [row["day"] for row in cut] == [STARTS[period](one.astimezone(ZoneInfo(zone)).date()) for one in instants]


def test_dates_and_wall_clocks_are_cut_as_they_stand_and_refuse_a_zone(spark: SparkSession) -> None:
    df = spark.sql("SELECT 1 AS amount, DATE'2026-01-01' AS day_of, TIMESTAMP_NTZ'2026-01-01 23:00:00' AS clock")
    for at in ("day_of", "clock"):
        revenue = df.transform(daily_revenue(amount="amount", timestamp=at)).collect()
        assert str(revenue[0]["day"]) == "2026-01-01"
        with pytest.raises(ColumnTypeError, match=r"expected a timestamp with a time zone, .*Leave timezone out"):
            df.transform(daily_revenue(amount="amount", timestamp=at, timezone="Europe/London"))


def test_a_zone_that_is_none_is_refused_where_the_step_is_built() -> None:
    with pytest.raises(InvalidArgumentError, match=r"did you mean 'Europe/London'\?\), or None; got 'Europe/Londn'"):
        daily_revenue(amount="a", timestamp="at", timezone="Europe/Londn")
    with pytest.raises(InvalidArgumentError, match="timezone: expected a time zone"):
        order_metrics(order="o", amount="a", timestamp="at", timezone="")
    with pytest.raises(InvalidArgumentError, match=r"did you mean 'Europe/London'\?\), or None; got zoneinfo.ZoneInfo"):
        daily_revenue(amount="a", timestamp="at", timezone=ZoneInfo("Europe/London"))  # type: ignore[arg-type]
