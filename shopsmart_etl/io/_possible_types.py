"""The types that keep a value exactly, as bits. A bitwise AND gives the types that keep all values of a column.

Needs no Spark session.
"""

from __future__ import annotations

from enum import IntFlag, auto
from typing import Final

from pyspark.sql.types import (
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    TimestampType,
)

from shopsmart_etl._core.sql import all_of, any_of, call, if_, literal, try_cast


class Fits(IntFlag):
    """The types that can keep a value exactly. A value without a bit is text."""

    INT = auto()
    BIGINT = auto()
    INTEGRAL_DECIMAL = auto()
    AMOUNT = auto()
    DECIMAL = auto()
    DOUBLE = auto()
    BOOLEAN = auto()
    DATE = auto()
    TIMESTAMP = auto()
    UTC_TIMESTAMP = auto()
    OBJECT = auto()
    ARRAY = auto()


# The first type that keeps all values of a column is its type.
_TYPES: Final[dict[Fits, DataType]] = {
    Fits.INT: IntegerType(),
    Fits.BIGINT: LongType(),
    Fits.INTEGRAL_DECIMAL: DecimalType(38, 0),
    Fits.AMOUNT: DecimalType(18, 2),
    Fits.DECIMAL: DecimalType(38, 18),
    Fits.DOUBLE: DoubleType(),
    Fits.BOOLEAN: BooleanType(),
    Fits.DATE: DateType(),
    Fits.TIMESTAMP: TimestampType(),
    Fits.UTC_TIMESTAMP: TimestampType(),
}
_SMALL_INTEGER = "^(0|-?[1-9][0-9]{0,8})" + r"\z"
_PLAIN = "^-?(0|[1-9][0-9]*)([.][0-9]+)?" + r"\z"
_NUMBER = "^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?" + r"\z"
# A double keeps every number of so many digits, but fewer digits of numbers closer to 0 than this.
_DOUBLE_DIGITS = 15
_MIN_NORMAL_DOUBLE = "2.2250738585072014E-308D"


def common_type(fits: Fits | None) -> DataType:
    """Return the type of a column of plain values.

    Args:
        fits: The types that all values have in common; None if there are no values.
    """
    return next((data_type for bit, data_type in _TYPES.items() if bit & (fits or 0)), StringType())


def matches(sql: str, pattern: str) -> str:
    """Write the condition that text matches a regular expression."""
    return f"{sql} RLIKE {literal(pattern)}"


def bits(fits: Fits) -> str:
    """Write a set of types as a number."""
    return str(int(fits))


def case(*branches: tuple[str, str], otherwise: str) -> str:
    """Write the value of the first condition that is true."""
    whens = " ".join(f"WHEN {condition} THEN {value}" for condition, value in branches)
    return f"CASE {whens} ELSE {otherwise} END"


def number_fits(sql: str, *, as_double: bool) -> str:
    """Write the bits of text that is a JSON number; null if it is none.

    Args:
        sql: The SQL of the text, which is used several times.
        as_double: Whether doubles are allowed, and exponents with them.
    """
    exact = Fits.BIGINT | Fits.INTEGRAL_DECIMAL | Fits.AMOUNT | Fits.DECIMAL
    small = exact | (Fits.DOUBLE if as_double else Fits.INT)
    double = if_(_is_exact_double(sql), bits(Fits.DOUBLE), "0")
    plain = f"({_decimal_fits(sql)} | {double if as_double else _int_fits(sql)})"
    exponent = [(matches(sql, _NUMBER), double)] if as_double else []
    return case((matches(sql, _SMALL_INTEGER), bits(small)), (matches(sql, _PLAIN), plain), *exponent, otherwise="NULL")


def _int_fits(sql: str) -> str:
    return if_(_is_integer(sql, IntegerType()), bits(Fits.INT), "0")


def _is_integer(sql: str, data_type: IntegerType | LongType) -> str:
    """Write the condition that a number without an exponent is an integer of a type.

    Compares text: on Spark 4 a try_cast that fails takes 10 microseconds, for the exception.
    """
    max_value = str(2**31 - 1 if isinstance(data_type, IntegerType) else 2**63 - 1)
    min_value = f"-{int(max_value) + 1}"
    negative = f"startswith({sql}, '-')"
    length = f"length({sql}) - {if_(negative, '1', '0')}"
    limit = if_(negative, f"'{min_value}'", f"'{max_value}'")
    in_range = any_of([f"{length} < {len(max_value)}", f"({length} = {len(max_value)} AND {sql} <= {limit})"])
    return all_of([f"instr({sql}, '.') = 0", in_range])


def _decimal_fits(sql: str) -> str:
    """Write the bits of a number without an exponent, of the types that count decimal digits."""
    whole = f"length(regexp_extract({sql}, '^-?([0-9]+)', 1))"
    scale = f"length(regexp_extract({sql}, '[.]([0-9]+)', 1))"
    fits = {
        Fits.BIGINT: _is_integer(sql, LongType()),
        Fits.INTEGRAL_DECIMAL: f"(instr({sql}, '.') = 0 AND {whole} <= 38)",
        Fits.AMOUNT: all_of([f"{whole} <= 16", f"{scale} <= 2"]),
        Fits.DECIMAL: all_of([f"{whole} <= 20", f"{scale} <= 18"]),
    }
    return f"({' | '.join(if_(condition, bits(bit), '0') for bit, condition in fits.items())})"


def _is_exact_double(sql: str) -> str:
    """Write the condition that the shortest text of the double that is nearest to a number is that number."""
    digits = call("translate", f"regexp_extract({sql}, '^-?([0-9.]+)', 1)", "'.'", "''")
    significant = f"length(trim(BOTH '0' FROM {digits}))"
    size = f"abs({try_cast(sql, DoubleType())})"
    normal = f"{size} BETWEEN {_MIN_NORMAL_DOUBLE} AND 1.7976931348623157E308D"
    return all_of([f"{significant} <= {_DOUBLE_DIGITS}", any_of([normal, f"{significant} = 0"])])
