"""Distinct users as sketches, which merge where counts do not."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BinaryType, DateType, MapType, StructType

from shopsmart_etl._core.sql import quote, type_text
from shopsmart_etl._core.step import step
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError
from shopsmart_etl.gold._measures import field_of, groups_of, refuse_text
from shopsmart_etl.gold._periods import check_period
from shopsmart_etl.typing import Every, Transform

# What the HyperLogLog of Apache DataSketches takes.
_LEAST, _MOST = 4, 21


@step
def sketch_users(
    *, user: str, at: str, by: Sequence[str] = (), zone: str | None = None, precision: int = 12
) -> Transform:
    """Keep a sketch of each day's distinct users, from which those of weeks, months and all groups can be estimated.

    Distinct users do not add up, so that the week's would have to be counted from silver again. Their sketches
    (HyperLogLog) merge: ``estimate_users`` reads a few kilobytes a day and group. The standard error of an estimate is
    1.04 / sqrt(2 ** precision), 1.6 % with the default; it is off by more than five of these, 8.1 %, in less than one
    case of a million. Up to some hundred users an estimate is as good as exact. For exact counts take
    ``daily_active_users`` and its like.

    A row without a user counts for nobody, but its day (and group) stays. A row that comes late belongs to the
    sketch of the day it is of.

    Args:
        user: The column that identifies a user, of any type but structs, arrays and maps.
        at: When the user was active: a timestamp, cut into days in ``zone``, or a date.
        by: Further columns to keep apart, such as a country; null is a group of its own.
        zone: The time zone whose days are meant, such as ``"Europe/London"``; None: the session's.
        precision: The sketch's size, 2 ** precision bytes at most: from 4 to 21. Only sketches of one precision merge.

    Returns:
        A Transform whose result has one row a day and group: ``day`` (date), the ``by`` columns, ``user_sketch``
        (binary). Rows are in no order.

    Raises:
        InvalidArgumentError: ``by`` is a string in place of a sequence of them, ``zone`` is no time zone, or
            ``precision`` is out of its bounds.
        ColumnNotFoundError: A column is not there.
        ColumnTypeError: ``at`` is neither a timestamp nor a date, or is no timestamp and a zone is given; ``user`` is a
            struct, an array or a map.
        ColumnClashError: A ``by`` column is named like a column of the result.

    Example:
        >>> logs = spark.sql('''SELECT * FROM VALUES ('ada', DATE'2026-01-05', 'GB'), ('ada', DATE'2026-01-06', 'IE'),
        ...     ('bob', DATE'2026-01-06', 'IE'), (NULL, DATE'2026-01-12', 'IE') AS t (user, at, country)''')
        >>> sketches = logs.transform(sketch_users(user="user", at="at", by=["country"]))
        >>> sketches.transform(estimate_users(every="week")).orderBy("week").show()
        +----------+---------------+
        |      week|estimated_users|
        +----------+---------------+
        |2026-01-05|              2|
        |2026-01-12|              0|
        +----------+---------------+
        <BLANKLINE>
    """
    refuse_text("by", by)
    check_period("day", zone)
    if not _LEAST <= precision <= _MOST:
        raise InvalidArgumentError("precision", wanted=f"a number from {_LEAST} to {_MOST}", found=precision)

    def sketch(df: DataFrame) -> DataFrame:
        schema = df.schema
        one = field_of(df, schema, user)
        if isinstance(one.dataType, (ArrayType, MapType, StructType)):
            # Their hash leaves nulls out, wherever they are: two users would be one.
            found = type_text(one.dataType)
            raise ColumnTypeError(one.name, wanted="no nested type", found=found, way_out="Make it text first: to_json")
        groups = groups_of(df, schema, at=at, by=by, zone=zone, results=["user_sketch"])
        # By its hash: a sketch of text leaves out the empty one, and takes no other types than text and integers.
        value = F.col(quote(one.name))
        hashed = F.when(value.isNotNull(), F.xxhash64(value))
        return df.groupBy(*groups.named()).agg(F.hll_sketch_agg(hashed, precision).alias("user_sketch"))

    return sketch


@step
def estimate_users(
    *, every: Every = "day", by: Sequence[str] = (), at: str = "day", sketch: str = "user_sketch"
) -> Transform:
    """Merge sketches of days into days, weeks or months, and groups into fewer or none, and estimate their users.

    The error is that of ``sketch_users``: merging adds none.

    Args:
        every: ``"day"``, ``"week"`` (from Monday) or ``"month"``.
        by: The columns to keep apart, of those that the sketches have; null is a group of its own.
        at: The sketches' day, a date.
        sketch: The column of sketches, binary.

    Returns:
        A Transform whose result has one row a period and group: ``day``, ``week`` or ``month`` (date, its first day),
        the ``by`` columns, ``estimated_users`` (long, not null). Rows are in no order.

    Raises:
        InvalidArgumentError: ``by`` is a string in place of a sequence of them, or ``every`` is no period.
        ColumnNotFoundError: A column is not there.
        ColumnTypeError: ``at`` is no date, or the sketch is not binary.
        ColumnClashError: A ``by`` column is named like a column of the result.

    Example:
        >>> logs = spark.sql('''SELECT * FROM VALUES ('ada', DATE'2026-01-05', 'GB'), ('ada', DATE'2026-01-06', 'IE'),
        ...     (NULL, DATE'2026-01-12', NULL) AS t (user, at, country)''')
        >>> sketches = logs.transform(sketch_users(user="user", at="at", by=["country"]))
        >>> sketches.transform(estimate_users(every="month", by=["country"])).orderBy("country").show()
        +----------+-------+---------------+
        |     month|country|estimated_users|
        +----------+-------+---------------+
        |2026-01-01|   NULL|              0|
        |2026-01-01|     GB|              1|
        |2026-01-01|     IE|              1|
        +----------+-------+---------------+
        <BLANKLINE>
    """
    refuse_text("by", by)
    check_period(every, None)

    def estimate(df: DataFrame) -> DataFrame:
        schema = df.schema
        one = field_of(df, schema, sketch)
        if not isinstance(one.dataType, BinaryType):
            raise ColumnTypeError(one.name, wanted="binary, from sketch_users", found=type_text(one.dataType))
        day = field_of(df, schema, at)
        if not isinstance(day.dataType, DateType):
            raise ColumnTypeError(day.name, wanted="a date, from sketch_users", found=type_text(day.dataType))
        groups = groups_of(df, schema, at=at, every=every, by=by, results=["estimated_users"])
        merged = F.hll_union_agg(F.col(quote(one.name)))
        users = F.coalesce(F.hll_sketch_estimate(merged), F.lit(0).cast("long"))
        return df.groupBy(*groups.named()).agg(users.alias("estimated_users"))

    return estimate
