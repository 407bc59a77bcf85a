"""Missing amounts into stated ones, each of them flagged."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from pyspark.sql import functions as F
from pyspark.sql.types import (
    ByteType,
    DataType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    NumericType,
    ShortType,
    StructField,
    StructType,
)

from shopsmart_etl.errors import ColumnTypeError, InexactFillError, InvalidArgumentError
from shopsmart_etl.fields import Place, changed, find_field
from shopsmart_etl.schema import positions, quote, refuse_clashes, type_text
from shopsmart_etl.session import ignores_case
from shopsmart_etl.step import step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark.sql import Column, DataFrame

    from shopsmart_etl.typing import Transform

Number: TypeAlias = "int | float | Decimal"

# Bits and the suffix of a literal in Spark SQL.
_INTEGERS: dict[type[DataType], tuple[int, str]] = {
    ByteType: (8, "Y"),
    ShortType: (16, "S"),
    IntegerType: (32, ""),
    LongType: (64, "L"),
}


class _Imputed(NamedTuple):
    """One column to fill: where it is, and its fill as a SQL literal of its own type."""

    place: Place
    fill: str


@step
def impute_financials(
    *columns: str, fill: Number | Mapping[str, Number] = 0, flag_suffix: str | None = "_imputed"
) -> Transform:
    """Fill missing amounts and say where.

    Null is missing, and in float and double columns NaN is too. Every row stays, so counts of users and orders
    do not change; every other column and the order of columns stay as they are.

    Args:
        *columns: Numeric columns, at least one: decimal, any integer, float or double. A dotted path reaches into
            structs and arrays of structs: ``"items.price"`` fills the price of each item. A null struct has no
            field to fill and stays null.
        fill: What a missing value becomes: a number, in the column's own unit, or a mapping from each of the
            columns to its number.
        flag_suffix: Each filled column gets a boolean ``<column><flag_suffix>`` after the last column, true where
            the value was filled; a nested field's flag is the last field beside it. None leaves the flags out.

    Returns:
        A Transform whose result has the filled columns in their old type, no longer nullable, and the flags.

    Raises:
        InvalidArgumentError: No column is named, ``fill`` is not finite or not a number, or the mapping's keys are
            not the columns named.
        ColumnNotFoundError: A column is not there.
        ColumnTypeError: A column is not numeric.
        InexactFillError: A column's type cannot hold its fill exactly (1.5 in an int, 0.001 in a decimal(18, 2)).
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
    fills = _fills(columns, fill)

    def impute(df: DataFrame) -> DataFrame:
        schema = df.schema
        asks_case = partial(ignores_case, df)
        found: dict[tuple[int, tuple[str, ...]], _Imputed] = {}
        for name, value in fills.items():
            place = find_field(schema, name, ignores_case=asks_case)
            found[place.at, place.inside] = _Imputed(place, _literal(name, place.field, value))
        imputed = list(found.values())
        flags = (
            []
            if flag_suffix is None
            else [one.place.field.name + flag_suffix for one in imputed if not one.place.inside]
        )
        _refuse_taken(schema, imputed, flags, flag_suffix, asks_case)
        # Names by position, because withColumns would replace every column whose name differs only in case.
        columns: dict[str, Column] = {}
        flagged: dict[str, Column] = {}
        for one in imputed:
            at = str(one.place.at)
            column = columns.get(at, F.col(at))
            field = schema.fields[one.place.at]
            if one.place.inside:
                made = changed(column, field.dataType, one.place.inside, partial(_field, one, flag_suffix))
            else:
                made = _filled(column, one)
                flagged[f"flag{at}"] = _missing(column, one)
            columns[at] = made.alias(at, metadata=field.metadata)
        placed = df.toDF(*positions(len(schema.fields)))
        return placed.withColumns({**columns, **(flagged if flags else {})}).toDF(*schema.names, *flags)

    return impute


def _fills(columns: tuple[str, ...], fill: Number | Mapping[str, Number]) -> dict[str, Number]:
    if not columns:
        raise InvalidArgumentError("columns", wanted="the names of the columns to fill, at least one", found=columns)
    fills = dict(fill) if isinstance(fill, Mapping) else dict.fromkeys(columns, fill)
    if fills.keys() != set(columns):
        raise InvalidArgumentError("fill", wanted=f"a value for each of {', '.join(columns)}", found=fill)
    for value in fills.values():
        number = isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
        if not number or (not isinstance(value, int) and not math.isfinite(value)):
            raise InvalidArgumentError(
                "fill", wanted="a finite number, or a mapping from column to number", found=value
            )
    return fills


def _refuse_taken(
    schema: StructType,
    imputed: Sequence[_Imputed],
    flags: Sequence[str],
    flag_suffix: str | None,
    ignores_case: Callable[[], bool],
) -> None:
    """Refuse flags whose names are taken, at the top level and beside each nested field."""
    beside = [(tuple(schema.names), flags)]
    if flag_suffix is not None:
        inside = [one.place for one in imputed if one.place.inside]
        beside += [(place.siblings, [place.field.name + flag_suffix]) for place in inside]
    for names, added in beside:
        refuse_clashes(
            [(name, f"column {quote(name)}") for name in names] + [(flag, f"flag {quote(flag)}") for flag in added],
            ignores_case=ignores_case,
            way_out="Give another flag_suffix, None for no flags, or drop the column first",
        )


def _field(one: _Imputed, flag_suffix: str | None, value: Column, name: str) -> dict[str, Column]:
    filled = {name: _filled(value, one)}
    return filled if flag_suffix is None else {**filled, name + flag_suffix: _missing(value, one)}


def _missing(column: Column, one: _Imputed) -> Column:
    floating = isinstance(one.place.field.dataType, (FloatType, DoubleType))
    return column.isNull() | F.isnan(column) if floating else column.isNull()


def _filled(column: Column, one: _Imputed) -> Column:
    # coalesce and not CASE: only so does Spark know that no null is left.
    floating = isinstance(one.place.field.dataType, (FloatType, DoubleType))
    fill = F.expr(one.fill)
    return F.coalesce(F.nanvl(column, fill) if floating else column, fill)


def _literal(column: str, field: StructField, value: Number) -> str:
    """Write the fill as a SQL literal of the column's own type, or refuse what that type cannot hold."""
    kind = field.dataType
    if not isinstance(kind, NumericType):
        raise ColumnTypeError(
            column,
            wanted="a decimal, an integer, a float or a double",
            found=type_text(kind),
            way_out="Parse or cast it to a decimal first",
        )
    try:
        return _exact(kind, value)
    except (OverflowError, _InexactError):
        raise InexactFillError(column, value, type_text(kind)) from None


class _InexactError(Exception):
    """The type cannot hold the value; the caller knows the column."""


def _exact(kind: NumericType, value: Number) -> str:
    if isinstance(kind, (FloatType, DoubleType)):
        held = float(value) if isinstance(kind, DoubleType) else struct.unpack("f", struct.pack("f", value))[0]
        _hold(Fraction(held) == Fraction(value))
        return f"{held!r}{'D' if isinstance(kind, DoubleType) else 'F'}"
    # A float's shortest text is what the user wrote: 0.1, and not 0.1000000000000000055.
    exact = Fraction(str(value))
    if isinstance(kind, DecimalType):
        unscaled = exact * 10**kind.scale
        _hold(unscaled.denominator == 1 and abs(unscaled) < 10**kind.precision)
        # With its full scale, since a cast that may overflow would make the column nullable.
        return f"CAST({unscaled.numerator}E-{kind.scale}BD AS {kind.simpleString()})"
    bits, suffix = _INTEGERS[type(kind)]
    _hold(exact.denominator == 1 and -(2 ** (bits - 1)) <= exact < 2 ** (bits - 1))
    return f"{exact.numerator}{suffix}"


def _hold(exactly: bool) -> None:  # noqa: FBT001 - reads as a sentence
    if not exactly:
        raise _InexactError
