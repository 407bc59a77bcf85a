"""Silver rows into the aggregates that BI tools read."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql.types import (
    DateType,
    DecimalType,
    IntegralType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError
from shopsmart_etl.schema import find_column, quote, refuse_clashes, type_text
from shopsmart_etl.session import ignores_case
from shopsmart_etl.step import step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame

    from shopsmart_etl.typing import Transform

_TIMES = (DateType, TimestampType, TimestampNTZType)


@step
def daily_active_users(*, user: str, at: str, by: Sequence[str] = ()) -> Transform:
    """Count the distinct users of each day.

    A row without a user counts for nobody, but its day (and group) stays, with 0 if nobody was there. Rows without
    a time are counted under a null day.

    Args:
        user: The column that identifies a user, of any type that can be grouped.
        at: When the user was active: a timestamp, cut into days in the session's time zone, or a date.
        by: Further columns to group by, such as a country; null is a group of its own.

    Returns:
        A Transform whose result has one row a day and group: ``day`` (date), the ``by`` columns, ``active_users``
        (long, not null). Rows are in no order.

    Raises:
        InvalidArgumentError: ``by`` is a string in place of a sequence of them.
        ColumnNotFoundError: A column is not there.
        ColumnTypeError: ``at`` is neither a timestamp nor a date.
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
    _refuse_text(by)

    def count(df: DataFrame) -> DataFrame:
        schema = df.schema
        one = _field(df, schema, user)
        return _daily(df, schema, at, by, active_users=F.count_distinct(F.col(quote(one.name))))

    return count


@step
def daily_revenue(*, amount: str, at: str, by: Sequence[str] = ()) -> Transform:
    """Sum the amounts of each day, exactly.

    A null amount adds nothing, but its day (and group) stays, with 0 if no amount is known: impute first where that
    is not what null means. Negative amounts (refunds) count as such. Rows without a time are summed under a null
    day.

    Args:
        amount: A decimal or integer column, in the currency's own unit. A double is refused: its sums depend on the
            order of the rows.
        at: When the amount was earned: a timestamp, cut into days in the session's time zone, or a date.
        by: Further columns to group by, such as a country; null is a group of its own.

    Returns:
        A Transform whose result has one row a day and group: ``day`` (date), the ``by`` columns, ``revenue``
        (decimal of ten digits more than the amount's and the same scale, or long; not null). Rows are in no order.

    Raises:
        InvalidArgumentError: ``by`` is a string in place of a sequence of them.
        ColumnNotFoundError: A column is not there.
        ColumnTypeError: ``amount`` is neither decimal nor integer, or ``at`` is neither a timestamp nor a date.
        ColumnClashError: A ``by`` column is named like a column of the result.

    Example:
        >>> from decimal import Decimal
        >>> logs = spark.createDataFrame(
        ...     [("EIRE", Decimal("9.90")), ("EIRE", None), (None, None)], "country string, amount decimal(10, 2)"
        ... ).selectExpr("*", "DATE'2026-01-01' AS at")
        >>> logs.transform(daily_revenue(amount="amount", at="at", by=["country"])).orderBy("country").show()
        +----------+-------+-------+
        |       day|country|revenue|
        +----------+-------+-------+
        |2026-01-01|   NULL|   0.00|
        |2026-01-01|   EIRE|   9.90|
        +----------+-------+-------+
        <BLANKLINE>
    """
    _refuse_text(by)

    def add(df: DataFrame) -> DataFrame:
        schema = df.schema
        one = _field(df, schema, amount)
        if not isinstance(one.dataType, (DecimalType, IntegralType)):
            raise ColumnTypeError(
                one.name,
                wanted="a decimal or an integer",
                found=type_text(one.dataType),
                way_out="Cast it to a decimal first",
            )
        return _daily(df, schema, at, by, revenue=_total(one))

    return add


def _daily(df: DataFrame, schema: StructType, at: str, by: Sequence[str], **measures: Column) -> DataFrame:
    time = _field(df, schema, at)
    if not isinstance(time.dataType, _TIMES):
        raise ColumnTypeError(time.name, wanted="a timestamp or a date", found=type_text(time.dataType))
    groups = [_field(df, schema, column).name for column in by]
    refuse_clashes(
        [(name, f"the result's {name}") for name in ("day", *measures)]
        + [(name, f"group column {quote(name)}") for name in groups],
        ignores_case=partial(ignores_case, df),
        way_out="Rename the group column first",
    )
    day = F.to_date(F.col(quote(time.name))).alias("day")
    results = [measure.alias(name) for name, measure in measures.items()]
    return df.groupBy(day, *(F.col(quote(name)) for name in groups)).agg(*results)


def _field(df: DataFrame, schema: StructType, column: str) -> StructField:
    return schema.fields[find_column(schema, column, ignores_case=partial(ignores_case, df))]


def _total(amount: StructField) -> Column:
    name = quote(amount.name)
    zero = f"0E-{amount.dataType.scale}BD" if isinstance(amount.dataType, DecimalType) else "0L"
    # Without ANSI a sum that overflows is null, which must not be taken for a group of unknown amounts.
    overflow = f"if(count({name}) = 0, NULL, raise_error('the sum is too large for its type'))"
    return F.expr(f"coalesce(sum({name}), {overflow}, {zero})")


def _refuse_text(by: Sequence[str]) -> None:
    if isinstance(by, str):
        raise InvalidArgumentError("by", wanted=f"a sequence of columns, say by=[{by!r}]", found=by)
