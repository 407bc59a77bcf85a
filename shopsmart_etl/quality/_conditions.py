"""The conditions of ready-made rules: values that make a Column when they are called, or SQL text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from operator import and_

from pyspark.sql import Column, Window
from pyspark.sql import functions as F
from typing_extensions import override

from shopsmart_etl._core.checks import is_column
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.sql import VARIABLE, literal, quote
from shopsmart_etl.quality._scalars import check_column_type, has_literal, scalar_column, scalar_sql

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
        check_column_type(frame, self.column, [self.pattern])

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
        if not all(map(has_literal, self._bounds.values())):
            return None
        return _on(self.column, *(f"{sign} {scalar_sql(value)}" for sign, value in self._bounds.items()))

    @override
    def check_types(self, frame: Frame) -> None:
        check_column_type(frame, self.column, self._bounds.values())

    @override
    def __call__(self) -> Column:
        value = F.col(quote(self.column))
        compare = {">=": value.__ge__, "<=": value.__le__}
        return reduce(and_, (compare[sign](scalar_column(bound)) for sign, bound in self._bounds.items()))


@dataclass(frozen=True)
class IsOneOf(ReadyCondition):
    """The condition that a column is one of some values."""

    column: str
    values: tuple[object, ...]

    @property
    @override
    def sql(self) -> str | None:
        if not all(map(has_literal, self.values)):
            return None
        return _on(self.column, f"IN ({', '.join(map(scalar_sql, self.values))})")

    @override
    def check_types(self, frame: Frame) -> None:
        check_column_type(frame, self.column, self.values)

    @override
    def __call__(self) -> Column:
        return F.col(quote(self.column)).isin(*map(scalar_column, self.values))


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


def _on(column: str, *comparisons: str) -> str | None:
    """Write comparisons of a column; None where Spark would replace a part of its name."""
    return None if VARIABLE in column else " AND ".join(f"{quote(column)} {one}" for one in comparisons)


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
