"""The types that Spark's JSON parser is given, and the casts from them to the schema's.

Spark's parser takes the strings ``"12,50"`` and ``"2026"`` for a decimal and a date. Such fields are parsed as text,
and cast like the text of CSV. The other types are parsed as they are: for them the parser is strict.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    DataType,
    DateType,
    DecimalType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from shopsmart_etl._core.sql import all_of, call, field_of, if_, if_not_null, lambda_, let, literal, struct_of
from shopsmart_etl._core.text_casts import Formats, parse_text
from shopsmart_etl.io._leaf_groups import Grouped, group_leaves

_CAST = DecimalType, DateType, TimestampType, TimestampNTZType


def parsed_type(target: DataType) -> DataType:
    """Return the type to parse JSON as, for a type of the schema."""
    if isinstance(target, StructType):
        return StructType([StructField(field.name, parsed_type(field.dataType)) for field in target.fields])
    if isinstance(target, ArrayType):
        return ArrayType(parsed_type(target.elementType))
    if isinstance(target, MapType):
        return MapType(StringType(), parsed_type(target.valueType))
    return StringType() if isinstance(target, (*_CAST, BinaryType)) else target


def depth_of(data_type: DataType) -> int:
    """Return how many structs, arrays and maps are inside one another, below the outermost."""
    if isinstance(data_type, StructType):
        inner = [field.dataType for field in data_type.fields]
    elif isinstance(data_type, (ArrayType, MapType)):
        inner = [data_type.elementType if isinstance(data_type, ArrayType) else data_type.valueType]
    else:
        return -1
    return 1 + max(map(depth_of, inner), default=-1)


def cast_parsed(sql: str, target: DataType, formats: Formats, depth: int = 0) -> str:
    """Write the cast of a parsed value to its type; null where it has no exact value."""
    if not _has_casts(target):
        return sql
    x = f"x{depth}"
    if isinstance(target, StructType):
        return if_not_null(sql, _cast_fields(sql, target, formats, depth))
    if isinstance(target, ArrayType):
        return call("transform", sql, lambda_(x, cast_parsed(x, target.elementType, formats, depth + 1)))
    if isinstance(target, MapType):
        body = cast_parsed(x, target.valueType, formats, depth + 1)
        values = call("transform_values", sql, lambda_([f"k{depth}", x], body))
        # Spark keeps all values of a key that occurs twice.
        return if_(f"size({sql}) = size(array_distinct(map_keys({sql})))", values)
    return cast_leaf(sql, target, formats)


def _cast_fields(sql: str, target: StructType, formats: Formats, depth: int) -> str:
    names = [field_of(sql, name) for name in target.names]
    groups, others = group_casts(target.fields)
    values = {at: cast_parsed(names[at], target.fields[at].dataType, formats, depth + 1) for at in others}
    arrays = []
    for number, group in enumerate(groups):
        cast_each = group.transformed(names, f"x{depth}", lambda x, of: cast_leaf(x, of, formats))
        arrays.append((str(number), cast_each))
        values.update({at: f"g{depth}.`{number}`[{index}]" for index, at in enumerate(group.positions)})
    fields = struct_of((name, values[at]) for at, name in enumerate(target.names))
    return let(f"g{depth}", struct_of(arrays), fields) if arrays else fields


def group_casts(fields: Sequence[StructField]) -> Grouped:
    """Group the fields that have a cast; the others are in no group."""
    without = tuple({type(field.dataType) for field in fields if not _has_casts(field.dataType)})
    return group_leaves(fields, leave_out=without)


def count_all(values: str) -> str:
    """Write how many elements of an array are not null."""
    return call("size", call("filter", values, lambda_("e", "e IS NOT NULL")))


def cast_leaf(sql: str, target: DataType, formats: Formats) -> str:
    """Write the cast of text to a type that is no container."""
    if isinstance(target, BinaryType):
        return call("try_to_binary", sql, "'base64'")
    return sql if isinstance(target, StringType) else parse_text(sql, target, formats)


def count_values(sql: str, target: DataType, depth: int = 0) -> str:
    """Write how many of the values that a cast may make null are not; empty text if there are none.

    The cast was exact if there are as many after it as before it.
    """
    n, x = f"n{depth}", f"x{depth}"
    if isinstance(target, StructType):
        names = [field_of(sql, name) for name in target.names]
        groups, others = group_casts(target.fields)
        counts = [count_values(names[at], target.fields[at].dataType, depth) for at in others]
        counts += [f"coalesce({count_all(group.array(names))}, 0)" for group in groups]
        return " + ".join(filter(None, counts))
    if isinstance(target, (ArrayType, MapType)):
        inner = target.elementType if isinstance(target, ArrayType) else target.valueType
        body = count_values(x, inner, depth + 1)
        values = sql if isinstance(target, ArrayType) else call("map_values", sql)
        inside = body and f"coalesce(aggregate({values}, 0, ({n}, {x}) -> {n} + {body}), 0)"
        if isinstance(target, ArrayType):
            return inside
        return " + ".join(filter(None, [f"CAST({sql} IS NOT NULL AS INT)", inside]))
    return f"CAST({sql} IS NOT NULL AS INT)" if isinstance(target, (*_CAST, BinaryType)) else ""


def rounded_paths(columns: StructType, names: list[str], formats: Formats) -> str:
    """Write an array of the paths of decimals that were rounded.

    Args:
        columns: The schema.
        names: The SQL of each column's parsed value.
        formats: The forms of values, with rounding.
    """
    paths = [
        if_(condition, literal(path))
        for field, sql in zip(columns.fields, names, strict=True)
        for path, condition in _rounded(sql, field.dataType, formats, field.name, 0)
    ]
    return call("filter", f"CAST(array({', '.join(paths)}) AS ARRAY<STRING>)", lambda_("x", "x IS NOT NULL"))


def _rounded(sql: str, target: DataType, formats: Formats, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(target, StructType):
        for field in target.fields:
            name = field_of(sql, field.name)
            yield from _rounded(name, field.dataType, formats, f"{path}.{field.name}", depth)
    elif isinstance(target, (ArrayType, MapType)):
        inner = target.elementType if isinstance(target, ArrayType) else target.valueType
        values = sql if isinstance(target, ArrayType) else call("map_values", sql)
        for inner_path, condition in _rounded(f"x{depth}", inner, formats, path, depth + 1):
            yield inner_path, call("exists", values, lambda_(f"x{depth}", condition))
    elif isinstance(target, DecimalType):
        exact = parse_text(sql, target, formats._replace(rounds=False))
        yield path, all_of([f"{parse_text(sql, target, formats)} IS NOT NULL", f"{exact} IS NULL"])


def _has_casts(target: DataType) -> bool:
    if isinstance(target, StructType):
        return any(_has_casts(field.dataType) for field in target.fields)
    if isinstance(target, ArrayType):
        return _has_casts(target.elementType)
    return isinstance(target, (MapType, *_CAST, BinaryType))
