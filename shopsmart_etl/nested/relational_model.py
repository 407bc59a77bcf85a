"""The relational model of a nested schema: tables, columns and keys. Pure: nothing here needs a Spark session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from pyspark.sql.types import ArrayType, DataType, IntegerType, MapType, StructField, StructType
from typing_extensions import override

from shopsmart_etl._core.columns import find_column, refuse_clashes
from shopsmart_etl._core.flattening import Flattening, Leaf, plan_flattening
from shopsmart_etl._core.sql import path_text, quote, type_text
from shopsmart_etl._core.text_table import Preview
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError
from shopsmart_etl.nested._diagram import mermaid_text, tree_text

# Well before Spark's doubling of time with each level of a path begins.
_DEEPEST_PATH = 16


class Naming(NamedTuple):
    """How tables and columns are named, and which names a session takes for one."""

    root: str
    sep: str
    present: str | None
    ignores_case: Callable[[], bool]

    def join(self, *names: str) -> str:
        """Join the names of a path."""
        return self.sep.join(names)


class TableColumn(NamedTuple):
    """A column of a table.

    Attributes:
        name: Its name in the table.
        path: Where it comes from in the document, such as ``items[].price``.
        type: Its type.
        key: True for a column of the primary key.
        leaf: The leaf of the flattened rows that it is made from.
        sql: The expression that makes it, over the positions of the flattened rows.
    """

    name: str
    path: str
    type: DataType
    key: bool
    leaf: Leaf
    sql: str


class Table(NamedTuple):
    """A table of the model: the documents themselves, or the entries of one array or map.

    Attributes:
        name: Its name.
        path: The array's or map's path in the document, such as ``items[].discounts[]``; ``""`` for the root.
        kind: What its rows are.
        parent: The name of the table that its foreign key refers to; None for the root.
        source: Where the array or map stands in the parent's flattened rows.
        rows: What its rows are before the flatten: the primary key of a child, then a document's fields, an array's
            element, or a map's key and value.
        flattening: How these are flattened.
        columns: Its columns in order.
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
        """The columns that tell its rows apart: in a child its foreign key and the position."""
        return tuple(column.name for column in self.columns if column.key)

    @property
    def entry(self) -> StructType:
        """The fields of one document, element or entry, without the key that a child has before them."""
        return self.rows if self.parent is None else StructType(self.rows.fields[len(self.primary_key) :])

    @property
    def foreign_key(self) -> tuple[str, ...]:
        """The columns that refer to the parent's primary key, in its order; none in the root."""
        return () if self.parent is None else self.primary_key[:-1]


class RelationalModel:
    """What ``relationalize`` makes of a schema, known without Spark: print it, draw it, or join the tables back by it.

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
        schema: StructType,
        *,
        root: str,
        key: str | Sequence[str],
        sep: str = "_",
        present: str | None = None,
        ignores_case: Callable[[], bool] = lambda: True,
    ) -> None:
        """Model a schema; ``relationalize`` has the meaning of each argument.

        Args:
            schema: The documents' schema.
            root: The root table's name.
            key: The root table's primary key.
            sep: What joins the names of a path.
            present: Suffix of the columns that say where a struct is not null; None for no such columns.
            ignores_case: Tells whether names that differ only in case are one, as they are to Spark by default.

        Raises:
            InvalidArgumentError: ``root`` or ``key`` is empty, or ``schema`` is no StructType.
            ColumnNotFoundError: The root table has no such key column.
            ColumnTypeError: A key column is an array or a map.
            ColumnClashError: Two columns of a table, or two tables, would have one name.
        """
        keys = [key] if isinstance(key, str) else list(key)
        if not isinstance(schema, StructType):
            raise InvalidArgumentError("schema", wanted="a StructType", found=schema)
        if not root:
            raise InvalidArgumentError("root", wanted="the root table's name", found=root)
        if not keys:
            raise InvalidArgumentError("key", wanted="the column, or columns, that tell documents apart", found=key)
        self.schema = schema
        self.tables = tuple(_model(schema, keys, Naming(root, sep, present, ignores_case)))
        self.root = self.tables[0]

    def children(self, table: Table) -> list[Table]:
        """List the tables whose foreign key refers to a table."""
        return [child for child in self.tables if child.parent == table.name]

    def preview(self) -> Preview:
        """List every column: its path in the document, its table, its name there and its type."""
        rows = tuple(
            (column.path, table.name, column.name, type_text(column.type))
            for table in self.tables
            for column in table.columns
        )
        return Preview(("path", "table", "column", "type"), rows)

    def mermaid(self) -> str:
        """Write the tables, their columns and relations as a Mermaid ``erDiagram``."""
        return mermaid_text(self.tables)

    @override
    def __repr__(self) -> str:
        return tree_text(self.tables)


def _model(schema: StructType, key: Sequence[str], naming: Naming) -> list[Table]:
    tables = [_root(schema, key, naming)]
    for table in tables:  # grows as it is walked
        _refuse_clashes([(column.name, column.path) for column in table.columns], naming)
        nested = [at for at, column in enumerate(table.columns) if is_nested(column.leaf)]
        tables += [_child(table, at, naming) for at in nested]
    _refuse_clashes([(table.name, table.path or "the documents") for table in tables], naming)
    return tables


def sql_path(rows: StructType, path: Sequence[str]) -> str | None:
    """Write a path into rows whose columns are named by position, or None where Spark would not follow it well.

    Spark takes siblings whose names differ in nothing but case for one, and slows down with depth.
    """
    if len(path) > _DEEPEST_PATH:
        return None
    parts: list[str] = []
    inner: DataType = rows
    for name in path:
        assert isinstance(inner, StructType)  # noqa: S101 - narrows the type; paths lead through structs
        if sum(other.lower() == name.lower() for other in inner.names) > 1:
            return None
        parts.append(quote(name) if parts else f"`{inner.names.index(name)}`")
        inner = inner[name].dataType
    return ".".join(parts)


def is_nested(leaf: Leaf) -> bool:
    """Tell whether a leaf becomes a table of its own."""
    return isinstance(leaf.field.dataType, (ArrayType, MapType))


def _root(schema: StructType, key: Sequence[str], naming: Naming) -> Table:
    flattening = plan_flattening(schema, range(len(schema.fields)), marked=naming.present is not None)
    columns = [_column(at, leaf, leaf.path, "", naming) for at, leaf in enumerate(flattening.leaves)]
    names = StructType([StructField(column.name, column.type) for column in columns])
    for name in key:
        at = find_column(names, name, ignores_case=naming.ignores_case)
        if is_nested(columns[at].leaf):
            found = type_text(columns[at].leaf.field.dataType)
            raise ColumnTypeError(name, wanted="a plain column as key", found=found)
        columns[at] = columns[at]._replace(key=True)
    return Table(naming.root, "", "root", None, 0, schema, flattening, tuple(columns))


def _child(parent: Table, source: int, naming: Naming) -> Table:
    array = parent.flattening.leaves[source]
    steps = _steps(array, parent.kind)
    name = naming.join(parent.name, _label(steps, naming))
    path = f"{_path(parent.path, steps)}[]"
    keys = [(column.name, column.path, column.type) for column in parent.columns if column.key]
    if parent.kind == "root":  # a bare `id` would clash with the children's own
        keys = [(naming.join(naming.root, key), origin, of) for key, origin, of in keys]
    position = naming.join(name.removeprefix(naming.join(naming.root, "")), "pos")
    keys.append((position, f"position in {path}", IntegerType()))
    kind, entry = _entry(array.field.dataType)
    rows = StructType([*(StructField(key, of) for key, _, of in keys), *entry.fields])
    flattening = plan_flattening(rows, range(len(keys), len(rows.fields)), marked=naming.present is not None)
    columns = [
        TableColumn(key, origin, of, key=True, leaf=flattening.leaves[at], sql=f"`{at}`")
        for at, (key, origin, of) in enumerate(keys)
    ]
    for at, leaf in enumerate(flattening.leaves[len(keys) :], start=len(keys)):
        columns.append(_column(at, leaf, _steps(leaf, kind), path, naming))
    return Table(name, path, kind, parent.name, source, rows, flattening, tuple(columns))


def _entry(of: DataType) -> tuple[Literal["array", "map"], StructType]:
    if isinstance(of, ArrayType):
        return "array", StructType([StructField("value", of.elementType, of.containsNull)])
    assert isinstance(of, MapType)  # noqa: S101 - narrows the type; is_nested said so
    key = StructField("key", of.keyType, nullable=False)
    return "map", StructType([key, StructField("value", of.valueType, of.valueContainsNull)])


def _column(at: int, leaf: Leaf, steps: Sequence[str], within: str, naming: Naming) -> TableColumn:
    """Describe the column that a leaf becomes; an array or a map leaves its size behind."""
    path = _path(within, steps)
    if leaf.marks:
        present = _label(steps, naming) + (naming.present or "")
        return TableColumn(present, f"presence of {path}", leaf.field.dataType, key=False, leaf=leaf, sql=f"`{at}`")
    label = _label(steps, naming)
    if is_nested(leaf):
        # size(NULL) is -1 in a session without ANSI mode.
        size = f"if(`{at}` IS NULL, NULL, size(`{at}`))"
        return TableColumn(naming.join(label, "size"), f"size of {path}", IntegerType(), key=False, leaf=leaf, sql=size)
    return TableColumn(label, path, leaf.field.dataType, key=False, leaf=leaf, sql=f"`{at}`")


def _steps(leaf: Leaf, kind: str) -> Sequence[str]:
    """Give a leaf's path inside its entry; the element of an array goes without a name."""
    return leaf.path[1:] if kind == "array" else leaf.path


def _label(steps: Sequence[str], naming: Naming) -> str:
    return naming.join(*steps) if steps else "value"


def _path(within: str, steps: Sequence[str]) -> str:
    return ".".join(part for part in (within, path_text(steps)) if part)


def _refuse_clashes(named: Sequence[tuple[str, str]], naming: Naming) -> None:
    way_out = "Rename one of them first, or give another sep"
    refuse_clashes(named, ignores_case=naming.ignores_case, way_out=way_out)
