"""The tables of a relational model: columns, keys and names. Needs no Spark session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pyspark.sql.types import ArrayType, DataType, IntegerType, MapType, StructField, StructType

from shopsmart_etl._core.flattening import Flattening, Leaf, plan_flattening
from shopsmart_etl._core.frame import Frame
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


class TableColumn(NamedTuple):
    """A column of a table.

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


class Table(NamedTuple):
    """A table of the model: the documents, or the entries of one array or map.

    Attributes:
        name: The table's name.
        path: The path of the array or map in the document, such as ``items[].discounts[]``; ``""`` for the root.
        kind: Whether a row is a document, an array element or a map entry.
        parent: The name of the table that the foreign key refers to; None for the root.
        source: The index of the array or map in the parent's flattened rows.
        rows: The schema of the rows before they are flattened: the primary key of a child table, then the fields of
            the document, the array element, or the key and value of the map entry.
        flattening: How to flatten the rows.
        columns: The columns in order.
    """

    name: str
    path: str
    kind: Literal["root", "array", "map"]
    parent: str | None
    source: int
    rows: StructType
    flattening: Flattening
    columns: tuple[TableColumn, ...]

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The columns that identify a row: in a child table, the foreign key and the position."""
        return tuple(column.name for column in self.columns if column.key)

    @property
    def entry(self) -> StructType:
        """The fields of one document, element or entry, without the key columns of a child table."""
        return self.rows if self.parent is None else StructType(self.rows.fields[len(self.primary_key) :])

    @property
    def foreign_key(self) -> tuple[str, ...]:
        """The columns that refer to the parent's primary key, in the same order; empty for the root."""
        return () if self.parent is None else self.primary_key[:-1]


def plan_tables(key: Sequence[str], naming: Naming) -> list[Table]:
    """Plan the root table and its child tables, each after its parent.

    Raises:
        ColumnNotFoundError: A key column does not exist in the root table.
        ColumnTypeError: A key column is an array or a map.
        ColumnClashError: Two columns of a table, or two tables, have the same name.
    """
    tables = [_root(naming.frame.schema, key, naming)]
    for table in tables:  # the loop appends to the list
        _check_clashes([(column.name, column.path) for column in table.columns], naming)
        nested = [index for index, column in enumerate(table.columns) if is_nested(column.leaf)]
        tables += [_child(table, index, naming) for index in nested]
    _check_clashes([(table.name, table.path or "the documents") for table in tables], naming)
    return tables


def is_nested(leaf: Leaf) -> bool:
    """Return whether a leaf is an array or a map, which has its own table."""
    return isinstance(leaf.field.dataType, (ArrayType, MapType))


def _root(schema: StructType, key: Sequence[str], naming: Naming) -> Table:
    flattening = plan_flattening(schema, range(len(schema.fields)), with_presence=naming.present_suffix is not None)
    columns = [_column(index, leaf, leaf.path, "", naming) for index, leaf in enumerate(flattening.leaves)]
    names = StructType([StructField(column.name, column.type) for column in columns])
    for name in key:
        index = naming.frame.index_in(names, name)
        if is_nested(columns[index].leaf):
            got = type_text(columns[index].leaf.field.dataType)
            raise ColumnTypeError(name, expected="a key column that is not an array or a map", got=got)
        columns[index] = columns[index]._replace(key=True)
    return Table(naming.root, "", "root", None, 0, schema, flattening, tuple(columns))


def _child(parent: Table, source: int, naming: Naming) -> Table:
    array = parent.flattening.leaves[source]
    steps = _steps(array, parent.kind)
    name = naming.join(parent.name, _label(steps, naming))
    path = f"{_path(parent.path, steps)}[]"
    keys = [(column.name, column.path, column.type) for column in parent.columns if column.key]
    if parent.kind == "root":  # avoids a clash with the child's own columns, such as id
        keys = [(naming.join(naming.root, key), origin, data_type) for key, origin, data_type in keys]
    position = naming.join(name.removeprefix(naming.join(naming.root, "")), "pos")
    keys.append((position, f"position in {path}", IntegerType()))
    kind, entry = _entry(array.field.dataType)
    rows = StructType([*(StructField(key, data_type) for key, _, data_type in keys), *entry.fields])
    with_presence = naming.present_suffix is not None
    flattening = plan_flattening(rows, range(len(keys), len(rows.fields)), with_presence=with_presence)
    columns = [
        TableColumn(key, origin, data_type, key=True, leaf=flattening.leaves[index], sql=f"`{index}`")
        for index, (key, origin, data_type) in enumerate(keys)
    ]
    for index, leaf in enumerate(flattening.leaves[len(keys) :], start=len(keys)):
        columns.append(_column(index, leaf, _steps(leaf, kind), path, naming))
    return Table(name, path, kind, parent.name, source, rows, flattening, tuple(columns))


def _entry(data_type: DataType) -> tuple[Literal["array", "map"], StructType]:
    if isinstance(data_type, ArrayType):
        return "array", StructType([StructField("value", data_type.elementType, data_type.containsNull)])
    assert isinstance(data_type, MapType)  # noqa: S101 - narrows the type, checked by is_nested
    key = StructField("key", data_type.keyType, nullable=False)
    return "map", StructType([key, StructField("value", data_type.valueType, data_type.valueContainsNull)])


def _column(index: int, leaf: Leaf, steps: Sequence[str], parent_path: str, naming: Naming) -> TableColumn:
    """Return the column of a leaf; for an array or a map, the column of its size."""
    path = _path(parent_path, steps)
    if leaf.is_presence:
        present = _label(steps, naming) + (naming.present_suffix or "")
        return TableColumn(present, f"presence of {path}", leaf.field.dataType, key=False, leaf=leaf, sql=f"`{index}`")
    label = _label(steps, naming)
    if is_nested(leaf):
        # size(NULL) is -1 in a session without ANSI mode.
        size = f"if(`{index}` IS NULL, NULL, size(`{index}`))"
        return TableColumn(naming.join(label, "size"), f"size of {path}", IntegerType(), key=False, leaf=leaf, sql=size)
    return TableColumn(label, path, leaf.field.dataType, key=False, leaf=leaf, sql=f"`{index}`")


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
