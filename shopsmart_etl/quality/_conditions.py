"""The conditions of ready-made rules: values that make a Column when they are called, or SQL text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import reduce
from math import isnan
from numbers import Integral
from operator import and_

from pyspark.sql import Column, Window
from pyspark.sql import functions as F
from pyspark.sql import types as spark_types
from pyspark.sql.types import (
    BinaryType,
    BooleanType,
    CharType,
    DataType,
    DateType,
    DayTimeIntervalType,
    NumericType,
    StringType,
    TimestampNTZType,
    TimestampType,
    VarcharType,
)
from typing_extensions import override

from shopsmart_etl._core.checks import is_column
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.sql import VARIABLE, literal, quote
from shopsmart_etl.errors import InvalidArgumentError

# What F.lit takes on every engine, and a column can be compared with.
_SCALARS = (str, bytes, Integral, float, Decimal, date, time, timedelta)
# The most digits of a number that Spark takes.
_MAX_DIGITS = 38
# Matches nothing, in the regular expressions of every engine.
_NEVER = r"[^\s\S]"


class ReadyCondition:
    """A condition of a ready-made rule, which makes its Column when it is called."""

    @property
    def sql(self) -> str | None:
        """The condition as SQL text, which is one call to the engine; None where text cannot say it."""
        return None

    def check_types(self, frame: Frame) -> None:
        """Check that the columns have types that the condition compares without a cast.

        Raises:
            ColumnTypeError: They do not.
        """

    def __call__(self) -> Column:
        """Make the Column."""
        raise NotImplementedError


@dataclass(frozen=True)
class IsNotNull(ReadyCondition):
    """The condition that a column is not null."""

    column: str

    @property
    @override
    def sql(self) -> str | None:
        return _on(self.column, "IS NOT NULL")

    @override
    def __call__(self) -> Column:
        return F.col(quote(self.column)).isNotNull()


@dataclass(frozen=True)
class IsMatch(ReadyCondition):
    """The condition that a column matches a regular expression from start to end."""

    column: str
    pattern: str

    @property
    @override
    def sql(self) -> str | None:
        return _on(self.column, f"RLIKE {literal(self._whole)}")

    @property
    def _whole(self) -> str:
        return rf"\A(?:{_closed(self.pattern)})\z"

    @override
    def check_types(self, frame: Frame) -> None:
        _require(frame, self.column, [self.pattern])

    @override
    def __call__(self) -> Column:
        return F.col(quote(self.column)).rlike(self._whole)


@dataclass(frozen=True)
class IsInRange(ReadyCondition):
    """The condition that a column is within inclusive bounds, of which one may be None."""

    column: str
    min_value: object
    max_value: object

    @property
    def _bounds(self) -> dict[str, object]:
        bounds = {">=": self.min_value, "<=": self.max_value}
        return {sign: value for sign, value in bounds.items() if value is not None}

    @property
    @override
    def sql(self) -> str | None:
        if not all(map(_has_literal, self._bounds.values())):
            return None
        return _on(self.column, *(f"{sign} {_scalar_sql(value)}" for sign, value in self._bounds.items()))

    @override
    def check_types(self, frame: Frame) -> None:
        _require(frame, self.column, self._bounds.values())

    @override
    def __call__(self) -> Column:
        value = F.col(quote(self.column))
        compare = {">=": value.__ge__, "<=": value.__le__}
        return reduce(and_, (compare[sign](_scalar(bound)) for sign, bound in self._bounds.items()))


@dataclass(frozen=True)
class IsOneOf(ReadyCondition):
    """The condition that a column is one of some values."""

    column: str
    values: tuple[object, ...]

    @property
    @override
    def sql(self) -> str | None:
        if not all(map(_has_literal, self.values)):
            return None
        return _on(self.column, f"IN ({', '.join(map(_scalar_sql, self.values))})")

    @override
    def check_types(self, frame: Frame) -> None:
        _require(frame, self.column, self.values)

    @override
    def __call__(self) -> Column:
        return F.col(quote(self.column)).isin(*map(_scalar, self.values))


@dataclass(frozen=True)
class IsUnique(ReadyCondition):
    """The condition that no other row has the same values in some columns."""

    columns: tuple[str, ...]

    @override
    def __call__(self) -> Column:
        names = [quote(column) for column in self.columns]
        is_complete = reduce(and_, (F.col(name).isNotNull() for name in names))
        return ~is_complete | (F.count(F.lit(1)).over(Window.partitionBy(*names)) == 1)


def comparable(condition: object) -> object:
    """Return what a condition is compared and hashed by: itself, or its identity where that is impossible."""
    if is_column(condition):
        return id(condition)  # == on Columns makes another Column
    try:
        hash(condition)
    except TypeError:
        return id(condition)
    return condition


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


def _on(column: str, *comparisons: str) -> str | None:
    """Write comparisons of a column; None where Spark would replace a part of its name."""
    return None if VARIABLE in column else " AND ".join(f"{quote(column)} {one}" for one in comparisons)


def _has_literal(value: object) -> bool:
    """Tell whether a value can be written as a SQL literal. Not so a time, whose meaning depends on the session."""
    return type(value) in (int, str, Decimal)


def _scalar_sql(value: object) -> str:
    """Write a value that has a literal."""
    if isinstance(value, str):
        return literal(value)
    return f"{value:f}BD" if isinstance(value, Decimal) else str(value)


def _scalar(value: object) -> Column:
    """Make a literal Column. A time without a zone is one of the session's time zone, and not of Python's."""
    if isinstance(value, datetime) and value.utcoffset() is None:
        return F.lit(value.isoformat(" ")).cast("timestamp_ntz")
    return F.lit(value)


def _require(frame: Frame, column: str, values: Iterable[object]) -> None:
    """Check that a column has the type of values: Spark would cast one of the two, or fail at a row."""
    kind = _type_of(next(iter(values)))
    types, expected = _COLUMN_TYPES[kind]
    frame.require(column, types, expected=f"{expected}, to compare with the rule's values", hint="conform it first")


def _type_of(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, datetime):
        return "local timestamp" if value.utcoffset() is None else "timestamp"
    names = {str: "text", bytes: "bytes", date: "date", time: "time", timedelta: "interval"}
    return next((name for one, name in names.items() if isinstance(value, one)), "number")


# The types of columns that compare with each type of value.
_COLUMN_TYPES: dict[str, tuple[tuple[type[DataType], ...], str]] = {
    "boolean": ((BooleanType,), "a boolean"),
    "number": ((NumericType,), "a number"),
    "text": ((StringType, CharType, VarcharType), "a string"),
    "bytes": ((BinaryType,), "binary"),
    "date": ((DateType,), "a date"),
    "timestamp": ((TimestampType,), "a timestamp"),
    "local timestamp": ((TimestampType, TimestampNTZType), "a timestamp"),
    "time": (tuple(filter(None, [getattr(spark_types, "TimeType", None)])), "a time"),
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


def _closed(pattern: str) -> str:
    """End a quotation and a comment with which a regular expression would swallow what follows it."""
    rest = pattern
    while quotation := re.match(r"(?:[^\\]|\\[^Q])*\\Q(.*)", rest, flags=re.DOTALL):
        _, is_closed, rest = quotation[1].partition(r"\E")
        if not is_closed:
            pattern += r"\E"
            break
    # With the flag x, a comment ends with the line. Whether the pattern ends in a comment or not, and with or without
    # the flag, both alternatives match nothing, and the line break is a part of neither.
    return f"{pattern}|{_NEVER}\n|{_NEVER}" if "#" in pattern else pattern
