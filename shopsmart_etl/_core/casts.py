"""Lossless casts, as SQL. Needs no Spark session."""

from __future__ import annotations

from typing import NamedTuple

from pyspark.sql.types import (
    BinaryType,
    BooleanType,
    ByteType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    NullType,
    ShortType,
    StringType,
    TimestampNTZType,
    TimestampType,
)

from shopsmart_etl._core.sql import all_of, any_of, cast, if_, try_cast
from shopsmart_etl._core.text_casts import Formats, can_parse, parse_epoch_number, parse_text

# The maximum number of decimal digits of each integer type.
_DIGITS: dict[type[DataType], int] = {ByteType: 3, ShortType: 5, IntegerType: 10, LongType: 19}
# Each floating type represents every whole number of up to this many digits exactly.
_EXACT_DIGITS: dict[type[DataType], int] = {FloatType: 7, DoubleType: 15}
_FLOATING = FloatType, DoubleType
# Types whose text can be cast back to the same value.
_HAS_EXACT_TEXT = (*_DIGITS, *_FLOATING, DecimalType, BooleanType, DateType)


class Cast(NamedTuple):
    """The SQL of a cast.

    Attributes:
        value: The value in the target type; null where the cast is not exact.
        mismatch: The condition, never null, that the cast is not exact; None if every value casts exactly.
    """

    value: str
    mismatch: str | None


def find_cast(sql: str, source: DataType, target: DataType, formats: Formats) -> Cast | None:
    """Write a lossless cast between two types.

    Args:
        sql: The SQL of the value.
        source: The value's type; not a struct or array, nor a map other than ``map()``.
        target: The type to cast to; not equal to ``source``.
        formats: The formats of dates and timestamps in text, and the units of timestamps in numbers.

    Returns:
        The cast, or None if there is no lossless cast between the types.
    """
    if isinstance(source, StringType):
        if isinstance(target, BinaryType) or not can_parse(target):
            return None
        value = parse_text(sql, target, formats)
        return Cast(value, all_of([f"{sql} IS NOT NULL", f"{value} IS NULL"]))
    if _has_only_nulls(source, target) or _is_widening(source, target):
        return Cast(cast(sql, target), None)
    if _is_number(source) and _is_number(target):
        # Compare integers as decimals: Spark casts a double outside the range of longs to the nearest long.
        compared = DecimalType(20, 0) if type(source) in _DIGITS else source
        # The double 2**63 casts to the largest long and back to itself.
        in_range = f"{sql} < {2**63}D" if type(source) in _FLOATING and isinstance(target, LongType) else None
        return _round_trip(sql, target, compared, in_range)
    if isinstance(source, (TimestampType, TimestampNTZType)) and isinstance(target, DateType):
        return _round_trip(sql, target, source)
    return _epoch_cast(sql, source, target, formats)


def _epoch_cast(sql: str, source: DataType, target: DataType, formats: Formats) -> Cast | None:
    """Write a cast of a number to a timestamp; None if no unit is declared, or the types are others."""
    if not _is_number(source) or not isinstance(target, (TimestampType, TimestampNTZType)):
        return None
    # Exact: no digit of the number is rounded away.
    number = _round_trip(sql, DecimalType(29, 9), source).value
    time = parse_epoch_number(number, target, formats)
    return None if time is None else Cast(time, all_of([f"{sql} IS NOT NULL", f"{time} IS NULL"]))


def _has_only_nulls(source: DataType, target: DataType) -> bool:
    """Return whether the source is void, the type of null, or has the type of ``map()`` and the target is a map."""
    if isinstance(source, MapType) and isinstance(target, MapType):
        return isinstance(source.keyType, NullType) and isinstance(source.valueType, NullType)
    return isinstance(source, NullType)


def _round_trip(sql: str, target: DataType, compared: DataType, in_range: str | None = None) -> Cast:
    """Write a cast that is null if casting its value back gives another value."""
    value = try_cast(sql, target)
    unchanged = f"{try_cast(value, compared)} <=> {sql}"
    is_lossless = all_of([unchanged] if in_range is None else [unchanged, any_of([f"{sql} IS NULL", in_range])])
    return Cast(if_(is_lossless, value), f"(NOT {is_lossless})")


def _is_widening(source: DataType, target: DataType) -> bool:
    """Return whether the target type represents every value of the source type exactly."""
    if isinstance(target, StringType):
        return type(source) in _HAS_EXACT_TEXT
    if isinstance(target, (TimestampType, TimestampNTZType)):
        return isinstance(source, DateType)
    if type(source) in _FLOATING:
        return isinstance(source, FloatType) and isinstance(target, DoubleType)
    if type(source) in _DIGITS:
        digits, scale = _DIGITS[type(source)], 0
    elif isinstance(source, DecimalType):
        digits, scale = source.precision - source.scale, source.scale
    else:
        return False
    if isinstance(target, DecimalType):
        return target.precision - target.scale >= digits and target.scale >= scale
    # A type with more digits represents every value of a smaller integer type.
    return type(source) in _DIGITS and digits < {**_DIGITS, **_EXACT_DIGITS}.get(type(target), 0)


def _is_number(data_type: DataType) -> bool:
    return type(data_type) in _DIGITS or type(data_type) in _FLOATING or isinstance(data_type, DecimalType)
