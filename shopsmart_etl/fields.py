"""Columns and the fields inside them, by dotted path, and how to change them where they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, StructField, StructType

from shopsmart_etl.errors import ColumnNotFoundError, ColumnTypeError
from shopsmart_etl.schema import find_column, quote, refuse_clashes, type_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark.sql import Column

# A name in backticks, in which a doubled one is a backtick, or one without dots and backticks.
_NAME = re.compile(r"`((?:[^`]|``)+)`|([^.`]+)")


class Place(NamedTuple):
    """Where a field is: the position of its column, the fields on the way, and itself.

    Attributes:
        at: The top-level column's position.
        inside: The names of the fields that lead to it; none for the column itself.
        field: The field.
        siblings: The names beside it.
    """

    at: int
    inside: tuple[str, ...]
    field: StructField
    siblings: tuple[str, ...]


def find_field(schema: StructType, column: str, *, ignores_case: Callable[[], bool]) -> Place:
    """Find a column by its literal name, or a field inside columns by its dotted path.

    A path leads through structs and arrays of structs. Names that hold a dot stand in backticks in it.

    Args:
        schema: Where to look.
        column: The name or path.
        ignores_case: Tells whether the session ignores case.

    Returns:
        Its place.

    Raises:
        ColumnNotFoundError: There is no such column or field.
        ColumnTypeError: The path leads through something else than structs and arrays.
        ColumnClashError: A field on the way has a sibling that Spark takes for it.
    """
    path = _path(column)
    try:
        at = find_column(schema, column, ignores_case=ignores_case)
    except ColumnNotFoundError:
        if len(path) == 1:
            raise
    else:
        return Place(at, (), schema.fields[at], tuple(schema.names))
    at = find_column(schema, path[0], ignores_case=ignores_case)
    place = Place(at, (), schema.fields[at], tuple(schema.names))
    for depth, name in enumerate(path[1:], start=1):
        struct = _struct(place.field.dataType)
        if struct is None:
            before = ".".join(path[:depth])
            raise ColumnTypeError(
                before, wanted="a struct or an array of structs", found=type_text(place.field.dataType)
            )
        found = struct.fields[find_column(struct, name, ignores_case=ignores_case)]
        refuse_clashes(
            [
                (other, f"{'.'.join(path[:depth])}.{quote(other)}")
                for other in struct.names
                if other.lower() == name.lower()
            ],
            ignores_case=ignores_case,
            way_out="Flatten the struct first, or set spark.sql.caseSensitive=true",
        )
        place = Place(at, (*place.inside, found.name), found, tuple(struct.names))
    return place


def changed(
    column: Column, of: DataType, inside: Sequence[str], change: Callable[[Column, str], dict[str, Column]]
) -> Column:
    """Change a field inside a column, where it is.

    A null struct stays null: there is no field in it to change.

    Args:
        column: The column, or what is left of the way.
        of: Its type.
        inside: The names that lead from it to the field.
        change: Makes the fields of the innermost struct, by name, of the field's value and name.

    Returns:
        The column with those fields.
    """
    if isinstance(of, ArrayType):
        return F.transform(column, lambda element: changed(element, of.elementType, inside, change))
    assert isinstance(of, StructType)  # noqa: S101 - narrows the type; find_field went this way
    name, *rest = inside
    value = column.getField(name)
    fields = {name: changed(value, of[name].dataType, rest, change)} if rest else change(value, name)
    for field, made in fields.items():
        column = column.withField(quote(field), made)
    return column


def _struct(of: DataType) -> StructType | None:
    while isinstance(of, ArrayType):
        of = of.elementType
    return of if isinstance(of, StructType) else None


def _path(text: str) -> list[str]:
    """Split a dotted path; what is no path is one name."""
    names = [quoted.replace("``", "`") or plain for quoted, plain in _NAME.findall(text)]
    return names if ".".join(match.group() for match in _NAME.finditer(text)) == text else [text]
