"""Tags in the metadata of columns, which link a column to another: an amount to its currency, an element to its array.

Spark keeps a column's metadata where it renames, selects or filters, and in Parquet and Delta tables. A computed column
has none, and an Iceberg table keeps none.
"""

from __future__ import annotations

from enum import Enum

from pyspark.sql.types import StructField

from shopsmart_etl._core.frame import Frame

_PREFIX = "shopsmart_etl."
_CODE = "currency"


class Link(Enum):
    """A kind of link, by the names of the two tags that have the same value."""

    CURRENCY = ("amount", "currency_of")
    """From an amount to the column with the code of its currency."""

    PRESENCE = ("element", "presence_of")
    """From a column of an exploded element to the boolean that is false where the array had no element."""


def tag_source(field: StructField, link: Link, value: str) -> StructField:
    """Return a field with the tag of a link's source."""
    return _tagged(field, link.value[0], value)


def tag_target(field: StructField, link: Link, value: str) -> StructField:
    """Return a field with the tag of a link's target."""
    return _tagged(field, link.value[1], value)


def source_tag(field: StructField, link: Link) -> str | None:
    """Return the value of the tag of a link's source; None for a field without."""
    value = (field.metadata or {}).get(_PREFIX + link.value[0])
    return value if isinstance(value, str) else None


def target_tag(field: StructField, link: Link) -> str | None:
    """Return the value of the tag of a link's target; None for a field without."""
    value = (field.metadata or {}).get(_PREFIX + link.value[1])
    return value if isinstance(value, str) else None


def tag_currency(field: StructField, code: str) -> StructField:
    """Return a field with the tag of amounts that are all in one currency."""
    return _tagged(field, _CODE, code)


def currency_tag(field: StructField) -> str | None:
    """Return the code of the only currency of an amount's values; None for a field without the tag."""
    value = (field.metadata or {}).get(_PREFIX + _CODE)
    return value if isinstance(value, str) else None


def linked_columns(frame: Frame, field: StructField, link: Link) -> list[int]:
    """Return the indexes of the columns that a field links to: one, several after a join, or none after a drop."""
    value = source_tag(field, link)
    if value is None:
        return []
    return [index for index, other in enumerate(frame.schema.fields) if target_tag(other, link) == value]


def _tagged(field: StructField, name: str, value: str) -> StructField:
    metadata = {**(field.metadata or {}), _PREFIX + name: value}
    return StructField(field.name, field.dataType, field.nullable, metadata)
