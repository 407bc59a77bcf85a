"""Fields that rows have inside their columns and a table does not: which they are, and which a format can add."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pyspark.sql import SparkSession
from pyspark.sql.types import ArrayType, DataType, MapType, StructType

from shopsmart_etl._core.sql import path_text, type_text

# Since then Spark's Parquet reader, which also reads Delta Lake, tells a null struct from one whose read fields are all
# missing. Before, it reads both as null, and an array as null too, whose elements an explode then loses.
_READS_NEW_FIELDS = (4, 1)
# Brings the earlier behavior back.
_LEGACY_SETTING = "spark.sql.legacy.parquet.returnNullStructIfAllFieldsMissing"


class NewField(NamedTuple):
    """A field that the rows have inside a column, and the table does not.

    Attributes:
        path: The names of the fields down to it.
        sql_path: The same as ALTER TABLE names it, where an array's step is ``element``, and a map's ``value``.
        data_type: Its type.
        is_in_array: Whether one of the steps is an array.
    """

    path: tuple[str, ...]
    sql_path: tuple[str, ...]
    data_type: DataType
    is_in_array: bool

    @property
    def text(self) -> str:
        """The field as messages show it."""
        return f"field {path_text(self.path)!r} ({type_text(self.data_type)})"


def new_fields(table: StructType, rows: StructType) -> list[NewField]:
    """List the new fields inside columns that both have; new columns are not among them."""
    shared = [field for field in rows if field.name in table.names]
    table_part = StructType([table[field.name] for field in shared])
    return list(_inside(table_part, StructType(shared), NewField((), (), table_part, is_in_array=False)))


def _inside(table: DataType, rows: DataType, parent: NewField) -> Iterator[NewField]:
    if isinstance(table, ArrayType) and isinstance(rows, ArrayType):
        step = parent._replace(sql_path=(*parent.sql_path, "element"), is_in_array=True)
        yield from _inside(table.elementType, rows.elementType, step)
    elif isinstance(table, MapType) and isinstance(rows, MapType):
        yield from _inside(table.valueType, rows.valueType, parent._replace(sql_path=(*parent.sql_path, "value")))
    elif isinstance(table, StructType) and isinstance(rows, StructType):
        types = {field.name: field.dataType for field in table}
        for field in rows:
            path, sql_path = (*parent.path, field.name), (*parent.sql_path, field.name)
            new = NewField(path, sql_path, field.dataType, parent.is_in_array)
            if field.name in types:
                yield from _inside(types[field.name], field.dataType, new)
            else:
                yield new


def is_extended(table: DataType, rows: DataType) -> bool:
    """Return whether the rows' type is the table's, with or without new fields at the ends of its structs.

    The keys of a map keep their fields, since another key is another entry. Two fields whose names differ only in case
    are one to Spark.
    """
    if isinstance(table, ArrayType) and isinstance(rows, ArrayType):
        return is_extended(table.elementType, rows.elementType)
    if isinstance(table, MapType) and isinstance(rows, MapType):
        same_keys = table.keyType.simpleString() == rows.keyType.simpleString()
        return same_keys and is_extended(table.valueType, rows.valueType)
    if isinstance(table, StructType) and isinstance(rows, StructType):
        old = len(table.fields)
        is_unique = len({name.lower() for name in rows.names}) == len(rows.names)
        return (
            rows.names[:old] == table.names
            and (is_unique or len(rows.names) == old)
            and all(is_extended(field.dataType, rows[index].dataType) for index, field in enumerate(table))
        )
    return table.simpleString() == rows.simpleString()


def unreadable_in_parquet(spark: SparkSession, new: Sequence[NewField]) -> list[str]:
    """Describe new fields that this session's Spark cannot read in older files."""
    version = re.match(r"(\d+)\.(\d+)", spark.version)
    if version is not None and tuple(map(int, version.groups())) < _READS_NEW_FIELDS:
        reader, fix = f"Spark {spark.version}", "add it with Spark 4.1 or later"
    elif new and spark.conf.get(_LEGACY_SETTING, "false") == "true":
        reader, fix = f"Spark with {_LEGACY_SETTING}=true", "set that to false"
    else:
        return []
    return [
        f"{field.text} is not in the table, and {reader} would read null structs and arrays from older files where a "
        f"query needs only the new field; {fix}, or write a new table"
        for field in new
    ]


def unreadable_in_iceberg(new: Sequence[NewField]) -> list[str]:
    """Describe new fields that Iceberg cannot read in older files: in arrays, which it reads as empty."""
    return [
        f"{field.text} is not in the table, and Iceberg would read empty arrays from older files where a query needs "
        "only the new field; leave it out, or write a new table"
        for field in new
        if field.is_in_array
    ]
