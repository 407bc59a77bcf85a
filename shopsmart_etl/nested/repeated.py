"""Null the repeated parent values after an explode, so that sums count them once."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql.types import IntegerType, StructField

from shopsmart_etl._core.checks import check_column, check_columns
from shopsmart_etl._core.frame import Frame, Output, Plan
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl.errors import InvalidArgumentError


@step
def null_repeated(*columns: str, position_column: str | Sequence[str]) -> Planner:
    """Null repeated parent values after an explode, except on the first row, so that sums count them once.

    An explode repeats all other columns on each row: every order line has the order total, so their sum is too large.
    This step keeps the values on the row whose position is 0, or null for an empty or null array, and sets them to
    null on all other rows. No rows are dropped. Apply it directly after the explode: a filter in between can drop the
    first row, and its value.

    Args:
        *columns: Names of the parent columns, at least one, of any type.
        position_column: The column that ``explode_arrays(..., position_suffix=...)`` added; after several explodes,
            the position columns of all of them.

    Returns:
        A Transform whose result has the same columns; those in ``columns`` are nullable.

    Raises:
        InvalidArgumentError: An argument has a wrong type, or no column or no position column is given.
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: A position column is not an int.

    Example:
        >>> orders = spark.createDataFrame(
        ...     [(1, 30, ["pen", "ink"]), (2, 5, []), (3, None, ["cup"])], "id int, total int, items array<string>")
        >>> lines = orders.transform(explode_arrays("items", position_suffix="_pos"))
        >>> lines.transform(null_repeated("total", position_column="items_pos")).show()
        +---+-----+---------+-------------+-----+
        | id|total|items_pos|items_present|items|
        +---+-----+---------+-------------+-----+
        |  1|   30|        0|         true|  pen|
        |  1| NULL|        1|         true|  ink|
        |  2|    5|     NULL|        false| NULL|
        |  3| NULL|        0|         true|  cup|
        +---+-----+---------+-------------+-----+
        <BLANKLINE>
        >>> totals = lines.transform(null_repeated("total", position_column="items_pos"))
        >>> totals.selectExpr("sum(total)").collect()[0][0]
        35
    """
    names = [check_column("columns", column) for column in columns]
    if not names:
        raise InvalidArgumentError("columns", expected="the names of parent columns, at least one", got=columns)
    position_columns = check_columns("position_column", position_column, at_least_one=True)

    def plan(frame: Frame) -> Plan:
        repeated = {frame.index(name) for name in names}
        positions = [
            frame.require(
                name,
                IntegerType,
                expected="an int position",
                hint="Give the column that explode_arrays(..., position_suffix=...) added",
            )
            for name in position_columns
        ]
        first = " AND ".join(f"coalesce(`{position}`, 0) = 0" for position in positions)

        def output(index: int) -> Output:
            column = frame.column(index)
            if index not in repeated:
                return column
            field = column.field
            nullable = StructField(field.name, field.dataType, nullable=True, metadata=field.metadata)
            return Output(nullable, f"if({first}, `{index}`, NULL)", column.source)

        return frame.select([output(index) for index in range(len(frame.schema.fields))])

    return plan
