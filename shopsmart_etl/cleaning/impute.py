"""Missing amounts, filled and flagged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from operator import or_

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, DoubleType, FloatType, IntegerType, StructField

from shopsmart_etl._core.checks import check_column, check_optional_text
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.nested_fields import Change, change_fields, find_field
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl.cleaning.fills import PlannedFill, check_fills, nan_to_null, plan_fill
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.typing import Fills


@step
def impute_financials(
    *columns: str, fill: Fills | Mapping[str, Fills] = 0, flag_suffix: str | None = "_imputed"
) -> Planner:
    """Fill missing amounts, and flag each one.

    Null is missing; in float and double columns, so is NaN. Every row is kept, so counts of users and orders do not
    change. The order of columns and all other columns are unchanged.

    Args:
        *columns: Numeric columns, at least one: decimal, any integer, float or double. A dotted path reaches into
            structs and arrays of structs: ``"items.price"`` fills the price of each item. A null struct has no
            field to fill and stays null.
        fill: What replaces a missing value: a number, in the column's own unit; a Column, such as
            ``col("quantity") * col("price")``; ``median_by("country")``; a sequence of these, of which the first that
            is not null is used; or a mapping from each of the columns to any of these.
        flag_suffix: For each filled column, a boolean ``<column><flag_suffix>`` is added after the last column, true
            where the value was filled; a nested field's flag is added after its last sibling. With several fills, an
            int ``<column><flag_suffix>_by`` is the number of the fill used, counted from 0. None adds no flags.

    Returns:
        A Transform whose result has the filled columns in their old type, not nullable if a fill is a number, and the
        flags. A computed fill that the type cannot represent exactly fails the job; round it first.

    Raises:
        InvalidArgumentError: No column is named, a fill is none of the above or not finite, or the mapping's keys are
            not the columns named.
        ColumnNotFoundError: A column is not found.
        ColumnTypeError: A column is not numeric.
        InexactFillError: A column's type cannot represent its fill exactly (1.5 in an int, 0.001 in a decimal(18, 2)).
        UnsupportedError: A median or another function is to fill a nested field.
        ColumnClashError: A flag's name is taken, such as by an earlier run of the same step.
        RowRefusedError: Within ``translate_errors()``: a computed fill failed the job.

    Example:
        >>> from decimal import Decimal
        >>> logs = spark.createDataFrame(
        ...     [("ada", Decimal("9.90"), ["pen"]), ("bob", None, [])],
        ...     "user string, revenue decimal(10, 2), items array<string>")
        >>> logs.transform(impute_financials("revenue")).show()
        +----+-------+-----+---------------+
        |user|revenue|items|revenue_imputed|
        +----+-------+-----+---------------+
        | ada|   9.90|[pen]|          false|
        | bob|   0.00|   []|           true|
        +----+-------+-----+---------------+
        <BLANKLINE>
        >>> orders = spark.createDataFrame(
        ...     [(1, [("pen", 5), ("ink", None)]), (2, []), (3, None)],
        ...     "id int, items array<struct<sku: string, price: int>>")
        >>> orders.transform(impute_financials("items.price")).show(truncate=False)
        +---+---------------------------------+
        |id |items                            |
        +---+---------------------------------+
        |1  |[{pen, 5, false}, {ink, 0, true}]|
        |2  |[]                               |
        |3  |NULL                             |
        +---+---------------------------------+
        <BLANKLINE>
    """
    names = [check_column("columns", column) for column in columns]
    if not names:
        raise InvalidArgumentError("columns", expected="the names of the columns to fill, at least one", got=columns)
    fills = check_fills(names, fill)
    check_optional_text("flag_suffix", flag_suffix, expected="a suffix such as '_imputed', or None")

    def plan(frame: Frame) -> Plan:
        changes: dict[tuple[int, tuple[str, ...]], Change] = {}
        computed: list[Callable[[], Column]] = []
        for name, values in fills.items():
            location = find_field(frame, name)
            field = location.field
            planned = [plan_fill(frame, name, location, value, computed) for value in values]
            filled = StructField(field.name, field.dataType, _may_stay_null(field, planned), field.metadata)
            flags = {} if flag_suffix is None else _flags(field, planned, flag_suffix)
            compute = partial(_compute, [partial(_fill, field, planned), *flags.values()])
            changes[location.column, location.path] = Change(location, filled, compute, list(flags))
        return change_fields(
            frame,
            list(changes.values()),
            computed=computed,
            hint="Give another flag_suffix, None for no flags, or drop the column first",
        )

    return plan


def _fill(field: StructField, fills: Sequence[PlannedFill], column: Column) -> Column:
    # With coalesce, from which Spark infers that the result is not nullable; it does not from CASE.
    return F.coalesce(nan_to_null(column, field), *(fill.make() for fill in fills))


def _may_stay_null(field: StructField, fills: Sequence[PlannedFill]) -> bool:
    may_lack_value = field.nullable or isinstance(field.dataType, (FloatType, DoubleType))
    return may_lack_value and not any(fill.is_constant for fill in fills)


def _flags(
    field: StructField, fills: Sequence[PlannedFill], flag_suffix: str
) -> dict[StructField, Callable[[Column], Column]]:
    """Make the flag, and where there are several fills the number of the one that was used."""
    flag = StructField(f"{field.name}{flag_suffix}", BooleanType())
    flags: dict[StructField, Callable[[Column], Column]] = {flag: partial(_is_imputed, field, fills)}
    if len(fills) > 1:
        flags[StructField(f"{flag.name}_by", IntegerType())] = partial(_used_fill, field, fills)
    return flags


def _compute(functions: Sequence[Callable[[Column], Column]], column: Column) -> list[Column]:
    return [function(column) for function in functions]


def _is_imputed(field: StructField, fills: Sequence[PlannedFill], column: Column) -> Column:
    is_missing = nan_to_null(column, field).isNull()
    if fills[-1].is_constant:
        return is_missing
    return is_missing & reduce(or_, (fill.make().isNotNull() for fill in fills))


def _used_fill(field: StructField, fills: Sequence[PlannedFill], column: Column) -> Column:
    numbers = (F.when(fill.make().isNotNull(), F.lit(number)) for number, fill in enumerate(fills))
    return F.when(nan_to_null(column, field).isNull(), F.coalesce(*numbers))
