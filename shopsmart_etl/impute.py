"""Missing amounts into stated ones, each of them flagged."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial, reduce
from operator import or_
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

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

from shopsmart_etl.errors import ColumnTypeError, InexactFillError, InvalidArgumentError, UnsupportedError
from shopsmart_etl.fields import Change, Place, apply_changes, find_field
from shopsmart_etl.schema import quote, type_text
from shopsmart_etl.session import ignores_case
from shopsmart_etl.step import step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark.sql import Column, DataFrame

    from shopsmart_etl.typing import Transform

Number: TypeAlias = "int | float | Decimal"
Fill: TypeAlias = "Number | Column | Callable[[Column], Column]"
Fills: TypeAlias = "Fill | Sequence[Fill]"

# The counters that percentile_approx keeps, which is also how many distinct amounts it knows exactly.
_MEDIAN_ACCURACY = 10_000

# Bits and the suffix of a literal in Spark SQL.
_INTEGERS: dict[type[DataType], tuple[int, str]] = {
    ByteType: (8, "Y"),
    ShortType: (16, "S"),
    IntegerType: (32, ""),
    LongType: (64, "L"),
}


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
    fills = _fills(columns, fill)

    def impute(df: DataFrame) -> DataFrame:
        schema = df.schema
        asks_case = partial(ignores_case, df)
        found: dict[tuple[int, tuple[str, ...]], Change] = {}
        computed: list[Column] = []
        for name, values in fills.items():
            place = find_field(schema, name, ignores_case=asks_case)
            made = [_fill(name, place, value, computed, len(schema.fields)) for value in values]
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


class _Fill(NamedTuple):
    """A fill of the column's own type; a constant is never null."""

    value: Column
    constant: bool


def _fills(columns: tuple[str, ...], fill: Fills | Mapping[str, Fills]) -> dict[str, list[Fill]]:
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


def _fill(name: str, place: Place, value: Fill, computed: list[Column], width: int) -> _Fill:
    """Make one fill of a column; what has to be computed goes behind the DataFrame's own columns first."""
    if not isinstance(place.field.dataType, NumericType):
        raise ColumnTypeError(
            name,
            wanted="a decimal, an integer, a float or a double",
            found=type_text(place.field.dataType),
            way_out="Parse or cast it to a decimal first",
        )
    if isinstance(value, (int, float, Decimal)):
        return _Fill(F.expr(_literal(name, place.field, value)), constant=True)
    if callable(value):
        if place.inside:
            raise UnsupportedError(
                f"column {name!r}: {value!r} needs a column at the top level; explode the array first"
            )
        value = value(_known(F.col(quote(place.field.name)), place.field))
    computed.append(value.alias(f"fill{len(computed)}"))
    return _Fill(_exactly(F.col(str(width + len(computed) - 1)), name, place.field), constant=False)


def _exactly(fill: Column, name: str, field: StructField) -> Column:
    """Give a computed fill the column's type, and fail the job where that would change it."""
    held = fill.cast(field.dataType)
    why = F.concat(
        F.lit(f"column '{name}': wanted a fill that {type_text(field.dataType)} holds exactly; found "),
        fill.cast("string"),
    )
    return F.when(fill.isNull() | (held == fill), held).otherwise(F.raise_error(why))


def _known(column: Column, field: StructField) -> Column:
    """Take NaN for null."""
    floating = isinstance(field.dataType, (FloatType, DoubleType))
    return F.when(~F.isnan(column), column) if floating else column


def _filled(place: Place, fills: Sequence[_Fill], column: Column) -> Column:
    # coalesce and not CASE: only so does Spark know that no null is left.
    values = (fill.value if fill.constant else _known(fill.value, place.field) for fill in fills)
    return F.coalesce(_known(column, place.field), *values)


def _flags(place: Place, fills: Sequence[_Fill], flag_suffix: str | None) -> dict[str, Callable[[Column], Column]]:
    """Make the flag, and where there are several fills the index of the one that was used."""
    if flag_suffix is None:
        return {}
    there = [fill.value.isNotNull() if fill.constant else _known(fill.value, place.field).isNotNull() for fill in fills]

    def missing(column: Column) -> Column:
        return _known(column, place.field).isNull()

    def imputed(column: Column) -> Column:
        return missing(column) if fills[-1].constant else missing(column) & reduce(or_, there)

    def used(column: Column) -> Column:
        first = F.coalesce(*(F.when(one, F.lit(index)) for index, one in enumerate(there)))
        return F.when(missing(column), first)

    return {flag_suffix: imputed} if len(fills) == 1 else {flag_suffix: imputed, f"{flag_suffix}_by": used}


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
