"""What the gold steps share: groups that all stay, and sums that are exact."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType, IntegralType, StructField, StructType

from shopsmart_etl._core.columns import find_column, refuse_clashes
from shopsmart_etl._core.engine import refuse_on_sail
from shopsmart_etl._core.session import ignores_case
from shopsmart_etl._core.sql import quote, type_text
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError
from shopsmart_etl.gold._periods import period
from shopsmart_etl.typing import Every

# Of shares such as a retention: hundredths of a percent.
_SHARE = DecimalType(5, 4)

# A decimal's sum has ten digits more, of 38 at most: with these no number of rows fills it.
_DIGITS_WITH_ROOM = 28


class Groups(NamedTuple):
    """What a gold table has a row for: a period or none, and further columns."""

    names: list[str]
    columns: list[Column]

    def named(self, names: Sequence[str] | None = None) -> list[Column]:
        """Give the columns under their names in the result, or under others."""
        return [column.alias(name) for name, column in zip(names or self.names, self.columns, strict=True)]


def refuse_text(argument: str, columns: Sequence[str]) -> None:
    """Refuse one name in place of a sequence of names: its letters would be taken for columns."""
    if isinstance(columns, str):
        raise InvalidArgumentError(
            argument, wanted=f"a sequence of columns, say {argument}=[{columns!r}]", found=columns
        )


def field_of(df: DataFrame, schema: StructType, column: str) -> StructField:
    """Find a column by its name."""
    return schema.fields[find_column(schema, column, ignores_case=partial(ignores_case, df))]


def groups_of(
    df: DataFrame,
    schema: StructType,
    *,
    by: Sequence[str],
    results: Sequence[str],
    at: str | None = None,
    every: Every = "day",
    zone: str | None = None,
) -> Groups:
    """Find the columns to group by, the period first, and refuse names that the result's columns have.

    Raises:
        ColumnNotFoundError: A column is not there.
        ColumnTypeError: ``at`` cannot be cut into periods.
        ColumnClashError: A ``by`` column is named like a column of the result.
    """
    names = [] if at is None else [str(every)]
    columns = [] if at is None else [period(field_of(df, schema, at), every=every, zone=zone)]
    by_names = [field_of(df, schema, column).name for column in by]
    refuse_clashes(
        [(name, f"the result's {name}") for name in (*names, *results)]
        + [(name, f"group column {quote(name)}") for name in by_names],
        ignores_case=partial(ignores_case, df),
        way_out="Rename the group column first",
    )
    return Groups(names + by_names, columns + [F.col(quote(name)) for name in by_names])


def exact_field(df: DataFrame, schema: StructType, column: str) -> StructField:
    """Find a column whose sum is exact.

    Raises:
        ColumnNotFoundError: It is not there.
        ColumnTypeError: It is neither a decimal nor an integer.
        UnsupportedError: The session is on Sail, and the sum might have no room.
    """
    field = field_of(df, schema, column)
    if not isinstance(field.dataType, (DecimalType, IntegralType)):
        found = type_text(field.dataType)
        way_out = "Cast it to a decimal first"
        raise ColumnTypeError(field.name, wanted="a decimal or an integer", found=found, way_out=way_out)
    if isinstance(field.dataType, DecimalType) and field.dataType.precision > _DIGITS_WITH_ROOM:
        refuse_on_sail(
            df.sparkSession,
            f"a sum of {type_text(field.dataType)}",
            why="gives a wrong sum where it is too large",
            way_out=f"Cast it to a decimal of at most {_DIGITS_WITH_ROOM} digits first",
        )
    return field


def total(field: StructField, *, where: Column | None = None) -> Column:
    """Sum a column, or its rows that keep a condition: 0 if no value is known, and an error if the sum has no room."""
    value = F.col(quote(field.name))
    amount = value if where is None else F.when(where, value)
    zero = F.expr(f"0E-{field.dataType.scale}BD" if isinstance(field.dataType, DecimalType) else "0L")
    # Null where it overflows, ANSI or not (sum wraps integers around without), which is no group of unknown amounts.
    too_large = F.raise_error(F.lit("the sum is too large for its type"))
    return F.coalesce(F.try_sum(amount), F.when(F.count(amount) > 0, too_large), zero)


def total_type(field: StructField) -> str:
    """Give the type of a column's total, as SQL takes it."""
    if isinstance(field.dataType, DecimalType):
        return f"decimal({min(field.dataType.precision + 10, 38)}, {field.dataType.scale})"
    return "bigint"


def share(part: Column, whole: Column) -> Column:
    """Divide two counts: decimal(5, 4), rounded half up, null where the whole is 0."""
    exact = DecimalType(20, 0)
    return (part.cast(exact) / F.when(whole > 0, whole.cast(exact))).cast(_SHARE)
