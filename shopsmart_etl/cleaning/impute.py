"""Missing amounts, filled and flagged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from operator import or_

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, DoubleType, FloatType, IntegerType, StructField

from shopsmart_etl._core.checks import check_column, check_optional_text
from shopsmart_etl._core.column_tags import find_presence, presence_sql
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.nested_changes import Change, change_fields
from shopsmart_etl._core.nested_fields import find_field
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl.cleaning.fills import PlannedFill, check_fills, nan_to_null, plan_fill
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.typing import Fills


@step
def impute_financials(
    *columns: str,
    fill: Fills | Mapping[str, Fills] = 0,
    flag_suffix: str | None = "_imputed",
    present_column: str | None = None,
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
        present_column: A boolean column that is true where the row has an item; on other rows nothing is missing, and
            null stays null. Needed only for exploded amounts without a link to the column that ``explode_arrays``
            added: those of Iceberg tables, which keep no metadata, and computed ones. Not for nested fields.

    Returns:
        A Transform whose result has the filled columns in their old type, and the flags. A column is not nullable if a
        fill is a number, unless the column was exploded. A computed fill that the type cannot represent exactly fails
        the job; round it first.

    Raises:
        InvalidArgumentError: No column is named, a fill is none of the above or not finite, or the mapping's keys are
            not the columns named.
        ColumnNotFoundError: A column is not found.
        ColumnTypeError: A column is not numeric, or ``present_column`` is not a boolean.
        InexactFillError: A column's type cannot represent its fill exactly (1.5 in an int, 0.001 in a decimal(18, 2)).
        UnsupportedError: A median or another function is to fill a nested field; or the column was exploded, and the
            ``_present`` column is gone or ambiguous.
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
    check_optional_text("present_column", present_column, expected="the name of a boolean column, or None")
    check_optional_text("flag_suffix", flag_suffix, expected="a suffix such as '_imputed', or None")

    def plan(frame: Frame) -> Plan:
        changes: dict[tuple[int, tuple[str, ...]], Change] = {}
        computed: list[Callable[[], Column]] = []
        for name, values in fills.items():
            location = find_field(frame, name)
            field = location.field
            planned = [plan_fill(frame, name, location, value, computed) for value in values]
            if present_column is not None and location.path:
                raise InvalidArgumentError(
                    "present_column", expected=f"None for the nested {name!r}", got=present_column
                )
            present = None if location.path else _presence(frame, field, present_column)
            may_stay_null = _may_stay_null(field, planned) or (present is not None and field.nullable)
            filled = StructField(field.name, field.dataType, may_stay_null, field.metadata)
            flags = {} if flag_suffix is None else _flags(field, planned, flag_suffix)
            compute = partial(_compute, [partial(_fill, field, planned), *flags.values()], present)
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


def _presence(frame: Frame, field: StructField, present_column: str | None) -> str | None:
    """Write the condition that a row has an item, over columns by position; None if every row has one."""
    if present_column is not None:
        index: int | None = frame.require(present_column, BooleanType, expected="a boolean, such as 'items_present'")
    else:
        index = find_presence(frame, field)
    return None if index is None else presence_sql(frame, index, f"`{index}`")


def _compute(functions: Sequence[Callable[[Column], Column]], present: str | None, column: Column) -> list[Column]:
    value, *flags = (function(column) for function in functions)
    if present is None:
        return [value, *flags]
    is_present = F.expr(present)
    # The flag is false where there is no item; the number of the fill is null.
    flags = [is_present & flag if number == 0 else F.when(is_present, flag) for number, flag in enumerate(flags)]
    return [F.when(is_present, value).otherwise(column), *flags]


def _is_imputed(field: StructField, fills: Sequence[PlannedFill], column: Column) -> Column:
    is_missing = nan_to_null(column, field).isNull()
    if fills[-1].is_constant:
        return is_missing
    return is_missing & reduce(or_, (fill.make().isNotNull() for fill in fills))


def _used_fill(field: StructField, fills: Sequence[PlannedFill], column: Column) -> Column:
    numbers = (F.when(fill.make().isNotNull(), F.lit(number)) for number, fill in enumerate(fills))
    return F.when(nan_to_null(column, field).isNull(), F.coalesce(*numbers))
