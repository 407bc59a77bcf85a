"""The conditions of ready-made rules: values that are written in SQL when the columns are known."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pyspark.sql.types import ArrayType, DataType, StructType
from typing_extensions import override

from shopsmart_etl._core.checks import is_column
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.nested_fields import find_field
from shopsmart_etl._core.sql import VARIABLE, all_of, any_of, call, field_of, lambda_, literal, quote
from shopsmart_etl._core.struct_paths import find_single_field, location_sql
from shopsmart_etl.quality._scalars import check_column_type, scalar_sql

# Matches nothing, in the regular expressions of every engine.
_NEVER = r"[^\s\S]"


class ReadyCondition:
    """A condition of a ready-made rule, which is written in SQL when the columns are known."""

    def sql(self, frame: Frame) -> str:
        """Write the condition. Columns are named as ``column_sql`` names them.

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
    def sql(self, frame: Frame) -> str:
        location = find_field(frame, self.column)
        self.check_type(location.field.dataType)
        root = column_sql(frame, location.column)
        return _every_value(root, frame.schema.fields[location.column].dataType, location.path, self._allowed)

    def _allowed(self, value: str) -> str:
        return f"{value} IS NULL OR {self.is_satisfied(value)}" if self.allow_null else self.is_satisfied(value)

    def check_type(self, of: DataType) -> None:
        """Check that the values have a type that the condition compares without a cast.

        Raises:
            ColumnTypeError: They do not.
        """

    def is_satisfied(self, value: str) -> str:
        """Write whether a value that is not null satisfies the condition."""
        raise NotImplementedError


@dataclass(frozen=True)
class IsNotNull(ValueCondition):
    """The condition that a value is not null."""

    @override
    def is_satisfied(self, value: str) -> str:
        return f"{value} IS NOT NULL"


@dataclass(frozen=True)
class IsMatch(ValueCondition):
    """The condition that a value matches a regular expression from start to end."""

    pattern: str

    @override
    def check_type(self, of: DataType) -> None:
        check_column_type(self.column, of, [self.pattern])

    @override
    def is_satisfied(self, value: str) -> str:
        whole = rf"\A(?:{_closed(self.pattern)})\z"
        return f"{value} RLIKE {literal(whole)}"


@dataclass(frozen=True)
class IsInRange(ValueCondition):
    """The condition that a value is within inclusive bounds, of which one may be None."""

    min_value: object
    max_value: object

    @property
    def _bounds(self) -> dict[str, object]:
        bounds = {">=": self.min_value, "<=": self.max_value}
        return {sign: value for sign, value in bounds.items() if value is not None}

    @override
    def check_type(self, of: DataType) -> None:
        check_column_type(self.column, of, self._bounds.values())

    @override
    def is_satisfied(self, value: str) -> str:
        return all_of(f"{value} {sign} {scalar_sql(bound)}" for sign, bound in self._bounds.items())


@dataclass(frozen=True)
class IsOneOf(ValueCondition):
    """The condition that a value is one of some values."""

    values: tuple[object, ...]

    @override
    def check_type(self, of: DataType) -> None:
        check_column_type(self.column, of, self.values)

    @override
    def is_satisfied(self, value: str) -> str:
        return f"{value} IN {call('', *map(scalar_sql, self.values))}"


@dataclass(frozen=True)
class IsUnique(ReadyCondition):
    """The condition that no other row has the same values in some columns or fields of structs."""

    columns: tuple[str, ...]

    @override
    def sql(self, frame: Frame) -> str:
        locations = [find_single_field(frame, column) for column in self.columns]
        keys = [location_sql(location, column_sql(frame, location.column)) for location in locations]
        has_null = any_of(f"{key} IS NULL" for key in keys)
        return f"{has_null} OR count(1) OVER (PARTITION BY {', '.join(keys)}) = 1"


def column_sql(frame: Frame, index: int) -> str:
    """Write a column by its name, or by its position where Spark would not find it by its name."""
    return quote(frame.names[index] if is_found_by_name(frame) else str(index))


def is_found_by_name(frame: Frame) -> bool:
    """Return whether Spark finds each column by its name, in all sessions."""
    names = frame.names
    return len({name.lower() for name in names}) == len(names) and not any(VARIABLE in name for name in names)


def comparable(condition: object) -> object:
    """Return what a condition is compared and hashed by: itself, or its identity where that is impossible."""
    if is_column(condition):
        return id(condition)  # == on Columns makes another Column
    try:
        hash(condition)
    except TypeError:
        return id(condition)
    return condition


def _every_value(sql: str, of: DataType, path: Sequence[str], condition: Callable[[str], str]) -> str:
    """Write whether a condition is true of a field, and through arrays of the field of each element.

    An element that is null has no field, and an array that is null has no elements.
    """
    if not path:
        return condition(sql)
    if isinstance(of, ArrayType):
        inner = _every_value("element", of.elementType, path, condition)
        is_satisfied = lambda_("element", f"element IS NULL OR coalesce({inner}, false)")
        return call("coalesce", call("forall", sql, is_satisfied), "true")
    assert isinstance(of, StructType)  # noqa: S101 - narrows the type, checked by find_field
    name, *rest = path
    return _every_value(field_of(sql, name), of[name].dataType, rest, condition)


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
