"""The tables of a relational model: columns, keys and names. Needs no Spark session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pyspark.sql.types import ArrayType, DataType, IntegerType, MapType, StructField, StructType

from shopsmart_etl._core.flattening import Flattening, Leaf, plan_flattening
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.nested_fields import find_field
from shopsmart_etl._core.sql import path_text, type_text
from shopsmart_etl.errors import ColumnTypeError


class Naming(NamedTuple):
    """How to name tables and columns, and the frame that compares names."""

    root: str
    sep: str
    present_suffix: str | None
    frame: Frame

    def join(self, *names: str) -> str:
        """Join names with the separator."""
        return self.sep.join(names)


class RelationalColumn(NamedTuple):
    """A column of a ``RelationalTable``.

    Attributes:
        name: The column's name.
        path: The column's path in the document, such as ``items[].price``.
        type: The column's type.
        key: Whether the column is part of the primary key.
        leaf: The leaf of the flattened rows that the column is computed from.
        sql: The expression that computes the column, over the flattened columns named by position.
    """

    name: str
    path: str
    type: DataType
    key: bool
    leaf: Leaf
    sql: str


class RelationalTable(NamedTuple):
    """A table of a ``RelationalModel``: the documents, or the entries of one array or map.

    Attributes:
        name: The table's name.
        path: The path of the array or map in the document, such as ``items[].discounts[]``; ``""`` for the root.
        kind: Whether a row is a document, an array element or a map entry.
        parent: The name of the table that the foreign key refers to; None for the root.
        source: The index of the array or map in the parent's flattened rows.
        rows: The schema of the rows before they are flattened: the primary key of a child table, then the fields of
            the document, the array element, or the key and value of the map entry, then the carried columns of a
            child table.
        flattening: How to flatten the rows.
        columns: The columns in order.
        carried: The indexes of the columns that are repeated in the child tables; in a child table its last columns,
            which are repeated from the root.
    """

    name: str
    path: str
    kind: Literal["root", "array", "map"]
    parent: str | None
    source: int
    rows: StructType
    flattening: Flattening
    columns: tuple[RelationalColumn, ...]
    carried: tuple[int, ...]

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The columns that identify a row: in a child table, the foreign key and the position."""
        return tuple(column.name for column in self.columns if column.key)

    @property
    def carried_columns(self) -> tuple[RelationalColumn, ...]:
        """The columns that are repeated in the child tables."""
        return tuple(self.columns[index] for index in self.carried)

    @property
    def entry(self) -> StructType:
        """The fields of one document, element or entry, without the key and carried columns of a child table."""
        if self.parent is None:
            return self.rows
        return StructType(self.rows.fields[len(self.primary_key) : len(self.rows.fields) - len(self.carried)])

    @property
    def own_columns(self) -> tuple[RelationalColumn, ...]:
        """The columns without those that a child table repeats from the root, which documents do not need."""
        return self.columns if self.parent is None else self.columns[: len(self.columns) - len(self.carried)]

    @property
    def foreign_key(self) -> tuple[str, ...]:
        """The columns that refer to the parent's primary key, in the same order; empty for the root."""
        return () if self.parent is None else self.primary_key[:-1]


def plan_tables(key: Sequence[str], carry: Sequence[str], naming: Naming) -> list[RelationalTable]:
    """Plan the root table and its child tables, each after its parent.

    Raises:
        ColumnNotFoundError: A key column does not exist in the root table, or a column to carry in the documents.
        ColumnTypeError: A key column is an array or a map, or a column to carry is no column of the root table.
        ColumnClashError: Two columns of a table, or two tables, have the same name.
    """
    tables = [_root(naming.frame.schema, key, carry, naming)]
    for table in tables:  # the loop appends to the list
        _check_clashes([(column.name, column.path) for column in table.columns], naming)
        nested = [index for index, column in enumerate(table.columns) if is_nested(column.leaf)]
        tables += [_child(table, index, naming) for index in nested]
    _check_clashes([(table.name, table.path or "the documents") for table in tables], naming)
    return tables


def is_nested(leaf: Leaf) -> bool:
    """Return whether a leaf is an array or a map, which has its own table."""
    return isinstance(leaf.field.dataType, (ArrayType, MapType))


def _root(schema: StructType, key: Sequence[str], carry: Sequence[str], naming: Naming) -> RelationalTable:
    flattening = plan_flattening(schema, range(len(schema.fields)), with_presence=naming.present_suffix is not None)
    columns = [_column(index, leaf, leaf.path, "", naming) for index, leaf in enumerate(flattening.leaves)]
    names = StructType([StructField(column.name, column.type) for column in columns])
    for name in key:
        index = naming.frame.index_in(names, name)
        if is_nested(columns[index].leaf):
            got = type_text(columns[index].leaf.field.dataType)
            raise ColumnTypeError(name, expected="a key column that is not an array or a map", got=got)
        columns[index] = columns[index]._replace(key=True)
    # A column given twice is carried once.
    carried = tuple(dict.fromkeys(_carried(name, flattening.leaves, naming) for name in carry))
    return RelationalTable(naming.root, "", "root", None, 0, schema, flattening, tuple(columns), carried)


def _carried(name: str, leaves: Sequence[Leaf], naming: Naming) -> int:
    """Return the index of a column to carry among the columns of the root table."""
    location = find_field(naming.frame, name)
    path = (naming.frame.schema.names[location.column], *location.path)
    for index, leaf in enumerate(leaves):
        if leaf.path == path and not leaf.is_presence and not is_nested(leaf):
            return index
    raise ColumnTypeError(
        name,
        expected="a column with one value in each document, to carry",
        got=type_text(location.field.dataType) if _is_container(location.field.dataType) else "a field of an array",
        hint="Carry a column, or a field of structs, that is not a struct, an array or a map",
    )


def _is_container(data_type: DataType) -> bool:
    return isinstance(data_type, (StructType, ArrayType, MapType))


def _child(parent: RelationalTable, source: int, naming: Naming) -> RelationalTable:
    array = parent.flattening.leaves[source]
    steps = _steps(array, parent.kind)
    name = naming.join(parent.name, _label(steps, naming))
    path = f"{_path(parent.path, steps)}[]"
    keys = [_Copied(column.name, column.path, column.type) for column in parent.columns if column.key]
    if parent.kind == "root":  # avoids a clash with the child's own columns, such as id
        keys = [key._replace(name=naming.join(naming.root, key.name)) for key in keys]
    position = naming.join(name.removeprefix(naming.join(naming.root, "")), "pos")
    keys.append(_Copied(position, f"position in {path}", IntegerType()))
    carried = [_Copied(column.name, column.path, column.type) for column in parent.carried_columns]
    kind, entry = _entry(array.field.dataType)
    # The carried columns are last, like the partition columns of a table that is read from files.
    rows = StructType([*(key.field for key in keys), *entry.fields, *(column.field for column in carried)])
    nested = range(len(keys), len(keys) + len(entry.fields))
    flattening = plan_flattening(rows, nested, with_presence=naming.present_suffix is not None)
    leaves = list(enumerate(flattening.leaves))
    end = len(leaves) - len(carried)
    columns = (
        *(key.column(*leaf, key=True) for key, leaf in zip(keys, leaves[: len(keys)], strict=True)),
        *(_column(index, leaf, _steps(leaf, kind), path, naming) for index, leaf in leaves[len(keys) : end]),
        *(column.column(*leaf, key=False) for column, leaf in zip(carried, leaves[end:], strict=True)),
    )
    return RelationalTable(
        name, path, kind, parent.name, source, rows, flattening, columns, tuple(range(end, len(leaves)))
    )


class _Copied(NamedTuple):
    """A column of a child table that is copied from its parent, or the position."""

    name: str
    path: str
    type: DataType

    @property
    def field(self) -> StructField:
        return StructField(self.name, self.type)

    def column(self, index: int, leaf: Leaf, *, key: bool) -> RelationalColumn:
        return RelationalColumn(self.name, self.path, self.type, key=key, leaf=leaf, sql=f"`{index}`")


def _entry(data_type: DataType) -> tuple[Literal["array", "map"], StructType]:
    if isinstance(data_type, ArrayType):
        return "array", StructType([StructField("value", data_type.elementType, data_type.containsNull)])
    assert isinstance(data_type, MapType)  # noqa: S101 - narrows the type, checked by is_nested
    key = StructField("key", data_type.keyType, nullable=False)
    return "map", StructType([key, StructField("value", data_type.valueType, data_type.valueContainsNull)])


def _column(index: int, leaf: Leaf, steps: Sequence[str], parent_path: str, naming: Naming) -> RelationalColumn:
    """Return the column of a leaf; for an array or a map, the column of its size."""
    path = _path(parent_path, steps)
    if leaf.is_presence:
        present = _label(steps, naming) + (naming.present_suffix or "")
        return RelationalColumn(
            present, f"presence of {path}", leaf.field.dataType, key=False, leaf=leaf, sql=f"`{index}`"
        )
    label = _label(steps, naming)
    if is_nested(leaf):
        # size(NULL) is -1 in a session without ANSI mode.
        size = f"if(`{index}` IS NULL, NULL, size(`{index}`))"
        return RelationalColumn(
            naming.join(label, "size"), f"size of {path}", IntegerType(), key=False, leaf=leaf, sql=size
        )
    return RelationalColumn(label, path, leaf.field.dataType, key=False, leaf=leaf, sql=f"`{index}`")


def _steps(leaf: Leaf, kind: str) -> Sequence[str]:
    """Return a leaf's path in its entry; an array element has no name."""
    return leaf.path[1:] if kind == "array" else leaf.path


def _label(steps: Sequence[str], naming: Naming) -> str:
    return naming.join(*steps) if steps else "value"


def _path(parent_path: str, steps: Sequence[str]) -> str:
    return ".".join(part for part in (parent_path, path_text(steps)) if part)


def _check_clashes(named: Sequence[tuple[str, str]], naming: Naming) -> None:
    hint = "Rename one of them first, or give another sep"
    naming.frame.check_clashes(named, hint=hint)
