"""Sessions, and how many of them reach each step of a funnel."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import (
    DateType,
    IntegerType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from shopsmart_etl._core.checks import check_column
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.sql import path_text, quote
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.gold._measures import SHARE, count_field, share
from shopsmart_etl.gold._periods import check_optional_period, first_day
from shopsmart_etl.typing import Period

# Spark adds the gap to timestamps, which must not overflow.
_MAX_GAP = timedelta(days=365_000)


@step
def session_funnel(
    *steps: str,
    user: str,
    timestamp: str,
    event: str,
    gap: timedelta = timedelta(minutes=30),
    period: Period | None = None,
    timezone: str | None = None,
) -> Planner:
    """Split logs into sessions, and count how many of them reach each step of a funnel, in order.

    A session is what a user does without a pause longer than ``gap``, past midnight too. It reaches a step if it has
    the step's event at the time at which it reached the step before, or later; other events may be between them. Rows
    without a user or a timestamp are dropped: for visitors who are not logged in, use the column of a cookie or a
    device as user. A null event matches no step but extends the session. A late row may join two sessions.

    Args:
        *steps: The events of the funnel, in order: at least one, each once.
        user: Column that identifies a user, of any type that Spark can group.
        timestamp: Timestamp column of the event.
        event: String column with the event.
        gap: The longest pause within a session, up to 365,000 days.
        period: None counts all sessions; ``"day"``, ``"week"`` (starts on Monday) or ``"month"`` counts those that
            begin in each.
        timezone: Time zone of the periods, such as ``"Europe/London"``; None for the session's.

    Returns:
        A Transform whose result has one row per step, and period if ``period`` is given: ``day``, ``week`` or
        ``month`` (date, the period's first day), ``step`` (int, from 1), ``event`` (string), ``sessions`` that reach
        it (long, not null), and ``conversion``, their share of the sessions that reach step 1 (decimal(5, 4), rounded
        half up; null if none does). Row order is undefined.

    Raises:
        InvalidArgumentError: An argument is of the wrong type; there is no step, or one is given twice; ``gap`` is out
            of bounds; ``period`` is not a period or ``timezone`` not a time zone, or is given without ``period``.
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: ``timestamp`` is not a timestamp, or ``event`` is not a string; ``timestamp`` has no time zone
            and ``timezone`` is given.

    Example:
        >>> logs = spark.sql('''SELECT user, CAST(at AS TIMESTAMP) AS at, event FROM VALUES
        ...     ('ada', '2026-01-01 10:00', 'view'), ('ada', '2026-01-01 10:20', 'cart'),
        ...     ('ada', '2026-01-01 12:00', 'buy'), ('bob', '2026-01-01 10:00', 'view'),
        ...     (NULL, '2026-01-01 10:00', 'buy') AS t (user, at, event)''')
        >>> funnel = session_funnel("view", "cart", "buy", user="user", timestamp="at", event="event")
        >>> logs.transform(funnel).orderBy("step").show()
        +----+-----+--------+----------+
        |step|event|sessions|conversion|
        +----+-----+--------+----------+
        |   1| view|       2|    1.0000|
        |   2| cart|       1|    0.5000|
        |   3|  buy|       0|    0.0000|
        +----+-----+--------+----------+
        <BLANKLINE>
    """
    if not steps or not all(isinstance(name, str) for name in steps) or len(set(steps)) < len(steps):
        raise InvalidArgumentError("steps", expected="the events of the funnel, at least one, each once", got=steps)
    check_column("user", user)
    check_column("timestamp", timestamp)
    check_column("event", event)
    if not isinstance(gap, timedelta) or not timedelta(0) < gap <= _MAX_GAP:
        raise InvalidArgumentError("gap", expected=f"a positive timedelta of at most {_MAX_GAP.days:,} days", got=gap)
    check_optional_period(period, timezone)

    def plan(frame: Frame) -> Plan:
        timestamp_types = TimestampType if timezone is not None else (TimestampType, TimestampNTZType)
        names = frame.schema.names
        time_name = names[frame.require(timestamp, timestamp_types, expected="a timestamp")]
        event_name = names[frame.require(event, StringType, expected="a string")]
        user_name = names[frame.index(user)]
        result = _result(period)
        sources = [path_text([time_name]) if field.name == period else "" for field in result.fields]

        def apply(df: DataFrame) -> DataFrame:
            events = _events(df, steps, user=user_name, timestamp=time_name, event=event_name)
            sessions = _numbered(events, gap).groupBy("user", "session")
            reached = sessions.agg(F.min("at").alias("start"), _reached().alias("reached"))
            start = F.col("start")
            first = [first_day(start, period=period, timezone=timezone).alias(period)] if period else []
            counts = reached.groupBy(*first).agg(
                *(F.count_if(F.col("reached") >= number).alias(str(number)) for number in range(1, len(steps) + 1))
            )
            return counts.select(*([period] if period else []), F.inline(_rows(steps)))

        return Plan(result, apply, tuple(sources))

    return plan


def _result(period: Period | None) -> StructType:
    return StructType(
        [
            *([StructField(period, DateType())] if period else []),
            StructField("step", IntegerType(), nullable=False),
            StructField("event", StringType(), nullable=False),
            count_field("sessions"),
            StructField("conversion", SHARE),
        ]
    )


def _events(df: DataFrame, steps: tuple[str, ...], *, user: str, timestamp: str, event: str) -> DataFrame:
    """Select users, timestamps and the numbers of the events' steps; null for other events."""
    user_column, moment, name = (F.col(quote(column)) for column in (user, timestamp, event))
    number = F.coalesce(*(F.when(name == step, position) for position, step in enumerate(steps, start=1)))
    rows = df.where(user_column.isNotNull() & moment.isNotNull())
    return rows.select(user_column.alias("user"), moment.alias("at"), number.alias("step"))


def _numbered(rows: DataFrame, gap: timedelta) -> DataFrame:
    """Number each user's sessions, in half the time of ``session_window``, which first makes a window of each row."""
    by_time = Window.partitionBy("user").orderBy("at")
    begins = F.col("at") > F.lag("at").over(by_time) + F.lit(gap)
    begun = F.count(F.when(F.col("begins"), 1)).over(by_time.rowsBetween(Window.unboundedPreceding, 0))
    return rows.select("*", begins.alias("begins")).select("user", "at", "step", begun.alias("session"))


def _reached() -> Column:
    """Count the steps that a session reaches, by time; events of one time are taken in the order of the steps."""
    events = F.array_sort(F.collect_list(F.when(F.col("step").isNotNull(), F.struct("at", "step"))))
    return F.aggregate(events, F.lit(0), lambda done, each: F.when(each["step"] == done + 1, done + 1).otherwise(done))


def _rows(steps: tuple[str, ...]) -> Column:
    return F.array(
        *(
            F.struct(
                F.lit(position).alias("step"),
                F.lit(step).alias("event"),
                F.col(str(position)).alias("sessions"),
                share(F.col(str(position)), F.col("1")).alias("conversion"),
            )
            for position, step in enumerate(steps, start=1)
        )
    )
