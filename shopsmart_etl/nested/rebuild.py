"""Rebuild nested documents from related tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from shopsmart_etl._core.checks import is_dataframe
from shopsmart_etl._core.flattening import is_non_empty_struct
from shopsmart_etl._core.frame import Frame, keep_metadata
from shopsmart_etl._core.spark_errors import Count, fail_sql
from shopsmart_etl._core.sql import literal, positions, type_text
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError, UnsupportedError
from shopsmart_etl.nested._nesting import Source, nested_columns
from shopsmart_etl.nested._tables import RelationalTable
from shopsmart_etl.nested.relational_model import RelationalModel


def rebuild_documents(tables: Mapping[str, DataFrame], *, model: RelationalModel) -> DataFrame:
    """Join related tables back into nested documents: the inverse of ``relationalize``.

    Array elements and map entries are restored in their order; empty arrays and maps stay empty, null ones stay null.
    A nullable struct whose leaves are all null becomes null, unless ``relationalize`` had a ``present_suffix``. Row
    order is undefined.

    The job fails if the number of child rows of a document differs from its ``<path>_size``: rows are missing, or two
    documents have the same key. Child rows without a parent row are dropped, so a filter on the root table selects
    documents.

    Args:
        tables: A DataFrame for each table of the model, by name: the result of ``relationalize``, or the tables read
            back from storage. Carried columns, and columns that are not in the model, are ignored.
        model: The ``.model`` of the result of ``relationalize``, or ``RelationalModel(schema, ...)`` with the same
            arguments. ``carry`` may differ.

    Returns:
        The documents, with the columns of ``model.schema``.

    Raises:
        InvalidArgumentError: An argument has a wrong type, or a table is missing.
        ColumnNotFoundError: A table lacks a column of the model.
        ColumnTypeError: A column has another type than in the model.
        UnsupportedError: A table is a stream.

    Example:
        >>> orders = spark.createDataFrame(
        ...     [(1, ("Ada",), [("pen", ["new"]), ("ink", None)]), (2, None, []), (3, ("Bob",), None)],
        ...     "id int, customer struct<name: string>, items array<struct<sku: string, tags: array<string>>>")
        >>> tables = relationalize(orders, root="orders", key="id")
        >>> rebuild_documents(tables, model=tables.model).orderBy("id").show(truncate=False)
        +---+--------+---------------------------+
        |id |customer|items                      |
        +---+--------+---------------------------+
        |1  |{Ada}   |[{pen, [new]}, {ink, NULL}]|
        |2  |NULL    |[]                         |
        |3  |{Bob}   |NULL                       |
        +---+--------+---------------------------+
        <BLANKLINE>
    """
    if not isinstance(model, RelationalModel):
        raise InvalidArgumentError("model", expected="a RelationalModel, such as relationalize(...).model", got=model)
    if not isinstance(tables, Mapping):
        raise InvalidArgumentError("tables", expected="a mapping from names to DataFrames", got=tables)
    for table in model.tables:
        if not is_dataframe(tables.get(table.name)):
            got = tables.get(table.name, list(tables))
            raise InvalidArgumentError("tables", expected=f"a DataFrame for {table.name!r}", got=got)
        if tables[table.name].isStreaming:
            raise UnsupportedError(
                f"table {table.name!r}: expected a batch; got a stream, whose documents are never complete. Write the "
                "tables, and rebuild the documents from the written tables"
            )
    root = model.root
    documents = _nested(tables, model, root)
    names = root.entry.names
    structs = {str(index): field for index, field in enumerate(root.entry.fields) if is_non_empty_struct(field)}
    return keep_metadata(documents.toDF(*positions(len(names))), structs).toDF(*names)


def _nested(tables: Mapping[str, DataFrame], model: RelationalModel, table: RelationalTable) -> DataFrame:
    """Nest a table's rows together with its child tables.

    Returns:
        The key columns of a child table, then the fields of the entry.
    """
    rows = _checked(tables[table.name], table)
    children = model.children(table)
    if children:
        rows = _with_entries(rows, table, children, _entries(tables, model, children))
    columns = [(f"`c{index}`", column) for index, column in enumerate(table.own_columns)]
    keys = [sql for sql, column in columns if column.key and table.kind != "root"]
    own = columns[len(keys) :]
    sources = {column.leaf.path: Source(sql, nullable=True) for sql, column in own if not column.leaf.is_presence}
    present = {column.leaf.path: sql for sql, column in own if column.leaf.is_presence}
    # Spark Connect adds metadata to columns without an alias.
    nested = (f"{sql} AS `{index}`" for index, sql in enumerate(nested_columns(table.entry, sources, present)))
    return rows.selectExpr(*keys, *nested)


def _entries(tables: Mapping[str, DataFrame], model: RelationalModel, children: Sequence[RelationalTable]) -> DataFrame:
    """Collect the rows of all child tables of one parent by foreign key, in one shuffle.

    Returns:
        The foreign key columns, and for each child table a list of positions and entries, whose order is undefined.
    """
    count = len(children[0].foreign_key)
    parts = []
    for number, child in enumerate(children):
        nested = _nested(tables, model, child)
        width = len(child.primary_key) + len(child.entry.fields)
        entry = f"`{count + 1}`" if child.kind == "array" else f"struct(`{count + 1}`, `{count + 2}`)"
        positioned = f"struct(`{count}` AS p, {entry} AS e)"
        parts.append(
            nested.toDF(*positions(width)).selectExpr(
                *(f"`{index}` AS `j{index}`" for index in range(count)),
                *(f"{positioned if other == number else 'NULL'} AS `e{other}`" for other in range(len(children))),
            )
        )
    collected = (F.expr(f"collect_list(`e{number}`)").alias(f"e{number}") for number in range(len(children)))
    # Not reduce(DataFrame.union, ...): Connect has another DataFrame class before Spark 4.
    union = reduce(lambda left, right: left.union(right), parts)
    return union.groupBy(*(f"j{index}" for index in range(count))).agg(*collected)


def _with_entries(
    rows: DataFrame, table: RelationalTable, children: Sequence[RelationalTable], entries: DataFrame
) -> DataFrame:
    """Replace the size column of each child table by its entries, and check their number against the size."""
    keys = [index for index, column in enumerate(table.columns) if column.key]
    on = F.expr(" AND ".join(f"`c{index}` <=> `j{number}`" for number, index in enumerate(keys)))
    joined = rows.join(entries, on, "left")
    nested = {child.source: _in_order(table, child, f"`e{number}`") for number, child in enumerate(children)}
    return joined.selectExpr(
        *(f"{nested.get(index, f'`c{index}`')} AS `c{index}`" for index in range(len(table.own_columns)))
    )


def _in_order(table: RelationalTable, child: RelationalTable, entries: str) -> str:
    size = f"`c{child.source}`"
    # size(NULL) is -1 in a session without ANSI mode.
    count = f"if({entries} IS NULL, 0, size({entries}))"
    size_column = f"{table.name}.{table.columns[child.source].name}"
    message = literal(f"table {child.name}: expected the number of rows in {size_column}")
    failure = fail_sql(message, "', '", Count(size), "'; got '", Count(count))
    # A comparator, since maps cannot be ordered; it compares positions only.
    order = "(l, r) -> CASE WHEN l.p < r.p THEN -1 WHEN l.p > r.p THEN 1 ELSE 0 END"
    array = f"transform(array_sort(coalesce({entries}, array()), {order}), x -> x.e)"
    value = array if child.kind == "array" else f"map_from_entries({array})"
    return f"CASE WHEN coalesce({size}, 0) <> {count} THEN {failure} WHEN {size} IS NOT NULL THEN {value} END"


def _checked(df: DataFrame, table: RelationalTable) -> DataFrame:
    """Select the table's own columns by name, check their types, and name them by position."""
    frame = Frame.of(df)
    fields = frame.schema.fields
    selected = []
    for index, column in enumerate(table.own_columns):
        source = frame.index(column.name)
        data_type = fields[source].dataType
        if data_type.simpleString() != column.type.simpleString():
            raise ColumnTypeError(
                f"{table.name}.{column.name}",
                expected=type_text(column.type),
                got=type_text(data_type),
                hint="Cast it to the type in the model",
            )
        selected.append(f"`{source}` AS `c{index}`")
    return df.toDF(*positions(len(fields))).selectExpr(*selected)
