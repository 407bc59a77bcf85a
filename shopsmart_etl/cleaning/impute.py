"""Missing amounts into stated ones, each of them flagged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from operator import or_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from shopsmart_etl._core.nested_fields import Change, Place, apply_changes, find_field
from shopsmart_etl._core.session import ignores_case
from shopsmart_etl._core.step import step
from shopsmart_etl.cleaning.fills import MadeFill, known, list_fills, make_fill
from shopsmart_etl.typing import Fills, Transform


@step
def impute_financials(
    *columns: str, fill: Fills | Mapping[str, Fills] = 0, flag_suffix: str | None = "_imputed"
) -> Transform:
    """Fill missing amounts and say where.

    Null is missing, and in float and double columns NaN is too. Every row stays, so counts of users and orders
    do not change; every other column and the order of columns stay as they are.

    Args:
        *columns: Numeric columns, at least one: decimal, any integer, float or double. A dotted path reaches into
            structs and arrays of structs: ``"items.price"`` fills the price of each item. A null struct has no
            field to fill and stays null.
        fill: What a missing value becomes: a number, in the column's own unit; a Column, such as
            ``col("quantity") * col("price")``; ``median_by("country")``; a sequence of these, of which the first that
            is not null is taken; or a mapping from each of the columns to any of these.
        flag_suffix: Each filled column gets a boolean ``<column><flag_suffix>`` after the last column, true where
            the value was filled; a nested field's flag is the last field beside it. With several fills an int
            ``<column><flag_suffix>_by`` says which one filled it, counted from 0. None leaves the flags out.

    Returns:
        A Transform whose result has the filled columns in their old type, no longer nullable where the last fill is a
        number, and the flags. A computed fill that the type cannot hold exactly fails the job; round it first.

    Raises:
        InvalidArgumentError: No column is named, a fill is none of the above or not finite, or the mapping's keys are
            not the columns named.
        ColumnNotFoundError: A column is not there.
        ColumnTypeError: A column is not numeric.
        InexactFillError: A column's type cannot hold its fill exactly (1.5 in an int, 0.001 in a decimal(18, 2)).
        UnsupportedError: A median is to fill a nested field.
        ColumnClashError: A flag's name is taken, say by an earlier run of the same step.

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
    fills = list_fills(columns, fill)

    def impute(df: DataFrame) -> DataFrame:
        schema = df.schema
        asks_case = partial(ignores_case, df)
        found: dict[tuple[int, tuple[str, ...]], Change] = {}
        computed: list[Column] = []
        for name, values in fills.items():
            place = find_field(schema, name, ignores_case=asks_case)
            made = [make_fill(name, place, value, computed, len(schema.fields)) for value in values]
            found[place.at, place.inside] = Change(
                place, partial(_filled, place, made), _flags(place, made, flag_suffix)
            )
        return apply_changes(
            # The columns that the caller wrote name the DataFrame's columns as they are called here.
            df.select("*", *computed) if computed else df,
            schema,
            list(found.values()),
            behind=len(computed),
            ignores_case=asks_case,
            way_out="Give another flag_suffix, None for no flags, or drop the column first",
        )

    return impute


def _filled(place: Place, fills: Sequence[MadeFill], column: Column) -> Column:
    # coalesce and not CASE: only so does Spark know that no null is left.
    values = (fill.value if fill.constant else known(fill.value, place.field) for fill in fills)
    return F.coalesce(known(column, place.field), *values)


def _flags(place: Place, fills: Sequence[MadeFill], flag_suffix: str | None) -> dict[str, Callable[[Column], Column]]:
    """Make the flag, and where there are several fills the index of the one that was used."""
    if flag_suffix is None:
        return {}
    there = [fill.value.isNotNull() if fill.constant else known(fill.value, place.field).isNotNull() for fill in fills]

    def missing(column: Column) -> Column:
        return known(column, place.field).isNull()

    def imputed(column: Column) -> Column:
        return missing(column) if fills[-1].constant else missing(column) & reduce(or_, there)

    def used(column: Column) -> Column:
        first = F.coalesce(*(F.when(one, F.lit(index)) for index, one in enumerate(there)))
        return F.when(missing(column), first)

    return {flag_suffix: imputed} if len(fills) == 1 else {flag_suffix: imputed, f"{flag_suffix}_by": used}
