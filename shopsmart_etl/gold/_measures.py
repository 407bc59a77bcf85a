"""What gold steps share: grouping columns, exact sums and shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, DecimalType, IntegralType, LongType, StructField, StructType

from shopsmart_etl._core._sail import refuse_on_sail
from shopsmart_etl._core.checks import check_column, check_columns
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.spark_errors import fail_column
from shopsmart_etl._core.sql import path_text, quote, type_text
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.gold._periods import check_period, check_timezone, period_column, period_field, require_timestamp
from shopsmart_etl.typing import Period

SHARE = DecimalType(5, 4)
"""The type of shares such as a retention: hundredths of a percent."""

# A decimal's sum has ten digits more, of 38 at most: up to this precision no number of rows overflows it.
_MAX_SAFE_PRECISION = 28


class GoldColumn(NamedTuple):
    """A grouping column or a metric of a gold table.

    Attributes:
        field: Its name, type, nullability and metadata.
        compute: Makes its Column. A function, since Columns need a session and previews have none.
        source: The path of the column that it comes from; empty for one that is computed.
    """

    field: StructField
    compute: Callable[[], Column]
    source: str = ""


class Grouping(NamedTuple):
    """The arguments that say how rows are grouped.

    Attributes:
        by: The grouping columns.
        timestamp: The column to derive periods from; None groups over all time.
        period: The period.
        timezone: The time zone of the periods; None for the session's.
    """

    by: Sequence[str]
    timestamp: str | None = None
    period: Period = "day"
    timezone: str | None = None


def check_grouping(
    *,
    by: object = (),
    timestamp: object = None,
    period: object = "day",
    timezone: object = None,
    timestamp_is_optional: bool = False,
) -> Grouping:
    """Check the arguments that say how rows are grouped.

    Raises:
        InvalidArgumentError: One is wrong, or ``period`` or ``timezone`` is given without a timestamp.
    """
    names = check_columns("by", by)
    if timestamp is not None or not timestamp_is_optional:
        check_column("timestamp", timestamp)
    grouping = Grouping(
        names, timestamp if isinstance(timestamp, str) else None, check_period(period), check_timezone(timezone)
    )
    if grouping.timestamp is None and (period != "day" or timezone is not None):
        expected = "the name of a column, since period or timezone is given"
        raise InvalidArgumentError("timestamp", expected=expected, got=timestamp)
    return grouping


def groups_of(frame: Frame, grouping: Grouping, *, results: Sequence[str]) -> list[GoldColumn]:
    """Find the grouping columns, the period first.

    Args:
        frame: The DataFrame.
        grouping: How its rows are grouped.
        results: The names of the result's other columns.

    Raises:
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: The timestamp column has no periods.
        ColumnClashError: A ``by`` column is named like another column of the result.
    """
    by, timestamp, period, timezone = grouping
    groups = []
    if timestamp is not None:
        field = require_timestamp(frame, timestamp, timezone)
        compute = period_column(field, period, timezone)
        groups.append(GoldColumn(period_field(field, period, timezone), compute, path_text([field.name])))
    computed = [*(group.field.name for group in groups), *results]
    fields = [frame.field(column) for column in by]
    frame.check_clashes(
        [(name, f"the result's {name}") for name in computed]
        + [(field.name, f"group column {quote(field.name)}") for field in fields],
        hint="Rename the group column first",
    )
    return groups + [GoldColumn(field, _column(field), path_text([field.name])) for field in fields]


def plan_aggregation(groups: Sequence[GoldColumn], metrics: Sequence[GoldColumn]) -> Plan:
    """Plan a table with a row for each group."""
    return plan_table(
        groups,
        [metric.field for metric in metrics],
        lambda df: df.groupBy(*named(groups)).agg(*named(metrics)),
    )


def plan_table(
    groups: Sequence[GoldColumn], computed: Sequence[StructField], apply: Callable[[DataFrame], DataFrame]
) -> Plan:
    """Plan a table of group columns and computed ones, which ``apply`` makes."""
    fields = [*(group.field for group in groups), *computed]
    return Plan(StructType(fields), apply, (*(group.source for group in groups), *[""] * len(computed)))


def named(columns: Sequence[GoldColumn], names: Sequence[str] | None = None) -> list[Column]:
    """Make the Columns under their names in the result, or under other names."""
    names = names or [column.field.name for column in columns]
    return [column.compute().alias(name) for name, column in zip(names, columns, strict=True)]


def exact_field(frame: Frame, column: str) -> StructField:
    """Find a column whose sum is exact.

    Raises:
        ColumnNotFoundError: It does not exist.
        ColumnTypeError: It is neither a decimal nor an integer.
        UnsupportedError: The session is on Sail, and the sum might overflow.
    """
    index = frame.require(
        column, (DecimalType, IntegralType), expected="a decimal or an integer", hint="Cast it to a decimal first"
    )
    field = frame.schema.fields[index]
    if isinstance(field.dataType, DecimalType) and field.dataType.precision > _MAX_SAFE_PRECISION and frame.is_sail:
        refuse_on_sail(
            frame.session,
            f"a sum of {type_text(field.dataType)}",
            why="gives a wrong sum where it is too large",
            hint=f"Cast it to a decimal of at most {_MAX_SAFE_PRECISION} digits first",
        )
    return field


def total(field: StructField, *, where: Column | None = None) -> Column:
    """Sum a column, over the rows that meet a condition: 0 if all values are null; an overflow fails the job."""
    value = F.col(quote(field.name))
    amount = value if where is None else F.when(where, value)
    zero = F.expr(f"0E-{field.dataType.scale}BD" if isinstance(field.dataType, DecimalType) else "0L")
    # try_sum is null where it overflows, ANSI mode or not (sum wraps integers around without): tell that from a group
    # of null amounts.
    too_large = fail_column(f"column {field.name!r}: the sum is too large for its type, {type_text(total_type(field))}")
    return F.coalesce(F.try_sum(amount), F.when(F.count(amount) > 0, too_large), zero)


def total_type(field: StructField) -> DataType:
    """Return the type of a column's sum."""
    if isinstance(field.dataType, DecimalType):
        return DecimalType(min(field.dataType.precision + 10, 38), field.dataType.scale)
    return LongType()


def total_column(name: str, field: StructField, *, where: Callable[[], Column] | None = None) -> GoldColumn:
    """Describe the sum of a column under a name, over the rows that meet a condition."""
    compute = (lambda: total(field)) if where is None else (lambda: total(field, where=where()))
    return GoldColumn(StructField(name, total_type(field), nullable=False), compute)


def count_field(name: str) -> StructField:
    """Describe a count: a long, not null."""
    return StructField(name, LongType(), nullable=False)


def share(part: Column, whole: Column) -> Column:
    """Divide two counts: decimal(5, 4), rounded half up, null where the whole is 0."""
    exact = DecimalType(20, 0)
    return (part.cast(exact) / F.when(whole > 0, whole.cast(exact))).cast(SHARE)


def _column(field: StructField) -> Callable[[], Column]:
    return lambda: F.col(quote(field.name))
