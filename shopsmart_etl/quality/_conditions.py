"""The conditions of ready-made rules: SQL text, or values that make a Column when they are called."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import reduce
from math import isnan
from numbers import Integral
from operator import and_

from pyspark.sql import Column, Window
from pyspark.sql import functions as F

from shopsmart_etl._core.checks import is_column
from shopsmart_etl._core.sql import literal, quote
from shopsmart_etl.errors import InvalidArgumentError

# What F.lit takes on every engine, and a column can be compared with.
_SCALARS = (str, bytes, Integral, float, Decimal, date, time, timedelta)


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
    """The condition that a column has a match of a regular expression."""

    column: str
    pattern: str

    def __call__(self) -> Column:
        """Make the Column."""
        return F.col(quote(self.column)).rlike(self.pattern)


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
        InvalidArgumentError: It is of another type, or NaN, or a Decimal that is not finite.
    """
    scalar = value.value if isinstance(value, Enum) else value
    is_boolean = isinstance(scalar, bool)
    fits = boolean if is_boolean else isinstance(scalar, _SCALARS)
    if isinstance(scalar, Decimal):
        fits = scalar.is_finite()
    if not fits or (isinstance(scalar, float) and isnan(scalar)):
        raise InvalidArgumentError(argument, expected=expected, got=value)
    return scalar


def has_literal(value: object) -> bool:
    """Tell whether a value can be written as a SQL literal. Not so a time, whose meaning depends on the session."""
    return type(value) in (int, str, Decimal)


def scalar_sql(value: object) -> str:
    """Write a value for which ``has_literal`` is true."""
    if isinstance(value, str):
        return literal(value)
    return f"{value:f}BD" if isinstance(value, Decimal) else str(value)
