"""The relational model of a nested schema: tables, columns and keys. Needs no Spark session."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql.types import StructType
from typing_extensions import override

from shopsmart_etl._core.checks import check_columns, check_flag, check_optional_text, check_text
from shopsmart_etl._core.depth import check_column_depth
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.session import schema_without_session
from shopsmart_etl._core.sql import type_text
from shopsmart_etl._core.text_table import TextTable
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.nested._diagram import mermaid_text, tree_text
from shopsmart_etl.nested._tables import Naming, RelationalTable, plan_tables


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
        carry: str | Sequence[str] = (),
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
            carry: The columns, or fields of structs by dotted path, that are repeated in every child table.

        Raises:
            InvalidArgumentError: An argument has a wrong type, or ``root`` or ``key`` is empty.
            ColumnNotFoundError: A key column does not exist in the root table, or a column to carry does not exist.
            ColumnTypeError: A key column is an array or a map; a column to carry is a struct, an array, a map or a
                field of an array; or a column has more than 50 types inside one another.
            ColumnClashError: Two columns of a table, or two tables, would have the same name.
        """
        columns = schema_without_session("schema", schema)
        check_flag("case_sensitive", case_sensitive)
        self._model(Frame(columns, case_sensitive=case_sensitive), root, key, sep, present_suffix, carry)

    def _model(
        self,
        frame: Frame,
        root: str,
        key: str | Sequence[str],
        sep: str,
        present_suffix: str | None,
        carry: str | Sequence[str],
    ) -> None:
        check_text("root", root, expected="the root table's name")
        keys = check_columns("key", key, at_least_one=True)
        check_text("sep", sep, empty=True)
        check_optional_text("present_suffix", present_suffix)
        carried = check_columns("carry", carry)
        check_column_depth(frame.schema.fields)
        self.schema = frame.schema
        self.tables = tuple(plan_tables(keys, carried, Naming(root, sep, present_suffix, frame)))
        self.root = self.tables[0]

    def children(self, table: RelationalTable) -> list[RelationalTable]:
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


def model_of_frame(
    frame: Frame,
    *,
    root: str,
    key: str | Sequence[str],
    sep: str,
    present_suffix: str | None,
    carry: str | Sequence[str],
) -> RelationalModel:
    """Model the documents of a DataFrame, with the name comparison of its session."""
    model = RelationalModel.__new__(RelationalModel)
    model._model(frame, root, key, sep, present_suffix, carry)  # noqa: SLF001 - a function, since Frame is internal
    return model
