"""Distinct users as sketches, which can be merged where exact counts cannot."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BinaryType, DateType, MapType, StructField, StructType

from shopsmart_etl._core.checks import check_column, check_integer
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.sql import quote, type_text
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl.errors import ColumnTypeError
from shopsmart_etl.gold._measures import GoldColumn, check_grouping, count_field, groups_of, plan_aggregation
from shopsmart_etl.typing import Period

# The bounds of the HyperLogLog of Apache DataSketches.
_MIN_PRECISION, _MAX_PRECISION = 4, 21


@step
def sketch_users(
    *,
    user: str,
    timestamp: str,
    by: str | Sequence[str] = (),
    timezone: str | None = None,
    precision: int = 12,
) -> Planner:
    """Build a sketch of each day's distinct users, to estimate those of weeks, months and all groups from.

    Distinct users do not add up, so that exact counts of a week need silver again. Sketches (HyperLogLog) can be
    merged: ``estimate_users`` reads a few kilobytes for each day and group. The standard error of an estimate is
    1.04 / sqrt(2 ** precision), 1.6 % by default; fewer than one estimate in a million is off by more than five
    standard errors, 8.1 %. Up to some hundred users an estimate is as good as exact. For exact counts use
    ``active_users``.

    Null users are not counted; their day (and group) is still returned. Rows without a timestamp are in the sketch of
    a null day. A late row belongs to the sketch of its timestamp's day.

    Args:
        user: Column that identifies a user, of any type but structs, arrays and maps.
        timestamp: Timestamp or date column of the activity.
        by: Further columns to group by, such as a country. Null is a group of its own.
        timezone: Time zone of the days, such as ``"Europe/London"``; None for the session's.
        precision: The sketch has at most 2 ** precision bytes, with a precision from 4 to 21. Only sketches of the
            same precision can be merged.

    Returns:
        A Transform whose result has one row per day and group: ``day`` (date), the ``by`` columns, ``user_sketch``
        (binary, not null). Row order is undefined.

    Raises:
        InvalidArgumentError: An argument is of the wrong type, ``timezone`` is not a time zone, or ``precision`` is
            out of bounds.
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: ``timestamp`` is neither a timestamp nor a date, or has no time zone and ``timezone`` is given;
            ``user`` is a struct, an array or a map.
        ColumnClashError: A ``by`` column is named like another column of the result, or named twice.

    Example:
        >>> logs = spark.sql('''SELECT * FROM VALUES ('ada', DATE'2026-01-05', 'GB'), ('ada', DATE'2026-01-06', 'IE'),
        ...     ('bob', DATE'2026-01-06', 'IE'), (NULL, DATE'2026-01-12', 'IE') AS t (user, at, country)''')
        >>> sketches = logs.transform(sketch_users(user="user", timestamp="at", by="country"))
        >>> sketches.transform(estimate_users(period="week")).orderBy("week").show()
        +----------+---------------+
        |      week|estimated_users|
        +----------+---------------+
        |2026-01-05|              2|
        |2026-01-12|              0|
        +----------+---------------+
        <BLANKLINE>
    """
    check_column("user", user)
    grouping = check_grouping(by=by, timestamp=timestamp, timezone=timezone)
    check_integer("precision", precision, min_value=_MIN_PRECISION, max_value=_MAX_PRECISION)

    def plan(frame: Frame) -> Plan:
        field = frame.field(user)
        if isinstance(field.dataType, (ArrayType, MapType, StructType)):
            # Their hashes ignore nulls, wherever they are: two users would be one.
            raise ColumnTypeError(
                field.name,
                expected="a type that is not nested",
                got=type_text(field.dataType),
                hint="Convert it to text with to_json first",
            )
        groups = groups_of(frame, grouping, results=["user_sketch"])

        def sketch() -> Column:
            # By hash: a sketch of text ignores the empty string, and takes no types but text and integers.
            value = F.col(quote(field.name))
            return F.hll_sketch_agg(F.when(value.isNotNull(), F.xxhash64(value)), precision)

        result = StructField("user_sketch", BinaryType(), nullable=False)
        return plan_aggregation(groups, [GoldColumn(result, sketch)])

    return plan


@step
def estimate_users(
    *,
    period: Period = "day",
    by: str | Sequence[str] = (),
    day_column: str = "day",
    sketch_column: str = "user_sketch",
) -> Planner:
    """Merge the sketches of ``sketch_users`` into days, weeks or months, and fewer groups, and estimate their users.

    The error is that of ``sketch_users``: merging adds none. Null sketches add nothing; their period (and group) is
    still returned, with 0 if all sketches are null. Sketches of a null day are merged under a null period.

    Args:
        period: ``"day"``, ``"week"`` (starts on Monday) or ``"month"``.
        by: Columns to group by, of those that the sketches were grouped by. Null is a group of its own.
        day_column: Date column with the day of each sketch.
        sketch_column: Binary column of sketches.

    Returns:
        A Transform whose result has one row per period and group: ``day``, ``week`` or ``month`` (date, the period's
        first day), the ``by`` columns, ``estimated_users`` (long, not null). Row order is undefined.

    Raises:
        InvalidArgumentError: An argument is of the wrong type, or ``period`` is not a period.
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: ``day_column`` is not a date, or ``sketch_column`` is not binary.
        ColumnClashError: A ``by`` column is named like another column of the result, or named twice.

    Example:
        >>> logs = spark.sql('''SELECT * FROM VALUES ('ada', DATE'2026-01-05', 'GB'), ('ada', DATE'2026-01-06', 'IE'),
        ...     (NULL, DATE'2026-01-12', NULL) AS t (user, at, country)''')
        >>> sketches = logs.transform(sketch_users(user="user", timestamp="at", by="country"))
        >>> sketches.transform(estimate_users(period="month", by="country")).orderBy("country").show()
        +----------+-------+---------------+
        |     month|country|estimated_users|
        +----------+-------+---------------+
        |2026-01-01|   NULL|              0|
        |2026-01-01|     GB|              1|
        |2026-01-01|     IE|              1|
        +----------+-------+---------------+
        <BLANKLINE>
    """
    check_column("day_column", day_column)
    check_column("sketch_column", sketch_column)
    grouping = check_grouping(by=by, timestamp=day_column, period=period)

    def plan(frame: Frame) -> Plan:
        index = frame.require(sketch_column, BinaryType, expected="binary, from sketch_users")
        name = frame.schema.fields[index].name
        frame.require(day_column, DateType, expected="a date, from sketch_users")
        groups = groups_of(frame, grouping, results=["estimated_users"])

        def estimate() -> Column:
            merged = F.hll_union_agg(F.col(quote(name)))
            return F.coalesce(F.hll_sketch_estimate(merged), F.lit(0).cast("long"))

        return plan_aggregation(groups, [GoldColumn(count_field("estimated_users"), estimate)])

    return plan
