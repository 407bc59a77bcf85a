"""SQL that builds structs from their leaves. Needs no Spark session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

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

from shopsmart_etl._core.flattening import is_non_empty_struct
from shopsmart_etl._core.spark_errors import fail_sql
from shopsmart_etl._core.sql import literal, path_text, struct_of

Path: TypeAlias = tuple[str, ...]

# A literal of each type. As the last argument of coalesce it makes the type not nullable; no row ever gets its value.
_LITERALS: dict[type[DataType], str] = {
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
    """The SQL of a leaf, and whether its value may be null."""

    sql: str
    nullable: bool


class _Part(NamedTuple):
    """The SQL of a field's value, and of the condition that all of its leaves are null."""

    value: str
    is_absent: str


def nested_columns(
    schema: StructType, sources: Mapping[Path, Source], present: Mapping[Path, str] | None = None
) -> list[str]:
    """Write the SQL of each column of a schema.

    Args:
        schema: The schema to build, nested to any depth.
        sources: The source of each leaf, by its path.
        present: SQL conditions that a struct is not null, by its path.

    Returns:
        One SQL expression per column. A nullable struct without a condition in ``present`` is null if all its leaves
        are null.
    """
    return [_part((field.name,), field, sources, present or {}).value for field in schema.fields]


def _part(path: Path, field: StructField, sources: Mapping[Path, Source], present: Mapping[Path, str]) -> _Part:
    if not is_non_empty_struct(field):
        source = sources[path]
        is_required = source.nullable and not field.nullable
        value = _required(source.sql, field.dataType, path) if is_required else source.sql
        return _Part(value, f"{source.sql} IS NULL")
    struct = field.dataType
    assert isinstance(struct, StructType)  # noqa: S101 - narrows the type, checked by is_non_empty_struct
    parts = [_part((*path, child.name), child, sources, present) for child in struct.fields]
    value = struct_of((child.name, part.value) for part, child in zip(parts, struct.fields, strict=True))
    is_absent = f"NOT {present[path]}" if path in present else " AND ".join(part.is_absent for part in parts)
    return _Part(f"if({is_absent}, NULL, {value})" if field.nullable else value, is_absent)


def _required(sql: str, data_type: DataType, path: Path) -> str:
    """Fail the job at a null value, and make the type not nullable."""
    value = any_literal(data_type)
    if value is None:
        return sql
    failure = fail_sql(literal(f"{path_text(path)}: expected a value, since the schema declares it NOT NULL; got null"))
    return f"coalesce(if({sql} IS NULL, {failure}, {sql}), {value})"


def any_literal(data_type: DataType) -> str | None:
    """Write some literal of a type; None if Spark has none."""
    if isinstance(data_type, DecimalType):
        return f"CAST(0E-{data_type.scale}BD AS {data_type.simpleString()})"
    if isinstance(data_type, NumericType):
        return f"CAST(0Y AS {data_type.simpleString()})"
    if isinstance(data_type, StructType):
        return "named_struct()" if not data_type.fields else None
    return _LITERALS.get(type(data_type))
