"""Find fields that have one value in each row: columns, and fields inside structs but not inside arrays."""

from __future__ import annotations

from pyspark.sql.types import DataType, StructType

from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.nested_fields import FieldLocation, find_field
from shopsmart_etl._core.sql import path_sql, type_text
from shopsmart_etl.errors import ColumnTypeError


def find_single_field(frame: Frame, column: str) -> FieldLocation:
    """Find a column by its literal name, or a field inside structs by its dotted path.

    Raises:
        ColumnNotFoundError: No column or field matches.
        ColumnTypeError: The path contains a type other than a struct.
        ColumnClashError: A field of the path has a sibling with the same name in the session.
    """
    location = find_field(frame, column)
    data_type: DataType = frame.schema.fields[location.column].dataType
    for name in location.path:
        if not isinstance(data_type, StructType):
            hint = "A row has several elements: explode the array first"
            raise ColumnTypeError(column, expected="a path through structs", got=type_text(data_type), hint=hint)
        data_type = data_type[name].dataType
    return location


def location_sql(location: FieldLocation, root: str | None = None) -> str:
    """Write the SQL of a field that has one value in each row.

    Args:
        location: The location of the field.
        root: The SQL of its top-level column; None for a column that is named by position.
    """
    return path_sql(root or f"`{location.column}`", location.path)
