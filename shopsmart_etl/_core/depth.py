"""Refuse schemas that are nested too deep for Spark. Needs no Spark session."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pyspark.sql.types import ArrayType, DataType, MapType, StructField, StructType

from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError

# Spark's time to plan a step grows faster than the square of the depth, in seconds of CPU on Spark 4.3: conform takes 2
# at 25 structs and 10 at 50; relationalize 4 at 50 and 15 at 100, and ends in a StackOverflowError at 200.
MAX_DEPTH: Final = 50
_EXPECTED = "at most {} structs, arrays and maps inside one another"


def type_depth(data_type: DataType) -> int:
    """Return how many structs, arrays and maps are inside one another; 0 for a scalar.

    >>> from pyspark.sql.types import ArrayType, LongType
    >>> type_depth(ArrayType(ArrayType(LongType())))
    2
    """
    # Level by level, since recursion fails at the depths to be refused.
    depth, level = 0, _nested([data_type])
    while level:
        depth += 1
        level = _nested(inner for outer in level for inner in _inner_types(outer))
    return depth


def check_column_depth(fields: Iterable[StructField]) -> None:
    """Refuse columns that are nested deeper than Spark can plan in seconds.

    Raises:
        ColumnTypeError: There is one.
    """
    for field in fields:
        depth = type_depth(field.dataType)
        if depth > MAX_DEPTH:
            hint = "Spark fails at more, or takes minutes: drop the column, or read its inner documents as text"
            raise ColumnTypeError(field.name, expected=_EXPECTED.format(MAX_DEPTH), got=str(depth), hint=hint)


def check_schema_depth(argument: str, schema: StructType, max_depth: int = MAX_DEPTH) -> None:
    """Refuse the schema of an argument that is nested deeper than Spark can plan in seconds.

    Raises:
        InvalidArgumentError: It is too deep.
    """
    depth = max((type_depth(field.dataType) for field in schema.fields), default=0)
    if depth > max_depth:
        raise InvalidArgumentError(argument, expected=f"columns of {_EXPECTED.format(max_depth)}", got=depth)


def _nested(data_types: Iterable[DataType]) -> list[DataType]:
    return [data_type for data_type in data_types if isinstance(data_type, (StructType, ArrayType, MapType))]


def _inner_types(data_type: DataType) -> list[DataType]:
    if isinstance(data_type, StructType):
        return [field.dataType for field in data_type.fields]
    if isinstance(data_type, MapType):
        return [data_type.keyType, data_type.valueType]
    return [data_type.elementType] if isinstance(data_type, ArrayType) else []
