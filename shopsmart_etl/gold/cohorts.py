"""How many of a month's new customers come back."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from shopsmart_etl._core.sql import quote
from shopsmart_etl._core.step import step
from shopsmart_etl.gold._measures import field_of, share
from shopsmart_etl.gold._periods import check_period, period
from shopsmart_etl.typing import Transform


@step
def cohort_retention(*, user: str, at: str, zone: str | None = None) -> Transform:
    """Count, for the users whose first order is of one month, how many order again in each later month.

    Every cohort has a row for each month from its own (where all of its users are there) to the last in which any
    user ordered, with 0 where nobody came. The input must be the whole history, and of orders alone: leave
    cancellations out first where they are no orders. Rows without a user or a time are in no cohort. A row that comes
    late may move a user to another cohort.

    Args:
        user: The column that identifies a user, of any type that can be grouped.
        at: When the user ordered: a timestamp, cut into months in ``zone``, or a date.
        zone: The time zone whose months are meant, such as ``"Europe/London"``; None: the session's.

    Returns:
        A Transform whose result has one row a cohort and month: ``cohort`` (date, the first day of the month of the
        first order), ``months_since`` (int), ``cohort_size`` and ``users`` (long, not null), and ``retention``,
        which is ``users`` by ``cohort_size`` (decimal(5, 4), rounded half up). Rows are in no order.

    Raises:
        InvalidArgumentError: ``zone`` is no time zone.
        ColumnNotFoundError: A column is not there.
        ColumnTypeError: ``at`` is neither a timestamp nor a date, or is no timestamp and a zone is given.

    Example:
        >>> orders = spark.sql('''SELECT * FROM VALUES ('ada', DATE'2026-01-05'), ('ada', DATE'2026-03-06'),
        ...     ('bob', DATE'2026-01-31'), (NULL, DATE'2026-02-01') AS t (user, at)''')
        >>> orders.transform(cohort_retention(user="user", at="at")).orderBy("months_since").show()
        +----------+------------+-----------+-----+---------+
        |    cohort|months_since|cohort_size|users|retention|
        +----------+------------+-----------+-----+---------+
        |2026-01-01|           0|          2|    2|   1.0000|
        |2026-01-01|           1|          2|    0|   0.0000|
        |2026-01-01|           2|          2|    1|   0.5000|
        +----------+------------+-----------+-----+---------+
        <BLANKLINE>
    """
    check_period("month", zone)

    def retain(df: DataFrame) -> DataFrame:
        schema = df.schema
        one = F.col(quote(field_of(df, schema, user).name))
        month = period(field_of(df, schema, at), every="month", zone=zone)
        active = df.select(one.alias("user"), month.alias("month")).where("`user` IS NOT NULL AND month IS NOT NULL")
        cohort = F.min("month").over(Window.partitionBy("user"))
        cells = active.distinct().select(cohort.alias("cohort"), "month").groupBy("cohort", "month").count()
        # One row with all of the cells, of which there are few, so that the last month is known to each cohort.
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

    return retain
