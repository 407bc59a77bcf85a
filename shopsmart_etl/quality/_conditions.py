"""The conditions of ready-made rules about the values of one column, written in SQL when the columns are known."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pyspark.sql.types import ArrayType, DataType, StructType
from typing_extensions import override

from shopsmart_etl._core.checks import is_column
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.nested_fields import find_field
from shopsmart_etl._core.sql import all_of, call, field_of, lambda_, literal, path_sql
from shopsmart_etl.quality._scalars import check_column_type, not_nan, scalar_sql

# White space of every script, control characters, and those that are invisible, such as the zero-width space.
_VISIBLE = r"[^\s\p{Z}\p{Cc}\p{Cf}]"
# Matches nothing, in the regular expressions of every engine.
_NEVER = r"[^\s\S]"

ColumnSql = Callable[[int], str]
"""Writes a column, given its index: by its name or by its position."""


class ReadyCondition:
    """A condition of a ready-made rule, which is written in SQL when the columns are known."""

    def sql(self, frame: Frame, column_sql: ColumnSql) -> str:
        """Write the condition.

        Raises:
            ColumnNotFoundError: A column or field does not exist.
            ColumnTypeError: It has a type that the condition would compare by a cast, or cannot compare.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class ValueCondition(ReadyCondition):
    """A condition of each value of a column or nested field.

    Attributes:
        column: The column's name, or the field's path.
        allow_null: Whether null satisfies the condition.
    """

    column: str
    allow_null: bool

    @override
    def sql(self, frame: Frame, column_sql: ColumnSql) -> str:
        location = find_field(frame, self.column)
        data_type = location.field.dataType
        self.check_type(data_type)

        def is_allowed(value: str) -> str:
            satisfied = self.is_satisfied(value, data_type)
            return f"{value} IS NULL OR {satisfied}" if self.allow_null else satisfied

        of = frame.schema.fields[location.column].dataType
        return every_value(column_sql(location.column), of, [location.path], is_allowed)

    def check_type(self, of: DataType) -> None:
        """Check that the values have a type that the condition compares without a cast.

        Raises:
            ColumnTypeError: They do not.
        """

    def is_satisfied(self, value: str, of: DataType) -> str:
        """Write whether a value of a type, if it is not null, satisfies the condition."""
        raise NotImplementedError


@dataclass(frozen=True)
class IsNotNull(ValueCondition):
    """The condition that a value is not null."""

    @override
    def is_satisfied(self, value: str, of: DataType) -> str:
        return f"{value} IS NOT NULL"


@dataclass(frozen=True)
class IsNotBlank(ValueCondition):
    """The condition that text has a visible character."""

    @override
    def check_type(self, of: DataType) -> None:
        check_column_type(self.column, of, [""])

    @override
    def is_satisfied(self, value: str, of: DataType) -> str:
        return f"{value} RLIKE {literal(_VISIBLE)}"


@dataclass(frozen=True)
class IsMatch(ValueCondition):
    """The condition that a value matches a regular expression from start to end."""

    pattern: str

    @override
    def check_type(self, of: DataType) -> None:
        check_column_type(self.column, of, [self.pattern])

    @override
    def is_satisfied(self, value: str, of: DataType) -> str:
        whole = rf"\A(?:{_closed(self.pattern)})\z"
        return f"{value} RLIKE {literal(whole)}"


@dataclass(frozen=True)
class IsInRange(ValueCondition):
    """The condition that a value is within bounds.

    Attributes:
        bounds: The sign and the value of each bound, one or two.
    """

    bounds: tuple[tuple[str, object], ...]

    @override
    def check_type(self, of: DataType) -> None:
        check_column_type(self.column, of, [bound for _, bound in self.bounds])

    @override
    def is_satisfied(self, value: str, of: DataType) -> str:
        return all_of([*(f"{value} {sign} {scalar_sql(bound)}" for sign, bound in self.bounds), *not_nan(value, of)])


@dataclass(frozen=True)
class IsOneOf(ValueCondition):
    """The condition that a value is one of some values."""

    values: tuple[object, ...]

    @override
    def check_type(self, of: DataType) -> None:
        check_column_type(self.column, of, self.values)

    @override
    def is_satisfied(self, value: str, of: DataType) -> str:
        return f"{value} IN {call('', *map(scalar_sql, self.values))}"


def comparable(condition: object) -> object:
    """Return what a condition is compared and hashed by: itself, or its identity where that is impossible."""
    if is_column(condition):
        return id(condition)  # == on Columns makes another Column
    try:
        hash(condition)
    except TypeError:
        return id(condition)
    return condition


def every_value(sql: str, of: DataType, paths: Sequence[Sequence[str]], condition: Callable[..., str]) -> str:
    """Write SQL that is true if a condition holds for the given fields; inside arrays, for the fields of every element.

    An element that is null has no field, and an array that is null has no elements.

    Args:
        sql: The value that contains the fields.
        of: Its type.
        paths: The path of each field in it. All arrays of a path must be shared by all paths.
        condition: Writes the condition, given the SQL of each field.
    """
    if not all(paths):  # one of the paths ends here
        return condition(*(path_sql(sql, path) for path in paths))
    if isinstance(of, ArrayType):
        inner = every_value("element", of.elementType, paths, condition)
        is_satisfied = lambda_("element", f"element IS NULL OR coalesce({inner}, false)")
        return call("coalesce", call("forall", sql, is_satisfied), "true")
    assert isinstance(of, StructType)  # noqa: S101 - narrows the type, checked by find_field
    name = paths[0][0]
    if any(path[0] != name for path in paths):
        return condition(*(path_sql(sql, path) for path in paths))
    return every_value(field_of(sql, name), of[name].dataType, [path[1:] for path in paths], condition)


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
