"""What fills a missing amount: numbers, computed columns, medians; exactly, in the column's own type."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import NamedTuple
from typing import cast as cast_type

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

from shopsmart_etl._core.checks import check_column, is_column
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.nested_fields import FieldLocation, find_field
from shopsmart_etl._core.spark_errors import fail_column
from shopsmart_etl._core.sql import cast, quote, try_cast, type_text
from shopsmart_etl.errors import ColumnTypeError, InexactFillError, InvalidArgumentError, UnsupportedError
from shopsmart_etl.typing import Fill, Fills, Number

# The counters that percentile_approx keeps, and so the number of distinct amounts up to which it is exact.
_MEDIAN_ACCURACY = 10_000

# Bits and the suffix of a literal in Spark SQL.
_INTEGERS: dict[type[DataType], tuple[int, str]] = {
    ByteType: (8, "Y"),
    ShortType: (16, "S"),
    IntegerType: (32, ""),
    LongType: (64, "L"),
}
# No numeric type has values with more digits, before or after the point.
_MAX_DIGITS = 400

_EXPECTED = "a finite number, a Column, median_by(...), or a sequence of these"


@dataclass(frozen=True)
class MedianBy:
    """A fill: the median of the column over the rows of a group."""

    by: tuple[str, ...]

    def __call__(self, column: Column) -> Column:
        """Compute the median of a column in each row's group."""
        return F.percentile_approx(column, F.lit(0.5), F.lit(_MEDIAN_ACCURACY)).over(Window.partitionBy(*self.by))

    def locate(self, frame: Frame) -> MedianBy:
        """Find the columns of the groups, and name them so that Spark finds the same ones.

        Raises:
            ColumnNotFoundError: There is no such column.
        """
        locations = [find_field(frame, name) for name in self.by]
        return MedianBy(
            tuple(".".join(map(quote, (frame.names[location.column], *location.path))) for location in locations)
        )

    @override
    def __repr__(self) -> str:
        return f"median_by({', '.join(map(repr, self.by))})"


def median_by(*by: str) -> Callable[[Column], Column]:
    """Fill with the median of the rows of the same group, for ``impute_financials(fill=...)``.

    The median is an amount of the group, the lower of the two in the middle, so it is as exact as the column. It is
    exact in groups of up to 10,000 distinct amounts; in larger ones its rank is off by at most one in 10,000. Rows with
    a null in a ``by`` column are a group, too. A group without any amount has no median: give the next fill in a
    sequence.

    Args:
        *by: The grouping columns, at least one; a dotted path reaches into structs.

    Returns:
        A fill. Fills of equal columns are equal, and can be hashed and pickled.

    Raises:
        InvalidArgumentError: No column is named, or something else than names.

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
    names = tuple(check_column("by", name) for name in by)
    if not names:
        raise InvalidArgumentError("by", expected="the names of the grouping columns, at least one", got=by)
    return MedianBy(names)


class PlannedFill(NamedTuple):
    """A fill of the column's own type.

    Attributes:
        make: Makes its Column, in which NaN is null.
        is_constant: Whether it is a number, and so never null.
    """

    make: Callable[[], Column]
    is_constant: bool


def check_fills(columns: Sequence[str], fill: Fills | Mapping[str, Fills]) -> dict[str, list[Fill]]:
    """Check the fills, and list those of each column in the order in which they are tried."""
    given = fill if isinstance(fill, Mapping) else dict.fromkeys(columns, fill)
    if set(given) != set(columns):
        raise InvalidArgumentError("fill", expected=f"a value for each of {', '.join(columns)}", got=fill)
    return {name: _check_fill(given[name]) for name in columns}


def _check_fill(fill: Fills) -> list[Fill]:
    is_sequence = isinstance(fill, Sequence) and not isinstance(fill, (str, bytes))
    values = list(cast_type("Sequence[Fill]", fill)) if is_sequence else [cast_type("Fill", fill)]
    if not values or not all(_is_fill(value) for value in values):
        raise InvalidArgumentError("fill", expected=_EXPECTED, got=fill)
    return values


def _is_fill(value: object) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite()
    if isinstance(value, (int, float)):
        return not isinstance(value, bool) and (isinstance(value, int) or math.isfinite(value))
    # A type can be called, but makes no Column of one.
    return is_column(value) or (callable(value) and not isinstance(value, type))


def plan_fill(
    frame: Frame, name: str, location: FieldLocation, fill: Fill, computed: list[Callable[[], Column]]
) -> PlannedFill:
    """Plan one fill of a column.

    Args:
        frame: The DataFrame.
        name: The column, as the caller named it.
        location: Where it is.
        fill: What fills it.
        computed: What makes the columns to compute first, after the DataFrame's own; a computed fill adds itself.

    Raises:
        ColumnTypeError: The column is not numeric.
        InexactFillError: Its type does not have the number.
        UnsupportedError: A function is to fill a nested field.
    """
    field = location.field
    if not isinstance(field.dataType, NumericType):
        raise ColumnTypeError(
            name,
            expected="a decimal, an integer, a float or a double",
            got=type_text(field.dataType),
            hint="Parse or cast it to a decimal first",
        )
    if isinstance(fill, (int, float, Decimal)):
        return PlannedFill(partial(F.expr, _literal(name, field, fill)), is_constant=True)
    if callable(fill) and location.path:
        raise UnsupportedError(
            f"column {name!r}: expected a column at the top level to fill by {fill!r}; got a nested field. Explode the "
            "array first"
        )
    if isinstance(fill, MedianBy):
        fill = fill.locate(frame)
    computed.append(partial(_compute, fill, field, f"fill{len(computed)}"))
    index = len(frame.schema.fields) + len(computed) - 1
    return PlannedFill(partial(_cast_exactly, index, name, field), is_constant=False)


def _compute(fill: Column | Callable[[Column], Column], field: StructField, name: str) -> Column:
    column = fill(nan_to_null(F.col(quote(field.name)), field)) if callable(fill) else fill
    if not is_column(column):
        raise InvalidArgumentError("fill", expected="a function from Column to Column", got=column)
    return column.alias(name)


def _cast_exactly(index: int, name: str, field: StructField) -> Column:
    """Cast a computed fill to the column's type, and fail the job where that would change its value."""
    fill, exact = F.col(str(index)), F.expr(try_cast(f"`{index}`", field.dataType))
    failure = fail_column(
        f"column '{name}': expected a fill that {type_text(field.dataType)} represents exactly; got another number. "
        "Round it, or cast the column to a wider type first"
    )
    cast_fill = F.when(fill.isNull() | (exact == fill), exact).otherwise(failure)
    return nan_to_null(cast_fill, field)


def nan_to_null(column: Column, field: StructField) -> Column:
    """Replace NaN in a floating-point column by null."""
    is_floating = isinstance(field.dataType, (FloatType, DoubleType))
    return F.when(~F.isnan(column), column) if is_floating else column


def _literal(column: str, field: StructField, value: Number) -> str:
    """Write a number as a SQL literal of the column's own type."""
    of = field.dataType
    assert isinstance(of, NumericType)  # noqa: S101 - narrows the type; the caller checked it
    try:
        return _exact_literal(of, value)
    except (OverflowError, _InexactError):
        raise InexactFillError(column, value, type_text(of)) from None


class _InexactError(Exception):
    """The type does not have the value; the caller knows the column."""


def _exact_literal(of: NumericType, value: Number) -> str:
    if isinstance(of, (FloatType, DoubleType)):
        nearest = float(value) if isinstance(of, DoubleType) else struct.unpack("f", struct.pack("f", value))[0]
        _require_exact(Fraction(nearest) == _fraction(value))
        return f"{nearest!r}{'D' if isinstance(of, DoubleType) else 'F'}"
    # A float's shortest text is what the user wrote: 0.1, and not 0.1000000000000000055.
    exact = Fraction(str(value)) if isinstance(value, float) else _fraction(value)
    if isinstance(of, DecimalType):
        unscaled = exact * 10**of.scale
        _require_exact(unscaled.denominator == 1 and abs(unscaled) < 10**of.precision)
        # With its full scale, since a cast that may overflow would make the column nullable.
        return cast(f"{unscaled.numerator}E-{of.scale}BD", of)
    bits, suffix = _INTEGERS[type(of)]
    _require_exact(exact.denominator == 1 and -(2 ** (bits - 1)) <= exact < 2 ** (bits - 1))
    return f"{exact.numerator}{suffix}"


def _fraction(value: Number) -> Fraction:
    if isinstance(value, Decimal) and abs(value.adjusted()) > _MAX_DIGITS:
        # A Fraction of 1E+999999999 would have a billion digits.
        _require_exact(exactly=not value)
        return Fraction(0)
    return Fraction(value)


def _require_exact(exactly: bool) -> None:  # noqa: FBT001 - a condition
    if not exactly:
        raise _InexactError
