"""Nested structs into flat columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql.types import StructType

from shopsmart_etl._core.columns import find_column, refuse_clashes
from shopsmart_etl._core.flattening import Flattening, plan_flattening
from shopsmart_etl._core.session import ignores_case
from shopsmart_etl._core.sql import path_text, type_text
from shopsmart_etl._core.step import Step, step
from shopsmart_etl._core.text_table import Preview
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError

_WAY_OUT = (
    "Rename one of them first, or flatten one of them in a step of its own with another sep. "
    "Names that differ only in case stay apart in a session with spark.sql.caseSensitive=true"
)


@step
def flatten_struct(*columns: str, sep: str = "_", max_depth: int | None = None) -> FlattenStep:
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
        A Transform whose result has one column for each leaf. Its ``preview(schema)`` shows, without Spark, which
        path becomes which column.

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
        >>> flatten_struct().preview(orders.schema)
        path                      column                    type
        ------------------------  ------------------------  -------------
        id                        id                        int
        customer.name             customer_name             string
        customer.address.city     customer_address_city     string
        customer.address.country  customer_address_country  string
        tags                      tags                      array<string>
    """
    if max_depth is not None and max_depth < 1:
        raise InvalidArgumentError("max_depth", wanted="at least 1, or None for every level", found=max_depth)

    def plan(schema: StructType, ignores_case: Callable[[], bool]) -> tuple[Flattening, list[str]]:
        flattening = plan_flattening(schema, _chosen(schema, columns, ignores_case), max_depth)
        names = [sep.join(leaf.path) for leaf in flattening.leaves]
        origins = (path_text(leaf.path) for leaf in flattening.leaves)
        refuse_clashes(zip(names, origins, strict=True), ignores_case=ignores_case, way_out=_WAY_OUT)
        return flattening, names

    return FlattenStep(plan)


class FlattenStep(Step):
    """A flatten, to be applied to a DataFrame or looked at with a schema."""

    def __init__(self, plan: Callable[[StructType, Callable[[], bool]], tuple[Flattening, list[str]]]) -> None:
        """Keep the function that plans the flatten of a schema."""
        super().__init__(self._flatten)
        self._plan = plan

    def preview(self, schema: StructType) -> Preview:
        """Show which path becomes which column, of which type, in a session that ignores case.

        Args:
            schema: A DataFrame's schema.

        Returns:
            A table of text, and the same rows in its attribute ``rows``.

        Raises:
            ShopSmartError: What applying the step would raise.
        """
        flattening, names = self._plan(schema, lambda: True)
        rows = [
            (path_text(leaf.path), name, type_text(leaf.field.dataType))
            for name, leaf in zip(names, flattening.leaves, strict=True)
        ]
        return Preview(("path", "column", "type"), tuple(rows))

    def _flatten(self, df: DataFrame) -> DataFrame:
        flattening, names = self._plan(df.schema, partial(ignores_case, df))
        return flattening.apply(df).toDF(*names) if flattening.levels else df


def _chosen(schema: StructType, columns: Sequence[str], ignores_case: Callable[[], bool]) -> Collection[int]:
    if not columns:
        return range(len(schema.fields))
    found = {find_column(schema, column, ignores_case=ignores_case) for column in columns}
    for at in found:
        field = schema.fields[at]
        if not isinstance(field.dataType, StructType):
            raise ColumnTypeError(field.name, wanted="a struct", found=type_text(field.dataType))
    return found
