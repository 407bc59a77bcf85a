"""Related tables back into nested documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial, reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from shopsmart_etl._core.columns import find_column
from shopsmart_etl._core.session import ignores_case
from shopsmart_etl._core.sql import literal, positions, type_text
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError, UnsupportedError
from shopsmart_etl.nested._nesting import Source, nested_columns, with_metadata
from shopsmart_etl.nested.relational_model import RelationalModel, Table


def denormalize(tables: Mapping[str, DataFrame], *, model: RelationalModel) -> DataFrame:
    """Join related tables into the nested documents that they came from: the inverse of ``relationalize``.

    Arrays and maps come back in their order, empty ones empty and null ones null. A struct whose leaves are all null
    comes back as null where the schema lets it be null, unless the tables were made with ``present``. Documents come in
    no order.

    A document fails the job where a child table does not have as many of its rows as ``<path>_size`` says: rows have
    been lost, or two documents have one key. Rows of a child without a parent are left out, as a join does, so that a
    filter on the root table picks documents.

    Args:
        tables: A DataFrame for each of the model's tables, as ``relationalize`` made them or read back from where
            they were written. Columns that the model does not name are left out.
        model: What ``relationalize`` made the tables by: its result's ``.model``, or ``RelationalModel(schema, ...)``
            with the same arguments.

    Returns:
        The documents, with the columns of the model's schema.

    Raises:
        InvalidArgumentError: A table is missing.
        ColumnNotFoundError: A table lacks a column.
        ColumnTypeError: A table's column is of another type.
        UnsupportedError: A table is a stream.

    Example:
        >>> orders = spark.createDataFrame(
        ...     [(1, ("Ada",), [("pen", ["new"]), ("ink", None)]), (2, None, []), (3, ("Bob",), None)],
        ...     "id int, customer struct<name: string>, items array<struct<sku: string, tags: array<string>>>")
        >>> tables = relationalize(orders, root="orders", key="id")
        >>> denormalize(tables, model=tables.model).orderBy("id").show(truncate=False)
        +---+--------+---------------------------+
        |id |customer|items                      |
        +---+--------+---------------------------+
        |1  |{Ada}   |[{pen, [new]}, {ink, NULL}]|
        |2  |NULL    |[]                         |
        |3  |{Bob}   |NULL                       |
        +---+--------+---------------------------+
        <BLANKLINE>
    """
    for table in model.tables:
        if table.name not in tables:
            raise InvalidArgumentError("tables", wanted=f"a DataFrame for {table.name!r}", found=sorted(tables))
        if tables[table.name].isStreaming:
            raise UnsupportedError(
                f"table {table.name!r} is a stream, and a stream's documents are never complete; "
                "denormalize what was written instead"
            )
    root = model.root
    documents = _nested(tables, model, root)
    return with_metadata(documents.toDF(*root.entry.names), root.entry.fields)


def _nested(tables: Mapping[str, DataFrame], model: RelationalModel, table: Table) -> DataFrame:
    """Nest a table's rows, all that is below them included: the key of a child, then the fields of the entry."""
    rows = _checked(tables[table.name], table)
    children = model.children(table)
    if children:
        rows = _with_entries(rows, table, children, _entries(tables, model, children))
    columns = [(f"`c{at}`", column) for at, column in enumerate(table.columns)]
    keys = [sql for sql, column in columns if column.key and table.kind != "root"]
    own = columns[len(keys) :]
    sources = {column.leaf.path: Source(sql, nullable=True) for sql, column in own if not column.leaf.marks}
    present = {column.leaf.path: sql for sql, column in own if column.leaf.marks}
    # With aliases, since Spark Connect marks the columns that it had to name itself in their metadata.
    nested = (f"{sql} AS `{at}`" for at, sql in enumerate(nested_columns(table.entry, sources, present)))
    return rows.selectExpr(*keys, *nested)


def _entries(tables: Mapping[str, DataFrame], model: RelationalModel, children: Sequence[Table]) -> DataFrame:
    """Collect the rows of one parent's children by their foreign key, all of them in one shuffle.

    Returns:
        The foreign key's columns, and for each child the list of its positions and entries, in no order.
    """
    foreign = range(len(children[0].foreign_key))
    parts = []
    for nth, child in enumerate(children):
        nested = _nested(tables, model, child)
        entry = (
            f"`{len(foreign) + 1}`" if child.kind == "array" else f"struct(`{len(foreign) + 1}`, `{len(foreign) + 2}`)"
        )
        placed = f"struct(`{len(foreign)}` AS p, {entry} AS e)"
        parts.append(
            nested.toDF(*positions(len(child.rows.fields))).selectExpr(
                *(f"`{at}` AS `j{at}`" for at in foreign),
                *(f"{placed if other == nth else 'NULL'} AS `e{other}`" for other in range(len(children))),
            )
        )
    collected = (F.expr(f"collect_list(`e{nth}`)").alias(f"e{nth}") for nth in range(len(children)))
    # Not DataFrame.union: before Spark 4 Connect has a DataFrame class of its own.
    union = reduce(lambda one, other: one.union(other), parts)
    return union.groupBy(*(f"j{at}" for at in foreign)).agg(*collected)


def _with_entries(rows: DataFrame, table: Table, children: Sequence[Table], entries: DataFrame) -> DataFrame:
    """Put each child's entries in the place of their size, and hold the one against the other."""
    keys = [at for at, column in enumerate(table.columns) if column.key]
    joined = rows.join(entries, F.expr(" AND ".join(f"`c{at}` <=> `j{nth}`" for nth, at in enumerate(keys))), "left")
    document = f"concat_ws(', ', {', '.join(f'CAST(`c{at}` AS STRING)' for at in keys)})"
    made = {child.source: _in_order(table, child, f"`e{nth}`", document) for nth, child in enumerate(children)}
    return joined.selectExpr(*(f"{made.get(at, f'`c{at}`')} AS `c{at}`" for at in range(len(table.columns))))


def _in_order(table: Table, child: Table, entries: str, document: str) -> str:
    size = f"`c{child.source}`"
    # size(NULL) is -1 in a session without ANSI mode.
    found = f"if({entries} IS NULL, 0, size({entries}))"
    why = literal(f"table {child.name}: wanted as many rows as {table.columns[child.source].name} of {table.name} says")
    wrong = f"raise_error(concat({why}, ', ', {size}, '; found ', {found}, ', for key ', {document}))"
    # A comparator, since maps have no order of their own and positions alone decide.
    order = "(l, r) -> CASE WHEN l.p < r.p THEN -1 WHEN l.p > r.p THEN 1 ELSE 0 END"
    array = f"transform(array_sort(coalesce({entries}, array()), {order}), x -> x.e)"
    made = array if child.kind == "array" else f"map_from_entries({array})"
    return f"CASE WHEN coalesce({size}, 0) <> {found} THEN {wrong} WHEN {size} IS NOT NULL THEN {made} END"


def _checked(df: DataFrame, table: Table) -> DataFrame:
    """Pick the model's columns by name, and name them by position."""
    have = df.schema
    picked = []
    for at, column in enumerate(table.columns):
        found = find_column(have, column.name, ignores_case=partial(ignores_case, df))
        if have.fields[found].dataType.simpleString() != column.type.simpleString():
            raise ColumnTypeError(
                f"{table.name}.{column.name}",
                wanted=type_text(column.type),
                found=type_text(have.fields[found].dataType),
                way_out="Cast it to what the model says",
            )
        picked.append(f"`{found}` AS `c{at}`")
    return df.toDF(*positions(len(have.fields))).selectExpr(*picked)
