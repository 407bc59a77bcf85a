"""Silver of the partitions that new rows are in, to make their gold again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, reduce
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
    StructField,
    TimestampNTZType,
    TimestampType,
)

from shopsmart_etl._core.sql import positions, quote, type_text
from shopsmart_etl._core.step import Step, step
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError, UnsupportedError
from shopsmart_etl.gold._measures import field_of
from shopsmart_etl.gold._periods import check_period, period
from shopsmart_etl.typing import Every, Transform


@step
def keep_touched(
    new_rows: DataFrame, *, by: str | Sequence[str], every: Every | None = None, zone: str | None = None
) -> Transform:
    """Keep the rows of the days, countries or other groups that new rows are in; the first time it runs Spark.

    Put between silver and a gold step, with ``write_partitioned(..., if_exists="replace_partitions")`` after them, it
    brings a gold table up to date: the groups that new silver rows touch, late ones too, are made again from all of
    their rows, and the others stay. Where the columns are silver's partition columns only the touched partitions are
    read.

    This is right for tables whose rows depend on silver rows of one group alone: users, revenue, orders and sketches by
    day (by week or month with ``every``) or by country, and top products within ``by``. It is wrong for those that look
    back: ``new_and_returning_users``, ``cohort_retention`` and ``session_funnel``, which are to be made from all of
    silver. A group that has lost its last row is not touched by any: delete it from gold.

    ``by`` must be columns that gold is partitioned by, no others, or what replaces a partition is a part of it. Where
    gold cuts a timestamp, the groups must be the same periods in the same zone, ``by="at", every="day", zone=...``: a
    day of silver's partitions, cut in another zone, holds parts of two.

    Args:
        new_rows: The rows that silver got. Which groups they are in is found once, when the step is first applied, and
            kept for further gold tables.
        by: The columns that tell the groups, in the new rows and in silver alike, of few values: dates, strings,
            numbers or booleans, of one type in both (integers of any size are one).
        every: Keeps whole days, weeks (from Monday) or months of the columns that are dates or timestamps. None takes
            dates as they are.
        zone: The time zone that timestamps are cut in, such as ``"Europe/London"``; None: the session's.

    Returns:
        A Transform whose result has the same columns, and the rows of the groups that the new rows are in, null being
        a group of its own.

    Raises:
        InvalidArgumentError: ``by`` is empty, ``every`` is no period or ``zone`` no time zone, or a zone is given
            without ``every``.
        UnsupportedError: The new rows are a stream.
        ColumnNotFoundError: A column is not there.
        ColumnTypeError: A column is a timestamp and ``every`` is not given; ``every`` is given and no column is a date
            or a timestamp; a zone is given for one that is no timestamp; a column is of no type that can tell groups,
            or of another one in silver than in the new rows.

    Example:
        >>> silver = spark.sql('''SELECT * FROM VALUES (DATE'2026-01-05', 'ada', array('a')),
        ...     (DATE'2026-01-06', 'bob', array()), (DATE'2026-01-06', 'eve', NULL), (NULL, NULL, NULL)
        ...     AS t (day, user, tags)''')
        >>> new = silver.where("user = 'eve'")
        >>> silver.transform(keep_touched(new, by="day")).orderBy("user").show()
        +----------+----+----+
        |       day|user|tags|
        +----------+----+----+
        |2026-01-06| bob|  []|
        |2026-01-06| eve|NULL|
        +----------+----+----+
        <BLANKLINE>
    """
    names = [by] if isinstance(by, str) else list(by)
    if not names:
        raise InvalidArgumentError("by", wanted="the columns that tell the groups, at least one", found=by)
    if every is None and zone is not None:
        raise InvalidArgumentError("every", wanted="the periods to cut in the zone", found=every)
    check_period(every or "day", zone)
    if new_rows.isStreaming:
        raise UnsupportedError("keep_touched needs the new rows whole: call it for each batch, in foreachBatch")

    @cache
    def new_groups() -> list[_Group]:
        return _groups(new_rows, names, every, zone)

    @cache
    def touched() -> list[tuple[object, ...]]:
        groups = [group.column for group in new_groups()]
        numbered = [group.alias(name) for group, name in zip(groups, positions(len(groups)), strict=True)]
        return [tuple(row) for row in new_rows.select(*numbered).distinct().collect()]

    def keep(df: DataFrame) -> DataFrame:
        groups = _groups(df, names, every, zone)
        _refuse_other_types(groups, new_groups())
        return df.where(_is_one_of([group.column for group in groups], touched()))

    return Step(keep, runs_spark=True)


class _Group(NamedTuple):
    name: str
    column: Column
    type: DataType


def _groups(df: DataFrame, names: Sequence[str], every: Every | None, zone: str | None) -> list[_Group]:
    schema = df.schema
    fields = [field_of(df, schema, name) for name in names]
    times = [field for field in fields if isinstance(field.dataType, (DateType, TimestampType, TimestampNTZType))]
    if every is not None and not times:
        found = type_text(fields[0].dataType)
        raise ColumnTypeError(fields[0].name, wanted=f"a date or timestamp, to keep every {every}", found=found)
    return [_group(field, every if field in times else None, zone) for field in fields]


def _group(field: StructField, every: Every | None, zone: str | None) -> _Group:
    if every is not None:
        return _Group(field.name, period(field, every=every, zone=zone), DateType())
    found = type_text(field.dataType)
    if isinstance(field.dataType, (TimestampType, TimestampNTZType)):
        raise ColumnTypeError(field.name, wanted="a date", found=found, way_out="Say every='day' to keep its day")
    if not isinstance(field.dataType, (DateType, StringType, NumericType, BooleanType)):
        raise ColumnTypeError(field.name, wanted="a date, a string, a number or a boolean, to tell groups", found=found)
    return _Group(field.name, F.col(quote(field.name)), field.dataType)


def _refuse_other_types(groups: Sequence[_Group], new: Sequence[_Group]) -> None:
    # Without ANSI the text '2026-1-5' equals no date, and nothing would be touched.
    for old, other in zip(groups, new, strict=True):
        integers = isinstance(old.type, IntegralType) and isinstance(other.type, IntegralType)
        if old.type != other.type and not integers:
            wanted = f"{type_text(old.type)} in the new rows too"
            way_out = "Cast it there first"
            raise ColumnTypeError(other.name, wanted=wanted, found=type_text(other.type), way_out=way_out)


def _is_one_of(groups: Sequence[Column], values: Sequence[tuple[object, ...]]) -> Column:
    """Compare with literals, which is what a reader can prune partitions and row groups by."""
    known = [set(column) for column in zip(*values, strict=True)] if values else [set[object]() for _ in groups]
    conditions = [_is_in(group, found) for group, found in zip(groups, known, strict=True)]
    if prod(map(len, known)) > len(values):
        # Not in every combination. Within structs nulls are equal.
        conditions.append(_struct(groups).isin(*(_struct(map(F.lit, value)) for value in values)))
    return reduce(and_, conditions)


def _is_in(group: Column, found: set[object]) -> Column:
    same = group.isin(*(one for one in found if one is not None))
    return same | group.isNull() if None in found else same


def _struct(columns: Iterable[Column]) -> Column:
    return F.struct(*(column.alias(str(at)) for at, column in enumerate(columns)))
