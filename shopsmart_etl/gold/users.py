"""Active users by period, and which of them are new."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from shopsmart_etl._core.checks import check_column
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.sql import positions, quote
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl.gold._measures import (
    GoldColumn,
    Grouping,
    check_grouping,
    count_field,
    groups_of,
    named,
    plan_aggregation,
    plan_table,
)
from shopsmart_etl.typing import Period


@step
def active_users(
    *, user: str, timestamp: str, period: Period = "day", by: str | Sequence[str] = (), timezone: str | None = None
) -> Planner:
    """Count the distinct users of each day, week or month.

    Null users are not counted; their period (and group) is still returned, with 0. Rows without a timestamp are
    counted under a null period. A late row counts in the period of its timestamp. Counts of days do not add up to
    those of weeks: a user who is active on two days of a week is one user of it.

    Args:
        user: Column that identifies a user, of any type that Spark can group.
        timestamp: Timestamp or date column of the activity.
        period: ``"day"``, ``"week"`` (starts on Monday) or ``"month"``.
        by: Further columns to group by, such as a country. Null is a group of its own.
        timezone: Time zone of the periods, such as ``"Europe/London"``; None for the session's.

    Returns:
        A Transform whose result has one row per period and group: ``day``, ``week`` or ``month`` (date, the period's
        first day), the ``by`` columns, ``active_users`` (long, not null). Row order is undefined.

    Raises:
        InvalidArgumentError: An argument is of the wrong type, ``period`` is not a period or ``timezone`` not a time
            zone.
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: ``timestamp`` is neither a timestamp nor a date, or has no time zone and ``timezone`` is given.
        ColumnClashError: A ``by`` column is named like another column of the result.

    Example:
        >>> logs = spark.sql('''SELECT * FROM VALUES ('ada', DATE'2026-01-05'), ('ada', DATE'2026-01-11'),
        ...     (NULL, DATE'2026-01-12') AS t (user, at)''')
        >>> logs.transform(active_users(user="user", timestamp="at", period="week")).orderBy("week").show()
        +----------+------------+
        |      week|active_users|
        +----------+------------+
        |2026-01-05|           1|
        |2026-01-12|           0|
        +----------+------------+
        <BLANKLINE>
    """
    grouping = check_grouping(by=by, timestamp=timestamp, period=period, timezone=timezone)
    return _count_users(user, grouping)


@step
def daily_active_users(
    *, user: str, timestamp: str, by: str | Sequence[str] = (), timezone: str | None = None
) -> Planner:
    """Count the distinct users of each day: ``active_users`` with ``period="day"``.

    Null users are not counted; their day (and group) is still returned, with 0. Rows without a timestamp are counted
    under a null day. A late row counts on the day of its timestamp.

    Args:
        user: Column that identifies a user, of any type that Spark can group.
        timestamp: Timestamp or date column of the activity.
        by: Further columns to group by, such as a country. Null is a group of its own.
        timezone: Time zone of the days, such as ``"Europe/London"``; None for the session's.

    Returns:
        A Transform whose result has one row per day and group: ``day`` (date), the ``by`` columns, ``active_users``
        (long, not null). Row order is undefined.

    Raises:
        InvalidArgumentError: An argument is of the wrong type, or ``timezone`` is not a time zone.
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: ``timestamp`` is neither a timestamp nor a date, or has no time zone and ``timezone`` is given.
        ColumnClashError: A ``by`` column is named like another column of the result.

    Example:
        >>> logs = spark.createDataFrame(
        ...     [("ada", "2026-01-01 09:00:00"), ("ada", "2026-01-01 17:00:00"), (None, "2026-01-02 08:00:00")],
        ...     "user string, at string").selectExpr("user", "CAST(at AS TIMESTAMP) AS at")
        >>> logs.transform(daily_active_users(user="user", timestamp="at")).orderBy("day").show()
        +----------+------------+
        |       day|active_users|
        +----------+------------+
        |2026-01-01|           1|
        |2026-01-02|           0|
        +----------+------------+
        <BLANKLINE>
    """
    return _count_users(user, check_grouping(by=by, timestamp=timestamp, timezone=timezone))


@step
def new_and_returning_users(
    *, user: str, timestamp: str, period: Period = "day", by: str | Sequence[str] = (), timezone: str | None = None
) -> Planner:
    """Count, for each period, the users who are active for the first time and those who were active before.

    A user is new in the period of their first row, whatever its group, and returning in every later one. The input
    must be the whole history: in a part of it a user's first row may not be their first, and a late row changes later
    periods too. Rows without a user or a timestamp are not counted; their period (and group) is still returned, with
    0.

    Args:
        user: Column that identifies a user, of any type that Spark can group.
        timestamp: Timestamp or date column of the activity.
        period: ``"day"``, ``"week"`` (starts on Monday) or ``"month"``.
        by: Further columns to group by, such as a country. Null is a group of its own. A user counts in each group
            that they are active in.
        timezone: Time zone of the periods, such as ``"Europe/London"``; None for the session's.

    Returns:
        A Transform whose result has one row per period and group: ``day``, ``week`` or ``month`` (date, the period's
        first day), the ``by`` columns, ``new_users`` and ``returning_users`` (long, not null), which add up to the
        active users; for the null period both are 0. Row order is undefined.

    Raises:
        InvalidArgumentError: An argument is of the wrong type, ``period`` is not a period or ``timezone`` not a time
            zone.
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: ``timestamp`` is neither a timestamp nor a date, or has no time zone and ``timezone`` is given.
        ColumnClashError: A ``by`` column is named like another column of the result.

    Example:
        >>> logs = spark.sql('''SELECT * FROM VALUES ('ada', DATE'2026-01-05'), ('ada', DATE'2026-01-06'),
        ...     ('bob', DATE'2026-01-06'), (NULL, DATE'2026-01-07') AS t (user, at)''')
        >>> logs.transform(new_and_returning_users(user="user", timestamp="at")).orderBy("day").show()
        +----------+---------+---------------+
        |       day|new_users|returning_users|
        +----------+---------+---------------+
        |2026-01-05|        1|              0|
        |2026-01-06|        1|              1|
        |2026-01-07|        0|              0|
        +----------+---------+---------------+
        <BLANKLINE>
    """
    check_column("user", user)
    grouping = check_grouping(by=by, timestamp=timestamp, period=period, timezone=timezone)
    results = ["new_users", "returning_users"]

    def plan(frame: Frame) -> Plan:
        groups = groups_of(frame, grouping, results=results)
        user_name = frame.field(user).name
        # By position, the period being the first: no group's name is ambiguous.
        names = positions(len(groups))

        def apply(df: DataFrame) -> DataFrame:
            active = df.select(*named(groups, names), F.col(quote(user_name)).alias("user")).distinct()
            first = active.select("*", F.min("0").over(Window.partitionBy("user")).alias("first"))
            is_user = F.col("user").isNotNull()
            counted = first.groupBy(*names).agg(
                F.count_if(is_user & (F.col("0") == F.col("first"))).alias("new_users"),
                F.count_if(is_user & (F.col("0") > F.col("first"))).alias("returning_users"),
            )
            return counted.toDF(*(group.field.name for group in groups), *results)

        return plan_table(groups, [count_field(name) for name in results], apply)

    return plan


def _count_users(user: str, grouping: Grouping) -> Planner:
    check_column("user", user)

    def plan(frame: Frame) -> Plan:
        name = frame.field(user).name
        groups = groups_of(frame, grouping, results=["active_users"])
        users = GoldColumn(count_field("active_users"), lambda: F.count_distinct(F.col(quote(name))))
        return plan_aggregation(groups, [users])

    return plan
