"""The relational model of a nested schema: tables, columns and keys. Needs no Spark session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pyspark.sql.types import ArrayType, DataType, IntegerType, MapType, StructField, StructType
from typing_extensions import override

from shopsmart_etl._core.checks import check_columns, check_flag, check_optional_text, check_text
from shopsmart_etl._core.depth import check_column_depth
from shopsmart_etl._core.flattening import Flattening, Leaf, plan_flattening
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.session import schema_without_session
from shopsmart_etl._core.sql import path_text, type_text
from shopsmart_etl._core.text_table import TextTable
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError
from shopsmart_etl.nested._diagram import mermaid_text, tree_text


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


class RelationalModel:
    """Model the tables, columns and keys into which ``relationalize`` splits a schema, without Spark.

    Print the model, preview its columns, draw it as a diagram, or pass it to ``rebuild_documents``.

    Attributes:
        schema: The documents' schema.
        tables: The tables, each after its parent, with their paths, columns, primary and foreign keys.
        root: The root table.

    Example:
        >>> from pyspark.sql.types import ArrayType, LongType, StringType, StructType
        >>> item = StructType().add("sku", StringType()).add("tags", ArrayType(StringType()))
        >>> order = StructType().add("id", LongType()).add("items", ArrayType(item))
        >>> model = RelationalModel(order, root="orders", key="id")
        >>> model
        orders (id) + 1 columns
        └── orders_items (orders_id, items_pos) + 2 columns
            └── orders_items_tags (orders_id, items_pos, items_tags_pos) + 1 columns
        >>> model.preview()
        path                        table              column          type
        --------------------------  -----------------  --------------  ------
        id                          orders             id              bigint
        size of items               orders             items_size      int
        id                          orders_items       orders_id       bigint
        position in items[]         orders_items       items_pos       int
        items[].sku                 orders_items       sku             string
        size of items[].tags        orders_items       tags_size       int
        id                          orders_items_tags  orders_id       bigint
        position in items[]         orders_items_tags  items_pos       int
        position in items[].tags[]  orders_items_tags  items_tags_pos  int
        items[].tags[]              orders_items_tags  value           string
    """

    def __init__(
        self,
        schema: StructType | str,
        *,
        root: str,
        key: str | Sequence[str],
        sep: str = "_",
        present_suffix: str | None = None,
        case_sensitive: bool = False,
    ) -> None:
        """Model a schema with the arguments of ``relationalize``.

        Args:
            schema: The documents' schema: a StructType, or DDL text, which the active session parses.
            root: The name of the root table.
            key: The primary key of the root table, one or more columns.
            sep: The separator between the names of a path.
            present_suffix: Suffix of the boolean columns that are true if a struct is not null; None for no such
                columns.
            case_sensitive: Whether names that differ only in case are different, as with
                ``spark.sql.caseSensitive=true``.

        Raises:
            InvalidArgumentError: An argument has a wrong type, or ``root`` or ``key`` is empty.
            ColumnNotFoundError: A key column does not exist in the root table.
            ColumnTypeError: A key column is an array or a map, or a column has more than 50 types inside one another.
            ColumnClashError: Two columns of a table, or two tables, would have the same name.
        """
        columns = schema_without_session("schema", schema)
        check_flag("case_sensitive", case_sensitive)
        self._model(Frame(columns, case_sensitive=case_sensitive), root, key, sep, present_suffix)

    @classmethod
    def of_frame(
        cls, frame: Frame, *, root: str, key: str | Sequence[str], sep: str, present_suffix: str | None
    ) -> RelationalModel:
        """Model the documents of a DataFrame, with the name comparison of its session."""
        model = cls.__new__(cls)
        model._model(frame, root, key, sep, present_suffix)  # noqa: SLF001 - its own class
        return model

    def _model(self, frame: Frame, root: str, key: str | Sequence[str], sep: str, present_suffix: str | None) -> None:
        check_text("root", root, expected="the root table's name")
        keys = check_columns("key", key, at_least_one=True)
        check_text("sep", sep, empty=True)
        check_optional_text("present_suffix", present_suffix)
        check_column_depth(frame.schema.fields)
        self.schema = frame.schema
        self.tables = tuple(_tables(keys, Naming(root, sep, present_suffix, frame)))
        self.root = self.tables[0]

    def children(self, table: Table) -> list[Table]:
        """Return the tables whose foreign key refers to a table.

        Raises:
            InvalidArgumentError: The argument is no table of the model.
        """
        if table not in self.tables:
            raise InvalidArgumentError("table", expected="a table of the model", got=table)
        return [child for child in self.tables if child.parent == table.name]

    def preview(self) -> TextTable:
        """Preview all columns: the path in the document, the table, the column name and the type."""
        rows = tuple(
            (column.path, table.name, column.name, type_text(column.type))
            for table in self.tables
            for column in table.columns
        )
        return TextTable(("path", "table", "column", "type"), rows)

    def mermaid(self) -> str:
        """Return a Mermaid ``erDiagram`` of the tables, their columns and relations."""
        return mermaid_text(self.tables)

    @override
    def __repr__(self) -> str:
        return tree_text(self.tables)


def _tables(key: Sequence[str], naming: Naming) -> list[Table]:
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
