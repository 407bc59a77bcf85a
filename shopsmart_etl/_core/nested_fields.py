"""Find columns and nested fields by dotted path."""

from __future__ import annotations

import re
from typing import NamedTuple

from pyspark.sql.types import ArrayType, DataType, StructField, StructType

from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.sql import quote, type_text
from shopsmart_etl.errors import ColumnNotFoundError, ColumnTypeError

# A name in backticks, where two backticks are one, or a name without dots and backticks.
_NAME = re.compile(r"`((?:[^`]|``)+)`|([^.`]+)")


class FieldLocation(NamedTuple):
    """The location of a column or of a nested field.

    Attributes:
        column: The index of the top-level column.
        path: The field names from the column to the field; empty for the column itself.
        field: The field.
        siblings: The names of all fields in the same struct, or of all columns.
    """

    column: int
    path: tuple[str, ...]
    field: StructField
    siblings: tuple[str, ...]


def find_field(frame: Frame, column: str) -> FieldLocation:
    """Find a column by its literal name, or a nested field by its dotted path.

    A path may contain structs and arrays of structs. Names with a dot need backticks.

    Args:
        frame: The frame to search.
        column: The name or path.

    Returns:
        The location of the column or field.

    Raises:
        ColumnNotFoundError: No column or field matches.
        ColumnTypeError: The path contains a type other than a struct or an array of structs.
        ColumnClashError: A field of the path has a sibling with the same name in the session.
    """
    schema, path = frame.schema, split_path(column)
    try:
        index = frame.index(column)
    except ColumnNotFoundError as error:
        if len(path) == 1 or (error.nearest and not _has_column(frame, path[0])):
            raise
    else:
        return FieldLocation(index, (), schema.fields[index], tuple(schema.names))
    index = frame.index(path[0])
    location = FieldLocation(index, (), schema.fields[index], tuple(schema.names))
    for depth, name in enumerate(path[1:], start=1):
        struct = _struct(location.field.dataType)
        parent = ".".join(path[:depth])
        if struct is None:
            raise ColumnTypeError(
                parent, expected="a struct or an array of structs", got=type_text(location.field.dataType)
            )
        field = struct.fields[frame.index_in(struct, name)]
        frame.check_clashes(
            [(other, f"{parent}.{quote(other)}") for other in struct.names if other.lower() == name.lower()],
            hint="Flatten the struct first, or set spark.sql.caseSensitive=true",
        )
        location = FieldLocation(index, (*location.path, field.name), field, tuple(struct.names))
    return location


def _has_column(frame: Frame, name: str) -> bool:
    return name.lower() in (other.lower() for other in frame.names)


def _struct(data_type: DataType) -> StructType | None:
    while isinstance(data_type, ArrayType):
        data_type = data_type.elementType
    return data_type if isinstance(data_type, StructType) else None


def split_path(text: str) -> list[str]:
    """Split a dotted path into names; text that is not a valid path is a single name."""
    names = [quoted.replace("``", "`") or plain for quoted, plain in _NAME.findall(text)]
    return names if ".".join(match.group() for match in _NAME.finditer(text)) == text else [text]
