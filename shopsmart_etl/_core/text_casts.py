"""Lossless casts of text to values, as SQL. Needs no Spark session.

Spark's own casts from text are lenient: ``5d`` is a double, ``2026`` a day, ``12:30`` a time of the current day. Here a
value is read only where its text has one of the declared forms, and is null where it has none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

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
    ShortType,
    StringType,
    TimestampNTZType,
    TimestampType,
)

from shopsmart_etl._core.checks import check_texts
from shopsmart_etl._core.sql import all_of, any_of, call, cast, if_, let, literal, try_cast
from shopsmart_etl.errors import InvalidArgumentError

ISO_8601: Final = "iso8601"
# How many of each unit make a second.
EPOCH_UNITS: Final = {"epoch_seconds": 1, "epoch_millis": 1_000, "epoch_micros": 10**6, "epoch_nanos": 10**9}
# From the start of the year 1 to the end of 9999, the timestamps that every engine can store, in microseconds.
_EPOCH_MICROS = "BETWEEN -62135596800000000 AND 253402300799999999"

_INTEGERS = ByteType, ShortType, IntegerType, LongType
_TIMESTAMPS = TimestampType, TimestampNTZType
# Not the year 0, which Python and some tables cannot store. Sail's regular expressions have no lookahead.
_YEAR = "([0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
_DATE = f"{_YEAR}-[0-9]{{2}}-[0-9]{{2}}"
_TIME = "[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6}0*)?)?"
_OFFSET = "(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
# The letters of Spark's datetime patterns for a zone or an offset.
_ZONE_LETTERS = re.compile("[VzOXxZ]")
_TIME_LETTERS = re.compile("[ahkKHmsS]")
_HOURS_OF_12 = re.compile("[hK]")
_QUOTED = re.compile("'[^']*'")
_SECTION = re.compile(r"\[((?:[^\[\]']|'[^']*')*)\]")
# Without E, F, Q, q and u, which Spark does not read.
_PATTERN_LETTERS = frozenset("GyMLdDahkKHmsSVzOXxZ")


class Formats(NamedTuple):
    """The forms of values in text.

    Attributes:
        date: ``"iso8601"`` or Spark's datetime patterns, of which the first that matches is used.
        timestamp: The same, and the units of ``EPOCH_UNITS``.
        decimal_mark: The mark between a number's whole part and its decimals.
        rounds: Whether to round numbers with more decimals than a decimal type, half up.
    """

    date: Sequence[str] = (ISO_8601,)
    timestamp: Sequence[str] = (ISO_8601,)
    decimal_mark: str = "."
    rounds: bool = False


def check_formats(argument: str, formats: object, *, names: Sequence[str] = ()) -> list[str]:
    """Check the formats of dates or timestamps, and return them as a list.

    Raises:
        InvalidArgumentError: They are no sequence of formats; ``names`` lists those that are no datetime patterns.
    """
    known = [ISO_8601, *names]
    expected = f"a sequence of {', '.join(map(repr, known))} or Spark's datetime patterns, such as 'dd/MM/yyyy'"
    texts = list(check_texts(argument, formats, expected=expected))
    for text in texts:
        if text in known:
            continue
        letters = set(re.findall("[A-Za-z]", _QUOTED.sub("", text)))
        if not letters or letters - _PATTERN_LETTERS or re.search("[{}#]", text):
            raise InvalidArgumentError(argument, expected=expected, got=text)
        for lacks in map(_missing_part, _without_optional_sections(text)):
            if lacks:
                raise InvalidArgumentError(argument, expected=f"patterns with {lacks}", got=text)
    return texts


def _missing_part(pattern: str) -> str | None:
    """Return what a pattern lacks that Spark would guess: the year 1970, or the morning."""
    letters = _QUOTED.sub("", pattern)
    if "y" not in letters:
        return "a year, such as 'dd/MM/yyyy'"
    if _HOURS_OF_12.search(letters) and "a" not in letters:
        return "AM or PM for hours of 12, such as 'hh:mm a', or hours of 24, 'HH:mm'"
    return None


def can_parse(target: DataType) -> bool:
    """Return whether text can be cast to a type."""
    return isinstance(
        target,
        (
            *_INTEGERS,
            StringType,
            BinaryType,
            BooleanType,
            DecimalType,
            FloatType,
            DoubleType,
            DateType,
            TimestampType,
            TimestampNTZType,
        ),
    ) and target.typeName() not in {"char", "varchar"}


def parse_text(sql: str, target: DataType, formats: Formats) -> str:
    """Write a lossless cast of text; null where the text has none of the forms of the target type.

    Args:
        sql: The SQL of the text, which is used several times.
        target: A type that ``can_parse`` accepts.
        formats: The forms of dates, timestamps and decimals.
    """
    if isinstance(target, (StringType, BinaryType)):
        return cast(sql, target)
    if isinstance(target, BooleanType):
        return if_(f"{sql} RLIKE '(?i)^ *(true|false) *$'", try_cast(sql, target))
    if isinstance(target, DateType):
        return call("coalesce", *(_parse_date(sql, target, pattern) for pattern in formats.date), "NULL")
    if isinstance(target, _TIMESTAMPS):
        return call("coalesce", *(_parse_timestamp(sql, target, pattern) for pattern in formats.timestamp), "NULL")
    return _parse_number(sql, target, formats)


def _parse_number(sql: str, target: DataType, formats: Formats) -> str:
    if formats.decimal_mark != ".":
        # A point is no decimal mark then, and a group separator is never read.
        sql = f"translate({sql}, '.{formats.decimal_mark}', '{formats.decimal_mark}.')"
    if isinstance(target, DecimalType):
        return _parse_decimal(sql, target, rounds=formats.rounds)
    return _parse_double(sql, target) if isinstance(target, (FloatType, DoubleType)) else _parse_integer(sql, target)


def _parse_integer(sql: str, target: DataType) -> str:
    # Exports of pandas and PHP write integers as 1000.0, JSON may write them as 1e3.
    whole = try_cast(_parse_decimal("t", DecimalType(20, 0)), target)
    return call("coalesce", if_(f"{sql} RLIKE '^ *[+-]?[0-9]+ *$'", try_cast(sql, target)), let("t", sql, whole))


def _parse_decimal(sql: str, target: DecimalType, *, rounds: bool = False) -> str:
    if rounds:
        form = f"{sql} RLIKE '^ *[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{{1,2}})? *$'"
        return if_(form, try_cast(sql, target))
    # Not more decimals than the type has, which Spark would round. Sail's regular expressions have no lookahead.
    decimals = f"[0-9]{{1,{target.scale}}}0*|0+" if target.scale else "0+"
    plain = f"{sql} RLIKE '^ *[+-]?([0-9]+([.]({decimals})?)?|[.]({decimals})) *$'"
    with_exponent = let("e", sql, if_(_is_exact_exponent("e", target.scale), try_cast("e", target)))
    return if_(plain, try_cast(sql, target), with_exponent)


def _is_exact_exponent(sql: str, scale: int) -> str:
    """Write the condition that a number with an exponent has no more decimals than a scale."""
    # Longer exponents take Spark minutes to parse.
    form = f"{sql} RLIKE '^ *[+-]?[0-9]{{1,60}}([.][0-9]{{0,60}})?[eE][+-]?[0-9]{{1,2}} *$'"
    decimals = f"length(regexp_extract({sql}, '[.]([0-9]*?)0*[eE]', 1))"
    zeros = f"length(regexp_extract({sql}, '(0*)([.]0*)?[eE]', 1))"
    exponent = try_cast(f"regexp_extract({sql}, '[eE]([+-]?[0-9]+)', 1)", IntegerType())
    return all_of([form, f"{if_(f'{decimals} > 0', decimals, f'-{zeros}')} - {exponent} <= {scale}"])


def _parse_double(sql: str, target: DataType) -> str:
    text, sql = sql, "d"
    value = try_cast(sql, target)
    number = f"{sql} RLIKE '^ *[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)? *$'"
    # A number that is too large is read as infinity, one that is too small as zero.
    in_range = all_of(
        [f"abs({value}) < double('Infinity')", any_of([f"{value} <> 0", f"NOT {sql} RLIKE '^[^eE]*[1-9]'"])]
    )
    word = f"{sql} RLIKE '(?i)^ *(nan|[+-]?inf(inity)?) *$'"
    return let("d", text, if_(number, if_(in_range, value), if_(word, value)))


def _parse_date(sql: str, target: DataType, pattern: str) -> str:
    if pattern == ISO_8601:
        return if_(f"{sql} RLIKE '^ *{_DATE} *$'", try_cast(sql, target))
    days = (_parse_day(sql, target, variant) for variant in _without_optional_sections(pattern))
    return call("coalesce", *days, "NULL")


def _parse_day(sql: str, target: DataType, pattern: str) -> str:
    # The day of an offset that is not the session's could be another one there.
    value = _parse_variant(sql, pattern, any_zone=False)
    day = cast(value, target)
    if not _TIME_LETTERS.search(_QUOTED.sub("", pattern)):
        return day
    # A time of day would be lost.
    return if_(f"date_format({value}, 'HH:mm:ss.SSSSSS') = '00:00:00.000000'", day)


def _parse_timestamp(sql: str, target: DataType, pattern: str) -> str:
    if pattern in EPOCH_UNITS:
        return cast(_parse_epoch(sql, EPOCH_UNITS[pattern]), target)
    if pattern != ISO_8601:
        # Without a time zone, a time with another offset than the session's would be shifted by it.
        return cast(_parse_pattern(sql, pattern, any_zone=isinstance(target, TimestampType)), target)
    is_local = f"t RLIKE '^ *{_DATE}[T ]{_TIME} *$'"
    local = try_cast("t", TimestampNTZType())
    if isinstance(target, TimestampNTZType):
        return let("t", sql, if_(is_local, local))
    # Spark moves a time that a change to summer time leaves out.
    exists = f"{cast('v', TimestampNTZType())} = n"
    instant = let("n", local, let("v", cast("n", target), if_(exists, "v")))
    # Spark takes no offset after minutes.
    seconds = "regexp_replace(t, '([T ][0-9]{2}:[0-9]{2}) ?(Z|[+-])', '$1:00$2')"
    with_offset = call("coalesce", try_cast("t", target), try_cast(seconds, target))
    return let("t", sql, if_(is_local, instant, if_(f"t RLIKE '^ *{_DATE}[T ]{_TIME} ?{_OFFSET} *$'", with_offset)))


def parse_epoch_number(number: str, target: DataType, formats: Formats) -> str | None:
    """Write a lossless cast of a decimal(29, 9) to a timestamp, by the first unit that fits; None if none is declared.

    >>> print(parse_epoch_number("n", TimestampType(), Formats()))
    None
    """
    values = [cast(_epoch_time(number, EPOCH_UNITS[unit]), target) for unit in formats.timestamp if unit in EPOCH_UNITS]
    return call("coalesce", *values) if values else None


def _parse_epoch(sql: str, units: int) -> str:
    number = if_(f"{sql} RLIKE '^ *[+-]?[0-9]{{1,20}}([.][0-9]{{1,9}}0*)? *$'", try_cast(sql, DecimalType(29, 9)))
    return _epoch_time(number, units)


def _epoch_time(number: str, units: int) -> str:
    micros = f"({number} * {10**6 // units})" if units <= 10**6 else f"({number} / {units // 10**6})"
    whole = try_cast(micros, LongType())
    return if_(all_of([f"{whole} = {micros}", f"{whole} {_EPOCH_MICROS}"]), call("timestamp_micros", whole))


def _parse_pattern(sql: str, pattern: str, *, any_zone: bool) -> str:
    """Write a parse by one of Spark's datetime patterns, as a timestamp."""
    parsed = (_parse_variant(sql, variant, any_zone=any_zone) for variant in _without_optional_sections(pattern))
    return call("coalesce", *parsed, "NULL")


def _parse_variant(sql: str, pattern: str, *, any_zone: bool) -> str:
    """Write a parse by a pattern without optional sections; ``any_zone`` reads other offsets than the session's."""
    value = call("try_to_timestamp", sql, literal(pattern))
    # Of yyyy, Spark reads the year -2026 as well.
    is_stored = f"year({value}) BETWEEN 1 AND 9999"
    if any_zone and _ZONE_LETTERS.search(_QUOTED.sub("", pattern)):
        return if_(is_stored, value)
    # A time that a change to summer time leaves out is formatted as another one. Case and leading zeros may differ.
    # X writes no offset as Z, and reads +00:00 as well.
    spellings = [pattern]
    if "X" in _QUOTED.sub("", pattern):
        spellings.append(pattern.replace("X", "x"))
    written = (f"date_format({value}, {literal(spelling)})" for spelling in spellings)
    return if_(all_of([any_of(f"{_comparable(one)} = {_comparable(sql)}" for one in written), is_stored]), value)


def _comparable(sql: str) -> str:
    return f"regexp_replace(lower({sql}), '(^|[^0-9])0+([0-9])', '$1$2')"


def _without_optional_sections(pattern: str) -> list[str]:
    """List the patterns that a pattern with optional sections, ``[...]``, stands for.

    >>> _without_optional_sections("HH:mm[:ss[.SSS]]")
    ['HH:mm:ss.SSS', 'HH:mm', 'HH:mm:ss']
    """
    section = _SECTION.search(pattern)
    if section is None:
        return [pattern]
    before, after = pattern[: section.start()], pattern[section.end() :]
    with_it = _without_optional_sections(before + section[1] + after)
    return list(dict.fromkeys([*with_it, *_without_optional_sections(before + after)]))
