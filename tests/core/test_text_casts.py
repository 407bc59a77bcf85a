"""Text becomes a typed value only where it has exactly one of the declared forms."""

# ruff: noqa: DTZ001 - timestamps without a zone are compared in UTC
from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from engines import configured
from pyspark.sql.types import (
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    TimestampNTZType,
    TimestampType,
)

from shopsmart_etl import InvalidArgumentError, conform
from shopsmart_etl._core.text_casts import Formats, check_formats, parse_text

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import DataType

pytestmark = pytest.mark.exhaustive

PRICE, ID = DecimalType(10, 2), DecimalType(38, 0)
COMMA = Formats(decimal_mark=",")
MILLIS, NANOS = Formats(timestamp=["epoch_millis"]), Formats(timestamp=["epoch_nanos", "iso8601"])
DAY = Formats(date=["dd/MM/yyyy", "yyyyMMdd"], timestamp=["d/M/yyyy H:mm[:ss]", "yyyy-MM-dd'T'HH:mm:ssXXX"])
SHORT = Formats(date=["M/yyyy"], timestamp=["M/yyyy X", "M/yyyy"])


def parsed(spark: SparkSession, cases: list[tuple[str, DataType, Formats]]) -> list[Any]:
    """Parse each text as its type, all in one job."""
    rows = spark.createDataFrame([tuple(text for text, _, _ in cases)], [f"c{at}" for at in range(len(cases))])
    values = [f"{parse_text(f'c{at}', of, formats)} AS c{at}" for at, (_, of, formats) in enumerate(cases)]
    return list(rows.selectExpr(*values).collect()[0])


READ: list[tuple[str, DataType, Any, Formats]] = [
    ("12.50", PRICE, Decimal("12.50"), Formats()),
    (" +.5 ", PRICE, Decimal("0.50"), Formats()),
    ("-7.", PRICE, Decimal(-7), Formats()),
    ("1.25000", PRICE, Decimal("1.25"), Formats()),
    ("1e3", PRICE, Decimal(1000), Formats()),
    ("125e-2", PRICE, Decimal("1.25"), Formats()),
    ("1.2500E+1", PRICE, Decimal("12.50"), Formats()),
    ("12000e-5", PRICE, Decimal("0.12"), Formats()),
    ("2472806412562455808328", ID, 2472806412562455808328, Formats()),
    ("1e25", ID, 10**25, Formats()),
    ("12,50", PRICE, Decimal("12.50"), COMMA),
    ("12,5", DoubleType(), 12.5, COMMA),
    ("0.1", DoubleType(), 0.1, Formats()),
    ("1e300", DoubleType(), 1e300, Formats()),
    ("0e-999", DoubleType(), 0.0, Formats()),
    ("-Infinity", DoubleType(), float("-inf"), Formats()),
    ("7", IntegerType(), 7, Formats()),
    ("1000.0", IntegerType(), 1000, Formats()),
    ("1e3", LongType(), 1000, Formats()),
    ("-9223372036854775808", LongType(), -(2**63), Formats()),
    (" TRUE", BooleanType(), True, Formats()),
    ("2026-02-28", DateType(), date(2026, 2, 28), Formats()),
    ("28/02/2026", DateType(), date(2026, 2, 28), DAY),
    ("20260228", DateType(), date(2026, 2, 28), DAY),
    ("2026-01-05 10:00", TimestampType(), datetime(2026, 1, 5, 10), Formats()),
    ("2026-01-05T10:00:00.1234560", TimestampType(), datetime(2026, 1, 5, 10, 0, 0, 123456), Formats()),
    ("2026-01-05T10:00:00Z", TimestampType(), datetime(2026, 1, 5, 10), Formats()),
    ("2026-01-05T10:00:00+01:30", TimestampType(), datetime(2026, 1, 5, 8, 30), Formats()),
    ("2026-01-05 10:00:00-0130", TimestampType(), datetime(2026, 1, 5, 11, 30), Formats()),
    ("2026-01-05T10:00Z", TimestampType(), datetime(2026, 1, 5, 10), Formats()),
    ("2026-01-05 10:00 +01", TimestampType(), datetime(2026, 1, 5, 9), Formats()),
    ("2026-01-05T10:00:00", TimestampNTZType(), datetime(2026, 1, 5, 10), Formats()),
    ("1767603600123", TimestampType(), datetime(2026, 1, 5, 9, 0, 0, 123000), MILLIS),
    ("1767603600.5", TimestampType(), datetime(2026, 1, 5, 9, 0, 0, 500000), Formats(timestamp=["epoch_seconds"])),
    ("1767603600000001000", TimestampType(), datetime(2026, 1, 5, 9, 0, 0, 1), NANOS),
    ("2026-01-05 10:00", TimestampType(), datetime(2026, 1, 5, 10), NANOS),
    ("5/1/2026 9:05", TimestampType(), datetime(2026, 1, 5, 9, 5), DAY),
    ("05/01/2026 09:05:07", TimestampType(), datetime(2026, 1, 5, 9, 5, 7), DAY),
    ("2026-01-05T10:00:00+02:00", TimestampType(), datetime(2026, 1, 5, 8), DAY),
]
REFUSED: list[tuple[DataType, Formats, list[str]]] = [
    (
        PRICE,
        Formats(),
        ["12,50", "1.234,50", "1,2,3", "1 000", "1_000", "1.255", "0.001", "1e-3", "1.255e0"],
    ),
    (
        PRICE,
        Formats(),
        ["", " ", ".", "-", "5d", "0x1p3", "1e", "1e999999999", "1e-999999999", "\uff11", "9" * 11],
    ),
    (PRICE, COMMA, ["12.50", "1.234,50", "1,2,3", "1,255"]),
    (DoubleType(), Formats(), ["5d", "5f", "0x1p3", "1e400", "-1e400", "1e-400", "", ".", "1,5", "infinite", "1 2"]),
    (FloatType(), Formats(), ["1e39", "1e-60", "5D"]),
    (DecimalType(10, 0), Formats(), [".5", "-.4", "0.5"]),
    (IntegerType(), Formats(), [".5", ".4", "-.7", "1.5", "3000000000", "0x10", "1e10", "", "1e-1", "1,000", "\u0661"]),
    (LongType(), Formats(), ["9223372036854775808", "7L", "1.0.0"]),
    (BooleanType(), Formats(), ["yes", "1", "t", "0", ""]),
    (DateType(), Formats(), ["2026", "2026-01", "202601", "20260105", "2026-01-05 lunch", "2026-1-5", "2026-02-30"]),
    (DateType(), Formats(), ["12:30:00", "2026-01-05 10:00:00", "2026-01-05T00:00:00Z", "1767603600000", "0000-00-00"]),
    (DateType(), DAY, ["2026-01-05", "31/02/2026", "01/13/2026", "20260105x"]),
    (DateType(), Formats(date=["yyyy-MM-dd HH:mm"]), ["2026-01-05 10:00"]),
    (TimestampType(), Formats(), ["12:30:00", "12:30", "2026", "202601", "2026-01-05 lunch", "2026-01-05", "now"]),
    (TimestampType(), Formats(), ["1767603600000", "2026-01-05 25:00:00", "2026-01-05T10:00:00.1234567", "epoch"]),
    (TimestampType(), MILLIS, ["2026-01-05 10:00", "1e12", "99999999999999999999", "1.00001", "x"]),
    (TimestampType(), NANOS, ["1767603600000000001"]),
    (TimestampNTZType(), Formats(), ["2026-01-05T10:00:00Z", "2026-01-05"]),
    (DateType(), Formats(), ["0000-01-01", "0000-12-31", "10000-01-01", "-2026-01-05", "-0001-01-01"]),
    (TimestampType(), Formats(), ["0000-01-01 00:00", "0000-06-01T10:00:00Z", "10000-01-01 00:00:00"]),
    (TimestampNTZType(), Formats(), ["0000-01-01 00:00"]),
    (DateType(), SHORT, ["12/-2026", "12/0000", "1/+2026", "12/-1"]),
    (TimestampType(), SHORT, ["12/-2026 Z", "12/0000 Z", "12/-2026", "12/0000"]),
    (TimestampNTZType(), SHORT, ["12/-2026", "12/0000"]),
    (TimestampType(), DAY, ["5/1/2026", "2026-01-05 10:00:00", "32/1/2026 10:00"]),
]


def test_values_in_a_declared_form_are_read_exactly(spark: SparkSession) -> None:
    got = parsed(spark, [(text, of, formats) for text, of, _, formats in READ])
    for (text, of, expected, _), value in zip(READ, got, strict=True):
        in_utc = value.astimezone(timezone.utc).replace(tzinfo=None) if isinstance(of, TimestampType) else value
        assert in_utc == expected, (text, of)


@pytest.mark.parametrize("ansi", ["true", "false"], ids=["ANSI", "without ANSI"])
def test_text_in_no_declared_form_is_null(spark: SparkSession, ansi: str) -> None:
    cases = [(text, of, formats) for of, formats, texts in REFUSED for text in texts]
    with configured(spark, {"spark.sql.ansi.enabled": ansi}):
        got = parsed(spark, cases)
    assert [(text, of, value) for (text, of, _), value in zip(cases, got, strict=True) if value is not None] == []


@pytest.mark.sample
def test_a_time_that_summer_time_leaves_out_is_null(spark: SparkSession) -> None:
    left_out = ["2026-03-29 02:30:00", "2026-03-29T02:00", "29/3/2026 2:30"]
    there = ["2026-03-29 01:59:59", "2026-03-29 03:00:00", "2026-10-25 02:30:00", "2026-03-29 02:30:00+00:00"]
    formats = Formats(timestamp=["iso8601", "d/M/yyyy H:mm"])
    with configured(spark, {"spark.sql.session.timeZone": "Europe/Paris"}):
        got = parsed(spark, [(text, TimestampType(), formats) for text in [*left_out, *there]])
        rows = spark.createDataFrame([(left_out[0],)], "at STRING")
        conformed = rows.transform(conform("at TIMESTAMP", on_mismatch="null")).collect()
    assert [value is None for value in got] == [True] * 3 + [False] * 4
    assert conformed[0][:2] == (None, ["at"])


def test_formats_are_checked() -> None:
    assert check_formats("f", ["iso8601", "dd.MM.yyyy"]) == ["iso8601", "dd.MM.yyyy"]
    for wrong in ["iso", "epoch_millis", "", "tomorrow", "yyyy{", 1]:
        with pytest.raises(InvalidArgumentError, match="f: expected a sequence of 'iso8601' or Spark's datetime"):
            check_formats("f", [wrong])
    with pytest.raises(InvalidArgumentError):
        check_formats("f", "iso8601")
    # Spark fails on these letters.
    for letter in "QqEFu":
        with pytest.raises(InvalidArgumentError, match="f: expected a sequence of"):
            check_formats("f", [f"{letter} dd/MM/yyyy"])


@pytest.mark.parametrize(
    "pattern", ["HH:mm", "dd/MM", "MMM d HH:mm:ss", "dd/MM[/yyyy]", "dd/MM['/'yyyy] XXX", "'y' dd/MM", "D", "h:mm a"]
)
def test_a_pattern_without_a_year_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidArgumentError, match="f: expected patterns with a year"):
        check_formats("f", [pattern])


@pytest.mark.parametrize("hours", ["hh:mm", "h", "KK:mm:ss", "hh:mm[ a]", "h 'a'"])
def test_a_pattern_with_hours_of_12_without_am_or_pm_is_refused(hours: str) -> None:
    with pytest.raises(InvalidArgumentError, match="f: expected patterns with AM or PM"):
        check_formats("f", [f"yyyy-MM-dd {hours}"])
    for known in ("hh:mm a", "K a", "HH:mm", "kk:mm", "HH:mm['h']"):
        assert check_formats("f", [f"yyyy-MM-dd {known}"])


@pytest.mark.parametrize(("zone", "offset"), [("UTC", "Z"), ("Asia/Tokyo", "+09:00"), ("America/New_York", "-05:00")])
def test_a_day_loses_no_time_and_is_shifted_by_no_offset(spark: SparkSession, zone: str, offset: str) -> None:
    """Text with a time or an offset is a day only at midnight in the session's zone: there it can be undone."""
    with_offset = "yyyy-MM-dd HH:mm[:ss]XXX"
    formats = Formats(date=[with_offset, "yyyy-MM-dd HH[:mm]", "dd/MM/yyyy", "yyyy-MM-ddXXX"], timestamp=[with_offset])
    day, midnight = date(2026, 1, 31), datetime(2026, 1, 31)
    cases: list[tuple[str, DataType, Any]] = [
        ("31/01/2026", DateType(), day),
        ("2026-01-31 00", DateType(), day),
        ("2026-01-31 00:00", DateType(), day),
        ("2026-01-31 01", DateType(), None),
        ("2026-01-31 00:01", DateType(), None),
    ]
    own = {offset} | ({"+00:00"} if offset == "Z" else set())
    for one in ("Z", "+00:00", "+09:00", "-05:00", "+02:00", "-11:00", "+14:00"):
        cases += [
            (f"2026-01-31{one}", DateType(), day if one in own else None),
            (f"2026-01-31 00:00{one}", DateType(), day if one in own else None),
            (f"2026-01-31 00:00:00{one}", TimestampNTZType(), midnight if one in own else None),
        ]
        cases += [(f"2026-01-31 {hour:02}:00:01{one}", DateType(), None) for hour in (0, 9, 19)]
        cases += [(f"2026-01-31 {hour:02}:00{one}", DateType(), None) for hour in (2, 5, 9, 14, 19)]
    with configured(spark, {"spark.sql.session.timeZone": zone}):
        got = parsed(spark, [(text, of, formats) for text, of, _ in cases])
    assert list(zip(cases, got, strict=True)) == [(case, case[2]) for case in cases]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize("of", ["TIMESTAMP", "TIMESTAMP_NTZ"])
def test_a_timestamp_is_a_day_only_at_midnight(spark: SparkSession, zone: str, of: str) -> None:
    times = ["00:00:00", "00:00:00.000001", "05:00:00", "09:00:00", "15:00:00", "23:59:59.999999"]
    with configured(spark, {"spark.sql.session.timeZone": zone}):
        rows = spark.createDataFrame([(f"2026-01-31 {time}",) for time in times], "text STRING")
        stamps = rows.selectExpr("text", f"CAST(text AS {of}) AS day", f"array(CAST(text AS {of})) AS days")
        conformed = stamps.transform(conform("text STRING, day DATE, days ARRAY<DATE>", on_mismatch="null"))
        found = [tuple(row) for row in conformed.orderBy("text").collect()]
    other = [(f"2026-01-31 {time}", None, [None], ["day", "days"]) for time in times[1:]]
    assert found == [("2026-01-31 00:00:00", date(2026, 1, 31), [date(2026, 1, 31)], []), *other]
