"""How many of a month's new customers order again."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import DateType, IntegerType, StructField, StructType

from shopsmart_etl._core.checks import check_column
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.sql import path_text, quote
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl.gold._measures import SHARE, count_field, share
from shopsmart_etl.gold._periods import check_timezone, period_column, require_timestamp

_RESULT = StructType(
    [
        StructField("cohort", DateType()),
        StructField("months_since", IntegerType(), nullable=False),
        count_field("cohort_size"),
        count_field("users"),
        StructField("retention", SHARE),
    ]
)


@step
def cohort_retention(*, user: str, timestamp: str, timezone: str | None = None) -> Planner:
    """Count, for the users who first ordered in a month, how many order again in each later month.

    Each cohort has a row for each month, from its own (in which all of its users order) to the last in which any user
    ordered, with 0 where none of its users did. The input must be the whole history, and orders only: filter
    cancellations out first if they are not orders. Rows without a user or a timestamp are dropped. A late row may move
    a user to another cohort.

    Args:
        user: Column that identifies a user, of any type that Spark can group.
        timestamp: Timestamp or date column of the order.
        timezone: Time zone of the months, such as ``"Europe/London"``; None for the session's.

    Returns:
        A Transform whose result has one row per cohort and month: ``cohort`` (date, the first day of the month of the
        first order), ``months_since`` (int), ``cohort_size`` and ``users`` (long, not null), and ``retention``, which
        is ``users`` divided by ``cohort_size`` (decimal(5, 4), rounded half up). Row order is undefined.

    Raises:
        InvalidArgumentError: An argument is of the wrong type, or ``timezone`` is not a time zone.
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: ``timestamp`` is neither a timestamp nor a date, or has no time zone and ``timezone`` is given.

    Example:
        >>> orders = spark.sql('''SELECT * FROM VALUES ('ada', DATE'2026-01-05'), ('ada', DATE'2026-03-06'),
        ...     ('bob', DATE'2026-01-31'), (NULL, DATE'2026-02-01') AS t (user, at)''')
        >>> orders.transform(cohort_retention(user="user", timestamp="at")).orderBy("months_since").show()
        +----------+------------+-----------+-----+---------+
        |    cohort|months_since|cohort_size|users|retention|
        +----------+------------+-----------+-----+---------+
        |2026-01-01|           0|          2|    2|   1.0000|
        |2026-01-01|           1|          2|    0|   0.0000|
        |2026-01-01|           2|          2|    1|   0.5000|
        +----------+------------+-----------+-----+---------+
        <BLANKLINE>
    """
    check_column("user", user)
    check_column("timestamp", timestamp)
    check_timezone(timezone)

    def plan(frame: Frame) -> Plan:
        user_name = frame.field(user).name
        ordered = require_timestamp(frame, timestamp, timezone)
        month = period_column(ordered, "month", timezone)

        def apply(df: DataFrame) -> DataFrame:
            return _retention(df.select(F.col(quote(user_name)).alias("user"), month().alias("month")))

        return Plan(_RESULT, apply, (path_text([ordered.name]), "", "", "", ""))

    return plan


def _retention(orders: DataFrame) -> DataFrame:
    """Compute the retention from users and months."""
    orders = orders.where("`user` IS NOT NULL AND month IS NOT NULL")
    cohort = F.min("month").over(Window.partitionBy("user"))
    cells = orders.distinct().select(cohort.alias("cohort"), "month").groupBy("cohort", "month").count()
    # All cells in one row, which are few, so that each cohort gets the last month of all.
    users = F.map_from_entries(F.collect_list(F.struct("month", "count"))).alias("users")
    cohorts = cells.groupBy("cohort").agg(users, F.max("month").alias("last"))
    table = cohorts.agg(F.collect_list(F.struct("cohort", "users")).alias("cohorts"), F.max("last").alias("last"))
    each = table.select(F.explode("cohorts").alias("one"), "last").select("one.*", "last")
    since = "explode(sequence(0, CAST(months_between(last, cohort) AS INT))) AS months_since"
    rows = each.selectExpr("cohort", "users", since).selectExpr(
        "cohort",
        "months_since",
        "coalesce(try_element_at(users, cohort), 0L) AS cohort_size",
        "coalesce(try_element_at(users, add_months(cohort, months_since)), 0L) AS users",
    )
    return rows.select("*", share(F.col("users"), F.col("cohort_size")).alias("retention"))
