"""Casts that lose nothing, as SQL. Pure: nothing here needs a Spark session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pyspark.sql.types import (
    BooleanType,
    ByteType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    ShortType,
    StringType,
    TimestampNTZType,
    TimestampType,
)

from shopsmart_etl._core.sql import literal, type_sql

# The decimal digits that hold every value of the type.
_DIGITS: dict[type[DataType], int] = {ByteType: 3, ShortType: 5, IntegerType: 10, LongType: 19}
# The whole numbers, in digits, that a floating type holds every one of.
_EXACT_DIGITS: dict[type[DataType], int] = {FloatType: 7, DoubleType: 15}
_FLOATING = FloatType, DoubleType
_WRITTEN = (*_DIGITS, *_FLOATING, DecimalType, BooleanType, DateType)


class Cast(NamedTuple):
    """A cast's SQL.

    Attributes:
        value: The value in the new type; null where the cast would lose something.
        lost: Tells where that is so, never null itself; None where it never is.
    """

    value: str
    lost: str | None


class Formats(NamedTuple):
    """How dates and times are written, in Spark's datetime patterns."""

    date: Sequence[str]
    timestamp: Sequence[str]


def find_cast(sql: str, have: DataType, wanted: DataType, formats: Formats) -> Cast | None:
    """Write a cast that loses nothing.

    Args:
        sql: The value.
        have: Its type, no struct, array or map.
        wanted: The type wanted, another one.
        formats: How text is read as a date or a time.

    Returns:
        The cast, or None where the types have none that could be undone.
    """
    if isinstance(have, StringType):
        return _of_text(sql, wanted, formats)
    if _holds_all(have, wanted):
        return Cast(f"CAST({sql} AS {type_sql(wanted)})", None)
    if _is_number(have) and _is_number(wanted):
        # By way of a decimal, since a double beyond the longs comes back as the greatest of them.
        back = "decimal(20,0)" if type(have) in _DIGITS else type_sql(have)
        # The double next to the greatest long becomes that long, and comes back as itself.
        beyond = type(have) in _FLOATING and isinstance(wanted, LongType)
        return _there_and_back(sql, wanted, back, fits=f"{sql} < {2**63}D" if beyond else "")
    if isinstance(have, (TimestampType, TimestampNTZType)) and isinstance(wanted, DateType):
        return _there_and_back(sql, wanted, type_sql(have))
    return None


def _of_text(sql: str, wanted: DataType, formats: Formats) -> Cast | None:
    if isinstance(wanted, StringType):
        return Cast(f"CAST({sql} AS {type_sql(wanted)})", None)
    value = f"try_cast({sql} AS {type_sql(wanted)})"
    if isinstance(wanted, DecimalType):
        # Spark rounds what has too many decimals.
        value = f"if({sql} RLIKE '^ *[+-]?[0-9]*[.]?[0-9]{{0,{wanted.scale}}}0* *$', {value}, NULL)"
    elif isinstance(wanted, _FLOATING):
        # Spark takes what is too large for infinite.
        value = f"if(abs({value}) = double('Infinity') AND {sql} RLIKE '[0-9]', NULL, {value})"
    elif isinstance(wanted, DateType):
        value = _first(f"CAST(try_to_timestamp({sql}, {literal(one)}) AS DATE)" for one in formats.date)
    elif isinstance(wanted, TimestampType):
        value = _first(f"CAST(try_to_timestamp({sql}, {literal(one)}) AS TIMESTAMP)" for one in formats.timestamp)
    elif not (_is_number(wanted) or isinstance(wanted, BooleanType)):
        return None
    return Cast(value, f"({sql} IS NOT NULL AND {value} IS NULL)")


def _first(values: Iterable[str]) -> str:
    return f"coalesce({', '.join((*values, 'NULL'))})"


def _there_and_back(sql: str, wanted: DataType, back: str, fits: str = "") -> Cast:
    there = f"try_cast({sql} AS {type_sql(wanted)})"
    same = f"(try_cast({there} AS {back}) <=> {sql}{fits and f' AND ({sql} IS NULL OR {fits})'})"
    return Cast(f"if({same}, {there}, NULL)", f"(NOT {same})")


def _holds_all(have: DataType, wanted: DataType) -> bool:
    """Tell whether a type holds every value of another."""
    if isinstance(wanted, StringType):
        return type(have) in _WRITTEN
    if isinstance(wanted, (TimestampType, TimestampNTZType)):
        return isinstance(have, DateType)
    if type(have) in _FLOATING:
        return isinstance(have, FloatType) and isinstance(wanted, DoubleType)
    if type(have) in _DIGITS:
        digits, scale = _DIGITS[type(have)], 0
    elif isinstance(have, DecimalType):
        digits, scale = have.precision - have.scale, have.scale
    else:
        return False
    if isinstance(wanted, DecimalType):
        return wanted.precision - wanted.scale >= digits and wanted.scale >= scale
    holds = {**_DIGITS, **_EXACT_DIGITS}.get(type(wanted), 0)
    # An integral type holds not every number of as many digits as its greatest, but all of a smaller integral type.
    return type(have) in _DIGITS and digits < holds


def _is_number(of: DataType) -> bool:
    return type(of) in _DIGITS or type(of) in _FLOATING or isinstance(of, DecimalType)
