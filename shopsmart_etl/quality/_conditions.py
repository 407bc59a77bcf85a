"""The conditions of ready-made rules: SQL text, or values that make a Column when they are called."""

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

from shopsmart_etl._core.checks import is_column
from shopsmart_etl._core.sql import VARIABLE, literal, quote
from shopsmart_etl.errors import InvalidArgumentError

# What F.lit takes on every engine, and a column can be compared with.
_SCALARS = (str, bytes, Integral, float, Decimal, date, time, timedelta)
# The most digits of a number that Spark takes.
_MAX_DIGITS = 38
# Matches nothing, in the regular expressions of every engine.
_NEVER = r"[^\s\S]"


class ReadySql(str):
    """SQL text of a ready-made rule, which always parses: only its column has to be looked up."""

    __slots__ = ()


@dataclass(frozen=True)
class IsNotNull:
    """The condition that a column is not null."""

    column: str

    def __call__(self) -> Column:
        """Make the Column."""
        return F.col(quote(self.column)).isNotNull()


@dataclass(frozen=True)
class IsMatch:
    """The condition that a column matches a regular expression from start to end."""

    column: str
    pattern: str

    def __call__(self) -> Column:
        """Make the Column."""
        whole = rf"\A(?:{_closed(self.pattern)})\z"
        if VARIABLE in self.column:
            return F.col(quote(self.column)).rlike(whole)
        return F.expr(f"{quote(self.column)} RLIKE {literal(whole)}")  # one call to the engine


@dataclass(frozen=True)
class IsInRange:
    """The condition that a column is within bounds which cannot be written as SQL text."""

    column: str
    min_value: object
    max_value: object

    def __call__(self) -> Column:
        """Make the Column."""
        value = F.col(quote(self.column))
        bounds = [] if self.min_value is None else [value >= F.lit(self.min_value)]
        bounds += [] if self.max_value is None else [value <= F.lit(self.max_value)]
        return reduce(and_, bounds)


@dataclass(frozen=True)
class IsOneOf:
    """The condition that a column is one of some values which cannot be written as SQL text."""

    column: str
    values: tuple[object, ...]

    def __call__(self) -> Column:
        """Make the Column."""
        return F.col(quote(self.column)).isin(*self.values)


@dataclass(frozen=True)
class IsUnique:
    """The condition that no other row has the same values in some columns."""

    columns: tuple[str, ...]

    def __call__(self) -> Column:
        """Make the Column."""
        names = [quote(column) for column in self.columns]
        is_complete = reduce(and_, (F.col(name).isNotNull() for name in names))
        return ~is_complete | (F.count(F.lit(1)).over(Window.partitionBy(*names)) == 1)


READY_CONDITIONS = (ReadySql, IsNotNull, IsMatch, IsInRange, IsOneOf, IsUnique)


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
    if fits and not is_boolean and isinstance(scalar, (Integral, Decimal)) and _digits(scalar) > _MAX_DIGITS:
        raise InvalidArgumentError(argument, expected=f"a number of at most {_MAX_DIGITS} digits", got=value)
    if not fits or (isinstance(scalar, float) and isnan(scalar)):
        raise InvalidArgumentError(argument, expected=expected, got=value)
    return scalar


def have_one_type(values: Iterable[object]) -> bool:
    """Return whether scalars compare with each other without a cast. All numbers do; a date and a timestamp do not."""
    return len({_type_of(value) for value in values}) == 1


def has_literal(value: object) -> bool:
    """Tell whether a value can be written as a SQL literal. Not so a time, whose meaning depends on the session."""
    return type(value) in (int, str, Decimal)


def scalar_sql(value: object) -> str:
    """Write a value for which ``has_literal`` is true."""
    if isinstance(value, str):
        return literal(value)
    return f"{value:f}BD" if isinstance(value, Decimal) else str(value)


def _type_of(value: object) -> object:
    if isinstance(value, bool):
        return bool
    if isinstance(value, datetime):
        return datetime, value.utcoffset() is None
    if isinstance(value, time):
        return time, value.tzinfo is None
    types = (str, bytes, date, timedelta)
    return next((one for one in types if isinstance(value, one)), Integral)


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
