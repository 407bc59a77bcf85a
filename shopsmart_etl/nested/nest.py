"""Flat columns back into nested structs."""

from __future__ import annotations

from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql.types import StructField, StructType

from shopsmart_etl._core.columns import find_column, refuse_clashes
from shopsmart_etl._core.flattening import plan_flattening
from shopsmart_etl._core.session import ignores_case
from shopsmart_etl._core.sql import positions, type_text
from shopsmart_etl._core.step import step
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError
from shopsmart_etl.nested._nesting import Source, nested_columns, with_metadata
from shopsmart_etl.typing import Transform


@step
def nest_struct(schema: StructType, *, sep: str = "_") -> Transform:
    """Build struct columns from flat ones named by path: the inverse of ``flatten_struct``.

    A struct whose leaves are all null comes back as null where the schema lets it be null. That is what it was before
    the flatten, unless it was a struct of nothing but nulls: flat columns cannot tell these two apart.

    Args:
        schema: The columns wanted. Each leaf is taken from the column named by its path, such as ``customer_name``
            for ``customer.name``, and of the leaf's own type.
        sep: What joins the names of a path.

    Returns:
        A Transform whose result has the schema's columns, then the columns that it does not name, in their order.
        A leaf that the schema says is not null fails the job where it is null in a struct that is not; arrays and
        maps, like variants and intervals, stay nullable inside a nullable struct.

    Raises:
        InvalidArgumentError: ``schema`` is not a StructType.
        ColumnNotFoundError: A leaf has no column.
        ColumnTypeError: A leaf's column is of another type.
        ColumnClashError: A column that the schema does not name is named like one of its columns.

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
    if not isinstance(schema, StructType):
        raise InvalidArgumentError("schema", wanted="a StructType", found=schema)

    def nest(df: DataFrame) -> DataFrame:
        have = df.schema
        found: dict[tuple[str, ...], int] = {}
        for leaf in plan_flattening(schema, range(len(schema.fields))).leaves:
            at = find_column(have, sep.join(leaf.path), ignores_case=partial(ignores_case, df))
            _refuse_other_type(have.fields[at], leaf.field)
            found[leaf.path] = at
        rest = [at for at in range(len(have.fields)) if at not in found.values()]
        names = [*schema.names, *(have.names[at] for at in rest)]
        refuse_clashes(
            ((name, f"column {number + 1}") for number, name in enumerate(names)),
            ignores_case=partial(ignores_case, df),
            way_out="Rename or drop the column that the schema does not name",
        )
        nested = nested_columns(
            schema, {path: Source(f"`{at}`", have.fields[at].nullable) for path, at in found.items()}
        )
        # With aliases, since Spark Connect marks the columns that it had to name itself in their metadata.
        columns = [*(f"{sql} AS `{at}`" for at, sql in enumerate(nested)), *(f"`{at}`" for at in rest)]
        return with_metadata(df.toDF(*positions(len(have.fields))).selectExpr(*columns).toDF(*names), schema.fields)

    return nest


def _refuse_other_type(have: StructField, wanted: StructField) -> None:
    # simpleString leaves nullability out.
    if have.dataType.simpleString() != wanted.dataType.simpleString():
        raise ColumnTypeError(
            have.name,
            wanted=type_text(wanted.dataType),
            found=type_text(have.dataType),
            way_out="Cast it first, or nest by a schema of its type",
        )
