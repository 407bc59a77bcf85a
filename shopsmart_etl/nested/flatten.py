"""Flatten nested structs into columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from shopsmart_etl._core.checks import check_column, check_integer, check_text
from shopsmart_etl._core.column_tags import inherit_presence
from shopsmart_etl._core.flattening import Leaf, plan_flattening
from shopsmart_etl._core.frame import Frame, Plan, replace_name
from shopsmart_etl._core.sql import path_text, positions
from shopsmart_etl._core.step import Planner, step

_HINT = (
    "Rename one of them first, or flatten one of them in a separate step with another sep. "
    "Names that differ only in case do not clash with spark.sql.caseSensitive=true"
)


@step
def flatten_struct(*columns: str, sep: str = "_", max_depth: int | None = None) -> Planner:
    """Flatten nested struct columns at every depth into one column per leaf field, named by its path.

    The leaves replace the struct in schema order. No rows are added or dropped. All leaves of a null struct are null.
    Arrays, maps and structs without fields are not flattened. Leaves keep their type and metadata, and the link of an
    exploded struct to its ``_present`` column; a leaf is nullable if it or a struct around it is. Field names may
    contain dots, spaces, backticks and any Unicode.

    Args:
        *columns: Names of top-level struct columns, taken literally. Default: all struct columns.
        sep: The separator between the names of a path.
        max_depth: The number of struct levels to flatten, at least 1; deeper structs are kept. Default: all levels.

    Returns:
        A Transform whose result has one column per leaf. Its ``preview(schema)`` lists the path and the new name of
        each column without Spark.

    Raises:
        InvalidArgumentError: An argument has a wrong type, or ``max_depth`` is less than 1.
        ColumnNotFoundError: A column in ``columns`` does not exist.
        ColumnTypeError: A column in ``columns`` is not a struct, or more than 50 levels are to be flattened.
        ColumnClashError: Two leaves would have the same name.

    Example:
        >>> orders = spark.createDataFrame(
        ...     [(1, ("Ada", ("Cork", "EIRE")), ["new"]), (2, ("Bob", None), []), (3, None, None)],
        ...     "id int, customer struct<name: string, address: struct<city: string, country: string>>, "
        ...     "tags array<string>")
        >>> orders.transform(flatten_struct()).show()
        +---+-------------+---------------------+------------------------+-----+
        | id|customer_name|customer_address_city|customer_address_country| tags|
        +---+-------------+---------------------+------------------------+-----+
        |  1|          Ada|                 Cork|                    EIRE|[new]|
        |  2|          Bob|                 NULL|                    NULL|   []|
        |  3|         NULL|                 NULL|                    NULL| NULL|
        +---+-------------+---------------------+------------------------+-----+
        <BLANKLINE>
        >>> flatten_struct().preview(orders.schema)
        path                      column                    type
        ------------------------  ------------------------  -------------
        id                        id                        int
        customer.name             customer_name             string
        customer.address.city     customer_address_city     string
        customer.address.country  customer_address_country  string
        tags                      tags                      array<string>
    """
    for column in columns:
        check_column("columns", column)
    check_text("sep", sep, empty=True)
    check_integer("max_depth", max_depth, min_value=1, optional=True)

    def plan(frame: Frame) -> Plan:
        flattening = plan_flattening(frame.schema, _structs(frame, columns), max_depth)
        names = [sep.join(leaf.path) for leaf in flattening.leaves]
        sources = tuple(path_text(leaf.path) for leaf in flattening.leaves)
        frame.check_clashes(zip(names, sources, strict=True), hint=_HINT)
        fields = [replace_name(_linked(frame, leaf), name) for leaf, name in zip(flattening.leaves, names, strict=True)]
        if not flattening.levels:
            return frame.unchanged()
        fills_null_structs = frame.is_sail
        linked = {
            index: field
            for index, (field, leaf) in enumerate(zip(fields, flattening.leaves, strict=True))
            if field.metadata != leaf.field.metadata or (fills_null_structs and field.metadata)
        }

        def apply(df: DataFrame) -> DataFrame:
            flat = flattening.apply(df, fills_null_structs=fills_null_structs)
            return _set_metadata(flat, linked, len(fields)).toDF(*names)

        return Plan(StructType(fields), apply, sources)

    return plan


def _structs(frame: Frame, columns: Sequence[str]) -> Collection[int]:
    if not columns:
        return range(len(frame.schema.fields))
    return {frame.require(column, StructType, expected="a struct") for column in columns}


def _linked(frame: Frame, leaf: Leaf) -> StructField:
    [parent] = [field for field in frame.schema.fields if field.name == leaf.path[0]][:1]
    return inherit_presence(leaf.field, parent) if len(leaf.path) > 1 else leaf.field


def _set_metadata(df: DataFrame, fields: Mapping[int, StructField], count: int) -> DataFrame:
    """Set the metadata of columns in one select, since items may have many leaves."""
    if not fields:
        return df
    names = positions(count)
    return df.toDF(*names).select(
        *(
            F.col(name).alias(name, metadata=fields[index].metadata) if index in fields else F.col(name)
            for index, name in enumerate(names)
        )
    )
