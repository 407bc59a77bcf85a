"""Exact sums of amounts, never of several currencies."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, DecimalType, IntegralType, LongType, StructField

from shopsmart_etl._core.column_tags import Link, currency_tag, source_tag, tag_currency, tag_source, target_tag
from shopsmart_etl._core.currency_columns import find_currency, linked_currency, with_tag_of_name
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.spark_errors import fail_column
from shopsmart_etl._core.sql import quote, type_text
from shopsmart_etl.gold._measures import GoldColumn, Grouping, currency_group

# A decimal's sum has ten digits more, of 38 at most: up to this precision no number of rows overflows it.
_MAX_SAFE_PRECISION = 28


class Amount(NamedTuple):
    """A column to sum.

    Attributes:
        field: The column.
        tag: The tag that links it to the column with its currencies; None without one.
        currency: The name of the column with its currencies, which must be equal in each group; None where they are not
            known, or the rows are grouped by them.
    """

    field: StructField
    tag: str | None = None
    currency: str | None = None

    def sum_field(self, name: str, *, nullable: bool = False) -> StructField:
        """Describe a sum of the column, with the tags of its currency, so that nobody adds several later."""
        field = StructField(name, total_type(self.field), nullable)
        if code := currency_tag(self.field):
            return tag_currency(field, code)
        return field if self.tag is None else tag_source(field, Link.CURRENCY, self.tag)

    def value(self) -> Column:
        """Return the column."""
        return F.col(quote(self.field.name))

    def currencies(self) -> tuple[Column, Column] | None:
        """Aggregate a group's currencies: two numbers, equal if there is one; null where all amounts are null.

        The numbers are hashes, since Spark sorts rows to find the smallest text. That of null is a number too.
        """
        if self.currency is None:
            return None
        hashed = F.when(self.value().isNotNull(), F.xxhash64(F.col(quote(self.currency))))
        return F.min(hashed), F.max(hashed)

    def refuse_mixed(self, smallest: Column, largest: Column) -> Column:
        """Return a Column that fails the job where two aggregated currencies differ; null where they do not."""
        return F.when(
            smallest != largest,
            fail_column(
                f"column {self.field.name!r}: expected amounts in one currency; got several in column "
                f"{self.currency!r}. Group by it with currency={self.currency!r}, or use convert_currency first"
            ),
        )


def find_amount(frame: Frame, column: str, grouping: Grouping) -> Amount:
    """Find a column whose sum is exact, and the column with its currencies.

    Raises:
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: The column is neither a decimal nor an integer; its currencies are tagged as those of a column
            that does not exist, of several, or of another than the grouping's; or the grouping's are no strings.
        UnsupportedError: The session is on Sail, and the sum might overflow.
    """
    field = _exact_field(frame, column)
    if grouping.currency is not None:
        hint = f"Leave currency out, and name {grouping.currency!r} in by to group by it"
        currency = find_currency(frame, field, grouping.currency, hint=hint)
        return Amount(field, target_tag(currency_group(currency), Link.CURRENCY))
    field = with_tag_of_name(frame, field)
    tag = source_tag(field, Link.CURRENCY)
    if tag is None:
        return Amount(field)
    index = linked_currency(frame, field)
    is_grouped = index in [frame.index(name) for name in grouping.by]
    return Amount(field, tag, None if is_grouped else frame.names[index])


def _exact_field(frame: Frame, column: str) -> StructField:
    """Find a column whose sum is exact.

    Raises:
        ColumnNotFoundError: It does not exist.
        ColumnTypeError: It is neither a decimal nor an integer.
        UnsupportedError: The session is on Sail, and the sum might overflow.
    """
    index = frame.require(
        column, (DecimalType, IntegralType), expected="a decimal or an integer", hint="Cast it to a decimal first"
    )
    field = frame.schema.fields[index]
    if isinstance(field.dataType, DecimalType) and field.dataType.precision > _MAX_SAFE_PRECISION:
        frame.refuse_on_sail(
            f"a sum of {type_text(field.dataType)}",
            why="gives a wrong sum where it is too large",
            hint=f"Cast it to a decimal of at most {_MAX_SAFE_PRECISION} digits first",
        )
    return field


def total(amount: Amount, *, where: Column | None = None) -> Column:
    """Sum a column, over the rows that meet a condition: 0 if all values are null.

    An overflow fails the job, and so do several currencies in the group.
    """
    field = amount.field
    values = amount.value() if where is None else F.when(where, amount.value())
    zero = F.expr(f"0E-{field.dataType.scale}BD" if isinstance(field.dataType, DecimalType) else "0L")
    # try_sum is null where it overflows, ANSI mode or not (sum wraps integers around without): tell that from a group
    # of null amounts.
    too_large = fail_column(f"column {field.name!r}: the sum is too large for its type, {type_text(total_type(field))}")
    currencies = amount.currencies()
    checks = [amount.refuse_mixed(*currencies)] if currencies else []
    return F.coalesce(*checks, F.try_sum(values), F.when(F.count(values) > 0, too_large), zero)


def total_type(field: StructField) -> DataType:
    """Return the type of a column's sum."""
    if isinstance(field.dataType, DecimalType):
        return DecimalType(min(field.dataType.precision + 10, 38), field.dataType.scale)
    return LongType()


def total_column(name: str, amount: Amount, *, where: Callable[[], Column] | None = None) -> GoldColumn:
    """Describe the sum of a column under a name, over the rows that meet a condition."""
    return GoldColumn(amount.sum_field(name), lambda: total(amount, where=None if where is None else where()))
