"""Find the column with the currencies of an amount, which a caller names, or the tags of the columns."""

from __future__ import annotations

from pyspark.sql.types import StringType, StructField

from shopsmart_etl._core.column_tags import (
    Link,
    currency_tag,
    linked_columns,
    tag_source,
    target_keeps_name,
    target_prefix,
    target_tag,
)
from shopsmart_etl._core.frame import Frame, replace_name
from shopsmart_etl._core.nested_fields import split_path
from shopsmart_etl.errors import ColumnTypeError


def find_currency(frame: Frame, amount: StructField, currency: str, *, hint: str) -> StructField:
    """Find the column that a caller names as that of an amount's currencies.

    Args:
        frame: The DataFrame.
        amount: The amount.
        currency: The name of the column.
        hint: What to do if the tags of the amount name another currency.

    Raises:
        ColumnNotFoundError: The column does not exist.
        ColumnTypeError: It is not a string; or the amount is tagged as converted, or with another currency column.
    """
    index = frame.require(currency, StringType, expected="a string, the code of a currency")
    linked = linked_columns(frame, amount, Link.CURRENCY)
    code = currency_tag(amount)
    if code is None and (not linked or index in linked):
        return frame.schema.fields[index]
    own = f"those of {code}" if code is not None else f"those of {_listed(frame, linked)}"
    expected = f"amounts in the currencies of {frame.names[index]!r}"
    raise ColumnTypeError(amount.name, expected=expected, got=own, hint=hint)


def linked_currency(frame: Frame, amount: StructField) -> int:
    """Return the index of the column with the currencies of an amount that is tagged with one.

    Raises:
        ColumnTypeError: There is no such column, as after a drop, there are several, as after a join, or the only one
            was renamed: it may be that of another table, joined after a drop.
    """
    linked = linked_columns(frame, amount, Link.CURRENCY)
    if len(linked) == 1 and target_keeps_name(amount, frame.schema.fields[linked[0]]):
        return linked[0]
    if len(linked) == 1:
        got = f"{_listed(frame, linked)}, which was renamed, and may be from another table"
        hint = f"Name it with currency={frame.names[linked[0]]!r} if it is the right one"
    elif linked:
        got, hint = _listed(frame, linked), "Name one with currency=..., or drop the other"
    else:
        got = "none"
        # Spark 3.5 keeps the tag where the new metadata are empty.
        hint = (
            "Keep it up to here, or name another with currency=...; if all amounts are in one currency, replace the "
            f"tag: df.withMetadata({amount.name!r}, {{'comment': 'in EUR'}})"
        )
    raise ColumnTypeError(amount.name, expected="one column with its currencies, by its tag", got=got, hint=hint)


def with_tag_of_name(frame: Frame, amount: StructField) -> StructField:
    """Return an amount with the tag of its name, if it lost its metadata and the frame has a currency column for it.

    Spark drops the metadata of a column that is computed in place, such as by a cast.
    """
    if amount.metadata:
        return amount
    for currency in frame.schema.fields:
        value, prefix = target_tag(currency, Link.CURRENCY), target_prefix(currency)
        # The tag is the path of the amount; flatten_struct puts the same prefix before both names.
        if value is None or prefix is None:
            continue
        name = split_path(value)[-1]
        if amount.name == prefix + name:
            return replace_name(tag_source(replace_name(amount, name), Link.CURRENCY, value), amount.name)
    return amount


def _listed(frame: Frame, indexes: list[int]) -> str:
    return ", ".join(repr(frame.names[index]) for index in indexes)
