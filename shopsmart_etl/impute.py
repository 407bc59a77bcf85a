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
)

from shopsmart_etl.errors import ColumnTypeError, InexactFillError, InvalidArgumentError
from shopsmart_etl.schema import find_column, positions, quote, refuse_clashes, type_text
from shopsmart_etl.session import ignores_case
from shopsmart_etl.step import step

if TYPE_CHECKING:
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
    """One column to fill: where it stands, what it is, and its fill as a SQL literal of its own type."""

    at: int
    field: StructField
    fill: str


@step
def impute_financials(
    *columns: str, fill: Number | Mapping[str, Number] = 0, flag_suffix: str | None = "_imputed"
) -> Transform:
    """Fill missing amounts and say where.

    Null is missing, and in float and double columns NaN is too. Every row stays, so counts of users and orders
    do not change; every other column and the order of columns stay as they are.

    Args:
        *columns: Numeric columns at the top level, at least one: decimal, any integer, float or double.
        fill: What a missing value becomes: a number, in the column's own unit, or a mapping from each of the
            columns to its number.
        flag_suffix: Each filled column gets a boolean ``<column><flag_suffix>`` after the last column, true where
            the value was filled. None leaves the flags out.

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
    """
    fills = _fills(columns, fill)

    def impute(df: DataFrame) -> DataFrame:
        schema = df.schema
        found: dict[int, _Imputed] = {}
        for column, value in fills.items():
            at = find_column(schema, column, ignores_case=partial(ignores_case, df))
            found[at] = _Imputed(at, schema.fields[at], _literal(schema.fields[at], value))
        imputed = list(found.values())
        flags = [] if flag_suffix is None else [one.field.name + flag_suffix for one in imputed]
        refuse_clashes(
            [(name, f"column {quote(name)}") for name in schema.names]
            + [(flag, f"flag {quote(flag)}") for flag in flags],
            ignores_case=partial(ignores_case, df),
            way_out="Give another flag_suffix, None for no flags, or drop the column first",
        )
        # Names by position, because withColumns would replace every column whose name differs only in case.
        filled = {str(one.at): _filled(one) for one in imputed}
        flagged = {f"flag{one.at}": F.expr(_missing(one)) for one in imputed} if flags else {}
        placed = df.toDF(*positions(len(schema.fields)))
        return placed.withColumns({**filled, **flagged}).toDF(*schema.names, *flags)

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


def _missing(one: _Imputed) -> str:
    column = f"`{one.at}`"
    floating = isinstance(one.field.dataType, (FloatType, DoubleType))
    return f"({column} IS NULL OR isnan({column}))" if floating else f"({column} IS NULL)"


def _filled(one: _Imputed) -> Column:
    # coalesce and not CASE: only so does Spark know that no null is left.
    floating = isinstance(one.field.dataType, (FloatType, DoubleType))
    value = f"nanvl(`{one.at}`, {one.fill})" if floating else f"`{one.at}`"
    return F.expr(f"coalesce({value}, {one.fill})").alias(str(one.at), metadata=one.field.metadata)


def _literal(field: StructField, value: Number) -> str:
    """Write the fill as a SQL literal of the column's own type, or refuse what that type cannot hold."""
    kind = field.dataType
    if not isinstance(kind, NumericType):
        raise ColumnTypeError(
            field.name,
            wanted="a decimal, an integer, a float or a double",
            found=type_text(kind),
            way_out="Parse or cast it to a decimal first",
        )
    try:
        return _exact(kind, value)
    except (OverflowError, _InexactError):
        raise InexactFillError(field.name, value, type_text(kind)) from None


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
