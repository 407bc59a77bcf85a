"""Amounts of a parent row counted once after an explode."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType

from shopsmart_etl._core.columns import find_column
from shopsmart_etl._core.nested_fields import keep_metadata
from shopsmart_etl._core.session import ignores_case
from shopsmart_etl._core.sql import positions, type_text
from shopsmart_etl._core.step import step
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError
from shopsmart_etl.typing import Transform


@step
def keep_once(*columns: str, position: str | Sequence[str]) -> Transform:
    """Keep a parent's values on the first of its exploded rows only, so that sums count them once.

    An explode repeats every other column on each row: the order total stands on each order line, and its sum is too
    large. This step makes the value null on all of a parent's rows but the first, the one whose position is 0, or null
    where there was nothing to explode. Every row stays. Apply it right after the explode: a filter in between may
    remove the first row.

    Args:
        *columns: The parent's columns, at least one, of any type.
        position: The column that ``explode_arrays(..., position=...)`` added, or, after several explodes, all of them.

    Returns:
        A Transform whose result has the same columns; those named are nullable.

    Raises:
        InvalidArgumentError: No column or no position is named.
        ColumnNotFoundError: A column is not there.
        ColumnTypeError: A position column is not an int.

    Example:
        >>> orders = spark.createDataFrame(
        ...     [(1, 30, ["pen", "ink"]), (2, 5, []), (3, None, ["cup"])], "id int, total int, items array<string>")
        >>> lines = orders.transform(explode_arrays("items", position="_pos"))
        >>> lines.transform(keep_once("total", position="items_pos")).show()
        +---+-----+---------+-----+
        | id|total|items_pos|items|
        +---+-----+---------+-----+
        |  1|   30|        0|  pen|
        |  1| NULL|        1|  ink|
        |  2|    5|     NULL| NULL|
        |  3| NULL|        0|  cup|
        +---+-----+---------+-----+
        <BLANKLINE>
        >>> lines.transform(keep_once("total", position="items_pos")).selectExpr("sum(total)").collect()[0][0]
        35
    """
    at = [position] if isinstance(position, str) else list(position)
    if not columns:
        raise InvalidArgumentError("columns", wanted="the names of the parent's columns, at least one", found=columns)
    if not at:
        raise InvalidArgumentError("position", wanted="the position column that the explode added", found=position)

    def keep(df: DataFrame) -> DataFrame:
        schema = df.schema
        kept = {find_column(schema, column, ignores_case=partial(ignores_case, df)) for column in columns}
        places = [find_column(schema, column, ignores_case=partial(ignores_case, df)) for column in at]
        for place in places:
            field = schema.fields[place]
            if not isinstance(field.dataType, IntegerType):
                way_out = "Name the column that explode_arrays(..., position=...) added"
                raise ColumnTypeError(
                    field.name, wanted="an int position", found=type_text(field.dataType), way_out=way_out
                )
        first = " AND ".join(f"coalesce(`{place}`, 0) = 0" for place in places)
        once = {str(number): F.expr(f"if({first}, `{number}`, NULL)") for number in kept}
        placed = df.toDF(*positions(len(schema.fields))).withColumns(once)
        return keep_metadata(placed, {str(number): schema.fields[number] for number in kept}).toDF(*schema.names)

    return keep
