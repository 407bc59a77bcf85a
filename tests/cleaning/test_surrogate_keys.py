"""Surrogate keys are deterministic, and differ for different values."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from engines import configured
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import functions as F
from strategies import few_batches

from shopsmart_etl import (
    ColumnClashError,
    ColumnNotFoundError,
    ColumnTypeError,
    InvalidArgumentError,
    surrogate_key,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SCHEMA = """s STRUCT<`the.text`: STRING>, bytes BINARY, flag BOOLEAN, small TINYINT, big BIGINT, price DECIMAL(9, 2),
    tiny DECIMAL(38, 38), whole DECIMAL(38, 0), wide DECIMAL(38, 10), day DATE, time TIMESTAMP, local TIMESTAMP_NTZ"""
COLUMNS = [*("s.`the.text`", "bytes", "flag", "small", "big", "price", "tiny", "whole", "wide", "day", "time", "local")]
TIMES = st.datetimes(datetime(1600, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001 - zone added where needed


def unscaled(digits: int, scale: int) -> st.SearchStrategy[Decimal]:
    limit = 10**digits - 1
    small = st.integers(-20, 20)
    return (small | st.integers(-limit, limit)).map(lambda value: Decimal((value < 0, digit_tuple(value), -scale)))


def digit_tuple(value: int) -> tuple[int, ...]:
    return tuple(map(int, str(abs(value))))


VALUES: list[st.SearchStrategy[Any]] = [
    st.tuples(st.none() | st.text(alphabet="a1:n é😀\0", max_size=3)),
    st.binary(max_size=3).map(bytearray),
    st.booleans(),
    st.integers(-128, 127),
    st.integers(-(2**63), 2**63 - 1),
    unscaled(9, 2),
    unscaled(38, 38),
    unscaled(38, 0),
    unscaled(38, 10),
    st.dates(date(1500, 1, 1), date(2100, 1, 1)),
    TIMES.map(lambda time: time.replace(tzinfo=timezone.utc)),
    TIMES,
]


def encoded(value: Any) -> bytes:
    if value is None:
        return b"n"
    tag, payload = tagged(value)
    return tag.encode() + str(len(payload)).encode() + b":" + payload


def tagged(value: Any) -> tuple[str, bytes]:
    if isinstance(value, str):
        return "s", value.encode()
    if isinstance(value, bytearray):
        return "x", bytes(value)
    if isinstance(value, bool):
        return "b", str(value).lower().encode()
    if isinstance(value, datetime):
        epoch = datetime(1970, 1, 1, tzinfo=value.tzinfo)
        return "L" if value.tzinfo is None else "T", str((value - epoch) // timedelta(microseconds=1)).encode()
    if isinstance(value, date):
        return "D", str((value - date(1970, 1, 1)).days).encode()
    text = format(Decimal(value), "f")
    short = text.rstrip("0").rstrip(".") if "." in text else text
    return "d", ("0" if short == "-0" else short).encode()


def sha256(values: Any) -> str:
    return hashlib.sha256(b"".join(map(encoded, values))).hexdigest()


@few_batches
@given(st.lists(st.tuples(*(st.none() | value for value in VALUES)), min_size=20, max_size=60))
def test_a_key_is_the_sha_256_of_the_tagged_values_with_every_setting(spark: SparkSession, rows: list[Any]) -> None:
    df = spark.createDataFrame(rows, SCHEMA)
    expected = [sha256([row[0] and row[0][0], *row[1:]]) for row in rows]
    keyed = surrogate_key(*COLUMNS, key_column="key")
    for ansi, zone in (("true", "America/New_York"), ("false", "UTC")):
        with configured(spark, {"spark.sql.ansi.enabled": ansi, "spark.sql.session.timeZone": zone}):
            assert [row["key"] for row in df.transform(keyed).select("key").collect()] == expected


@few_batches
@given(st.sets(st.tuples(*[st.none() | st.text(alphabet="an1s:", max_size=4)] * 3), min_size=60, max_size=200))
def test_different_rows_have_different_keys(spark: SparkSession, rows: set[Any]) -> None:
    keyed = spark.createDataFrame(list(rows), "a STRING, b STRING, c STRING").transform(
        surrogate_key("a", "b", "c", key_column="key")
    )
    assert keyed.agg(F.countDistinct("key")).collect()[0][0] == len(rows)


def test_equal_numbers_have_equal_keys_and_other_types_do_not(spark: SparkSession) -> None:
    texts = ["1Y", "1L", "1.0BD", "CAST(1 AS DECIMAL(38, 20))", "'1'", "X'31'", "DATE'1970-01-02'", "'true'", "true"]
    keys = [
        spark.sql(f"SELECT {text} AS v").transform(surrogate_key("v", key_column="k")).selectExpr("k") for text in texts
    ]
    union = keys[0]
    for key in keys[1:]:
        union = union.unionAll(key)
    assert union.groupBy("k").count().orderBy(F.desc("count")).collect()[0]["count"] == 4
    assert union.distinct().count() == 6


def test_the_key_is_the_last_column_and_never_null(spark: SparkSession) -> None:
    df = spark.createDataFrame([(None, 1)], "a STRING, b INT")
    step = surrogate_key("a", key_column="the.key")
    keyed = df.transform(step)
    nullable = {field.name: field.nullable for field in keyed.schema.fields}
    assert list(nullable.items()) == [("a", True), ("b", True), ("the.key", False)]
    assert [row[1:] for row in step.preview(df.schema).rows] == keyed.dtypes


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        (["price"], ColumnTypeError, "column 'price': expected text, .*; got double. Spark's text of a float"),
        (["m"], ColumnTypeError, "got map<string,int>"),
        (["items.sku"], ColumnTypeError, "expected a path through structs; got array"),
        (["idd"], ColumnNotFoundError, "did you mean 'id'"),
        ([], InvalidArgumentError, "columns: expected the names of the columns, at least one"),
    ],
)
def test_columns_without_a_deterministic_key_are_refused(
    spark: SparkSession, columns: list[str], error: type[Exception], message: str
) -> None:
    df = spark.createDataFrame([], "id INT, price DOUBLE, m MAP<STRING, INT>, items ARRAY<STRUCT<sku: STRING>>")
    with pytest.raises(error, match=message):
        df.transform(surrogate_key(*columns, key_column="key"))
    with pytest.raises(ColumnClashError, match="Give another key_column"):
        df.transform(surrogate_key("id", key_column="ID"))
