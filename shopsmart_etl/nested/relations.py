"""Nested documents into related tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from html import escape
from typing import NamedTuple

from pyspark.sql import DataFrame
from typing_extensions import override

from shopsmart_etl._core.session import ignores_case
from shopsmart_etl._core.sql import positions
from shopsmart_etl.errors import KeyNotUniqueError
from shopsmart_etl.nested.relational_model import RelationalModel, Table, sql_path

# Enough to find the fault by.
_OFFENDERS_SHOWN = 5


class Relations(Mapping[str, "DataFrame"]):
    """Related tables: a mapping from name to DataFrame, parents first, that knows each table's keys.

    Attributes:
        model: The tables' paths, columns, primary and foreign keys.
    """

    def __init__(self, model: RelationalModel, frames: Mapping[str, DataFrame]) -> None:
        """Keep the model and a DataFrame for each of its tables."""
        self.model = model
        self._frames = dict(frames)

    def check_key(self) -> Relations:
        """Read the documents once and refuse a root key that is null or stands on more than one of them.

        Returns:
            The same tables.

        Raises:
            KeyNotUniqueError: Some of the keys are; the error names up to five of them.
        """
        root = self.model.root
        at = [str(position) for position, column in enumerate(root.columns) if column.key]
        counted = self[root.name].toDF(*positions(len(root.columns))).groupBy(*at).count()
        null = " OR ".join(f"`{position}` IS NULL" for position in at)
        wrong = counted.where(f"`count` > 1 OR {null}").limit(_OFFENDERS_SHOWN).collect()
        if wrong:
            raise KeyNotUniqueError(root.name, root.primary_key, [(tuple(row[:-1]), row[-1]) for row in wrong])
        return self

    @override
    def __getitem__(self, name: str) -> DataFrame:
        return self._frames[name]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._frames)

    @override
    def __len__(self) -> int:
        return len(self._frames)

    @override
    def __repr__(self) -> str:
        return repr(self.model)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"


def relationalize(
    df: DataFrame, *, root: str, key: str | Sequence[str], sep: str = "_", present: str | None = None
) -> Relations:
    """Split nested documents into a root table and one table for each array and map, at every depth.

    Structs are flattened in place. A row of a child table is one element of an array, or one entry of a map (columns
    ``key`` and ``value``); what is no struct stands in the column ``value``. Its primary key is the root key, named
    ``<root>_<key>``, and the position from 0 at each level, named ``<path>_pos``: the same on every run. All but the
    last of these are its foreign key. In place of an array or map its parent keeps ``<path>_size``, null where it was
    null and 0 where it was empty.

    Nothing is read here. Each table reads the documents by itself when it is used, so write documents that are
    costly to parse to Parquet first, and relationalize that.

    Args:
        df: The documents, one a row.
        root: The root table's name; a child's is ``<root>_<path>``.
        key: The column, or columns, that tell the documents apart, by their names in the root table: not null and
            unique, which ``Relations.check_key`` tests.
        sep: What joins the names of a path.
        present: A suffix; ``"_present"`` adds a boolean ``<path>_present`` for each struct that may be null, an array's
            element being ``value``. With it ``denormalize`` can tell a null struct from one of nothing but nulls.

    Returns:
        The tables by name. They print as a tree; ``.model`` has their keys, a preview and a Mermaid diagram.

    Raises:
        InvalidArgumentError: ``root`` or ``key`` is empty.
        ColumnNotFoundError: The root table has no such key column.
        ColumnTypeError: A key column is an array or a map.
        ColumnClashError: Two columns of a table, or two tables, would have one name.

    Example:
        >>> orders = spark.createDataFrame(
        ...     [(1, ("Ada",), [("pen", {"color": "red"}), ("ink", None)]), (2, None, []), (3, ("Bob",), None)],
        ...     "id int, customer struct<name: string>, "
        ...     "items array<struct<sku: string, attributes: map<string, string>>>")
        >>> tables = relationalize(orders, root="orders", key="id")
        >>> tables
        orders (id) + 2 columns
        └── orders_items (orders_id, items_pos) + 2 columns
            └── orders_items_attributes (orders_id, items_pos, items_attributes_pos) + 2 columns
        >>> tables["orders"].show()
        +---+-------------+----------+
        | id|customer_name|items_size|
        +---+-------------+----------+
        |  1|          Ada|         2|
        |  2|         NULL|         0|
        |  3|          Bob|      NULL|
        +---+-------------+----------+
        <BLANKLINE>
        >>> tables["orders_items"].show()
        +---------+---------+---+---------------+
        |orders_id|items_pos|sku|attributes_size|
        +---------+---------+---+---------------+
        |        1|        0|pen|              1|
        |        1|        1|ink|           NULL|
        +---------+---------+---+---------------+
        <BLANKLINE>
        >>> tables["orders_items_attributes"].show()
        +---------+---------+--------------------+-----+-----+
        |orders_id|items_pos|items_attributes_pos|  key|value|
        +---------+---------+--------------------+-----+-----+
        |        1|        0|                   0|color|  red|
        +---------+---------+--------------------+-----+-----+
        <BLANKLINE>
    """
    model = RelationalModel(
        df.schema, root=root, key=key, sep=sep, present=present, ignores_case=partial(ignores_case, df)
    )
    made: dict[str, _Rows] = {}
    for table in model.tables:
        nested = df if table.parent is None else _entries(made[table.parent], table)
        nested = nested.toDF(*positions(len(table.rows.fields)))
        flat = table.flattening.apply(nested).toDF(*positions(len(table.columns)))
        made[table.name] = _Rows(table, nested, flat)
    frames = {
        name: rows.flat.selectExpr(*(f"{column.sql} AS `{at}`" for at, column in enumerate(rows.table.columns))).toDF(
            *(column.name for column in rows.table.columns)
        )
        for name, rows in made.items()
    }
    return Relations(model, frames)


class _Rows(NamedTuple):
    """A table's rows, their columns named by position: as they are, and flattened."""

    table: Table
    nested: DataFrame
    flat: DataFrame


def _entries(parents: _Rows, child: Table) -> DataFrame:
    """Give each entry of the parents' array or map a row: the parent's key, the position, the entry."""
    keys = [at for at, column in enumerate(parents.table.columns) if column.key]
    leaves = parents.table.flattening.leaves
    paths = [sql_path(parents.table.rows, leaves[at].path) for at in (*keys, child.source)]
    if None in paths:
        exploded = parents.flat.selectExpr(*(f"`{at}`" for at in keys), f"posexplode(`{child.source}`)")
    else:
        # Past the wide frame: on 3,000 columns Spark takes 0.4 s to analyze each of the children.
        *key_paths, source = map(str, paths)
        exploded = parents.nested.selectExpr(*key_paths, f"posexplode({source})")
    names = positions(len(child.rows.fields))
    entry = names[len(keys) + 1 :]
    # The condition means the column itself. It keeps Spark's optimizer from comparing all nested fields used above an
    # explode with one another, which takes it minutes at 3,000 leaves, and gains nothing above a posexplode.
    kept = (f"if(isnull(`{at}`), null, `{at}`)" if at in entry else f"`{at}`" for at in names)
    return exploded.toDF(*names).selectExpr(*kept)
