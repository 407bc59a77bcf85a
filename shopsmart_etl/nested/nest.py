"""Nest flat columns into structs."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql.types import StructField, StructType

from shopsmart_etl._core.checks import check_schema, check_text
from shopsmart_etl._core.column_tags import Link, inherit_presence, source_tag
from shopsmart_etl._core.depth import check_schema_depth
from shopsmart_etl._core.flattening import plan_flattening
from shopsmart_etl._core.frame import Frame, Output, Plan
from shopsmart_etl._core.sql import quote, type_text
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl.errors import ColumnTypeError
from shopsmart_etl.nested._nesting import Source, nested_columns


@step
def nest_struct(schema: StructType | str, *, sep: str = "_") -> Planner:
    """Nest flat columns into struct columns by their names: the inverse of ``flatten_struct``.

    No rows are added or dropped. A nullable struct whose leaves are all null becomes null, so a struct that had only
    null fields before it was flattened becomes null too. Arrays and maps are copied unchanged. A null leaf that the
    schema declares NOT NULL fails the job, unless its struct is null, or it is a variant or an interval.

    Args:
        schema: The schema of the nested columns, as a StructType or DDL text. Each leaf is read from the column named
            by its path, such as ``customer_name`` for ``customer.name``, which must have the leaf's type.
        sep: The separator between the names of a path.

    Returns:
        A Transform whose result has the columns of the schema, followed by the remaining columns in their order.
        Arrays, maps, variants and intervals in a nullable struct are nullable even if the schema declares them NOT
        NULL.

    Raises:
        InvalidArgumentError: ``schema`` is not a StructType or valid DDL, or has more than 50 types inside one another;
            or ``sep`` is not a string.
        ColumnNotFoundError: A leaf has no column.
        ColumnTypeError: A leaf's column has another type.
        ColumnClashError: A remaining column has the name of a column of the schema.

    Example:
        >>> from pyspark.sql.types import StructType
        >>> orders = spark.createDataFrame(
        ...     [(1, ("Ada", ("EIRE",)), ["new"]), (2, ("Bob", None), []), (3, None, None)],
        ...     "id int, customer struct<name: string, address: struct<country: string>>, tags array<string>")
        >>> orders.transform(flatten_struct()).transform(nest_struct(orders.schema)).show()
        +---+-------------+-----+
        | id|     customer| tags|
        +---+-------------+-----+
        |  1|{Ada, {EIRE}}|[new]|
        |  2|  {Bob, NULL}|   []|
        |  3|         NULL| NULL|
        +---+-------------+-----+
        <BLANKLINE>
    """
    check_schema("schema", schema)
    check_text("sep", sep, empty=True)

    def plan(frame: Frame) -> Plan:
        nested = frame.as_schema("schema", schema)
        check_schema_depth("schema", nested)
        indexes: dict[tuple[str, ...], int] = {}
        for leaf in plan_flattening(nested, range(len(nested.fields))).leaves:
            index = frame.index(sep.join(leaf.path))
            _check_type(frame.schema.fields[index], leaf.field)
            indexes[leaf.path] = index
        leaves = {path: Source(f"`{index}`", frame.schema.fields[index].nullable) for path, index in indexes.items()}
        outputs = [
            Output(_linked(frame, field, indexes), sql, f"the schema's {quote(field.name)}", is_new=True)
            for field, sql in zip(nested.fields, nested_columns(nested, leaves), strict=True)
        ]
        used = set(indexes.values())
        outputs += [frame.column(index) for index in range(len(frame.schema.fields)) if index not in used]
        return frame.select(outputs, hint="Rename or drop the column that is not in the schema")

    return plan


def _linked(frame: Frame, field: StructField, indexes: Mapping[tuple[str, ...], int]) -> StructField:
    """Link a struct to the presence column that all its leaves link to."""
    leaves = [frame.schema.fields[index] for path, index in indexes.items() if path[0] == field.name]
    values = {source_tag(leaf, Link.PRESENCE) for leaf in leaves}
    return inherit_presence(field, leaves[0]) if len(values) == 1 else field


def _check_type(field: StructField, leaf: StructField) -> None:
    # simpleString ignores nullability.
    if field.dataType.simpleString() != leaf.dataType.simpleString():
        raise ColumnTypeError(
            field.name,
            expected=type_text(leaf.dataType),
            got=type_text(field.dataType),
            hint="Cast it first, or change its type in the schema",
        )
