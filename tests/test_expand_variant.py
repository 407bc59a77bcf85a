"""Variants into typed columns, what does not fit kept."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    IntegerType,
    LongType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from shopsmart_etl import ColumnClashError, ColumnTypeError, InvalidArgumentError, expand_variant

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.needs("variants")

MONEY = DecimalType(10, 2)


def field(of: DataType) -> StructType:
    return StructType([StructField("x", of)])


def expanded(spark: SparkSession, text: str, schema: StructType) -> tuple[Any, Any]:
    df = spark.createDataFrame([(text,)], "text STRING").selectExpr("parse_json(text) AS v")
    row = df.transform(expand_variant("v", schema=schema)).selectExpr("v", "to_json(v_rescued) AS rescued").collect()[0]
    return row["v"], row["rescued"]


@pytest.mark.parametrize(
    ("json_text", "of", "value"),
    [
        ("1", IntegerType(), 1),
        ('"12"', LongType(), 12),
        ("1.50", MONEY, Decimal("1.50")),
        ('"597.00"', MONEY, Decimal("597.00")),
        ("12345678901234567890", DecimalType(38, 0), Decimal(12345678901234567890)),
        ("true", BooleanType(), True),
        ('"a"', StringType(), "a"),
        ("7", StringType(), "7"),
        ('{"x": 3}', field(IntegerType()), (3,)),
        ("null", MONEY, None),
        ("[1, null]", ArrayType(IntegerType()), [1, None]),
        ('{"k": 2}', MapType(StringType(), IntegerType()), {"k": 2}),
    ],
)
def test_what_fits_is_typed(spark: SparkSession, json_text: str, of: DataType, value: Any) -> None:
    assert expanded(spark, f'{{"x": {json_text}}}', field(of)) == ((value,), None)


@pytest.mark.parametrize(
    ("json_text", "of", "value"),
    [
        ("1.5", IntegerType(), None),
        ("1.005", MONEY, None),
        ("99999999999", IntegerType(), None),
        ('"007"', IntegerType(), None),
        ('"free"', MONEY, None),
        ("1", BooleanType(), None),
        ('"2026-01-31T10:00:00"', DateType(), None),
        ('"soon"', TimestampType(), None),
        ('{"y": 1}', ArrayType(IntegerType()), None),
        ("[1]", field(IntegerType()), None),
        ('[1, "z"]', ArrayType(IntegerType()), [1, None]),
        ('{"k": []}', MapType(StringType(), IntegerType()), {"k": None}),
        ('{"x": 1, "extra": 2}', field(IntegerType()), (1,)),
    ],
)
def test_what_does_not_fit_is_null_and_kept_whole(
    spark: SparkSession, json_text: str, of: DataType, value: Any
) -> None:
    text = f'{{"x": {json_text}}}'
    found, rescued = expanded(spark, text, field(of))
    assert found == (value,)
    assert json.loads(rescued) == json.loads(text)


def test_a_variant_that_is_no_object_is_kept(spark: SparkSession) -> None:
    assert expanded(spark, "[1]", field(IntegerType())) == (None, "[1]")


def test_names_with_quotes_dots_and_twins_are_told_apart(spark: SparkSession) -> None:
    names = ["it's", "a.b", "back\\slash", "`tick`", "é😀"]
    schema = StructType([StructField(name, IntegerType()) for name in names])
    text = json.dumps({name: number for number, name in enumerate(names)})
    assert expanded(spark, text, schema) == ((0, 1, 2, 3, 4), None)


DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.integers(-(2**40), 2**40) | st.none() | st.just("x"),
        "total": st.decimals(-1000, 1000, places=2).map(str) | st.integers(0, 9),
        "items": st.lists(st.fixed_dictionaries({"sku": st.text("abc'é", max_size=3)}) | st.none(), max_size=2),
        "more": st.booleans(),
    },
)
ORDER = StructType(
    [
        StructField("id", IntegerType()),
        StructField("total", MONEY),
        StructField("items", ArrayType(StructType([StructField("sku", StringType())]))),
    ]
)


@given(st.lists(DOCUMENTS, max_size=5))
def test_every_value_is_either_typed_or_kept(spark: SparkSession, documents: list[dict[str, Any]]) -> None:
    rows = [(at, json.dumps(one)) for at, one in enumerate(documents)]
    df = spark.createDataFrame(rows, "at INT, text STRING").selectExpr("at", "parse_json(text) AS v")
    result = (
        df.transform(expand_variant("v", schema=ORDER)).orderBy("at").selectExpr("v", "to_json(v_rescued)").collect()
    )
    for one, (typed, rescued) in zip(documents, result, strict=True):
        if rescued is not None:
            assert json.loads(rescued) == one
            continue
        assert "more" not in one
        assert typed["id"] == one.get("id")
        assert typed["total"] == (Decimal(one["total"]) if "total" in one else None)
        items = typed["items"]
        assert (None if items is None else [None if i is None else i.asDict() for i in items]) == one.get("items")


def test_misuse_is_named(spark: SparkSession) -> None:
    df = spark.sql("SELECT '{}' AS text, parse_json('{}') AS v, 1 AS v_rescued")
    with pytest.raises(ColumnTypeError, match=r"column 'text': wanted a variant; found string\. parse_json"):
        df.transform(expand_variant("text", schema=ORDER))
    with pytest.raises(ColumnClashError, match=r"'v_rescued'\. Give another rescued="):
        df.transform(expand_variant("v", schema=ORDER))
    with pytest.raises(InvalidArgumentError, match="wanted a StructType with fields"):
        expand_variant("v", schema=StructType())
    with pytest.raises(InvalidArgumentError, match="wanted maps whose keys are strings"):
        expand_variant("v", schema=field(MapType(IntegerType(), StringType())))
