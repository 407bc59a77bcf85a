"""expand_variant: exact conversion, and rescue of other values."""

from __future__ import annotations

import json
from datetime import datetime
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
    DoubleType,
    IntegerType,
    LongType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)
from strategies import few_batches

from shopsmart_etl import ColumnClashError, ColumnTypeError, InvalidArgumentError, expand_variant

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.needs("variants")

MONEY = DecimalType(10, 2)


def field(of: DataType) -> StructType:
    return StructType([StructField("x", of)])


def expanded(spark: SparkSession, *cases: tuple[str, StructType]) -> list[tuple[Any, Any]]:
    """Expand JSON texts by schemas, some in each job, and return the struct and the rescued JSON of each."""
    if len(cases) > 6:  # Spark resolves no more steps at once
        return [*expanded(spark, *cases[:6]), *expanded(spark, *cases[6:])]
    names = [f"v{number}" for number in range(len(cases))]
    df = spark.createDataFrame([tuple(text for text, _ in cases)], ", ".join(f"{name} STRING" for name in names))
    df = df.selectExpr(*(f"parse_json({name}) AS {name}" for name in names))
    for name, (_, schema) in zip(names, cases, strict=True):
        df = df.transform(expand_variant(name, schema=schema))
    (row,) = df.selectExpr(*names, *(f"to_json({name}_rescued) AS {name}_rescued" for name in names)).collect()
    return [(row[name], row[f"{name}_rescued"]) for name in names]


FITTING: list[tuple[str, DataType, Any]] = [
    ("1", IntegerType(), 1),
    ('"12"', LongType(), 12),
    ("1.50", MONEY, Decimal("1.50")),
    ('"597.00"', MONEY, Decimal("597.00")),
    ("12345678901234567890", DecimalType(38, 0), Decimal(12345678901234567890)),
    ("true", BooleanType(), True),
    ("1e300", DoubleType(), 1e300),
    ('"2026-01-31T10:00"', TimestampNTZType(), datetime(2026, 1, 31, 10)),  # noqa: DTZ001 - has no time zone
    ('"a"', StringType(), "a"),
    ("7", StringType(), "7"),
    ('{"x": 3}', field(IntegerType()), (3,)),
    ("null", MONEY, None),
    ("[1, null]", ArrayType(IntegerType()), [1, None]),
    ('{"k": 2}', MapType(StringType(), IntegerType()), {"k": 2}),
]


def test_values_that_match_the_schema_are_converted(spark: SparkSession) -> None:
    results = expanded(spark, *((f'{{"x": {text}}}', field(of)) for text, of, _ in FITTING))
    for (text, of, value), result in zip(FITTING, results, strict=True):
        assert result == ((value,), None), (text, of)


# Spark reads most of them as some time.
TIMES = [
    '"soon"',
    '"12:30"',
    '"2026"',
    '"202601"',
    '"2026-01-05 lunch"',
    '"20260105"',
    "1767603600",
    "1767603600000",
    "1.5",
]
NOT_FITTING: list[tuple[str, DataType, Any]] = [
    ("1.5", IntegerType(), None),
    ("1.005", MONEY, None),
    ("99999999999", IntegerType(), None),
    ('"007"', IntegerType(), None),
    ('"free"', MONEY, None),
    ("1", BooleanType(), None),
    ('"2026-01-31T10:00:00"', DateType(), None),
    *((text, of, None) for text in TIMES for of in (TimestampType(), TimestampNTZType())),
    *((text, DoubleType(), None) for text in ('"1e400"', '"5d"', '"0x1p3"', '"1e-400"')),
    ('{"y": 1}', ArrayType(IntegerType()), None),
    ("[1]", field(IntegerType()), None),
    ('[1, "z"]', ArrayType(IntegerType()), [1, None]),
    ('{"k": []}', MapType(StringType(), IntegerType()), {"k": None}),
    ('{"x": 1, "extra": 2}', field(IntegerType()), (1,)),
]


@pytest.mark.exhaustive
def test_values_that_do_not_match_become_null_and_the_variant_is_rescued(spark: SparkSession) -> None:
    texts = [f'{{"x": {text}}}' for text, _, _ in NOT_FITTING]
    results = expanded(spark, *((text, field(of)) for text, (_, of, _) in zip(texts, NOT_FITTING, strict=True)))
    for text, (_, of, value), (typed, rescued) in zip(texts, NOT_FITTING, results, strict=True):
        assert typed == (value,), (text, of)
        assert rescued is not None, (text, of)
        assert json.loads(rescued) == json.loads(text), (text, of)


def test_a_variant_that_is_not_an_object_is_rescued(spark: SparkSession) -> None:
    assert expanded(spark, ("[1]", field(IntegerType()))) == [(None, "[1]")]


def test_names_with_quotes_and_dots_are_matched(spark: SparkSession) -> None:
    names = ["it's", "a.b", "back\\slash", "`tick`", "é😀"]
    schema = StructType([StructField(name, IntegerType()) for name in names])
    text = json.dumps({name: number for number, name in enumerate(names)})
    assert expanded(spark, (text, schema)) == [((0, 1, 2, 3, 4), None)]


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


@few_batches
@given(st.lists(DOCUMENTS, min_size=20, max_size=60))
def test_every_document_is_either_converted_or_rescued(spark: SparkSession, documents: list[dict[str, Any]]) -> None:
    rows = [(number, json.dumps(document)) for number, document in enumerate(documents)]
    df = spark.createDataFrame(rows, "number INT, text STRING").selectExpr("number", "parse_json(text) AS v")
    expanded_df = df.transform(expand_variant("v", schema=ORDER)).orderBy("number")
    result = expanded_df.selectExpr("v", "to_json(v_rescued)").collect()
    for document, (typed, rescued) in zip(documents, result, strict=True):
        if rescued is not None:
            assert json.loads(rescued) == document
            continue
        assert "more" not in document
        assert typed["id"] == document.get("id")
        assert typed["total"] == (Decimal(document["total"]) if "total" in document else None)
        items = typed["items"]
        plain_items = None if items is None else [None if item is None else item.asDict() for item in items]
        assert plain_items == document.get("items")


def test_the_error_for_a_wrong_argument_names_it(spark: SparkSession) -> None:
    df = spark.sql("SELECT '{}' AS text, parse_json('{}') AS v, 1 AS v_rescued")
    with pytest.raises(ColumnTypeError, match=r"column 'text': expected a variant; got string\. parse_json"):
        df.transform(expand_variant("text", schema=ORDER))
    with pytest.raises(ColumnClashError, match=r"'v_rescued'\. Give another rescued_column="):
        df.transform(expand_variant("v", schema=ORDER))
    with pytest.raises(InvalidArgumentError, match="expected a StructType with fields"):
        expand_variant("v", schema=StructType())
    with pytest.raises(InvalidArgumentError, match="expected maps whose keys are strings"):
        expand_variant("v", schema=field(MapType(IntegerType(), StringType())))
