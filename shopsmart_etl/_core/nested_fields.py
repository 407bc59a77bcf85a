"""Columns and the fields inside them, by dotted path, and how to change them where they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, StructField, StructType

from shopsmart_etl._core.columns import find_column, refuse_clashes
from shopsmart_etl._core.sql import positions, quote, type_text
from shopsmart_etl.errors import ColumnNotFoundError, ColumnTypeError

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


class Change(NamedTuple):
    """What a step does to one field.

    Attributes:
        place: Where the field is.
        value: Makes its new value of the old one.
        beside: Makes new fields of its old value, by their suffix: what follows the field's own name.
    """

    place: Place
    value: Callable[[Column], Column]
    beside: Mapping[str, Callable[[Column], Column]]


def apply_changes(
    df: DataFrame,
    schema: StructType,
    changes: Sequence[Change],
    *,
    behind: int = 0,
    ignores_case: Callable[[], bool],
    way_out: str,
) -> DataFrame:
    """Change fields where they are.

    The new fields of a column stand behind the last column, those of a nested field behind the last field beside it. A
    null struct stays null: there is no field in it to change.

    Args:
        df: A DataFrame of the schema's columns, and those behind them.
        schema: The columns to keep.
        changes: The changes, each to another field.
        behind: How many columns stand behind the schema's; the result leaves them out.
        ignores_case: Tells whether the session ignores case.
        way_out: What the user can do about a name that is taken.

    Returns:
        The DataFrame, changed.

    Raises:
        ColumnClashError: A new field's name is taken.
    """
    flat = [change for change in changes if not change.place.inside]
    added = [change.place.field.name + suffix for change in flat for suffix in change.beside]
    beside = [(tuple(schema.names), added)]
    beside += [
        (change.place.siblings, [change.place.field.name + suffix for suffix in change.beside])
        for change in changes
        if change.place.inside
    ]
    for names, new in beside:
        refuse_clashes(
            [(name, f"column {quote(name)}") for name in names] + [(name, f"flag {quote(name)}") for name in new],
            ignores_case=ignores_case,
            way_out=way_out,
        )
    # Names by position, because withColumns would replace every column whose name differs only in case.
    columns: dict[str, Column] = {}
    for change in changes:
        at = str(change.place.at)
        field = schema.fields[change.place.at]
        column = columns.get(at, F.col(at))
        made = (
            _changed(column, field.dataType, change.place.inside, change)
            if change.place.inside
            else change.value(column)
        )
        columns[at] = made
    new_columns = {
        f"{change.place.at}{suffix}": make(F.col(str(change.place.at)))
        for change in flat
        for suffix, make in change.beside.items()
    }
    placed_names = positions(len(schema.fields) + behind)
    placed = df.toDF(*placed_names).withColumns({**columns, **new_columns})
    placed = keep_metadata(placed, {at: schema.fields[int(at)] for at in columns})
    if behind:
        # Not drop(), for which a declarative pipeline would have to know the table already.
        placed = placed.selectExpr(*map(quote, [*placed_names[: len(schema.fields)], *new_columns]))
    return placed.toDF(*schema.names, *added)


def keep_metadata(df: DataFrame, fields: Mapping[str, StructField]) -> DataFrame:
    """Give columns the metadata of fields. Not by alias, whose metadata ``withColumns`` drops on Connect before 4.2."""
    for name, field in fields.items():
        if field.metadata:
            df = df.withMetadata(name, field.metadata)
    return df


def _changed(column: Column, of: DataType, inside: Sequence[str], change: Change) -> Column:
    if isinstance(of, ArrayType):
        return F.transform(column, lambda element: _changed(element, of.elementType, inside, change))
    assert isinstance(of, StructType)  # noqa: S101 - narrows the type; find_field went this way
    name, *rest = inside
    value = column.getField(name)
    if rest:
        return column.withField(quote(name), _changed(value, of[name].dataType, rest, change))
    column = column.withField(quote(name), change.value(value))
    for suffix, make in change.beside.items():
        column = column.withField(quote(name + suffix), make(value))
    return column


def _struct(of: DataType) -> StructType | None:
    while isinstance(of, ArrayType):
        of = of.elementType
    return of if isinstance(of, StructType) else None


def _path(text: str) -> list[str]:
    """Split a dotted path; what is no path is one name."""
    names = [quoted.replace("``", "`") or plain for quoted, plain in _NAME.findall(text)]
    return names if ".".join(match.group() for match in _NAME.finditer(text)) == text else [text]
