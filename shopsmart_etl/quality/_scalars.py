"""The values that ready-made rules compare columns with, and the types of the columns."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from math import inf, isnan
from numbers import Integral
from struct import pack, unpack

from pyspark.sql import types as spark_types
from pyspark.sql.types import (
    BinaryType,
    BooleanType,
    ByteType,
    CharType,
    DataType,
    DateType,
    DayTimeIntervalType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    IntegralType,
    NumericType,
    ShortType,
    StringType,
    TimestampNTZType,
    TimestampType,
    VarcharType,
)

from shopsmart_etl._core.sql import literal, type_text
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError

# What a column can be compared with.
_SCALARS = (str, bytes, Integral, float, Decimal, date, time, timedelta)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# The most digits of a number that Spark takes.
_MAX_DIGITS = 38


def check_scalar(argument: str, value: object, *, expected: str, boolean: bool = False) -> object:
    """Check that a value is a scalar that columns can be compared with.

    An enum is replaced by its value, since Spark reads it as its value or as its name depending on the engine.

    Args:
        argument: The parameter's name.
        value: Its value.
        expected: What it takes, in words.
        boolean: Whether True and False are allowed.

    Raises:
        InvalidArgumentError: It is of another type, or NaN, or a Decimal that is not finite; or it has more digits than
            Spark's decimals.
    """
    scalar = value.value if isinstance(value, Enum) else value
    is_boolean = isinstance(scalar, bool)
    fits = boolean if is_boolean else isinstance(scalar, _SCALARS)
    if isinstance(scalar, Decimal):
        fits = scalar.is_finite()
    if isinstance(scalar, time):
        fits = scalar.tzinfo is None  # Spark has no type for a time with a zone
    if fits and not is_boolean and isinstance(scalar, (Integral, Decimal)) and _digits(scalar) > _MAX_DIGITS:
        raise InvalidArgumentError(argument, expected=f"a number of at most {_MAX_DIGITS} digits", got=value)
    if not fits or (isinstance(scalar, float) and isnan(scalar)):
        raise InvalidArgumentError(argument, expected=expected, got=value)
    return scalar


def have_one_type(values: Iterable[object]) -> bool:
    """Return whether scalars compare with each other without a cast. All numbers do; a date and a timestamp do not."""
    return len({_type_of(value) for value in values}) == 1


def find_bound(*choices: tuple[str, str, object]) -> tuple[str, str, object] | None:
    """Return the one of two bounds that is given, by parameter, sign and value.

    Raises:
        InvalidArgumentError: Both are given, or the value is no scalar.
    """
    given = [choice for choice in choices if choice[2] is not None]
    if len(given) > 1:
        [(first, _, _), (second, _, value)] = given
        raise InvalidArgumentError(second, expected=f"None, since {first}= is given", got=value)
    for argument, sign, value in given:
        expected = "a number, text, bytes, a date, a time or None"
        bound = check_scalar(argument, value, expected=expected)
        if isinstance(bound, float) and bound == {">": inf, "<": -inf}.get(sign):
            raise InvalidArgumentError(argument, expected="a bound that a value can be within", got=value)
        return argument, sign, bound
    return None


def check_bounds(lower: tuple[str, str, object], upper: tuple[str, str, object]) -> None:
    """Check that bounds are of one type, and that a value can be within them.

    Raises:
        InvalidArgumentError: They are not.
    """
    (lower_argument, lower_sign, low), (argument, upper_sign, high) = lower, upper
    if not have_one_type([low, high]):
        raise InvalidArgumentError(argument, expected=f"the type of {lower_argument}, {low!r}", got=high)
    is_inclusive = (lower_sign, upper_sign) == (">=", "<=")
    if low > high or (low == high and not is_inclusive):  # type: ignore[operator]
        relation = "at least" if is_inclusive else "more than"
        raise InvalidArgumentError(argument, expected=f"{relation} {lower_argument}, {low!r}", got=high)


def scalar_sql(value: object) -> str:
    """Write a scalar in SQL. A time without a zone is one of the session's time zone, and not of Python's."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"CAST('{float(value)!r}' AS DOUBLE)"
    if isinstance(value, Decimal):
        return f"{value:f}BD"
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    return literal(value) if isinstance(value, str) else _time_sql(value)


def _time_sql(value: object) -> str:
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            return f"CAST('{value.isoformat(' ')}' AS TIMESTAMP_NTZ)"
        return f"timestamp_micros({(value - _EPOCH) // timedelta(microseconds=1)})"
    if isinstance(value, timedelta):
        return f"make_dt_interval({value.days}, 0, 0, {value.seconds}.{value.microseconds:06}BD)"
    assert isinstance(value, (date, time))  # noqa: S101 - narrows the type, checked by check_scalar
    return f"CAST('{value.isoformat()}' AS {'DATE' if isinstance(value, date) else 'TIME'})"


def check_column_type(column: str, of: DataType, values: Iterable[object]) -> None:
    """Check that a column has the type of values: Spark would cast one of the two, or fail at a row.

    Raises:
        ColumnTypeError: It has another type.
    """
    values = list(values)
    types, expected = _COLUMN_TYPES[_type_of(values[0])]
    if not isinstance(of, types):
        expected = f"{expected}, to compare with the rule's values"
        raise ColumnTypeError(column, expected=expected, got=type_text(of), hint="Conform it first")
    # A FLOAT is compared as a double, where 0.1 has other digits.
    changed = [value for value in values if isinstance(of, FloatType) and not _is_float(value)]
    if changed:
        expected = f"a double or a decimal, to compare with {changed[0]}, which no FLOAT is equal to"
        raise ColumnTypeError(column, expected=expected, got="float", hint="Cast it first")


def not_nan(sql: str, of: DataType) -> list[str]:
    """Write the condition that a value is not NaN, which Spark takes for the largest number; none for other types."""
    return [f"NOT isnan({sql})"] if isinstance(of, (FloatType, DoubleType)) else []


def check_comparable(columns: tuple[str, str], lower: DataType, upper: DataType) -> None:
    """Check that the values of two columns have an order, and that Spark compares them without a change.

    Raises:
        ColumnTypeError: They do not.
    """
    if not isinstance(lower, _ORDERED_TYPES):
        raise ColumnTypeError(columns[0], expected="a type whose values have an order", got=type_text(lower))
    if isinstance(lower, _EXACT_TYPES) and isinstance(upper, _EXACT_TYPES):
        sizes = [_decimal_size(of) for of in (lower, upper)]
        if max(digits for digits, _ in sizes) + max(scale for _, scale in sizes) > _MAX_DIGITS:
            expected = f"a number that fits {type_text(lower)} of {columns[0]!r} in {_MAX_DIGITS} digits"
            raise ColumnTypeError(columns[1], expected=expected, got=type_text(upper), hint="Cast one of them first")
    elif type(lower) is not type(upper) and not (isinstance(lower, _TEXT_TYPES) and isinstance(upper, _TEXT_TYPES)):
        expected = f"the type of {columns[0]!r}, {type_text(lower)}"
        raise ColumnTypeError(columns[1], expected=expected, got=type_text(upper), hint="Cast one of them first")


def _decimal_size(of: DataType) -> tuple[int, int]:
    """Return the digits before and after the point of the decimal as which Spark compares an exact number."""
    return (
        (of.precision - of.scale, of.scale) if isinstance(of, DecimalType) else (_INTEGER_DIGITS.get(type(of), 20), 0)
    )


def _is_float(value: object) -> bool:
    """Return whether a number is one of 32 bits."""
    try:
        return bool(unpack("<f", pack("<f", value))[0] == value)
    except OverflowError:  # beyond all of them, but for the infinities
        return True


def _type_of(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, datetime):
        return "local timestamp" if value.utcoffset() is None else "timestamp"
    names = {str: "text", bytes: "bytes", date: "date", time: "time", timedelta: "interval"}
    return next((name for one, name in names.items() if isinstance(value, one)), "number")


_TIME_TYPES: tuple[type[DataType], ...] = tuple(filter(None, [getattr(spark_types, "TimeType", None)]))
_INTEGER_DIGITS: dict[type[DataType], int] = {ByteType: 3, ShortType: 5, IntegerType: 10}
_EXACT_TYPES = (IntegralType, DecimalType)
_TEXT_TYPES = (StringType, CharType, VarcharType)
_ORDERED_TYPES = (
    NumericType,
    *_TEXT_TYPES,
    BinaryType,
    DateType,
    TimestampType,
    TimestampNTZType,
    DayTimeIntervalType,
    *_TIME_TYPES,
)
# The types of columns that compare with each type of value.
_COLUMN_TYPES: dict[str, tuple[tuple[type[DataType], ...], str]] = {
    "boolean": ((BooleanType,), "a boolean"),
    "number": ((NumericType,), "a number"),
    "text": (_TEXT_TYPES, "a string"),
    "bytes": ((BinaryType,), "binary"),
    "date": ((DateType,), "a date"),
    "timestamp": ((TimestampType,), "a timestamp"),
    "local timestamp": ((TimestampType, TimestampNTZType), "a timestamp"),
    "time": (_TIME_TYPES, "a time"),
    "interval": ((DayTimeIntervalType,), "an interval of days to seconds"),
}


def _digits(number: object) -> int:
    """Return how many digits a number has when it is written without an exponent."""
    if isinstance(number, Decimal):
        exponent = number.as_tuple().exponent
        assert isinstance(exponent, int)  # noqa: S101 - narrows the type; the number is finite
        return max(number.adjusted() + 1, 0) + max(-exponent, 0)
    assert isinstance(number, Integral)  # noqa: S101 - narrows the type
    return len(str(abs(int(number)))) if abs(int(number)) < 10 ** (_MAX_DIGITS + 1) else _MAX_DIGITS + 1
