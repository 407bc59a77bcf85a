"""The conditions of ready-made rules that compare columns, rows or tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, StructType
from typing_extensions import override

from shopsmart_etl._core.column_tags import find_presence, presence_sql
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.key_types import check_key_type
from shopsmart_etl._core.nested_fields import find_field
from shopsmart_etl._core.sql import all_of, any_of, positions, type_text
from shopsmart_etl._core.struct_paths import find_single_field, location_sql
from shopsmart_etl.errors import ColumnTypeError
from shopsmart_etl.quality._conditions import ColumnSql, ReadyCondition, every_value
from shopsmart_etl.quality._scalars import check_comparable, not_nan


@dataclass(frozen=True)
class IsInOrder(ReadyCondition):
    """The condition that the values of two columns or fields are in order.

    Attributes:
        columns: The column with the smaller value, and the one with the larger.
        allow_null: Whether a null in one of them satisfies the condition.
        sign: The comparison, ``<=`` or ``<``.
    """

    columns: tuple[str, str]
    allow_null: bool
    sign: str

    @override
    def sql(self, frame: Frame, column_sql: ColumnSql) -> str:
        lower, upper = (find_field(frame, column) for column in self.columns)
        check_comparable(self.columns, lower.field.dataType, upper.field.dataType)

        def is_allowed(low: str, high: str) -> str:
            numbers = [*not_nan(low, lower.field.dataType), *not_nan(high, upper.field.dataType)]
            satisfied = all_of([f"{low} {self.sign} {high}", *numbers])
            return any_of([f"{low} IS NULL", f"{high} IS NULL", satisfied]) if self.allow_null else satisfied

        if lower.column != upper.column or not lower.path or not upper.path:
            values = (find_single_field(frame, column) for column in self.columns)
            return is_allowed(*(location_sql(location, column_sql(location.column)) for location in values))
        self._check_arrays(lower.path, upper.path, frame.schema.fields[lower.column].dataType)
        of = frame.schema.fields[lower.column].dataType
        return every_value(column_sql(lower.column), of, [lower.path, upper.path], is_allowed)

    def _check_arrays(self, lower: Sequence[str], upper: Sequence[str], of: DataType) -> None:
        """Check that each array of a path is one of both: an element has no one value of another array.

        Raises:
            ColumnTypeError: An array is in one path alone.
        """
        pairs = enumerate(zip(lower, upper, strict=False))
        diverges_at = next((depth for depth, (name, other) in pairs if name != other), None)
        for column, path in zip(self.columns, (lower, upper), strict=True):
            data_type = of
            for depth, name in enumerate(path):
                while isinstance(data_type, ArrayType):
                    if diverges_at is not None and depth > diverges_at:
                        expected = "a field in the same array as the other, or in none"
                        raise ColumnTypeError(column, expected=expected, got=type_text(data_type))
                    data_type = data_type.elementType
                assert isinstance(data_type, StructType)  # noqa: S101 - narrows the type, checked by find_field
                data_type = data_type[name].dataType


@dataclass(frozen=True)
class IsUnique(ReadyCondition):
    """The condition that no other row has the same values in some columns or fields of structs."""

    columns: tuple[str, ...]
    nulls_equal: bool

    @override
    def sql(self, frame: Frame, column_sql: ColumnSql) -> str:
        locations = [find_single_field(frame, column) for column in self.columns]
        keys = [location_sql(location, column_sql(location.column)) for location in locations]
        if not self.nulls_equal:
            return any_of([*(f"{key} IS NULL" for key in keys), _is_single(keys)])
        # A row without an element is not equal to a row with an element that is null.
        found = {find_presence(frame, frame.schema.fields[location.column]) for location in locations}
        return _is_single(
            [*keys, *(presence_sql(frame, index, column_sql(index)) for index in found if index is not None)]
        )


def _is_single(keys: Sequence[str]) -> str:
    return f"count(1) OVER (PARTITION BY {', '.join(keys)}) = 1"


@dataclass(frozen=True)
class IsReference(ReadyCondition):
    """The condition that a table has a value of a column, or of a field of structs.

    Attributes:
        column: The column's name, or the field's path.
        allow_null: Whether null satisfies the condition.
        table: The table.
        key: The table's column, or the path of its field.
    """

    column: str
    allow_null: bool
    table: DataFrame
    key: str

    @override
    def sql(self, frame: Frame, column_sql: ColumnSql) -> str:
        location = find_single_field(frame, self.column)
        table_key = find_single_field(self._frame, self.key)
        check_key_type(self.column, location.field, table_key.field)
        is_found = "`found` IS NOT NULL"
        value = location_sql(location, column_sql(location.column))
        return any_of([f"{value} IS NULL", is_found]) if self.allow_null else is_found

    @cached_property
    def _frame(self) -> Frame:
        return Frame.of(self.table)

    def joined(self, df: DataFrame, frame: Frame, column_sql: ColumnSql) -> DataFrame:
        """Join the distinct keys of the table, as the columns ``key`` and ``found``, to rows without such columns."""
        location, table_key = find_single_field(frame, self.column), find_single_field(self._frame, self.key)
        keys = self.table.toDF(*positions(len(self._frame.names))).selectExpr(f"{location_sql(table_key)} AS key")
        found = keys.where("key IS NOT NULL").distinct().selectExpr("key", "true AS found")
        return df.join(found, F.expr(f"{location_sql(location, column_sql(location.column))} = key"), "left")
