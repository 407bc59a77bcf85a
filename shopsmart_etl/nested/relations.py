"""Split nested documents into related tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql.types import DataType, StructType
from typing_extensions import override

from shopsmart_etl._core.checks import is_dataframe
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.spark_errors import translate_errors
from shopsmart_etl._core.sql import field_of, positions
from shopsmart_etl.errors import InvalidArgumentError, KeyNotUniqueError
from shopsmart_etl.nested._tables import RelationalTable
from shopsmart_etl.nested.rebuild import rebuild_documents
from shopsmart_etl.nested.relational_model import RelationalModel, model_of_frame

# Spark's time doubles with each level of a path from about 24 levels on.
_MAX_PATH_LENGTH = 16
_MAX_OFFENDERS = 5


class Relations(Mapping[str, "DataFrame"]):
    """Map the name of each related table to its DataFrame, parent tables first.

    Attributes:
        model: The paths, columns, primary keys and foreign keys of the tables.
    """

    def __init__(self, model: RelationalModel, frames: Mapping[str, DataFrame]) -> None:
        """Store the model, and the DataFrame of each table.

        Raises:
            InvalidArgumentError: They are something else.
        """
        if not isinstance(model, RelationalModel):
            raise InvalidArgumentError("model", expected="a RelationalModel", got=model)
        if not isinstance(frames, Mapping) or not all(map(is_dataframe, frames.values())):
            raise InvalidArgumentError("frames", expected="a mapping from names to DataFrames", got=frames)
        self.model = model
        self._frames = dict(frames)

    def check_key(self) -> Relations:
        """Check that the keys of the root table are unique and not null. Runs a Spark job.

        Returns:
            The same tables.

        Raises:
            KeyNotUniqueError: A key is duplicate or null; the error contains up to five such keys.
            RowRefusedError: A step before refused a value.
        """
        root = self.model.root
        keys = [str(index) for index, column in enumerate(root.columns) if column.key]
        counts = self[root.name].toDF(*positions(len(root.columns))).groupBy(*keys).count()
        is_null = " OR ".join(f"`{key}` IS NULL" for key in keys)
        with translate_errors():
            offenders = counts.where(f"`count` > 1 OR {is_null}").limit(_MAX_OFFENDERS).collect()
        if offenders:
            raise KeyNotUniqueError(root.name, root.primary_key, [(tuple(row[:-1]), row[-1]) for row in offenders])
        return self

    def rebuild_documents(self) -> DataFrame:
        """Join the tables back into nested documents; see ``rebuild_documents``."""
        return rebuild_documents(self, model=self.model)

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
    df: DataFrame,
    *,
    root: str,
    key: str | Sequence[str],
    sep: str = "_",
    present_suffix: str | None = None,
    carry: str | Sequence[str] = (),
) -> Relations:
    """Split nested documents into a root table and one child table per array and map, at every depth.

    Structs are flattened. A child table has one row per array element or map entry:

    - Values: the fields of a struct element; otherwise a column ``value``. A map entry has ``key`` and ``value``.
    - Primary key: the root key, named ``<root>_<key>``, and the position from 0 at each level, named ``<path>_pos``.
    - Foreign key: the primary key without the last position.

    Keys are deterministic. The parent table has a column ``<path>_size`` instead of the array or map: null if it was
    null, 0 if it was empty. Null elements and duplicates are kept.

    No job runs until a table is used. Each table reads ``df`` again, so write documents that are slow to parse to
    Parquet first.

    Args:
        df: The documents, one per row.
        root: The name of the root table; a child table is named ``<root>_<path>``.
        key: One or more columns of the root table that identify a document. They must be unique and not null;
            ``Relations.check_key`` checks this.
        sep: The separator between the names of a path.
        present_suffix: Suffix of a boolean column for each nullable struct, true if the struct is not null; None for
            no such columns. With it ``rebuild_documents`` distinguishes a null struct from a struct of nulls. The
            column of a struct in an array is named ``value_present`` with ``"_present"``.
        carry: Columns, or fields of structs by dotted path, such as ``customer.country``, that are repeated as the last
            columns of every child table, so that it can be filtered and partitioned by them. They keep their type and
            their name in the root table. Sums over a carried amount count it once per child row.

    Returns:
        The tables by name. They print as a tree; ``.model`` has their keys, a preview and a Mermaid diagram.

    Raises:
        InvalidArgumentError: An argument has a wrong type, or ``root`` or ``key`` is empty.
        ColumnNotFoundError: A key column does not exist in the root table, or a column to carry does not exist.
        ColumnTypeError: A key column is an array or a map; a column to carry is a struct, an array, a map or a field
            of an array; or a column has more than 50 types inside one another.
        ColumnClashError: Two columns of a table, or two tables, would have the same name.

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

        With ``carry``, child tables can be partitioned by a column of the document:

        >>> tables = relationalize(orders, root="orders", key="id", carry="customer.name")
        >>> tables["orders_items"].show()
        +---------+---------+---+---------------+-------------+
        |orders_id|items_pos|sku|attributes_size|customer_name|
        +---------+---------+---+---------------+-------------+
        |        1|        0|pen|              1|          Ada|
        |        1|        1|ink|           NULL|          Ada|
        +---------+---------+---+---------------+-------------+
        <BLANKLINE>
        >>> written = tables["orders_items"].transform(write_partitioned(new_path(), by="customer_name"))
    """
    if not is_dataframe(df):
        raise InvalidArgumentError("df", expected="a DataFrame", got=df)
    frame = Frame.of(df)
    model = model_of_frame(frame, root=root, key=key, sep=sep, present_suffix=present_suffix, carry=carry)
    fills_null_structs = any(table.flattening.levels for table in model.tables) and frame.is_sail
    rows_by_table: dict[str, _Rows] = {}
    for table in model.tables:
        parents = rows_by_table.get(table.parent or "")
        nested = df if parents is None else _entries(parents, table, from_flat=fills_null_structs)
        nested = nested.toDF(*positions(len(table.rows.fields)))
        flat = table.flattening.apply(nested, fills_null_structs=fills_null_structs).toDF(
            *positions(len(table.columns))
        )
        rows_by_table[table.name] = _Rows(table, nested, flat)
    frames = {name: rows.select_columns() for name, rows in rows_by_table.items()}
    return Relations(model, frames)


class _Rows(NamedTuple):
    """A table's rows before and after they are flattened, with columns named by position."""

    table: RelationalTable
    nested: DataFrame
    flat: DataFrame

    def select_columns(self) -> DataFrame:
        columns = self.table.columns
        expressions = (f"{column.sql} AS `{index}`" for index, column in enumerate(columns))
        return self.flat.selectExpr(*expressions).toDF(*(column.name for column in columns))


def _entries(parents: _Rows, child: RelationalTable, *, from_flat: bool) -> DataFrame:
    """Explode the parents' array or map into rows of the parent's key, the position, the entry and carried columns.

    Args:
        parents: The parents.
        child: The child table.
        from_flat: Whether to use the flattened rows, for an engine that reads values from null structs.
    """
    keys = [index for index, column in enumerate(parents.table.columns) if column.key]
    copied = [*keys, *parents.table.carried]
    leaves = parents.table.flattening.leaves
    paths = [_sql_path(parents.table.rows, leaves[index].path) for index in (*copied, child.source)]
    if None in paths or from_flat:
        exploded = parents.flat.selectExpr(*(f"`{index}`" for index in copied), f"posexplode(`{child.source}`)")
    else:
        # Use the nested rows: on 3,000 flat columns Spark takes 0.4 s to analyze each child table.
        *copied_paths, source = map(str, paths)
        exploded = parents.nested.selectExpr(*copied_paths, f"posexplode({source})")
    names = positions(len(child.rows.fields))
    end = len(names) - len(child.carried)
    entry = names[len(keys) + 1 : end]
    # Equal to the column. Without the conditional Spark's optimizer compares all nested fields used above the explode
    # with one another, which takes minutes at 3,000 leaves and never prunes a posexplode.
    # The alias, since Spark Connect adds metadata to columns without one.
    kept = (f"if(isnull(`{name}`), null, `{name}`) AS `{name}`" if name in entry else f"`{name}`" for name in names)
    return exploded.toDF(*names[: len(keys)], *names[end:], *names[len(keys) : end]).selectExpr(*kept)


def _sql_path(rows: StructType, path: Sequence[str]) -> str | None:
    """Write the SQL of a path in rows whose columns are named by position.

    Returns:
        The SQL; None for a deep path, which slows Spark down, and for a path with names that differ from a sibling's
        only in case, which Spark cannot resolve.
    """
    if len(path) > _MAX_PATH_LENGTH:
        return None
    sql = ""
    data_type: DataType = rows
    for name in path:
        assert isinstance(data_type, StructType)  # noqa: S101 - narrows the type; all fields but the last are structs
        if sum(other.lower() == name.lower() for other in data_type.names) > 1:
            return None
        sql = field_of(sql, name) if sql else f"`{data_type.names.index(name)}`"
        data_type = data_type[name].dataType
    return sql
