"""What gold steps share: grouping columns and shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType, LongType, StructField, StructType

from shopsmart_etl._core.checks import check_column, check_columns, check_optional_text
from shopsmart_etl._core.column_tags import (
    Link,
    find_presence,
    presence_column,
    source_tag,
    tag_target,
    target_tag,
    without_presence,
)
from shopsmart_etl._core.frame import Frame, Plan, keep_metadata
from shopsmart_etl._core.sql import path_text, positions, quote
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.gold._periods import check_period, check_timezone, period_column, period_field, require_timestamp
from shopsmart_etl.typing import Period

SHARE = DecimalType(5, 4)
"""The type of shares such as a retention: hundredths of a percent."""


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
        currency: The column with the amounts' currencies, to group by after the period; None groups by none.
        timestamp: The column to derive periods from; None groups over all time.
        period: The period.
        timezone: The time zone of the periods; None for the session's.
    """

    by: Sequence[str]
    currency: str | None = None
    timestamp: str | None = None
    period: Period = "day"
    timezone: str | None = None


def check_grouping(
    *,
    by: object = (),
    currency: object = None,
    timestamp: object = None,
    period: object = "day",
    timezone: object = None,
    timestamp_is_optional: bool = False,
) -> Grouping:
    """Check the arguments that say how rows are grouped.

    Raises:
        InvalidArgumentError: One is wrong, or ``period`` or ``timezone`` is given without a timestamp, or ``by`` names
            the currency too.
    """
    names = check_columns("by", by)
    currency_name = check_optional_text("currency", currency, expected="the name of a column, or None")
    if currency_name in names:
        raise InvalidArgumentError("by", expected=f"no {currency_name!r}, since currency names it", got=by)
    if timestamp is not None or not timestamp_is_optional:
        check_column("timestamp", timestamp)
    grouping = Grouping(
        names,
        currency_name,
        timestamp if isinstance(timestamp, str) else None,
        check_period(period),
        check_timezone(timezone),
    )
    if grouping.timestamp is None and (period != "day" or timezone is not None):
        expected = "the name of a column, since period or timezone is given"
        raise InvalidArgumentError("timestamp", expected=expected, got=timestamp)
    return grouping


def groups_of(frame: Frame, grouping: Grouping, *, results: Sequence[str]) -> list[GoldColumn]:
    """Find the grouping columns: the period, the currency, the others.

    Args:
        frame: The DataFrame.
        grouping: How its rows are grouped.
        results: The names of the result's other columns.

    Raises:
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: The timestamp column has no periods.
        ColumnClashError: The currency or a ``by`` column is named like another column of the result.
    """
    by, currency, timestamp, period, timezone = grouping
    groups = []
    if timestamp is not None:
        field = require_timestamp(frame, timestamp, timezone)
        compute = period_column(field, period, timezone)
        groups.append(GoldColumn(period_field(field, period, timezone), compute, path_text([field.name])))
    computed = [*(group.field.name for group in groups), *results]
    fields = [without_presence(frame.field(column)) for column in by]
    if currency is not None:
        fields = [currency_group(frame.field(currency)), *fields]
    frame.check_clashes(
        [(name, f"the result's {name}") for name in computed]
        + [(field.name, f"group column {quote(field.name)}") for field in fields],
        hint="Rename the group column first",
    )
    return groups + [GoldColumn(field, _column(frame.field(field.name)), path_text([field.name])) for field in fields]


def elements_of(frame: Frame, grouping: Grouping, amount: StructField) -> Callable[[DataFrame], DataFrame]:
    """Return a transform that drops the rows of empty arrays, where elements are grouped by their own fields.

    Such a row has no amount, and would be a group of its own: a product that nobody sold. Otherwise its group, such as
    a day or a country, has an order without items.

    Raises:
        UnsupportedError: The column that tells which rows have an element is gone or ambiguous.
    """
    array = source_tag(amount, Link.PRESENCE)
    if array is None or all(source_tag(frame.field(name), Link.PRESENCE) != array for name in grouping.by):
        return lambda df: df
    index = find_presence(frame, amount)
    assert index is not None  # noqa: S101 - narrows the type; the amount has a tag
    return lambda df: df.where(presence_column(frame, index))


def plan_aggregation(
    groups: Sequence[GoldColumn],
    metrics: Sequence[GoldColumn],
    rows: Callable[[DataFrame], DataFrame] = lambda df: df,
) -> Plan:
    """Plan a table with a row for each group of the rows that a transform keeps."""
    columns = [*groups, *metrics]
    # By position: Spark finds a column by its name to set its metadata.
    names = positions(len(columns))
    fields = {name: column.field for name, column in zip(names, columns, strict=True)}

    def apply(df: DataFrame) -> DataFrame:
        grouped = rows(df).groupBy(*named(groups, names[: len(groups)]))
        table = grouped.agg(*named(metrics, names[len(groups) :]))
        return keep_metadata(table, fields).toDF(*(column.field.name for column in columns))

    return plan_table(groups, [metric.field for metric in metrics], apply)


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


def count_field(name: str) -> StructField:
    """Describe a count: a long, not null."""
    return StructField(name, LongType(), nullable=False)


def share(part: Column, whole: Column) -> Column:
    """Divide two counts: decimal(5, 4), rounded half up, null where the whole is 0."""
    exact = DecimalType(20, 0)
    return (part.cast(exact) / F.when(whole > 0, whole.cast(exact))).cast(SHARE)


def currency_group(field: StructField) -> StructField:
    """Tag a currency column that a table is grouped by as that of its amounts, unless it has such a tag."""
    return tag_target(field, Link.CURRENCY, target_tag(field, Link.CURRENCY) or field.name)


def _column(field: StructField) -> Callable[[], Column]:
    # A computed column has no metadata: a gold table has no presence column for an exploded column to link to.
    is_linked = without_presence(field).metadata != (field.metadata or {})
    return lambda: F.coalesce(F.col(quote(field.name))) if is_linked else F.col(quote(field.name))
