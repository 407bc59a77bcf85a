"""Silver of the partitions that new rows affect, to rebuild only their gold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, reduce
from math import prod
from operator import and_
from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    BooleanType,
    DataType,
    DateType,
    IntegralType,
    NumericType,
    StringType,
    TimestampNTZType,
    TimestampType,
)

from shopsmart_etl._core.checks import check_columns, is_dataframe
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.spark_errors import translate_errors
from shopsmart_etl._core.sql import positions, quote, type_text
from shopsmart_etl._core.step import Planner, step_that_runs_spark
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError, UnsupportedError
from shopsmart_etl.gold._periods import check_optional_period, first_day, require_timestamp
from shopsmart_etl.typing import Period


@step_that_runs_spark
def filter_affected(
    new_rows: DataFrame, *, by: str | Sequence[str], period: Period | None = None, timezone: str | None = None
) -> Planner:
    """Filter silver to the partitions affected by new rows, so that only their gold is rebuilt.

    Put it between silver and a gold step, and ``write_partitioned(..., if_exists="replace_partitions")`` after them, to
    update a gold table incrementally: the groups of the new silver rows, late ones too, are rebuilt from all of their
    rows, and the other groups stay. If the columns are silver's partition columns, only affected partitions are read.

    This is correct for gold tables whose rows depend on the silver rows of one group alone: users, revenue, orders and
    sketches by day (by week or month with ``period``) or by country, and top products within ``by``. It is wrong for
    tables that depend on history: rebuild ``new_and_returning_users``, ``cohort_retention`` and ``session_funnel`` from
    all of silver. A group that has lost its last row is not affected by any row: delete it from gold.

    Gold must be partitioned by the columns of ``by`` and no others, or else replacing a partition would write only a
    part of it. If gold is grouped by a timestamp's period, filter by the same periods in the same time zone,
    ``by="at", period="day", timezone=...``: a day of silver's partitions contains parts of two days of another zone.

    Args:
        new_rows: The rows that were added to silver. The step finds their groups once, with a Spark job when it is
            first applied, and keeps them for further gold tables.
        by: Columns of the groups, in the new rows and in silver alike, with few values: dates, strings, numbers or
            booleans, of the same type in both (integers of any size are the same).
        period: Keeps whole days, weeks (which start on Monday) or months of the columns that are dates or timestamps.
            None takes dates as they are.
        timezone: Time zone of the periods of timestamps, such as ``"Europe/London"``; None for the session's.

    Returns:
        A Transform whose result has the same columns, and the rows of the groups that the new rows are in. Null is a
        group of its own.

    Raises:
        InvalidArgumentError: An argument is of the wrong type, ``by`` names no column, ``period`` is not a period or
            ``timezone`` not a time zone, or is given without ``period``.
        UnsupportedError: The new rows are a stream.
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: A column is a timestamp and ``period`` is not given; ``period`` is given and no column is a
            date or a timestamp; ``timezone`` is given and a column has no time zone; a column is of a type that cannot
            be compared, or of another type in silver than in the new rows.

    Example:
        >>> silver = spark.sql('''SELECT * FROM VALUES (DATE'2026-01-05', 'ada', array('a')),
        ...     (DATE'2026-01-06', 'bob', array()), (DATE'2026-01-06', 'eve', NULL), (NULL, NULL, NULL)
        ...     AS t (day, user, tags)''')
        >>> new = silver.where("user = 'eve'")
        >>> silver.transform(filter_affected(new, by="day")).orderBy("user").show()
        +----------+----+----+
        |       day|user|tags|
        +----------+----+----+
        |2026-01-06| bob|  []|
        |2026-01-06| eve|NULL|
        +----------+----+----+
        <BLANKLINE>
    """
    if not is_dataframe(new_rows):
        raise InvalidArgumentError("new_rows", expected="a DataFrame", got=new_rows)
    names = check_columns("by", by, at_least_one=True)
    check_optional_period(period, timezone)
    if new_rows.isStreaming:
        raise UnsupportedError(
            "new_rows: expected a batch; got a stream. Build filter_affected for each batch, in foreachBatch"
        )
    affected = _AffectedGroups(new_rows, names, period, timezone)

    def plan(frame: Frame) -> Plan:
        groups = _groups(frame, names, period, timezone)
        _check_same_types(groups, affected.groups)
        return frame.unchanged(lambda df: df.where(_is_one_of([group.column() for group in groups], affected.values)))

    return plan


class _AffectedGroups:
    """The groups of the new rows; found once, since the step is applied for each gold table."""

    def __init__(self, new_rows: DataFrame, names: Sequence[str], period: Period | None, timezone: str | None) -> None:
        self._new_rows = new_rows
        self._arguments = names, period, timezone

    @cached_property
    def groups(self) -> list[_Group]:
        return _groups(Frame.of(self._new_rows), *self._arguments)

    @cached_property
    def values(self) -> list[tuple[object, ...]]:
        numbered = zip(self.groups, positions(len(self.groups)), strict=True)
        columns = [group.column().alias(position) for group, position in numbered]
        with translate_errors():
            return [tuple(row) for row in self._new_rows.select(*columns).distinct().collect()]


class _Group(NamedTuple):
    name: str
    type: DataType
    period: Period | None
    timezone: str | None

    def column(self) -> Column:
        column = F.col(quote(self.name))
        return column if self.period is None else first_day(column, period=self.period, timezone=self.timezone)


def _groups(frame: Frame, names: Sequence[str], period: Period | None, timezone: str | None) -> list[_Group]:
    groups = [_group(frame, name, period, timezone) for name in names]
    if period is not None and all(group.period is None for group in groups):
        expected = f"a date or a timestamp, since period={period!r} is given"
        raise ColumnTypeError(groups[0].name, expected=expected, got=type_text(groups[0].type))
    return groups


def _group(frame: Frame, name: str, period: Period | None, timezone: str | None) -> _Group:
    field = frame.field(name)
    is_timestamp = isinstance(field.dataType, (TimestampType, TimestampNTZType))
    if period is not None and (is_timestamp or isinstance(field.dataType, DateType)):
        return _Group(require_timestamp(frame, name, timezone).name, DateType(), period, timezone)
    got = type_text(field.dataType)
    if is_timestamp:
        raise ColumnTypeError(field.name, expected="a date", got=got, hint="Use period='day' to keep its day")
    if not isinstance(field.dataType, (DateType, StringType, NumericType, BooleanType)):
        raise ColumnTypeError(field.name, expected="a date, a string, a number or a boolean", got=got)
    return _Group(field.name, field.dataType, None, None)


def _check_same_types(silver: Sequence[_Group], new: Sequence[_Group]) -> None:
    # Without ANSI mode the text '2026-1-5' equals no date, and no group would be found.
    for group, other in zip(silver, new, strict=True):
        integers = isinstance(group.type, IntegralType) and isinstance(other.type, IntegralType)
        if group.type != other.type and not integers:
            raise ColumnTypeError(
                other.name,
                expected=f"{type_text(group.type)} in the new rows too",
                got=type_text(other.type),
                hint="Cast it there first",
            )


def _is_one_of(groups: Sequence[Column], values: Sequence[tuple[object, ...]]) -> Column:
    """Compare with literals, by which readers can prune partitions and row groups."""
    distinct = [set(column) for column in zip(*values, strict=True)] if values else [set[object]() for _ in groups]
    conditions = [_is_in(group, found) for group, found in zip(groups, distinct, strict=True)]
    if prod(map(len, distinct)) > len(values):
        # Not every combination is affected. Within structs nulls are equal.
        conditions.append(_struct(groups).isin(*(_struct(map(F.lit, value)) for value in values)))
    return reduce(and_, conditions)


def _is_in(group: Column, values: set[object]) -> Column:
    condition = group.isin(*(value for value in values if value is not None))
    return condition | group.isNull() if None in values else condition


def _struct(columns: Iterable[Column]) -> Column:
    return F.struct(*(column.alias(str(index)) for index, column in enumerate(columns)))
