"""What a missing amount can become: numbers, computed columns, medians; each of the column's own type, exactly."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple, cast

from pyspark.sql import Column, Window
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
from typing_extensions import override

from shopsmart_etl._core.nested_fields import Place
from shopsmart_etl._core.sql import quote, type_text
from shopsmart_etl.errors import ColumnTypeError, InexactFillError, InvalidArgumentError, UnsupportedError
from shopsmart_etl.typing import Fill, Fills, Number

# The counters that percentile_approx keeps, which is also how many distinct amounts it knows exactly.
_MEDIAN_ACCURACY = 10_000

# Bits and the suffix of a literal in Spark SQL.
_INTEGERS: dict[type[DataType], tuple[int, str]] = {
    ByteType: (8, "Y"),
    ShortType: (16, "S"),
    IntegerType: (32, ""),
    LongType: (64, "L"),
}


@dataclass(frozen=True)
class MedianBy:
    """A fill: the median of the column over the rows of a group."""

    by: tuple[str, ...]

    def __call__(self, column: Column) -> Column:
        """Compute the median of a column in each row's group."""
        return F.percentile_approx(column, F.lit(0.5), F.lit(_MEDIAN_ACCURACY)).over(Window.partitionBy(*self.by))

    @override
    def __repr__(self) -> str:
        return f"median_by({', '.join(map(repr, self.by))})"


def median_by(*by: str) -> MedianBy:
    """Fill with the median of the rows that agree in some columns, for ``impute_financials(fill=...)``.

    The median is an amount that occurs in the group, the lower of two in the middle, so it is as exact as the column.
    It is exact in groups of up to 10,000 distinct amounts, and in larger ones off by at most one in 10,000 ranks. A
    group without any amount gives none: say in a sequence what comes next.

    Args:
        *by: The columns that make the groups, at least one.

    Returns:
        A fill.

    Raises:
        InvalidArgumentError: No column is named.

    Example:
        >>> logs = spark.createDataFrame(
        ...     [("EIRE", 10, []), ("EIRE", 30, ["pen"]), ("EIRE", 90, None), ("EIRE", None, []), ("Spain", None, [])],
        ...     "country string, paid int, items array<string>")
        >>> logs.transform(impute_financials("paid", fill=[median_by("country"), 0])).show()
        +-------+----+-----+------------+---------------+
        |country|paid|items|paid_imputed|paid_imputed_by|
        +-------+----+-----+------------+---------------+
        |   EIRE|  10|   []|       false|           NULL|
        |   EIRE|  30|[pen]|       false|           NULL|
        |   EIRE|  90| NULL|       false|           NULL|
        |   EIRE|  30|   []|        true|              0|
        |  Spain|   0|   []|        true|              1|
        +-------+----+-----+------------+---------------+
        <BLANKLINE>
    """
    if not by:
        raise InvalidArgumentError("by", wanted="the columns that make the groups, at least one", found=by)
    return MedianBy(by)


class MadeFill(NamedTuple):
    """A fill of the column's own type; a constant is never null."""

    value: Column
    constant: bool


def list_fills(columns: tuple[str, ...], fill: Fills | Mapping[str, Fills]) -> dict[str, list[Fill]]:
    """List the fills of each column, in the order in which they are tried."""
    if not columns:
        raise InvalidArgumentError("columns", wanted="the names of the columns to fill, at least one", found=columns)
    given = dict(fill) if isinstance(fill, Mapping) else dict.fromkeys(columns, fill)
    if given.keys() != set(columns):
        raise InvalidArgumentError("fill", wanted=f"a value for each of {', '.join(columns)}", found=fill)
    return {name: _sequence(value) for name, value in given.items()}


def _sequence(fill: Fills) -> list[Fill]:
    values = cast("list[Fill]", list(fill) if isinstance(fill, (list, tuple)) else [fill])
    if not values or not all(_is_fill(value) for value in values):
        raise InvalidArgumentError(
            "fill", wanted="a finite number, a Column, median_by(...), or a sequence of these", found=fill
        )
    return values


def _is_fill(value: object) -> bool:
    if isinstance(value, (int, float, Decimal)):
        return not isinstance(value, bool) and (isinstance(value, int) or math.isfinite(value))
    return _is_column(value) or callable(value)


def _is_column(value: object) -> bool:
    # Connect's Column is a class of its own before Spark 4.
    return hasattr(value, "cast") and hasattr(value, "alias")


def make_fill(name: str, place: Place, value: Fill, computed: list[Column], width: int) -> MadeFill:
    """Make one fill of a column; what has to be computed goes behind the DataFrame's own columns first."""
    if not isinstance(place.field.dataType, NumericType):
        raise ColumnTypeError(
            name,
            wanted="a decimal, an integer, a float or a double",
            found=type_text(place.field.dataType),
            way_out="Parse or cast it to a decimal first",
        )
    if isinstance(value, (int, float, Decimal)):
        return MadeFill(F.expr(_literal(name, place.field, value)), constant=True)
    if callable(value):
        if place.inside:
            raise UnsupportedError(
                f"column {name!r}: {value!r} needs a column at the top level; explode the array first"
            )
        value = value(known(F.col(quote(place.field.name)), place.field))
    computed.append(value.alias(f"fill{len(computed)}"))
    return MadeFill(_exactly(F.col(str(width + len(computed) - 1)), name, place.field), constant=False)


def _exactly(fill: Column, name: str, field: StructField) -> Column:
    """Give a computed fill the column's type, and fail the job where that would change it."""
    held = fill.cast(field.dataType)
    why = F.concat(
        F.lit(f"column '{name}': wanted a fill that {type_text(field.dataType)} holds exactly; found "),
        fill.cast("string"),
    )
    return F.when(fill.isNull() | (held == fill), held).otherwise(F.raise_error(why))


def known(column: Column, field: StructField) -> Column:
    """Take NaN for null."""
    floating = isinstance(field.dataType, (FloatType, DoubleType))
    return F.when(~F.isnan(column), column) if floating else column


def _literal(column: str, field: StructField, value: Number) -> str:
    """Write the fill as a SQL literal of the column's own type, or refuse what that type cannot hold."""
    kind = field.dataType
    assert isinstance(kind, NumericType)  # noqa: S101 - narrows the type; the caller said so
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
