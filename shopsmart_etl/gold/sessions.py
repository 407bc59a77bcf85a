"""How far visits get on the way to an order."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, TimestampNTZType, TimestampType

from shopsmart_etl._core.sql import quote, type_text
from shopsmart_etl._core.step import step
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError
from shopsmart_etl.gold._measures import field_of, share
from shopsmart_etl.gold._periods import check_period, first_day
from shopsmart_etl.typing import Every, Transform


@step
def session_funnel(
    *steps: str,
    user: str,
    at: str,
    event: str,
    gap: timedelta = timedelta(minutes=30),
    every: Every | None = None,
    zone: str | None = None,
) -> Transform:
    """Cut logs into sessions, and count how many of them reach each step of a way, in order.

    A session is what a user does without a pause longer than ``gap``, past midnight too. It reaches a step if it has
    the step's event at the time at which it reached the step before, or later; other events may lie between them. Rows
    without a user or a time are in no session: for visitors who are not logged in, name a cookie or a device as user. A
    row that comes late may join two sessions.

    Args:
        *steps: The events that make the way, in order, at least one, each once.
        user: The column that identifies a user, of any type that can be grouped.
        at: When it happened: a timestamp.
        event: What happened: a string.
        gap: The longest pause within a session.
        every: None counts all sessions; ``"day"``, ``"week"`` (from Monday) or ``"month"`` counts those that began in
            each.
        zone: The time zone whose days are meant, such as ``"Europe/London"``; None: the session's.

    Returns:
        A Transform whose result has one row a step, and period if ``every`` is given: ``day``, ``week`` or ``month``
        (date, its first day), ``step`` (int, from 1), ``event`` (string), ``sessions`` that reach it (long, not null),
        and ``conversion``, their share of those that reach step 1 (decimal(5, 4), rounded half up; null if none does).
        Rows are in no order.

    Raises:
        InvalidArgumentError: There is no step, or one is there twice; ``gap`` is not positive; ``every`` is no period
            or ``zone`` no time zone, or a zone is given without ``every``.
        ColumnNotFoundError: A column is not there.
        ColumnTypeError: ``at`` is no timestamp, or ``event`` no string; ``at`` has no zone and a zone is given.

    Example:
        >>> logs = spark.sql('''SELECT user, CAST(at AS TIMESTAMP) AS at, event FROM VALUES
        ...     ('ada', '2026-01-01 10:00', 'view'), ('ada', '2026-01-01 10:20', 'cart'),
        ...     ('ada', '2026-01-01 12:00', 'buy'), ('bob', '2026-01-01 10:00', 'view'),
        ...     (NULL, '2026-01-01 10:00', 'buy') AS t (user, at, event)''')
        >>> funnel = session_funnel("view", "cart", "buy", user="user", at="at", event="event")
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
    if not steps or not all(isinstance(one, str) for one in steps) or len(set(steps)) < len(steps):
        raise InvalidArgumentError("steps", wanted="the events on the way, at least one, each once", found=steps)
    if gap <= timedelta(0):
        raise InvalidArgumentError("gap", wanted="a positive timedelta", found=gap)
    if every is None and zone is not None:
        raise InvalidArgumentError("every", wanted="the periods to cut in the zone", found=every)
    check_period(every or "day", zone)

    def funnel(df: DataFrame) -> DataFrame:
        schema = df.schema
        time, what = field_of(df, schema, at), field_of(df, schema, event)
        kinds = TimestampType if zone else (TimestampType, TimestampNTZType)
        if not isinstance(time.dataType, kinds):
            raise ColumnTypeError(time.name, wanted="a timestamp", found=type_text(time.dataType))
        if not isinstance(what.dataType, StringType):
            raise ColumnTypeError(what.name, wanted="a string", found=type_text(what.dataType))
        moment, name = F.col(quote(time.name)), F.col(quote(what.name))
        one = F.col(quote(field_of(df, schema, user).name))
        number = F.coalesce(*(F.when(name == step, position) for position, step in enumerate(steps, start=1)))
        rows = df.where(one.isNotNull() & moment.isNotNull())
        rows = rows.select(one.alias("user"), moment.alias("at"), number.alias("step"))
        sessions = _numbered(rows, gap).groupBy("user", "session")
        reached = sessions.agg(F.min("at").alias("start"), _reached().alias("reached"))
        first = [] if every is None else [first_day(F.col("start"), every=every, zone=zone).alias(every)]
        counts = reached.groupBy(*first).agg(
            *(F.count_if(F.col("reached") >= position).alias(str(position)) for position in range(1, len(steps) + 1))
        )
        return counts.select(*([every] if every else []), F.inline(_rows(steps)))

    return funnel


def _numbered(rows: DataFrame, gap: timedelta) -> DataFrame:
    """Number each user's sessions; in half the time of ``session_window``, which makes a window of every row first."""
    by_time = Window.partitionBy("user").orderBy("at")
    begins = F.col("at") > F.lag("at").over(by_time) + F.lit(gap)
    begun = F.count(F.when(F.col("begins"), 1)).over(by_time.rowsBetween(Window.unboundedPreceding, 0))
    return rows.select("*", begins.alias("begins")).select("user", "at", "step", begun.alias("session"))


def _reached() -> Column:
    """Count the steps that a session reaches, walking through its events by time; at one time, in the steps' order."""
    events = F.array_sort(F.collect_list(F.when(F.col("step").isNotNull(), F.struct("at", "step"))))
    return F.aggregate(events, F.lit(0), lambda done, one: F.when(one["step"] == done + 1, done + 1).otherwise(done))


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
