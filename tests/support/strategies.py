"""Generate schemas and rows, and compute the expected results of a flatten in plain Python."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any, TypeVar

from engines import NEEDS
from hypothesis import settings
from hypothesis import strategies as st
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    IntegerType,
    LongType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

Case = TypeVar("Case")

# A Spark job for many generated cases takes about as long as a job for one. So tests draw a few batches of many cases,
# and run one job per batch. In the first batch that hypothesis draws, all cases are minimal.
few_batches = settings(max_examples=1 + settings().max_examples // 7)


def batches(case: st.SearchStrategy[Case], size: int = 20) -> st.SearchStrategy[list[Case]]:
    """Generate batches of cases."""
    return st.lists(case, min_size=size, max_size=size)


# Not a character of generated names, so that joined paths are unique.
SEP = "/"
_NAMES = st.text(alphabet="aBz09 .`'\"\\_-$#é漢😀", min_size=1, max_size=5)
_ATOMS: dict[DataType, st.SearchStrategy[Any]] = {
    IntegerType(): st.integers(-(2**31), 2**31 - 1),
    LongType(): st.integers(-(2**63), 2**63 - 1),
    StringType(): st.text(alphabet="ab ,`'é😀\n", max_size=4),
    BooleanType(): st.booleans(),
    DoubleType(): st.floats(allow_nan=False),
    DecimalType(12, 2): st.decimals(min_value=-(10**9), max_value=10**9, places=2),
    DateType(): st.dates(date(1900, 1, 1), date(2100, 1, 1)),
    TimestampType(): st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001 - zone added next
        lambda time: time.replace(tzinfo=timezone.utc)
    ),
    BinaryType(): st.binary(max_size=4).map(bytearray),
}


def _structs(of: st.SearchStrategy[DataType]) -> st.SearchStrategy[StructType]:
    fields = st.builds(StructField, _NAMES, of, st.booleans())
    min_size = 0 if NEEDS["empty structs"].met else 1
    return st.lists(fields, min_size=min_size, max_size=4, unique_by=lambda field: field.name.lower()).map(StructType)


def _nested(of: st.SearchStrategy[DataType]) -> st.SearchStrategy[DataType]:
    return (
        _structs(of)
        | st.builds(ArrayType, of, st.booleans())
        | st.builds(MapType, st.just(StringType()), of, st.booleans())
    )


TYPES: st.SearchStrategy[DataType] = st.recursive(st.sampled_from(list(_ATOMS)), _nested, max_leaves=8)
SCHEMAS = _structs(TYPES).filter(lambda schema: len(schema.fields) > 0)


def values(of: DataType, *, nullable: bool) -> st.SearchStrategy[Any]:
    """Generate values of a type, including null if it is nullable."""
    if isinstance(of, StructType):
        not_null: st.SearchStrategy[Any] = rows(of)
    elif isinstance(of, ArrayType):
        not_null = st.lists(values(of.elementType, nullable=of.containsNull), max_size=3)
    elif isinstance(of, MapType):
        not_null = st.dictionaries(
            values(of.keyType, nullable=False), values(of.valueType, nullable=of.valueContainsNull), max_size=2
        )
    else:
        not_null = _ATOMS[of]
    return st.none() | not_null if nullable else not_null


def rows(of: StructType) -> st.SearchStrategy[tuple[Any, ...]]:
    """Generate rows of a schema, as tuples."""
    return st.tuples(*(values(field.dataType, nullable=field.nullable) for field in of.fields))


@st.composite
def frames(
    draw: st.DrawFn, schemas: st.SearchStrategy[StructType] = SCHEMAS, max_rows: int = 4
) -> tuple[StructType, list[Any]]:
    """Generate a schema and a few rows."""
    schema = draw(schemas)
    return schema, draw(st.lists(rows(schema), max_size=max_rows))


def flat_fields(schema: StructType, *, inside_null: bool = False, prefix: str = "") -> list[StructField]:
    """Return the expected columns of the flattened schema."""
    fields: list[StructField] = []
    for field in schema.fields:
        nullable = inside_null or field.nullable
        name = prefix + field.name
        if isinstance(field.dataType, StructType) and field.dataType.fields:
            fields += flat_fields(field.dataType, inside_null=nullable, prefix=name + SEP)
        else:
            fields.append(StructField(name, field.dataType, nullable))
    return fields


def flat_row(schema: StructType, row: tuple[Any, ...] | None) -> tuple[Any, ...]:
    """Return the expected flattened row of a row, or of a null struct."""
    flat: list[Any] = []
    for index, field in enumerate(schema.fields):
        value = None if row is None else row[index]
        if isinstance(field.dataType, StructType) and field.dataType.fields:
            flat += flat_row(field.dataType, value)
        else:
            flat.append(value)
    return tuple(flat)


def plain(value: Any) -> Any:
    """Normalize a value for comparison with collected values: rows to tuples, times to UTC."""
    if isinstance(value, tuple):
        return tuple(plain(item) for item in value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc)
    if isinstance(value, Decimal):
        return value.quantize(Decimal("0.01"))
    return value


def nulled_throughout(of: DataType, value: Any) -> Any:
    """Replace each nullable struct that has only nulls by null, inside arrays and maps too."""
    if value is None:
        return None
    if isinstance(of, ArrayType):
        return [_null_if_all_null(of.elementType, item, of.containsNull) for item in value]
    if isinstance(of, MapType):
        return {key: _null_if_all_null(of.valueType, item, of.valueContainsNull) for key, item in value.items()}
    if isinstance(of, StructType):
        return tuple(
            _null_if_all_null(field.dataType, item, field.nullable)
            for field, item in zip(of.fields, value, strict=True)
        )
    return value


def _null_if_all_null(of: DataType, value: Any, nullable: bool) -> Any:
    inner = nulled_throughout(of, value)
    if isinstance(of, StructType) and of.fields and nullable and inner is not None:
        return None if all(leaf is None for leaf in flat_row(of, inner)) else inner
    return inner


def nulled(schema: StructType, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Replace each nullable struct of a row that has only nulls by null, but not inside arrays and maps."""
    return tuple(_nulled(field, value) for field, value in zip(schema.fields, row, strict=True))


def _nulled(field: StructField, value: Any) -> Any:
    if value is None or not isinstance(field.dataType, StructType) or not field.dataType.fields:
        return value
    inner = nulled(field.dataType, value)
    return None if field.nullable and all(leaf is None for leaf in flat_row(field.dataType, inner)) else inner
