"""Nested structs into flat columns."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pyspark.sql.types import StructType

from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError
from shopsmart_etl.schema import find_column, path_text, plan_flattening, positions, refuse_clashes, type_text
from shopsmart_etl.session import ignores_case
from shopsmart_etl.step import step

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pyspark.sql import DataFrame

    from shopsmart_etl.typing import Transform

_WAY_OUT = (
    "Rename one of them first, or flatten one of them in a step of its own with another sep. "
    "Names that differ only in case stay apart in a session with spark.sql.caseSensitive=true"
)


@step
def flatten_struct(*columns: str, sep: str = "_", max_depth: int | None = None) -> Transform:
    """Replace struct columns by their leaves, named by path.

    The leaves take the struct's place, in schema order. Rows are neither added nor dropped: a null struct gives
    null leaves. Arrays and maps are left whole, and so is a struct without fields. Types, nullability and field
    metadata are those of the leaves. Field names may hold dots, spaces, backticks or any Unicode.

    Args:
        *columns: Struct columns at the top level, each flattened at every depth; names are taken literally. With
            none, every struct column.
        sep: What joins the names of a path.
        max_depth: How many levels of struct to open, at least 1; deeper structs stay structs. None opens all.

    Returns:
        A Transform whose result has one column for each leaf.

    Raises:
        InvalidArgumentError: ``max_depth`` is less than 1.
        ColumnNotFoundError: A named column is not there.
        ColumnTypeError: A named column is not a struct.
        ColumnClashError: Two leaves would end in one name, as the session compares names.

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
    """
    if max_depth is not None and max_depth < 1:
        raise InvalidArgumentError("max_depth", wanted="at least 1, or None for every level", found=max_depth)

    def flatten(df: DataFrame) -> DataFrame:
        schema = df.schema
        plan = plan_flattening(schema, _chosen(df, schema, columns), max_depth)
        names = [sep.join(leaf.path) for leaf in plan.leaves]
        refuse_clashes(
            ((name, path_text(leaf.path)) for name, leaf in zip(names, plan.leaves, strict=True)),
            ignores_case=partial(ignores_case, df),
            way_out=_WAY_OUT,
        )
        if not plan.levels:
            return df
        for level in plan.levels:
            # Names by position: what the fields are called cannot matter.
            df = df.toDF(*positions(len(level))).selectExpr(*level)
        return df.toDF(*names)

    return flatten


def _chosen(df: DataFrame, schema: StructType, columns: Sequence[str]) -> Collection[int]:
    if not columns:
        return range(len(schema.fields))
    found = {find_column(schema, column, ignores_case=partial(ignores_case, df)) for column in columns}
    for at in found:
        field = schema.fields[at]
        if not isinstance(field.dataType, StructType):
            raise ColumnTypeError(field.name, wanted="a struct", found=type_text(field.dataType))
    return found
