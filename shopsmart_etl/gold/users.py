"""Active users by day, week and month, and which of them are new."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from shopsmart_etl._core.sql import positions, quote
from shopsmart_etl._core.step import step
from shopsmart_etl.gold._measures import field_of, groups_of, refuse_text
from shopsmart_etl.gold._periods import check_period
from shopsmart_etl.typing import Every, Transform


@step
def daily_active_users(*, user: str, at: str, by: Sequence[str] = (), zone: str | None = None) -> Transform:
    """Count the distinct users of each day.

    A row without a user counts for nobody, but its day (and group) stays, with 0 if nobody was there. Rows without
    a time are counted under a null day. A row that comes late counts on the day it is of.

    Args:
        user: The column that identifies a user, of any type that can be grouped.
        at: When the user was active: a timestamp, cut into days in ``zone``, or a date.
        by: Further columns to group by, such as a country; null is a group of its own.
        zone: The time zone whose days are meant, such as ``"Europe/London"``; None: the session's.

    Returns:
        A Transform whose result has one row a day and group: ``day`` (date), the ``by`` columns, ``active_users``
        (long, not null). Rows are in no order.

    Raises:
        InvalidArgumentError: ``by`` is a string in place of a sequence of them, or ``zone`` is no time zone.
        ColumnNotFoundError: A column is not there.
        ColumnTypeError: ``at`` is neither a timestamp nor a date, or is no timestamp and a zone is given.
        ColumnClashError: A ``by`` column is named like a column of the result.

    Example:
        >>> logs = spark.createDataFrame(
        ...     [("ada", "2026-01-01 09:00:00"), ("ada", "2026-01-01 17:00:00"), (None, "2026-01-02 08:00:00")],
        ...     "user string, at string").selectExpr("user", "CAST(at AS TIMESTAMP) AS at")
        >>> logs.transform(daily_active_users(user="user", at="at")).orderBy("day").show()
        +----------+------------+
        |       day|active_users|
        +----------+------------+
        |2026-01-01|           1|
        |2026-01-02|           0|
        +----------+------------+
        <BLANKLINE>
    """
    return _active_users(user, at=at, every="day", by=by, zone=zone)


@step
def weekly_active_users(*, user: str, at: str, by: Sequence[str] = (), zone: str | None = None) -> Transform:
    """Count the distinct users of each week, which is less than the sum over its days.

    Weeks begin on Monday. In all else this is ``daily_active_users``.

    Args:
        user: The column that identifies a user, of any type that can be grouped.
        at: When the user was active: a timestamp, cut into weeks in ``zone``, or a date.
        by: Further columns to group by, such as a country; null is a group of its own.
        zone: The time zone whose weeks are meant, such as ``"Europe/London"``; None: the session's.

    Returns:
        A Transform whose result has one row a week and group: ``week`` (date, its Monday), the ``by`` columns,
        ``active_users`` (long, not null). Rows are in no order.

    Raises:
        InvalidArgumentError: ``by`` is a string in place of a sequence of them, or ``zone`` is no time zone.
        ColumnNotFoundError: A column is not there.
        ColumnTypeError: ``at`` is neither a timestamp nor a date, or is no timestamp and a zone is given.
        ColumnClashError: A ``by`` column is named like a column of the result.

    Example:
        >>> logs = spark.sql('''SELECT * FROM VALUES ('ada', DATE'2026-01-05'), ('ada', DATE'2026-01-11'),
        ...     (NULL, DATE'2026-01-12') AS t (user, at)''')
        >>> logs.transform(weekly_active_users(user="user", at="at")).orderBy("week").show()
        +----------+------------+
        |      week|active_users|
        +----------+------------+
        |2026-01-05|           1|
        |2026-01-12|           0|
        +----------+------------+
        <BLANKLINE>
    """
    return _active_users(user, at=at, every="week", by=by, zone=zone)


@step
def monthly_active_users(*, user: str, at: str, by: Sequence[str] = (), zone: str | None = None) -> Transform:
    """Count the distinct users of each month, which is less than the sum over its days.

    In all else this is ``daily_active_users``.

    Args:
        user: The column that identifies a user, of any type that can be grouped.
        at: When the user was active: a timestamp, cut into months in ``zone``, or a date.
        by: Further columns to group by, such as a country; null is a group of its own.
        zone: The time zone whose months are meant, such as ``"Europe/London"``; None: the session's.

    Returns:
        A Transform whose result has one row a month and group: ``month`` (date, its first day), the ``by`` columns,
        ``active_users`` (long, not null). Rows are in no order.

    Raises:
        InvalidArgumentError: ``by`` is a string in place of a sequence of them, or ``zone`` is no time zone.
        ColumnNotFoundError: A column is not there.
        ColumnTypeError: ``at`` is neither a timestamp nor a date, or is no timestamp and a zone is given.
        ColumnClashError: A ``by`` column is named like a column of the result.

    Example:
        >>> logs = spark.sql('''SELECT * FROM VALUES ('ada', DATE'2026-01-05'), ('ada', DATE'2026-01-31'),
        ...     (NULL, DATE'2026-02-01') AS t (user, at)''')
        >>> logs.transform(monthly_active_users(user="user", at="at")).orderBy("month").show()
        +----------+------------+
        |     month|active_users|
        +----------+------------+
        |2026-01-01|           1|
        |2026-02-01|           0|
        +----------+------------+
        <BLANKLINE>
    """
    return _active_users(user, at=at, every="month", by=by, zone=zone)


@step
def new_and_returning_users(
    *, user: str, at: str, every: Every = "day", by: Sequence[str] = (), zone: str | None = None
) -> Transform:
    """Tell, for each period, the users who are there for the first time from those who were there before.

    A user is new in the period of their first row, whatever its group, and returning in every later one. So the input
    must be the whole history: a user's first row in a part of it is not their first, and a row that comes late
    changes later periods too. A row without a user or a time counts for nobody, but its period (and group) stays.

    Args:
        user: The column that identifies a user, of any type that can be grouped.
        at: When the user was active: a timestamp, cut into periods in ``zone``, or a date.
        every: ``"day"``, ``"week"`` (from Monday) or ``"month"``.
        by: Further columns to group by, such as a country; null is a group of its own. A user counts in each group
            that they are in.
        zone: The time zone whose days are meant, such as ``"Europe/London"``; None: the session's.

    Returns:
        A Transform whose result has one row a period and group: ``day``, ``week`` or ``month`` (date, its first day),
        the ``by`` columns, ``new_users`` and ``returning_users`` (long, not null), which add up to the active users;
        for the null period both are 0. Rows are in no order.

    Raises:
        InvalidArgumentError: ``by`` is a string in place of a sequence of them, ``every`` is no period or ``zone`` no
            time zone.
        ColumnNotFoundError: A column is not there.
        ColumnTypeError: ``at`` is neither a timestamp nor a date, or is no timestamp and a zone is given.
        ColumnClashError: A ``by`` column is named like a column of the result.

    Example:
        >>> logs = spark.sql('''SELECT * FROM VALUES ('ada', DATE'2026-01-05'), ('ada', DATE'2026-01-06'),
        ...     ('bob', DATE'2026-01-06'), (NULL, DATE'2026-01-07') AS t (user, at)''')
        >>> logs.transform(new_and_returning_users(user="user", at="at")).orderBy("day").show()
        +----------+---------+---------------+
        |       day|new_users|returning_users|
        +----------+---------+---------------+
        |2026-01-05|        1|              0|
        |2026-01-06|        1|              1|
        |2026-01-07|        0|              0|
        +----------+---------+---------------+
        <BLANKLINE>
    """
    refuse_text("by", by)
    check_period(every, zone)

    def split(df: DataFrame) -> DataFrame:
        schema = df.schema
        groups = groups_of(df, schema, at=at, every=every, by=by, zone=zone, results=["new_users", "returning_users"])
        one = F.col(quote(field_of(df, schema, user).name))
        # By position, the period being the first: whatever the groups are named, no name is ambiguous.
        names = positions(len(groups.columns))
        seen = df.select(*groups.named(names), one.alias("user")).distinct()
        first = seen.select("*", F.min("0").over(Window.partitionBy("user")).alias("first"))
        known = F.col("user").isNotNull()
        counted = first.groupBy(*names).agg(
            F.count_if(known & (F.col("0") == F.col("first"))).alias("new_users"),
            F.count_if(known & (F.col("0") > F.col("first"))).alias("returning_users"),
        )
        return counted.toDF(*groups.names, "new_users", "returning_users")

    return split


def _active_users(user: str, *, at: str, every: Every, by: Sequence[str], zone: str | None) -> Transform:
    refuse_text("by", by)
    check_period(every, zone)

    def count(df: DataFrame) -> DataFrame:
        schema = df.schema
        one = field_of(df, schema, user)
        groups = groups_of(df, schema, at=at, every=every, by=by, zone=zone, results=["active_users"])
        users = F.count_distinct(F.col(quote(one.name))).alias("active_users")
        return df.groupBy(*groups.named()).agg(users)

    return count
