"""Tags in the metadata of columns, which link a column to another: an amount to its currency, an element to its array.

Spark keeps a column's metadata where it renames, selects or filters, and in Parquet and Delta tables. A computed column
has none, and an Iceberg table keeps none.
"""

from __future__ import annotations

from enum import Enum

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, StructField

from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.sql import call, quote
from shopsmart_etl.errors import UnsupportedError

_PREFIX = "shopsmart_etl."
_CODE = "currency"
_NAME = "name"


class Link(Enum):
    """A kind of link, by the names of the two tags that have the same value."""

    CURRENCY = ("amount", "currency_of")
    """From an amount to the column with the code of its currency."""

    PRESENCE = ("element", "presence_of")
    """From a column of an exploded element to the column that is false, or a null map key, where there is none."""


def tag_source(field: StructField, link: Link, value: str) -> StructField:
    """Return a field with the tag of a link's source, and with a tag of its name, so that a rename is noticed later."""
    return _tagged(_tagged(field, link.value[0], value), _NAME, field.name)


def tag_target(field: StructField, link: Link, value: str) -> StructField:
    """Return a field with the tag of a link's target, and with a tag of its name, so that a rename is noticed later."""
    return _tagged(_tagged(field, link.value[1], value), _NAME, field.name)


def source_tag(field: StructField, link: Link) -> str | None:
    """Return the value of the tag of a link's source; None for a field without."""
    value = (field.metadata or {}).get(_PREFIX + link.value[0])
    return value if isinstance(value, str) else None


def target_tag(field: StructField, link: Link) -> str | None:
    """Return the value of the tag of a link's target; None for a field without."""
    value = (field.metadata or {}).get(_PREFIX + link.value[1])
    return value if isinstance(value, str) else None


def rename_tagged(field: StructField, name: str) -> StructField:
    """Rename a field by a step of this package, which keeps its links; a link that a rename has cut stays cut."""
    renamed = StructField(name, field.dataType, field.nullable, field.metadata)
    is_linked = _PREFIX + _NAME in (field.metadata or {}) and target_prefix(field) is not None
    return _tagged(renamed, _NAME, name) if is_linked and name != field.name else renamed


def target_prefix(target: StructField) -> str | None:
    """Return what was put before the name of a link's target since it was tagged; None if it was renamed otherwise."""
    tagged = (target.metadata or {}).get(_PREFIX + _NAME, target.name)
    is_prefixed = target.name.lower().endswith(tagged.lower())
    return target.name[: len(target.name) - len(tagged)] if is_prefixed else None


def target_keeps_name(source: StructField, target: StructField) -> bool:
    """Return whether the target of a link has the name that it was tagged with.

    ``flatten_struct`` may put the same prefix before the names of both. Otherwise, a target with another name may be
    from another table, whose columns have equal tags.
    """
    prefix = target_prefix(target)
    return prefix == "" or (prefix is not None and prefix == target_prefix(source))


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


def new_presence_value(frame: Frame, name: str) -> str:
    """Return the value of the tags for a column to explode, which no presence column of the frame has yet."""
    key = _PREFIX + Link.PRESENCE.value[1]
    taken = {(field.metadata or {}).get(key) for field in frame.schema.fields}
    while name in taken:
        name += "[]"
    return name


def inherit_presence(field: StructField, parent: StructField) -> StructField:
    """Return a field of a struct with the presence tag of the struct, unless it has its own."""
    value = source_tag(parent, Link.PRESENCE)
    if value is None or source_tag(field, Link.PRESENCE) is not None:
        return field
    return tag_source(field, Link.PRESENCE, value)


def without_presence(field: StructField) -> StructField:
    """Return a field without the tags of the presence of elements."""
    metadata = {key: value for key, value in (field.metadata or {}).items() if key not in _presence_keys()}
    return StructField(field.name, field.dataType, field.nullable, metadata)


def find_presence(frame: Frame, field: StructField) -> int | None:
    """Return the index of the column that tells where an exploded field has an element; None for any other field.

    Raises:
        UnsupportedError: The frame has no such column any more, or several after a join.
    """
    if source_tag(field, Link.PRESENCE) is None:
        return None
    linked = linked_columns(frame, field, Link.PRESENCE)
    if len(linked) != 1:
        raise UnsupportedError(
            f"column {quote(field.name)} was exploded: expected one column that marks the rows of empty arrays, such "
            f"as '<column>_present'; got {len(linked)}. Keep the one that the explode added, apply the step before the "
            "columns are dropped or joined, or fill and check the nested field before the explode"
        )
    return linked[0]


def presence_sql(frame: Frame, index: int, column: str) -> str:
    """Write the condition that a row has an element, which is never null, given the SQL of the presence column."""
    is_flag = isinstance(frame.schema.fields[index].dataType, BooleanType)
    return call("coalesce", column, "false") if is_flag else f"({column} IS NOT NULL)"


def presence_column(frame: Frame, index: int) -> Column:
    """Make the condition of ``presence_sql`` for a DataFrame whose columns have their own names."""
    column = F.col(quote(frame.names[index]))
    is_flag = isinstance(frame.schema.fields[index].dataType, BooleanType)
    return F.coalesce(column, F.lit(False)) if is_flag else column.isNotNull()  # noqa: FBT003 - a Column


def _presence_keys() -> set[str]:
    return {_PREFIX + tag for tag in Link.PRESENCE.value}


def _tagged(field: StructField, name: str, value: str) -> StructField:
    metadata = {**(field.metadata or {}), _PREFIX + name: value}
    return StructField(field.name, field.dataType, field.nullable, metadata)
