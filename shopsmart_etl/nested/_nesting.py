"""SQL that builds structs from their leaves. Pure: nothing here needs a Spark session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

from pyspark.sql import DataFrame
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    MapType,
    NumericType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from shopsmart_etl._core.flattening import opens
from shopsmart_etl._core.nested_fields import keep_metadata
from shopsmart_etl._core.sql import literal, path_text, quote

Path: TypeAlias = tuple[str, ...]

# A value of each type that no row will ever have: it only tells Spark that no null is left.
_SOME_VALUE: dict[type[DataType], str] = {
    StringType: "''",
    BooleanType: "false",
    DateType: "DATE'1970-01-01'",
    TimestampType: "TIMESTAMP'1970-01-01 00:00:00'",
    TimestampNTZType: "TIMESTAMP_NTZ'1970-01-01 00:00:00'",
    BinaryType: "X''",
    ArrayType: "array()",
    MapType: "map()",
}


class Source(NamedTuple):
    """Where a leaf comes from: its SQL, and whether that may be null."""

    sql: str
    nullable: bool


class _Part(NamedTuple):
    """A field's SQL, and the SQL that tells whether nothing of it is there."""

    value: str
    absent: str


def nested_columns(
    schema: StructType, sources: Mapping[Path, Source], present: Mapping[Path, str] | None = None
) -> list[str]:
    """Write the SQL of each of the schema's columns.

    Args:
        schema: The columns wanted, nested to any depth.
        sources: Where each leaf comes from, by its path.
        present: SQL that tells where a struct is not null, by its path.

    Returns:
        One SQL expression a column. A nullable struct that ``present`` does not know is null where all its leaves are.
    """
    return [_part((field.name,), field, sources, present or {}).value for field in schema.fields]


def with_metadata(df: DataFrame, fields: Iterable[StructField]) -> DataFrame:
    """Give struct columns their metadata back; that of their leaves comes along by itself."""
    return keep_metadata(df, {field.name: field for field in fields if opens(field)})


def _part(path: Path, field: StructField, sources: Mapping[Path, Source], present: Mapping[Path, str]) -> _Part:
    if not opens(field):
        source = sources[path]
        required = source.nullable and not field.nullable
        value = _required(source.sql, field.dataType, path) if required else source.sql
        return _Part(value, f"{source.sql} IS NULL")
    struct = field.dataType
    assert isinstance(struct, StructType)  # noqa: S101 - narrows the type; opens said so
    parts = [_part((*path, child.name), child, sources, present) for child in struct.fields]
    # Aliases, and no string literals: how those are escaped depends on the session.
    named = (f"{part.value} AS {quote(child.name)}" for part, child in zip(parts, struct.fields, strict=True))
    value = f"struct({', '.join(named)})"
    absent = f"NOT {present[path]}" if path in present else " AND ".join(part.absent for part in parts)
    return _Part(f"if({absent}, NULL, {value})" if field.nullable else value, absent)


def _required(sql: str, data_type: DataType, path: Path) -> str:
    """Refuse null at run time, and let the type say so."""
    some = some_value(data_type)
    if some is None:
        return sql
    why = literal(f"{path_text(path)} is null, but the schema says NOT NULL")
    return f"coalesce(if({sql} IS NULL, raise_error({why}), {sql}), {some})"


def some_value(data_type: DataType) -> str | None:
    """Write a literal of a type, or None where Spark has none."""
    if isinstance(data_type, DecimalType):
        return f"CAST(0E-{data_type.scale}BD AS {data_type.simpleString()})"
    if isinstance(data_type, NumericType):
        return f"CAST(0Y AS {data_type.simpleString()})"
    if isinstance(data_type, StructType):
        return "named_struct()" if not data_type.fields else None
    return _SOME_VALUE.get(type(data_type))
